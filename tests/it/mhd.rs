//! Final reports to a Document Recipient by both transactions of IHE MHD: Provide Document Bundle, ITI-65, and Simplified
//! Publish, ITI-105 (`PDSm` 3.1.1), and what of them is found here by who asks (ITI-67).

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use vigie::clock::{Clock, FixedClock, SeededIds};
use vigie::connector::{self, Connector, Connectors, Endpoint, TransactionServer};
use vigie::delivery::{Courier, Limits};
use vigie::interaction::{self, Context, Destination, DestinationKind, Publication};
use vigie::outbox::Backoff;
use vigie::sandbox::{Fault, Handle, mhd};

use crate::support::{App, Course, Place, body};

/// A service with a Document Recipient, and a final report of the first week of a patient whose identity is qualified.
struct Stage {
    context: Arc<Context>,
    clock: Arc<FixedClock>,
    recipient: Handle,
    courier: Courier,
    _place: Place,
}

impl Stage {
    async fn new(publication: Publication) -> (Self, Value) {
        let mut app = App::new().await;
        app.context.settings.destinations =
            vec![Destination::new("recipient", DestinationKind::Mhd(publication))];
        let week = Course::start(&app, "pembrolizumab").await.week("1");
        app.at(week["authored"].as_str().unwrap());
        app.submit(&week).await.unwrap();
        let mut report = app.search("DiagnosticReport", &[]).await.remove(0);
        report["status"] = json!("final");
        report["conclusion"] = json!("Bonne tolérance. Poursuite du traitement.");
        report["resultsInterpreter"] = json!([{"reference": "PractitionerRole/oncologue-test"}]);
        let clock = Arc::clone(&app.clock);
        let (context, place) = app.into_context();
        let recipient = mhd::start(([127, 0, 0, 1], 0).into()).unwrap();
        let courier = courier(&context, &clock, recipient.url());
        let stage = Self { context, clock, recipient, courier, _place: place };
        let report = stage.put(&report).await;
        (stage, report)
    }

    async fn put(&self, report: &Value) -> Value {
        let id = report["id"].as_str().unwrap();
        let bytes = serde_json::to_vec(report).unwrap();
        let answer = interaction::update(&self.context, "DiagnosticReport", id, &bytes, None).await;
        body(&answer.unwrap_or_else(|problem| panic!("{problem}")))
    }

    /// One round of the outbox, an hour later.
    async fn round(&self) {
        self.clock.set(self.clock.now() + SignedDuration::from_hours(1));
        self.courier.step().await.unwrap();
    }

    async fn correct(&self, report: &Value) {
        let mut corrected = report.clone();
        corrected["status"] = json!("corrected");
        corrected["conclusion"] = json!("Bonne tolérance. Dose réduite.");
        self.clock.set(self.clock.now() + SignedDuration::from_mins(5));
        self.put(&corrected).await;
    }

    async fn search(&self, rtype: &str, asked: &str) -> Value {
        let params = vigie::fhir::search::pairs(asked).unwrap();
        let found = interaction::search(&self.context, rtype, &params).await;
        let found = found.unwrap_or_else(|problem| panic!("{asked}: {problem}"));
        serde_json::from_slice(&found.body).unwrap()
    }
}

fn courier(context: &Context, clock: &Arc<FixedClock>, url: String) -> Courier {
    let endpoint = Endpoint { url, bearer: None, timeout: Duration::from_secs(5) };
    let connector: Arc<dyn Connector> =
        Arc::new(TransactionServer::new(connector::client().unwrap(), endpoint));
    let connectors: Connectors = [("recipient".to_owned(), connector)].into();
    let limits = Limits {
        lease_seconds: 30,
        in_flight_max: 8,
        poll: Duration::from_millis(20),
        backoff: Backoff { first_ms: 1_000, ceiling_ms: 60_000 },
    };
    let ids = Arc::new(SeededIds::new(clock.now(), "courier"));
    Courier::new(Arc::clone(&context.store), connectors, Arc::clone(clock) as Arc<dyn Clock>, ids, limits)
}

const EACH: [(Publication, &str); 2] =
    [(Publication::Bundle, "ITI-65"), (Publication::Simplified, "ITI-105")];

#[tokio::test]
async fn a_final_report_and_its_correction_arrive_and_only_the_correction_stays_current() {
    for (publication, transaction) in EACH {
        let (stage, report) = Stage::new(publication).await;
        stage.correct(&report).await;
        // Both are due at once: the second one waits for the first.
        stage.round().await;
        stage.round().await;
        let statuses: Vec<u16> = stage.recipient.received().iter().map(|one| one.status).collect();
        assert_eq!(statuses, if transaction == "ITI-65" { [200, 200] } else { [201, 201] });
        let described = stage.recipient.resources("DocumentReference");
        let standing: Vec<&str> = described.iter().map(|one| one["status"].as_str().unwrap()).collect();
        assert_eq!(standing, ["superseded", "current"], "{transaction}");
        let bytes: Vec<&str> =
            described.iter().map(|one| one["content"][0]["attachment"]["url"].as_str().unwrap()).collect();
        assert!(bytes.iter().all(|url| url.starts_with("Binary/")), "{bytes:?}");
        let events = stage.search("AuditEvent", &format!("subtype={transaction}&outcome=0")).await;
        assert_eq!(events["entry"].as_array().map(Vec::len), Some(2), "{transaction}");
        stage.recipient.stop().await;
    }
}

#[tokio::test]
async fn a_repeat_is_the_same_bytes_and_is_kept_once() {
    for (publication, transaction) in EACH {
        let (stage, _) = Stage::new(publication).await;
        for fault in [Fault::AnswerLost, Fault::Status(503), Fault::Gibberish] {
            stage.recipient.misbehave(fault, 1);
            stage.round().await;
        }
        stage.round().await;
        let received = stage.recipient.received();
        assert_eq!(received.len(), 4, "{transaction}");
        assert!(
            received.iter().all(|one| one.bytes == received[0].bytes),
            "{transaction}: the bytes changed"
        );
        assert_eq!(stage.recipient.resources("DocumentReference").len(), 1, "{transaction}");
        let delivered = stage.search("AuditEvent", "outcome=0").await;
        assert_eq!(delivered["entry"].as_array().map(Vec::len), Some(1), "{transaction}");
        stage.recipient.stop().await;
    }
}
