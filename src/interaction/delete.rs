//! Delete (FHIR R4, `RESTful` API, 3.1.0.7), plain and conditional: a deletion marker, and no dangling reference.

use std::collections::BTreeSet;

use crate::json::Value;

use super::rounds::Rounds;
use super::update::{Before, Wanted};
use super::{Answer, Context, Kind, conditional, create, finalize, incoming, library, read, withdraw};
use crate::fhir::search::{self, Kind as ParameterKind, Query};
use crate::fhir::{self, element};
use crate::problem::{Category, Issue, Problem};
use crate::store::{Committed, DeliveryFilter, Guard, Unit, Violation, Write};

/// So many of those that refer to a resource are named; one more is only told.
const NAMED_MAX: usize = 10;

/// Marks a resource deleted: it is gone from reads and searches, its earlier versions stay readable. What does not exist,
/// or not any more, is deleted already.
///
/// # Errors
/// `Conflict` when current resources refer to it, with their names, and for what is never deleted: a definition that has
/// been active, a signed report, a document that was sent, kept bytes of a refused response, a Provenance.
/// `PreconditionFailed` when the version is not the one of `If-Match`.
pub async fn delete(ctx: &Context, rtype: &str, id: &str, if_match: Option<u64>) -> Result<Answer, Problem> {
    read::writable(rtype)?;
    let mut rounds = Rounds::new(ctx);
    loop {
        rounds.begin()?;
        let before = Before::read(ctx, rtype, id, Wanted { if_match, ..Wanted::default() }).await?;
        let Some(current) = &before.resource else { return Ok(absent(ctx, rtype, id, before.next() - 1)) };
        refuse_what_stays(ctx, rtype, id, current).await?;
        let referring = referring(rtype, id)?;
        refuse_what_is_named(ctx, rtype, id, &referring).await?;
        let at = incoming::now(ctx);
        let mut unit = Unit::new("delete", at);
        unit.guards.extend(referring.into_iter().map(Guard::NoneMatches));
        unit.streams.extend(create::stream(current));
        unit.writes.push(Write::deletion(rtype, id, before.next() - 1, at)?);
        match ctx.store.commit(unit).await? {
            Committed::Written(at) => {
                return Ok(Answer { last_updated: at, ..absent(ctx, rtype, id, before.next()) });
            }
            Committed::Refused(violation @ (Violation::Version { .. } | Violation::Exists(_))) => {
                rounds.again(violation);
            }
            Committed::Refused(violation) => return Err(create::refused(&violation)),
        }
    }
}

/// Deletes the one resource that a search finds; none is fine too.
///
/// # Errors
/// `Malformed` when the search has no criterion, `PreconditionFailed` when it finds several, and those of [`delete`].
pub async fn delete_where(
    ctx: &Context,
    rtype: &str,
    params: &[(String, String)],
    if_match: Option<u64>,
) -> Result<Answer, Problem> {
    read::writable(rtype)?;
    let mut rounds = conditional::Rounds::new(ctx, rtype, params);
    loop {
        let found = rounds.matches().await?;
        let done = match found.as_slice() {
            [] => return Ok(absent(ctx, rtype, "", 0)),
            [one] => {
                conditional::check_version(&format!("{rtype}/{}", one.id), if_match, Some(one.version))?;
                delete(ctx, rtype, &one.id, Some(one.version)).await
            }
            _ => return Err(conditional::several(rtype, "deleted")),
        };
        if let Some(answer) = rounds.settled(&found, done).await? {
            return Ok(answer);
        }
    }
}

/// The answer of a deletion that leaves this version, or found nothing to delete.
pub(super) fn absent(ctx: &Context, rtype: &str, id: &str, version: u64) -> Answer {
    Answer {
        kind: Kind::Deleted,
        rtype: rtype.to_owned(),
        id: id.to_owned(),
        version,
        last_updated: incoming::now(ctx),
        body: Vec::new(),
        outcome: Vec::new(),
    }
}

