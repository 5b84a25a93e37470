//! `DocumentReference/{id}/$visibility`: a named person hides a document from somebody, shows it again, archives it or takes it
//! out of the archive, and says why (DMP TD3.3a, TD3.3b, TD3.3d; `PDSm` 3.1.1, flow 03). In one transaction the description
//! and its report say so, and everyone who has the document is told; its bytes and its unique id stay.
//!
//! - An operation and not a change of `DocumentReference.securityLabel`: the DMP asks for one confirmed act of one named person,
//!   and an update of R4 has no place for who and why; `PDSm` puts the interaction `patch` between a producer and the keeper of
//!   documents, and here the producer is this service. Such an update of a description is refused ([`refuse_other_ways`]), with
//!   the name of what to call.
//! - The report keeps whom its document is hidden from, so that every later version is hidden likewise ([`kept`]): only this
//!   operation shows again.
//! - What is so already changes nothing. Two at once are decided one after the other.

mod asked;
mod record;

use crate::json::Value;

use super::dispatch::{self, Changed, Dispatch, Needless};
use super::finalize::is_final;
use super::finalize::sources::editions;
use super::update::{Before, Wanted};
use super::{Answer, Context, Kind, content, create, incoming, read};
use crate::clock::{Ids, SeededIds};
use crate::fhir::{Document, element, meta};
use crate::outbox::Act;
use crate::problem::{Category, Problem};
use crate::report::visibility::{Visibility, of_report};
use crate::store::{Committed, Expect, Unit, Violation, Write};
use asked::Asked;

/// Changes from whom a document is hidden, and whether it is archived.
///
/// # Errors
/// `Malformed` for a body that is not read; `NotFound`, `Gone`; `Invalid` with all that is missing, for a combination that
/// makes no sense, and for a description that is not the current one of a signed report.
pub async fn change_visibility(
    ctx: &Context,
    id: &str,
    body: impl Into<Document<'_>>,
) -> Result<Answer, Problem> {
    let asked = Asked::read(ctx, body.into()).await?;
    let mut last = Problem::internal("no round of writing was allowed");
    for _ in 0..ctx.settings.rounds_max {
        match round(ctx, id, &asked).await? {
            Ok(answer) => return Ok(answer),
            Err(violation @ (Violation::Version { .. } | Violation::Delivery { .. })) => {
                last = create::refused(&violation);
            }
            Err(violation) => return Err(create::refused(&violation)),
        }
    }
    Err(last)
}

async fn round(ctx: &Context, id: &str, asked: &Asked) -> Result<Result<Answer, Violation>, Problem> {
    let stored = read::read(ctx, "DocumentReference", id).await?;
    let description: Value = serde_json::from_slice(&stored.body)
        .map_err(|_| Problem::internal(format!("DocumentReference/{id} is stored damaged")))?;
    let report = current_report(ctx, &description).await?;
    let now = Visibility::of(&description);
    let wanted = now.changed(&asked.hide, &asked.show, asked.archived);
    if wanted == now && of_report(&report).masks == wanted.masks {
        return Ok(Ok(Answer { kind: Kind::Unchanged, ..stored }));
    }
    if let Some(fault) = wanted.fault() {
        return Err(Problem::with(Category::Invalid, vec![fault.at("Parameters.parameter")]));
    }
    let at = incoming::now(ctx);
    let acts = acts(&now, &wanted);
    let before =
        Before::read(ctx, "DiagnosticReport", element::id(&report).unwrap_or_default(), Wanted::default());
    let before = before.await?;
    let version = stored.version + 1;
    let ids = SeededIds::new(at, format!("{id}|{version}"));
    let mut described = description;
    wanted.describe(&mut described);
    let described = meta::stamp(described, id, version, at);
    let mut labelled = report;
    wanted.label(&mut labelled);
    let report_id = element::id(&labelled).unwrap_or_default().to_owned();
    let labelled = meta::stamp(labelled, &report_id, before.next(), at);
    let versions = editions::ids(&editions::of(ctx, &labelled).await?);
    let holdings = dispatch::holdings(ctx, &versions, Needless::Nothing).await?;
    let changed = Changed {
        description: &described,
        visibility: &wanted,
        acts: &acts,
        by: &asked.by,
        reference: &asked.reference,
        at,
    };
    let Dispatch { deliveries, stops, tasks, .. } =
        dispatch::change(&changed, &holdings.held, &ctx.settings.destinations, &ids)?;

    let mut unit = Unit::new("visibility", at);
    unit.writes.push(Write::new(&described, Expect::Version(stored.version))?);
    unit.writes.push(before.write(&labelled)?);
    let targets = [format!("DocumentReference/{id}"), format!("DiagnosticReport/{report_id}")];
    let provenance = record::provenance(&targets, asked, at);
    for resource in tasks.iter().chain([&meta::stamp(provenance, &ids.next(), 1, at)]) {
        unit.writes.push(Write::new(resource, Expect::New)?);
    }
    (unit.stops, unit.deliveries) = (stops, deliveries);
    Ok(match ctx.store.commit(unit).await? {
        Committed::Written(at) => Ok(create::answer(Kind::Updated, described, at, Vec::new())?),
        Committed::Refused(violation) => Err(violation),
    })
}

