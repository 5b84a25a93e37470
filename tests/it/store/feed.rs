//! The feed never lies: who follows `_lastUpdated` or the history sees every change once, in one order.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use vigie::fhir::search::parse_text;
use vigie::json::{Value, json};
use vigie::store::{Committed, Expect, History, Store, Unit, Write};

use super::support::{Held, at, resource};

fn instant(body: &[u8]) -> Timestamp {
    let resource: Value = serde_json::from_slice(body).unwrap();
    resource["meta"]["lastUpdated"].as_str().unwrap().parse().unwrap()
}

async fn put_at(store: &dyn Store, second: i64, id: &str) -> Timestamp {
    let mut patient = resource("Patient", id, 1, json!({}));
    patient["meta"]["lastUpdated"] = json!(at(second).to_string());
    let write = Write::new(&patient, Expect::New).unwrap();
    match store.commit(Unit { writes: vec![write], ..Unit::new("test", at(second)) }).await.unwrap() {
        Committed::Written(instant) => instant,
        refused @ Committed::Refused(_) => panic!("{refused:?}"),
    }
}

#[tokio::test]
async fn what_is_committed_later_is_later_whatever_the_clocks_say() {
    let Some(held) = Held::new().await else { return };
    let mut last = Timestamp::MIN;
    for (n, second) in [50, 10, 50, 49, 60, 1].into_iter().enumerate() {
        let id = format!("p{n}");
        let instant_told = put_at(&*held.store, second, &id).await;
        assert!(instant_told >= last + SignedDuration::from_millis(1), "{instant_told} after {last}");
        last = instant_told;
        let stored = held.store.read("Patient", &id).await.unwrap().unwrap();
        assert_eq!((stored.last_updated, instant(stored.body().unwrap())), (instant_told, instant_told));
        let gt = format!("_lastUpdated=gt{:.3}", instant_told - SignedDuration::from_millis(1));
        assert_eq!(held.ids("Patient", &gt).await, [id], "{gt}");
    }
    let held = held.reopen().await;
    assert!(put_at(&*held.store, 0, "again").await > last, "a restart forgets nothing");
}

/// Follows `_lastUpdated` as an engine does: from the latest instant that it has seen.
async fn follow(store: Arc<dyn Store>, total: usize) -> Vec<String> {
    let mut seen = Vec::new();
    let mut last = "1960-01-01T00:00:00.000Z".to_owned();
    while seen.len() < total {
        let text = format!("_lastUpdated=gt{last}&_sort=_lastUpdated&_count=7");
        let mut query = parse_text("Patient", &text).unwrap();
        loop {
            let page = store.search(&query).await.unwrap();
            if let Some(stored) = page.resources.last() {
                last = format!("{:.3}", instant(stored.body().unwrap()));
            }
            seen.extend(page.resources.into_iter().map(|stored| stored.id));
            let Some(next) = page.next else { break };
            query.after = Some(next);
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    seen
}

/// Follows the history by its cursor.
async fn follow_history(store: Arc<dyn Store>, total: usize) -> Vec<String> {
    let mut seen = Vec::new();
    let mut history = History { oldest_first: true, ..History::new(7) };
    while seen.len() < total {
        let page = store.history(&history).await.unwrap();
        seen.extend(page.versions.into_iter().map(|stored| stored.id));
        history.after = page.last;
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    seen
}

const WRITERS: usize = 8;
const EACH: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_follows_the_feed_sees_every_change_exactly_once_while_many_write() {
    let Some(held) = Held::new().await else { return };
    let stores = held.replicas(3).await;
    let total = WRITERS * EACH;
    let followers = [
        tokio::spawn(follow(Arc::clone(&stores[0]), total)),
        tokio::spawn(follow_history(Arc::clone(&stores[stores.len() - 1]), total)),
    ];
    let writers = (0..WRITERS).map(|writer| {
        let store = Arc::clone(&stores[writer % stores.len()]);
        tokio::spawn(async move {
            for n in 0..EACH {
                // Clocks that differ from writer to writer, and do not even run on.
                let second = i64::try_from((writer * 7 + n * 3) % 20).unwrap();
                put_at(&*store, second, &format!("p{writer}-{n}")).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    for follower in followers {
        let mut count: BTreeMap<String, usize> = BTreeMap::new();
        let seen = tokio::time::timeout(std::time::Duration::from_secs(60), follower).await.unwrap().unwrap();
        seen.into_iter().for_each(|id| *count.entry(id).or_default() += 1);
        assert_eq!(count.len(), total);
        assert!(count.values().all(|times| *times == 1), "seen twice");
    }
}
