//! Every query that people or engines repeat keeps to its index: no table is scanned, nothing is sorted.

use rusqlite::{Connection, params_from_iter};

use super::super::{migration, runs};
use super::{choose, count, matching_ids, run, worded};
use crate::fhir::search::{Criterion, Key, Modifier, Query, Test, parameters, parse_text};
use crate::problem::Category;
use crate::store::row::param;

/// A database with the tables and so many tasks that no criterion on them is rare.
fn filled() -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    migration::migrate(&conn).unwrap();
    conn.execute_batch(
        "INSERT INTO resource_type (name) VALUES ('Task'), ('Observation'), ('QuestionnaireResponse'), ('Patient'),
           ('Communication');
         WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 3600)
         INSERT INTO resource (rtype, id, seq, version, last_updated, deleted, present, urgency, dated_at, dated_to,
           subject, owner, status)
         SELECT 1 + n % 3, 'r' || n, n, 1, n, 0, 0, 0, n, n, 'Patient/p', 'Practitioner/n', 'requested' FROM n;",
    )
    .unwrap();
    date(&conn);
    conn
}

/// Puts all resources where their dates are.
fn date(conn: &Connection) {
    let migration = include_str!("../migrations/0014_dated.sql");
    let (_, filling) = migration.split_once("INSERT INTO").unwrap();
    let (filling, _) = filling.split_once(';').unwrap();
    conn.execute_batch(&format!("DELETE FROM dated_run; INSERT INTO {filling}")).unwrap();
}

/// The same with a code that is not rare.
fn filled_with_codes(rtype: &str, name: &str, code: &str) -> Connection {
    let conn = filled();
    let number = param(parameters(rtype).iter().find(|parameter| parameter.name == name).unwrap());
    let insert = "INSERT INTO token_run SELECT ?1, ?2, rid / 64, rid % 64, 0, rid % 64, 1, 0 FROM resource WHERE rtype = 1";
    conn.execute(insert, (number, code)).unwrap();
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
    let index = &format!("INDEX {index}");
    check_on(&filled(), rtype, text, &[index]);
}

/// A walk along dates.
const DATES: &str = "SEARCH s USING PRIMARY KEY (subject=? AND rtype=?";

/// Every one of these steps, and neither a sort nor a scan.
fn check_on(conn: &Connection, rtype: &str, text: &str, steps: &[&str]) {
    let joined = explained(conn, &parse_text(rtype, text).unwrap()).join("\n");
    for step in steps {
        assert!(joined.contains(step), "{rtype}?{text} lacks {step}:\n{joined}");
    }
    // Along a code or dates, only the 64 resources of one block are sorted at a time.
    let sorts = joined.lines().any(|line| line.contains("TEMP B-TREE") && !line.contains("FOR LAST TERM"));
    assert!(!sorts, "{rtype}?{text} sorts:\n{joined}");
    is_led(rtype, text, &joined);
}

/// What may be sorted, because it is little, is still found by an index.
fn is_led(rtype: &str, text: &str, joined: &str) {
    for scan in ["SCAN r", "SCAN t", "SCAN k", "SCAN s", "SCAN p", "AUTOMATIC"] {
        let found = joined.lines().any(|line| line.trim_start().starts_with(scan));
        assert!(!found, "{rtype}?{text} scans:\n{joined}");
    }
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
    // Told by the index alone: the tasks of one person lie far apart.
    let owner = "SEARCH r USING COVERING INDEX resource_owner (rtype=? AND owner=?";
    check_on(&filled(), "Task", "owner=Practitioner/n", &[owner]);
    let owned = "SEARCH r USING COVERING INDEX resource_owned (rtype=? AND owner=? AND status=?";
    check_on(&filled(), "Task", "owner=Practitioner/n&status=requested", &[owned]);
    let by_priority = "resource_status (rtype=? AND status=? AND urgency=?";
    check("Task", "status=requested&priority=stat,urgent", by_priority);
    check("Task", "status=requested&priority=routine&_sort=-priority,-authored-on", by_priority);
    check(
        "Task",
        "owner=Practitioner/n&status=requested&priority=stat",
        "resource_owned (rtype=? AND owner=? AND status=? AND urgency=?",
    );
    check(
        "Task",
        "owner=Practitioner/n&priority=stat,asap",
        "resource_owner (rtype=? AND owner=? AND urgency=?",
    );
    // Too many combinations: they are tested one by one again.
    let statuses = "draft,requested,received,accepted,rejected,ready,cancelled,in-progress,on-hold";
    let text = format!("status={statuses}&priority=stat,asap,urgent,routine");
    check("Task", &text, "resource_status (rtype=? AND status=?");
}

