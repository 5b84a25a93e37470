//! Deliveries over both stores with scripted receivers: repeated byte for byte until the receiver says yes,
//! in order for each patient, stopped and resent only by a person.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use vigie::clock::{Clock, FixedClock, SeededIds};
use vigie::connector::{Connector, Connectors, Sending};
use vigie::delivery::{Courier, Limits};
use vigie::outbox::{Act, Backoff, Delivery, Outcome, Receipt, State};
use vigie::store::{Committed, DeliveryFilter, DeliveryRecord, Order, Store, Unit};

use crate::support::{Kept, Place};

const START: Timestamp = Timestamp::constant(1_767_225_600, 0);
const CEILING_MS: u64 = 60_000;

/// A receiver that answers from a list and keeps what it was sent.
#[derive(Default)]
struct Scripted {
    answers: Mutex<VecDeque<Outcome>>,
    sent: Mutex<Vec<(String, Vec<u8>)>>,
}

impl Connector for Scripted {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> Sending<'a> {
        self.sent.lock().unwrap().push((delivery.id.clone(), delivery.payload.clone()));
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or_else(accepted);
        Box::pin(async move { answer })
    }
}

fn accepted() -> Outcome {
    Outcome::Accepted(Receipt { status: "200 OK".to_owned(), reference: Some("Binary/1".to_owned()) })
}

fn unreachable() -> Outcome {
    Outcome::Unreachable { reason: "no connection".to_owned() }
}

fn refused() -> Outcome {
    Outcome::Refused { reason: "answered with 422".to_owned() }
}

struct Stage {
    store: Arc<dyn Store>,
    clock: Arc<FixedClock>,
    receiver: Arc<Scripted>,
    courier: Courier,
    /// Goes last.
    _place: Place,
}

impl Stage {
    /// One over each store that can be tested here.
    async fn on_each(answers: &[Outcome]) -> Vec<Self> {
        let mut stages = Vec::new();
        for kept in Kept::EACH {
            if let Some((store, place)) = kept.open().await {
                stages.push(Self::over(store, place, answers));
            }
        }
        stages
    }

    fn over(store: Arc<dyn Store>, place: Place, answers: &[Outcome]) -> Self {
        let answers = Mutex::new(answers.iter().cloned().collect());
        let receiver = Arc::new(Scripted { answers, ..Scripted::default() });
        let clock = Arc::new(FixedClock::new(START));
        let connectors: Connectors = [("dpi".to_owned(), Arc::clone(&receiver) as Arc<dyn Connector>)].into();
        let limits = Limits {
            lease_seconds: 30,
            in_flight_max: 8,
            poll: Duration::from_millis(20),
            backoff: Backoff { first_ms: 1_000, ceiling_ms: CEILING_MS },
        };
        let courier = Courier::new(
            Arc::clone(&store),
            connectors,
            Arc::clone(&clock) as Arc<dyn Clock>,
            Arc::new(SeededIds::new(START, "courier")),
            limits,
        );
        Self { store, clock, receiver, courier, _place: place }
    }

    async fn queue(&self, id: &str, patient: &str) {
        let mut unit = Unit::new("test", START);
        unit.deliveries.push(Delivery {
            id: id.to_owned(),
            destination: "dpi".to_owned(),
            kind: "fhir".to_owned(),
            patient: patient.to_owned(),
            subject: format!("DocumentReference/{id}"),
            act: Act::Provide,
            content_type: "application/fhir+json".to_owned(),
            payload: format!("payload of {id}").into_bytes(),
            created_at: START,
        });
        assert!(matches!(self.store.commit(unit).await, Ok(Committed::Written(_))));
    }

    async fn record(&self, id: &str) -> DeliveryRecord {
        let filter = DeliveryFilter { id: Some(id.to_owned()), ..DeliveryFilter::default() };
        self.store.deliveries(&filter).await.unwrap().remove(0)
    }

    fn later(&self, milliseconds: u64) {
        let by = SignedDuration::from_millis(i64::try_from(milliseconds).unwrap());
        self.clock.set(self.clock.now() + by);
    }

