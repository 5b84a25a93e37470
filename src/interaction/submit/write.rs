//! Writing an accepted response with all that it becomes, in one transaction.

use crate::json::Value;
use jiff::Timestamp;

use super::decide::{self, Judgement, Origin};
use super::gather::Gathered;
use super::{Arrival, RESPONSE, Round, history};
use crate::clock::SeededIds;
use crate::fhir::identifier::Identifier;
use crate::fhir::{element, meta};
use crate::interaction::update::Before;
use crate::interaction::{Answer, Context, Kind, create, read};
use crate::pathway::{Change, Derived};
use crate::problem::{Issue, Problem};
use crate::store::{Committed, Expect, Guard, Series, Unit, Violation};

/// Key space of identifiers that responses have claimed.
const IDENTIFIERS: &str = "QuestionnaireResponse.identifier";
/// Key space of the contents of responses without identifier.
const CONTENTS: &str = "QuestionnaireResponse content";

/// Commits the response and what it becomes.
pub(super) async fn accept(
    ctx: &Context,
    arrival: &mut Arrival<'_>,
    before: &Before,
    mut gathered: Gathered,
    judgement: Judgement,
    digest: &str,
) -> Result<Round, Problem> {
    let is_withdrawn = decide::is_withdrawn(&gathered.situation.response);
    arrival.let_go();
    let (id, version, at) = (&arrival.id, before.next(), arrival.received);
    let reference = format!("{RESPONSE}/{id}");
    let origin = Origin { reference: &reference, version };
    let ids = SeededIds::new(at, format!("{id}|{version}"));
    let situation = &gathered.situation;
    let derived = decide::derive(situation, &situation.existing, &judgement, &origin, &ids);
    let response = meta::stamp(gathered.situation.response.take(), id, version, at);

    let mut unit = Unit::new("submit", at);
    unit.guards.extend(arrival.condition.clone().map(Guard::NoneMatches));
    unit.guards.extend(before.condition());
    unit.guards.extend(claim(&response, before, &reference, digest));
    stand_on(&gathered, &mut unit);
    let (write, body) = before.write_with_body(&response)?;
    unit.writes.push(write);
    add(derived, at, &mut unit)?;
    // Many submissions wait here for their commit side by side: none of them holds what it was decided with.
    let outcome = judgement.into_issues();
    drop((gathered, response));
    match ctx.store.commit(unit).await? {
        Committed::Written(last_updated) => Ok(Round::Answered(Ok(Answer {
            kind: before.kind(),
            rtype: RESPONSE.to_owned(),
            id: id.clone(),
            version,
            last_updated,
            body: body.at(last_updated),
            outcome,
        }))),
        Committed::Refused(violation @ Violation::Exists(_)) if arrival.update.is_some() => {
            Ok(Round::Answered(Err(create::refused(&violation))))
        }
        Committed::Refused(Violation::Exists(ids)) => {
            Ok(Round::Answered(create::existing(ctx, RESPONSE, &ids).await))
        }
        Committed::Refused(Violation::Key { holder, digest: first }) => {
            taken_key(ctx, holder, first == digest.as_bytes(), is_withdrawn).await
        }
        Committed::Refused(
            Violation::Stream { .. } | Violation::Version { .. } | Violation::Delivery { .. },
        ) => Ok(Round::Again),
    }
}

/// The decision holds only as long as nothing else about the person is written, in any of the records. All of their streams
/// move, that of a record whose reader does not know of the merge yet, too.
pub(super) fn stand_on(gathered: &Gathered, unit: &mut Unit) {
    for (patient, sequence) in &gathered.streams {
        unit.guards.push(Guard::Stream { patient: patient.clone(), sequence: *sequence });
        unit.streams.push(patient.clone());
    }
}

/// Adds what was derived: new resources at version 1, existing ones at their next version.
pub(super) fn add(derived: Derived, at: Timestamp, unit: &mut Unit) -> Result<(), Problem> {
    let (mut series, stamp) = (Series::default(), meta::Stamp::new(at));
    for one in derived.resources {
        let (expect, version) = match one.change {
            Change::New => (Expect::New, 1),
            Change::Update => {
                let current = meta::version(&one.body).ok_or_else(|| {
                    Problem::internal("an existing resource was derived without its version")
                })?;
                (Expect::Version(current), current + 1)
            }
        };
        let id = element::id(&one.body)
            .ok_or_else(|| Problem::internal("a resource was derived without an id"))?
            .to_owned();
        let stamped = match one.change {
            Change::New => stamp.first(one.body, &id),
            Change::Update => meta::stamp(one.body, &id, version, at),
        };
        series.add(stamped, expect)?;
    }
    unit.writes.extend(series.into_writes());
    Ok(())
}

