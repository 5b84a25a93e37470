//! Forward-only migrations, embedded and checksummed: one that has been merged cannot change.

use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use crate::problem::Problem;
use crate::store::row::link_params;

/// In order; a number is never used again.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_foundation.sql"),
    include_str!("migrations/0002_feed.sql"),
    include_str!("migrations/0003_search.sql"),
    include_str!("migrations/0004_instant.sql"),
    include_str!("migrations/0005_destination.sql"),
    include_str!("migrations/0006_made.sql"),
    include_str!("migrations/0007_scale.sql"),
    include_str!("migrations/0008_act.sql"),
    include_str!("migrations/0009_order.sql"),
    include_str!("migrations/0010_person.sql"),
    include_str!("migrations/0011_answered.sql"),
    include_str!("migrations/0012_runs.sql"),
    include_str!("migrations/0013_shown.sql"),
    include_str!("migrations/0014_dated.sql"),
    include_str!("migrations/0015_owner.sql"),
];

/// Brings the file up to this version, each migration in a transaction of its own.
///
/// # Errors
/// `Internal` when the file is of a later version, or was made by migrations that are not these.
pub(super) fn migrate(conn: &Connection) -> Result<(), Problem> {
    conn.execute_batch(
        "/* migrate */ CREATE TABLE IF NOT EXISTS migration (number INTEGER PRIMARY KEY, checksum TEXT NOT NULL)",
    )?;
    let last: usize = conn.query_row("/* migrate */ SELECT count(*) FROM migration", [], |row| row.get(0))?;
    if last > MIGRATIONS.len() {
        let diagnostics = format!(
            "the database is of a later version ({last} migrations, {} known): start the version that made it",
            MIGRATIONS.len()
        );
        return Err(Problem::internal(diagnostics));
    }
    if last < MIGRATIONS.len() {
        tell_links(conn)?;
    }
    for (n, sql) in MIGRATIONS.iter().enumerate() {
        apply(conn, n + 1, sql)?;
    }
    Ok(())
}

/// Tells the migrations what no table does: the numbers of the search parameters that are references.
fn tell_links(conn: &Connection) -> Result<(), Problem> {
    conn.execute_batch(
        "/* tell_links */ CREATE TEMP TABLE IF NOT EXISTS link_param (param INTEGER PRIMARY KEY)",
    )?;
    let mut insert =
        conn.prepare("/* tell_links */ INSERT OR IGNORE INTO temp.link_param (param) VALUES (?1)")?;
    for number in link_params() {
        insert.execute([number])?;
    }
    Ok(())
}

fn apply(conn: &Connection, number: usize, sql: &str) -> Result<(), Problem> {
    let known: Option<String> = conn
        .query_row("/* migrate */ SELECT checksum FROM migration WHERE number = ?1", [number], |row| {
            row.get(0)
        })
        .optional()?;
    match known {
        Some(checksum) if checksum == digest(sql) => Ok(()),
        Some(_) => Err(Problem::internal(format!("the database was made by another migration {number}"))),
        None => {
            let transaction = conn.unchecked_transaction()?;
            transaction.execute_batch(sql)?;
            transaction.execute(
                "/* migrate */ INSERT INTO migration (number, checksum) VALUES (?1, ?2)",
                (number, digest(sql)),
            )?;
            Ok(transaction.commit()?)
        }
    }
}

