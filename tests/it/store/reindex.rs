//! Indexing anew when search parameters have changed: between the writes of clients, from where it was left, and with
//! the result of a fresh index.

use std::time::Duration;

use vigie::json::{Value, json};
use vigie::problem::Category;
use vigie::store::{Committed, Expect, Store, Write};

use super::Place;
use super::support::{Held, query, resource, unit};

const RESOURCES: usize = 900;

/// What every table of the index can hold.
fn example(n: usize) -> Value {
    let id = format!("r{n}");
    match n % 3 {
        0 => resource(
            "Patient",
            &id,
            1,
            json!({"identifier": [{"system": "urn:ipp", "value": format!("{n}")}], "active": true,
                "name": [{"family": format!("TEST-{n}")}, {"family": format!("TEST-{n}")}],
                "birthDate": "1979-03-28"}),
        ),
        1 => resource(
            "Task",
            &id,
            1,
            json!({"status": "requested", "intent": "order", "priority": "asap", "authoredOn": "2026-03-01",
                "code": {"text": "Appel", "coding": [{"code": "appel", "display": "Appel téléphonique"}]},
                "for": {"reference": "Patient/r0", "identifier": {"system": "urn:ipp", "value": "0"}},
                "executionPeriod": {"start": "2026-04-01"}}),
        ),
        _ => resource(
            "Observation",
            &id,
            1,
            json!({"status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "8310-5"}]},
                "subject": {"reference": "Patient/r0"},
                "valueQuantity": {"value": n, "unit": "°C", "system": "http://unitsofmeasure.org", "code": "Cel"}}),
        ),
    }
}

async fn fill(held: &Held) {
    for first in (0..RESOURCES).step_by(100) {
        let writes = (first..first + 100).map(|n| Write::new(&example(n), Expect::New).unwrap());
        assert!(matches!(held.store.commit(unit(writes.collect())).await, Ok(Committed::Written(_))));
    }
}

/// Every row that searches go by, in one order.
async fn index(place: &Place) -> Vec<String> {
    let client = place.0.connect().await;
    let mut all = Vec::new();
    for table in ["token", "shown", "link", "text", "span", "part", "resource", "indexed"] {
        let select = format!("SELECT t::text FROM {table} t ORDER BY 1");
        all.extend(
            client
                .query(&select, &[])
                .await
                .unwrap()
                .iter()
                .map(|row| format!("{table} {}", row.get::<_, &str>(0))),
        );
    }
    all
}

/// What another version of the service would have left: other readings of everything, rows that are missing, and rows
/// that are wrong.
async fn tamper(place: &Place) {
    let client = place.0.connect().await;
    client
        .batch_execute(
            "UPDATE indexed SET reading = 0;
             INSERT INTO token_run (param, code, block, system, low, last, bits)
               SELECT param, 'old', block, 7, low, last, bits FROM token_run ON CONFLICT DO NOTHING;
             INSERT INTO link_run (param, code, block, low, last, bits)
               SELECT param, 'Old/old', block, low, last, bits FROM link_run ON CONFLICT DO NOTHING;
             INSERT INTO text SELECT param, 'old', rid, 'Old' FROM text WHERE rid % 4 = 0;
             UPDATE token_run SET shown = 0 WHERE block % 2 = 0; DELETE FROM shown WHERE length(folded) % 2 = 0;
             UPDATE token_run SET bits = bits & ~2459565876494606882; UPDATE link_run SET bits = bits & ~2459565876494606882; DELETE FROM text WHERE rid % 4 = 1;
             DELETE FROM span WHERE rid % 4 = 1; DELETE FROM part WHERE rid % 4 = 1;
             INSERT INTO span SELECT rid, 5, 1, 2 FROM resource WHERE rid % 4 = 2;
             INSERT INTO part SELECT rid, 5, 0, 0, 'x', 0, '', '', '', 0, '', '' FROM resource WHERE rid % 4 = 2;
             UPDATE resource SET present = 0, subject = NULL, urgency = 9, status = 'old' WHERE rid % 4 = 3",
        )
        .await
        .unwrap();
}

