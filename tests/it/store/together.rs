//! Reads of many clients at the same moment: they go out together, and each gets its own answer, whatever happens meanwhile.

use std::future::Future;
use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio_postgres::Client;
use vigie::json::json;
use vigie::problem::Category;
use vigie::store::postgres::{self, Options, PostgresStore};
use vigie::store::{Committed, Look, Seen, Store};

use super::support::{new, query, unit};
use crate::support::postgres::Database;
use crate::support::proxy::Proxy;

const PATIENTS: usize = 24;

/// A store behind a proxy, with patients and a task of each; and a connection of its own that can lock them.
struct Crowd {
    proxy: Proxy,
    store: PostgresStore,
    /// Locks, and sees how others wait.
    client: Client,
    watch: Client,
    database: Database,
}

impl Crowd {
    async fn new() -> Option<Self> {
        let database = Database::new().await?;
        let proxy = Proxy::before(database.address()).await;
        let store = postgres::open(&database.url_through(proxy.port()), &Options::default()).await.unwrap();
        let of = |n: usize| {
            let subject = json!({"reference": format!("Patient/p{n}")});
            let task = json!({"status": "requested", "intent": "order", "for": subject});
            let mut unit =
                unit(vec![new("Patient", &format!("p{n}"), json!({})), new("Task", &format!("t{n}"), task)]);
            unit.streams = vec![format!("Patient/p{n}")];
            unit
        };
        for n in 0..PATIENTS {
            assert!(matches!(store.commit(of(n)).await, Ok(Committed::Written(_))));
        }
        let (client, watch) = (database.connect().await, database.connect().await);
        Some(Self { proxy, store, client, watch, database })
    }

    async fn number(&self, text: &str) -> i64 {
        self.watch.query_one(text, &[]).await.unwrap().get(0)
    }

    /// Who waits for the lock on `resource`.
    async fn waiting(&self) -> i64 {
        self.number("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'resource'::regclass")
            .await
    }

    /// Runs all of it while nobody can read a resource, up to when the database has been asked; then lets them.
    async fn held<T>(&self, all: impl Future<Output = T>, meanwhile: impl AsyncFn(&Self)) -> T {
        self.client.batch_execute("BEGIN; LOCK TABLE resource IN ACCESS EXCLUSIVE MODE").await.unwrap();
        let release = async {
            while self.waiting().await == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            meanwhile(self).await;
            self.client.batch_execute("COMMIT").await.unwrap();
        };
        join(all, release).await.0
    }

