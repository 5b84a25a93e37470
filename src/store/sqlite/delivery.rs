//! Deliveries as rows: creating, reading and listing them.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use crate::outbox::{Act, Attempt, Delivery, Outcome, Progress, Receipt, State, Stop};
use crate::problem::Problem;
use crate::store::body::{self, Packed};
use crate::store::version::timestamp;
use crate::store::{DeliveryFilter, DeliveryRecord, delivery_damage};

/// A new delivery is the head when nothing open to its destination about its patient came before.
pub(super) fn insert(conn: &Connection, delivery: &Delivery, payload: &Packed) -> Result<(), Problem> {
    let created_at = delivery.created_at.as_microsecond();
    conn.prepare_cached(
        "/* insert */ INSERT INTO delivery (id, destination, kind, patient, subject, content_type, created_at, state,
           open, head, attempts, failures, due_at, accepted, act)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'pending', 1, NOT EXISTS (SELECT 1 FROM delivery
           WHERE destination = ?2 AND patient = ?4 AND open = 1), 0, 0, ?7, 0, ?8)",
    )?
    .execute((
        &delivery.id,
        &delivery.destination,
        &delivery.kind,
        &delivery.patient,
        &delivery.subject,
        &delivery.content_type,
        created_at,
        delivery.act.code(),
    ))?;
    conn.prepare_cached(
        "/* insert */ INSERT INTO payload (delivery, dictionary, size, body) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((conn.last_insert_rowid(), payload.dictionary, payload.size, &payload.bytes))?;
    Ok(())
}

/// A delivery as its row says, without its payload.
pub(super) struct Known {
    pub(super) seq: i64,
    pub(super) delivery: Delivery,
    pub(super) progress: Progress,
}

/// In the order that [`known`] reads.
pub(super) const COLUMNS: &str = "seq, id, destination, kind, patient, subject, content_type, created_at, state, attempts, \
     failures, due_at, accepted, lease_owner, leased_at, stopped_by, stopped_reason, stopped_at, act";

pub(super) fn known(row: &Row<'_>) -> Result<Known, Problem> {
    let stop = match (row.get(15)?, row.get(16)?, row.get::<_, Option<i64>>(17)?) {
        (Some(by), Some(reason), Some(at)) => Some(Stop { by, reason, at: timestamp(at)? }),
        _ => None,
    };
    let lease = match (row.get(13)?, row.get::<_, Option<i64>>(14)?) {
        (Some(owner), Some(at)) => Some((owner, timestamp(at)?)),
        _ => None,
    };
    Ok(Known {
        seq: row.get(0)?,
        delivery: Delivery {
            id: row.get(1)?,
            destination: row.get(2)?,
            kind: row.get(3)?,
            patient: row.get(4)?,
            subject: row.get(5)?,
            act: Act::parse(&row.get::<_, String>(18)?)?,
            content_type: row.get(6)?,
            payload: Vec::new(),
            created_at: timestamp(row.get(7)?)?,
        },
        progress: Progress {
            state: State::parse(&row.get::<_, String>(8)?)?,
            attempts: row.get(9)?,
            failures: row.get(10)?,
            due_at: timestamp(row.get(11)?)?,
            lease,
            accepted: row.get(12)?,
            stop,
        },
    })
}

pub(super) fn find(conn: &Connection, id: &str) -> Result<Known, Problem> {
    let mut statement =
        conn.prepare_cached(&format!("/* find */ SELECT {COLUMNS} FROM delivery WHERE id = ?1"))?;
    let mut rows = statement.query([id])?;
    match rows.next()? {
        Some(row) => known(row),
        None => Err(Problem::not_found(format!("delivery {id}"))),
    }
}

/// Nothing where what is stored of it is damaged.
pub(super) fn payload(conn: &Connection, seq: i64) -> Result<Option<Vec<u8>>, Problem> {
    let (dictionary, size, packed): (i64, usize, Vec<u8>) = conn
        .prepare_cached("/* payload */ SELECT dictionary, size, body FROM payload WHERE delivery = ?1")?
        .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(body::unpack(dictionary, &packed, size).ok())
}

