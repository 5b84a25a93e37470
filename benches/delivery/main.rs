//! Deliveries a second to a peer that says yes at once, as a ratio to the same connector sending the same payloads without
//! an outbox; and what ten slow peers do to it. Method and figures: `benches/README.md`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock")]

#[allow(dead_code, reason = "shared with the other benchmarks")]
#[path = "../load/figure.rs"]
mod figure;
mod peer;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use vigie::clock::{Ids, SystemClock, SystemIds};
use vigie::connector::{
    self, Connector, Connectors, Endpoint, MllpEndpoint, MllpPlatform, Retries, TransactionServer,
};
use vigie::delivery::{Courier, Limits};
use vigie::hl7v2;
use vigie::json::json;
use vigie::outbox::{Act, Backoff, Delivery, Outcome, State};
use vigie::store::{DeliveryFilter, Store, Unit, sqlite};

/// Deliveries in one measurement, and the patients that they are about: order is kept for each.
const DELIVERIES: usize = 2_000;
const PATIENTS: usize = 500;
/// A PDF of a report within its CDA, in base64.
const DOCUMENT_BYTES: usize = 90_000;
/// Entries of the transaction.
const ENTRIES: usize = 5;
/// Attempts at once to one destination: the default of the service.
const IN_FLIGHT: usize = 8;
const ROUNDS: usize = 5;
const SLOW_PEERS: usize = 10;
/// What waits for each of them: more than they take meanwhile.
const SLOW_QUEUE: usize = 200;
const SLOW: Duration = Duration::from_secs(2);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let document = document();
        let client = connector::client().expect("a client");
        let fast = fhir_connector(&client, peer::fhir(ENTRIES, Duration::ZERO));
        let platform = mllp_connector(peer::mllp());
        let slow: Vec<_> =
            (0..SLOW_PEERS).map(|_| fhir_connector(&client, peer::fhir(ENTRIES, SLOW))).collect();
        let (mut fhir, mut mllp, mut beside) = (Ratio::default(), Ratio::default(), Ratio::default());
        for round in 0..=ROUNDS {
            let bundles = deliveries("fast", "fhir", &document);
            let messages = deliveries("fast", "mllp", &document);
            let alone = by_courier(bundles.clone(), &fast, &[]).await;
            let with_slow = by_courier(bundles.clone(), &fast, &slow).await;
            let direct = directly(bundles, &fast).await;
            let to_platform = by_courier(messages.clone(), &platform, &[]).await;
            let directly_to_platform = directly(messages, &platform).await;
            // The first round warms files and connections.
            if round > 0 {
                fhir.push(alone, direct);
                mllp.push(to_platform, directly_to_platform);
                beside.push(with_slow, alone);
            }
        }
        println!("fhir, outbox ÷ connector alone:          {fhir}");
        println!("mllp, outbox ÷ connector alone:          {mllp}");
        println!("fhir, beside {SLOW_PEERS} slow peers ÷ without them:  {beside}");
    });
}

/// Deliveries a second, against a yardstick of the same round.
#[derive(Default)]
struct Ratio(Vec<(f64, f64)>);

impl Ratio {
    fn push(&mut self, measured: f64, yardstick: f64) {
        self.0.push((measured, yardstick));
    }
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = |pick: fn(&(f64, f64)) -> f64| figure::median(&self.0.iter().map(pick).collect::<Vec<_>>());
        let (ratio, measured, yardstick) = (of(|(a, b)| a / b), of(|(a, _)| *a), of(|(_, b)| *b));
        write!(f, "{ratio:.2}  ({measured:.0} against {yardstick:.0} a second)")
    }
}

/// Text that does not compress better than a PDF in base64 does.
fn document() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(ALPHABET[(state >> 58) as usize])
    };
    (0..DOCUMENT_BYTES).map(|_| next()).collect()
}

fn deliveries(destination: &str, kind: &str, document: &str) -> Vec<Delivery> {
    let delivery = |n: usize| {
        let id = SystemIds.next();
        let (content_type, payload) = match kind {
            "mllp" => ("x-application/hl7-v2+er7", message(&id, document)),
            _ => ("application/fhir+json", bundle(document)),
        };
        Delivery {
            id,
            destination: destination.to_owned(),
            kind: kind.to_owned(),
            patient: format!("Patient/{}", n % PATIENTS),
            subject: format!("DocumentReference/{n}"),
            act: Act::Provide,
            content_type: content_type.to_owned(),
            payload,
            created_at: Timestamp::now(),
        }
    };
    (0..DELIVERIES).map(delivery).collect()
}

