//! The report as FHIR narrative: XHTML of the subset that FHIR R4 allows, readable without a style sheet.

mod of_period;

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{Alert, Findings, INTENDED_USE, Report, TITLE, french};

/// Renders `Narrative.div`. The same report gives the same text.
#[must_use]
pub fn render(report: &Report) -> String {
    let findings = &report.findings;
    let mut html = opened(TITLE);
    let mut push = |tag: &str, text: &str| paragraph(&mut html, tag, text);
    push("p", &identity(report));
    push("p", &period(findings));
    push("p", &format!("{}, {}", report.author.name, french::moment(report.issued)));
    push("p", &level(findings));
    push("h2", "Conclusion");
    for one in &report.conclusion {
        push("p", one);
    }
    match &findings.overview {
        None => html.push_str(&of_response(findings)),
        Some(overview) => {
            if !report.treatment_change.is_empty() {
                html.push_str(&list("Changement de traitement", report.treatment_change.iter().cloned()));
            }
            html.push_str(&of_programme(findings));
            html.push_str(&of_period::sections(findings, overview));
        }
    }
    closed(html)
}

/// Renders `Narrative.div` of a draft: what was found about a period, and what a person has to add before it is signed.
#[must_use]
pub fn draft(findings: &Findings) -> String {
    let mut html = opened(&format!("{TITLE} : projet, non signé"));
    let mut push = |tag: &str, text: &str| paragraph(&mut html, tag, text);
    push("p", &period(findings));
    push("p", &level(findings));
    push("p", "À compléter avant signature : conclusion, changement de traitement s'il y a lieu, auteur.");
    html.push_str(&of_programme(findings));
    if let Some(overview) = &findings.overview {
        html.push_str(&of_period::sections(findings, overview));
    }
    closed(html)
}

fn opened(title: &str) -> String {
    let mut html =
        String::from("<div xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"fr-FR\" lang=\"fr-FR\">");
    paragraph(&mut html, "h1", title);
    html
}

fn closed(mut html: String) -> String {
    paragraph(&mut html, "p", INTENDED_USE);
    html.push_str("</div>");
    html
}

fn paragraph(html: &mut String, tag: &str, text: &str) {
    // Writing to a String cannot fail.
    let _ = write!(html, "<{tag}>{}</{tag}>", escaped(text));
}

fn period(findings: &Findings) -> String {
    let (first, last) = &findings.period;
    format!("Période du {} au {}", french::shown(first), french::shown(last))
}

fn level(findings: &Findings) -> String {
    format!("Niveau : {}", findings.level.as_ref().map_or("non déterminé", |level| level.display.as_str()))
}

fn of_programme(findings: &Findings) -> String {
    let mut html = String::new();
    for (name, told) in [("Programme", &findings.programme), ("Traitement", &findings.treatment)] {
        if let Some(told) = told {
            paragraph(&mut html, "p", &format!("{name} : {told}"));
        }
    }
    html
}

fn of_response(findings: &Findings) -> String {
    let mut html = list("Alertes et motifs", findings.alerts.iter().map(alert));
    html.push_str(&list("Actions de l'équipe", findings.actions.iter().map(action)));
    html.push_str(&list(
        "Conseils donnés au patient",
        findings.advice.iter().flat_map(|advice| advice.texts.clone()),
    ));
    html.push_str(&list("Derniers grades", findings.trend.series.iter().filter_map(last)));
    let missing = findings.missing.iter().map(|one| format!("{} : {}", one.what, one.reason));
    html.push_str(&list("Données manquantes ou non évaluables", missing));
    html
}

/// The narrative of a report that is withdrawn: who did so, when and why, then what it said.
#[must_use]
pub fn withdrawn(before: &str, by: &str, reason: &str, at: Timestamp) -> String {
    let told = format!(
        "<p><b>COMPTE RENDU RETIRÉ</b> le {} par {} : {}</p>",
        escaped(&french::moment(at)),
        escaped(by),
        escaped(reason)
    );
    match before.split_once('>') {
        Some((tag, rest)) if tag.starts_with("<div") && !tag.ends_with('/') => format!("{tag}>{told}{rest}"),
        _ => format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{told}</div>"),
    }
}

fn identity(report: &Report) -> String {
    let subject = &report.subject;
    format!(
        "{} {}, {}, né(e) le {}, {}",
        subject.birth_name,
        subject.first_name,
        subject.sex_shown().to_lowercase(),
        subject.birth_date_shown(),
        subject.identity.identifier().value,
    )
}

