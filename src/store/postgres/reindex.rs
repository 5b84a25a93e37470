//! Indexing anew what is stored when search parameters have changed: in the background, in small pieces between the
//! writes of all replicas, from where it was left when a replica ends.
//!
//! First the rows of changed parameters go, then each resource is read and indexed as a write would now. A write that
//! comes meanwhile indexes by the new readings already; what it takes to be there is added when its resource is reached.
//! Replicas that start together take turns at the pieces. A replica of an older version that still writes indexes by the
//! older readings: such replicas are to end before the first new one starts.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use tokio_postgres::{Client, Row as Record, Transaction};

use super::columns::{Resources, Texts};
use super::connection::Address;
use super::prepared::Indexed;
use super::runs::{LINKS, LinkPlace, OLD_TOKENS, TOKENS, clear_links, clear_tokens};
use super::statement::{LOCK, OLD_PARTS, OLD_SPANS, OLD_TEXTS, PARTS, SPANS, TEXTS, TOLD};
use super::write::Rows;
use crate::fhir::search::index;
use crate::problem::Problem;
use crate::store::body;
use crate::store::readings::{Pending, kept_under, readings, whole};
use crate::store::row::Row;

/// Resources of one piece: writers wait for one piece at most.
const BATCH: i64 = 100;
/// Rows that one piece deletes.
const ROWS: i64 = 5_000;
/// Nothing has been indexed anew yet: rows of changed parameters may still be there.
const CLEARING: i64 = -1;
/// Between two pieces, so that writers come first.
const BREATH: Duration = Duration::from_millis(10);
/// Before the next look at what another replica does, or at a database that has gone away.
const PAUSE: Duration = Duration::from_millis(250);

/// What is to be done, as the database says; nothing where there are no resources.
pub(super) async fn prepare(transaction: &Transaction<'_>) -> Result<Pending, Problem> {
    let now = readings();
    let rows = transaction.query("/* prepare */ SELECT param, reading FROM indexed", &[]).await?;
    let known: BTreeMap<i64, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    if known == now {
        return Ok(Pending::default());
    }
    // In the order in which a piece takes them: another replica may be at one.
    transaction.execute("/* prepare */ SELECT 1 FROM reindex FOR UPDATE", &[]).await?;
    transaction.query(LOCK, &[]).await?;
    let changed: HashSet<i64> =
        now.iter().filter(|(number, reading)| known.get(number) != Some(reading)).map(|(n, _)| *n).collect();
    let any = "/* prepare */ SELECT EXISTS (SELECT 1 FROM resource)";
    if changed.is_empty() || !transaction.query_one(any, &[]).await?.get::<_, bool>(0) {
        finish(transaction).await?;
        return Ok(Pending::default());
    }
    let insert = "/* prepare */ INSERT INTO reindex (one, readings, rid) VALUES (1, $1, $2)
         ON CONFLICT (one) DO UPDATE SET rid = excluded.rid, readings = excluded.readings
         WHERE reindex.readings <> excluded.readings";
    transaction.execute(insert, &[&whole(&now), &CLEARING]).await?;
    Ok(Pending::of(changed))
}

/// Everything that is stored is indexed as it is read now.
async fn finish(transaction: &Transaction<'_>) -> Result<(), Problem> {
    transaction.batch_execute("/* finish */ DELETE FROM indexed; DELETE FROM reindex").await?;
    let (params, readings): (Vec<i64>, Vec<i64>) = readings().into_iter().unzip();
    let insert = "/* finish */ INSERT INTO indexed (param, reading)
         SELECT * FROM unnest($1::bigint[], $2::bigint[])";
    transaction.execute(insert, &[&params, &readings]).await?;
    Ok(())
}

/// Works until all is done, here or by other replicas, and then lets the searches that wait for it begin.
pub(super) async fn run(address: Address, pending: Pending) {
    let changed = pending.changed();
    if changed.is_empty() {
        return;
    }
    tracing::info!(parameters = changed.len(), "search parameters have changed: indexing anew");
    loop {
        match all(&address, &kept_under(&changed)).await {
            Ok(()) => {
                pending.clear();
                tracing::info!("everything is indexed anew");
                return;
            }
            Err(problem) if problem.is_passing() => {
                tracing::warn!(%problem, "indexing anew waits for the database");
                tokio::time::sleep(PAUSE).await;
            }
            Err(problem) => {
                tracing::error!(%problem, "indexing anew has stopped; it goes on at the next start");
                pending.stop();
                return;
            }
        }
    }
}

async fn all(address: &Address, changed: &[i64]) -> Result<(), Problem> {
    let mut client = address.connect_writer().await?;
    let mut links = LinkPlace::default();
    loop {
        match piece(&mut client, changed, &mut links).await? {
            Piece::Done => tokio::time::sleep(BREATH).await,
            Piece::Elsewhere => tokio::time::sleep(PAUSE).await,
            Piece::Last => return Ok(()),
        }
    }
}

/// What became of an attempt at one piece of the work.
enum Piece {
    Done,
    /// Another replica is at one.
    Elsewhere,
    /// There is nothing left to do.
    Last,
}

