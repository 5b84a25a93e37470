//! Pages: each match once, whatever is written meanwhile.

use std::collections::HashSet;

use vigie::json::json;
use vigie::problem::Category;

use super::support::{Held, query, resource};

fn task(id: &str, n: usize) -> vigie::json::Value {
    let priority = ["routine", "urgent", "asap", "stat"][n % 4];
    let more = json!({
        "status": if n.is_multiple_of(3) { "completed" } else { "requested" },
        "priority": priority,
        "authoredOn": format!("2026-01-{:02}T10:00:00Z", n % 28 + 1),
        "for": {"reference": format!("Patient/p{}", n % 5)},
        "code": {"coding": [{"system": "urn:codes", "code": format!("c{}", n % 2)}]}
    });
    resource("Task", id, 1, more)
}

/// Follows `next` to the end while other tasks are created between the pages.
async fn walk(held: &Held, text: &str) -> Vec<String> {
    let mut query = query("Task", text);
    let mut ids = Vec::new();
    for n in 0.. {
        let page = held.store.search(&query).await.unwrap();
        assert!(page.resources.len() <= query.count);
        ids.extend(page.resources.into_iter().map(|stored| stored.id));
        let Some(next) = page.next else { break };
        query.after = Some(next);
        held.put(task(&format!("later {n} {text}"), n)).await;
    }
    ids
}

#[tokio::test]
async fn every_match_is_visited_once_while_others_are_created() {
    let Some(held) = Held::new().await else { return };
    for n in 0..60 {
        held.put(task(&format!("t{n:02}"), n)).await;
    }
    for text in [
        "_count=7",
        "_count=7&status=requested",
        "_count=7&status=requested,completed&_sort=-priority,authored-on",
        "_count=7&status=requested&_sort=priority,-authored-on",
        "_count=7&status=requested&_sort=-priority,-authored-on",
        "_count=7&patient=p1",
        "_count=2&patient=p1,p2&_sort=-_lastUpdated",
        "_count=7&code=c1",
        "_count=7&code=c1&_sort=authored-on",
        "_count=7&_sort=_lastUpdated",
        "_count=7&_sort=-authored-on",
        "_count=7&_sort=-priority",
        "_count=7&authored-on=ge2026-01-05",
        "_count=1&_id=t01,t02,t03",
        "_count=7&_sort=code,-status",
        "_count=7&_sort=-code,authored-on",
        "_count=7&_sort=period",
        "_count=7&_sort=-_id",
    ] {
        let rest = text.split_once('&').map_or("", |(_, rest)| rest);
        let expected: HashSet<_> =
            held.ids("Task", &format!("_count=1000&{rest}")).await.into_iter().collect();
        let seen = walk(&held, text).await;
        let unique: HashSet<_> = seen.iter().cloned().collect();
        assert_eq!(seen.len(), unique.len(), "{text}: nothing twice");
        assert!(expected.is_subset(&unique), "{text}: nothing missed");
        assert!(expected.len() > 2, "{text}");
    }
}

#[tokio::test]
async fn the_worklist_shows_the_most_urgent_and_then_the_oldest() {
    let Some(held) = Held::new().await else { return };
    for (id, priority, day) in
        [("a", "routine", 1), ("b", "stat", 3), ("c", "stat", 2), ("d", "urgent", 1), ("e", "asap", 9)]
    {
        let more =
            json!({"status": "requested", "priority": priority, "authoredOn": format!("2026-01-0{day}")});
        held.put(resource("Task", id, 1, more)).await;
    }
    held.put(resource("Task", "f", 1, json!({"status": "requested"}))).await;
    for text in
        ["status=requested&_sort=-priority,authored-on", "status=requested", "status=requested,on-hold"]
    {
        assert_eq!(held.ids("Task", text).await, ["c", "b", "e", "d", "a", "f"], "{text}");
    }
    assert_eq!(held.ids("Task", "_sort=priority,-authored-on").await, ["f", "a", "d", "e", "b", "c"]);
}

#[tokio::test]
async fn a_total_is_counted_as_asked() {
    let Some(held) = Held::new().await else { return };
    for n in 0..12 {
        held.put(task(&format!("t{n}"), n)).await;
    }
    for (text, expected) in
        [("", None), ("_total=none", None), ("_total=estimate", Some(12)), ("_total=accurate", Some(12))]
    {
        assert_eq!(held.page("Task", &format!("_count=2&{text}")).await.total, expected, "{text}");
    }
    assert_eq!(
        held.page("Task", "_total=accurate&status=requested,completed&_count=1").await.total,
        Some(12)
    );
}

#[tokio::test]
async fn a_cursor_of_another_search_is_refused() {
    let Some(held) = Held::new().await else { return };
    for n in 0..4 {
        held.put(task(&format!("t{n}"), n)).await;
    }
    let next = held.page("Task", "_count=1").await.next.unwrap();
    for cursor in [format!("{next}&status=requested"), "zzz".to_owned(), next[1..].to_owned()] {
        let problem = held.store.search(&query("Task", &format!("_cursor={cursor}"))).await.unwrap_err();
        assert_eq!(problem.category, Category::Malformed, "{cursor}");
    }
}

#[tokio::test]
async fn an_order_by_a_code_or_a_name_takes_the_least_value_upwards_and_the_greatest_downwards() {
    let Some(held) = Held::new().await else { return };
    let task = |id: &str, version: u64, codes: &[&str]| {
        let coding: Vec<_> = codes.iter().map(|code| json!({"code": code})).collect();
        resource("Task", id, version, json!({"status": "requested", "code": {"coding": coding}}))
    };
    held.put(task("a", 1, &["m"])).await;
    held.put(task("b", 1, &["z", "k"])).await;
    held.put(task("c", 1, &[])).await;
    held.put(task("d", 1, &["l"])).await;
    assert_eq!(held.ids("Task", "_sort=code").await, ["b", "d", "a", "c"]);
    assert_eq!(held.ids("Task", "_sort=-code").await, ["b", "a", "d", "c"]);
    held.put(task("d", 2, &["B"])).await;
    assert_eq!(held.ids("Task", "_sort=code").await, ["d", "b", "a", "c"], "byte for byte, and as it is now");

    let patient = |id: &str, family: &str, given: &[&str]| {
        resource("Patient", id, 1, json!({"name": [{"family": family, "given": given}]}))
    };
    held.put(patient("a", "PAT-TROIS", &["DOMINIQUE"])).await;
    held.put(patient("b", "Pat-Été \"x\"", &["ZOE", "ANNE"])).await;
    held.put(resource("Patient", "c", 1, json!({}))).await;
    assert_eq!(held.ids("Patient", "_sort=family").await, ["b", "a", "c"]);
    assert_eq!(held.ids("Patient", "_sort=given").await, ["b", "a", "c"]);
    assert_eq!(held.ids("Patient", "_sort=-given").await, ["b", "a", "c"]);
    assert_eq!(held.ids("Patient", "_sort=-family").await, ["a", "b", "c"]);
}