/// What is never deleted, with what to do instead.
async fn refuse_what_stays(ctx: &Context, rtype: &str, id: &str, current: &Value) -> Result<(), Problem> {
    let reason = match rtype {
        _ if library::is_definition(rtype) && current["status"] != "draft" => {
            "it has been active, and what was judged by it names it: set its status to retired"
        }
        "Provenance" => "it proves where something came from",
        _ if finalize::is_final(current) => {
            "it is signed, and its document may be with others: withdraw it by an update to the status entered-in-error \
             that says why (event-statusReason)"
        }
        _ if withdraw::is_withdrawn(current) && withdraw::has_document(ctx, current).await? => {
            "it was signed and is withdrawn, and proves both"
        }
        "DocumentReference" if was_sent(ctx, id).await? => {
            "it is delivered to others: withdraw the report that it belongs to"
        }
        "Binary" if is_kept(ctx, id).await? => {
            "it keeps a response that was refused, or what was wrong with it"
        }
        "Binary" if is_document(ctx, id, current).await? => {
            "it is the document of a signed report, withdrawn or not"
        }
        _ => return Ok(()),
    };
    Err(Problem::new(Category::Conflict, "business-rule", format!("{rtype}/{id} is not deleted: {reason}")))
}

async fn was_sent(ctx: &Context, id: &str) -> Result<bool, Problem> {
    let subject = Some(format!("DocumentReference/{id}"));
    let filter = DeliveryFilter { subject, limit: 1, ..DeliveryFilter::default() };
    Ok(!ctx.store.deliveries(&filter).await?.is_empty())
}

/// Refused bytes have their outcome beside them.
async fn is_kept(ctx: &Context, id: &str) -> Result<bool, Problem> {
    let (bytes, outcome) = match id.strip_suffix("-outcome") {
        Some(bytes) => (bytes.to_owned(), id.to_owned()),
        None => (id.to_owned(), format!("{id}-outcome")),
    };
    Ok(ctx.store.read("Binary", &bytes).await?.is_some()
        && ctx.store.read("Binary", &outcome).await?.is_some())
}

/// Whether a report of the patient presents these bytes.
async fn is_document(ctx: &Context, id: &str, binary: &Value) -> Result<bool, Problem> {
    let Some(patient) = element::str_at(binary, "securityContext.reference") else { return Ok(false) };
    let url = format!("Binary/{id}");
    let reports = library::read_all(ctx.store.as_ref(), "DiagnosticReport", &[("subject", patient)]).await?;
    for report in &reports {
        if element::list(&report.resource()?, "presentedForm").any(|form| form["url"] == url.as_str()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One query for each search parameter through which a resource may be referred to.
fn referring(rtype: &str, id: &str) -> Result<Vec<Query>, Problem> {
    let mut queries = Vec::new();
    for from in fhir::SERVED {
        let mut places = BTreeSet::new();
        for parameter in search::parameters(from) {
            let fits = parameter.targets.is_empty() || parameter.targets.contains(&rtype);
            // `patient` and `subject` look at the same place.
            let place = parameter.column.map_or_else(|| parameter.name.to_owned(), |at| format!("{at:?}"));
            if parameter.kind == ParameterKind::Reference && fits && places.insert(place) {
                let value = (parameter.name.to_owned(), format!("{rtype}/{id}"));
                let mut query = search::parse(from, &[value])?;
                query.count = NAMED_MAX;
                queries.push(query);
            }
        }
    }
    Ok(queries)
}

async fn refuse_what_is_named(
    ctx: &Context,
    rtype: &str,
    id: &str,
    referring: &[Query],
) -> Result<(), Problem> {
    let mut names = BTreeSet::new();
    for query in referring {
        let page = ctx.store.search(query).await?;
        names.extend(page.resources.into_iter().map(|stored| format!("{}/{}", stored.rtype, stored.id)));
        if names.len() > NAMED_MAX {
            break;
        }
    }
    // What refers to itself only is not held.
    names.remove(&format!("{rtype}/{id}"));
    if names.is_empty() {
        return Ok(());
    }
    let more = if names.len() > NAMED_MAX { ", and more" } else { "" };
    let named = names.into_iter().take(NAMED_MAX).collect::<Vec<_>>().join(", ");
    let diagnostics = format!("{rtype}/{id} is not deleted: {named}{more} refer to it");
    Err(Problem::with(Category::Conflict, vec![Issue::error("conflict", diagnostics)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patient_may_be_referred_to_from_many_types_and_each_path_is_asked_once() {
        let queries = referring("Patient", "p").unwrap();
        let types: BTreeSet<&str> = queries.iter().map(|query| query.rtype.as_str()).collect();
        for rtype in
            ["Observation", "Task", "QuestionnaireResponse", "Flag", "CarePlan", "Consent", "Provenance"]
        {
            assert!(types.contains(rtype), "{rtype}");
        }
        let tasks = queries.iter().filter(|query| query.rtype == "Task");
        let names: Vec<&str> = tasks.map(|query| query.criteria[0].parameter.name).collect();
        assert_eq!(
            names.iter().filter(|name| matches!(**name, "patient" | "subject")).count(),
            1,
            "{names:?}"
        );
    }
}
