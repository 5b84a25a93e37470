//! `ADT^A01 A04 A05 A08 A28 A31`: a patient is created, or brought up to date by identifier. Where the hospital sends the
//! messages of all its patients (`mllp.known_patients_only`), nobody is created: only those who are followed here are brought
//! up to date.

use crate::json::{Value, json};

use super::commit::{Ended, Rounds, commit, sound};
use super::overlay::overlay;
use super::pid::Pid;
use super::{consent, find, reading};
use crate::fhir::{element, meta};
use crate::hl7v2::{Header, Message};
use crate::interaction::{Context, content, create, incoming, patient};
use crate::problem::Problem;
use crate::store::{Expect, Guard, Unit, Write};

/// Takes the identity of a message.
///
/// # Errors
/// `Invalid` and `Conflict` with the place in the message.
pub(super) async fn take(ctx: &Context, message: &Message, header: &Header) -> Result<(), Problem> {
    let pid = Pid::read(message, reading(ctx))?;
    let mut rounds = Rounds::new(ctx);
    loop {
        rounds.begin()?;
        if rounds.is_over(round(ctx, message, header, &pid).await?) {
            return Ok(());
        }
    }
}

async fn round(ctx: &Context, message: &Message, header: &Header, pid: &Pid<'_>) -> Result<Ended, Problem> {
    let found = find::followed(ctx, &pid.numbers, "PID-3").await?;
    if found.is_none() && ctx.settings.known_patients_only {
        ignored(header);
        return Ok(Ended::Done);
    }
    let mut unit = Unit::new("identity", incoming::now(ctx));
    let written = write(ctx, &mut unit, found.as_ref(), pid).await?;
    let known = || found.as_ref().and_then(element::local_reference);
    let Some(patient) = written.clone().or_else(known) else { return Ok(Ended::Done) };
    let opposition = consent::write(ctx, &mut unit, &patient, &[], message).await?;
    if written.is_none() && !opposition {
        return Ok(Ended::Done);
    }
    commit(ctx, unit, message, header, &patient).await
}

/// A message about a patient who is not followed here, where the hospital sends everybody's: taken, and nothing of it is kept.
pub(super) fn ignored(header: &Header) {
    metrics::counter!("vigie_messages_ignored_total", "event" => header.event.clone(), "reason" => "unknown-patient")
        .increment(1);
}

/// Adds the write of the patient to the unit, if there is anything to write; `Patient/id` then.
///
/// # Errors
/// `Invalid` when the message leads to no valid patient.
pub(super) async fn write(
    ctx: &Context,
    unit: &mut Unit,
    found: Option<&Value>,
    pid: &Pid<'_>,
) -> Result<Option<String>, Problem> {
    let before = found.cloned().unwrap_or_else(|| json!({"resourceType": "Patient", "active": true}));
    let after = overlay(&before, pid)?;
    put(ctx, unit, found, after, pid, &[]).await
}

/// The same with a patient that is made already; `ends` are records that the unit ends, as `Patient/id`.
///
/// # Errors
/// As [`write`], and `Conflict` where the site has a second record with one INS refused.
pub(super) async fn put(
    ctx: &Context,
    unit: &mut Unit,
    found: Option<&Value>,
    after: Value,
    pid: &Pid<'_>,
    ends: &[&str],
) -> Result<Option<String>, Problem> {
    if found.is_some_and(|before| content::same_content(before, &after)) {
        return Ok(None);
    }
    sound(&after)?;
    let known = found.and_then(|before| Some((element::id(before)?.to_owned(), meta::version(before)?)));
    let (id, version, expect) = match known {
        Some((id, version)) => (id, version + 1, Expect::Version(version)),
        None => {
            unit.guards.extend(find::queries(&pid.numbers)?.into_iter().map(Guard::NoneMatches));
            (ctx.ids.next(), 1, Expect::New)
        }
    };
    let resource = meta::stamp(after, &id, version, unit.at);
    unit.streams.extend(create::stream(&resource));
    unit.writes.push(Write::new(&resource, expect)?);
    // Whoever sent the message is told by the Task: an acknowledgment has no place for a warning.
    patient::guard(ctx, found, &resource, ends, unit).await.map_err(|problem| problem.at("PID-3"))?;
    Ok(Some(format!("Patient/{id}")))
}