/// One piece, with the place that it reaches, in one transaction that holds the lock of the writers.
async fn piece(client: &mut Client, changed: &[i64], links: &mut LinkPlace) -> Result<Piece, Problem> {
    let transaction = client.transaction().await?;
    let mine = "/* piece */ SELECT readings, rid FROM reindex FOR UPDATE SKIP LOCKED";
    let Some(row) = transaction.query_opt(mine, &[]).await? else {
        let any = "/* piece */ SELECT EXISTS (SELECT 1 FROM reindex)";
        let elsewhere = transaction.query_one(any, &[]).await?.get(0);
        return Ok(if elsewhere { Piece::Elsewhere } else { Piece::Last });
    };
    if row.get::<_, i64>(0) != whole(&readings()) {
        return Err(Problem::internal("a replica of another version indexes by its own search parameters"));
    }
    transaction.query(LOCK, &[]).await?;
    let (reached, piece) = match row.get(1) {
        CLEARING if cleared(&transaction, changed, links).await? => (0, Piece::Done),
        CLEARING => (CLEARING, Piece::Done),
        place => match next(&transaction, place).await? {
            Some(reached) => (reached, Piece::Done),
            None => (place, Piece::Last),
        },
    };
    match piece {
        Piece::Last => finish(&transaction).await?,
        _ => {
            transaction.execute("/* piece */ UPDATE reindex SET rid = $1", &[&reached]).await?;
        }
    }
    transaction.commit().await?;
    Ok(piece)
}

/// Deletes some rows of changed parameters; whether none were left. What clients write from then on is indexed as it is read now, and may
/// stay: to wait until nothing comes any more would be to wait for ever. `links` is where the walk along the references is: in
/// another process, or after a restart, it begins with the first again.
async fn cleared(
    transaction: &Transaction<'_>,
    changed: &[i64],
    links: &mut LinkPlace,
) -> Result<bool, Problem> {
    let texts = "/* cleared */ DELETE FROM text WHERE (param, folded, rid, exact) IN
           (SELECT param, folded, rid, exact FROM text WHERE param = ANY ($1::bigint[]) LIMIT $2)";
    let texts = transaction.execute(texts, &[&changed, &ROWS]).await?;
    if i64::try_from(texts).unwrap_or(ROWS) >= ROWS || clear_tokens(transaction, changed, ROWS).await? >= ROWS
    {
        return Ok(false);
    }
    match clear_links(transaction, changed, links, ROWS).await? {
        Some(next) => *links = next,
        None => return Ok(true),
    }
    Ok(false)
}

/// Indexes the next resources anew; the last of them, if there was one.
async fn next(transaction: &Transaction<'_>, place: i64) -> Result<Option<i64>, Problem> {
    let select = "/* next */ SELECT r.rid, t.name, v.dictionary, v.size, v.body, r.id
         FROM resource r JOIN resource_type t ON t.code = r.rtype JOIN version v ON v.seq = r.seq
         WHERE r.rid > $1 AND r.deleted = 0 ORDER BY r.rid LIMIT $2";
    let found = transaction.query(select, &[&place, &BATCH]).await?;
    let read: Vec<Read> = found.iter().filter_map(read).collect();
    put(transaction, &read).await?;
    Ok(found.last().map(|last| last.get(0)))
}

/// A resource, and what it is found by now.
struct Read {
    rid: i64,
    indexed: Indexed,
}

/// Nothing where what is stored is damaged: it stays what it is found by, and the others are indexed all the same.
fn read(record: &Record) -> Option<Read> {
    let (rtype, id): (&str, &str) = (record.get(1), record.get(5));
    let size = usize::try_from(record.get::<_, i64>(3)).unwrap_or(0);
    let body = body::unpack(record.get(2), record.get(4), size).ok();
    let Some(resource) = body.and_then(|body| serde_json::from_slice(&body).ok()) else {
        tracing::error!(rtype, id, "a resource is damaged where it is stored, and not indexed anew");
        return None;
    };
    Some(Read { rid: record.get(0), indexed: Indexed::new(Row::new(rtype, index(&resource))) })
}

/// Writes it, whatever part of it is there already.
async fn put(transaction: &Transaction<'_>, read: &[Read]) -> Result<(), Problem> {
    let (mut rows, mut single) = (Rows::default(), Resources::default());
    // Texts from before codes told them are among these.
    let mut texts = Texts::default();
    for one in read {
        rows.put_entries(one.rid, None, &one.indexed);
        single.rid.push(one.rid);
        single.put(&one.indexed.row);
        one.indexed.row.texts.iter().for_each(|text| texts.push(one.rid, text));
    }
    rows.sort();
    let update = "/* put */ UPDATE resource r SET present = w.present, urgency = w.urgency, dated_at = w.dated_at,
           dated_to = w.dated_to, subject = w.subject, owner = w.owner, status = w.status, keys = w.keys
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[],
           $8::text[], $9::text[])
           AS w (rid, present, urgency, dated_at, dated_to, subject, owner, status, keys)
         WHERE r.rid = w.rid";
    for (statement, values) in [
        (update, single.singles()),
        (OLD_TEXTS, texts.columns()),
        (OLD_SPANS, vec![&single.rid as _]),
        (OLD_PARTS, vec![&single.rid as _]),
        (OLD_TOKENS, rows.codes.tokens.columns()),
        (TOKENS, rows.codes.tokens.columns()),
        (LINKS, rows.codes.links.columns()),
        (TOLD, rows.told.columns()),
        (TEXTS, rows.texts.columns()),
        (SPANS, rows.spans.columns()),
        (PARTS, rows.parts.columns()),
    ] {
        transaction.execute(statement, &values).await?;
    }
    Ok(())
}
