//! What the report of a period says beyond that of a response: which weeks were answered, what the alerts were and what was
//! done about each, how the treatment changed, and what was said or missing again and again.

mod coverage;
mod episode;
mod repeated;

use crate::json::Value;

use super::element::{own_extension, text, value_text};
use super::period::Days;
use super::{Action, Advice, Alert, Level, Missing, Professional, french};
use crate::fhir::element::list;

pub use coverage::{Answered, Coverage, Week};
pub use episode::Episode;
pub use repeated::Repeated;

/// The sights of a period.
#[derive(Clone)]
pub struct Overview {
    /// The days that were chosen.
    pub days: Days,
    /// Week by week: answered or not, and how serious.
    pub coverage: Coverage,
    /// The alerts, those of one day together, in order of time.
    pub episodes: Vec<Episode>,
    /// How many alerts that hold there are of each level, the most serious first.
    pub counts: Vec<(Level, usize)>,
    /// What was changed in the treatment by reports that were signed within the period.
    pub changes: Vec<Change>,
    /// What the team still has to do, and what it did without an alert that asked for it.
    pub actions: Vec<Action>,
    /// What the patient was told, each text once.
    pub advice: Vec<Repeated>,
    /// What was not answered or could not be evaluated, each with its reason once.
    pub missing: Vec<Repeated>,
}

/// A change of treatment that somebody signed.
#[derive(Clone, PartialEq, Eq)]
pub struct Change {
    /// The day, `YYYY-MM-DD`, if known.
    pub on: Option<String>,
    /// Who signed it, if known.
    pub by: Option<String>,
    /// What was changed, paragraph by paragraph.
    pub texts: Vec<String>,
}

/// What an overview is made of.
pub(super) struct Parts<'a> {
    pub(super) alerts: &'a [Alert],
    pub(super) actions: &'a [Action],
    pub(super) advice: &'a [Advice],
    pub(super) missing: &'a [Missing],
}

/// The overview of those days; `reports`, `flags` and `responses` are those of the period, `plans` every plan of care.
pub(super) fn read(
    days: Days,
    (plans, responses): (&[&Value], &[&Value]),
    (reports, flags): (&[&Value], &[&Value]),
    parts: &Parts<'_>,
    professional: impl Fn(&str) -> Option<Professional>,
) -> Overview {
    let mut changes: Vec<Change> =
        reports.iter().filter_map(|report| change(report, &professional)).collect();
    changes.sort_by(|one, other| one.on.cmp(&other.on));
    Overview {
        days,
        changes,
        coverage: Coverage::read(days, plans, responses, (reports, flags)),
        episodes: episode::read(parts.alerts),
        counts: episode::counts(parts.alerts),
        actions: parts.actions.iter().filter(|one| one.open || one.alerts.is_empty()).cloned().collect(),
        advice: repeated::count(
            parts
                .advice
                .iter()
                .flat_map(|advice| advice.texts.iter().map(|text| (text.clone(), advice.on.clone()))),
        ),
        missing: repeated::count(
            parts.missing.iter().map(|one| (format!("{} : {}", one.what, one.reason), one.on.clone())),
        ),
    }
}

/// The change that a signed report of the period says, if it is one.
fn change(report: &Value, professional: &impl Fn(&str) -> Option<Professional>) -> Option<Change> {
    if !matches!(text(report, "status"), Some("final" | "amended" | "corrected" | "appended")) {
        return None;
    }
    let texts = super::lines(own_extension(report, "treatment-change").and_then(value_text));
    let people = list(report, "resultsInterpreter").chain(list(report, "performer"));
    let mut named = people.filter_map(|person| text(person, "reference")).filter_map(professional);
    (!texts.is_empty()).then(|| Change {
        on: text(report, "issued").and_then(french::day).map(|day| day.to_string()),
        by: named.next().map(|person| person.name),
        texts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;
    use crate::report::element::own_url;

    #[test]
    fn only_a_signed_report_changes_the_treatment() {
        let check = |status: &str, expected: Option<&str>| {
            let report = json!({"status": status, "issued": "2026-03-12T09:00:00Z", "extension": [
                {"url": own_url("treatment-change"), "valueString": "Dose réduite.\n\nReport d'une semaine."}]});
            let change = change(&report, &|_: &str| None);
            assert_eq!(change.as_ref().and_then(|change| change.on.as_deref()), expected, "{status}");
            assert!(change.is_none_or(|change| change.texts.len() == 2));
        };
        check("final", Some("2026-03-12"));
        check("corrected", Some("2026-03-12"));
        check("preliminary", None);
        check("entered-in-error", None);
    }
}
