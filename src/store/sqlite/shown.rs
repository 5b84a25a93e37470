//! What codes are shown with (R4 3.1.1.4.3, `:text`), kept once for each code and not for each resource.
//!
//! A hundred patients answer the same questions: the texts beside a code are the same each time, and each of them would be a row
//! at a place of its own. So the first code of a parameter carries a number that stands for all that is shown beside the
//! codes of that parameter; which texts these are is told by `shown`, which hardly ever gets a row once all codes were seen.

use rusqlite::Connection;

use super::many::many;
use crate::problem::Problem;
use crate::store::digest::computed;
use crate::store::row::{Row, is_link, shown_param};

/// Six bytes with a sign are the longest that a number takes before it takes eight; 0 stands for nothing.
const NUMBER_MAX: i64 = 0x7fff_ffff_ffff;

/// Which codes of a resource tell what is shown with them.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// For each code of the row the number of what it is shown with; 0 where it tells nothing.
    numbers: Vec<i64>,
    /// For each text of the row the code that tells it; none for what stands in the table of texts.
    codes: Vec<Option<usize>>,
}

impl Shown {
    pub(super) fn of(row: &Row) -> Self {
        let mut shown = Self { numbers: vec![0; row.tokens.len()], codes: vec![None; row.texts.len()] };
        for (n, (kept_under, _, exact)) in row.texts.iter().enumerate() {
            let Some(param) = shown_param(*kept_under).filter(|param| !is_link(*param)) else { continue };
            if shown.codes[n].is_some() || !exact.is_empty() {
                continue;
            }
            let codes = row.tokens.iter().enumerate().filter(|(_, token)| token.0 == param);
            // The least, so that the order in which a resource names them makes no difference.
            let Some((k, least)) = codes.min_by_key(|(_, token)| *token) else { continue };
            let beside = |text: &&(i64, String, String)| text.0 == *kept_under && text.2.is_empty();
            let mut texts: Vec<&str> = row.texts.iter().filter(beside).map(|text| text.1.as_str()).collect();
            texts.sort_unstable();
            texts.dedup();
            let number = (computed(&texts.join("\0")) & NUMBER_MAX).max(1);
            for (of, token) in shown.numbers.iter_mut().zip(&row.tokens) {
                if token == least {
                    *of = number;
                }
            }
            for (code, text) in shown.codes.iter_mut().zip(&row.texts) {
                if beside(&text) {
                    *code = Some(k);
                }
            }
        }
        shown
    }

    /// What the code in that place is shown with.
    pub(super) fn number(&self, code: usize) -> i64 {
        self.numbers[code]
    }

    /// Whether a code tells the text in that place.
    pub(super) fn tells(&self, text: usize) -> bool {
        self.codes[text].is_some()
    }

    /// What is told of the text in that place; nothing where no code tells it.
    pub(super) fn entry<'r>(&self, row: &'r Row, text: usize) -> Option<Entry<'r>> {
        let code = self.codes[text]?;
        let (param, value, system) = &row.tokens[code];
        Some((*param, row.texts[text].1.as_str(), value.as_str(), *system, self.numbers[code]))
    }

    /// All that its codes tell, with the place of each text.
    pub(super) fn entries<'r>(&'r self, row: &'r Row) -> impl Iterator<Item = (usize, Entry<'r>)> {
        (0..row.texts.len()).filter_map(move |text| Some((text, self.entry(row, text)?)))
    }
}

/// Parameter, folded text, code, digest of the system, and the number under which this and others are shown with it.
pub(super) type Entry<'r> = (i64, &'r str, &'r str, i64, i64);

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
