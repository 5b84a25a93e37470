//! Many at once: one winner, no torn unit, no neighbour spoilt.

use std::sync::Arc;

use vigie::json::json;
use vigie::store::{Committed, Guard, Store, Unit, Violation};

use super::support::{Held, new, query, resource, unit};

#[tokio::test(flavor = "multi_thread")]
async fn of_64_units_with_one_key_one_wins_and_the_others_learn_its_holder() {
    let Some(held) = Held::new().await else { return };
    let tasks = (0..64).map(|n| {
        let store = Arc::clone(&held.store);
        tokio::spawn(async move {
            let key = Guard::Key {
                space: "submit".to_owned(),
                key: "same".to_owned(),
                holder: format!("Patient/p{n}"),
                digest: vec![],
            };
            let unit = Unit { guards: vec![key], ..unit(vec![new("Patient", &format!("p{n}"), json!({}))]) };
            store.commit(unit).await.unwrap()
        })
    });
    let mut holders = Vec::new();
    let mut written = 0;
    for task in tasks.collect::<Vec<_>>() {
        match task.await.unwrap() {
            Committed::Written(_) => written += 1,
            Committed::Refused(Violation::Key { holder, .. }) => holders.push(holder),
            other => panic!("{other:?}"),
        }
    }
    let ids = held.ids("Patient", "").await;
    assert_eq!((written, ids.len(), holders.len()), (1, 1, 63));
    assert!(holders.iter().all(|holder| *holder == format!("Patient/{}", ids[0])));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_conditional_creates_one_creates() {
    let Some(held) = Held::new().await else { return };
    let tasks = (0..64).map(|n| {
        let store = Arc::clone(&held.store);
        tokio::spawn(async move {
            let guard = Guard::NoneMatches(query("Patient", "identifier=urn:s|1"));
            let patient = json!({"identifier": [{"system": "urn:s", "value": "1"}]});
            let unit = Unit { guards: vec![guard], ..unit(vec![new("Patient", &format!("p{n}"), patient)]) };
            store.commit(unit).await.unwrap()
        })
    });
    let mut found = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        if let Committed::Refused(Violation::Exists(ids)) = task.await.unwrap() {
            found.extend(ids);
        }
    }
    assert_eq!(found, vec![held.ids("Patient", "").await[0].clone(); 63]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_unit_does_not_spoil_its_group() {
    let Some(held) = Held::new().await else { return };
    let tasks = (0..200).map(|n| {
        let store = Arc::clone(&held.store);
        tokio::spawn(async move {
            // Every other unit collides with one that is there, after it has written something.
            let id = if n % 2 == 0 { "taken".to_owned() } else { format!("p{n}") };
            let writes = vec![new("Flag", &format!("f{n}"), json!({})), new("Patient", &id, json!({}))];
            matches!(store.commit(unit(writes)).await.unwrap(), Committed::Written(_))
        })
    });
    let mut written = 0;
    for task in tasks.collect::<Vec<_>>() {
        written += usize::from(task.await.unwrap());
    }
    assert_eq!(written, 101);
    assert_eq!(held.page("Patient", "_total=accurate").await.total, Some(101));
    assert_eq!(held.page("Flag", "_total=accurate").await.total, Some(101));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_at_once_and_loses_nothing_that_it_took() {
    let Some(held) = Held::with_queue(4).await else { return };
    let store = Arc::clone(&held.store);
    let tasks = (0..500).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(
            async move { store.commit(unit(vec![new("Patient", &format!("p{n}"), json!({}))])).await },
        )
    });
    let (mut written, mut busy) = (0, 0);
    for task in tasks.collect::<Vec<_>>() {
        match task.await.unwrap() {
            Ok(Committed::Written(_)) => written += 1,
            Err(problem) if problem.category == vigie::problem::Category::Busy => busy += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(written + busy, 500);
    assert_eq!(store.search(&query("Patient", "_total=accurate")).await.unwrap().total, Some(written));
}

#[tokio::test]
async fn of_many_reads_at_once_each_gets_its_own_answer() {
    let Some(held) = Held::new().await else { return };
    for n in 0..20 {
        held.put(resource("Task", &format!("t{n}"), 1, json!({"status": "requested"}))).await;
    }
    held.put(resource("Patient", "t3", 1, json!({}))).await;
    let read = async |store: Arc<dyn Store>, n: usize| {
        let (rtype, id) = match n % 50 {
            // No database can be asked for it, and none of the others suffers from that.
            7 => ("Task", "a\0b".to_owned()),
            8 => ("Nothing", "t1".to_owned()),
            9 => ("Patient", "t3".to_owned()),
            n => ("Task", format!("t{n}")),
        };
        let found = store.read(rtype, &id).await;
        match n % 50 {
            7 => assert!(!matches!(found, Ok(Some(_)))),
            8 => assert_eq!(found.unwrap(), None),
            place => {
                let expected = (place == 9 || place < 20).then(|| (rtype.to_owned(), id.clone()));
                assert_eq!(found.unwrap().map(|stored| (stored.rtype, stored.id)), expected, "{rtype}/{id}");
            }
        }
    };
    futures_util::future::join_all((0..400).map(|n| read(Arc::clone(&held.store), n))).await;
}
