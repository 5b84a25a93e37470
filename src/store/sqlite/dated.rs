//! Resources by person and date, and by date alone, in runs: a row tells for a block of 64 numbers which of these resources
//! are of one type and have the same dates. What one response becomes is of one person and of one day, so that there are few rows, and
//! the pages of one person, which nobody else's responses touch, are few as well.

use rusqlite::Connection;

use super::many::many;
use super::runs::{Run, runs};
use crate::problem::Problem;
use crate::store::row::Row;

/// What the resources of one row have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Dated<'r> {
    /// Whom they are about.
    pub(super) subject: Option<&'r str>,
    /// The number of their type.
    pub(super) rtype: i64,
    pub(super) dated_at: i64,
    pub(super) dated_to: i64,
}

impl<'r> Dated<'r> {
    pub(super) fn of(row: &'r Row, rtype: i64) -> Self {
        Self { subject: row.subject.as_deref(), rtype, dated_at: row.dated_at, dated_to: row.dated_to }
    }

    /// Those of everybody, and those of whom they are about.
    fn each(self) -> impl Iterator<Item = (&'r str, Self)> {
        // No reference is empty, so that nobody has that name.
        [Some(""), self.subject.filter(|subject| !subject.is_empty())]
            .into_iter()
            .flatten()
            .map(move |subject| (subject, Self { subject: None, ..self }))
    }
}