/// What those who have the document are told.
fn acts(now: &Visibility, wanted: &Visibility) -> Vec<Act> {
    let visibility = (now.masks != wanted.masks).then_some(Act::Visibility);
    let archive = if wanted.archived { Act::Archive } else { Act::Unarchive };
    visibility.into_iter().chain((now.archived != wanted.archived).then_some(archive)).collect()
}

/// The signed report whose current document this describes.
async fn current_report(ctx: &Context, description: &Value) -> Result<Value, Problem> {
    let refused = |text: String| {
        Err(Problem::new(Category::Invalid, "business-rule", text).at("DocumentReference.status"))
    };
    let related =
        element::at(description, "context").into_iter().flat_map(|context| element::list(context, "related"));
    let mut named =
        related.filter_map(|one| element::str_at(one, "reference")?.strip_prefix("DiagnosticReport/"));
    let report = match named.next().filter(|_| editions::is_made_here(description)) {
        Some(id) => read::current(ctx, "DiagnosticReport", id).await?,
        None => None,
    };
    let Some(report) = report else {
        return refused("this describes no document of a report that was signed here".to_owned());
    };
    match element::str_at(description, "status") {
        Some("current") if is_final(&report) => Ok(report),
        Some("superseded") => {
            let editions = editions::of(ctx, &report).await?;
            let current =
                editions.iter().find(|one| one["status"] == "current").and_then(element::local_reference);
            let current =
                current.map_or_else(|| "withdrawn".to_owned(), |current| format!("{current}: ask it there"));
            refused(format!("a newer version has taken the place of this document, which is {current}"))
        }
        _ => refused("the document is withdrawn: nothing of it changes any more".to_owned()),
    }
}

/// The report as a client sends it again, hidden from all from whom the document of the current one is hidden: a correction
/// never shows what was hidden.
pub(super) fn kept(current: &Value, resource: &Value) -> Value {
    let (now, sent) = (of_report(current), of_report(resource));
    let mut kept = resource.clone();
    if is_final(current) && now.masks.iter().any(|mask| !sent.hides(&mask.code)) {
        let codes: Vec<String> = now.masks.iter().map(|mask| mask.code.clone()).collect();
        sent.changed(&codes, &[], None).label(&mut kept);
    }
    kept
}

/// Refuses to change the description of a signed document in another way than those that tell its recipients.
///
/// # Errors
/// `Invalid`, with what to call.
pub(super) fn refuse_other_ways(before: &Value, after: &Value) -> Result<(), Problem> {
    let is_ours =
        element::resource_type(before) == Some("DocumentReference") && editions::is_made_here(before);
    if !is_ours || content::same_content(before, after) {
        return Ok(());
    }
    let differs = |name: &str| before.get(name) != after.get(name);
    let (id, place) = (element::id(before).unwrap_or_default(), ["status", "securityLabel", "extension"]);
    let place = place.into_iter().find(|name| differs(name));
    let instead = match place {
        Some("status") => {
            "withdraw its report by an update of the DiagnosticReport to the status entered-in-error that says why, or replace \
             the document by a correction of that report"
                .to_owned()
        }
        Some(_) => format!("hide, show or archive the document with POST /DocumentReference/{id}/$visibility"),
        None => "correct the report that it is made of".to_owned(),
    };
    let text = format!(
        "this describes the document of a signed report as its recipients have it, and they would not be told: {instead}"
    );
    let at =
        place.map_or_else(|| "DocumentReference".to_owned(), |place| format!("DocumentReference.{place}"));
    Err(Problem::new(Category::Invalid, "business-rule", text).at(&at))
}

#[cfg(test)]
mod tests {
    use crate::json::json;

    use super::*;

    #[test]
    fn a_correction_stays_hidden_and_a_draft_is_what_it_says() {
        let report = |status: &str, codes: &[&str]| {
            let security: Vec<Value> = codes.iter().map(|code| json!({"code": code})).collect();
            json!({"resourceType": "DiagnosticReport", "status": status, "meta": {"security": security}})
        };
        let check = |status: &str, now: &[&str], sent: &[&str], expected: &[&str]| {
            let kept = of_report(&kept(&report(status, now), &report("corrected", sent)));
            let codes: Vec<&str> = kept.masks.iter().map(|mask| mask.code.as_str()).collect();
            assert_eq!(codes, expected, "{status} {now:?} {sent:?}");
        };
        check("final", &["MASQUE_PS"], &[], &["MASQUE_PS"]);
        check("final", &["MASQUE_PS"], &["N"], &["MASQUE_PS"]);
        check("final", &[], &["MASQUE_PS"], &["MASQUE_PS"]);
        check("preliminary", &["MASQUE_PS"], &[], &[]);
        let same = report("corrected", &["R", "MASQUE_PS"]);
        assert_eq!(
            kept(&report("final", &["MASQUE_PS"]), &same),
            same,
            "what it says already stays as it is"
        );
    }
}
