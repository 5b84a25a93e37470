//! Finalising a `DiagnosticReport`: the person who signs sets it final, and only then the document is made, once: PDF
//! and CDA, each a `Binary`, `DocumentReference` and one delivery for each destination, in the transaction of the report itself.
//!
//! - The same body again changes nothing: no second document, no second delivery.
//! - Nobody signs a text that was changed meanwhile: a body that says which version of the report it was made of
//!   (`meta.versionId`) must say the current one.
//! - A correction makes a document that replaces the one before (`relatesTo replaces`), and new deliveries.
//! - Setting type is the slowest thing this service does: it runs on the blocking pool.

mod again;
mod document;
pub(super) mod sources;

use crate::json::{Value, json};

use super::incoming::{self, Incoming};
use super::rounds::Rounds;
use super::update::{self, Before, Wanted};
use super::{Answer, Context, content, create, dispatch, visibility, withdraw};
use crate::clock::SeededIds;
use crate::fhir::search::Query;
use crate::fhir::{datetime, element, meta};
use crate::problem::{Category, Issue, Problem};
use crate::store::{Committed, Expect, Guard, Unit, Violation, Write};
pub(super) use again::{Again, again};
use document::Made;
use sources::Gathered;

/// What the server writes on a final report: a client that sends it back unchanged has changed nothing.
const WRITTEN_HERE: &[&str] = &["text", "presentedForm", "issued"];

/// Whether this is a report that a person declares final.
pub(crate) fn is_final(resource: &Value) -> bool {
    element::resource_type(resource) == Some("DiagnosticReport")
        && matches!(element::str_at(resource, "status"), Some("final" | "amended" | "corrected" | "appended"))
}

/// Finalises a report that is new here.
///
/// # Errors
/// As [`stored_report`], and those of a conditional create.
pub(super) async fn new_report(
    ctx: &Context,
    id: String,
    incoming: Incoming,
    condition: Option<Query>,
) -> Result<Answer, Problem> {
    let (resource, warnings) = create::referenced(ctx, incoming).await?;
    let mut rounds = Rounds::new(ctx);
    loop {
        rounds.begin()?;
        match round(ctx, &id, &resource, &Before::nothing(), condition.clone()).await? {
            Round::Written(report, at, told) => {
                return create::answer(super::Kind::Created, report, at, [warnings, told].concat());
            }
            Round::Refused(Violation::Exists(ids)) => {
                return create::existing(ctx, "DiagnosticReport", &ids).await;
            }
            // The patient was written meanwhile.
            Round::Refused(violation @ Violation::Version { .. }) if violation.is_of("Patient") => {
                rounds.again(violation);
            }
            Round::Refused(violation) => return Err(create::refused(&violation)),
        }
    }
}

/// Finalises or corrects a report.
///
/// # Errors
/// `Invalid` with all that is missing for a document: the conclusion, a named author, the traits of the patient's identity.
/// `PreconditionFailed` when the version is not the one of `If-Match`, `Conflict` when it is not that of the body.
/// `NotSupported` in a build without PDF.
pub(super) async fn stored_report(
    ctx: &Context,
    id: &str,
    incoming: Incoming,
    wanted: Wanted<'_>,
) -> Result<Answer, Problem> {
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
        if let Some(current) = &before.resource {
            withdraw::refuse_revival(ctx, current).await?;
            update::same_patient(current, &resource)?;
            same_version(ctx, current, &resource).await?;
        }
        match round(ctx, id, &resource, &before, None).await? {
            Round::Written(report, at, told) => {
                return create::answer(before.kind(), report, at, [warnings, told].concat());
            }
            Round::Refused(violation @ (Violation::Version { .. } | Violation::Delivery { .. })) => {
                rounds.again(violation);
            }
            Round::Refused(violation) => return Err(create::refused(&violation)),
        }
    }
}

/// What is signed is what was read: a report that a response amended, or another person changed, is read again first. A body
/// without `meta.versionId` says nothing of it, which FHIR allows; where nothing but `meta` has changed since (who may see it),
/// the text is the one that was read.
async fn same_version(ctx: &Context, current: &Value, resource: &Value) -> Result<(), Problem> {
    let of = |report: &Value| Some(element::str_at(report, "meta.versionId")?.to_owned());
    let (Some(now), Some(read)) = (of(current), of(resource)) else { return Ok(()) };
    let id = element::id(current).unwrap_or_default();
    if now == read || says_the_same(ctx, id, &read, current).await? {
        return Ok(());
    }
    let diagnostics = format!(
        "DiagnosticReport/{id} is at version {now}, and meta.versionId says that version {read} was signed: read what it says \
         now, and sign that"
    );
    Err(Problem::new(Category::Conflict, "conflict", diagnostics).at("DiagnosticReport.meta.versionId"))
}

/// Whether that version differs from the current one in its `meta` alone.
async fn says_the_same(ctx: &Context, id: &str, version: &str, current: &Value) -> Result<bool, Problem> {
    let Ok(version) = version.parse() else { return Ok(false) };
    let Some(stored) = ctx.store.vread("DiagnosticReport", id, version).await? else { return Ok(false) };
    if stored.deleted {
        return Ok(false);
    }
    let mut read = stored.resource()?;
    read["meta"] = current["meta"].clone();
    Ok(read == *current)
}

