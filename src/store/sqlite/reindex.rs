//! Indexing anew what is stored when search parameters have changed: in the background, in small pieces between the
//! writes of clients, from where it was left after a restart.
//!
//! First the rows of changed parameters go, then each resource is read and indexed as a write would now. A write that
//! comes meanwhile indexes by the new readings already; what it takes to be there is added when its resource is reached.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use super::commit;
use super::runs::{self, LinkPlace};
use super::writer::{Done, Handle};
use crate::fhir::search::index;
use crate::problem::Problem;
use crate::store::readings::{Pending, kept_under, readings, whole};
use crate::store::row::Row;

/// Resources of one piece.
const BATCH: usize = 100;
/// Rows that one piece deletes.
const ROWS: usize = 5_000;
/// Pause where the disk is full, or another program has the file.
const PAUSE: Duration = Duration::from_millis(250);
/// Nothing has been indexed anew yet: rows of changed parameters may still be there.
const CLEARING: i64 = -1;

/// What is to be done, as the file says; nothing for a file without resources.
pub(super) fn prepare(conn: &Connection) -> Result<Option<Pending>, Problem> {
    let now = readings();
    let mut known = conn.prepare("/* prepare */ SELECT param, reading FROM indexed")?;
    let known: BTreeMap<i64, i64> =
        known.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let changed: HashSet<i64> =
        now.iter().filter(|(number, reading)| known.get(number) != Some(reading)).map(|(n, _)| *n).collect();
    let is_empty: bool =
        conn.query_row("/* prepare */ SELECT NOT EXISTS (SELECT 1 FROM resource)", [], |row| row.get(0))?;
    if changed.is_empty() && known.len() == now.len() {
        return Ok(None);
    }
    if changed.is_empty() || is_empty {
        finish(conn)?;
        return Ok(None);
    }
    conn.execute(
        "/* prepare */ INSERT INTO reindex (one, readings, rid) VALUES (1, ?1, ?2)
         ON CONFLICT (one) DO UPDATE SET rid = ?2, readings = ?1 WHERE readings <> ?1",
        (whole(&now), CLEARING),
    )?;
    Ok(Some(Pending::of(changed)))
}

/// Everything that is stored is indexed as it is read now.
fn finish(conn: &Connection) -> Result<(), Problem> {
    conn.execute_batch("/* finish */ DELETE FROM indexed; DELETE FROM reindex")?;
    let mut insert = conn.prepare("/* finish */ INSERT INTO indexed (param, reading) VALUES (?1, ?2)")?;
    for (number, reading) in readings() {
        insert.execute((number, reading))?;
    }
    Ok(())
}

/// The thread that does it; stops between two pieces when it is dropped.
pub(super) struct Reindexer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Reindexer {
    pub(super) fn start(writer: Handle, pending: Pending) -> Result<Self, Problem> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("store-reindex".to_owned())
            .spawn(move || run(&writer, &pending, &stopped))
            .map_err(|e| Problem::internal(format!("a thread to index anew cannot start: {e}")))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Reindexer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

fn run(writer: &Handle, pending: &Pending, stop: &AtomicBool) {
    let changed = pending.changed();
    tracing::info!(parameters = changed.len(), "search parameters have changed: indexing anew");
    let changed = kept_under(&changed);
    let mut reached = Reached::Resource;
    while !stop.load(Ordering::Relaxed) {
        let (changed, from) = (changed.clone(), reached.clone());
        match writer.run(move |conn, _| Ok(Done { answer: piece(conn, &changed, &from)?, keep: true })) {
            Ok(Reached::End) => {
                pending.clear();
                tracing::info!("everything is indexed anew");
                return;
            }
            Ok(place) => reached = place,
            Err(problem) if problem.is_passing() => {
                tracing::warn!(%problem, "indexing anew waits for the store");
                std::thread::sleep(PAUSE);
            }
            Err(problem) => {
                // The place that was reached is in the file: the next start goes on from there.
                tracing::error!(%problem, "indexing anew has stopped; it goes on at the next start");
                pending.stop();
                return;
            }
        }
    }
}

/// Where a piece of the work ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reached {
    /// Among the references that are looked through for those of changed parameters; after a restart from the first again.
    Link(LinkPlace),
    /// Where the file says.
    Resource,
    End,
}

