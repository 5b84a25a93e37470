//! Deliveries as rows: reading and listing them.

use std::collections::HashMap;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::outbox::{Act, Attempt, Delivery, Outcome, Progress, Receipt, State, Stop};
use crate::problem::Problem;
use crate::store::version::timestamp;
use crate::store::{DeliveryFilter, DeliveryRecord, body, delivery_damage};

/// A delivery as its row says, without its payload.
pub(super) struct Known {
    pub(super) seq: i64,
    pub(super) delivery: Delivery,
    pub(super) progress: Progress,
}

/// In the order that [`known`] reads.
pub(super) const COLUMNS: &str = "seq, id, destination, kind, patient, subject, content_type, created_at, state, attempts, \
     failures, due_at, accepted, lease_owner, leased_at, stopped_by, stopped_reason, stopped_at, act";

/// Deliveries by id, held against leases until the end of the transaction.
pub(super) fn locked() -> String {
    format!("/* locked */ SELECT {COLUMNS} FROM delivery WHERE id = ANY ($1::text[]) FOR UPDATE")
}

pub(super) fn known(row: &Row) -> Result<Known, Problem> {
    let stop = match (row.get(15), row.get(16), row.get::<_, Option<i64>>(17)) {
        (Some(by), Some(reason), Some(at)) => Some(Stop { by, reason, at: timestamp(at)? }),
        _ => None,
    };
    let lease = match (row.get(13), row.get::<_, Option<i64>>(14)) {
        (Some(owner), Some(at)) => Some((owner, timestamp(at)?)),
        _ => None,
    };
    Ok(Known {
        seq: row.get(0),
        delivery: Delivery {
            id: row.get(1),
            destination: row.get(2),
            kind: row.get(3),
            patient: row.get(4),
            subject: row.get(5),
            act: Act::parse(row.get(18))?,
            content_type: row.get(6),
            payload: Vec::new(),
            created_at: timestamp(row.get(7))?,
        },
        progress: Progress {
            state: State::parse(row.get(8))?,
            attempts: count(row.get(9)),
            failures: count(row.get(10)),
            due_at: timestamp(row.get(11))?,
            lease,
            accepted: row.get(12),
            stop,
        },
    })
}

fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The payloads of these deliveries, by their numbers; nothing where what is stored of one is damaged.
pub(super) async fn payloads(
    client: &Client,
    seqs: &[i64],
) -> Result<HashMap<i64, Option<Vec<u8>>>, Problem> {
    let select =
        "/* payloads */ SELECT delivery, dictionary, size, body FROM payload WHERE delivery = ANY ($1)";
    let rows = client.query_typed(select, &[(&seqs, Type::INT8_ARRAY)]).await?;
    let unpacked = |row: &Row| {
        let size = usize::try_from(row.get::<_, i64>(2)).unwrap_or(0);
        (row.get(0), body::unpack(row.get(1), row.get(3), size).ok())
    };
    Ok(rows.iter().map(unpacked).collect())
}

pub(super) async fn list(client: &Client, filter: &DeliveryFilter) -> Result<Vec<DeliveryRecord>, Problem> {
    let mut sql = format!("/* list */ SELECT {COLUMNS} FROM delivery WHERE true");
    let mut values: Vec<(&(dyn ToSql + Sync), Type)> = Vec::new();
    let state = filter.state.map(|state| state.code().to_owned());
    for (condition, value) in [
        ("id = ", &filter.id),
        ("destination = ", &filter.destination),
        ("patient = ", &filter.patient),
        ("subject = ", &filter.subject),
        ("state = ", &state),
        ("seq < (SELECT seq FROM delivery WHERE id = ", &filter.before),
    ] {
        if value.is_some() {
            values.push((value, Type::TEXT));
            let end = if condition.contains('(') { ")" } else { "" };
            sql.push_str(&format!(" AND {condition}${}{end}", values.len()));
        }
    }
    let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    values.push((&limit, Type::INT8));
    sql.push_str(&format!(" ORDER BY seq DESC LIMIT ${}", values.len()));
    let rows = client.query_typed(&sql, &values).await?;
    let known: Vec<Known> = rows.iter().map(known).collect::<Result<_, _>>()?;
    records(client, known, filter.payload).await
}

