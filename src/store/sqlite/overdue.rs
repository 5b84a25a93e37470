//! What has waited for long, destination by destination.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::delivery::{self, COLUMNS};
use super::lease::next_destination;
use crate::problem::Problem;
use crate::store::version::timestamp;
use crate::store::{DeliveryRecord, Overdue};

pub(super) fn overdue(
    conn: &Connection,
    created_before: Timestamp,
    limit: usize,
) -> Result<Vec<Overdue>, Problem> {
    let mut found = Vec::new();
    let mut last = String::new();
    while let Some(destination) = next_destination(conn, &last)? {
        let heads = heads(conn, &destination, created_before, limit)?;
        if !heads.is_empty() {
            let (answered_at, answering_since) = answered(conn, &destination)?;
            let waiting = waiting(conn, &destination)?;
            found.push(Overdue {
                destination: destination.clone(),
                answered_at,
                answering_since,
                waiting,
                heads,
            });
        }
        last = destination;
    }
    Ok(found)
}

fn heads(
    conn: &Connection,
    destination: &str,
    created_before: Timestamp,
    limit: usize,
) -> Result<Vec<DeliveryRecord>, Problem> {
    let mut statement = conn.prepare_cached(&format!(
        "/* heads */ SELECT {COLUMNS} FROM delivery WHERE head = 1 AND destination = ?1 AND created_at <= ?2
         ORDER BY created_at, seq LIMIT ?3"
    ))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query((destination, created_before.as_microsecond(), limit))?;
    let mut heads = Vec::new();
    while let Some(row) = rows.next()? {
        let known = delivery::known(row)?;
        let attempts = delivery::last_attempt(conn, known.seq)?.into_iter().collect();
        let (delivery, progress) = (known.delivery, known.progress);
        heads.push(DeliveryRecord { delivery, payload_bytes: 0, progress, attempts });
    }
    Ok(heads)
}

fn answered(conn: &Connection, destination: &str) -> Result<(Option<Timestamp>, Option<Timestamp>), Problem> {
    let row: Option<(i64, i64)> = conn
        .prepare_cached(
            "/* answered */ SELECT answered_at, answering_since FROM destination WHERE name = ?1",
        )?
        .query_row([destination], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match row {
        Some((at, since)) => Ok((Some(timestamp(at)?), Some(timestamp(since)?))),
        None => Ok((None, None)),
    }
}

fn waiting(conn: &Connection, destination: &str) -> Result<usize, Problem> {
    let mut statement = conn.prepare_cached(
        "/* waiting */ SELECT count(*) FROM (SELECT 1 FROM delivery WHERE open = 1 AND destination = ?1 LIMIT ?2)",
    )?;
    let limit = i64::try_from(Overdue::WAITING_MAX).unwrap_or(i64::MAX);
    Ok(statement.query_row((destination, limit), |row| row.get(0))?)
}
