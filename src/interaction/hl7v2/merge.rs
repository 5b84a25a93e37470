//! `ADT^A40` and `ADT^A47`: two records turn out to be of one patient, or a patient gets another number. Nothing is lost:
//! the record that ends says by which it is replaced, and keeps all that was written about it; old numbers still lead to
//! the patient (FHIR R4, `Patient.link`).

use crate::json::{Value, json};

use super::commit::{Ended, Rounds, commit};
use super::overlay::{overlay, retire};
use super::pid::{Number, Pid, prior};
use super::{consent, find, identity, reading, request};
use crate::fhir::{element, meta};
use crate::hl7v2::{Header, Message};
use crate::interaction::merged::replaced_by;
use crate::interaction::{Context, create, incoming};
use crate::problem::{Category, Problem};
use crate::store::{Expect, Unit, Write};

/// Takes a merge or a change of number.
///
/// # Errors
/// `Invalid` and `Conflict` with the place in the message.
pub(super) async fn take(ctx: &Context, message: &Message, header: &Header) -> Result<(), Problem> {
    let (pid, old) = (Pid::read(message, reading(ctx))?, prior(message, reading(ctx))?);
    let mut rounds = Rounds::new(ctx);
    loop {
        rounds.begin()?;
        if rounds.is_over(round(ctx, message, header, &pid, &old).await?) {
            return Ok(());
        }
    }
}

async fn round(
    ctx: &Context,
    message: &Message,
    header: &Header,
    pid: &Pid<'_>,
    old: &[Number],
) -> Result<Ended, Problem> {
    let survivor = find::followed(ctx, &pid.numbers, "PID-3").await?;
    let ended = ending(ctx, survivor.as_ref(), old).await?;
    let mut unit = Unit::new("merge", incoming::now(ctx));
    let reference = |patient: &Option<Value>| patient.as_ref().and_then(element::local_reference);
    let ends = reference(&ended);
    let known = reference(&survivor).or(ends.clone());
    if known.is_none() && ctx.settings.known_patients_only {
        identity::ignored(header);
        return Ok(Ended::Done);
    }
    let holder = match (survivor, ended) {
        // Nobody here is concerned by more than an identity.
        (survivor, None) => identity::write(ctx, &mut unit, survivor.as_ref(), pid).await?,
        (None, Some(known)) => renumber(ctx, &mut unit, &known, pid, old).await?,
        (Some(survivor), Some(ended)) => {
            let sender = format!("{}/{}", header.sender.application, header.sender.facility);
            Some(merge(ctx, &mut unit, &survivor, &ended, (pid, &sender)).await?)
        }
    };
    let mut holder = holder;
    if let Some(patient) = holder.clone().or(known) {
        let ends: Vec<String> = ends.into_iter().filter(|ends| *ends != patient).collect();
        if consent::write(ctx, &mut unit, &patient, &ends, message).await? {
            holder = Some(patient);
        }
    }
    match holder {
        Some(holder) => commit(ctx, unit, message, header, &holder).await,
        None => Ok(Ended::Done),
    }
}

/// The record of the old numbers, if it is another one than the survivor and has not ended in it already.
async fn ending(ctx: &Context, survivor: Option<&Value>, old: &[Number]) -> Result<Option<Value>, Problem> {
    let survivor = survivor.and_then(element::id);
    let mut records = find::named(ctx, old).await?;
    records.retain(|record| {
        survivor.is_none() || (element::id(record) != survivor && replaced_by(record) != survivor)
    });
    let conflict = |what: &str| Problem::new(Category::Conflict, "duplicate", what).at("MRG-1");
    if records.len() > 1 {
        return Err(conflict(
            "these numbers belong to different patients here: a person has to tell who is who",
        ));
    }
    let record = records.pop();
    if record.as_ref().is_some_and(|record| survivor.is_some() && replaced_by(record).is_some()) {
        return Err(conflict("this record was merged into another patient before"));
    }
    Ok(record)
}

/// The only record there is goes on under its new numbers.
async fn renumber(
    ctx: &Context,
    unit: &mut Unit,
    known: &Value,
    pid: &Pid<'_>,
    old: &[Number],
) -> Result<Option<String>, Problem> {
    let mut after = overlay(known, pid)?;
    let gone: Vec<Number> = old.iter().filter(|number| !pid.numbers.contains(number)).cloned().collect();
    retire(&mut after, &gone);
    identity::put(ctx, unit, Some(known), after, pid, &[]).await
}

/// Both records are written in one unit, and a person is told: what was written about the record that ends stays with it.
async fn merge(
    ctx: &Context,
    unit: &mut Unit,
    survivor: &Value,
    ended: &Value,
    (pid, sender): (&Pid<'_>, &str),
) -> Result<String, Problem> {
    let reference = |patient: &Value| element::local_reference(patient).unwrap_or_default();
    let (stays, ends) = (reference(survivor), reference(ended));
    let mut after = overlay(survivor, pid)?;
    link(&mut after, "replaces", &ends);
    identity::put(ctx, unit, Some(survivor), after, pid, &[&ends]).await?;

    let mut over = ended.clone();
    over["active"] = json!(false);
    link(&mut over, "replaced-by", &stays);
    let (Some(id), Some(version)) = (element::id(ended), meta::version(ended)) else {
        return Err(Problem::internal("a stored patient has no id or version"));
    };
    let over = meta::stamp(over, id, version + 1, unit.at);
    unit.streams.extend(create::stream(&over));
    unit.writes.push(Write::new(&over, Expect::Version(version))?);

    for resource in [
        request::merged(&ctx.ids.next(), &stays, &ends, unit.at),
        request::merge(&ctx.ids.next(), &stays, &ends, sender, unit.at),
    ] {
        unit.writes.push(Write::new(&resource, Expect::New)?);
    }
    Ok(stays)
}

fn link(patient: &mut Value, kind: &str, other: &str) {
    let link = json!({"other": {"reference": other}, "type": kind});
    let mut links: Vec<Value> = element::list(patient, "link").cloned().collect();
    if !links.contains(&link) {
        links.push(link);
    }
    patient["link"] = json!(links);
}
