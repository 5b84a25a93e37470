//! The feed of versions: each one once, in commit order, whatever the clocks say and whoever writes meanwhile.

use std::collections::HashSet;
use std::sync::Arc;

use vigie::json::json;
use vigie::problem::Category;
use vigie::store::{Expect, History, Made, Unit, Versions, Write};

use super::support::{Held, at, new, resource, unit};

fn names(page: &Versions) -> Vec<String> {
    page.versions.iter().map(|stored| format!("{}/{}/{}", stored.rtype, stored.id, stored.version)).collect()
}

async fn feed(held: &Held, history: History) -> Vec<String> {
    names(&held.store.history(&history).await.unwrap())
}

/// A unit that was decided then, by whatever clock.
async fn put_at(held: &Held, second: i64, id: &str) {
    let write = new("Patient", id, json!({}));
    held.store.commit(Unit { writes: vec![write], ..Unit::new("test", at(second)) }).await.unwrap();
}

async fn some() -> Option<Held> {
    let held = Held::new().await?;
    held.put(resource("Patient", "p", 1, json!({}))).await;
    held.put(resource("Flag", "f", 1, json!({}))).await;
    held.put(resource("Patient", "p", 2, json!({}))).await;
    held.put(resource("Patient", "q", 1, json!({}))).await;
    held.store.commit(unit(vec![Write::deletion("Patient", "p", 2, at(3)).unwrap()])).await.unwrap();
    Some(held)
}

#[tokio::test]
async fn a_history_is_of_one_resource_of_a_type_or_of_everything_newest_first() {
    let Some(held) = some().await else { return };
    let history = History::new(10);
    let everything = ["Patient/p/3", "Patient/q/1", "Patient/p/2", "Flag/f/1", "Patient/p/1"];
    assert_eq!(feed(&held, history.clone()).await, everything);
    let patients = History { rtype: Some("Patient".into()), ..history };
    assert_eq!(
        feed(&held, patients.clone()).await,
        ["Patient/p/3", "Patient/q/1", "Patient/p/2", "Patient/p/1"]
    );
    let one = History { id: Some("p".into()), ..patients.clone() };
    assert_eq!(feed(&held, one.clone()).await, ["Patient/p/3", "Patient/p/2", "Patient/p/1"]);
    let oldest_first = History { oldest_first: true, ..one.clone() };
    assert_eq!(feed(&held, oldest_first).await, ["Patient/p/1", "Patient/p/2", "Patient/p/3"]);
    let page = held.store.history(&one).await.unwrap();
    assert!(page.versions[0].deleted && page.versions[0].size() == 0 && !page.versions[1].deleted);
    assert!(feed(&held, History { id: Some("nobody".into()), ..patients.clone() }).await.is_empty());
    assert!(feed(&held, History { rtype: Some("Nothing".into()), ..patients }).await.is_empty());
}

#[tokio::test]
async fn a_version_keeps_what_made_it_wherever_it_is_read() {
    let Some(held) = Held::new().await else { return };
    let patient = |version| resource("Patient", "p", version, json!({}));
    let write = |version, made| Write::new(&patient(version), Expect::Previous).unwrap().made(made);
    let deletion = Write::deletion("Patient", "p", 3, at(3)).unwrap();
    let writes =
        [write(1, Made::Post), write(2, Made::Patch), write(3, Made::Put), deletion, write(5, Made::PutNew)];
    for write in writes {
        held.store.commit(unit(vec![write])).await.unwrap();
    }
    let held = held.reopen().await;
    let page = held.store.history(&History::new(10)).await.unwrap();
    let made: Vec<Made> = page.versions.iter().map(|stored| stored.made).collect();
    assert_eq!(made, [Made::PutNew, Made::Delete, Made::Put, Made::Patch, Made::Post]);
    assert_eq!(held.store.read("Patient", "p").await.unwrap().unwrap().made, Made::PutNew);
    assert_eq!(held.store.vread("Patient", "p", 2).await.unwrap().unwrap().made, Made::Patch);
    assert_eq!(held.page("Patient", "").await.resources[0].made, Made::PutNew);
}

