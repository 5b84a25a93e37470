//! What codes are shown with, in a database that is older than its being told by codes.

use std::time::Duration;

use vigie::json::{Value, json};
use vigie::problem::Category;

use super::support::{Held, query, resource};

fn task(id: &str, version: u64, display: &str) -> Value {
    let code = json!({"coding": [{"code": "a", "display": display}], "text": "Rappeler"});
    resource("Task", id, version, json!({"code": code}))
}

async fn check(held: &Held, expected: &[(&str, &[&str])]) {
    for (text, expected) in expected {
        let mut found = held.ids("Task", &format!("code:text={text}")).await;
        found.sort();
        assert_eq!(found, *expected, "{text}");
    }
}

/// Two tasks as they were written before: each has its texts in rows of its own, and its code tells nothing.
async fn older() -> Option<Held> {
    let held = Held::new().await?;
    held.put(task("t1", 1, "Appel")).await;
    held.put(task("t2", 1, "Appel")).await;
    // Its text stands in a row of its own, which says under which number.
    held.put(resource("Task", "t3", 1, json!({"code": {"text": "Sans code"}}))).await;
    let client = held.place.0.connect().await;
    client
        .batch_execute(
            "INSERT INTO text (param, folded, rid, exact)
               SELECT t.param, w.folded, r.rid, '' FROM text t, (VALUES ('appel'), ('rappeler')) AS w (folded), resource r
               WHERE t.folded = 'sans code' AND r.id IN ('t1', 't2');
             UPDATE token_run SET shown = 0; DELETE FROM shown",
        )
        .await
        .unwrap();
    Some(held)
}

async fn count(held: &Held, rows: &str) -> i64 {
    let client = held.place.0.connect().await;
    client.query_one(&format!("SELECT count(*) FROM {rows}"), &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn texts_of_before_are_found_until_they_go() {
    let Some(held) = older().await else { return };
    check(&held, &[("appel", &["t1", "t2"]), ("rappeler", &["t1", "t2"]), ("sans", &["t3"])]).await;
    held.put(task("t1", 2, "Visite")).await;
    check(&held, &[("appel", &["t2"]), ("visite", &["t1"]), ("rappeler", &["t1", "t2"])]).await;
    // Told by its code, then by a row of its own, then by nothing; one that was there before has one row again.
    for (id, version) in [("t1", 3), ("t2", 2)] {
        held.put(resource("Task", id, version, json!({"code": {"text": "Rappeler"}}))).await;
    }
    check(&held, &[("appel", &[]), ("visite", &[]), ("rappeler", &["t1", "t2"])]).await;
    assert_eq!(count(&held, "text").await, 3);
    held.put(resource("Task", "t1", 4, json!({"description": "Plus rien"}))).await;
    held.put(task("t2", 3, "Appel")).await;
    check(&held, &[("appel", &["t2"]), ("rappeler", &["t2"]), ("sans", &["t3"])]).await;
    assert_eq!(count(&held, "text").await, 1);
}

#[tokio::test]
async fn texts_of_before_are_told_by_codes_once_all_is_indexed_anew() {
    let Some(held) = older().await else { return };
    let client = held.place.0.connect().await;
    // Something else is read in another way: codes and texts of tasks stay.
    let other = "DELETE FROM indexed WHERE param = (SELECT min(param) FROM indexed
                   WHERE param NOT IN (SELECT param FROM text UNION SELECT param FROM token_run))";
    assert_eq!(client.execute(other, &[]).await.unwrap(), 1);
    let held = held.reopen().await;
    for _ in 0..6_000 {
        if count(&held, "reindex").await == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    match held.store.search(&query("Task", "code:text=appel")).await {
        Ok(found) => assert_eq!(found.resources.len(), 2),
        Err(problem) => assert_eq!(problem.category, Category::Busy, "{problem}"),
    }
    assert_eq!((count(&held, "text").await, count(&held, "token WHERE shown <> 0").await), (1, 2));
    check(&held, &[("appel", &["t1", "t2"]), ("rappeler", &["t1", "t2"]), ("sans", &["t3"])]).await;
}
