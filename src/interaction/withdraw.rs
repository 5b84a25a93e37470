//! Withdrawing a final `DiagnosticReport`: a named person sets it `entered-in-error` and says why (FHIR R4,
//! `DiagnosticReport.status`: "the report has been withdrawn following a previous final release"), and in one transaction
//! its document is so too, and every destination that has any version of it is told.
//!
//! - Why: the R4 extension `event-statusReason`, with a text. Who: the first named person among those who interpreted or
//!   performed, as with a signature; a Provenance keeps both.
//! - `cancelled` says that the examination was not made or not completed; a report that was final is not that.
//! - Nothing else changes with it: what was concluded stays readable, under a narrative that says that it is withdrawn; the
//!   bytes of the document are kept.
//! - The same body again changes nothing. A withdrawn report never comes back: another one is written.

mod record;

use crate::json::Value;

use super::dispatch::{self, Dispatch, Needless, Withdrawn, held};
use super::finalize;
use super::finalize::sources::{self, editions};
use super::incoming::{self, Incoming};
use super::rounds::Rounds;
use super::update::{self, Before, Wanted};
use super::{Answer, Context, content, create, visibility};
use crate::clock::SeededIds;
use crate::fhir::{element, meta};
use crate::problem::{Category, Issue, Problem};
use crate::report::Professional;
use crate::store::{Committed, Expect, Unit, Violation, Write};

/// Why a resource has the status that it has (R4 core extension, `CodeableConcept`).
pub(super) const STATUS_REASON: &str = "http://hl7.org/fhir/StructureDefinition/event-statusReason";

/// What ends the Task of a document that was held back.
const NOT_SENT: &str = "Le compte rendu a été retiré : il ne sera pas envoyé.";

/// What a withdrawal may change; the rest is as it was signed.
const CHANGED: &[&str] = &["status", "extension", "resultsInterpreter", "performer"];

/// Whether this is a report that somebody takes back.
pub(super) fn is_withdrawn(resource: &Value) -> bool {
    element::resource_type(resource) == Some("DiagnosticReport")
        && element::str_at(resource, "status") == Some("entered-in-error")
}

/// Withdraws a final report; one that was never final is written as any other resource.
///
/// # Errors
/// `Invalid` with all that is missing or changed besides. `PreconditionFailed` when the version is not the one of
/// `If-Match`. What rendering says.
pub(super) async fn report(
    ctx: &Context,
    id: &str,
    incoming: Incoming,
    wanted: Wanted<'_>,
) -> Result<Answer, Problem> {
    let current = Before::read(ctx, "DiagnosticReport", id, wanted).await?;
    let has_document = match &current.resource {
        Some(report) => finalize::is_final(report) || has_document(ctx, report).await?,
        None => false,
    };
    if !has_document {
        return update::plain(ctx, "DiagnosticReport", id, incoming, wanted).await;
    }
    let (resource, warnings) = create::referenced(ctx, incoming).await?;
    let mut rounds = Rounds::new(ctx);
    loop {
        rounds.begin()?;
        let before = Before::read(ctx, "DiagnosticReport", id, wanted).await?;
        let resource = match &before.resource {
            Some(current) => visibility::kept(current, &resource),
            None => resource.clone(),
        };
        if let Some(answer) = said_already(&before, &resource, &warnings) {
            return Ok(answer);
        }
        match round(ctx, id, &resource, &before).await? {
            Ok((report, at)) => return create::answer(before.kind(), report, at, warnings),
            Err(violation @ (Violation::Version { .. } | Violation::Delivery { .. })) => {
                rounds.again(violation);
            }
            Err(violation) => return Err(create::refused(&violation)),
        }
    }
}

/// Refuses to write anything over a withdrawn report.
///
/// # Errors
/// `Invalid`.
pub(super) async fn refuse_revival(ctx: &Context, before: &Value) -> Result<(), Problem> {
    if !is_withdrawn(before) || !has_document(ctx, before).await? {
        return Ok(());
    }
    Err(business(
        "the report is withdrawn, and so is its document everywhere: write a new report instead",
        "status",
    ))
}

/// Whether a document was made of the report.
///
/// # Errors
/// What the store says.
pub(super) async fn has_document(ctx: &Context, report: &Value) -> Result<bool, Problem> {
    Ok(!editions::of(ctx, report).await?.is_empty())
}

fn said_already(before: &Before, resource: &Value, warnings: &[Issue]) -> Option<Answer> {
    let current = before.resource.as_ref().filter(|current| is_withdrawn(current))?;
    let told = |report: &Value| finalize::bare(report, &[]);
    if content::same_content(&told(current), &told(resource)) {
        return before.unchanged(current, warnings);
    }
    None
}