#[tokio::test]
async fn pages_follow_each_other_in_both_directions_without_a_gap_or_a_repeat() {
    let Some(held) = some().await else { return };
    for (rtype, id) in [(None, None), (Some("Patient"), None), (Some("Patient"), Some("p"))] {
        for oldest_first in [false, true] {
            let whole = History {
                rtype: rtype.map(str::to_owned),
                id: id.map(str::to_owned),
                oldest_first,
                ..History::new(10)
            };
            let mut walked = Vec::new();
            let mut step = History { count: 1, ..whole.clone() };
            loop {
                let page = held.store.history(&step).await.unwrap();
                walked.extend(names(&page));
                if !page.more {
                    break;
                }
                step.after = page.last;
            }
            assert_eq!(walked, feed(&held, whole).await, "{rtype:?} {id:?} {oldest_first}");
        }
    }
}

#[tokio::test]
async fn since_begins_at_a_place_in_commit_order_and_not_on_a_clock() {
    let Some(held) = Held::new().await else { return };
    for (second, id) in [(10, "a"), (30, "b"), (20, "late"), (40, "c")] {
        put_at(&held, second, id).await;
    }
    let since = |second| History { since: Some(at(second)), oldest_first: true, ..History::new(10) };
    // Committed after `b`, by a replica whose clock is behind: who has seen `b` still gets it.
    assert_eq!(feed(&held, since(30)).await, ["Patient/b/1", "Patient/late/1", "Patient/c/1"]);
    assert_eq!(feed(&held, since(11)).await, ["Patient/b/1", "Patient/late/1", "Patient/c/1"]);
    assert_eq!(feed(&held, since(40)).await, ["Patient/c/1"]);
    assert_eq!(feed(&held, since(0)).await.len(), 4);
    assert!(feed(&held, since(41)).await.is_empty());
}

#[tokio::test]
async fn at_shows_what_was_current_then() {
    let Some(held) = some().await else { return };
    // Version n of the test resources was written at second n, or when what was already there allowed it.
    let then = |low, high| History { at: Some((at(low), at(high))), ..History::new(10) };
    assert_eq!(feed(&held, then(1, 2)).await, ["Flag/f/1", "Patient/p/1"]);
    assert_eq!(feed(&held, then(2, 3)).await, ["Patient/q/1", "Patient/p/2", "Flag/f/1"]);
    assert_eq!(
        feed(&held, then(1, 9)).await,
        ["Patient/p/3", "Patient/q/1", "Patient/p/2", "Flag/f/1", "Patient/p/1"]
    );
    assert!(feed(&held, then(0, 1)).await.is_empty());
}

#[tokio::test]
async fn the_end_of_a_feed_is_a_place_to_go_on_from() {
    let Some(held) = Held::new().await else { return };
    let end = |after| History { oldest_first: true, after, ..History::new(10) };
    let empty = held.store.history(&end(None)).await.unwrap();
    assert!(empty.versions.is_empty() && !empty.more);
    held.put(resource("Patient", "p", 1, json!({}))).await;
    let first = held.store.history(&end(empty.last)).await.unwrap();
    assert_eq!(names(&first), ["Patient/p/1"]);
    let nothing = held.store.history(&end(first.last.clone())).await.unwrap();
    assert!(nothing.versions.is_empty() && nothing.last == first.last);
    held.put(resource("Patient", "q", 1, json!({}))).await;
    assert_eq!(feed(&held, end(nothing.last)).await, ["Patient/q/1"]);
    let problem = held.store.history(&end(Some("no place".into()))).await.unwrap_err();
    assert_eq!(problem.category, Category::Malformed);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_while_eight_write_sees_every_version_once() {
    const WRITERS: usize = 8;
    const EACH: usize = 60;
    let Some(held) = Held::new().await else { return };
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = Arc::clone(&held.store);
            tokio::spawn(async move {
                for n in 0..EACH {
                    let id = format!("w{writer}-{n}");
                    // Clocks that disagree by minutes, and units of two.
                    let when = at(i64::try_from((writer * 7_919 + n * 31) % 600).unwrap());
                    let writes = ["Patient", "Flag"]
                        .map(|rtype| Write::new(&resource(rtype, &id, 1, json!({})), Expect::New).unwrap());
                    let unit = Unit { writes: writes.into(), ..Unit::new("test", when) };
                    store.commit(unit).await.unwrap();
                }
            })
        })
        .collect();
    let mut seen = Vec::new();
    let mut step = History { oldest_first: true, ..History::new(7) };
    while seen.len() < WRITERS * EACH * 2 {
        let page = held.store.history(&step).await.unwrap();
        seen.extend(names(&page));
        step.after = page.last;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert!(held.store.history(&step).await.unwrap().versions.is_empty(), "nothing more comes");
    let unique: HashSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), unique.len()), (WRITERS * EACH * 2, WRITERS * EACH * 2));
}
