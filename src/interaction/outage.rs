//! A destination that does not answer is one Task for a person (FHIR R4), however much waits there: since when, how many
//! deliveries, and whose. It is brought up to date, and ends by itself when the destination answers.
//!
//! - One for each destination and outage, over all replicas and whatever dies: its id is made of the destination and of its last
//!   answer before, so that one replica writes it and the others find it; each later version expects the one before. A person who
//!   closes it is not told of the same outage again.
//! - A destination that answers may still not take one delivery, which breaks off each time: such deliveries are one Task too.
//! - What it costs depends on the number of destinations: [`HEADS_MAX`] deliveries of each are looked at, and a Task is written
//!   again after [`REFRESH`] at the earliest.
//!
//! What a destination refuses, with a reason, is a Task of its own from the attempt on (`delivery::undelivered`).

mod task;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::json::Value;
use jiff::{SignedDuration, Timestamp};

use super::dispatch::held::OPEN;
use super::{Context, incoming, library, read};
use crate::clock::{Ids, SeededIds};
use crate::fhir::element;
use crate::outbox::Outcome;
use crate::problem::Problem;
use crate::store::{Committed, DeliveryRecord, Expect, Overdue, Unit, Write};
use crate::terminology::UNANSWERED;
use task::{Kind, Told};

/// Deliveries of one destination that are looked at.
const HEADS_MAX: usize = 200;
/// How long a Task stays as it is, even if the numbers in it change.
const REFRESH: SignedDuration = SignedDuration::from_mins(15);
/// A destination is away when it has not answered anything for this part of a person's patience, and never before
/// [`QUIET_MIN`]: the last answer is known to a minute.
const QUIET_PART: i32 = 4;
const QUIET_MIN: SignedDuration = SignedDuration::from_mins(2);

/// Brings the Tasks about destinations that do not answer up to date; how many were written. `patience` is how long a
/// delivery may go without an answer that counts before a person is told.
///
/// # Errors
/// Those of the store: what was written stays, and the rest is found again by the next call.
pub async fn tell_outages(ctx: &Context, patience: Duration) -> Result<usize, Problem> {
    let at = incoming::now(ctx);
    let patience = SignedDuration::try_from(patience).unwrap_or(SignedDuration::MAX);
    let Ok(before) = at.checked_sub(patience) else { return Ok(0) };
    let mut open = open(ctx).await?;
    let mut written = 0;
    for overdue in ctx.store.overdue(before, HEADS_MAX).await? {
        let tasks = open.remove(&overdue.destination).unwrap_or_default();
        let scene = Scene::new(&overdue, at, QUIET_MIN.max(patience / QUIET_PART));
        written += scene.tell(ctx, tasks).await?;
    }
    // Nothing waits long at these any more.
    for task in open.into_values().flatten() {
        written += write(ctx, &task.ended(at, "Plus aucun envoi n'y attend sans réponse.")).await?;
    }
    Ok(written)
}

/// The Tasks that are not done with, by destination.
async fn open(ctx: &Context) -> Result<BTreeMap<String, Vec<Told>>, Problem> {
    let system = format!("{UNANSWERED}|");
    let params = [("identifier", system.as_str()), ("status", OPEN)];
    let mut open = BTreeMap::<String, Vec<Told>>::new();
    for stored in library::read_all(ctx.store.as_ref(), "Task", &params).await? {
        let told =
            read::legible(&stored).and_then(|task| Told::of(task, stored.version, stored.last_updated));
        if let Some(told) = told {
            open.entry(told.destination.clone()).or_default().push(told);
        }
    }
    Ok(open)
}

/// What is seen of one destination.
struct Scene<'a> {
    overdue: &'a Overdue,
    at: Timestamp,
    /// Deliveries whose last attempt got no answer, oldest first.
    silent: Vec<&'a DeliveryRecord>,
    /// It has not answered anything for long.
    away: bool,
}

impl<'a> Scene<'a> {
    fn new(overdue: &'a Overdue, at: Timestamp, quiet: SignedDuration) -> Self {
        let silent: Vec<_> = overdue.heads.iter().filter(|head| is_silent(head)).collect();
        let answers = overdue.answered_at.is_some_and(|answered| at.duration_since(answered) <= quiet);
        Self { overdue, at, away: !silent.is_empty() && !answers, silent }
    }