/// What is told when the identifier names another response, or one that was withdrawn since.
pub(super) fn taken(holder: &str, is_gone: bool) -> Issue {
    if is_gone {
        return Issue::error(
            "duplicate",
            format!(
                "this was received as {holder}, which was withdrawn since: whether it holds again nobody can tell; to restore \
                 it, PUT it to {holder}"
            ),
        )
        .at(format!("{RESPONSE}.identifier"))
        .text("Cette réponse a été annulée, puis envoyée de nouveau : vérifier laquelle des deux vaut.");
    }
    Issue::error(
        "duplicate",
        format!(
            "the identifier of this response names {holder}, whose content differs: to amend that response, PUT the new \
             content to {holder}; a new response needs its own identifier"
        ),
    )
    .at(format!("{RESPONSE}.identifier"))
    .text("Cet identifiant désigne déjà une réponse au contenu différent.")
}

/// How a new response ends whose key is claimed already; `None` when it is free.
pub(super) async fn first(
    ctx: &Context,
    arrival: &Arrival<'_>,
    before: &Before,
    digest: &str,
) -> Result<Option<Round>, Problem> {
    let Some((space, key)) = key(&arrival.response, before, digest) else { return Ok(None) };
    match ctx.store.claim(space, &key).await? {
        Some(claim) => {
            let same = claim.digest == digest.as_bytes();
            taken_key(ctx, claim.holder, same, decide::is_withdrawn(&arrival.response)).await.map(Some)
        }
        None => Ok(None),
    }
}

/// What a key that is claimed already makes of the response: the first one again when it says the same, unless that does not
/// hold any more and this one says that it does.
async fn taken_key(ctx: &Context, holder: String, same: bool, is_withdrawn: bool) -> Result<Round, Problem> {
    if !same {
        return Ok(Round::Taken { holder, is_gone: false });
    }
    let id = holder.rsplit('/').next().unwrap_or(&holder);
    let Some(stored) = ctx.store.read(RESPONSE, id).await? else {
        return Ok(Round::Answered(Err(Problem::not_found(&holder))));
    };
    if !is_withdrawn && (stored.deleted || decide::is_withdrawn(&stored.resource()?)) {
        return Ok(Round::Taken { holder, is_gone: true });
    }
    Ok(Round::Answered(read::of(Kind::Found, stored)))
}

/// The claim on what makes this response the same as a repeat of it.
fn claim(response: &Value, before: &Before, holder: &str, digest: &str) -> Option<Guard> {
    let (space, key) = key(response, before, digest)?;
    Some(Guard::Key {
        space: space.to_owned(),
        key,
        holder: holder.to_owned(),
        digest: digest.as_bytes().to_vec(),
    })
}

/// The space and the key that this response claims, if it claims any.
pub(super) fn key(response: &Value, before: &Before, digest: &str) -> Option<(&'static str, String)> {
    let identifier = |response: &Value| response.get("identifier").and_then(Identifier::of);
    let own = identifier(response);
    match (&before.resource, &own) {
        // The response has claimed its identifier before: an amendment keeps it.
        (Some(current), _) if identifier(current) == own => None,
        (_, Some(identifier)) => Some((IDENTIFIERS, identifier.token())),
        // Without a moment, equal answers may well be two responses: nothing tells a repeat from a quiet next week.
        (None, None) if history::moment(response).is_some() => Some((CONTENTS, digest.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn a_response_claims_its_identifier_or_its_content_if_that_has_a_moment() {
        let check = |response: Value, expected: Option<(&str, &str)>| {
            let claimed = claim(&response, &Before::nothing(), "QuestionnaireResponse/a", "digest");
            let claimed = claimed.as_ref().map(|guard| match guard {
                Guard::Key { space, key, .. } => (space.as_str(), key.as_str()),
                other => panic!("{other:?}"),
            });
            assert_eq!(claimed, expected);
        };
        check(json!({"identifier": {"system": "s", "value": "v"}}), Some((IDENTIFIERS, "s|v")));
        check(json!({"authored": "2026-01-05T08:00:00+01:00"}), Some((CONTENTS, "digest")));
        check(json!({}), None);
    }
}
