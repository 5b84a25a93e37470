//! Leasing, settling and ordering deliveries, each inside the writer's transaction.
//!
//! The state machine is [`crate::outbox::settle`]; here its results become rows, and the head of a
//! destination and patient moves on to the next open delivery.

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;

use super::delivery::{self, COLUMNS, Known};
use crate::outbox::{self, Attempt, Event, Outcome, Progress, Stop};
use crate::problem::Problem;
use crate::store::{DeliveryRecord, Halt, LeaseRequest, Leased, Order, Settlement};

pub(super) fn lease(conn: &Connection, request: &LeaseRequest) -> Result<Vec<Leased>, Problem> {
    let due = due(conn, request)?;
    due.into_iter().map(|known| lease_one(conn, known, request)).collect()
}

/// What is due, destination by destination, each within what the worker can still take on for it.
fn due(conn: &Connection, request: &LeaseRequest) -> Result<Vec<Known>, Problem> {
    let mut statement = conn.prepare_cached(&format!(
        "/* due */ SELECT {COLUMNS} FROM delivery WHERE head = 1 AND destination = ?1 AND due_at <= ?2
         ORDER BY due_at LIMIT ?3"
    ))?;
    let mut due = Vec::new();
    let mut last = String::new();
    while let Some(destination) = next_destination(conn, &last)? {
        let limit = i64::try_from(request.free(&destination)).unwrap_or(i64::MAX);
        let mut rows = statement.query((&destination, request.now.as_microsecond(), limit))?;
        while let Some(row) = rows.next()? {
            due.push(delivery::known(row)?);
        }
        last = destination;
    }
    due.sort_by_key(|known| (known.progress.due_at, known.seq));
    Ok(due)
}

/// The next destination, by name, that something waits for: one step in the index, however much waits.
pub(super) fn next_destination(conn: &Connection, last: &str) -> Result<Option<String>, Problem> {
    let mut statement = conn.prepare_cached(
        "/* next_destination */ SELECT min(destination) FROM delivery WHERE head = 1 AND destination > ?1",
    )?;
    Ok(statement.query_row([last], |row| row.get(0))?)
}

fn lease_one(conn: &Connection, known: Known, request: &LeaseRequest) -> Result<Leased, Problem> {
    let now = request.now;
    let mut progress = known.progress;
    let mut before = delivery::outcome(conn, known.seq, progress.attempts)?;
    if let Some((_, started_at)) = progress.lease {
        let expired =
            Attempt { number: progress.attempts, started_at, ended_at: now, outcome: Outcome::Expired };
        record_attempt(conn, known.seq, &expired)?;
        before = Some(Outcome::Expired);
        progress = outbox::settle(&progress, Event::Expire { at: now })?;
    }
    let until = now
        .checked_add(SignedDuration::from_secs(i64::from(request.lease_seconds)))
        .map_err(|_| Problem::internal("a lease would end after the end of time"))?;
    let failures = progress.failures;
    progress = outbox::settle(&progress, Event::Lease { owner: request.owner.clone(), at: now, until })?;
    save(conn, known.seq, &progress)?;
    let mut delivery = known.delivery;
    let payload = delivery::payload(conn, known.seq)?;
    let damaged = payload.is_none();
    delivery.payload = payload.unwrap_or_default();
    Ok(Leased { delivery, damaged, attempt: progress.attempts, failures, before, started_at: now, until })
}

pub(super) fn settle(conn: &Connection, settlements: &[Settlement]) -> Result<(), Problem> {
    for settlement in settlements {
        let known = delivery::find(conn, &settlement.id)?;
        record_attempt(conn, known.seq, &settlement.attempt)?;
        let event = Event::Answer {
            attempt: settlement.attempt.number,
            outcome: settlement.attempt.outcome.clone(),
            retry_at: settlement.retry_at,
        };
        apply(conn, &known, event)?;
    }
    Ok(())
}

pub(super) fn order(
    conn: &Connection,
    id: &str,
    order: Order,
    at: Timestamp,
) -> Result<DeliveryRecord, Problem> {
    let known = delivery::find(conn, id)?;
    let event = match order {
        Order::Stop { by, reason } => Event::Stop(Stop { by, reason, at }),
        Order::Resend => Event::Resend { at },
    };
    apply(conn, &known, event)?;
    delivery::record(conn, delivery::find(conn, id)?, false)
}

