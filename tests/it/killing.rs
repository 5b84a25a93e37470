//! Three replicas over one PostgreSQL, and any of them, and the database itself, killed at random while clients submit
//! responses and sign reports: nothing acknowledged is lost, nothing is there twice, and every delivery arrives.
//!
//! The order of the deaths follows from a seed. `VIGIE_TEST_KILL_SECONDS` makes it last longer, `VIGIE_TEST_KILL_SEED` changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use vigie::json::{Value, json};
use vigie::sandbox;

use crate::crash::all;
use crate::process::Service;
use crate::support::cluster::{Cluster, End};
use crate::support::example;

const REPLICAS: usize = 3;
const POSTERS: usize = 6;
/// Every so many responses, the report of one is signed.
const SIGNED_EACH: usize = 4;
/// How long nothing may arrive after the last death while something is to: a lease, and the pauses between attempts.
const STANDSTILL: Duration = Duration::from_secs(60);

/// A number that the environment may say.
pub(crate) fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Numbers that follow from a seed (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// A file of the FOLFOX patient, as that of another one.
fn renamed(file: &str, poster: usize) -> Value {
    let mut text = example(&format!("folfox/{file}.json")).to_string();
    text = text.replace("test-folfox", &format!("test-folfox-{poster}"));
    for identifier in example("folfox/patient.json")["identifier"].as_array().unwrap() {
        let value = identifier["value"].as_str().unwrap();
        text = text.replace(value, &format!("{value}{poster:05}"));
    }
    serde_json::from_str(&text).unwrap()
}

fn response(poster: usize, n: usize) -> (String, Value) {
    let mut response = renamed("week-1", poster);
    let value = format!("kill-{poster}-{n}");
    response.as_object_mut().unwrap().remove("id");
    response["identifier"]["value"] = json!(value);
    let (day, hour, minute) = (2 + n / 1440, n / 60 % 24, n % 60);
    response["authored"] = json!(format!("2026-03-{day:02}T{hour:02}:{minute:02}:00+01:00"));
    (value, response)
}

/// What the clients share.
struct Stage {
    replicas: Vec<RwLock<Arc<Service>>>,
    /// Identifier and id of every response that was acknowledged.
    responses: Mutex<BTreeMap<String, String>>,
    /// Every report whose signature was acknowledged.
    reports: Mutex<BTreeSet<String>>,
    unanswered: AtomicUsize,
    over: AtomicBool,
}

impl Stage {
    fn replica(&self, n: usize) -> Arc<Service> {
        Arc::clone(&self.replicas[n % REPLICAS].read().unwrap())
    }

    /// Asks one replica after the other until one says yes.
    async fn insist(&self, first: usize, method: &str, path: &str, body: &Value) -> Value {
        for attempt in first.. {
            let sent = self.replica(attempt).send(method, path, body.to_string().into_bytes()).await;
            match sent {
                Ok((200 | 201, answer)) => return answer,
                // 408: so little of the processors was left to a replica that it gave up waiting for the request.
                Ok((408 | 503, _)) | Err(_) => {
                    self.unanswered.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Ok((status, answer)) => panic!("{method} {path}: {status} {answer:#}"),
            }
        }
        unreachable!("it insists for ever")
    }

    async fn sign(&self, poster: usize, response: &str) {
        let path =
            format!("/DiagnosticReport?subject=Patient/test-folfox-{poster}&_sort=-_lastUpdated&_count=20");
        let bundle = self.insist(poster, "GET", &path, &Value::Null).await;
        let reports = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
        let mut report = reports.into_iter().find(|report| source(report) == response).unwrap().clone();
        report["status"] = json!("final");
        report["conclusion"] = json!("Bonne tolérance.");
        report["resultsInterpreter"] = json!([{"reference": "PractitionerRole/oncologue-test"}]);
        let id = report["id"].as_str().unwrap().to_owned();
        self.insist(poster + 1, "PUT", &format!("/DiagnosticReport/{id}"), &report).await;
        self.reports.lock().unwrap().insert(id);
    }
}

/// The response that a report comes from.
fn source(report: &Value) -> String {
    let extensions = report["extension"].as_array().unwrap();
    let own = |extension: &&Value| extension["url"].as_str().unwrap().ends_with("/source-response");
    let reference = extensions.iter().find(own).unwrap()["valueReference"]["reference"].as_str().unwrap();
    reference.split("/_history").next().unwrap().to_owned()
}

async fn post(stage: Arc<Stage>, poster: usize) {
    for n in 0.. {
        if stage.over.load(Ordering::SeqCst) {
            return;
        }
        let (identifier, body) = response(poster, n);
        let stored = stage.insist(poster + n, "POST", "/QuestionnaireResponse", &body).await;
        let id = stored["id"].as_str().unwrap().to_owned();
        stage.responses.lock().unwrap().insert(identifier, id.clone());
        if n % SIGNED_EACH == 0 {
            stage.sign(poster, &format!("QuestionnaireResponse/{id}")).await;
        }
    }
}

/// A hospital record on a thread of its own, for as long as the test runs.
fn record() -> Arc<sandbox::Handle> {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let handle = sandbox::dpi::start(([127, 0, 0, 1], 0).into()).expect("a record");
            let _ = tell.send(Arc::new(handle));
            std::future::pending::<()>().await;
        });
    });
    told.recv().expect("a record")
}

