//! Leasing: the only writing that needs no place in the feed, so that it does not wait for the lock.
//!
//! Rows that another replica is leasing or settling are passed over. What is a head stays one: only settlements,
//! orders and new deliveries, which hold the lock, make and unmake heads.

use jiff::SignedDuration;
use tokio_postgres::Transaction;

use super::columns::{Attempts, Standing};
use super::delivery::{self, COLUMNS, Known};
use super::statement::{ATTEMPTS, PROGRESS};
use crate::outbox::{self, Attempt, Event, Outcome, Progress};
use crate::problem::Problem;
use crate::store::{LeaseRequest, Leased};

/// One delivery after it was leased.
struct Taken {
    known: Known,
    /// The attempt whose lease had expired.
    expired: Option<Attempt>,
    progress: Progress,
    leased: Leased,
}

pub(super) async fn lease(
    client: &mut deadpool_postgres::Object,
    request: &LeaseRequest,
) -> Result<Vec<Leased>, Problem> {
    let transaction = client.build_transaction().start().await?;
    let due = due(&transaction, request).await?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let numbers: Vec<(i64, u32)> = due.iter().map(|known| (known.seq, known.progress.attempts)).collect();
    let mut before = delivery::outcomes(transaction.client(), &numbers).await?;
    let mut taken = due
        .into_iter()
        .map(|known| {
            let before = before.remove(&known.seq);
            take(known, before, request)
        })
        .collect::<Result<Vec<_>, _>>()?;
    save(&transaction, &taken).await?;
    let seqs: Vec<i64> = taken.iter().map(|taken| taken.known.seq).collect();
    let mut payloads = delivery::payloads(transaction.client(), &seqs).await?;
    for one in &mut taken {
        let payload = payloads.remove(&one.known.seq).flatten();
        one.leased.damaged = payload.is_none();
        one.leased.delivery.payload = payload.unwrap_or_default();
    }
    transaction.commit().await?;
    Ok(taken.into_iter().map(|taken| taken.leased).collect())
}

/// The destinations that something waits for, found by steps in the index, however much waits; the last one is NULL.
pub(super) const WAITING: &str = "waiting (destination) AS (
       SELECT min(destination) FROM delivery WHERE head
       UNION ALL
       SELECT (SELECT min(destination) FROM delivery WHERE head AND destination > waiting.destination)
       FROM waiting WHERE waiting.destination IS NOT NULL)";

/// What is due, destination by destination, each within what the worker can still take on for it.
async fn due(
    transaction: &deadpool_postgres::Transaction<'_>,
    request: &LeaseRequest,
) -> Result<Vec<Known>, Problem> {
    let select = format!(
        "/* due */ WITH RECURSIVE {WAITING},
         room (destination, free) AS (
           SELECT waiting.destination, greatest($2 - coalesce(busy.n, 0), 0)
           FROM waiting LEFT JOIN unnest($3::text[], $4::bigint[]) AS busy (destination, n)
             ON busy.destination = waiting.destination
           WHERE waiting.destination IS NOT NULL)
         SELECT due.* FROM room CROSS JOIN LATERAL (
           SELECT {COLUMNS} FROM delivery
           WHERE head AND delivery.destination = room.destination AND due_at <= $1
           ORDER BY due_at LIMIT room.free FOR UPDATE SKIP LOCKED) AS due
         ORDER BY due.due_at, due.seq"
    );
    let statement = transaction.prepare_cached(&select).await?;
    let limit = bounded(request.limit);
    let (names, counts): (Vec<&str>, Vec<i64>) =
        request.under_way.iter().map(|(name, n)| (name.as_str(), bounded(*n))).unzip();
    let rows =
        transaction.query(&statement, &[&request.now.as_microsecond(), &limit, &names, &counts]).await?;
    rows.iter().map(delivery::known).collect()
}

fn bounded(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn take(known: Known, before: Option<Outcome>, request: &LeaseRequest) -> Result<Taken, Problem> {
    let now = request.now;
    let mut progress = known.progress.clone();
    let mut expired = None;
    if let Some((_, started_at)) = progress.lease {
        expired =
            Some(Attempt { number: progress.attempts, started_at, ended_at: now, outcome: Outcome::Expired });
        progress = outbox::settle(&progress, Event::Expire { at: now })?;
    }
    let until = now
        .checked_add(SignedDuration::from_secs(i64::from(request.lease_seconds)))
        .map_err(|_| Problem::internal("a lease would end after the end of time"))?;
    let failures = progress.failures;
    progress = outbox::settle(&progress, Event::Lease { owner: request.owner.clone(), at: now, until })?;
    let delivery = known.delivery.clone();
    let before = expired.as_ref().map(|expired| expired.outcome.clone()).or(before);
    let leased = Leased {
        delivery,
        damaged: false,
        attempt: progress.attempts,
        failures,
        before,
        started_at: now,
        until,
    };
    Ok(Taken { known, expired, progress, leased })
}

async fn save(transaction: &deadpool_postgres::Transaction<'_>, taken: &[Taken]) -> Result<(), Problem> {
    let (mut standing, mut attempts) = (Standing::default(), Attempts::default());
    for one in taken {
        standing.push(one.known.seq, &one.progress);
        if let Some(expired) = &one.expired {
            attempts.push(one.known.seq, expired);
        }
    }
    let statement = transaction.prepare_cached(PROGRESS).await?;
    Transaction::execute(transaction, &statement, &standing.columns()).await?;
    if !attempts.delivery.is_empty() {
        let statement = transaction.prepare_cached(ATTEMPTS).await?;
        Transaction::execute(transaction, &statement, &attempts.columns()).await?;
    }
    Ok(())
}