    /// Ends the sessions that wait, and waits for those that ask again in their place.
    async fn kill(&self) {
        let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks
            WHERE NOT granted AND relation = 'resource'::regclass";
        let newest = "SELECT coalesce(max(extract(epoch FROM backend_start) * 1e6), 0)::bigint
            FROM pg_locks l JOIN pg_stat_activity a USING (pid)
            WHERE NOT l.granted AND l.relation = 'resource'::regclass";
        let before = self.number(newest).await;
        assert!(self.number(kill).await > 0);
        while self.number(newest).await <= before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn look(n: usize) -> Look {
        let missing = n.is_multiple_of(2);
        Look {
            streams: vec![format!("Patient/p{n}"), "nobody".to_owned()],
            resources: vec![
                ("Patient".to_owned(), if missing { "nobody".to_owned() } else { format!("p{n}") }),
                ("Task".to_owned(), format!("t{n}")),
            ],
            searches: vec![
                query("Task", &format!("patient=p{n}&status=requested,accepted&_sort=-authored-on")),
                query("Patient", &format!("link=Patient/p{n}")),
                query("Task", &format!("patient=p{n}&_total=accurate")),
            ],
        }
    }

    /// That it is what belongs to that patient, and to nobody else.
    fn is_of(n: usize, seen: &Seen) {
        assert_eq!(seen.streams, [1, 0], "{n}");
        let ids: Vec<_> = seen.resources.iter().flatten().map(|stored| stored.id.clone()).collect();
        let own = format!("t{n}");
        assert_eq!(
            ids,
            if n.is_multiple_of(2) { vec![own.clone()] } else { vec![format!("p{n}"), own.clone()] }
        );
        let pages = seen.pages.iter().map(|page| {
            let ids: Vec<_> = page.resources.iter().map(|stored| stored.id.clone()).collect();
            (ids, page.total)
        });
        assert_eq!(
            pages.collect::<Vec<_>>(),
            [(vec![own.clone()], None), (vec![], None), (vec![own], Some(1))]
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_that_wait_at_the_same_moment_go_out_in_one_statement() {
    let Some(crowd) = Crowd::new().await else { return };
    let all = || join_all((0..PATIENTS).map(async |n| crowd.store.read("Patient", &format!("p{n}")).await));
    // Both lanes have connected and prepared what they ask.
    for _ in 0..2 {
        crowd.held(all(), async |_| {}).await;
    }
    let before = crowd.proxy.turns();
    let answers = crowd.held(all(), async |_| {}).await;
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.unwrap().unwrap().id, format!("p{n}"));
    }
    // One of each lane at first, and what waited behind them; a lane may still have had to prepare.
    let turns = crowd.proxy.turns() - before;
    assert!(turns <= 8, "{turns} ways to the database for {PATIENTS} reads");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_several_decisions_gather_at_the_same_moment_is_told_apart() {
    let Some(crowd) = Crowd::new().await else { return };
    let all = join_all((0..PATIENTS).map(async |n| crowd.store.look(Crowd::look(n)).await));
    for (n, seen) in crowd.held(all, async |_| {}).await.into_iter().enumerate() {
        Crowd::is_of(n, &seen.unwrap());
    }
    assert_eq!(crowd.store.look(Look::default()).await.unwrap().streams, Vec::<u64>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_outlive_the_end_of_the_connection_that_they_share() {
    let Some(crowd) = Crowd::new().await else { return };
    let reads = join_all((0..PATIENTS).map(async |n| crowd.store.read("Patient", &format!("p{n}")).await));
    for answer in crowd.held(reads, Crowd::kill).await {
        assert!(answer.unwrap().is_some());
    }
    let looks = join_all((0..PATIENTS).map(async |n| crowd.store.look(Crowd::look(n)).await));
    for (n, seen) in crowd.held(looks, Crowd::kill).await.into_iter().enumerate() {
        Crowd::is_of(n, &seen.unwrap());
    }
}

#[tokio::test]
async fn a_thread_with_a_runtime_of_its_own_reads_by_one_connection_of_its_own() {
    let Some(crowd) = Crowd::new().await else { return };
    let all = || join_all((0..PATIENTS).map(async |n| crowd.store.read("Patient", &format!("p{n}")).await));
    for meanwhile in [false, true] {
        let answers = crowd.held(all(), async |crowd| {
            assert_eq!(crowd.waiting().await, 1);
            if meanwhile {
                crowd.kill().await;
            }
        });
        for (n, answer) in answers.await.into_iter().enumerate() {
            assert_eq!(answer.unwrap().unwrap().id, format!("p{n}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_that_come_and_go_read_what_all_of_them_have_written() {
    let Some(crowd) = Crowd::new().await else { return };
    let store = &crowd.store;
    // More threads than have lanes of their own, and each time others.
    let lives = |id: String, others: Vec<String>| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let unit = unit(vec![new("Patient", &id, json!({}))]);
            assert!(matches!(store.commit(unit).await, Ok(Committed::Written(_))));
            for id in others.iter().chain([&id]) {
                assert_eq!(store.read("Patient", id).await.unwrap().unwrap().id, *id);
            }
        });
    };
    let mut written: Vec<String> = Vec::new();
    for round in 0..3 {
        let ids: Vec<String> = (0..12).map(|n| format!("r{round}-{n}")).collect();
        std::thread::scope(|scope| {
            for id in &ids {
                scope.spawn(|| lives(id.clone(), written.clone()));
            }
        });
        written.extend(ids);
    }
    for id in &written {
        assert!(store.read("Patient", id).await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_that_share_a_lost_connection_are_each_told_so() {
    let Some(crowd) = Crowd::new().await else { return };
    let reads = join_all((0..PATIENTS).map(async |n| crowd.store.read("Patient", &format!("p{n}")).await));
    for answer in crowd.held(reads, async |crowd| crowd.proxy.set_down(true)).await {
        assert_eq!(answer.unwrap_err().category, Category::Busy);
    }
    crowd.proxy.set_down(false);
    assert!(crowd.store.read("Patient", "p1").await.unwrap().is_some());
    assert_eq!(crowd.waiting().await, 0);
    drop(crowd.database);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_the_database_refuses_or_nobody_waits_for_does_not_spoil_the_others() {
    let Some(crowd) = Crowd::new().await else { return };
    let ids = |n: usize| if n == 7 { "\0".to_owned() } else { format!("p{n}") };
    let impatient = async |n: usize| {
        let read = crowd.store.read("Patient", &format!("p{n}"));
        tokio::time::timeout(Duration::from_millis(1), read).await.is_err()
    };
    let reads = join_all((0..PATIENTS).map(async |n| crowd.store.read("Patient", &ids(n)).await));
    let both = join(reads, join_all((0..PATIENTS).map(impatient)));
    let (answers, gone) =
        crowd.held(both, async |_| tokio::time::sleep(Duration::from_millis(50)).await).await;
    for (n, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(found) => assert_eq!(found.unwrap().id, format!("p{n}")),
            Err(problem) => assert_eq!((n, problem.category), (7, Category::Malformed), "{problem}"),
        }
    }
    assert!(gone.into_iter().all(|gone| gone));
    assert!(crowd.store.read("Patient", "p7").await.unwrap().is_some());
}
