//! Making the document of a final report, and what is sent of it: all rendered before the commit.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::held;
use super::sources::Gathered;
use crate::clock::Ids;
use crate::fhir::{MEDIA_TYPE, meta};
use crate::hl7v2;
use crate::interaction::{DestinationKind, Settings};
use crate::outbox::Delivery;
#[cfg(not(feature = "pdf"))]
use crate::problem::Category;
use crate::problem::Problem;
use crate::report::hl7v2::Route;
use crate::report::{
    Document, Edition, Form, Identity, Report, Stationery, diagnostic_report, document_reference,
    provide_and_register, provide_document_bundle, transaction_bundle,
};

/// Media type of HL7 v2 in its ER7 form (HL7, *HL7 over HTTP*).
const ER7: &str = "x-application/hl7-v2+er7";

/// What a final report becomes.
pub(super) struct Made {
    /// The report with its narrative and the address of its document.
    pub(super) report: Value,
    /// The PDF and the CDA.
    pub(super) binaries: [Value; 2],
    /// Its description.
    pub(super) reference: Value,
    /// One for each destination that it may go to.
    pub(super) deliveries: Vec<Delivery>,
    /// One for each destination that it is held back from: what a person has to see to.
    pub(super) tasks: Vec<Value>,
}

/// Makes all of it.
///
/// # Errors
/// `Invalid` with all that the document lacks, `NotSupported` in a build without PDF.
pub(super) async fn make(
    gathered: &Gathered,
    settings: &Settings,
    ids: &dyn Ids,
    at: Timestamp,
) -> Result<Made, Problem> {
    let sources = gathered.sources(&settings.issuer);
    let report = Report::from_resources(&sources)?;
    let edition = Edition {
        document_id: ids.next(),
        cda_id: ids.next(),
        pdf_id: ids.next(),
        submission_id: ids.next(),
        at,
    };
    let pages = pdf(report.clone(), Arc::clone(&settings.stationery)).await?;
    let document = Document::new(&report, edition, &settings.issuer, pages)?;
    let document_id = &document.edition.document_id;
    let binaries = [Form::Pdf, Form::Cda].map(|form| {
        let mut binary = document.binary(form, true);
        binary["securityContext"] = serde_json::json!({ "reference": gathered.patient_reference });
        meta::stamp(binary, document.binary_id(form), 1, at)
    });
    let reference = document_reference::render(&report, &document, &settings.issuer)?;
    let subject = format!("DocumentReference/{document_id}");
    let (mut deliveries, mut tasks) = (Vec::new(), Vec::new());
    for destination in &settings.destinations {
        let id = ids.next();
        let (content_type, payload) = match &destination.kind {
            DestinationKind::Fhir => {
                let bundle = transaction_bundle::render(&report, &document, &settings.issuer, &sources)?;
                (MEDIA_TYPE.to_owned(), json(&bundle)?)
            }
            DestinationKind::Mhd => {
                let bundle = provide_document_bundle::render(&report, &document, &settings.issuer)?;
                (MEDIA_TYPE.to_owned(), json(&bundle)?)
            }
            DestinationKind::Mllp(route) => (ER7.to_owned(), message(route, &document, &id, at)?),
            DestinationKind::Xds(submitter) => {
                let (name, patient) = (&destination.name, &gathered.patient_reference);
                if let Identity::Local { reasons, .. } = &document.header.patient.identity {
                    let task = held::task(name, patient, &subject, reasons, at);
                    tasks.push(meta::stamp(task, &ids.next(), 1, at));
                    continue;
                }
                let replaces = document.header.replaces.as_deref();
                let replaces = replaces.filter(|_| gathered.replaced_at.contains(name));
                provide_and_register::render(&document, submitter, replaces, &ids.next(), &ids.next())?
            }
        };
        deliveries.push(Delivery {
            id,
            destination: destination.name.clone(),
            kind: destination.kind.code().to_owned(),
            patient: gathered.patient_reference.clone(),
            subject: subject.clone(),
            content_type,
            payload,
            created_at: at,
        });
    }
    Ok(Made {
        report: diagnostic_report::render(&gathered.report, &report, &document),
        binaries,
        reference: meta::stamp(reference, document_id, 1, at),
        deliveries,
        tasks,
    })
}

fn json(bundle: &Value) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(bundle).map_err(|fault| Problem::internal(fault.to_string()))
}

/// The message of a delivery; its control id leads back to the delivery.
fn message(route: &Route, document: &Document, delivery: &str, at: Timestamp) -> Result<Vec<u8>, Problem> {
    let control_id = hl7v2::control_id(delivery)
        .ok_or_else(|| Problem::internal("the id of a delivery is no UUID of version 7"))?;
    route.transmission(&document.header, document.bytes(Form::Cda), &control_id, at).render()
}

/// Sets the report on paper, on the blocking pool: requests go on being answered meanwhile.
#[cfg(feature = "pdf")]
async fn pdf(report: Report, stationery: Arc<Stationery>) -> Result<Vec<u8>, Problem> {
    let rendered = tokio::task::spawn_blocking(move || crate::report::pdf::render(&report, &stationery));
    rendered.await.map_err(|_| Problem::internal("the PDF of a report could not be set"))?
}

#[cfg(not(feature = "pdf"))]
#[expect(clippy::unused_async, reason = "the same signature as with the feature")]
async fn pdf(_report: Report, _stationery: Arc<Stationery>) -> Result<Vec<u8>, Problem> {
    Err(Problem::new(
        Category::NotSupported,
        "not-supported",
        "this build of the service makes no documents: reports stay preliminary",
    ))
}