async fn round(
    ctx: &Context,
    id: &str,
    resource: &Value,
    before: &Before,
) -> Result<Result<(Value, jiff::Timestamp), Violation>, Problem> {
    let current = before.resource.as_ref().ok_or_else(|| Problem::internal("a withdrawal of nothing"))?;
    if is_withdrawn(current) {
        return Err(business("the report is withdrawn: nothing of it changes any more", "status"));
    }
    let (reference, by, reason) = asked(ctx, current, resource).await?;
    let at = incoming::now(ctx);
    let version = before.next();
    let ids_here = SeededIds::new(at, format!("{id}|{version}"));
    let report = meta::stamp(record::report(current, resource, &by, &reason, at), id, version, at);
    let descriptions = editions::of(ctx, current).await?;
    let holdings = dispatch::holdings(ctx, &editions::ids(&descriptions), Needless::Unsent).await?;
    let withdrawn = Withdrawn { report: &report, by: &by, at };
    let Dispatch { deliveries, tasks, .. } =
        dispatch::withdraw(&withdrawn, &holdings.held, &ctx.settings.destinations, &ids_here)?;

    let mut unit = Unit::new("withdraw", at);
    holdings.stop_needless(&mut unit)?;
    unit.writes.push(before.write(&report)?);
    let mut targets = vec![format!("DiagnosticReport/{id}")];
    if let Some(description) = descriptions.iter().find(|one| one["status"] == "current") {
        let version = meta::version(description).unwrap_or(1);
        let document = element::id(description).unwrap_or_default();
        let reference = format!("DocumentReference/{document}");
        for task in held::open(ctx, &[("focus", &reference)]).await? {
            unit.writes.push(held::ended(&task, NOT_SENT, at)?);
        }
        targets.push(reference);
        let description = meta::stamp(record::description(description), document, version + 1, at);
        unit.writes.push(Write::new(&description, Expect::Version(version))?);
    }
    let provenance = record::provenance(&targets, &reference, &reason, at);
    let provenance = meta::stamp(provenance, &crate::clock::Ids::next(&ids_here), 1, at);
    for resource in tasks.iter().chain([&provenance]) {
        unit.writes.push(Write::new(resource, Expect::New)?);
    }
    unit.deliveries = deliveries;
    Ok(match ctx.store.commit(unit).await? {
        Committed::Written(at) => Ok((report, at)),
        Committed::Refused(violation) => Err(violation),
    })
}

/// Who asks, by reference and as documents name them, and why.
async fn asked(
    ctx: &Context,
    current: &Value,
    resource: &Value,
) -> Result<(String, Professional, String), Problem> {
    update::same_patient(current, resource)?;
    let mut issues = Vec::new();
    let (one, other) = (finalize::bare(current, CHANGED), finalize::bare(resource, CHANGED));
    if !content::same_content(&one, &other) {
        let text = format!(
            "a withdrawal changes nothing but {}: send the report as it stands, with the status entered-in-error",
            CHANGED.join(", ")
        );
        issues.push(Issue::error("business-rule", text).at("DiagnosticReport"));
    }
    let reason = reason(resource);
    if reason.is_none() {
        issues.push(
            Issue::error(
                "required",
                format!(
                    "a withdrawal says why: the extension {STATUS_REASON} with a valueCodeableConcept.text"
                ),
            )
            .at("DiagnosticReport.extension")
            .text("Le retrait d'un compte rendu doit être motivé."),
        );
    }
    let signed = sources::author(ctx, resource).await?;
    let by = signed.as_ref().and_then(|(practitioner, role)| {
        let reference = element::local_reference(role.as_ref().unwrap_or(practitioner))?;
        Some((reference, Professional::read(practitioner, role.as_ref())?))
    });
    if by.is_none() {
        issues.push(sources::without_author());
    }
    match (by, reason) {
        (Some((reference, by)), Some(reason)) if issues.is_empty() => Ok((reference, by, reason)),
        _ => Err(Problem::with(Category::Invalid, issues)),
    }
}

/// Why, in words.
fn reason(resource: &Value) -> Option<String> {
    let extension = element::list(resource, "extension").find(|one| one["url"] == STATUS_REASON)?;
    let text = element::str_at(extension, "valueCodeableConcept.text")
        .or_else(|| element::str_at(extension, "valueCodeableConcept.coding.display"))?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn business(what: &str, place: &str) -> Problem {
    Problem::new(Category::Invalid, "business-rule", what.to_owned()).at(&format!("DiagnosticReport.{place}"))
}

/// The refusal of a status that does not mean what happened, for a report that is final.
pub(super) fn not_taken_back(status: Option<&str>) -> Problem {
    let text = match status {
        Some("cancelled") => {
            "cancelled says that the examination was not made or not completed, and this report was final: withdraw it with \
             the status entered-in-error and a reason"
        }
        _ => {
            "the report is final and its document was made and sent: it does not go back. Correct it with the status corrected \
             or amended, which replaces the document, or withdraw it with the status entered-in-error and a reason"
        }
    };
    business(text, "status")
}
