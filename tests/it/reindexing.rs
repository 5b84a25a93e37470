//! Indexing anew over PostgreSQL, while replicas and the database are killed with `kill -9`: it goes on where it was, by itself,
//! ends with the index that nobody disturbed would have made, and no search ever answers from half of one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio_postgres::Client;
use vigie::store::postgres::{self, Options};

use crate::process::Service;
use crate::site_parameter::{Site, fill_store, parameter, total};
use crate::support::cluster::{Cluster, End};
use crate::support::postgres::Database;

/// Enough that indexing anew takes many pieces.
const TASKS: usize = 4_000;

async fn fill(url: &str) {
    fill_store(&postgres::open(url, &Options::default()).await.unwrap(), TASKS).await;
}

/// How far indexing anew has come; nothing when none is under way.
async fn reached(client: &Client) -> Option<i64> {
    let rows = client.query("SELECT rid FROM reindex", &[]).await.unwrap();
    rows.first().map(|row| row.get(0))
}

/// Lets each piece take a while, so that a test that gets little of the processors still sees it at work; or no longer.
async fn slowed(client: &Client, slow: bool) {
    let statement = if slow {
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN PERFORM pg_sleep(0.2); RETURN NEW; END $$;
         CREATE TRIGGER slow BEFORE UPDATE ON reindex FOR EACH ROW EXECUTE FUNCTION slow()"
    } else {
        "DROP TRIGGER slow ON reindex; DROP FUNCTION slow"
    };
    client.batch_execute(statement).await.unwrap();
}

/// Waits until it has come beyond that place, and is still under way; the place.
async fn beyond(client: &Client, place: i64) -> i64 {
    let begun = Instant::now();
    loop {
        match reached(client).await {
            Some(rid) if rid > place => return rid,
            None if place > 0 => panic!("{TASKS} tasks are too few: it was over before it was seen at work"),
            _ => assert!(begun.elapsed() < Duration::from_secs(60), "it does not go on from {place}"),
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Every row that searches of the tasks go by, in one order.
async fn index(client: &Client) -> Vec<String> {
    let last = i64::try_from(TASKS).unwrap();
    let mut all = Vec::new();
    for table in ["token", "link", "text", "span", "part", "resource"] {
        let select = format!("SELECT '{table} ' || t::text FROM {table} t WHERE rid <= $1 ORDER BY 1");
        all.extend(client.query(&select, &[&last]).await.unwrap().iter().map(|row| row.get::<_, String>(0)));
    }
    let indexed = "SELECT 'indexed ' || t::text FROM indexed t ORDER BY 1";
    all.extend(client.query(indexed, &[]).await.unwrap().iter().map(|row| row.get::<_, String>(0)));
    all
}

/// The index that a service makes which nobody disturbs.
async fn undisturbed(site: &Site) -> Option<Vec<String>> {
    let database = Database::new().await?;
    fill(database.url()).await;
    let service = site.start_on(database.url());
    total(&service, "reason=fever").await;
    Some(index(&database.connect().await).await)
}

/// Asks the same again and again until it is told to end: every answer is the whole truth, or that it cannot be told now.
struct Asking {
    over: Arc<AtomicBool>,
    refused: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Asking {
    fn of(service: &Arc<Service>) -> Self {
        let (over, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (service, stop, count) = (Arc::clone(service), Arc::clone(&over), Arc::clone(&refused));
        let task = tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                for (text, expected) in [("reason=fever", TASKS), ("reason=late", 0)] {
                    let (status, bundle) =
                        service.get(&format!("/Task?{text}&_total=accurate&_count=1")).await;
                    match status {
                        200 => assert_eq!(bundle["total"], expected, "{text}"),
                        503 => drop(count.fetch_add(1, Ordering::SeqCst)),
                        _ => panic!("{status} {bundle:#}"),
                    }
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        Self { over, refused, task }
    }

    /// How often it could not be told.
    async fn end(self) -> usize {
        self.over.store(true, Ordering::SeqCst);
        self.task.await.unwrap();
        self.refused.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn indexing_anew_lives_through_the_death_of_its_replica_and_of_the_database() {
    let Some(mut cluster) = Cluster::start(&[]).await else { return };
    let site = Site::new();
    fill(&cluster.url()).await;
    site.put(&parameter("Task.reasonCode"));
    let expected = undisturbed(&site).await.expect("tests/postgres sets both variables");

    let client = cluster.connect().await.unwrap();
    slowed(&client, true).await;
    let first = site.start_on(&cluster.url());
    let place = beyond(&client, 0).await;
    first.kill_now();
    drop(first);
    // What was under way when it died is rolled back; nothing that was done is.
    let left = reached(&client).await.expect("a place to go on from");
    assert!(left >= place, "{left} after {place}");

    let service = Arc::new(site.start_on(&cluster.url()));
    let asking = Asking::of(&service);
    let place = beyond(&client, left).await;
    assert!(place > left, "it goes on and does not begin anew");
    cluster.end(End::Killed);
    for text in ["reason=fever", "status=requested&_count=1"] {
        assert_eq!(service.get(&format!("/Task?{text}")).await.0, 503, "{text}");
    }
    cluster.run().await;
    let client = cluster.connect().await.unwrap();
    assert!(reached(&client).await.is_none_or(|rid| rid >= place), "what was committed is there");
    slowed(&client, false).await;
    // The same process goes on by itself.
    assert_eq!(total(&service, "reason=fever").await, TASKS as u64);
    assert!(asking.end().await > 0, "searches were refused meanwhile");
    assert_eq!(reached(&client).await, None);
    assert!(index(&client).await == expected, "the index is that of an undisturbed service");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn when_one_of_two_replicas_dies_while_they_index_anew_the_other_goes_on() {
    let Some(database) = Database::new().await else { return };
    let site = Site::new();
    fill(database.url()).await;
    site.put(&parameter("Task.statusReason"));
    let service = site.start_on(database.url());
    assert_eq!(total(&service, "reason=late").await, TASKS as u64);
    assert!(service.terminate().success());

    site.put(&parameter("Task.reasonCode"));
    let expected = undisturbed(&site).await.expect("one database was there");
    let client = database.connect().await;
    slowed(&client, true).await;
    let dying = site.start_on(database.url());
    beyond(&client, 0).await;
    let living = Arc::new(site.start_on(database.url()));
    let asking = Asking::of(&living);
    let place = reached(&client).await.expect("it is still under way");
    dying.kill_now();
    beyond(&client, place).await;
    slowed(&client, false).await;
    assert_eq!(total(&living, "reason=fever").await, TASKS as u64);
    assert!(asking.end().await > 0, "searches were refused meanwhile");
    assert_eq!(reached(&client).await, None);
    assert!(
        index(&client).await == expected,
        "nothing of the former reading is left, and nothing is missing"
    );
}