/// The place that was reached, while it is under way.
async fn reached(place: &Place) -> Option<i64> {
    let rows = place.0.connect().await.query("SELECT rid FROM reindex", &[]).await.unwrap();
    rows.first().map(|row| row.get(0))
}

async fn until_searches_answer(store: &dyn Store) {
    let all = query("Task", "code=appel&_sort=-period");
    for _ in 0..6_000 {
        match store.search(&all).await {
            Ok(_) => return,
            Err(problem) => assert_eq!(problem.category, Category::Busy, "{problem}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("indexing anew takes less than a minute");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_indexed_otherwise_is_indexed_as_if_it_were_new() {
    let Some(held) = Held::new().await else { return };
    fill(&held).await;
    let fresh = index(&held.place).await;
    tamper(&held.place).await;
    assert_ne!(index(&held.place).await, fresh);
    let held = held.reopen().await;
    let refused = held.store.search(&query("Task", "code=appel")).await.unwrap_err();
    assert_eq!(refused.category, Category::Busy, "a search that would miss something is refused");
    assert!(held.store.read("Task", "r1").await.unwrap().is_some(), "other reads go on");
    until_searches_answer(&*held.store).await;
    assert_eq!(index(&held.place).await, fresh);
    assert_eq!(reached(&held.place).await, None);
    assert!(held.store.search(&query("Task", "code:text=appel")).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_ended_in_the_middle_of_indexing_goes_on_from_there() {
    let Some(held) = Held::new().await else { return };
    fill(&held).await;
    let fresh = index(&held.place).await;
    tamper(&held.place).await;
    let held = held.reopen().await;
    while reached(&held.place).await.is_some_and(|rid| rid <= 0) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let Held { store, place } = held;
    drop(store);
    let stopped = reached(&place).await.expect("it is still under way");
    assert!(stopped > 0 && stopped < i64::try_from(RESOURCES).unwrap(), "{stopped}");
    // What was done is not done again: this row stays away.
    let remove = "UPDATE token_run t SET bits = bits & ~2 WHERE (param, code, block, system, shown, low) IN
           (SELECT param, code, block, system, shown, low FROM token_run WHERE block = 0 AND bits & 2 <> 0 LIMIT 1)
           RETURNING ROW (t.param, t.code, 1, t.system, t.shown)::text";
    let removed = place.0.connect().await.query_one(remove, &[]).await.unwrap();
    let removed = format!("token {}", removed.get::<_, &str>(0));
    let store = place.open(1_024).await;
    until_searches_answer(&*store).await;
    let expected: Vec<String> = fresh.into_iter().filter(|row| *row != removed).collect();
    assert_eq!(index(&place).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_that_start_together_index_once_while_clients_write() {
    let (Some(held), Some(other)) = (Held::new().await, Held::new().await) else { return };
    fill(&held).await;
    fill(&other).await;
    tamper(&held.place).await;
    let held = held.reopen().await;
    let second = held.place.open(1_024).await;
    let mut meanwhile = 0;
    for n in 0.. {
        let more = json!({"name": [{"family": "TEST-AUTRE"}], "birthDate": "1979-03"});
        // New ones, and changes to what has not been reached, or has been.
        let (id, version) =
            if n % 2 == 0 || 3 * n >= RESOURCES { (format!("n{n}"), 1) } else { (format!("r{}", 3 * n), 2) };
        let write = Write::new(&resource("Patient", &id, version, more), Expect::Previous).unwrap();
        for store in [if n % 3 == 0 { &second } else { &held.store }, &other.store] {
            assert!(matches!(store.commit(unit(vec![write.clone()])).await, Ok(Committed::Written(_))));
        }
        if reached(&held.place).await.is_none() {
            break;
        }
        meanwhile += 1;
    }
    assert!(meanwhile > 3, "{meanwhile} writes were acknowledged meanwhile");
    until_searches_answer(&*held.store).await;
    until_searches_answer(&*second).await;
    assert_eq!(
        index(&held.place).await,
        index(&other.place).await,
        "as in a database that was never indexed otherwise"
    );
}
