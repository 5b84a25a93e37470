//! `kill -9` of the real binary under load: nothing acknowledged is lost, nothing is half written, and a
//! repeat after the restart gives the first result.
//!
//! `VIGIE_TEST_KILL_ROUNDS` kills more often; each round lets more be acknowledged than the one before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use vigie::json::{Value, json};

use crate::killing::variable;
use crate::process::Service;
use crate::support::postgres::Database;

const POSTERS: usize = 8;
/// How often it is killed, unless `VIGIE_TEST_KILL_ROUNDS` says otherwise.
const ROUNDS: u64 = 4;
const ACKNOWLEDGED_BEFORE_KILL: usize = 25;
const IDENTIFIER_SYSTEM: &str = "https://hospital.example/crash";

pub(crate) fn patient(n: usize) -> Value {
    json!({
        "resourceType": "Patient",
        "id": format!("crash-{n}"),
        "identifier": [{ "system": "https://hospital.example/ipp", "value": format!("CRASH-{n}") }],
        "name": [{ "family": format!("TEST-CRASH-{n}") }]
    })
}

/// A response that fires rules: a temperature of 39, all else left out (and therefore *technique*).
pub(crate) fn response(round: usize, poster: usize, n: usize) -> (String, Value) {
    let value = format!("{round}-{poster}-{n}");
    let body = json!({
        "resourceType": "QuestionnaireResponse",
        "identifier": { "system": IDENTIFIER_SYSTEM, "value": value },
        "questionnaire": "https://vigie.example/fhir/Questionnaire/surveillance-hebdomadaire|1.0.0",
        "status": "in-progress",
        "subject": { "reference": format!("Patient/crash-{poster}") },
        "authored": format!("2026-01-12T09:{:02}:{:02}+01:00", n / 60 % 60, n % 60),
        "item": [{ "linkId": "alerte", "item": [
            { "linkId": "alerte.thorax", "answer": [{ "valueBoolean": true }] }
        ]}]
    });
    (value, body)
}

/// Identifier and id of every response that was acknowledged.
type Acknowledged = Arc<Mutex<BTreeMap<String, String>>>;

async fn post_until_it_dies(
    service: Arc<Service>,
    round: usize,
    poster: usize,
    acknowledged: Acknowledged,
    count: Arc<AtomicUsize>,
) {
    for n in 0.. {
        let (identifier, body) = response(round, poster, n);
        let Ok((status, stored)) =
            service.send("POST", "/QuestionnaireResponse", body.to_string().into_bytes()).await
        else {
            return;
        };
        assert_eq!(status, 201, "{stored:#}");
        acknowledged.lock().unwrap().insert(identifier, stored["id"].as_str().unwrap().to_owned());
        count.fetch_add(1, Ordering::SeqCst);
    }
}

async fn load_and_kill(database: &str, round: usize, acknowledged: &Acknowledged) {
    let service = Arc::new(Service::start_on(database, &[]));
    for poster in 0..POSTERS {
        service.put(&patient(poster)).await;
    }
    let count = Arc::new(AtomicUsize::new(0));
    let posters: Vec<_> = (0..POSTERS)
        .map(|poster| {
            tokio::spawn(post_until_it_dies(
                Arc::clone(&service),
                round,
                poster,
                Arc::clone(acknowledged),
                Arc::clone(&count),
            ))
        })
        .collect();
    while count.load(Ordering::SeqCst) < ACKNOWLEDGED_BEFORE_KILL * (round + 1) {
        tokio::task::yield_now().await;
    }
    service.kill_now();
    for poster in posters {
        poster.await.unwrap();
    }
}

/// Every match, from page to page.
pub(crate) async fn all(service: &Service, first: &str) -> Vec<Value> {
    let mut path = first.to_owned();
    let mut found = Vec::new();
    loop {
        let (status, bundle) = service.get(&path).await;
        assert_eq!(status, 200, "{bundle:#}");
        found.extend(bundle["entry"].as_array().into_iter().flatten().map(|entry| entry["resource"].clone()));
        let links = bundle["link"].as_array().cloned().unwrap_or_default();
        let Some(next) = links.iter().find(|link| link["relation"] == "next") else { return found };
        let url = next["url"].as_str().unwrap();
        path = url[url.match_indices('/').nth(2).unwrap().0..].to_owned();
    }
}

/// Every stored response has its one Provenance with a trace, and everything that it names can be read.
pub(crate) async fn nothing_is_half_written(service: &Service, responses: &[Value]) {
    for stored in responses {
        let id = stored["id"].as_str().unwrap();
        let (status, bundle) = service.get(&format!("/Provenance?entity=QuestionnaireResponse/{id}")).await;
        assert_eq!(status, 200, "{bundle:#}");
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        assert_eq!(entries.len(), 1, "QuestionnaireResponse/{id} has {} Provenances", entries.len());
        let targets = entries[0]["resource"]["target"].as_array().unwrap();
        assert!(targets.iter().any(|target| target["reference"].as_str().unwrap().starts_with("Task/")));
        for target in targets {
            let reference = target["reference"].as_str().unwrap().split("/_history").next().unwrap();
            assert_eq!(service.get(&format!("/{reference}")).await.0, 200, "{reference}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_is_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("store.sqlite").display());
    println!("{}", kill_again_and_again(&database).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_too_nothing_acknowledged_is_lost_and_nothing_is_half_written() {
    let Some(database) = Database::new().await else { return };
    println!("{}", kill_again_and_again(database.url()).await);
}

/// What was killed, and what was there afterwards.
async fn kill_again_and_again(database: &str) -> String {
    let acknowledged = Acknowledged::default();
    let rounds = usize::try_from(variable("VIGIE_TEST_KILL_ROUNDS", ROUNDS)).unwrap();
    for round in 0..rounds {
        load_and_kill(database, round, &acknowledged).await;
    }
    let service = Service::start_on(database, &[]);
    let stored = all(&service, "/QuestionnaireResponse?_count=200").await;
    let by_identifier: BTreeMap<String, String> = stored
        .iter()
        .map(|r| {
            (r["identifier"]["value"].as_str().unwrap().to_owned(), r["id"].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(by_identifier.len(), stored.len(), "one response was stored twice");
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert!(acknowledged.len() >= ACKNOWLEDGED_BEFORE_KILL * rounds);
    for (identifier, id) in &acknowledged {
        assert_eq!(by_identifier.get(identifier), Some(id), "{identifier} was acknowledged as {id}");
    }
    nothing_is_half_written(&service, &stored).await;

    for (identifier, id) in by_identifier.iter().take(40) {
        let parts: Vec<usize> = identifier.split('-').map(|part| part.parse().unwrap()).collect();
        let (_, body) = response(parts[0], parts[1], parts[2]);
        let (status, again) =
            service.send("POST", "/QuestionnaireResponse", body.to_string().into_bytes()).await.unwrap();
        assert_eq!((status, again["id"].as_str().unwrap()), (200, id.as_str()));
    }
    let after: BTreeSet<String> = all(&service, "/QuestionnaireResponse?_count=200")
        .await
        .iter()
        .map(|r| r["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(after.len(), stored.len(), "a repeat created something");
    format!(
        "{rounds} times killed; {} responses acknowledged, all there; {} stored that were not acknowledged",
        acknowledged.len(),
        stored.len() - acknowledged.len()
    )
}