/// One piece of the work, after another.
fn piece(conn: &Connection, changed: &[i64], from: &Reached) -> Result<Reached, Problem> {
    let place: Option<i64> =
        conn.query_row("/* piece */ SELECT rid FROM reindex", [], |row| row.get(0)).optional()?;
    let Some(place) = place else { return Ok(Reached::End) };
    if place == CLEARING {
        return cleared(conn, changed, from);
    }
    let mut select = conn.prepare_cached(
        "/* piece */ SELECT r.rid, r.rtype, t.name, r.seq, r.id FROM resource r JOIN resource_type t ON t.code = r.rtype
         WHERE r.rid > ?1 AND r.deleted = 0 ORDER BY r.rid LIMIT ?2",
    )?;
    let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
    let found: Vec<((i64, i64), String, i64, String)> = select
        .query_map((place, limit), |row| {
            Ok(((row.get(0)?, row.get(1)?), row.get(2)?, row.get(3)?, row.get(4)?))
        })?
        .collect::<Result<_, _>>()?;
    for (place, rtype, seq, id) in &found {
        let stored = super::read::by_seq(conn, rtype, id, *seq)?;
        match stored.resource() {
            Ok(resource) => commit::index_anew(conn, *place, &Row::new(rtype, index(&resource)))?,
            // It stays what it is found by; the others are indexed all the same.
            Err(problem) => tracing::error!(%problem, "a resource is not indexed anew"),
        }
    }
    match found.last() {
        Some(((rid, _), ..)) => {
            conn.execute("/* piece */ UPDATE reindex SET rid = ?1", [rid])?;
            Ok(Reached::Resource)
        }
        None => finish(conn).map(|()| Reached::End),
    }
}

/// Deletes some rows of changed parameters; when none are left, the resources may be read.
fn cleared(conn: &Connection, changed: &[i64], from: &Reached) -> Result<Reached, Problem> {
    let mut text = conn.prepare_cached(
        "/* cleared */ DELETE FROM text WHERE (param, folded, rid, exact) IN
           (SELECT param, folded, rid, exact FROM text WHERE param = ?1 LIMIT ?2)",
    )?;
    // What is written from then on is indexed as it is read now, and may stay: to wait until nothing comes any more would be to
    // wait for ever.
    let mut room = ROWS;
    for number in changed {
        room -= text.execute((number, i64::try_from(room).unwrap_or(i64::MAX)))?;
        if room == 0 {
            return Ok(from.clone());
        }
    }
    if !runs::clear_tokens(conn, changed, room)? {
        return Ok(from.clone());
    }
    let first = LinkPlace::default();
    let from = if let Reached::Link(place) = from { place } else { &first };
    if let Some(place) = runs::clear_links(conn, changed, from, ROWS)? {
        return Ok(Reached::Link(place));
    }
    conn.execute("/* cleared */ UPDATE reindex SET rid = 0", [])?;
    Ok(Reached::Resource)
}

#[cfg(test)]
mod tests {
    use crate::json::json;

    use super::*;
    use crate::fhir::search::{Query, parameters, parse_text};
    use crate::problem::Category;
    use crate::store::row::{param, text_param};
    use crate::store::sqlite::{Options, SqliteStore, open};
    use crate::store::{Committed, Expect, Store, Unit, Write};

    fn task(n: usize) -> Write {
        coded(n, "appel")
    }

    fn coded(n: usize, code: &str) -> Write {
        let task = json!({"resourceType": "Task", "id": format!("t{n}"),
            "meta": {"versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z"},
            "code": {"coding": [{"code": code}]}, "authoredOn": "2026-01-01"});
        Write::new(&task, Expect::New).unwrap()
    }

    /// What another version of the service would have left: nothing under `Task.code`, something under no name.
    fn tamper(path: &std::path::Path, reached: Option<i64>) {
        let code = parameters("Task").iter().find(|parameter| parameter.name == "code").unwrap();
        let (number, shown) = (param(code), text_param(code));
        let conn = Connection::open(path).unwrap();
        conn.execute("UPDATE indexed SET reading = 0 WHERE param = ?1", [number]).unwrap();
        conn.execute("DELETE FROM token_run WHERE param = ?1", [number]).unwrap();
        conn.execute("INSERT INTO token_run VALUES (?1, 'old', 0, 1, 0, 1, 1, 0)", [number]).unwrap();
        conn.execute("INSERT OR IGNORE INTO text VALUES (?1, 'old', 1, 'old')", [shown]).unwrap();
        if let Some(rid) = reached {
            conn.execute("INSERT INTO reindex VALUES (1, ?1, ?2)", (whole(&readings()), rid)).unwrap();
        }
    }