    async fn tell(&self, ctx: &Context, tasks: Vec<Told>) -> Result<usize, Problem> {
        let mut written = 0;
        let outage = self.outage();
        let mut told = false;
        for task in &tasks {
            let over = match task.kind {
                Kind::Away if task.outage != outage => Some("La destination répond de nouveau."),
                Kind::Away if self.silent.is_empty() => Some("Plus aucun envoi n'y attend sans réponse."),
                Kind::Stuck if !self.still_stuck(task) => Some("Ces envois ne restent plus sans réponse."),
                _ => None,
            };
            told |= over.is_none() && (task.kind == Kind::Away || !self.away);
            written += match over {
                Some(why) => write(ctx, &task.ended(self.at, why)).await?,
                None if self.at.duration_since(task.written_at) < REFRESH => 0,
                None => match self.now(task.kind).and_then(|now| task.again(&now, self.at)) {
                    Some(next) => write(ctx, &next).await?,
                    None => 0,
                },
            };
        }
        if !told && let Some(now) = self.now(if self.away { Kind::Away } else { Kind::Stuck }) {
            written += self.begin(ctx, &now).await?;
        }
        Ok(written)
    }

    /// A Task that was never there; one that a person closed is not written again.
    async fn begin(&self, ctx: &Context, now: &task::Now<'_>) -> Result<usize, Problem> {
        let (named, time) = match now.kind {
            Kind::Away => (String::new(), self.overdue.answered_at),
            Kind::Stuck => (now.heads[0].delivery.id.clone(), Some(now.heads[0].delivery.created_at)),
        };
        let seed = format!("unanswered|{}|{}|{named}", self.overdue.destination, now.kind.code());
        let id = SeededIds::new(time.unwrap_or(Timestamp::UNIX_EPOCH), seed).next();
        if ctx.store.read("Task", &id).await?.is_some() {
            return Ok(0);
        }
        write(ctx, &(now.first(&id, self.outage(), self.at), Expect::New)).await
    }

    /// What a Task of that kind says now; nothing where there is nothing to say.
    fn now(&self, kind: Kind) -> Option<task::Now<'_>> {
        let heads = match kind {
            Kind::Away => self.silent.clone(),
            Kind::Stuck => self.stuck(),
        };
        (!heads.is_empty()).then_some(task::Now { kind, overdue: self.overdue, heads })
    }

    /// Those that were tried in vain while the destination answered others.
    fn stuck(&self) -> Vec<&'a DeliveryRecord> {
        let Some(since) = self.overdue.answering_since.filter(|_| !self.away) else { return Vec::new() };
        let in_vain =
            |head: &&DeliveryRecord| head.attempts.last().is_some_and(|last| last.started_at > since);
        self.silent.iter().copied().filter(in_vain).collect()
    }

    fn still_stuck(&self, task: &Told) -> bool {
        let silent: BTreeSet<&str> = self.silent.iter().map(|head| head.delivery.id.as_str()).collect();
        task.deliveries.iter().any(|id| silent.contains(id.as_str()))
    }

    /// By which an outage is known: the last answer before it, in microseconds.
    fn outage(&self) -> i64 {
        self.overdue.answered_at.map_or(0, Timestamp::as_microsecond)
    }
}

/// The last attempt got no answer, neither yes nor no.
fn is_silent(head: &DeliveryRecord) -> bool {
    let last = head.attempts.last().map(|attempt| &attempt.outcome);
    matches!(last, Some(Outcome::Unreachable { .. } | Outcome::Expired))
}

/// Writes one Task; 0 when another replica or a person came first, which the next look sees.
async fn write(ctx: &Context, (task, expect): &(Value, Expect)) -> Result<usize, Problem> {
    let mut unit = Unit::new("outage", incoming::now(ctx));
    unit.writes.push(Write::new(task, *expect)?);
    let written = matches!(ctx.store.commit(unit).await?, Committed::Written(_));
    if written && *expect == Expect::New {
        tracing::warn!(task = element::id(task).unwrap_or_default(), "a destination does not answer");
    }
    Ok(usize::from(written))
}