/// How those attempts ended that did, by the numbers of their deliveries. Nothing is asked when none was made.
pub(super) async fn outcomes(
    client: &Client,
    numbers: &[(i64, u32)],
) -> Result<HashMap<i64, Outcome>, Problem> {
    let (seqs, numbers): (Vec<i64>, Vec<i64>) = numbers
        .iter()
        .filter(|(_, number)| *number > 0)
        .map(|(seq, number)| (*seq, i64::from(*number)))
        .unzip();
    if seqs.is_empty() {
        return Ok(HashMap::new());
    }
    let select = "/* outcomes */ SELECT delivery, number, started_at, ended_at, outcome, reason, receipt_status,
           receipt_reference
         FROM attempt JOIN unnest($1::bigint[], $2::bigint[]) AS asked (seq, n) ON delivery = seq AND number = n";
    let rows = client.query_typed(select, &[(&seqs, Type::INT8_ARRAY), (&numbers, Type::INT8_ARRAY)]).await?;
    rows.iter().map(|row| Ok((row.get(0), attempt(row)?.outcome))).collect()
}

/// The deliveries with their attempts.
async fn records(
    client: &Client,
    all: Vec<Known>,
    with_payload: bool,
) -> Result<Vec<DeliveryRecord>, Problem> {
    let seqs: Vec<i64> = all.iter().map(|known| known.seq).collect();
    let sizes = "/* records */ SELECT delivery, size FROM payload WHERE delivery = ANY ($1)";
    let sizes = client.query_typed(sizes, &[(&seqs, Type::INT8_ARRAY)]).await?;
    let sizes: HashMap<i64, i64> = sizes.iter().map(|row| (row.get(0), row.get(1))).collect();
    let mut payloads = if with_payload { payloads(client, &seqs).await? } else { HashMap::new() };
    let attempts =
        "/* records */ SELECT delivery, number, started_at, ended_at, outcome, reason, receipt_status,
           receipt_reference
         FROM attempt WHERE delivery = ANY ($1) ORDER BY delivery, number";
    let mut attempts_of: HashMap<i64, Vec<Attempt>> = HashMap::new();
    for row in client.query_typed(attempts, &[(&seqs, Type::INT8_ARRAY)]).await? {
        attempts_of.entry(row.get(0)).or_default().push(attempt(&row)?);
    }
    let record = |Known { seq, mut delivery, progress }| {
        if let Some(payload) = payloads.remove(&seq) {
            delivery.payload = payload.ok_or_else(|| delivery_damage(&delivery.id))?;
        }
        let payload_bytes = sizes.get(&seq).and_then(|size| u64::try_from(*size).ok()).unwrap_or(0);
        Ok(DeliveryRecord {
            delivery,
            payload_bytes,
            progress,
            attempts: attempts_of.remove(&seq).unwrap_or_default(),
        })
    };
    all.into_iter().map(record).collect()
}

pub(super) fn attempt(row: &Row) -> Result<Attempt, Problem> {
    let reason = || row.get::<_, Option<String>>(5).unwrap_or_default();
    let outcome = match row.get(4) {
        "accepted" => Outcome::Accepted(Receipt {
            status: row.get::<_, Option<String>>(6).unwrap_or_default(),
            reference: row.get(7),
        }),
        "refused" => Outcome::Refused { reason: reason() },
        "unreachable" => Outcome::Unreachable { reason: reason() },
        "expired" => Outcome::Expired,
        "held" => Outcome::Held { reason: reason() },
        _ => return Err(Problem::internal("a stored attempt has an unknown outcome")),
    };
    Ok(Attempt {
        number: count(row.get(1)),
        started_at: timestamp(row.get(2))?,
        ended_at: timestamp(row.get(3))?,
        outcome,
    })
}
