//! Indexing anew what is stored when search parameters have changed, as one transaction at the start of the first
//! replica that reads them otherwise; nobody writes meanwhile, and searches see the state before it.

use std::collections::BTreeMap;

use tokio_postgres::{Row as Record, Transaction};

use super::prepared::indexable;
use super::statement::{LOCK, PARTS, SPANS, TEXTS, TOKENS};
use super::write::{Resources, Rows};
use crate::fhir::search::index;
use crate::problem::Problem;
use crate::store::body;
use crate::store::readings::readings;
use crate::store::row::Row;

/// Resources of one piece.
const BATCH: i64 = 500;

/// A resource, and what it is found by now.
struct Read {
    rid: i64,
    row: Row,
}

/// Compares how everything was indexed with how it is read now, and mends the difference.
pub(super) async fn reindex(transaction: &Transaction<'_>) -> Result<(), Problem> {
    let now = readings();
    let rows = transaction.query("/* reindex */ SELECT param, reading FROM indexed", &[]).await?;
    let known: BTreeMap<i64, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    if known == now {
        return Ok(());
    }
    transaction.query(LOCK, &[]).await?;
    let any = "/* reindex */ SELECT EXISTS (SELECT 1 FROM resource)";
    let is_changed = now.iter().any(|(number, reading)| known.get(number) != Some(reading));
    if is_changed && transaction.query_one(any, &[]).await?.get(0) {
        tracing::info!("search parameters have changed: indexing anew");
        all(transaction).await?;
        tracing::info!("everything is indexed anew");
    }
    transaction.batch_execute("/* reindex */ DELETE FROM indexed").await?;
    let (params, readings): (Vec<i64>, Vec<i64>) = now.into_iter().unzip();
    let insert = "/* reindex */ INSERT INTO indexed (param, reading)
         SELECT * FROM unnest($1::bigint[], $2::bigint[])";
    transaction.execute(insert, &[&params, &readings]).await?;
    Ok(())
}

async fn all(transaction: &Transaction<'_>) -> Result<(), Problem> {
    transaction
        .batch_execute("/* all */ DELETE FROM token; DELETE FROM text; DELETE FROM span; DELETE FROM part")
        .await?;
    let select = "/* all */ SELECT r.rid, t.name, v.dictionary, v.size, v.body
         FROM resource r JOIN resource_type t ON t.code = r.rtype JOIN version v ON v.seq = r.seq
         WHERE r.rid > $1 AND r.deleted = 0 ORDER BY r.rid LIMIT $2";
    let select = transaction.prepare(select).await?;
    let mut place = 0_i64;
    loop {
        let found = transaction.query(&select, &[&place, &BATCH]).await?;
        let read: Vec<Read> = found.iter().map(read).collect::<Result<_, _>>()?;
        let Some(last) = read.last() else { return Ok(()) };
        place = last.rid;
        put(transaction, &read).await?;
    }
}

fn read(record: &Record) -> Result<Read, Problem> {
    let rtype: String = record.get(1);
    let size = usize::try_from(record.get::<_, i64>(3)).unwrap_or(0);
    let body = body::unpack(record.get(2), record.get(4), size)?;
    let resource = serde_json::from_slice(&body)
        .map_err(|e| Problem::internal(format!("a stored {rtype} cannot be read: {e}")))?;
    Ok(Read { rid: record.get(0), row: indexable(Row::new(&rtype, &index(&resource))) })
}

async fn put(transaction: &Transaction<'_>, read: &[Read]) -> Result<(), Problem> {
    let (mut rows, mut singles) = (Rows::default(), Resources::default());
    for one in read {
        rows.put_entries(one.rid, None, &one.row);
        singles.rid.push(one.rid);
        singles.put(&one.row);
    }
    let update = "/* put */ UPDATE resource r SET present = w.present, urgency = w.urgency, dated_at = w.dated_at,
           dated_to = w.dated_to, subject = w.subject, owner = w.owner, status = w.status
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[],
           $8::text[]) AS w (rid, present, urgency, dated_at, dated_to, subject, owner, status)
         WHERE r.rid = w.rid";
    let single = &singles;
    transaction
        .execute(
            update,
            &[
                &single.rid,
                &single.present,
                &single.urgency,
                &single.dated_at,
                &single.dated_to,
                &single.subject,
                &single.owner,
                &single.status,
            ],
        )
        .await?;
    for (statement, values) in [
        (TOKENS, rows.tokens.columns()),
        (TEXTS, rows.texts.columns()),
        (SPANS, rows.spans.columns()),
        (PARTS, rows.parts.columns()),
    ] {
        transaction.execute(statement, &values).await?;
    }
    Ok(())
}
