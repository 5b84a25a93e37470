//! Every query that people or engines repeat keeps to its index: no table is scanned, nothing is sorted.

use rusqlite::{Connection, params_from_iter};

use super::super::migration;
use super::choose;
use crate::fhir::search::{Key, Query, parse_text};

/// A database with the tables and so many tasks that no criterion on them is rare.
fn filled() -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    migration::migrate(&conn).unwrap();
    conn.execute_batch(
        "INSERT INTO resource_type (name) VALUES ('Task'), ('Observation'), ('QuestionnaireResponse');
         WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 3000)
         INSERT INTO resource (rtype, id, seq, version, last_updated, deleted, present, urgency, dated_at, dated_to,
           subject, owner, status)
         SELECT 1 + n % 3, 'r' || n, n, 1, n, 0, 0, 0, n, n, 'Patient/p', 'Practitioner/n', 'requested' FROM n;",
    )
    .unwrap();
    conn
}

fn explained(conn: &Connection, query: &Query) -> Vec<String> {
    let plan = choose(conn, query).unwrap();
    let keys = vec![Key::Number(0); plan.order.keys().len()];
    let statement = plan.select(query, Some(&keys), 50);
    let mut prepared = conn.prepare(&format!("EXPLAIN QUERY PLAN {}", statement.text())).unwrap();
    let rows = prepared.query_map(params_from_iter(statement.values()), |row| row.get(3)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn check(rtype: &str, text: &str, index: &str) {
    let conn = filled();
    let steps = explained(&conn, &parse_text(rtype, text).unwrap());
    let joined = steps.join("\n");
    assert!(joined.contains(&format!("USING INDEX {index}")), "{rtype}?{text}:\n{joined}");
    assert!(!joined.contains("TEMP B-TREE"), "{rtype}?{text} sorts:\n{joined}");
    assert!(!joined.contains("SCAN r"), "{rtype}?{text} scans:\n{joined}");
}

#[test]
fn the_worklist_follows_its_index() {
    check("Task", "status=requested&_sort=-priority,authored-on", "resource_status (rtype=? AND status=?");
    check("Task", "status=requested,accepted,in-progress", "resource_status (rtype=? AND status=?");
    check(
        "Task",
        "status=requested&code:not=appel&_sort=priority,-authored-on",
        "resource_status (rtype=? AND status=?",
    );
    check("Task", "owner=Practitioner/n&status=requested", "resource_owner (rtype=? AND owner=?");
}

#[test]
fn what_is_about_a_patient_follows_its_index() {
    check("Task", "patient=p", "resource_subject (rtype=? AND subject=?");
    check("Task", "patient=p&status=requested&_sort=-authored-on", "resource_subject (rtype=? AND subject=?");
    check(
        "Observation",
        "patient=p&code=x&date=ge2026&_sort=date",
        "resource_subject (rtype=? AND subject=?",
    );
    check(
        "QuestionnaireResponse",
        "patient=p&questionnaire=https://q.example/w&_sort=-authored",
        "resource_subject",
    );
}

#[test]
fn a_feed_and_a_list_by_date_follow_their_index() {
    check(
        "Task",
        "_lastUpdated=gt2026-01-01&_sort=_lastUpdated",
        "resource_updated (rtype=? AND last_updated>?",
    );
    check("Task", "_lastUpdated=ge2026-01-01", "resource_updated (rtype=? AND last_updated>?");
    check("Task", "_sort=-_lastUpdated", "resource_updated (rtype=?");
    check("Task", "authored-on=lt2026-01-01&_sort=-authored-on", "resource_dated (rtype=? AND dated_at<?");
    check(
        "QuestionnaireResponse",
        "status=requested&_sort=-authored",
        "resource_status (rtype=? AND status=?",
    );
    check("Task", "", "resource_created (rtype=?");
}

#[test]
fn a_rare_value_leads_and_at_most_its_few_matches_are_sorted() {
    let conn = filled();
    for text in
        ["identifier=urn:s|1", "identifier=1,2", "based-on=CarePlan/c&status=requested&_sort=-priority"]
    {
        let joined = explained(&conn, &parse_text("Task", text).unwrap()).join("\n");
        assert!(joined.contains("USING INTEGER PRIMARY KEY (rowid=?)"), "{text}:\n{joined}");
        assert!(joined.contains("token USING PRIMARY KEY (param=? AND code=?"), "{text}:\n{joined}");
    }
}
