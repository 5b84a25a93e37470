//! What has waited for long, destination by destination.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::delivery::{self, COLUMNS, attempt};
use super::lease::WAITING;
use crate::outbox::Attempt;
use crate::problem::Problem;
use crate::store::version::timestamp;
use crate::store::{DeliveryRecord, Overdue};

pub(super) async fn overdue(
    client: &Client,
    created_before: Timestamp,
    limit: usize,
) -> Result<Vec<Overdue>, Problem> {
    let select = format!(
        "/* overdue */ WITH RECURSIVE {WAITING}
         SELECT head.* FROM waiting CROSS JOIN LATERAL (
           SELECT {COLUMNS} FROM delivery
           WHERE head AND delivery.destination = waiting.destination AND created_at <= $1
           ORDER BY created_at, seq LIMIT $2) AS head
         ORDER BY head.destination, head.created_at, head.seq"
    );
    let (before, limit) = (created_before.as_microsecond(), i64::try_from(limit).unwrap_or(i64::MAX));
    let rows = client.query_typed(&select, &[(&before, Type::INT8), (&limit, Type::INT8)]).await?;
    let known: Vec<_> = rows.iter().map(delivery::known).collect::<Result<_, _>>()?;
    let seqs: Vec<i64> = known.iter().map(|known| known.seq).collect();
    if seqs.is_empty() {
        return Ok(Vec::new());
    }
    let mut attempts = last_attempts(client, &seqs).await?;
    let mut found: Vec<Overdue> = Vec::new();
    for one in known {
        let attempts = attempts.remove(&one.seq).into_iter().collect();
        let head =
            DeliveryRecord { delivery: one.delivery, payload_bytes: 0, progress: one.progress, attempts };
        match found.last_mut().filter(|last| last.destination == head.delivery.destination) {
            Some(last) => last.heads.push(head),
            None => found.push(Overdue {
                destination: head.delivery.destination.clone(),
                answered_at: None,
                answering_since: None,
                waiting: 0,
                heads: vec![head],
            }),
        }
    }
    describe(client, &mut found).await?;
    Ok(found)
}

/// The last attempt that ended of each delivery.
async fn last_attempts(client: &Client, seqs: &[i64]) -> Result<HashMap<i64, Attempt>, Problem> {
    let select =
        "/* last_attempts */ SELECT last.* FROM unnest($1::bigint[]) AS asked (seq) CROSS JOIN LATERAL (
           SELECT delivery, number, started_at, ended_at, outcome, reason, receipt_status, receipt_reference
           FROM attempt WHERE delivery = asked.seq ORDER BY number DESC LIMIT 1) AS last";
    let rows = client.query_typed(select, &[(&seqs, Type::INT8_ARRAY)]).await?;
    rows.iter().map(|row| Ok((row.get(0), attempt(row)?))).collect()
}

/// How much waits at each destination, and when it answered.
async fn describe(client: &Client, found: &mut [Overdue]) -> Result<(), Problem> {
    let names: Vec<&str> = found.iter().map(|one| one.destination.as_str()).collect();
    let limit = i64::try_from(Overdue::WAITING_MAX).unwrap_or(i64::MAX);
    let select = "/* describe */ SELECT asked.n, asked.answered_at, asked.answering_since,
           (SELECT count(*) FROM (SELECT 1 FROM delivery WHERE open AND destination = asked.name LIMIT $2) AS one)
         FROM (SELECT w.n, w.name, d.answered_at, d.answering_since
           FROM unnest($1::text[]) WITH ORDINALITY AS w (name, n) LEFT JOIN destination d ON d.name = w.name) AS asked
         ORDER BY asked.n";
    let rows = client.query_typed(select, &[(&names, Type::TEXT_ARRAY), (&limit, Type::INT8)]).await?;
    for (one, row) in found.iter_mut().zip(&rows) {
        let time = |column: usize| row.get::<_, Option<i64>>(column).map(timestamp).transpose();
        (one.answered_at, one.answering_since) = (time(1)?, time(2)?);
        one.waiting = usize::try_from(row.get::<_, i64>(3)).unwrap_or(0);
    }
    Ok(())
}
