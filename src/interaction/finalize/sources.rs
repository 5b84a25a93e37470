//! Reading what the document of a report says: the patient, the author, and the weeks before.

mod as_of;
pub(in crate::interaction) mod editions;

use std::collections::BTreeMap;

use crate::json::Value;
use jiff::Timestamp;

use super::incomplete;
use crate::fhir::element;
use crate::interaction::dispatch::{self, Holdings, Needless, Oppositions};
use crate::interaction::material::{self, follow, resolve};
use crate::interaction::{Context, incoming, merged};
use crate::problem::{Issue, Problem};
use crate::report::period::Scope;
use crate::report::visibility::of_report;
use crate::report::{self, Replaced};

/// All that the document is made from.
pub(super) struct Gathered {
    /// The report, as it was sent.
    pub(super) report: Value,
    /// Its patient, as `Patient/id`.
    pub(super) patient_reference: String,
    /// Records that say who they are: their own, and the one that it was merged into.
    pub(super) patients: Vec<Value>,
    patient: Value,
    author: Value,
    role: Option<Value>,
    custodian: Option<Value>,
    resources: Vec<Value>,
    replaced: Option<Replaced>,
    /// The current description of the document that is replaced.
    pub(super) replaced_reference: Option<Value>,
    /// Who has an earlier version of the document, or will have it before this one.
    pub(super) holdings: Holdings,
    /// What the patient opposes.
    pub(super) oppositions: Oppositions,
}

impl Gathered {
    /// As the report room reads it.
    pub(super) fn sources<'a>(&'a self, issuer: &'a report::Issuer) -> report::Sources<'a> {
        report::Sources {
            patient: &self.patient,
            report: &self.report,
            author: &self.author,
            author_role: self.role.as_ref(),
            custodian: self.custodian.as_ref(),
            resources: &self.resources,
            replaces: self.replaced.as_ref(),
            issuer,
        }
    }
}

/// Reads all of it: as it is now, or as it was when the report was signed, if that was at an earlier instant of the feed. Who
/// the patient is, is read as it is now, in the record that this one was merged into.
///
/// # Errors
/// `Invalid` with all that is missing.
pub(super) async fn gather(
    ctx: &Context,
    report: Value,
    at_signing: Option<Timestamp>,
) -> Result<Gathered, Problem> {
    let mut issues: Vec<Issue> = without_conclusion(&report).into_iter().collect();
    let patient_reference = incoming::patient(&report);
    let patients = patients(ctx, patient_reference.as_deref()).await?;
    let patient = patients.last().cloned();
    if patient.is_none() {
        issues.push(
            Issue::error("required", "a final report names its patient").at("DiagnosticReport.subject"),
        );
    }
    if let Err(problem) = material::scope(ctx, &report) {
        issues.extend(problem.issues);
    }
    issues.extend(of_report(&report).fault().map(|fault| fault.at("DiagnosticReport.meta.security")));
    let signed = author(ctx, &report).await?;
    if signed.is_none() {
        issues.push(without_author());
    }
    let (Some(patient_reference), Some(patient), Some((author, role)), true) =
        (patient_reference, patient, signed, issues.is_empty())
    else {
        return Err(incomplete(issues));
    };
    let mut custodian = match &role {
        Some(role) => follow(ctx, role, "organization").await?,
        None => None,
    };
    let (mut author, mut role) = (author, role);
    let records = records(ctx, &patient_reference, at_signing).await?.join(",");
    let mut resources = material::about(ctx, &report, &records).await?;
    if let Some(signed) = at_signing {
        resources = as_of::all(ctx, resources, signed).await?;
        author = as_of::one(ctx, author, signed).await?;
        role = as_of::option(ctx, role, signed).await?;
        custodian = as_of::option(ctx, custodian, signed).await?;
    }
    if Scope::of(&report)? == Scope::Response {
        resources.retain(|one| element::resource_type(one) != Some("CarePlan") || one["status"] == "active");
    }
    resources.extend(material::people(ctx, &patient, &resources).await?);
    let editions = editions::of(ctx, &report).await?;
    let (replaced, replaced_reference) = editions::current(&editions);
    let mut holdings = dispatch::holdings(ctx, &editions::ids(&editions), Needless::Refused).await?;
    holdings.tell(&editions);
    let oppositions = opposed(ctx, &patients).await?;
    Ok(Gathered {
        report,
        patient_reference,
        patients,
        patient,
        author,
        role,
        custodian,
        resources,
        replaced,
        replaced_reference,
        holdings,
        oppositions,
    })
}

