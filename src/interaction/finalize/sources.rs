//! Reading what the document of a report says: the patient, the author, and the weeks before.

use serde_json::Value;

use super::incomplete;
use crate::fhir::element;
use crate::interaction::material::{self, all, follow, moment, resolve};
use crate::interaction::{Context, incoming};
use crate::problem::{Issue, Problem};
use crate::report::{self, Replaced};
use crate::store::DeliveryFilter;

/// All that the document is made from.
pub(super) struct Gathered {
    /// The report, as it was sent.
    pub(super) report: Value,
    /// Its patient, as `Patient/id`.
    pub(super) patient_reference: String,
    patient: Value,
    author: Value,
    role: Option<Value>,
    custodian: Option<Value>,
    resources: Vec<Value>,
    replaced: Option<Replaced>,
    /// The current description of the document that is replaced.
    pub(super) replaced_reference: Option<Value>,
    /// Destinations that have the replaced document, or will have it before its replacement.
    pub(super) replaced_at: Vec<String>,
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

/// Reads all of it.
///
/// # Errors
/// `Invalid` with all that is missing.
pub(super) async fn gather(ctx: &Context, report: Value) -> Result<Gathered, Problem> {
    let mut issues = Vec::new();
    if element::str_at(&report, "conclusion").is_none_or(|text| text.trim().is_empty()) {
        issues.push(
            Issue::error(
                "required",
                "a final report has a conclusion: what the person who signs it concludes",
            )
            .at("DiagnosticReport.conclusion"),
        );
    }
    let patient_reference = incoming::patient(&report);
    let patient = match &patient_reference {
        Some(reference) => resolve(ctx, reference).await?,
        None => None,
    };
    if patient.is_none() {
        issues.push(
            Issue::error("required", "a final report names its patient").at("DiagnosticReport.subject"),
        );
    }
    if let Err(problem) = material::scope(ctx, &report) {
        issues.extend(problem.issues);
    }
    let signed = author(ctx, &report).await?;
    if signed.is_none() {
        issues.push(without_author());
    }
    let (Some(patient_reference), Some(patient), Some((author, role)), true) =
        (patient_reference, patient, signed, issues.is_empty())
    else {
        return Err(incomplete(issues));
    };
    let custodian = match &role {
        Some(role) => follow(ctx, role, "organization").await?,
        None => None,
    };
    let mut resources = material::about(ctx, &report, &patient_reference).await?;
    resources.extend(material::people(ctx, &patient, &resources).await?);
    let (replaced, replaced_reference) = edition_before(ctx, &report).await?;
    let replaced_at = match &replaced {
        Some(replaced) => destinations_of(ctx, &replaced.document_id).await?,
        None => Vec::new(),
    };
    Ok(Gathered {
        report,
        patient_reference,
        patient,
        author,
        role,
        custodian,
        resources,
        replaced,
        replaced_reference,
        replaced_at,
    })
}

/// The first person with a name among those who interpreted or performed, with the role they did it in.
async fn author(ctx: &Context, report: &Value) -> Result<Option<(Value, Option<Value>)>, Problem> {
    let named = |practitioner: &Value| element::str_at(practitioner, "name.family").is_some();
    let people = element::list(report, "resultsInterpreter").chain(element::list(report, "performer"));
    for reference in people.filter_map(|person| element::str_at(person, "reference")) {
        let Some(found) = resolve(ctx, reference).await? else { continue };
        match element::resource_type(&found) {
            Some("Practitioner") if named(&found) => return Ok(Some((found, None))),
            Some("PractitionerRole") => {
                if let Some(person) = follow(ctx, &found, "practitioner").await?.filter(named) {
                    return Ok(Some((person, Some(found))));
                }
            }
            _ => {}
        }
    }
    Ok(None)
}

fn without_author() -> Issue {
    Issue::error(
        "required",
        "a final report is signed: resultsInterpreter or performer names a Practitioner of this server with a family name, \
         or a PractitionerRole whose practitioner is one",
    )
    .at("DiagnosticReport.resultsInterpreter")
    .text("Le compte rendu final doit nommer le professionnel qui le signe.")
}

/// The latest document made of this report, and how many there were.
async fn edition_before(ctx: &Context, report: &Value) -> Result<(Option<Replaced>, Option<Value>), Problem> {
    let Some(reference) = element::local_reference(report) else { return Ok((None, None)) };
    let editions = all(ctx, "DocumentReference", &[("related", &reference)]).await?;
    let count = u32::try_from(editions.len()).unwrap_or(u32::MAX);
    let current = editions.into_iter().find(|edition| edition["status"] == "current");
    let replaced = current.as_ref().and_then(|edition| {
        let document_id = element::id(edition)?.to_owned();
        Some(Replaced { document_id, version: count, at: moment(edition, "date")? })
    });
    Ok((replaced, current))
}

/// The destinations whose delivery of that document was accepted or is still under way. One that a person stopped before
/// it was accepted never had it.
async fn destinations_of(ctx: &Context, document_id: &str) -> Result<Vec<String>, Problem> {
    let of_document = DeliveryFilter {
        subject: Some(format!("DocumentReference/{document_id}")),
        ..DeliveryFilter::default()
    };
    let records = ctx.store.deliveries(&of_document).await?;
    let has =
        records.into_iter().filter(|record| record.progress.accepted || record.progress.state.is_open());
    Ok(has.map(|record| record.delivery.destination).collect())
}