/// Stops a delivery as part of a unit.
pub(super) fn halt(conn: &Connection, halt: &Halt) -> Result<(), Problem> {
    apply(conn, &delivery::find(conn, &halt.id)?, Event::Stop(halt.stop.clone()))
}

fn apply(conn: &Connection, known: &Known, event: Event) -> Result<(), Problem> {
    let progress = outbox::settle(&known.progress, event)?;
    if progress == known.progress {
        return Ok(());
    }
    save(conn, known.seq, &progress)?;
    if progress.state.is_open() != known.progress.state.is_open() {
        promote(conn, &known.delivery.destination, &known.delivery.patient)?;
    }
    Ok(())
}

fn save(conn: &Connection, seq: i64, progress: &Progress) -> Result<(), Problem> {
    let lease = progress.lease.as_ref();
    let stop = progress.stop.as_ref();
    let open = progress.state.is_open();
    conn.prepare_cached(
        "/* save */ UPDATE delivery SET state = ?2, open = ?3, head = head AND ?3, attempts = ?4, failures = ?5,
           due_at = ?6, accepted = ?7, lease_owner = ?8, leased_at = ?9, stopped_by = ?10, stopped_reason = ?11,
           stopped_at = ?12
         WHERE seq = ?1",
    )?
    .execute((
        seq,
        progress.state.code(),
        open,
        progress.attempts,
        progress.failures,
        progress.due_at.as_microsecond(),
        progress.accepted,
        lease.map(|(owner, _)| owner),
        lease.map(|(_, at)| at.as_microsecond()),
        stop.map(|stop| &stop.by),
        stop.map(|stop| &stop.reason),
        stop.map(|stop| stop.at.as_microsecond()),
    ))?;
    Ok(())
}

/// The head is the one that is being sent, else the first open one.
fn promote(conn: &Connection, destination: &str, patient: &str) -> Result<(), Problem> {
    conn.prepare_cached(
        "/* promote */ WITH first AS (SELECT seq FROM delivery
           WHERE destination = ?1 AND patient = ?2 AND open = 1 ORDER BY state = 'leased' DESC, seq LIMIT 1)
         UPDATE delivery SET head = (seq = (SELECT seq FROM first))
         WHERE destination = ?1 AND patient = ?2 AND open = 1 AND head <> (seq = (SELECT seq FROM first))",
    )?
    .execute((destination, patient))?;
    Ok(())
}

/// An answer that comes after its lease was found expired takes the place of `expired`; any other stays.
fn record_attempt(conn: &Connection, seq: i64, attempt: &Attempt) -> Result<(), Problem> {
    let (reason, receipt) = match &attempt.outcome {
        Outcome::Accepted(receipt) => (None, Some(receipt)),
        Outcome::Refused { reason } | Outcome::Unreachable { reason } | Outcome::Held { reason } => {
            (Some(reason), None)
        }
        Outcome::Expired => (None, None),
    };
    conn.prepare_cached(
        "/* record_attempt */ INSERT INTO attempt
           (delivery, number, started_at, ended_at, outcome, reason, receipt_status, receipt_reference)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (delivery, number) DO UPDATE SET ended_at = excluded.ended_at, outcome = excluded.outcome,
           reason = excluded.reason, receipt_status = excluded.receipt_status,
           receipt_reference = excluded.receipt_reference
         WHERE outcome = 'expired'",
    )?
    .execute((
        seq,
        attempt.number,
        attempt.started_at.as_microsecond(),
        attempt.ended_at.as_microsecond(),
        attempt.outcome.code(),
        reason,
        receipt.map(|receipt| &receipt.status),
        receipt.and_then(|receipt| receipt.reference.as_ref()),
    ))?;
    if matches!(attempt.outcome, Outcome::Accepted(_) | Outcome::Refused { .. }) {
        record_answer(conn, seq, attempt.ended_at)?;
    }
    Ok(())
}

/// The destination answered: once a minute is enough.
fn record_answer(conn: &Connection, seq: i64, at: Timestamp) -> Result<(), Problem> {
    conn.prepare_cached(
        "/* record_answer */ INSERT INTO destination (name, answered_at, answering_since)
           SELECT destination, ?2, ?2 FROM delivery WHERE seq = ?1
         ON CONFLICT (name) DO UPDATE SET answered_at = excluded.answered_at,
           answering_since = CASE WHEN excluded.answered_at - answered_at > 900000000
             THEN excluded.answered_at ELSE answering_since END
         WHERE excluded.answered_at - answered_at >= 60000000",
    )?
    .execute((seq, at.as_microsecond()))?;
    Ok(())
}