    async fn after_reindex(path: &std::path::Path, text: &str) -> usize {
        found(&open(path, &Options::default()).unwrap(), text).await
    }

    /// What is found once it is found again.
    async fn found(store: &SqliteStore, text: &str) -> usize {
        let query = Query { count: 1_000, ..parse_text("Task", text).unwrap() };
        for _ in 0..2_000 {
            match store.search(&query).await {
                Ok(page) => return page.resources.len(),
                Err(problem) => assert_eq!(problem.category, Category::Busy),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        unreachable!("indexing anew takes less than ten seconds")
    }

    #[tokio::test]
    async fn what_changed_is_indexed_anew_and_goes_on_from_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vigie.db");
        let store = open(&path, &Options::default()).unwrap();
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        let unit = Unit { writes: (0..250).map(task).collect(), ..Unit::new("test", at) };
        assert!(matches!(store.commit(unit).await, Ok(Committed::Written(_))));
        drop(store);
        tamper(&path, None);
        assert_eq!(after_reindex(&path, "code=appel").await, 250);
        assert_eq!(after_reindex(&path, "code=old").await, 0);
        assert_eq!(after_reindex(&path, "code:text=old").await, 0);
        tamper(&path, Some(200));
        assert_eq!(after_reindex(&path, "code=appel").await, 50);
    }

    #[tokio::test]
    async fn a_full_disk_holds_it_up_and_does_not_end_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vigie.db");
        let store = open(&path, &Options::default()).unwrap();
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        let unit = Unit {
            writes: (0..200).map(|n| coded(n, &format!("{n:0500}"))).collect(),
            ..Unit::new("test", at)
        };
        assert!(matches!(store.commit(unit).await, Ok(Committed::Written(_))));
        drop(store);
        tamper(&path, None);
        Connection::open(&path).unwrap().execute_batch("VACUUM").unwrap();
        // No page more than there are.
        let store = open(&path, &Options { pages_max: Some(1), ..Options::default() }).unwrap();
        tokio::time::sleep(2 * PAUSE).await;
        let query = parse_text("Task", "code=x").unwrap();
        assert_eq!(store.search(&query).await.unwrap_err().category, Category::Busy);
        let room = |conn: &Connection, _| {
            conn.pragma_update(None, "max_page_count", 1_000_000)?;
            Ok(Done { answer: (), keep: false })
        };
        store.writer.write(false, room).await.unwrap();
        assert_eq!(found(&store, &format!("code={:0500}", 7)).await, 1);
    }

    #[tokio::test]
    async fn what_is_damaged_keeps_nothing_else_from_being_indexed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vigie.db");
        let store = open(&path, &Options::default()).unwrap();
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        let unit = Unit { writes: (0..3).map(task).collect(), ..Unit::new("test", at) };
        assert!(matches!(store.commit(unit).await, Ok(Committed::Written(_))));
        drop(store);
        tamper(&path, None);
        Connection::open(&path)
            .unwrap()
            .execute("UPDATE version SET body = x'00' WHERE seq = 2", [])
            .unwrap();
        assert_eq!(after_reindex(&path, "code=appel").await, 2);
        assert_eq!(after_reindex(&path, "code=old").await, 0);
    }

    #[tokio::test]
    async fn other_searches_go_on_meanwhile() {
        let number = param(parameters("Task").iter().find(|parameter| parameter.name == "code").unwrap());
        let pending = Pending::of(HashSet::from([number]));
        assert_eq!(
            pending.check(&parse_text("Task", "code=x").unwrap()).unwrap_err().category,
            Category::Busy
        );
        assert_eq!(pending.check(&parse_text("Task", "status=requested").unwrap()), Ok(()));
        pending.clear();
        assert_eq!(pending.check(&parse_text("Task", "code=x").unwrap()), Ok(()));
    }
}
