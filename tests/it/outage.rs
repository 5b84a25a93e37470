//! The database itself goes away and returns: nothing acknowledged is lost, nothing is written twice, nobody has to start
//! anything again. And what the database refuses for a while is told as what it is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use vigie::json::{Value, json};
use vigie::problem::Category;
use vigie::store::postgres::{self, Options};
use vigie::store::{Committed, Expect, Store, Unit, Write};

use crate::crash::{self, all, nothing_is_half_written};
use crate::process::Service;
use crate::support::cluster::{Cluster, End};
use crate::support::postgres::Database;

const POSTERS: usize = 4;
const AT_LEAST: usize = 12;

/// What clients were told.
#[derive(Default)]
struct Told {
    /// Identifier and id of every response that was acknowledged.
    acknowledged: Mutex<BTreeMap<String, String>>,
    count: AtomicUsize,
    refused: AtomicUsize,
    enough: AtomicBool,
}

/// Posts one response after the other, and each again until it is acknowledged.
async fn post(service: Arc<Service>, poster: usize, told: Arc<Told>) {
    for n in 0.. {
        let (identifier, body) = crash::response(0, poster, n);
        let headers = [("content-type", "application/fhir+json")];
        loop {
            let answer =
                service.ask("POST", "/QuestionnaireResponse", &headers, body.to_string().into_bytes()).await;
            let status = answer.status().as_u16();
            let waits = answer.headers().contains_key("retry-after");
            let stored: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
            match status {
                200 | 201 => {
                    let id = stored["id"].as_str().unwrap().to_owned();
                    told.acknowledged.lock().unwrap().insert(identifier, id);
                    told.count.fetch_add(1, Ordering::SeqCst);
                    break;
                }
                503 => {
                    assert!(waits, "503 without Retry-After");
                    told.refused.fetch_add(1, Ordering::SeqCst);
                }
                _ => panic!("{status} {stored:#}"),
            }
            if told.enough.load(Ordering::SeqCst) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if told.enough.load(Ordering::SeqCst) {
            return;
        }
    }
}

async fn until(what: impl Fn() -> bool) {
    let waiting = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(90), waiting).await.expect("it comes within 90 seconds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_lives_through_the_death_of_its_database() {
    let Some(mut cluster) = Cluster::start(&[]).await else { return };
    let service = Arc::new(Service::start_on(&cluster.url(), &[]));
    for poster in 0..POSTERS {
        service.put(&crash::patient(poster)).await;
    }
    let told = Arc::new(Told::default());
    let count = |told: &Arc<Told>| told.count.load(Ordering::SeqCst);
    let posters: Vec<_> =
        (0..POSTERS).map(|n| tokio::spawn(post(Arc::clone(&service), n, Arc::clone(&told)))).collect();
    for how in [End::Immediate, End::Killed] {
        let before = count(&told);
        until(|| count(&told) >= before + AT_LEAST).await;
        cluster.end(how);
        let refused = told.refused.load(Ordering::SeqCst);
        until(|| told.refused.load(Ordering::SeqCst) >= refused + 2 * POSTERS).await;
        for path in ["/readyz", "/Patient/crash-0", "/Task?status=requested", "/_history"] {
            let answer = service.ask("GET", path, &[], Vec::new()).await;
            assert_eq!(answer.status().as_u16(), 503, "{path}");
            assert!(answer.headers().contains_key("retry-after"), "{path}");
        }
        assert_eq!(service.ask("GET", "/livez", &[], Vec::new()).await.status().as_u16(), 200);
        cluster.run().await;
    }
    let before = count(&told);
    until(|| count(&told) >= before + AT_LEAST).await;
    told.enough.store(true, Ordering::SeqCst);
    for poster in posters {
        poster.await.unwrap();
    }
    let stored = all(&service, "/QuestionnaireResponse?_count=200").await;
    let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
    for response in &stored {
        let identifier = response["identifier"]["value"].as_str().unwrap();
        let twice = ids.insert(identifier, response["id"].as_str().unwrap());
        assert_eq!(twice, None, "{identifier} was stored twice");
    }
    for (identifier, id) in &*told.acknowledged.lock().unwrap() {
        assert_eq!(ids.get(identifier.as_str()), Some(&id.as_str()), "{identifier} was acknowledged");
    }
    nothing_is_half_written(&service, &stored).await;
}

pub(crate) fn patient(n: usize, name: &str) -> Unit {
    let at = "2026-01-01T00:00:00Z";
    let patient = json!({"resourceType": "Patient", "id": format!("p{n}"),
        "meta": {"versionId": "1", "lastUpdated": at}, "name": [{"text": name}]});
    let writes = vec![Write::new(&patient, Expect::New).unwrap()];
    Unit { writes, ..Unit::new("test", at.parse().unwrap()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_too_long_for_a_lock_or_a_connection_is_told_to_come_again() {
    let Some(database) = Database::new().await else { return };
    let store = postgres::open(database.url(), &Options { readers: 1, ..Options::default() }).await.unwrap();
    assert!(matches!(store.commit(patient(0, "TEST")).await, Ok(Committed::Written(_))));
    let client = database.connect().await;
    client.batch_execute("BEGIN; LOCK TABLE resource IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let (first, second, third) = tokio::join!(
        store.read("Patient", "p0"),
        store.read("Patient", "p0"),
        store.commit(patient(1, "TEST"))
    );
    for problem in [first.unwrap_err(), second.unwrap_err(), third.unwrap_err()] {
        assert_eq!(problem.category, Category::Busy, "{problem}");
    }
    client.batch_execute("ROLLBACK").await.unwrap();
    assert!(store.read("Patient", "p0").await.unwrap().is_some());
    assert!(store.read("Patient", "p1").await.unwrap().is_none(), "what was refused was not written");
    assert!(matches!(store.commit(patient(1, "TEST")).await, Ok(Committed::Written(_))));
}
