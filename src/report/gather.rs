//! Reading of a report out of the resources it is about.

use serde_json::Value;

use super::confidential;
use super::element::{coding_in, names, own_extension, text, value_text, wording, wording_of};
use super::{
    Action, Issuer, Level, Professional, Replaced, Report, actions, alerts, french, people, subject, trend,
};
use crate::fhir::element::{list, local_reference};
use crate::problem::{Category, Issue, Problem};
use crate::terminology::REGIMEN;

/// Everything that a report is read from. Resources of other patients must not be among them.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The patient.
    pub patient: &'a Value,
    /// The `DiagnosticReport`: final, amended or corrected.
    pub report: &'a Value,
    /// Who signs it: a `Practitioner`.
    pub author: &'a Value,
    /// In which role: a `PractitionerRole`.
    pub author_role: Option<&'a Value>,
    /// The establishment that keeps it: an `Organization`; without one, the issuer.
    pub custodian: Option<&'a Value>,
    /// Observation, Flag, Provenance, Task, Communication and `CarePlan` of the period, and the `Practitioner` and
    /// `PractitionerRole` that the patient and the plans of care name, in any order.
    pub resources: &'a [Value],
    /// The document that this one replaces.
    pub replaces: Option<&'a Replaced>,
    /// Who issues it.
    pub issuer: &'a Issuer,
}

impl<'a> Sources<'a> {
    fn of_type(&self, rtype: &str) -> Vec<&'a Value> {
        self.resources.iter().filter(|resource| text(resource, "resourceType") == Some(rtype)).collect()
    }

    /// The professional whom a reference names, if the resources have one: a `Practitioner`, or the one of a role.
    fn professional(&self, reference: &str) -> Option<Professional> {
        let find = |reference: &str| {
            let named = |one: &&Value| local_reference(one).is_some_and(|target| names(reference, &target));
            self.resources.iter().find(named)
        };
        let found = find(reference)?;
        match text(found, "resourceType")? {
            "Practitioner" => people::professional(found, None),
            "PractitionerRole" => {
                people::professional(find(text(found, "practitioner.reference")?)?, Some(found))
            }
            _ => None,
        }
    }

    /// The observations that the report names as its results, as a recipient gets them.
    pub(super) fn results(&self) -> Vec<&'a Value> {
        trend::results(self.report, self.resources)
    }
}

impl Report {
    /// Reads what the resources say, and adds nothing.
    ///
    /// # Errors
    /// `Invalid`, with every fault at once, when the report is not final, the author has no name, or the patient lacks a
    /// trait of identity: such a document must not go out.
    pub fn from_resources(sources: &Sources<'_>) -> Result<Self, Problem> {
        let mut issues = Vec::new();
        if !matches!(text(sources.report, "status"), Some("final" | "amended" | "corrected" | "appended")) {
            issues.push(
                Issue::error(
                    "business-rule",
                    "only a final, amended, corrected or appended report becomes a document",
                )
                .at("DiagnosticReport.status"),
            );
        }
        let subject = subject::read(sources.patient, sources.issuer.environment)
            .map_err(|faults| issues.extend(subject::incomplete(faults).issues));
        let author = people::professional(sources.author, sources.author_role);
        if author.is_none() {
            issues.push(
                Issue::error("required", "the author has no family name").at("Practitioner.name.family"),
            );
        }
        let issued = text(sources.report, "issued").and_then(|issued| issued.parse().ok());
        if issued.is_none() {
            issues.push(
                Issue::error("required", "the report does not say when it was issued")
                    .at("DiagnosticReport.issued"),
            );
        }
        match (subject, author, issued) {
            (Ok(subject), Some(author), Some(issued)) if issues.is_empty() => {
                Ok(read(sources, subject, author, issued))
            }
            _ => Err(Problem::with(Category::Invalid, issues)),
        }
    }
}