fn bundle(document: &str) -> Vec<u8> {
    let entry = |n: usize| {
        json!({"resource": {"resourceType": "Binary", "contentType": "text/xml",
                "data": if n == 0 { document } else { "AA==" }},
            "request": {"method": "PUT", "url": format!("Binary/{n}")}})
    };
    let entries: Vec<_> = (0..ENTRIES).map(entry).collect();
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}).to_string().into_bytes()
}

fn message(id: &str, document: &str) -> Vec<u8> {
    let control_id = hl7v2::control_id(id).expect("ids of deliveries are UUIDs of version 7");
    format!(
        "MSH|^~\\&|VIGIE|CHU|PFI|CHU|20260302090000+0100||MDM^T02^MDM_T02|{control_id}|T|2.6\r\
         OBX|1|ED|85208-7^Compte rendu^LN||^TEXT^^Base64^{document}||||||F\r"
    )
    .into_bytes()
}

fn fhir_connector(client: &reqwest::Client, address: SocketAddr) -> Arc<dyn Connector> {
    let endpoint =
        Endpoint { url: format!("http://{address}/fhir"), bearer: None, timeout: Duration::from_secs(30) };
    Arc::new(TransactionServer::new(client.clone(), endpoint))
}

fn mllp_connector(address: SocketAddr) -> Arc<dyn Connector> {
    Arc::new(MllpPlatform::new(MllpEndpoint {
        host: address.ip().to_string(),
        port: address.port(),
        tls: None,
        timeout: Duration::from_secs(30),
        connections: IN_FLIGHT,
        retries: Retries::default(),
    }))
}

/// The yardstick: as many at once as the courier has, nothing kept.
async fn directly(deliveries: Vec<Delivery>, connector: &Arc<dyn Connector>) -> f64 {
    let (deliveries, next) = (Arc::new(deliveries), Arc::new(AtomicUsize::new(0)));
    let start = Instant::now();
    let senders = (0..IN_FLIGHT).map(|_| {
        let (deliveries, next, connector) =
            (Arc::clone(&deliveries), Arc::clone(&next), Arc::clone(connector));
        tokio::spawn(async move {
            while let Some(delivery) = deliveries.get(next.fetch_add(1, Ordering::Relaxed)) {
                let outcome = connector.send(delivery).await;
                assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
            }
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sender.await.expect("a sender ends");
    }
    rate(start)
}

/// The courier over a store with those deliveries, each leased, sent and settled durably, until all have arrived; with a
/// queue for each slow peer.
async fn by_courier(
    deliveries: Vec<Delivery>,
    fast: &Arc<dyn Connector>,
    slow: &[Arc<dyn Connector>],
) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store =
        sqlite::open(folder.path().join("store.sqlite"), &sqlite::Options::default()).expect("a store");
    let store: Arc<dyn Store> = Arc::new(store);
    let mut connectors: Connectors = [("fast".to_owned(), Arc::clone(fast))].into();
    for (n, connector) in slow.iter().enumerate() {
        let destination = format!("slow-{n}");
        let mut queue = deliveries[..SLOW_QUEUE].to_vec();
        for delivery in &mut queue {
            (delivery.id, delivery.destination) = (SystemIds.next(), destination.clone());
        }
        commit(store.as_ref(), queue).await;
        connectors.insert(destination, Arc::clone(connector));
    }
    commit(store.as_ref(), deliveries).await;
    let limits = Limits {
        lease_seconds: 120,
        in_flight_max: IN_FLIGHT,
        poll: Duration::from_millis(500),
        backoff: Backoff { first_ms: 1_000, ceiling_ms: 60_000 },
    };
    let courier =
        Courier::new(Arc::clone(&store), connectors, Arc::new(SystemClock), Arc::new(SystemIds), limits);
    let (stop, stopping) = watch::channel(false);
    let start = Instant::now();
    let running = tokio::spawn(courier.run(stopping));
    let open = DeliveryFilter {
        destination: Some("fast".to_owned()),
        state: Some(State::Pending),
        limit: 1,
        ..DeliveryFilter::default()
    };
    let leased = DeliveryFilter { state: Some(State::Leased), ..open.clone() };
    while !store.deliveries(&open).await.expect("a list").is_empty()
        || !store.deliveries(&leased).await.expect("a list").is_empty()
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let rate = rate(start);
    stop.send_replace(true);
    running.await.expect("the courier ends");
    rate
}

async fn commit(store: &dyn Store, deliveries: Vec<Delivery>) {
    for some in deliveries.chunks(100) {
        let mut unit = Unit::new("bench", Timestamp::now());
        unit.deliveries = some.to_vec();
        store.commit(unit).await.expect("a commit");
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
fn rate(start: Instant) -> f64 {
    DELIVERIES as f64 / start.elapsed().as_secs_f64()
}