fn without_conclusion(report: &Value) -> Option<Issue> {
    let is_blank = element::str_at(report, "conclusion").is_none_or(|text| text.trim().is_empty());
    is_blank.then(|| {
        Issue::error("required", "a final report has a conclusion: what the person who signs it concludes")
            .at("DiagnosticReport.conclusion")
    })
}

/// The record that a report names, and those on the way to the one that it was merged into, which is the last.
async fn patients(ctx: &Context, reference: Option<&str>) -> Result<Vec<Value>, Problem> {
    let mut patients = Vec::new();
    if let Some(reference) = reference
        && let Some(own) = resolve(ctx, reference).await?
    {
        patients.push(own.clone());
        merged::survivor_by(ctx, own, |record| patients.push(record.clone())).await?;
    }
    Ok(patients)
}

/// The records of one person, as they were known to be when the report was signed: what was found out later does not change
/// what somebody signed.
async fn records(
    ctx: &Context,
    patient: &str,
    at_signing: Option<Timestamp>,
) -> Result<Vec<String>, Problem> {
    let family = merged::family(ctx, patient).await?;
    let Some(signed) = at_signing.filter(|_| family.len() > 1) else { return Ok(family) };
    let mut then = BTreeMap::new();
    for record in &family {
        if let Some(now) = resolve(ctx, record).await? {
            let before = as_of::one(ctx, now, signed).await?;
            let into = merged::replaced_by(&before).map(|id| format!("Patient/{id}"));
            then.insert(record.clone(), into);
        }
    }
    let root = |record: &String| {
        let mut at = record;
        for _ in 0..then.len() {
            at = then.get(at).and_then(Option::as_ref).unwrap_or(at);
        }
        at.clone()
    };
    let own = root(&patient.to_owned());
    Ok(family.iter().filter(|record| root(record) == own).cloned().collect())
}

/// What the patient opposes, in the record of the report, in the one that it was merged into, and in all that ended in that.
async fn opposed(ctx: &Context, patients: &[Value]) -> Result<Oppositions, Problem> {
    let survivor = patients.last().and_then(element::local_reference).unwrap_or_default();
    let records = merged::with_ended(ctx, &survivor).await?;
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    Oppositions::of(ctx, &records, incoming::now(ctx)).await
}

/// The first person with a name among those who interpreted or performed, with the role they did it in.
///
/// # Errors
/// What the store says.
pub(in crate::interaction) async fn author(
    ctx: &Context,
    report: &Value,
) -> Result<Option<(Value, Option<Value>)>, Problem> {
    let people = element::list(report, "resultsInterpreter").chain(element::list(report, "performer"));
    for reference in people.filter_map(|person| element::str_at(person, "reference")) {
        if let Some(found) = named(ctx, reference).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The person with a name that this reference leads to, with the role that it leads through.
///
/// # Errors
/// What the store says.
pub(in crate::interaction) async fn named(
    ctx: &Context,
    reference: &str,
) -> Result<Option<(Value, Option<Value>)>, Problem> {
    let has_name = |practitioner: &Value| element::str_at(practitioner, "name.family").is_some();
    let Some(found) = resolve(ctx, reference).await? else { return Ok(None) };
    Ok(match element::resource_type(&found) {
        Some("Practitioner") if has_name(&found) => Some((found, None)),
        Some("PractitionerRole") => {
            let person = follow(ctx, &found, "practitioner").await?.filter(has_name);
            person.map(|person| (person, Some(found)))
        }
        _ => None,
    })
}

/// What is told when there is no such person.
pub(in crate::interaction) fn without_author() -> Issue {
    Issue::error(
        "required",
        "a final report is signed: resultsInterpreter or performer names a Practitioner of this server with a family name, \
         or a PractitionerRole whose practitioner is one",
    )
    .at("DiagnosticReport.resultsInterpreter")
    .text("Le compte rendu final doit nommer le professionnel qui le signe.")
}