#[test]
fn a_code_of_one_persons_resources_is_told_by_these() {
    let conn = filled_with_codes("Task", "code", "appel");
    let ask = |text: &str| matching_ids(&conn, &parse_text("Task", text).unwrap(), 50).unwrap().len();
    // Whoever says nothing of a code has none, whatever the index of codes has.
    conn.execute_batch("UPDATE resource SET keys = NULL").unwrap();
    let number = param(parameters("Task").iter().find(|parameter| parameter.name == "code").unwrap());
    let keys = |rid: i64, keys: String| {
        conn.execute("UPDATE resource SET keys = ?2 WHERE rid = ?1", (rid, keys)).unwrap();
    };
    let task = |nth: i64| 3 * nth; // every third resource is a Task
    keys(task(1), format!(r#"{{"{number}":"call"}}"#));
    keys(task(2), format!(r#"{{"{number}":"appel","e{number}":"call"}}"#));
    keys(task(3), format!(r#"{{"{number}":"appel","d{number}":"call"}}"#));
    runs::remove(&conn, task(2), &(number, "appel".to_owned(), 0)).unwrap();
    runs::add(&conn, task(3), (&(number, "band".to_owned(), 0), 0)).unwrap();
    for (code, found) in [("call", 2), ("appel", 2), ("band", 1), ("zebra", 0), ("|band", 1), ("|call", 0)] {
        assert_eq!(ask(&format!("patient=p&code={code}")), found, "{code}");
    }
}

#[test]
fn a_date_of_one_persons_resources_is_told_by_the_index() {
    let conn = filled();
    let query = parse_text("Observation", "patient=p&date=ge2026").unwrap();
    let statement = choose(&conn, &query).unwrap().count(&query, None);
    let mut prepared = conn.prepare(&format!("EXPLAIN QUERY PLAN {}", statement.text())).unwrap();
    let rows =
        prepared.query_map(params_from_iter(statement.values()), |row| row.get::<_, String>(3)).unwrap();
    let joined = rows.map(Result::unwrap).collect::<Vec<_>>().join("\n");
    assert!(
        joined.contains("SEARCH s USING PRIMARY KEY (subject=? AND rtype=?") && !joined.contains("SEARCH r "),
        "{joined}"
    );
}

#[test]
fn a_worklist_in_an_order_of_its_own_merges_one_list_for_each_priority() {
    let by_rank = "resource_status (rtype=? AND status=? AND urgency=?";
    check("Task", "status=requested&_sort=-priority,-authored-on", by_rank);
    check("Task", "status=requested,accepted&_sort=authored-on", by_rank);
    check("Task", "status=requested&_sort=-priority", "resource_status (rtype=? AND status=?");
    check(
        "Task",
        "owner=Practitioner/n&status=requested&_sort=-authored-on",
        "resource_owned (rtype=? AND owner=? AND status=? AND urgency=?",
    );
}

#[test]
fn a_code_that_is_not_rare_is_walked_in_the_order_of_creation() {
    let conn = filled_with_codes("Task", "code", "appel");
    let walk = "SEARCH t USING PRIMARY KEY (param=? AND code=? AND block<?";
    let fetch = "SEARCH r USING INTEGER PRIMARY KEY (rowid=?)";
    for text in ["code=appel", "code=|appel", "code=appel&intent:not=order", "code=appel,other"] {
        check_on(&conn, "Task", text, &[walk, fetch]);
    }
    check_on(
        &conn,
        "Task",
        "code=appel&_sort=-authored-on",
        &[
            "SEARCH s USING PRIMARY KEY (subject=? AND rtype=?",
            "t USING PRIMARY KEY (param=? AND code=? AND block=?)",
        ],
    );
    for (text, alone) in
        [("code=appel", true), ("code=appel&_sort=-authored-on", true), ("code=appel,x", false)]
    {
        let query = parse_text("Task", text).unwrap();
        let counted = choose(&conn, &query).unwrap().count(&query, None);
        assert_eq!(!counted.text().contains("resource r"), alone, "{text}: {}", counted.text());
        assert_eq!(count(&conn, &counted).unwrap(), 1_200, "{text}");
    }
}

#[test]
fn a_chain_and_has_are_led_by_what_is_rare_and_looked_up_where_it_is_not() {
    let rare = explained(&filled(), &parse_text("Task", "patient.identifier=urn:s|1").unwrap()).join("\n");
    is_led("Task", "patient.identifier", &rare);
    assert!(rare.contains(DATES), "{rare}");
    let rare =
        explained(&filled(), &parse_text("Patient", "_has:Task:patient:code=appel").unwrap()).join("\n");
    is_led("Patient", "_has", &rare);
    assert!(rare.contains("USING INDEX resource_id (id=? AND rtype=?"), "{rare}");
    assert!(rare.contains("SEARCH r USING INDEX resource_created (rtype=? AND rid=?)"), "{rare}");

    let conn = filled_with_codes("Task", "code", "appel");
    let referring = "SEARCH s USING PRIMARY KEY (subject=? AND rtype=?)";
    let walk = "SEARCH r USING INDEX resource_created (rtype=?";
    check_on(&conn, "Patient", "_has:Task:patient:code=appel", &[walk, referring]);
    check_on(&filled(), "Patient", "_has:Task:patient:status=requested", &[walk, referring]);
    let rare =
        explained(&filled(), &parse_text("Patient", "_has:Task:patient:status=on-hold").unwrap()).join("\n");
    is_led("Patient", "_has", &rare);
    assert!(rare.contains("USING INDEX resource_status (rtype=? AND status=?"), "{rare}");
    let conn = filled_with_codes("Patient", "identifier", "1");
    let looked_up = "SEARCH r USING INDEX resource_id (id=? AND rtype=?)";
    check_on(&conn, "Task", "patient.identifier=1&_sort=-authored-on", &[DATES, looked_up]);
}

#[test]
fn a_composite_and_a_measured_value_are_looked_up_by_the_resource() {
    for (text, step) in [
        ("patient=p&combo-code-value-quantity=x$gt5", "SEARCH p0 USING PRIMARY KEY (rid=? AND param=?"),
        ("patient=p&component-code-value-quantity=x$gt5", "SEARCH p0 USING PRIMARY KEY (rid=? AND param=?"),
        ("patient=p&code-value-quantity=x$gt5", "SEARCH q EXISTS USING PRIMARY KEY (rid=? AND param=?)"),
        ("patient=p&value-quantity=gt5", "SEARCH q EXISTS USING PRIMARY KEY (rid=? AND param=?)"),
    ] {
        check_on(&filled(), "Observation", text, &[step]);
    }
}

#[test]
fn a_compartment_is_led_by_each_of_its_references() {
    let parameter = |name: &str| parameters("Communication").iter().find(|one| one.name == name).unwrap();
    let by = ["subject", "sender", "recipient"].map(parameter).to_vec();
    let test = Test::Member { target: "Patient/p".to_owned(), by };
    let parameter = parameters("Communication").iter().find(|one| one.name == "_id").unwrap();
    let member = Criterion { parameter, modifier: Modifier::None, any: vec![test] };
    let joined =
        explained(&filled(), &Query { criteria: vec![member], ..Query::new("Communication") }).join("\n");
    is_led("Communication", "in a compartment", &joined);
    assert!(joined.contains(DATES), "{joined}");
    assert!(joined.contains("t USING PRIMARY KEY (code=? AND param=?"), "{joined}");
}

#[test]
fn an_order_by_a_code_a_text_or_a_date_looks_up_what_matches_only() {
    let conn = filled_with_codes("Task", "code", "appel");
    for (rtype, text, step) in [
        ("Task", "patient=p&_sort=code,-priority", None),
        ("Patient", "_id=p&_sort=family,-name", None),
        ("Task", "patient=p&_sort=-period", Some("SEARCH span USING PRIMARY KEY (rid=? AND param=?)")),
    ] {
        let joined = explained(&conn, &parse_text(rtype, text).unwrap()).join("\n");
        is_led(rtype, text, &joined);
        let own = ["token", "text"].iter().all(|table| !joined.contains(table));
        assert!(own && step.is_none_or(|step| joined.contains(step)), "{text}:\n{joined}");
        let led = if rtype == "Task" { DATES } else { "resource_id" };
        assert!(joined.contains(led), "{text}:\n{joined}");
    }
}

#[test]
fn no_more_are_sorted_than_the_limit_and_the_refusal_says_what_to_do() {
    let conn = filled();
    let ask = |text: &str| worded(&conn, &parse_text("Task", text).unwrap());
    // Each of these would sort every task.
    let texts = ["_sort=code", "_sort=-priority", "patient=p&_sort=status", "status=requested&_sort=code"];
    for text in &texts[..3] {
        assert!(choose(&conn, &parse_text("Task", text).unwrap()).unwrap().is_unbounded(), "{text}");
    }
    conn.execute_batch(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000)
         INSERT INTO resource (rtype, id, seq, version, last_updated, deleted, present, urgency, dated_at, dated_to,
           subject, owner, status)
         SELECT 1, 'm' || n, n, 1, n, 0, 0, 0, n, n, 'Patient/p', 'Practitioner/n', 'requested' FROM n;",
    )
    .unwrap();
    date(&conn);
    for text in texts {
        let problem = ask(text).unwrap_err();
        assert_eq!((problem.category, problem.issues[0].code), (Category::Malformed, "too-costly"), "{text}");
        assert_eq!(problem.issues[0].expression.as_deref(), Some("_sort"), "{text}");
        let diagnostics = &problem.issues[0].diagnostics;
        assert!(diagnostics.contains("20000") && diagnostics.contains("narrow the search"), "{diagnostics}");
    }
    // What an index has in order has no limit.
    for text in ["_sort=-authored-on&_count=0", "status=requested&_sort=-priority&_count=0"] {
        assert!(ask(text).is_ok(), "{text}");
    }
}

#[test]
fn what_is_about_a_patient_follows_its_index() {
    for (rtype, text, step) in [
        ("Task", "patient=p", DATES),
        ("Task", "patient=p&status=requested&_sort=-authored-on", DATES),
        ("Task", "patient=p,q", DATES),
        ("Observation", "patient=p&code=x&date=ge2026&_sort=date", "(subject=? AND rtype=? AND dated_at>?"),
        ("QuestionnaireResponse", "patient=p&questionnaire=https://q.example/w&_sort=-authored", DATES),
    ] {
        check_on(&filled(), rtype, text, &[step, "SEARCH r USING INTEGER PRIMARY KEY (rowid=?)"]);
    }
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
    check_on(
        &filled(),
        "Task",
        "authored-on=lt2026-01-01&_sort=-authored-on",
        &["SEARCH s USING PRIMARY KEY (subject=? AND rtype=? AND dated_at<?"],
    );
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
        assert!(
            joined.contains("t USING PRIMARY KEY (param=? AND code=?")
                || joined.contains("t USING PRIMARY KEY (code=? AND param=?"),
            "{text}:\n{joined}"
        );
    }
}

#[test]
fn a_walk_along_codes_keeps_the_order_of_creation_from_page_to_page() {
    let conn = filled();
    let number = param(parameters("Task").iter().find(|parameter| parameter.name == "code").unwrap());
    let token = |code: &str, system: i64| (number, code.to_owned(), system);
    let tasks: Vec<i64> = (1..=1_200).map(|nth| 3 * nth).collect();
    // Two systems of one code and another code cross each other in every block, and some tasks have two of these.
    let tokens = [token("a", 1), token("a", 2), token("b", 0)];
    for (k, token) in tokens.iter().enumerate() {
        let own = tasks.iter().enumerate().filter(|(n, _)| n % 3 == k || n.is_multiple_of(7));
        runs::insert(&conn, &own.map(|(_, rid)| (*rid, (token, 0))).collect::<Vec<_>>()).unwrap();
    }
    // What a resource tells of its codes itself.
    for (n, rid) in tasks.iter().enumerate() {
        let keys = match (n.is_multiple_of(7), n % 3 < 2) {
            (true, _) => format!(r#"{{"{number}":"a","e{number}":"b"}}"#),
            (false, is_a) => format!(r#"{{"{number}":"{}"}}"#, if is_a { "a" } else { "b" }),
        };
        conn.execute("UPDATE resource SET keys = ?2 WHERE rid = ?1", (rid, keys)).unwrap();
    }
    let of = |n: usize, codes: &str| n.is_multiple_of(7) || n % 3 < 2 || codes.contains('b');
    for text in ["code=a", "code=a,b"] {
        let newest_first = tasks.iter().enumerate().rev();
        let expected: Vec<i64> = newest_first.filter(|(n, _)| of(*n, text)).map(|(_, rid)| *rid).collect();
        paged(&conn, text, &expected);
    }
    // The same by date, of which many have the same: in runs that end where those of the codes do not.
    conn.execute_batch("UPDATE resource SET dated_at = rid * 7 % 10 / 3, dated_to = rid * 7 % 10 / 3")
        .unwrap();
    date(&conn);
    for (text, down) in [("code=a&_sort=-authored-on", true), ("code=a&_sort=authored-on", false)] {
        let mut expected: Vec<(i64, i64)> = tasks
            .iter()
            .enumerate()
            .filter(|(n, _)| of(*n, "a"))
            .map(|(_, rid)| (rid * 7 % 10 / 3, *rid))
            .collect();
        expected.sort_unstable();
        if down {
            expected.reverse();
        }
        let plan = explained(&conn, &parse_text("Task", text).unwrap()).join("\n");
        assert!(plan.contains("SEARCH t USING PRIMARY KEY (param=? AND code=? AND block=?)"), "{plan}");
        paged(&conn, text, &expected.into_iter().map(|(_, rid)| rid).collect::<Vec<_>>());
    }
}

/// Finds these, page by page.
fn paged(conn: &Connection, text: &str, expected: &[i64]) {
    let query = parse_text("Task", text).unwrap();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let plan = choose(conn, &query).unwrap();
        let page = run(conn, &plan.select(&query, after.as_deref(), 37)).unwrap();
        found.extend(page.iter().map(|one| one.rid));
        let Some(last) = page.last() else { break };
        after = Some(last.keys(&plan.order));
    }
    assert!(found == expected, "{text}: {} instead of {}", found.len(), expected.len());
    let counted = choose(conn, &query).unwrap().count(&query, None);
    assert_eq!(count(conn, &counted).unwrap(), expected.len() as u64, "{text}");
}

#[test]
fn who_is_referred_to_by_what_is_rare_is_found_along_the_references_to_that_type() {
    let conn = filled();
    let number = |rtype: &str, name: &str| {
        param(parameters(rtype).iter().find(|parameter| parameter.name == name).unwrap())
    };
    let insert = "INSERT INTO resource (rtype, id, seq, version, last_updated, deleted, present, urgency, dated_at, dated_to)
       VALUES (4, 'p', 1, 1, 1, 0, 0, 0, 0, 0), (4, 'q', 2, 1, 1, 0, 0, 0, 0, 0)";
    conn.execute(insert, []).unwrap();
    let observation = 4; // every third resource from the first on
    let (performer, code) = (number("Observation", "performer"), number("Observation", "code"));
    runs::add(&conn, observation, (&(performer, "Patient/p".to_owned(), 0), 0)).unwrap();
    runs::add(&conn, observation + 3, (&(performer, "Patient/q".to_owned(), 0), 0)).unwrap();
    runs::add(&conn, observation, (&(code, "rare".to_owned(), 0), 0)).unwrap();
    let query = parse_text("Patient", "_has:Observation:performer:code=rare").unwrap();
    assert_eq!(matching_ids(&conn, &query, 50).unwrap(), ["p"]);
    let joined = explained(&conn, &query).join("\n");
    is_led("Patient", "_has", &joined);
    assert!(joined.contains("SEARCH t USING PRIMARY KEY (code>? AND code<?)"), "{joined}");
}
