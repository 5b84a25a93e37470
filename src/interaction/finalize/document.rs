//! Making the document of a final report, and what is sent of it: all rendered before the commit.

use std::sync::Arc;

use crate::json::Value;
use jiff::Timestamp;

use super::sources::Gathered;
use crate::clock::Ids;
use crate::fhir::meta;
use crate::interaction::dispatch::{self, Changed, Dispatch, Holding, Outgoing};
use crate::interaction::{Destination, Settings};
use crate::outbox::Act;
#[cfg(not(feature = "pdf"))]
use crate::problem::Category;
use crate::problem::Problem;
use crate::report::visibility::Visibility;
use crate::report::{
    Document, Edition, Form, Professional, Report, Stationery, diagnostic_report, document_reference,
};

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
        binary["securityContext"] = crate::json::json!({ "reference": report.subject.reference });
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
    let mut dispatch = dispatch::provide(&outgoing, destinations, ids)?;
    let mut reference = meta::stamp(reference, document_id, 1, at);
    let replaced = gathered.replaced_reference.as_ref().map(Visibility::of).unwrap_or_default();
    if replaced.archived {
        let visibility = Visibility { archived: true, ..Visibility::of(&reference) };
        visibility.describe(&mut reference);
        let by = &report.author;
        archive_again(&mut dispatch, (&reference, &visibility, by), (settings, ids), at)?;
    }
    Ok(Made {
        report: diagnostic_report::render(&gathered.report, &report, &document),
        binaries,
        reference,
        dispatch,
    })
}

/// Has the new version archived wherever it goes: what replaces an archived document takes over that state (CI-SIS *Partage de
/// documents de santé*, changes of state), which a registry may do by itself, or not.
fn archive_again(
    dispatch: &mut Dispatch,
    (description, visibility, by): (&Value, &Visibility, &Professional),
    (settings, ids): (&Settings, &dyn Ids),
    at: Timestamp,
) -> Result<(), Problem> {
    let acts = [Act::Archive];
    let changed = Changed { description, visibility, acts: &acts, by, reference: "", at };
    let document_id = crate::fhir::element::id(description).unwrap_or_default();
    let given: Vec<Holding> = dispatch.deliveries.iter().map(|one| Holding::by(one, document_id)).collect();
    let told = dispatch::change(&changed, &given, &settings.destinations, ids)?;
    dispatch.deliveries.extend(told.deliveries);
    dispatch.tasks.extend(told.tasks);
    Ok(())
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
