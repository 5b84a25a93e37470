//! What the narrative of a period tells: observance, weeks, grades, alerts with what was done, and what was repeated.

use std::fmt::Write as _;

use super::{escaped, list};
use crate::report::trend::Series;
use crate::report::{Action, Answered, Coverage, Episode, Findings, Overview, Repeated, Week, french};

/// The sections of a period, each with its heading.
pub(super) fn sections(findings: &Findings, overview: &Overview) -> String {
    let mut html = observance(&overview.coverage);
    html.push_str(&weeks(&overview.coverage));
    let changes = overview.changes.iter().map(|change| {
        let on = change.on.as_deref().map(french::shown).unwrap_or_default();
        let by = change.by.as_deref().map(|by| format!(" ({by})")).unwrap_or_default();
        format!("{on}{by} : {}", change.texts.join(" "))
    });
    html.push_str(&list("Changements de traitement déjà signés", changes));
    html.push_str(&grades(findings));
    html.push_str(&episodes(&overview.episodes));
    html.push_str(&list("Actions encore ouvertes ou sans alerte", overview.actions.iter().map(Action::told)));
    html.push_str(&list("Conseils donnés au patient", overview.advice.iter().map(repeated)));
    html.push_str(&list("Données manquantes ou non évaluables", overview.missing.iter().map(repeated)));
    html
}

fn observance(coverage: &Coverage) -> String {
    let told = match coverage.percent() {
        None => "Observance : non calculée, aucune semaine entière de surveillance.".to_owned(),
        Some(percent) => format!(
            "Observance : {} réponses reçues sur {} attendues ({percent}\u{a0}%), {}.",
            coverage.received(),
            coverage.expected(),
            if coverage.is_sufficient() { "plus de la moitié" } else { "la moitié ou moins" },
        ),
    };
    format!("<h2>Semaines couvertes</h2><p>{}</p>", escaped(&told))
}

fn weeks(coverage: &Coverage) -> String {
    let row = |week: &Week| {
        let level = week.level.as_ref().map_or("–", |level| level.display.as_str());
        let answered = match week.answered {
            Answered::Yes => "reçue",
            Answered::Refused => "reçue, refusée",
            Answered::Withdrawn => "annulée par son émetteur",
            Answered::Begun => "commencée",
            Answered::No => "aucune",
        };
        let unread = &week.unread;
        let answered = if unread.is_empty() {
            answered.to_owned()
        } else {
            format!("{answered} ; non lue : {}", unread.join(" ; "))
        };
        [french::long_date(week.days.first), answered, level.to_owned()]
    };
    table(["Semaine du", "Réponse", "Niveau"], coverage.weeks.iter().map(row))
}

/// First, highest and last grade of each symptom; the same of every day would be read by nobody.
fn grades(findings: &Findings) -> String {
    let row = |series: &Series| {
        let mut known =
            findings.trend.days.iter().zip(&series.grades).filter_map(|(on, grade)| Some((on, (*grade)?)));
        let first = known.next()?;
        let (mut highest, mut last) = (first, first);
        for one in known {
            if one.1 > highest.1 {
                highest = one;
            }
            last = one;
        }
        let told = |(on, grade): (&String, u8)| format!("{grade} ({})", french::shown(on));
        Some([series.symptom.clone(), told(first), told(highest), told(last)])
    };
    let rows = findings.trend.series.iter().filter_map(row);
    format!("<h2>Grades (0 à 4)</h2>{}", table(["Symptôme", "Premier", "Maximum", "Dernier"], rows))
}

fn episodes(episodes: &[Episode]) -> String {
    let row = |episode: &Episode| {
        let reasons: Vec<String> = episode.alerts.iter().map(super::alert).collect();
        let done = if episode.done.is_empty() {
            "aucune action rattachée".to_owned()
        } else {
            episode.done.join(" ; ")
        };
        let on = episode.on.as_deref().map(french::shown).unwrap_or_default();
        [on, episode.level.display.clone(), reasons.join(" — "), done]
    };
    let rows = episodes.iter().map(row);
    format!("<h2>Alertes, motifs et suites</h2>{}", table(["Date", "Niveau", "Motif", "Suite donnée"], rows))
}

fn repeated(one: &Repeated) -> String {
    let mut told = one.text.clone();
    let days = match (&one.first, &one.last) {
        (Some(first), Some(last)) if first != last => {
            Some(format!("du {} au {}", french::shown(first), french::shown(last)))
        }
        (Some(on), _) | (None, Some(on)) => Some(format!("le {}", french::shown(on))),
        (None, None) => None,
    };
    let times = (one.times > 1).then(|| format!("{} fois", one.times));
    let more: Vec<String> = times.into_iter().chain(days).collect();
    if !more.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(told, " ({})", more.join(", "));
    }
    told
}

fn table<const N: usize>(heads: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let cells = |tag: &str, cells: &[String]| {
        let cells: String = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect();
        format!("<tr>{cells}</tr>")
    };
    let rows: String = rows.map(|row| cells("td", &row)).collect();
    if rows.is_empty() {
        return "<p>Aucun élément.</p>".to_owned();
    }
    let head = cells("th", &heads.map(str::to_owned));
    format!("<table><thead>{head}</thead><tbody>{rows}</tbody></table>")
}