/// Adds new resources.
pub(super) fn insert(conn: &Connection, rows: &[(i64, Dated<'_>)]) -> Result<(), Problem> {
    let mut rows: Vec<_> =
        rows.iter().flat_map(|&(rid, dated)| dated.each().map(move |key| (key, rid))).collect();
    // In the order of the table, so that neighbours are written together.
    rows.sort_unstable();
    write(conn, &runs(rows.into_iter().map(|(key, rid)| (rid, key))))
}

fn write(conn: &Connection, runs: &[Run<(&str, Dated<'_>)>]) -> Result<(), Problem> {
    let into = "OR IGNORE INTO dated_run (subject, rtype, dated_at, block, low, dated_to, last, bits)";
    many(conn, into, runs, |row, run| {
        let (subject, dated) = run.key;
        row.put(subject)?;
        row.put(dated.rtype)?;
        row.put(dated.dated_at)?;
        row.put(run.block)?;
        row.put(run.low)?;
        row.put(dated.dated_to)?;
        row.put(run.last)?;
        row.put(run.bits)
    })?;
    Ok(())
}

/// Puts a resource that is there where it stands from now on; nowhere, if it is deleted. To be called before its row is changed.
pub(super) fn replace(conn: &Connection, rid: i64, new: Option<Dated<'_>>) -> Result<(), Problem> {
    let mut select = conn.prepare_cached(
        "/* replace */ SELECT subject, rtype, dated_at, dated_to FROM resource WHERE rid = ?1 AND deleted = 0",
    )?;
    let mut rows = select.query([rid])?;
    let known: Option<(Option<String>, i64, i64, i64)> = match rows.next()? {
        Some(row) => Some((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        None => None,
    };
    let old = known.as_ref().map(|(subject, rtype, dated_at, dated_to)| Dated {
        subject: subject.as_deref(),
        rtype: *rtype,
        dated_at: *dated_at,
        dated_to: *dated_to,
    });
    if old == new {
        return Ok(());
    }
    for (subject, dated) in old.into_iter().flat_map(Dated::each) {
        remove(conn, rid, (subject, dated))?;
    }
    new.map_or(Ok(()), |new| insert(conn, &[(rid, new)]))
}

/// Takes a resource from the row that has it. A row always begins with a resource that it has, so that each has a place of
/// its own for one that is added.
fn remove(conn: &Connection, rid: i64, key: (&str, Dated<'_>)) -> Result<(), Problem> {
    let one = Run::of(key, rid);
    let (subject, dated) = key;
    let mut select = conn.prepare_cached(
        "/* remove */ SELECT low, last, bits FROM dated_run
         WHERE subject = ?1 AND rtype = ?2 AND dated_at = ?3 AND block = ?4 AND low <= ?5 AND (bits >> (?5 - low)) & 1",
    )?;
    let mut rows = select.query((subject, dated.rtype, dated.dated_at, one.block, one.low))?;
    let Some(row) = rows.next()? else { return Ok(()) };
    let run = Run { low: row.get(0)?, last: row.get(1)?, bits: row.get(2)?, ..one };
    drop(rows);
    conn.prepare_cached(
        "/* remove */ DELETE FROM dated_run WHERE subject = ?1 AND rtype = ?2 AND dated_at = ?3 AND block = ?4 AND low = ?5",
    )?
    .execute((subject, dated.rtype, dated.dated_at, run.block, run.low))?;
    run.without(one.low).map_or(Ok(()), |left| write(conn, &[left]))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::fhir::search::{Query, parse_text};
    use crate::json::json;
    use crate::store::sqlite::{Options, SqliteStore, open};
    use crate::store::{Committed, Expect, Store, Unit, Write};

    /// Whom a task is about, and when it was written; nothing when it is deleted.
    type State = Option<(u64, u64)>;

    fn task(n: usize, version: u64, state: State) -> Write {
        let meta = json!({"versionId": version.to_string(), "lastUpdated": "2026-01-01T00:00:00Z"});
        let mut task = json!({"resourceType": "Task", "id": format!("t{n}"), "meta": meta});
        // Some are about nobody, and some have no date.
        if let Some((patient @ 1.., _)) = state {
            task["for"] = json!({"reference": format!("Patient/p{patient}")});
        }
        if let Some((_, day @ 1..)) = state {
            task["authoredOn"] = json!(format!("2026-01-{day:02}"));
        }
        let expect = if version == 1 { Expect::New } else { Expect::Version(version - 1) };
        let mut write = Write::new(&task, expect).unwrap();
        if state.is_none() {
            write = Write::deletion("Task", &format!("t{n}"), version - 1, write.last_updated).unwrap();
        }
        write
    }

    /// What stands by dates against what is there, and each row as it should be.
    fn check(path: &Path, step: usize) {
        let conn = rusqlite::Connection::open(path).unwrap();
        let rows = |from: &str| -> Vec<(Option<String>, i64, i64, i64, i64)> {
            let select = format!("SELECT subject, rtype, dated_at, dated_to, rid FROM {from} ORDER BY rid");
            let mut select = conn.prepare(&select).unwrap();
            let read = |row: &rusqlite::Row<'_>| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            };
            select.query_map([], read).unwrap().collect::<Result<_, _>>().unwrap()
        };
        assert_eq!(rows("dated_resource"), rows("resource WHERE deleted = 0"), "step {step}");
        let of_somebody = rows("resource WHERE deleted = 0 AND subject IS NOT NULL");
        assert_eq!(rows("person_resource"), of_somebody, "step {step}");
        assert_eq!(rows("person_number"), of_somebody, "step {step}");
        let wrong = "SELECT count(*) FROM dated_run WHERE bits & 1 = 0 OR last < low";
        assert_eq!(conn.query_row(wrong, [], |row| row.get::<_, i64>(0)), Ok(0), "step {step}");
    }

    async fn all(store: &SqliteStore, text: &str) -> Vec<String> {
        let mut query = Query { count: 7, ..parse_text("Task", text).unwrap() };
        let mut found = Vec::new();
        loop {
            let page = store.search(&query).await.unwrap();
            found.extend(page.resources.into_iter().map(|one| one.id));
            match page.next {
                Some(next) => query.after = Some(next),
                None => return found,
            }
        }
    }

    #[tokio::test]
    async fn whatever_is_written_stands_at_its_dates_and_pages_go_on_where_they_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vigie.db");
        let store = open(&path, &Options::default()).unwrap();
        let mut states: Vec<(u64, State)> = vec![(0, None); 150];
        // A row of numbers that looks like chance and is the same each time.
        let mut chance = 1_u64;
        let mut next = |below: u64| {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (chance >> 33) % below
        };
        for step in 0..60 {
            // First many at once, of a few days; then some that change, go, and come again.
            let chosen: Vec<usize> =
                if step == 0 { (0..130).collect() } else { (0..150).filter(|_| next(12) == 0).collect() };
            let mut writes = Vec::new();
            for n in chosen {
                let (version, before) = &mut states[n];
                let state = (before.is_none() || next(3) > 0).then(|| (next(4), next(5)));
                (*version, *before) = (*version + 1, state);
                writes.push(task(n, *version, state));
            }
            let unit = Unit { writes, ..Unit::new("test", "2026-01-01T00:00:00Z".parse().unwrap()) };
            assert!(matches!(store.commit(unit).await.unwrap(), Committed::Written(_)), "step {step}");
            check(&path, step);
        }
        let conn = rusqlite::Connection::open(&path).unwrap();
        let ids = |rest: &str| -> Vec<String> {
            let select = format!("SELECT id FROM resource WHERE deleted = 0 AND {rest}");
            conn.prepare(&select)
                .unwrap()
                .query_map([], |row| row.get(0))
                .unwrap()
                .map(Result::unwrap)
                .collect()
        };
        let (newest, oldest) = ("ORDER BY dated_at DESC, rid DESC", "ORDER BY dated_at, rid");
        let on = |day: &str| {
            let at = format!("2026-01-{day}T12:00:00Z").parse::<jiff::Timestamp>().unwrap();
            at.as_microsecond()
        };
        for (text, rest) in [
            ("patient=p1", format!("subject = 'Patient/p1' {newest}")),
            ("patient=p1,p3&_sort=authored-on", format!("subject IN ('Patient/p1', 'Patient/p3') {oldest}")),
            ("_sort=-authored-on", newest.replacen("ORDER", "1 = 1 ORDER", 1)),
            ("_sort=authored-on", oldest.replacen("ORDER", "1 = 1 ORDER", 1)),
            (
                "patient=p2&authored-on=ge2026-01-03",
                format!("subject = 'Patient/p2' AND dated_at > {} {newest}", on("02")),
            ),
        ] {
            let expected = ids(&rest);
            assert!(expected.len() > 7, "{text}");
            assert_eq!(all(&store, text).await, expected, "{text}");
            let query = Query { count: 1, ..parse_text("Task", &format!("{text}&_total=accurate")).unwrap() };
            assert_eq!(store.search(&query).await.unwrap().total, Some(expected.len() as u64), "{text}");
        }
    }
}