fn digest(sql: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(sql).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first eight digits of each merged migration: a line is added with it and never changed.
    const MERGED: &[&str] = &[
        "941b0a4f", "63ddef7f", "d326330c", "32d1b96f", "13e8f082", "6b965aaa", "229abaca", "f1ffb3b0",
        "2daee90b", "e18d3f62", "e16cf206", "e4c66ab1", "c7b1648d", "83487094", "51b2ce4b",
    ];

    /// A file that has seen so many migrations.
    fn older(migrations: usize) -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE migration (number INTEGER PRIMARY KEY, checksum TEXT NOT NULL)")
            .unwrap();
        tell_links(&conn).unwrap();
        let before = &MIGRATIONS[..migrations];
        before.iter().enumerate().for_each(|(n, sql)| apply(&conn, n + 1, sql).unwrap());
        conn
    }

    #[test]
    fn a_merged_migration_never_changes() {
        let digests: Vec<_> = MIGRATIONS.iter().map(|sql| digest(sql)[..8].to_owned()).collect();
        assert_eq!(digests, MERGED);
    }

    #[test]
    fn migrating_twice_changes_nothing() {
        let conn = Connection::open_in_memory().unwrap();
        migrate(&conn).unwrap();
        migrate(&conn).unwrap();
    }

    #[test]
    fn a_file_of_a_later_version_or_of_other_migrations_is_refused() {
        let conn = Connection::open_in_memory().unwrap();
        migrate(&conn).unwrap();
        conn.execute("UPDATE migration SET checksum = 'x'", []).unwrap();
        assert!(migrate(&conn).unwrap_err().to_string().contains("another migration 1"));
        conn.execute("INSERT INTO migration VALUES (99, 'x')", []).unwrap();
        assert!(migrate(&conn).unwrap_err().to_string().contains("later version"));
    }

    #[test]
    fn what_is_there_gets_the_keys_of_its_order() {
        let conn = older(8);
        conn.execute_batch(
            "INSERT INTO resource (rid, rtype, id, seq, version, last_updated, deleted, present, urgency, dated_at, dated_to)
               VALUES (1, 1, 'a', 1, 1, 1, 0, 0, 0, 1, 1), (2, 1, 'b', 2, 1, 1, 0, 0, 0, 1, 1), (3, 1, 'c', 3, 2, 1, 1, 0, 0, 1, 1);
             INSERT INTO token (param, code, rid, system) VALUES (7, 'b', 1, 0), (7, 'a', 1, 1), (8, 'x', 1, 0);
             INSERT INTO text (param, folded, rid, exact) VALUES (9, 'test', 1, 'TEST'), (10, 'shown', 1, '');",
        )
        .unwrap();
        migrate(&conn).unwrap();
        let keys = |rid: i64| -> Option<String> {
            conn.query_row("SELECT keys FROM resource WHERE rid = ?1", [rid], |row| row.get(0)).unwrap()
        };
        assert_eq!(keys(1).as_deref(), Some(r#"{"7":"a","8":"x","d7":"b","9":"test"}"#));
        assert_eq!((keys(2), keys(3)), (None, None));
    }

    #[test]
    fn what_is_there_stands_together_by_person() {
        let conn = older(9);
        conn.execute_batch(
            "INSERT INTO resource (rid, rtype, id, seq, version, last_updated, deleted, present, urgency, dated_at, dated_to, subject)
               VALUES (1, 1, 'a', 1, 1, 1, 0, 0, 0, 5, 6, 'Patient/p'), (2, 2, 'b', 2, 1, 1, 0, 0, 0, 1, 2, 'Patient/p'),
                 (3, 1, 'c', 3, 1, 1, 0, 0, 0, 1, 2, 'Patient/p'), (4, 1, 'd', 4, 2, 1, 1, 0, 0, 1, 2, 'Patient/p'),
                 (5, 1, 'e', 5, 1, 1, 0, 0, 0, 1, 2, 'Patient/o'), (6, 1, 'f', 6, 1, 1, 0, 0, 0, 1, 2, NULL)",
        )
        .unwrap();
        migrate(&conn).unwrap();
        let mut select = conn
            .prepare("SELECT rid FROM person_resource WHERE subject = 'Patient/p' AND rtype = 1 ORDER BY dated_at, rid")
            .unwrap();
        let found: Vec<i64> = select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(found, [3, 1]);
    }

    #[test]
    fn what_is_there_stands_at_its_dates_in_runs() {
        let conn = older(13);
        // Whole blocks, their first and last places, every third, and one alone; of three types, two dates, and some of nobody.
        let numbers =
            (1..=63).chain([64, 127, 128, 191]).chain((192..320).step_by(3)).chain([383, 1_000_063]);
        for (n, rid) in numbers.enumerate() {
            conn.execute(
                "INSERT INTO resource (rid, rtype, id, seq, version, last_updated, deleted, present, urgency, dated_at, dated_to, subject)
                 VALUES (?1, ?2, ?1, ?1, 1, 1, ?3, 0, 0, ?4, ?5, ?6)",
                (
                    rid,
                    if n < 90 { 1 } else { n % 3 },
                    n % 17 == 3,
                    if n < 60 { 5 } else { n % 2 },
                    if n % 11 == 0 { 9 } else { 7 },
                    [Some("Patient/p"), Some("Patient/q"), None][if n < 64 { 0 } else { n % 3 }],
                ),
            )
            .unwrap();
        }
        type Found = (Option<String>, i64, i64, i64, i64);
        let rows = |from: &str| -> Vec<Found> {
            let select = format!("SELECT subject, rtype, dated_at, dated_to, rid FROM {from} ORDER BY rid");
            let mut select = conn.prepare(&select).unwrap();
            let row = |row: &rusqlite::Row<'_>| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            };
            select.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
        };
        let known = rows("resource WHERE deleted = 0");
        migrate(&conn).unwrap();
        assert_eq!(rows("dated_resource"), known);
        assert_eq!(rows("(SELECT NULL AS subject, * FROM dated_number)").len(), known.len());
        let of_somebody: Vec<_> = known.into_iter().filter(|row| row.0.is_some()).collect();
        assert_eq!(rows("person_resource"), of_somebody);
        assert_eq!(rows("person_number"), of_somebody);
        // As one that is written now would be: beginning with a resource that it has, and with no bit above its last place.
        let wrong = "SELECT count(*) FROM dated_run WHERE bits & 1 = 0 OR (low > 0 AND bits >> (last - low + 1) <> 0)";
        assert_eq!(conn.query_row(wrong, [], |row| row.get::<_, i64>(0)), Ok(0));
        let first = "SELECT count(*) FROM dated_run WHERE subject = 'Patient/p' AND block = 0";
        assert!(conn.query_row(first, [], |row| row.get::<_, i64>(0)).unwrap() <= 4);
    }

    #[test]
    fn what_is_there_comes_to_runs_as_it_is() {
        let conn = older(11);
        let link = *link_params().iter().min().unwrap();
        // Whole blocks, their first and last places, every third, and one alone.
        let numbers =
            (0..=63).chain([64, 127, 128, 191]).chain((192..320).step_by(3)).chain([383, 1_000_063]);
        for (n, rid) in numbers.enumerate() {
            for (param, code, system) in
                [(7, "a", 0), (7, "a", i64::MIN), (7, ["b", "c"][n % 2], 5), (link, "Patient/p", 0)]
            {
                conn.execute(
                    "INSERT INTO token (param, code, rid, system) VALUES (?1, ?2, ?3, ?4)",
                    (param, code, rid, system),
                )
                .unwrap();
            }
        }
        conn.execute("INSERT INTO indexed (param, reading) VALUES (7, 1)", []).unwrap();
        let rows = |select: &str| -> Vec<(i64, String, i64, i64)> {
            let mut select = conn.prepare(select).unwrap();
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
            select.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
        };
        let known = rows("SELECT param, code, rid, system FROM token ORDER BY 1, 2, 3, 4");
        migrate(&conn).unwrap();
        let kept = rows(
            "SELECT param, code, rid, system FROM token UNION ALL SELECT param, code, rid, 0 FROM link ORDER BY 1, 2, 3, 4",
        );
        assert_eq!(kept, known);
        let count = |table: &str| -> i64 {
            conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
        };
        // As one that is written now would be: no bit above its last place.
        let wrong = "token_run WHERE bits = 0 OR (low > 0 AND bits >> (last - low + 1) <> 0)";
        assert_eq!([wrong, "indexed", "link_run", "place"].map(count), [0, 1, 7, crate::store::row::BLOCK]);
    }
}
