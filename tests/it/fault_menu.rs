//! Every fault of the menu, of every peer, at every exchange, with two workers over one outbox: in the end everything is
//! delivered, kept once, in order, under the ids and with the bytes that were committed, and no pause outgrows its bound.
//!
//! The sample is two patients, each with a first document and its replacement, which is withdrawn for one of them, and hidden and
//! archived for the other. It is made once for each kind of peer and queued anew in an empty store for each case.

mod peer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use vigie::clock::{Clock, FixedClock, SystemIds};
use vigie::delivery::Courier;
use vigie::interaction;
use vigie::json::{Value, json};
use vigie::outbox::{Act, Delivery, Outcome, State};
use vigie::store::{DeliveryFilter, DeliveryRecord, Store, Unit};

use crate::support::peer as support;
use crate::support::{App, Course, Kept, body};
use peer::{Of, Peer};

/// Longest pause between two attempts.
const CEILING_MS: u64 = 60_000;

/// Rounds in which one fault, one cut and one lost worker are overcome.
const ROUNDS: usize = 10;

/// The patient whose report is withdrawn.
const WITHDRAWN: &str = "folfox";

/// One delivery of the sample.
#[derive(Clone)]
struct Sample {
    delivery: Delivery,
    /// Unique id of its document, without `urn:oid:`.
    unique_id: String,
    cda: Vec<u8>,
}

/// What a service makes of two signed reports and their corrections for a peer of that kind.
async fn sample(of: Of) -> Vec<Sample> {
    let mut app = App::on(Kept::Embedded).await.unwrap();
    app.context.settings.destinations = vec![of.destination()];
    for name in ["folfox", "pembrolizumab"] {
        let course = Course::start(&app, name).await;
        app.at("2026-03-02T09:13:00+01:00");
        app.submit(&course.week("1")).await.unwrap();
        let mut report = app.search("DiagnosticReport", &[("subject", &course.patient())]).await.remove(0);
        report["resultsInterpreter"] = json!([{"reference": "PractitionerRole/oncologue-test"}]);
        for (time, status, conclusion) in [
            ("2026-03-03T10:00:00+01:00", "final", "Bonne tolérance."),
            ("2026-03-03T11:00:00+01:00", "corrected", "Bonne tolérance. Dose réduite."),
        ] {
            app.at(time);
            report["status"] = json!(status);
            report["conclusion"] = json!(conclusion);
            report = body(&app.put(&report).await.unwrap());
        }
        if name == WITHDRAWN {
            // What nobody has would not be sent any more.
            app.delivered().await;
            app.at("2026-03-03T11:30:00+01:00");
            report["status"] = json!("entered-in-error");
            let reason = json!({"url": "http://hl7.org/fhir/StructureDefinition/event-statusReason",
                "valueCodeableConcept": {"text": "Compte rendu d'un autre patient."}});
            report["extension"].as_array_mut().unwrap().push(reason);
            app.put(&report).await.unwrap();
        } else {
            hide_and_archive(&app, &course).await;
        }
    }
    let mut samples = Vec::new();
    for record in deliveries(app.context.store.as_ref()).await {
        let reference = app.read(&record.delivery.subject).await;
        let binary = app.read(&local(&reference["content"][0]["attachment"]["url"])).await;
        let unique = reference["masterIdentifier"]["value"].as_str().unwrap();
        samples.push(Sample {
            unique_id: unique.trim_start_matches("urn:oid:").to_owned(),
            cda: STANDARD.decode(binary["data"].as_str().unwrap()).unwrap(),
            delivery: record.delivery,
        });
    }
    samples.reverse();
    // A platform is told nothing of an archive.
    assert_eq!(samples.len(), if of == Of::Platform { 6 } else { 7 }, "{of:?}");
    samples
}