/// The answer when the current report is final and says the same.
fn said_already(before: &Before, resource: &Value, warnings: &[Issue]) -> Option<Answer> {
    let current = before.resource.as_ref()?;
    if content::same_content(&bare(current, &[]), &bare(resource, &[])) {
        return before.unchanged(current, warnings);
    }
    None
}

/// The report without what the server writes on a final one, and without these elements.
pub(super) fn bare(report: &Value, besides: &[&str]) -> Value {
    let mut bare = report.clone();
    if let Some(members) = bare.as_object_mut() {
        members.retain(|name, _| !WRITTEN_HERE.contains(&name) && !besides.contains(&name));
    }
    bare
}

enum Round {
    /// With what the person who signs is told.
    Written(Value, jiff::Timestamp, Vec<Issue>),
    Refused(Violation),
}

async fn round(
    ctx: &Context,
    id: &str,
    resource: &Value,
    before: &Before,
    condition: Option<Query>,
) -> Result<Round, Problem> {
    let at = incoming::now(ctx);
    let version = before.next();
    let mut report = resource.clone();
    report["issued"] = json!(datetime::instant(at));
    let report = meta::stamp(report, id, version, at);
    let gathered = sources::gather(ctx, report, None).await?;
    let ids = SeededIds::new(at, format!("{id}|{version}"));
    let made = match document::make(&gathered, &ctx.settings, &ctx.settings.destinations, &ids, at).await {
        Ok(made) => made,
        Err(problem) => return overtaken(ctx, id, before).await?.map(Round::Refused).ok_or(problem),
    };

    let report = meta::stamp(made.report.clone(), id, version, at);
    let mut unit = Unit::new("finalize", at);
    unit.guards.extend(condition.map(Guard::NoneMatches));
    unit.guards.extend(before.condition());
    unit.writes.push(before.write(&report)?);
    let told = made.dispatch.withheld.iter().map(dispatch::Withheld::issue).collect();
    edition(&mut unit, made, &gathered)?;
    if let Some(superseded) = gathered.replaced_reference.as_ref().and_then(element::local_reference) {
        for task in dispatch::held::open(ctx, &[("focus", &superseded)]).await? {
            unit.writes.push(dispatch::held::ended(&task, CORRECTED, at)?);
        }
    }
    Ok(match ctx.store.commit(unit).await? {
        Committed::Written(at) => Round::Written(report, at, told),
        Committed::Refused(violation) => Round::Refused(violation),
    })
}

/// Why the Task of a held document ends when the report is corrected.
const CORRECTED: &str = "Une version plus récente du compte rendu remplace ce document.";

/// Writes a new edition: its bytes, its description, the end of the one before, the Tasks and the deliveries.
fn edition(unit: &mut Unit, made: Made, gathered: &Gathered) -> Result<(), Problem> {
    // Who the patient is was read for it: nobody may say otherwise meanwhile (`interaction::second_look` builds on that).
    unit.guards.extend(gathered.patients.iter().filter_map(guard));
    gathered.holdings.stop_needless(unit)?;
    for binary in &made.binaries {
        unit.writes.push(Write::new(binary, Expect::New)?);
    }
    unit.writes.push(Write::new(&made.reference, Expect::New)?);
    if let Some(superseded) = superseded(gathered, unit.at) {
        let current = meta::version(&superseded).unwrap_or(2) - 1;
        unit.writes.push(Write::new(&superseded, Expect::Version(current))?);
    }
    for task in made.dispatch.tasks.iter().chain(&made.dispatch.record) {
        unit.writes.push(Write::new(task, Expect::New)?);
    }
    unit.deliveries = made.dispatch.deliveries;
    Ok(())
}

/// That resource stays in the version that was read.
pub(super) fn guard(resource: &Value) -> Option<Guard> {
    Some(Guard::Version {
        rtype: element::resource_type(resource)?.to_owned(),
        id: element::id(resource)?.to_owned(),
        version: meta::version(resource)?,
    })
}

/// What was gathered may be younger than `before`: then another writer was first, and the round is decided anew.
async fn overtaken(ctx: &Context, id: &str, before: &Before) -> Result<Option<Violation>, Problem> {
    let found = ctx.store.read("DiagnosticReport", id).await?.map_or(0, |stored| stored.version);
    let rtype = "DiagnosticReport".to_owned();
    let moved = found + 1 != before.next();
    Ok(moved.then(|| Violation::Version { rtype, id: id.to_owned(), found }))
}

/// The description of the document that is replaced: no longer the current one.
fn superseded(gathered: &Gathered, at: jiff::Timestamp) -> Option<Value> {
    let mut reference = gathered.replaced_reference.clone()?;
    let (id, version) = (element::id(&reference)?.to_owned(), meta::version(&reference)?);
    reference["status"] = json!("superseded");
    Some(meta::stamp(reference, &id, version + 1, at))
}

/// The problem of a report that lacks what its document needs.
fn incomplete(issues: Vec<Issue>) -> Problem {
    Problem::with(Category::Invalid, issues)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_report_that_a_person_declares_final_is_finalised() {
        let check = |rtype: &str, status: &str, expected: bool| {
            assert_eq!(
                is_final(&json!({"resourceType": rtype, "status": status})),
                expected,
                "{rtype} {status}"
            );
        };
        check("DiagnosticReport", "final", true);
        check("DiagnosticReport", "corrected", true);
        check("DiagnosticReport", "preliminary", false);
        check("DiagnosticReport", "entered-in-error", false);
        check("Observation", "final", false);
    }
}