fn alert(alert: &Alert) -> String {
    let mut text = format!("{} : {}", alert.level.display, alert.title);
    for evidence in &alert.evidence {
        let answer = evidence.answer.as_deref().unwrap_or("sans réponse");
        let _ = write!(text, " ; {} : {answer}", evidence.question);
        if let Some(previous) = &evidence.previous {
            let _ = write!(text, " (précédente : {previous})");
        }
    }
    if let Some(threshold) = &alert.threshold {
        let _ = write!(text, " ; seuil : {threshold}");
    }
    if alert.withdrawn {
        text.push_str(" ; levée après correction de la réponse");
    }
    text
}

fn action(action: &super::Action) -> String {
    let mut text = format!("{} : {}", action.what, action.status);
    for more in [&action.outcome, &action.by, &action.at].into_iter().flatten() {
        let _ = write!(text, ", {more}");
    }
    text
}

fn last(series: &super::Series) -> Option<String> {
    let grade = series.grades.iter().rev().flatten().next()?;
    Some(format!("{} : {grade}", series.symptom))
}

fn list(title: &str, items: impl Iterator<Item = String>) -> String {
    let items: String = items.map(|item| format!("<li>{}</li>", escaped(&item))).collect();
    let list =
        if items.is_empty() { "<p>Aucun élément.</p>".to_owned() } else { format!("<ul>{items}</ul>") };
    format!("<h2>{}</h2>{list}", escaped(title))
}

/// Text between tags; what XML 1.0 cannot hold is replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            sign if sign.is_control() && !matches!(sign, '\n' | '\t') => escaped.push('\u{fffd}'),
            // Controls of direction (UAX #9): after one, 38 can be read as 83.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                escaped.push('\u{fffd}');
            }
            sign => escaped.push(sign),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn markup_in_an_answer_stays_text() {
        let mut report = example::report();
        report.conclusion = vec!["<script>alert('x')</script> & \u{1}\u{202e}".to_owned()];
        let html = render(&report);
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script"), "{html}");
        assert!(html.contains("&amp; \u{fffd}\u{fffd}"), "{html}");
    }

    #[test]
    fn a_withdrawn_report_says_so_first_and_stays_readable() {
        let at = "2026-03-09T14:20:00Z".parse().unwrap();
        let html = withdrawn(&render(&example::report()), "Dr X", "autre <patient>", at);
        let (said, concluded) = (html.find("COMPTE RENDU RETIRÉ"), html.find("Conclusion"));
        assert!(said.is_some() && said < concluded, "{html}");
        assert!(html.contains("autre &lt;patient&gt;") && html.matches("<div").count() == 1, "{html}");
        assert!(withdrawn("", "Dr X", "motif", at).starts_with("<div xmlns="));
    }

    #[test]
    fn the_narrative_names_patient_level_alert_and_intended_use() {
        let html = render(&example::report());
        for expected in ["PAT-TROIS DOMINIQUE", "Niveau : Orange", "38,6", "ne remplace pas l'appel au 15"] {
            assert!(html.contains(expected), "{expected} not in {html}");
        }
        assert_eq!(html, render(&example::report()));
    }

    /// As it is compared: a line a tag, so that a person sees what changed.
    fn lines(html: &str) -> String {
        format!("{}\n", html.replace("><", ">\n<"))
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a golden file is read, and written on demand")]
    fn the_golden_narratives_are_what_is_rendered() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/narrative");
        let period = example::period::report(10);
        let all = [
            ("draft.html", draft(&period.findings)),
            ("period.html", render(&period)),
            ("weekly.html", render(&example::report())),
        ];
        for (name, html) in &all {
            let file = folder.join(name);
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&file, lines(html)).unwrap();
            }
            let golden =
                std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("{} is missing", file.display()));
            assert_eq!(lines(html), golden, "{name}");
            let report = crate::json::json!({"resourceType": "DiagnosticReport", "status": "preliminary",
                "code": {"text": "x"}, "text": {"status": "generated", "div": html}});
            assert_eq!(crate::fhir::structure::check(&report), [], "{name}");
        }
        let mut there: Vec<String> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        there.sort();
        assert_eq!(there, all.map(|(name, _)| name.to_owned()), "a golden file that no test looks at");
    }

    #[test]
    fn a_draft_names_nobody_and_asks_for_what_a_person_has_to_say() {
        let html = draft(&example::period::report(4).findings);
        assert!(html.contains("À compléter avant signature") && !html.contains("PAT-TROIS"), "{html}");
    }
}
