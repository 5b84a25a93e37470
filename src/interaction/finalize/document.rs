//! Making the document of a final report, and what is sent of it: all rendered before the commit.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::sources::Gathered;
use crate::clock::Ids;
use crate::fhir::meta;
use crate::interaction::dispatch::{self, Dispatch, Outgoing};
use crate::interaction::{Destination, Settings};
#[cfg(not(feature = "pdf"))]
use crate::problem::Category;
use crate::problem::Problem;
use crate::report::{Document, Edition, Form, Report, Stationery, diagnostic_report, document_reference};

/// What a final report becomes.
pub(super) struct Made {
    /// The report with its narrative and the address of its document.
    pub(super) report: Value,
    /// The PDF and the CDA.
    pub(super) binaries: [Value; 2],
    /// Its description.
    pub(super) reference: Value,
    /// What goes out of it.
    pub(super) dispatch: Dispatch,
}

/// Makes all of it, for these destinations.
///
/// # Errors
/// `Invalid` with all that the document lacks, `NotSupported` in a build without PDF.
pub(super) async fn make(
    gathered: &Gathered,
    settings: &Settings,
    destinations: &[Destination],
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
        binary["securityContext"] = serde_json::json!({ "reference": report.subject.reference });
        meta::stamp(binary, document.binary_id(form), 1, at)
    });
    let reference = document_reference::render(&report, &document, &settings.issuer)?;
    let outgoing = Outgoing {
        report: &report,
        document: &document,
        sources: &sources,
        issuer: &settings.issuer,
        patient: &gathered.patient_reference,
        holdings: &gathered.holdings.held,
        oppositions: &gathered.oppositions,
        at,
    };
    let dispatch = dispatch::provide(&outgoing, destinations, ids)?;
    Ok(Made {
        report: diagnostic_report::render(&gathered.report, &report, &document),
        binaries,
        reference: meta::stamp(reference, document_id, 1, at),
        dispatch,
    })
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