    fn sent(&self) -> Vec<(String, Vec<u8>)> {
        self.receiver.sent.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_delivery_is_repeated_byte_for_byte_until_the_receiver_says_yes() {
    for stage in Stage::on_each(&[unreachable(), refused(), accepted()]).await {
        stage.queue("d1", "Patient/1").await;
        assert_eq!(stage.courier.step().await, Ok(1));
        assert_eq!(stage.courier.step().await, Ok(0), "it is not due yet");
        stage.later(CEILING_MS);
        assert_eq!(stage.courier.step().await, Ok(1));
        assert_eq!(
            stage.record("d1").await.progress.state,
            State::Pending,
            "a refusal stops nothing by itself"
        );
        stage.later(CEILING_MS);
        assert_eq!(stage.courier.step().await, Ok(1));
        let record = stage.record("d1").await;
        assert_eq!(record.progress.state, State::Delivered);
        let outcomes: Vec<&str> = record.attempts.iter().map(|attempt| attempt.outcome.code()).collect();
        assert_eq!(outcomes, ["unreachable", "refused", "accepted"]);
        let sent = stage.sent();
        assert_eq!(sent.len(), 3);
        assert!(sent.iter().all(|one| *one == sent[0]), "the bytes changed");
        stage.later(CEILING_MS * 100);
        assert_eq!(stage.courier.step().await, Ok(0), "delivered is final");
    }
}

impl Stage {
    /// Outcome and text of the events on record, in the order in which they were written.
    async fn events(&self, asked: &str) -> Vec<(String, String)> {
        let query = vigie::fhir::search::parse_text("AuditEvent", &format!("{asked}&_count=100")).unwrap();
        let found = self.store.search(&query).await.unwrap().resources;
        let text = |event: &vigie::json::Value, name: &str| event[name].as_str().unwrap().to_owned();
        let read = |body: &[u8]| serde_json::from_slice::<vigie::json::Value>(body).unwrap();
        let mut events: Vec<_> =
            found.iter().map(|stored| (stored.last_updated, read(stored.body().unwrap()))).collect();
        events.sort_by_key(|(at, _)| *at);
        events.iter().map(|(_, event)| (text(event, "outcome"), text(event, "outcomeDesc"))).collect()
    }
}

#[tokio::test]
async fn what_became_of_each_attempt_is_on_record_as_events_that_can_be_found() {
    for stage in Stage::on_each(&[unreachable(), refused(), accepted()]).await {
        stage.queue("d1", "Patient/1").await;
        stage.queue("d2", "Patient/2").await;
        for _ in 0..3 {
            stage.courier.step().await.unwrap();
            stage.later(CEILING_MS);
        }
        let said = |all: &[(&str, &str)]| -> Vec<(String, String)> {
            all.iter().map(|(code, text)| ((*code).to_owned(), (*text).to_owned())).collect()
        };
        let first = stage.events("entity=DocumentReference/d1").await;
        assert_eq!(first.last(), said(&[("0", "200 OK")]).first());
        assert_eq!(stage.events("patient=Patient/2&outcome=0").await, said(&[("0", "200 OK")]));
        let mut all = stage.events("subtype=transaction&type=110106").await;
        all.sort();
        assert_eq!(
            all,
            said(&[("0", "200 OK"), ("0", "200 OK"), ("4", "no connection"), ("8", "answered with 422")])
        );
        assert!(stage.events("date=gt2100").await.is_empty());
    }
}

#[tokio::test]
async fn a_peer_that_is_away_for_days_leaves_few_events_and_every_attempt() {
    let gone = vec![unreachable(); 40];
    for stage in Stage::on_each(&gone).await {
        stage.queue("d1", "Patient/1").await;
        for _ in 0..40 {
            assert_eq!(stage.courier.step().await, Ok(1));
            stage.later(CEILING_MS);
        }
        assert_eq!(stage.record("d1").await.attempts.len(), 40);
        let events = stage.events("outcome=4").await;
        assert_eq!(events.len(), 6, "attempts 1, 2, 4, 8, 16, 32: {events:?}");
        stage.courier.step().await.unwrap();
        assert_eq!(stage.events("outcome=0").await.len(), 1, "the yes is told at once");
    }
}

#[tokio::test]
async fn a_later_delivery_waits_for_the_one_before_of_the_same_patient_only() {
    for stage in Stage::on_each(&[unreachable()]).await {
        stage.queue("a1", "Patient/a").await;
        stage.queue("a2", "Patient/a").await;
        stage.queue("b1", "Patient/b").await;
        stage.courier.step().await.unwrap();
        let states = [stage.record("a1").await, stage.record("a2").await, stage.record("b1").await]
            .map(|record| record.progress.attempts);
        assert_eq!(states, [1, 0, 1]);
        stage.later(CEILING_MS);
        stage.courier.step().await.unwrap();
        stage.courier.step().await.unwrap();
        let order: Vec<String> =
            stage.sent().into_iter().map(|(id, _)| id).filter(|id| id.starts_with('a')).collect();
        assert_eq!(order, ["a1", "a1", "a2"]);
    }
}

#[tokio::test]
async fn a_person_stops_a_delivery_and_has_it_sent_again() {
    for stage in Stage::on_each(&[refused()]).await {
        stage.queue("d1", "Patient/1").await;
        stage.courier.step().await.unwrap();
        let stop = Order::Stop { by: "Practitioner/1".to_owned(), reason: "wrong receiver".to_owned() };
        stage.store.order("d1", stop, stage.clock.now()).await.unwrap();
        stage.later(CEILING_MS * 10);
        assert_eq!(stage.courier.step().await, Ok(0), "a stopped delivery is not sent");
        let stopped = stage.record("d1").await.progress.stop.unwrap();
        assert_eq!((stopped.by.as_str(), stopped.reason.as_str()), ("Practitioner/1", "wrong receiver"));
        stage.store.order("d1", Order::Resend, stage.clock.now()).await.unwrap();
        assert_eq!(stage.courier.step().await, Ok(1));
        assert_eq!(stage.record("d1").await.progress.state, State::Delivered);
    }
}

#[tokio::test]
async fn an_unknown_destination_is_an_attempt_on_record() {
    for stage in Stage::on_each(&[]).await {
        let mut unit = Unit::new("test", START);
        unit.deliveries.push(Delivery {
            id: "x1".to_owned(),
            destination: "gone".to_owned(),
            kind: "fhir".to_owned(),
            patient: "Patient/1".to_owned(),
            subject: "DocumentReference/x1".to_owned(),
            act: Act::Provide,
            content_type: "application/fhir+json".to_owned(),
            payload: b"payload".to_vec(),
            created_at: START,
        });
        stage.store.commit(unit).await.unwrap();
        stage.courier.step().await.unwrap();
        let record = stage.record("x1").await;
        assert_eq!(record.progress.state, State::Pending);
        assert_eq!(record.attempts[0].outcome.code(), "unreachable");
    }
}

#[tokio::test]
async fn the_loop_wakes_for_a_commit_and_drains_when_told_to_stop() {
    for stage in Stage::on_each(&[]).await {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let Stage { store, receiver, courier, _place, .. } = stage;
        let running = tokio::spawn(courier.run(stopped));
        let mut unit = Unit::new("test", START);
        unit.deliveries.push(Delivery {
            id: "w1".to_owned(),
            destination: "dpi".to_owned(),
            kind: "fhir".to_owned(),
            patient: "Patient/1".to_owned(),
            subject: "DocumentReference/w1".to_owned(),
            act: Act::Provide,
            content_type: "application/fhir+json".to_owned(),
            payload: b"payload".to_vec(),
            created_at: START,
        });
        store.commit(unit).await.unwrap();
        while receiver.sent.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        stop.send(true).unwrap();
        running.await.unwrap();
        let filter = DeliveryFilter { id: Some("w1".to_owned()), ..DeliveryFilter::default() };
        assert_eq!(store.deliveries(&filter).await.unwrap()[0].progress.state, State::Delivered);
    }
}

/// A receiver that never answers.
struct Silent;

impl Connector for Silent {
    fn send<'a>(&'a self, _: &'a Delivery) -> Sending<'a> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn ten_silent_receivers_with_full_queues_do_not_hold_back_the_eleventh() {
    for stage in Stage::on_each(&[]).await {
        let mut unit = Unit::new("test", START);
        let to = |destination: String, n: usize| Delivery {
            id: format!("{destination}-{n}"),
            kind: "fhir".to_owned(),
            patient: format!("Patient/{n}"),
            subject: format!("DocumentReference/{destination}-{n}"),
            act: Act::Provide,
            content_type: "application/fhir+json".to_owned(),
            payload: b"payload".to_vec(),
            created_at: START,
            destination,
        };
        for silent in 0..10 {
            unit.deliveries.extend((0..12).map(|n| to(format!("silent-{silent}"), n)));
        }
        unit.deliveries.extend((0..3).map(|n| to("dpi".to_owned(), n)));
        stage.store.commit(unit).await.unwrap();
        let silent = (0..10).map(|n| (format!("silent-{n}"), Arc::new(Silent) as Arc<dyn Connector>));
        let mut connectors: Connectors = silent.collect();
        connectors.insert("dpi".to_owned(), Arc::clone(&stage.receiver) as Arc<dyn Connector>);
        let limits = Limits {
            lease_seconds: 3_600,
            in_flight_max: 2,
            poll: Duration::from_millis(20),
            backoff: Backoff { first_ms: 1_000, ceiling_ms: CEILING_MS },
        };
        let clock = Arc::clone(&stage.clock) as Arc<dyn Clock>;
        let ids = Arc::new(SeededIds::new(START, "fair"));
        let courier = Courier::new(Arc::clone(&stage.store), connectors, clock, ids, limits);
        let (_stop, stopped) = tokio::sync::watch::channel(false);
        let running = tokio::spawn(courier.run(stopped));
        let filter = DeliveryFilter {
            destination: Some("dpi".to_owned()),
            state: Some(State::Delivered),
            ..DeliveryFilter::default()
        };
        while stage.store.deliveries(&filter).await.unwrap().len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let leased = DeliveryFilter { state: Some(State::Leased), ..DeliveryFilter::default() };
        let leased = stage.store.deliveries(&leased).await.unwrap();
        assert_eq!(leased.len(), 20, "two of each silent one are under way, and no more");
        running.abort();
    }
}