pub(super) fn list(conn: &Connection, filter: &DeliveryFilter) -> Result<Vec<DeliveryRecord>, Problem> {
    let mut sql = format!("/* list */ SELECT {COLUMNS} FROM delivery WHERE 1");
    let mut values: Vec<Sql> = Vec::new();
    let state = filter.state.map(|state| state.code().to_owned());
    for (condition, value) in [
        ("id = ?", &filter.id),
        ("destination = ?", &filter.destination),
        ("patient = ?", &filter.patient),
        ("subject = ?", &filter.subject),
        ("state = ?", &state),
        ("seq < (SELECT seq FROM delivery WHERE id = ?)", &filter.before),
    ] {
        if let Some(value) = value {
            sql.push_str(" AND ");
            sql.push_str(condition);
            values.push(Sql::Text(value.clone()));
        }
    }
    sql.push_str(" ORDER BY seq DESC LIMIT ?");
    values.push(Sql::Integer(i64::try_from(filter.limit).unwrap_or(i64::MAX)));
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(record(conn, known(row)?, filter.payload)?);
    }
    Ok(records)
}

/// The delivery with its attempts.
pub(super) fn record(conn: &Connection, known: Known, with_payload: bool) -> Result<DeliveryRecord, Problem> {
    let Known { seq, mut delivery, progress } = known;
    let payload_bytes = conn
        .prepare_cached("/* record */ SELECT size FROM payload WHERE delivery = ?1")?
        .query_row([seq], |row| row.get(0))
        .optional()?;
    if with_payload {
        delivery.payload = payload(conn, seq)?.ok_or_else(|| delivery_damage(&delivery.id))?;
    }
    let mut statement = conn.prepare_cached(
        "/* record */ SELECT number, started_at, ended_at, outcome, reason, receipt_status, receipt_reference
         FROM attempt WHERE delivery = ?1 ORDER BY number",
    )?;
    let mut rows = statement.query([seq])?;
    let mut attempts = Vec::new();
    while let Some(row) = rows.next()? {
        attempts.push(attempt(row)?);
    }
    Ok(DeliveryRecord { delivery, payload_bytes: payload_bytes.unwrap_or(0), progress, attempts })
}

/// How an attempt ended, if it did.
pub(super) fn outcome(conn: &Connection, seq: i64, number: u32) -> Result<Option<Outcome>, Problem> {
    let mut statement = conn.prepare_cached(
        "/* outcome */ SELECT number, started_at, ended_at, outcome, reason, receipt_status, receipt_reference
         FROM attempt WHERE delivery = ?1 AND number = ?2",
    )?;
    let mut rows = statement.query((seq, number))?;
    rows.next()?.map(|row| attempt(row).map(|attempt| attempt.outcome)).transpose()
}

/// The last attempt that ended.
pub(super) fn last_attempt(conn: &Connection, seq: i64) -> Result<Option<Attempt>, Problem> {
    let mut statement = conn.prepare_cached(
        "/* last_attempt */ SELECT number, started_at, ended_at, outcome, reason, receipt_status, receipt_reference
         FROM attempt WHERE delivery = ?1 ORDER BY number DESC LIMIT 1",
    )?;
    let mut rows = statement.query([seq])?;
    rows.next()?.map(attempt).transpose()
}

fn attempt(row: &Row<'_>) -> Result<Attempt, Problem> {
    let reason = || row.get::<_, Option<String>>(4).map(Option::unwrap_or_default);
    let outcome = match row.get::<_, String>(3)?.as_str() {
        "accepted" => Outcome::Accepted(Receipt {
            status: row.get::<_, Option<String>>(5)?.unwrap_or_default(),
            reference: row.get(6)?,
        }),
        "refused" => Outcome::Refused { reason: reason()? },
        "unreachable" => Outcome::Unreachable { reason: reason()? },
        "expired" => Outcome::Expired,
        "held" => Outcome::Held { reason: reason()? },
        _ => return Err(Problem::internal("a stored attempt has an unknown outcome")),
    };
    Ok(Attempt {
        number: row.get(0)?,
        started_at: timestamp(row.get(1)?)?,
        ended_at: timestamp(row.get(2)?)?,
        outcome,
    })
}