/// Hides the document of a patient, and archives it, once it is delivered: what was never begun would go hidden at once.
async fn hide_and_archive(app: &App, course: &Course) {
    app.delivered().await;
    let current = [("subject", course.patient()), ("status", "current".to_owned())];
    let current: Vec<(&str, &str)> = current.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let document = app.search("DocumentReference", &current).await.remove(0);
    for (time, part) in [
        ("2026-03-03T11:40:00+01:00", json!({"name": "hide", "valueCode": "INVISIBLE_PATIENT"})),
        ("2026-03-03T11:50:00+01:00", json!({"name": "archived", "valueBoolean": true})),
    ] {
        app.at(time);
        let asked = json!({"resourceType": "Parameters", "parameter": [part,
            {"name": "by", "valueReference": {"reference": "PractitionerRole/oncologue-test"}},
            {"name": "reason", "valueString": "Annonce prévue lundi."}]});
        let id = document["id"].as_str().unwrap();
        let answer = interaction::change_visibility(&app.context, id, asked.to_string().as_bytes()).await;
        answer.unwrap_or_else(|problem| panic!("{problem}"));
        app.delivered().await;
    }
}

/// `Type/id` at the end of an address.
fn local(url: &Value) -> String {
    let mut parts = url.as_str().unwrap().rsplit('/');
    let (id, rtype) = (parts.next().unwrap(), parts.next().unwrap());
    format!("{rtype}/{id}")
}

async fn deliveries(store: &dyn Store) -> Vec<DeliveryRecord> {
    store.deliveries(&DeliveryFilter { payload: true, ..DeliveryFilter::default() }).await.unwrap()
}

/// What goes wrong in one case, beside the fault of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accident {
    None,
    /// The peer is away for a round, and back.
    Restart,
    /// A worker dies while the peer has its request.
    WorkerLost,
}

/// One store, one peer, two workers.
struct Stage {
    store: Arc<dyn Store>,
    clock: Arc<FixedClock>,
    peer: Peer,
    workers: [Courier; 2],
    _place: crate::support::Place,
}

impl Stage {
    async fn new(of: Of, kept: Kept, samples: &[Sample]) -> Option<Self> {
        let (store, place) = kept.open().await?;
        let clock = Arc::new(FixedClock::new("2026-03-03T12:00:00Z".parse().unwrap()));
        let told = Arc::clone(&clock) as Arc<dyn Clock>;
        let peer = Peer::start(of, &told).await;
        let mut unit = Unit::new("sample", clock.now());
        unit.deliveries = samples.iter().map(|sample| sample.delivery.clone()).collect();
        store.commit(unit).await.unwrap();
        let worker = || {
            let connectors = [(of.name().to_owned(), peer.connector(&told))].into();
            let limits = support::limits(30, CEILING_MS);
            Courier::new(Arc::clone(&store), connectors, Arc::clone(&told), Arc::new(SystemIds), limits)
        };
        let workers = [worker(), worker()];
        Some(Self { store, clock, peer, workers, _place: place })
    }

    /// Both workers look at once, an hour after the round before.
    async fn round(&self) {
        let [one, other] = &self.workers;
        let (one, other) = tokio::join!(one.step(), other.step());
        assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
        self.after().await;
    }