fn started(database: &str, record: &sandbox::Handle) -> Arc<Service> {
    let destinations = format!(r#"[{{ name = "dpi", kind = "fhir", url = "{}" }}]"#, record.url());
    Arc::new(Service::start_on(
        database,
        &[
            ("VIGIE_DESTINATIONS", destinations.as_str()),
            ("VIGIE_DELIVERY_LEASE_SECONDS", "5"),
            ("VIGIE_DELIVERY_BACKOFF_MS_MAX", "2000"),
            ("VIGIE_LIMITS_WORKERS", "1"),
        ],
    ))
}

/// Kills and starts again until the time is over; how often.
async fn kill(stage: &Arc<Stage>, cluster: &mut Cluster, record: &sandbox::Handle) -> (usize, usize) {
    let begun = Instant::now();
    let lasts = Duration::from_secs(variable("VIGIE_TEST_KILL_SECONDS", 25));
    let mut chance = Chance(variable("VIGIE_TEST_KILL_SEED", 2026) | 1);
    let (mut replicas, mut databases) = (0, 0);
    while begun.elapsed() < lasts || replicas < 2 || databases < 1 {
        tokio::time::sleep(Duration::from_millis(300 + chance.below(2_000))).await;
        let victim = usize::try_from(chance.below(4)).unwrap();
        let away = Duration::from_millis(chance.below(1_500));
        if victim < REPLICAS {
            stage.replica(victim).kill_now();
            tokio::time::sleep(away).await;
            let service = tokio::task::block_in_place(|| started(&cluster.url(), record));
            *stage.replicas[victim].write().unwrap() = service;
            replicas += 1;
        } else {
            cluster.end(if chance.below(2) == 0 { End::Immediate } else { End::Killed });
            tokio::time::sleep(away).await;
            cluster.run().await;
            databases += 1;
        }
    }
    (replicas, databases)
}

/// The first open deliveries: where they stand, how large they are, and how their last attempt ended.
async fn standing(client: &tokio_postgres::Client) -> Vec<String> {
    let select = "SELECT concat_ws(' ', d.patient, d.seq, d.state, 'head', d.head, 'attempts', d.attempts, 'bytes', p.size,
          'due', to_timestamp(d.due_at / 1e6) - now(), a.outcome, a.reason)
        FROM delivery d JOIN payload p ON p.delivery = d.seq
        LEFT JOIN attempt a ON a.delivery = d.seq AND a.number = d.attempts
        WHERE d.open ORDER BY d.seq LIMIT 12";
    client.query(select, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Every delivery has arrived, once; and none is still leased.
async fn all_arrive(cluster: &Cluster, record: &sandbox::Handle, reports: usize) -> Duration {
    let begun = Instant::now();
    let mut moved = (i64::MAX, begun);
    let client = cluster.connect().await.unwrap();
    loop {
        let open = "SELECT count(*) FILTER (WHERE open), count(*) FROM delivery";
        let row = client.query_one(open, &[]).await.unwrap();
        if row.get::<_, i64>(0) == 0 {
            assert_eq!(
                usize::try_from(row.get::<_, i64>(1)).unwrap(),
                reports,
                "one delivery for each report"
            );
            break;
        }
        let left = row.get::<_, i64>(0);
        if left < moved.0 {
            moved = (left, Instant::now());
        }
        if moved.1.elapsed() > STANDSTILL {
            panic!("{left} deliveries are stuck: {:#?}", standing(&client).await);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(record.resources("DocumentReference").len(), reports, "each document arrived once");
    let mut bytes: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for received in record.received() {
        let first = bytes.entry(received.request_id.unwrap()).or_insert_with(|| received.bytes.clone());
        assert!(*first == received.bytes, "a repeat differs");
    }
    assert_eq!(bytes.len(), reports);
    begun.elapsed()
}

async fn all_there(stage: &Stage) {
    let service = stage.replica(0);
    let acknowledged = stage.responses.lock().unwrap().clone();
    let stored = all(&service, "/QuestionnaireResponse?_count=500").await;
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for response in &stored {
        let identifier = response["identifier"]["value"].as_str().unwrap().to_owned();
        let twice = found.insert(identifier.clone(), response["id"].as_str().unwrap().to_owned());
        assert_eq!(twice, None, "{identifier} is stored twice");
    }
    assert_eq!(found, acknowledged, "what is stored is what was acknowledged");
    let reports = all(&service, "/DiagnosticReport?_count=500").await;
    let sources: BTreeSet<String> = reports.iter().map(source).collect();
    assert_eq!(
        (sources.len(), reports.len()),
        (acknowledged.len(), acknowledged.len()),
        "one report for each"
    );
    let signed = reports.iter().filter(|report| report["status"] == "final");
    let signed: BTreeSet<String> = signed.map(|report| report["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(signed, *stage.reports.lock().unwrap());
    let traces = all(&service, "/Provenance?_count=500").await;
    let entities = traces.iter().filter_map(|trace| trace["entity"][0]["what"]["reference"].as_str());
    let of_responses = entities.filter(|entity| entity.starts_with("QuestionnaireResponse/"));
    let of_responses: Vec<&str> =
        of_responses.map(|entity| entity.split("/_history").next().unwrap()).collect();
    let once: BTreeSet<&str> = of_responses.iter().copied().collect();
    assert_eq!(
        (once.len(), of_responses.len()),
        (acknowledged.len(), acknowledged.len()),
        "one trace for each"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_and_the_database_die_at_random_and_nothing_is_lost_or_there_twice() {
    let Some(mut cluster) = Cluster::start(&[]).await else { return };
    let record = record();
    let mut replicas = Vec::new();
    for _ in 0..REPLICAS {
        replicas.push(RwLock::new(started(&cluster.url(), &record)));
    }
    let stage = Arc::new(Stage {
        replicas,
        responses: Mutex::default(),
        reports: Mutex::default(),
        unanswered: AtomicUsize::new(0),
        over: AtomicBool::new(false),
    });
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/fhir/organization");
    let mut team: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    team.sort();
    for path in team {
        stage.replica(0).put(&serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).await;
    }
    for poster in 0..POSTERS {
        stage.replica(0).put(&renamed("patient", poster)).await;
        stage.replica(0).put(&renamed("careplan", poster)).await;
    }
    let posters: Vec<_> = (0..POSTERS).map(|n| tokio::spawn(post(Arc::clone(&stage), n))).collect();
    let (replicas, databases) = kill(&stage, &mut cluster, &record).await;
    stage.over.store(true, Ordering::SeqCst);
    for poster in posters {
        poster.await.unwrap();
    }
    let reports = stage.reports.lock().unwrap().len();
    let late = all_arrive(&cluster, &record, reports).await;
    all_there(&stage).await;
    let responses = stage.responses.lock().unwrap().len();
    println!(
        "{replicas} replicas and the database {databases} times killed; {responses} responses and {reports} signed reports \
         acknowledged, {} requests unanswered or refused; the last delivery came {late:?} after the last death",
        stage.unanswered.load(Ordering::SeqCst)
    );
    assert!(replicas > 1 && databases > 0 && responses > POSTERS && reports >= POSTERS);
}
