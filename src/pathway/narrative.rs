//! The narrative of the DiagnosticReport: XHTML that stands alone
//! (<https://hl7.org/fhir/R4/narrative.html>).

use std::fmt::Write as _;

use super::french::{action, lateness, moment, no_alert, role, told};
use super::input::{Input, Scene};
use super::task::Tasks;
use crate::problem::Severity;

/// Level, lateness, alerts with their reasons, those that stay, Tasks with deadline and role, and everything that is
/// missing, declined or not evaluable.
pub(super) fn narrative(scene: &Scene<'_>, tasks: &Tasks<'_>, declined: Vec<String>) -> String {
    let input = scene.input;
    let mut div = String::from(r#"<div xmlns="http://www.w3.org/1999/xhtml" lang="fr-FR" xml:lang="fr-FR">"#);
    let level = scene.level();
    let level = format!("Niveau {} — {}", level.display().to_lowercase(), level.meaning());
    let _ = write!(div, "<p><b>{}</b></p>", escape(&level));
    if let Some(late) = lateness(input) {
        let _ = write!(div, "<p>Réponse tardive : {}.</p>", escape(&late));
    }
    alerts(scene, &mut div);
    let held = scene.held.iter().map(|held| format!("{} — {}", held.level().display(), held.name()));
    list(&mut div, "Alertes maintenues : la réponse modifiée ne permet pas de les réévaluer", held.collect());
    actions(tasks, &mut div);
    list(&mut div, "Éléments manquants ou illisibles", unreadable(input));
    list(&mut div, "Questions sans réponse donnée", declined);
    list(&mut div, "Règles non évaluables", not_evaluable(input));
    div.push_str("</div>");
    div
}

fn alerts(scene: &Scene<'_>, div: &mut String) {
    if scene.alerts.is_empty() {
        let _ = write!(div, "<p>{}</p>", no_alert(!scene.held.is_empty()));
        return;
    }
    div.push_str("<table><caption>Alertes</caption><thead><tr><th>Niveau</th><th>Règle</th><th>Réponses</th><th>Seuil</th></tr></thead><tbody>");
    for (_, alert) in &scene.alerts {
        let rule = &alert.action;
        let title = format!("{} ({})", rule.title, rule.rule);
        let _ = write!(div, "<tr><td>{}</td><td>{}", rule.level.display(), escape(&title));
        if !rule.message.is_empty() && rule.message != rule.title {
            let _ = write!(div, "<br/>{}", escape(&rule.message));
        }
        let answers: Vec<String> = alert.evidence.iter().map(|one| escape(&told(one))).collect();
        let threshold = escape(rule.threshold.as_deref().unwrap_or("—"));
        let _ = write!(div, "</td><td>{}</td><td>{threshold}</td></tr>", answers.join("<br/>"));
    }
    div.push_str("</tbody></table>");
}

fn actions(tasks: &Tasks<'_>, div: &mut String) {
    let lines = tasks.asked.iter().map(|(task, _)| {
        let name = task.display.unwrap_or_else(|| action(task.code));
        let roles: Vec<&str> = task.performers.iter().map(|code| role(code)).collect();
        let by = if roles.is_empty() { "Équipe".to_owned() } else { roles.join(" ou ") };
        format!("{name}, avant le {} : {by}", moment(task.handle_by))
    });
    list(div, "À faire", lines.collect());
}

/// What validation found.
fn unreadable(input: &Input<'_>) -> Vec<String> {
    let errors = input.issues.iter().filter(|issue| issue.severity >= Severity::Error);
    errors.map(|issue| issue.in_french().into_owned()).collect()
}

/// Rules that nobody can tell about, those with the same reason together.
fn not_evaluable(input: &Input<'_>) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for (rule, reason) in input.evaluation.not_evaluable() {
        let name = format!("{} ({})", rule.action.title, rule.action.rule);
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, rules)) => rules.push(name),
            None => reasons.push((reason, vec![name])),
        }
    }
    reasons.iter().map(|(reason, rules)| format!("{reason} — {}", rules.join(" ; "))).collect()
}

fn list(div: &mut String, title: &str, lines: Vec<String>) {
    if lines.is_empty() {
        return;
    }
    let _ = write!(div, "<p><b>{}</b></p><ul>", escape(title));
    for line in lines {
        let _ = write!(div, "<li>{}</li>", escape(&line));
    }
    div.push_str("</ul>");
}

/// Text as XML 1.0 character data: markup is escaped, what XML cannot hold is replaced.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' | '\r' => escaped.push(' '),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            plain => escaped.push(plain),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        let check = |text: &str, expected: &str| assert_eq!(escape(text), expected);
        check("<script>", "&lt;script&gt;");
        check("a & b \"c\" 'd'", "a &amp; b &quot;c&quot; &#39;d&#39;");
        check("a\u{0}b\nc\u{ffff}", "a\u{fffd}b c\u{fffd}");
    }
}
