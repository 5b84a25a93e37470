//! The disk of the database is full: clients are told so (507) and nothing is acknowledged; with room again the service goes
//! on by itself. Where the log of the database has no room PostgreSQL ends itself: that is 503, until it is back.

use std::collections::BTreeMap;
use std::time::Duration;

use vigie::json::Value;
use vigie::problem::Category;
use vigie::store::postgres::{self, Options};
use vigie::store::{Committed, Store};

use crate::crash::{self, all, nothing_is_half_written};
use crate::outage::patient;
use crate::process::Service;
use crate::support::cluster::{Cluster, End};
use crate::support::disk::Holds;

/// One response after the other, and what became of each.
struct Client {
    service: Service,
    /// Identifier and id of what was acknowledged.
    acknowledged: BTreeMap<String, String>,
    refused: Vec<String>,
    next: usize,
}

impl Client {
    async fn of(cluster: &Cluster) -> Self {
        let service = Service::start_on(&cluster.url(), &[]);
        service.put(&crash::patient(0)).await;
        Self { service, acknowledged: BTreeMap::new(), refused: Vec::new(), next: 0 }
    }

    /// Posts a response; the status of the answer.
    async fn post(&mut self) -> u16 {
        let (identifier, body) = crash::response(0, 0, self.next);
        self.next += 1;
        let headers = [("content-type", "application/fhir+json")];
        let body = body.to_string().into_bytes();
        let answer = self.service.ask("POST", "/QuestionnaireResponse", &headers, body).await;
        let (status, waits) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
        let stored: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        match status {
            201 => {
                self.acknowledged.insert(identifier, stored["id"].as_str().unwrap().to_owned());
            }
            503 | 507 => {
                let code = if status == 507 { "no-store" } else { "transient" };
                assert_eq!(stored["issue"][0]["code"], code, "{stored:#}");
                assert!(waits, "Retry-After with {status}");
                self.refused.push(identifier);
            }
            _ => panic!("{status} {stored:#}"),
        }
        status
    }

    /// Posts until the answer has this status.
    async fn until(&mut self, status: u16) {
        let posting = async {
            while self.post().await != status {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), posting).await.expect("it comes within two minutes");
    }

    /// What is stored: all that was acknowledged, once, and whole.
    async fn stored(&self) -> Vec<String> {
        let stored = all(&self.service, "/QuestionnaireResponse?_count=200").await;
        let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
        for response in &stored {
            let identifier = response["identifier"]["value"].as_str().unwrap();
            let twice = ids.insert(identifier, response["id"].as_str().unwrap());
            assert_eq!(twice, None, "{identifier} is stored twice");
        }
        for (identifier, id) in &self.acknowledged {
            assert_eq!(ids.get(identifier.as_str()), Some(&id.as_str()), "{identifier} was acknowledged");
        }
        nothing_is_half_written(&self.service, &stored).await;
        ids.into_keys().map(str::to_owned).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_as_507_and_the_service_goes_on_when_there_is_room() {
    let Some(mut cluster) = Cluster::made_on_disk(&[], Holds::Tables) else { return };
    cluster.run().await;
    let mut client = Client::of(&cluster).await;
    for _ in 0..2 {
        client.until(201).await;
        cluster.disk().fill();
        client.until(507).await;
        assert_eq!(client.service.get("/Patient/crash-0").await.0, 200, "reads go on");
        assert_eq!(client.service.get("/Task?status=requested").await.0, 200, "searches go on");
        let stored = client.stored().await;
        assert!(client.refused.iter().all(|one| !stored.contains(one)), "what was refused is not there");
        cluster.disk().free();
        assert_eq!(client.post().await, 201, "neither the service nor the database was started again");
    }
    client.stored().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_log_has_no_room_nothing_is_acknowledged_until_the_database_is_back() {
    // Nothing of the log is used again before a checkpoint, and none comes while the test lasts.
    let settings = ["checkpoint_timeout=1h", "max_wal_size=1GB", "min_wal_size=2MB"];
    let Some(mut cluster) = Cluster::made_on_disk(&settings, Holds::Log) else { return };
    cluster.run().await;
    let mut client = Client::of(&cluster).await;
    client.until(201).await;
    cluster.disk().fill();
    client.until(503).await;
    assert_eq!(client.post().await, 503, "while there is no room");
    assert_eq!(client.service.ask("GET", "/livez", &[], Vec::new()).await.status().as_u16(), 200);
    cluster.disk().free();
    // Whoever runs the database starts it, where it has given up.
    cluster.end(End::Immediate);
    cluster.run().await;
    client.until(201).await;
    client.stored().await;
}

/// Text that no compressor makes smaller by much.
fn noise(seed: usize, size: usize) -> String {
    let mut state = 0x9e37_79b9_u64.wrapping_mul(seed as u64 + 1) | 1;
    let letter = |state: &mut u64| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        char::from(33 + u8::try_from(*state % 90).unwrap())
    };
    (0..size).map(|_| letter(&mut state)).collect()
}

/// The file of a table may not grow: PostgreSQL is told so as by a quota, and has no code of its own for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_on_the_size_of_files_is_told_as_a_full_disk() {
    let Some(mut cluster) = Cluster::made(&[]) else { return };
    cluster.limit_files(Some(6 * 1024));
    cluster.run().await;
    let store = postgres::open(&cluster.url(), &Options::default()).await.unwrap();
    let mut written = 0;
    let full = loop {
        match store.commit(patient(written, &noise(written, 200_000))).await {
            Ok(Committed::Written(_)) => written += 1,
            other => break other.unwrap_err(),
        }
        assert!(written < 200, "a table of 6 MiB takes no more");
    };
    assert_eq!(full.category, Category::StorageFull, "{full}");
    assert!(written > 5, "{written}");
    assert!(store.read("Patient", &format!("p{written}")).await.unwrap().is_none(), "it was refused whole");
    assert_eq!(store.read("Patient", "p0").await.unwrap().unwrap().version, 1, "reads go on");
    // Space again: the server of the test has to be started again for that, the store does not.
    cluster.limit_files(None);
    cluster.end(End::Immediate);
    cluster.run().await;
    let again = store.commit(patient(written, &noise(written, 200_000))).await;
    assert!(matches!(again, Ok(Committed::Written(_))), "{again:?}");
    for n in 0..=written {
        assert!(store.read("Patient", &format!("p{n}")).await.unwrap().is_some(), "p{n} was acknowledged");
    }
}
