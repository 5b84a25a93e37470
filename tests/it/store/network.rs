//! A broken network between the store and PostgreSQL, and replicas that die with leases held.

use std::sync::Arc;
use std::time::Duration;

use vigie::json::json;
use vigie::problem::Category;
use vigie::store::postgres::{self, Options, PostgresStore};
use vigie::store::{Committed, Guard, LeaseRequest, Store, Unit, Violation};

use super::support::{Held, at, delivery, new, query, unit};
use crate::support::postgres::Database;
use crate::support::proxy::{Cut, Proxy};

struct Broken {
    proxy: Proxy,
    store: PostgresStore,
    database: Database,
}

impl Broken {
    async fn new() -> Option<Self> {
        let database = Database::new().await?;
        let proxy = Proxy::before(database.address()).await;
        let options = Options { writers: 1, ..Options::default() };
        let store = postgres::open(&database.url_through(proxy.port()), &options).await.unwrap();
        Some(Self { proxy, store, database })
    }

    async fn count(&self) -> i64 {
        let client = self.database.connect().await;
        client.query_one("SELECT count(*) FROM resource", &[]).await.unwrap().get(0)
    }
}

/// A unit that is refused when it comes twice.
fn once(id: &str) -> Unit {
    let key = Guard::Key {
        space: "test".to_owned(),
        key: id.to_owned(),
        holder: format!("Patient/{id}"),
        digest: vec![],
    };
    Unit { guards: vec![key], ..unit(vec![new("Patient", id, json!({}))]) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_found_out_and_never_written_twice() {
    let Some(broken) = Broken::new().await else { return };
    for (n, cut) in [Cut::AfterCommit, Cut::BeforeCommit, Cut::AfterCommit].into_iter().enumerate() {
        broken.proxy.cut_next(cut);
        let answer = broken.store.commit(once(&format!("p{n}"))).await;
        assert!(matches!(answer, Ok(Committed::Written(_))), "{cut:?}: {answer:?}");
        assert!(broken.proxy.has_cut(), "{cut:?}");
        assert_eq!(broken.count().await, i64::try_from(n).unwrap() + 1, "{cut:?}");
        let again = broken.store.commit(once(&format!("p{n}"))).await.unwrap();
        assert!(matches!(again, Committed::Refused(Violation::Key { .. })), "{cut:?}: {again:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_nothing_is_acknowledged_and_it_goes_on_by_itself() {
    let Some(broken) = Broken::new().await else { return };
    assert!(broken.store.commit(once("before")).await.is_ok());
    broken.proxy.set_down(true);
    let refused = broken.store.commit(once("away")).await.unwrap_err();
    assert_eq!(refused.category, Category::Busy, "{refused}");
    for problem in [
        broken.store.read("Patient", "before").await.unwrap_err(),
        broken.store.search(&query("Patient", "")).await.unwrap_err(),
        broken.store.ready().await.unwrap_err(),
    ] {
        assert_eq!(problem.category, Category::Busy, "{problem}");
    }
    assert_eq!(broken.count().await, 1);
    broken.proxy.set_down(false);
    assert_eq!(broken.store.ready().await, Ok(()));
    assert!(matches!(broken.store.commit(once("away")).await, Ok(Committed::Written(_))));
    assert_eq!(broken.store.read("Patient", "before").await.unwrap().unwrap().version, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stops_in_the_middle_of_writing_does_not_hold_up_the_others_for_long() {
    let Some(held) = Held::new().await else { return };
    let client = held.place.0.connect().await;
    client.batch_execute("SET idle_in_transaction_session_timeout = '5s'; BEGIN").await.unwrap();
    client.query("SELECT * FROM feed FOR UPDATE", &[]).await.unwrap();
    let waiting = held.store.commit(once("p"));
    let answer = tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
    assert!(matches!(answer, Ok(Committed::Written(_))), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_share_the_leases_and_a_commit_of_one_wakes_the_other() {
    let Some(held) = Held::new().await else { return };
    let stores = held.replicas(3).await;
    let mut wakes = stores[2].wakes();
    tokio::time::sleep(Duration::from_millis(300)).await;
    wakes.mark_unchanged();
    let deliveries = (0..40).map(|n| delivery(&format!("d{n:02}"), "dpi", &format!("p{}", n % 20))).collect();
    let unit = Unit { deliveries, ..unit(vec![]) };
    assert!(matches!(stores[0].commit(unit).await, Ok(Committed::Written(_))));
    tokio::time::timeout(Duration::from_secs(5), wakes.changed()).await.unwrap().unwrap();

    let leases = stores.iter().enumerate().map(|(n, store)| {
        let store = Arc::clone(store);
        let request = move |now| LeaseRequest {
            now: at(now),
            lease_seconds: 30,
            limit: 7,
            under_way: vec![],
            owner: format!("w{n}"),
        };
        tokio::spawn(async move {
            let mut all = store.lease(request(1)).await.unwrap();
            all.extend(store.lease(request(1)).await.unwrap());
            all.into_iter().map(|leased| leased.delivery.id).collect::<Vec<_>>()
        })
    });
    let mut ids = Vec::new();
    for lease in leases.collect::<Vec<_>>() {
        ids.extend(lease.await.unwrap());
    }
    ids.sort();
    let heads: Vec<_> = (0..20).map(|n| format!("d{n:02}")).collect();
    // Passed over while another replica held the row: it is found by the next look.
    let rest =
        LeaseRequest { now: at(1), lease_seconds: 30, limit: 99, under_way: vec![], owner: "w".to_owned() };
    ids.extend(stores[0].lease(rest).await.unwrap().into_iter().map(|leased| leased.delivery.id));
    ids.sort();
    assert_eq!(ids, heads, "each head once, and nothing behind a head");

    // All replicas die with their leases held: another one takes over when the leases have ended.
    let late =
        LeaseRequest { now: at(40), lease_seconds: 30, limit: 99, under_way: vec![], owner: "x".to_owned() };
    let taken = stores[1].lease(late).await.unwrap();
    assert_eq!(taken.len(), 20);
    assert!(taken.iter().all(|leased| leased.attempt == 2));
}