    /// The first worker dies as soon as the peer has heard more of it, or has nothing to do.
    async fn lost(&self) {
        let heard = self.peer.heard();
        tokio::select! {
            _ = self.workers[0].step() => {}
            () = async {
                while self.peer.heard() == heard {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            } => {}
        }
        self.after().await;
    }

    async fn after(&self) {
        let (now, ceiling) = (self.clock.now(), CEILING_MS.cast_signed());
        for record in deliveries(self.store.as_ref()).await {
            let latest = now + SignedDuration::from_millis(ceiling);
            assert!(!record.progress.state.is_open() || record.progress.due_at <= latest, "{record:?}");
        }
        self.clock.set(now + SignedDuration::from_hours(1));
    }

    /// Rounds until nothing is open.
    async fn until_delivered(&self, case: &str) -> Vec<DeliveryRecord> {
        for _ in 0..ROUNDS {
            self.round().await;
            let records = deliveries(self.store.as_ref()).await;
            if records.iter().all(|record| record.progress.state == State::Delivered) {
                return records;
            }
        }
        panic!("{case}: after {ROUNDS} rounds: {:?}", deliveries(self.store.as_ref()).await);
    }
}

async fn check(of: Of, kept: Kept, samples: &[Sample], fault: &str, step: usize, accident: Accident) {
    let case = format!("{of:?} on {kept:?}: {fault} at exchange {step}, {accident:?}");
    let Some(stage) = Stage::new(of, kept, samples).await else { return };
    stage.peer.misbehave_after(step, fault);
    match accident {
        Accident::None => {}
        Accident::Restart => {
            stage.round().await;
            stage.peer.wire.set_down(true);
            stage.round().await;
            stage.peer.wire.set_down(false);
        }
        Accident::WorkerLost => stage.lost().await,
    }
    let records = stage.until_delivered(&case).await;
    for record in &records {
        let numbers: Vec<u32> = record.attempts.iter().map(|attempt| attempt.number).collect();
        assert_eq!(
            numbers,
            (1..=record.progress.attempts).collect::<Vec<_>>(),
            "{case}: attempts not on record"
        );
        let committed = samples.iter().find(|sample| sample.delivery.id == record.delivery.id).unwrap();
        assert!(committed.delivery == record.delivery, "{case}: a delivery has changed");
    }
    for (n, sample) in samples.iter().enumerate() {
        let of =
            |sample: &Sample| records.iter().find(|record| record.delivery.id == sample.delivery.id).unwrap();
        let before = samples[..n].iter().rfind(|before| before.delivery.patient == sample.delivery.patient);
        if let Some(before) = before {
            assert!(accepted_at(of(before)) <= of(sample).attempts[0].started_at, "{case}: out of order");
        }
    }
    stage.peer.assert_recognised(samples, &case);
    let mut standing = BTreeMap::new();
    let mut current: Option<&Sample> = None;
    for sample in samples {
        if let Some(before) = current.filter(|before| before.delivery.patient == sample.delivery.patient) {
            standing.insert(before.unique_id.clone(), false);
        }
        standing.insert(sample.unique_id.clone(), sample.delivery.act != Act::Withdraw);
        current = Some(sample);
    }
    assert_eq!(stage.peer.keeps(), standing, "{case}");
    let hidden = samples.iter().find(|sample| sample.delivery.act == Act::Visibility).unwrap();
    stage.peer.assert_hidden_and_archived(&hidden.unique_id, &case);
    stage.peer.stop().await;
}

fn accepted_at(record: &DeliveryRecord) -> Timestamp {
    let accepted = record.attempts.iter().find(|attempt| matches!(attempt.outcome, Outcome::Accepted(_)));
    accepted.unwrap().ended_at
}

/// Every line of the menu at every exchange.
async fn the_menu_of(of: Of) {
    let samples = sample(of).await;
    for fault in of.menu() {
        let cases =
            (0..of.steps()).map(|step| check(of, Kept::Embedded, &samples, fault, step, Accident::None));
        futures_util::future::join_all(cases).await;
    }
}

#[tokio::test]
async fn every_fault_of_a_hospital_record_at_every_exchange() {
    the_menu_of(Of::Dpi).await;
}

#[tokio::test]
async fn every_fault_of_a_document_recipient_at_every_exchange() {
    the_menu_of(Of::Mhd).await;
}

#[tokio::test]
async fn every_fault_of_a_platform_at_every_exchange() {
    the_menu_of(Of::Platform).await;
}

#[tokio::test]
async fn every_fault_of_the_dmp_at_every_exchange() {
    the_menu_of(Of::Dmp).await;
}

#[tokio::test]
async fn a_peer_that_restarts_and_a_worker_that_dies_cost_nothing_on_either_store() {
    for of in Of::EACH {
        let samples = &sample(of).await;
        for kept in Kept::EACH {
            let accidents = [Accident::Restart, Accident::WorkerLost].into_iter();
            let cases = accidents.flat_map(|accident| {
                ["answer-lost", "slow"].map(|fault| check(of, kept, samples, fault, 0, accident))
            });
            futures_util::future::join_all(cases).await;
        }
    }
}
