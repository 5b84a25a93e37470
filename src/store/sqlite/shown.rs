//! What codes are shown with ([`crate::store::shown`]), in its table.

use rusqlite::Connection;

use super::many::many;
use crate::problem::Problem;
use crate::store::shown::Entry;

/// Tells what is not told yet. Nothing is ever taken back: it stays true, and is of no use without a code that has its number.
pub(super) fn tell(conn: &Connection, entries: &[Entry<'_>]) -> Result<(), Problem> {
    let into = "OR IGNORE INTO shown (param, folded, code, system, number)";
    many(conn, into, entries, |row, (param, folded, code, system, number)| {
        row.put(param)?;
        row.put(folded)?;
        row.put(code)?;
        row.put(system)?;
        row.put(number)
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::fhir::search::parse_text;
    use crate::json::{Value, json};
    use crate::store::sqlite::{Options, SqliteStore, open};
    use crate::store::{Committed, Expect, Store, Unit, Write};

    fn task(id: &str, version: u64, code: &Value) -> Write {
        let task = json!({"resourceType": "Task", "id": id, "code": code,
            "meta": {"versionId": version.to_string(), "lastUpdated": "2026-01-01T00:00:00Z"}});
        let expect = if version == 1 { Expect::New } else { Expect::Version(version - 1) };
        Write::new(&task, expect).unwrap()
    }

    fn codings(texts: &[(&str, &str)], text: &str) -> Value {
        let coding = |(code, display): &(&str, &str)| json!({"code": code, "display": display});
        let codings: Vec<Value> = texts.iter().map(coding).collect();
        json!({"coding": codings, "text": text})
    }

    async fn write(store: &SqliteStore, writes: Vec<Write>) {
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        let unit = Unit { writes, ..Unit::new("test", at) };
        assert!(matches!(store.commit(unit).await.unwrap(), Committed::Written(_)));
    }

    async fn found(store: &SqliteStore, text: &str) -> String {
        let query = parse_text("Task", &format!("code:text={text}")).unwrap();
        let all: Vec<String> =
            store.search(&query).await.unwrap().resources.into_iter().map(|r| r.id).collect();
        let each: BTreeSet<&String> = all.iter().collect();
        assert_eq!(each.len(), all.len(), "each once");
        each.into_iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    fn count(path: &std::path::Path, rows: &str) -> i64 {
        let conn = rusqlite::Connection::open(path).unwrap();
        conn.query_row(&format!("SELECT count(*) FROM {rows}"), [], |row| row.get(0)).unwrap()
    }

    #[tokio::test]
    async fn each_resource_is_found_by_what_its_own_codes_are_shown_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vigie.db");
        let store = open(&path, &Options::default()).unwrap();
        let both = codings(&[("b", "Bras"), ("a", "Appel")], "Rappeler");
        let turned = codings(&[("a", "Appel"), ("b", "Bras")], "Rappeler");
        let without = json!({"text": "Sans code"});
        write(
            &store,
            vec![
                task("t1", 1, &both),
                task("t2", 1, &turned),
                // The same code, shown in another way, with nothing, and twice.
                task("t3", 1, &codings(&[("a", "Autre")], "")),
                task("t4", 1, &json!({"coding": [{"code": "a"}]})),
                task("t5", 1, &codings(&[("a", "Appel"), ("a", "Encore")], "Rappeler")),
                task("t6", 1, &without),
            ],
        )
        .await;
        for (text, expected) in [
            ("appel", "t1 t2 t5"),
            ("bras", "t1 t2"),
            ("RAPPELER", "t1 t2 t5"),
            ("autre", "t3"),
            ("encore", "t5"),
            ("sans", "t6"),
            ("a", "t1 t2 t3 t5"),
            ("x", ""),
        ] {
            assert_eq!(found(&store, text).await, expected, "{text}");
        }
        // Three texts of two resources are three rows; what has no code has a row of its own.
        assert_eq!(count(&path, "text WHERE exact = ''"), 1);
        assert_eq!(count(&path, "shown WHERE folded IN ('appel', 'bras', 'rappeler')"), 5);
        // Shown in another way, with nothing, without a code, and gone.
        write(
            &store,
            vec![
                task("t1", 2, &codings(&[("a", "Neuf"), ("b", "Bras")], "Rappeler")),
                task("t2", 2, &json!({"coding": [{"code": "a"}, {"code": "b"}]})),
                task("t5", 2, &without),
                task("t6", 2, &codings(&[("a", "Appel")], "")),
            ],
        )
        .await;
        for (text, expected) in [
            ("appel", "t6"),
            ("neuf", "t1"),
            ("bras", "t1"),
            ("rappeler", "t1"),
            ("encore", ""),
            ("sans", "t5"),
        ] {
            assert_eq!(found(&store, text).await, expected, "{text}, the second time");
        }
        let all = parse_text("Task", "code=a").unwrap();
        assert_eq!(store.search(&all).await.unwrap().resources.len(), 5);
    }

    #[tokio::test]
    async fn what_stands_among_the_texts_from_before_is_found_until_it_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vigie.db");
        let store = open(&path, &Options::default()).unwrap();
        let code = codings(&[("a", "Appel")], "Rappeler");
        write(&store, vec![task("t1", 1, &code), task("t2", 1, &code)]).await;
        drop(store);
        // As it was written before codes told it.
        let conn = rusqlite::Connection::open(&path).unwrap();
        let task = crate::fhir::search::parameters("Task");
        let number = crate::store::row::text_param(task.iter().find(|one| one.name == "code").unwrap());
        for text in ["appel", "rappeler"] {
            conn.execute(
                "INSERT INTO text (param, folded, exact, rid) VALUES (?1, ?2, '', 1), (?1, ?2, '', 2)",
                (number, text),
            )
            .unwrap();
        }
        conn.execute_batch("UPDATE token_run SET shown = 0; DELETE FROM shown").unwrap();
        drop(conn);
        let store = open(&path, &Options::default()).unwrap();
        assert_eq!(found(&store, "appel").await, "t1 t2");
        write(&store, vec![self::task("t1", 2, &codings(&[("a", "Appel")], "Tout de suite"))]).await;
        for (text, expected) in [("appel", "t1 t2"), ("rappeler", "t2"), ("tout", "t1")] {
            assert_eq!(found(&store, text).await, expected, "{text}");
        }
        write(&store, vec![self::task("t1", 3, &json!({"text": "Rien"}))]).await;
        for (text, expected) in [("appel", "t2"), ("tout", ""), ("rien", "t1")] {
            assert_eq!(found(&store, text).await, expected, "{text}");
        }
    }
}
