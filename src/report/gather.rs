//! Reading of a report out of the resources it is about.

use crate::json::Value;

use super::element::{own_extension, text, value_text};
use super::findings::{Resources, active};
use super::{
    Findings, Issuer, Professional, Replaced, Report, confidential, lines, people, subject, trend, visit,
};
use crate::fhir::element::list;
use crate::problem::{Category, Issue, Problem};

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
    /// `PractitionerRole` that the patient and the plans of care name, in any order; for a chosen period also its
    /// `QuestionnaireResponse` and `DiagnosticReport` resources, and who signed these.
    pub resources: &'a [Value],
    /// The document that this one replaces.
    pub replaces: Option<&'a Replaced>,
    /// Who issues it.
    pub issuer: &'a Issuer,
}

impl<'a> Sources<'a> {
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
        let moment = issued.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let findings = Findings::read(sources.report, sources.resources, moment)
            .map_err(|problem| issues.extend(problem.issues));
        match (subject, author, issued, findings) {
            (Ok(subject), Some(author), Some(issued), Ok(findings)) if issues.is_empty() => {
                Ok(report(sources, findings, subject, author, issued))
            }
            _ => Err(Problem::with(Category::Invalid, issues)),
        }
    }
}

fn report(
    sources: &Sources<'_>,
    findings: Findings,
    subject: super::Subject,
    author: Professional,
    issued: jiff::Timestamp,
) -> Report {
    let report = sources.report;
    let prescriber = prescriber(Resources(sources.resources));
    let (confidentiality, visibility) = confidential::read(report);
    Report {
        id: text(report, "id").unwrap_or_default().to_owned(),
        recipients: recipients(sources, prescriber.as_ref(), &author),
        prescriber,
        confidentiality,
        visibility,
        visit: visit::read(report, sources.issuer.patient_class),
        treatment_change: lines(own_extension(report, "treatment-change").and_then(value_text)),
        conclusion: lines(text(report, "conclusion")),
        version: sources.replaces.map_or(1, |replaced| replaced.version.saturating_add(1)),
        replaces: sources.replaces.cloned(),
        custodian: people::custodian(sources.custodian, sources.issuer),
        findings,
        subject,
        author,
        issued,
    }
}

/// Who prescribed the monitoring: the author of the plan of care.
fn prescriber(resources: Resources<'_>) -> Option<Professional> {
    let author = active(&resources.of_type("CarePlan"))?.get("author")?;
    resources.professional(text(author, "reference")?)
}

/// The prescriber and the patient's own physicians, each once, without the author.
fn recipients(
    sources: &Sources<'_>,
    prescriber: Option<&Professional>,
    author: &Professional,
) -> Vec<Professional> {
    let resources = Resources(sources.resources);
    let own = list(sources.patient, "generalPractitioner").filter_map(|one| text(one, "reference"));
    let all = prescriber.cloned().into_iter().chain(own.filter_map(|one| resources.professional(one)));
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