fn read(
    sources: &Sources<'_>,
    subject: super::Subject,
    author: Professional,
    issued: jiff::Timestamp,
) -> Report {
    let report = sources.report;
    let observations = sources.of_type("Observation");
    let provenances = sources.of_type("Provenance");
    let actions = actions::read(&sources.of_type("Task"));
    let mut alerts = alerts::read(&sources.of_type("Flag"), &provenances);
    for alert in &mut alerts {
        let answers = |action: &&Action| action.alerts.iter().any(|to| names(to, &alert.reference));
        alert.done = actions.iter().filter(answers).map(Action::told).collect();
    }
    let mut missing = trend::unanswered(&observations);
    missing.extend(alerts::not_evaluable(&provenances));
    missing.dedup();
    let plans = sources.of_type("CarePlan");
    let prescriber = prescriber(sources, &plans);
    let (confidentiality, visibility) = confidential::read(report);
    Report {
        id: text(report, "id").unwrap_or_default().to_owned(),
        level: level(report, &alerts),
        period: period(sources, &observations, issued),
        programme: programme(&plans),
        recipients: recipients(sources, prescriber.as_ref(), &author),
        prescriber,
        confidentiality,
        visibility,
        treatment: treatment(&plans),
        treatment_change: lines(own_extension(report, "treatment-change").and_then(value_text)),
        actions,
        advice: actions::advice(&sources.of_type("Communication")),
        trend: trend::read(&observations),
        conclusion: lines(text(report, "conclusion")),
        version: sources.replaces.map_or(1, |replaced| replaced.version.saturating_add(1)),
        replaces: sources.replaces.cloned(),
        custodian: people::custodian(sources.custodian, sources.issuer),
        subject,
        author,
        issued,
        alerts,
        missing,
    }
}

/// What the report concludes, else the highest level of the alerts that hold.
fn level(report: &Value, alerts: &[super::Alert]) -> Option<Level> {
    let concluded = list(report, "conclusionCode").find_map(alerts::level_of);
    let highest =
        || alerts.iter().filter(|alert| !alert.withdrawn).max_by_key(|alert| alerts::rank(&alert.level));
    concluded.or_else(|| highest().map(|alert| alert.level.clone()))
}

fn period(sources: &Sources<'_>, observations: &[&Value], issued: jiff::Timestamp) -> (String, String) {
    let names = ["effectiveDateTime", "effectivePeriod.start", "effectivePeriod.end"];
    let written = names.iter().filter_map(|name| text(sources.report, name));
    trend::span(observations, written).unwrap_or_else(|| {
        let day = french::in_paris(issued).date().to_string();
        (day.clone(), day)
    })
}

fn active<'a>(plans: &[&'a Value]) -> Option<&'a Value> {
    plans.iter().find(|plan| text(plan, "status") == Some("active")).or_else(|| plans.first()).copied()
}

/// Who prescribed the monitoring: the author of the plan of care.
fn prescriber(sources: &Sources<'_>, plans: &[&Value]) -> Option<Professional> {
    let author = active(plans)?.get("author")?;
    sources.professional(text(author, "reference")?)
}

/// The prescriber and the patient's own physicians, each once, without the author.
fn recipients(
    sources: &Sources<'_>,
    prescriber: Option<&Professional>,
    author: &Professional,
) -> Vec<Professional> {
    let own = list(sources.patient, "generalPractitioner").filter_map(|one| text(one, "reference"));
    let all = prescriber.cloned().into_iter().chain(own.filter_map(|one| sources.professional(one)));
    let mut known = vec![author.clone()];
    for one in all {
        let same = |other: &Professional| match (&other.id, &one.id) {
            (Some(id), Some(other)) => id == other,
            _ => other.name == one.name,
        };
        if !known.iter().any(same) {
            known.push(one);
        }
    }
    known.split_off(1)
}

/// The programme and the treatment, as the active care plan words them.
fn programme(plans: &[&Value]) -> Option<String> {
    let active = active(plans)?;
    let mut words: Vec<&str> = text(active, "title").into_iter().collect();
    words.extend(text(active, "description"));
    words.extend(wording_of(active, "category").filter(|_| words.is_empty()));
    (!words.is_empty()).then(|| words.join(" — "))
}

/// The treatment under way, as the active care plan has it: the regimen, else what the first medication is called, and
/// since when.
fn treatment(plans: &[&Value]) -> Option<String> {
    let details = list(active(plans)?, "activity").filter_map(|activity| activity.get("detail"));
    let mut treatments = details.filter_map(|detail| {
        let code = detail.get("code")?;
        let regimen = coding_in(code, REGIMEN).and_then(|coding| text(coding, "display"));
        let since = text(detail, "scheduledPeriod.start").map(french::shown);
        let name = regimen.or_else(|| wording(code))?;
        Some(since.map_or_else(|| name.to_owned(), |since| format!("{name}, depuis le {since}")))
    });
    treatments.next()
}

/// The lines of a text; blank ones are none.
fn lines(written: Option<&str>) -> Vec<String> {
    let lines = written.unwrap_or_default().lines();
    lines.map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}
