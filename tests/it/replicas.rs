//! Several processes over one PostgreSQL: who polls any of them misses nothing, and one that is killed while it
//! sends holds nobody up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use vigie::json::{Value, json};

use crate::crash;
use crate::process::Service;
use crate::support::postgres::Database;
use crate::support::proxy::Proxy;

const REPLICAS: usize = 3;
const EACH: usize = 60;

async fn write(service: Arc<Service>, replica: usize) {
    for n in 0..EACH {
        let id = format!("r{replica}-{n}");
        service.put(&json!({"resourceType": "Patient", "id": id, "name": [{"family": "TEST-FLUX"}]})).await;
    }
}

/// Follows `_lastUpdated` from the latest instant that it has seen, until it has seen so many changes.
async fn poll(service: Arc<Service>, total: usize) -> Vec<(String, String)> {
    let (mut seen, mut last) = (Vec::new(), "2000-01-01T00:00:00.000Z".to_owned());
    while seen.len() < total {
        let mut path = format!("/Patient?_lastUpdated=gt{last}&_sort=_lastUpdated&_count=20");
        loop {
            let (status, bundle) = service.get(&path).await;
            assert_eq!(status, 200, "{bundle:#}");
            for entry in bundle["entry"].as_array().into_iter().flatten() {
                let resource = &entry["resource"];
                last = resource["meta"]["lastUpdated"].as_str().unwrap().to_owned();
                seen.push((resource["id"].as_str().unwrap().to_owned(), last.clone()));
            }
            let links = bundle["link"].as_array().cloned().unwrap_or_default();
            let Some(next) = links.iter().find(|link| link["relation"] == "next") else { break };
            let url = next["url"].as_str().unwrap();
            path = url[url.find("/Patient").unwrap()..].to_owned();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_polls_one_of_three_writing_processes_sees_every_change_once() {
    let Some(database) = Database::new().await else { return };
    let services: Vec<_> = (0..REPLICAS).map(|_| Arc::new(Service::start_on(database.url(), &[]))).collect();
    let total = REPLICAS * EACH;
    let poller = tokio::spawn(poll(Arc::clone(&services[0]), total));
    let writers: Vec<_> = services
        .iter()
        .enumerate()
        .map(|(replica, service)| tokio::spawn(write(Arc::clone(service), replica)))
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let seen = tokio::time::timeout(Duration::from_secs(60), poller).await.unwrap().unwrap();
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    seen.iter().for_each(|(id, _)| *count.entry(id).or_default() += 1);
    assert_eq!(count.len(), total);
    assert!(count.values().all(|times| *times == 1), "a change was seen twice");
    assert!(seen.is_sorted_by(|a, b| a.1 <= b.1), "instants go back");
    told_as_stored(&services[1]).await;
}

/// What a create answers is what every replica then reads, the decided instant included.
async fn told_as_stored(service: &Service) {
    let body = json!({"resourceType": "Patient", "name": [{"family": "TEST-INSTANT"}]}).to_string();
    let (status, told): (u16, Value) = service.send("POST", "/Patient", body.into_bytes()).await.unwrap();
    assert_eq!(status, 201);
    let (_, stored) = service.get(&format!("/Patient/{}", told["id"].as_str().unwrap())).await;
    assert_eq!(stored, told);
}

/// One for all that the decision needs, and two for the commit: the lock with what is to be known under it, then all that is
/// written.
const ROUND_TRIPS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_submission_goes_to_the_database_and_back_three_times_at_most() {
    let Some(database) = Database::new().await else { return };
    let proxy = Proxy::before(database.address()).await;
    let quiet = [("VIGIE_DELIVERY_POLL_MS", "60000"), ("VIGIE_STORE_READERS", "1")];
    let service = Service::start_on(&database.url_through(proxy.port()), &quiet);
    service.put(&crash::patient(0)).await;
    let mut least = usize::MAX;
    for n in 0..12 {
        let (_, body) = crash::response(0, 0, n);
        let before = proxy.turns();
        let sent = service.send("POST", "/QuestionnaireResponse", body.to_string().into_bytes()).await;
        assert_eq!(sent.unwrap().0, 201);
        least = least.min(proxy.turns() - before);
    }
    assert!(least <= ROUND_TRIPS, "{least}");
}
