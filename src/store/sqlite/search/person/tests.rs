//! A person's search that is not worded finds what the worded one finds, byte for byte and page by page.

use rusqlite::Connection;

use super::super::super::{Options, commit, connection, open};
use super::super::worded;
use super::*;
use crate::fhir::search::parse_text;
use crate::json::json;
use crate::store::{Committed, Expect, Store, Unit, Write};

const STATUSES: [&str; 4] = ["completed", "amended", "in-progress", "entered-in-error"];
const FORMS: [&str; 4] =
    ["https://q.example/week", "https://q.example/weekly", "https://q.example/w\"k", "https://q.example/é"];

/// Some responses of two people: dates that repeat or lack, several versions of a questionnaire, deleted ones.
async fn fill(path: &std::path::Path) {
    let store = open(path, &Options::default()).unwrap();
    let mut seed = 7_u32;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) as usize % below
    };
    for n in 0..160 {
        let id = format!("r{n}");
        let mut response = json!({"resourceType": "QuestionnaireResponse", "id": id,
            "meta": {"versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z"},
            "status": STATUSES[next(4)], "subject": {"reference": format!("Patient/{}", ["a", "b"][next(2)])}});
        if next(8) > 0 {
            response["authored"] = format!("2026-01-{:02}T08:00:00Z", 1 + next(20)).into();
        }
        if next(8) > 0 {
            let version = ["", "|1", "|2"][next(3)];
            response["questionnaire"] = format!("{}{version}", FORMS[next(4)]).into();
        }
        let mut unit = Unit::new("test", "2026-01-01T00:00:00Z".parse().unwrap());
        unit.writes.push(Write::new(&response, Expect::New).unwrap());
        assert!(matches!(store.commit(unit).await, Ok(Committed::Written(_))));
    }
}

/// `expected` is whether the search is answered without words; None where that depends on the rows that are met.
fn check(conn: &Connection, types: &Types, rtype: &str, text: &str, expected: impl Into<Option<bool>>) {
    let expected = expected.into();
    let mut query = parse_text(rtype, text).unwrap();
    for count in [0, 1, 7, 500] {
        query.count = count;
        let worded = worded(conn, &query).unwrap();
        match page(conn, types, &query).unwrap() {
            Some(page) => {
                assert_ne!(expected, Some(false), "{rtype}?{text}");
                assert_eq!(page.resources, worded.resources, "{rtype}?{text}, {count}");
                assert_eq!(
                    (page.total, page.next),
                    (worded.total, worded.next.clone()),
                    "{rtype}?{text}, {count}"
                );
            }
            None => assert_ne!(expected, Some(true), "{rtype}?{text}"),
        }
        query.after = worded.next;
        if query.after.is_some() {
            assert!(page(conn, types, &query).unwrap().is_none(), "a page that begins elsewhere is worded");
        }
        query.after = None;
    }
}

#[tokio::test]
async fn what_is_not_worded_finds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vigie.db");
    fill(&path).await;
    let conn = connection::writer(&path, &Options::default()).unwrap();
    let types = commit::types(&conn).unwrap();
    let check = |text: &str, expected: bool| check(&conn, &types, "QuestionnaireResponse", text, expected);
    check("subject=Patient/a", true);
    check("subject=Patient/nobody", true);
    for status in ["completed", "completed,amended", "completed,in-progress,stopped", "stopped"] {
        check(&format!("subject=Patient/a&status={status}"), true);
        check(&format!("status={status}&patient=b&_sort=-authored"), true);
    }
    // One that is escaped is not told by the row.
    check("subject=Patient/a&questionnaire=https://q.example/w\"k", false);
    // Ascending, by another order, by something else, of several people, counted.
    for other in [
        "_sort=authored",
        "_sort=status",
        "questionnaire=https://q.example/week|1",
        "status:not=completed",
        "_total=accurate",
    ] {
        check(&format!("subject=Patient/a&{other}"), false);
    }
    check("subject=Patient/a,Patient/b", false);
    check("status=completed", false);
}

#[tokio::test]
async fn a_questionnaire_is_told_by_the_row_where_every_row_tells() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vigie.db");
    fill(&path).await;
    let conn = connection::writer(&path, &Options::default()).unwrap();
    let types = commit::types(&conn).unwrap();
    let ask = |expected: Option<bool>| {
        for form in ["https://q.example/week", "https://q.example/weekly", "https://q.example/none"] {
            let text =
                format!("subject=Patient/a&questionnaire={form}&status=completed,amended&_sort=-authored");
            check(&conn, &types, "QuestionnaireResponse", &text, expected);
        }
    };
    // A response without questionnaire has no keys.
    let form = crate::fhir::search::parameters("QuestionnaireResponse")
        .iter()
        .find(|parameter| parameter.name == "questionnaire")
        .map(param)
        .unwrap();
    let without = format!("UPDATE resource SET keys = '{{\"{form}\":\"\"}}' WHERE keys IS NULL");
    ask(None);
    conn.execute_batch(&without).unwrap();
    ask(Some(true));
    // Two values tell all, more do not; a number that only begins alike is another parameter's.
    let keys = |keys: &str| {
        conn.execute("UPDATE resource SET keys = ?1 WHERE id = 'r3'", [keys]).unwrap();
        conn.execute("UPDATE resource SET subject = 'Patient/a', status = 'completed' WHERE id = 'r3'", [])
            .unwrap();
    };
    keys(&format!(r#"{{"{form}":"https://q.example/a","e{form}":"https://q.example/week"}}"#));
    ask(Some(true));
    keys(&format!(r#"{{"{form}1":"https://q.example/week","{form}":"https://q.example/weekly"}}"#));
    ask(Some(true));
}

#[tokio::test]
async fn who_is_referred_to_by_nothing_is_known_without_a_search() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vigie.db");
    let store = open(&path, &Options::default()).unwrap();
    let patient = json!({"resourceType": "Patient", "id": "ended", "meta": {"versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z"},
        "link": [{"other": {"reference": "Patient/into"}, "type": "replaced-by"}]});
    let mut unit = Unit::new("test", "2026-01-01T00:00:00Z".parse().unwrap());
    unit.writes.push(Write::new(&patient, Expect::New).unwrap());
    assert!(matches!(store.commit(unit).await, Ok(Committed::Written(_))));
    drop(store);
    let conn = connection::writer(&path, &Options::default()).unwrap();
    let types = commit::types(&conn).unwrap();
    check(&conn, &types, "Patient", "link=Patient/ended", true);
    check(&conn, &types, "Patient", "link=Patient/into", false);
    check(&conn, &types, "Patient", "link=Patient/ended&active=true", false);
}

#[test]
fn a_persons_dates_are_walked_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let conn = connection::writer(&folder.path().join("store.sqlite"), &Options::default()).unwrap();
    let steps = |text: &str| -> Vec<String> {
        let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
        let steps = plan.query_map(["Patient/p", "1"], |row| row.get(3)).unwrap();
        steps.collect::<Result<_, _>>().unwrap()
    };
    let newest = steps(NEWEST).join("\n");
    assert!(newest.contains("SEARCH s USING PRIMARY KEY (subject=? AND rtype=?)"), "{newest}");
    assert!(newest.contains("SEARCH r USING INTEGER PRIMARY KEY (rowid=?)"), "{newest}");
    assert!(!newest.contains("TEMP B-TREE"), "{newest}");
    let referred = steps(REFERRED).join("\n");
    assert!(referred.contains("SEARCH link_run USING PRIMARY KEY (code=? AND param=?)"), "{referred}");
}
