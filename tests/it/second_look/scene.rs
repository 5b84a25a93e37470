//! A signed report about a qualified identity, two receivers that answer from a list, and what may happen meanwhile.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use vigie::app::LastLook;
use vigie::clock::{Clock, SeededIds, SystemIds};
use vigie::connector::{Connector, Connectors, Sending};
use vigie::delivery::Courier;
use vigie::interaction::{self, Context, Destination, DestinationKind, Follower, Library, Publication};
use vigie::json::{Value, json};
use vigie::outbox::{Act, Delivery, Outcome, Receipt, State};
use vigie::store::{DeliveryFilter, DeliveryRecord};

use crate::support::{App, Course, Kept, body, peer, signed};

pub(super) const PATIENT: &str = "Patient/test-folfox";
pub(super) const RELIABILITY: &str = "fr-core-identity-reliability";
pub(super) const INS: &str = "160019900000175";
/// Another one that is well formed, of the test patient.
pub(super) const OTHER_INS: &str = "279035121518989";

/// A receiver that answers from a list, then with yes, and keeps what it took.
#[derive(Default)]
pub(super) struct Receiver {
    pub(super) answers: Mutex<VecDeque<Outcome>>,
    pub(super) took: Mutex<Vec<(Act, String)>>,
}

impl Connector for Receiver {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> Sending<'a> {
        let answer = self.answers.lock().unwrap().pop_front();
        let answer = answer
            .unwrap_or_else(|| Outcome::Accepted(Receipt { status: "200 OK".to_owned(), reference: None }));
        if matches!(answer, Outcome::Accepted(_)) {
            let payload = String::from_utf8_lossy(&delivery.payload).into_owned();
            self.took.lock().unwrap().push((delivery.act, payload));
        }
        Box::pin(async move { answer })
    }
}

pub(super) fn silent() -> Outcome {
    Outcome::Unreachable { reason: "no connection".to_owned() }
}

pub(super) fn refused() -> Outcome {
    Outcome::Refused { reason: "answered with 422".to_owned() }
}

/// A signed report about a qualified identity; nothing has left. `dpi` takes any identity, `dmp` a qualified one.
pub(super) struct Scene {
    pub(super) app: App,
    pub(super) dpi: Arc<Receiver>,
    pub(super) dmp: Arc<Receiver>,
    pub(super) patient: Value,
    pub(super) report: Value,
    minute: std::cell::Cell<i64>,
}

impl Scene {
    pub(super) async fn on(kept: Kept) -> Option<Self> {
        let mut app = App::on(kept).await?;
        app.context.settings.destinations = vec![
            Destination::new("dpi", DestinationKind::Fhir),
            Destination::new("dmp", DestinationKind::Mhd(Publication::Bundle)),
        ];
        let course = Course::start(&app, "folfox").await;
        app.at("2026-03-02T09:13:00+01:00");
        app.submit(&course.week("1")).await.unwrap();
        let patient = app.read(PATIENT).await;
        let report = app.search("DiagnosticReport", &[]).await.remove(0);
        app.at("2026-03-03T10:00:00+01:00");
        let report = body(&app.put(&signed(&report, "final", "Bonne tolérance.")).await.unwrap());
        let (dpi, dmp) = (Arc::default(), Arc::default());
        Some(Self { app, dpi, dmp, patient, report, minute: 0.into() })
    }

    pub(super) async fn new() -> Self {
        Self::on(Kept::Embedded).await.unwrap()
    }

    pub(super) fn later(&self) {
        self.minute.set(self.minute.get() + 1);
        let start: jiff::Timestamp = "2026-03-03T10:00:00+01:00".parse().unwrap();
        self.app.clock.set(start + jiff::SignedDuration::from_mins(self.minute.get()));
    }

    /// Another process over the same store.
    pub(super) fn replica(&self) -> Arc<Context> {
        let clock = Arc::clone(&self.app.clock) as Arc<dyn Clock>;
        Arc::new(Context {
            store: Arc::clone(&self.app.context.store),
            ids: Arc::new(SeededIds::new(clock.now(), "replica")),
            clock,
            library: Library::new(16),
            settings: self.app.context.settings.clone(),
        })
    }

    pub(super) fn courier(&self) -> Courier {
        let connectors: Connectors = [("dpi", &self.dpi), ("dmp", &self.dmp)]
            .map(|(name, receiver)| (name.to_owned(), Arc::clone(receiver) as Arc<dyn Connector>))
            .into();
        let clock = Arc::clone(&self.app.clock) as Arc<dyn Clock>;
        let store = Arc::clone(&self.app.context.store);
        Courier::new(store, connectors, clock, Arc::new(SystemIds), peer::limits(30, 1_000))
            .looking(Arc::new(LastLook::new(self.replica())))
    }

    pub(super) async fn step(&self) {
        self.later();
        self.courier().step().await.unwrap();
    }

    pub(super) async fn put(&self, resource: &Value) -> Value {
        self.later();
        body(&self.app.put(resource).await.unwrap_or_else(|problem| panic!("{problem}")))
    }

    /// Takes the signed report back.
    pub(super) async fn withdraw(&self) {
        let mut withdrawn = self.report.clone();
        withdrawn["status"] = json!("entered-in-error");
        let why = json!({"url": "http://hl7.org/fhir/StructureDefinition/event-statusReason",
            "valueCodeableConcept": {"text": "Mauvais patient."}});
        withdrawn["extension"].as_array_mut().unwrap().push(why);
        self.put(&withdrawn).await;
    }

    pub(super) async fn released(&self) -> usize {
        self.later();
        interaction::release(&self.app.context, &mut Follower::default()).await.unwrap()
    }

    pub(super) async fn records(&self, destination: &str) -> Vec<DeliveryRecord> {
        let filter =
            DeliveryFilter { destination: Some(destination.to_owned()), ..DeliveryFilter::default() };
        let mut records = self.app.context.store.deliveries(&filter).await.unwrap();
        records.reverse();
        records
    }

    /// Act and state of what was sent to a destination, oldest first.
    pub(super) async fn states(&self, destination: &str) -> Vec<(Act, State)> {
        let of = |record: DeliveryRecord| (record.delivery.act, record.progress.state);
        self.records(destination).await.into_iter().map(of).collect()
    }

    pub(super) async fn held(&self) -> Vec<Value> {
        let system = "https://vigie.example/fhir/NamingSystem/held-document|";
        self.app.search("Task", &[("identifier", system), ("_sort", "_lastUpdated")]).await
    }

    pub(super) async fn provisional(&self) {
        let mut provisional = self.patient.clone();
        let extensions = provisional["extension"].as_array_mut().unwrap();
        extensions.retain(|one| !one["url"].as_str().unwrap_or_default().ends_with(RELIABILITY));
        self.put(&provisional).await;
    }

    pub(super) fn with_ins(&self, ins: &str) -> Value {
        let mut patient = self.patient.clone();
        for one in patient["identifier"].as_array_mut().unwrap() {
            if one["value"] == INS {
                one["value"] = json!(ins);
            }
        }
        assert_ne!(patient, self.patient);
        patient
    }

    /// Ends the patient's record in another one, which is returned.
    pub(super) async fn merged_into(&self, survivor: Value) -> Value {
        let mut survivor = survivor;
        survivor["id"] = json!("survivor");
        for one in survivor["identifier"].as_array_mut().unwrap() {
            if one["system"] == "https://chu.example/ipp" {
                one["value"] = json!("99");
            }
        }
        self.put(&survivor).await;
        let mut ended = self.patient.clone();
        ended["active"] = json!(false);
        ended["link"] = json!([{"other": {"reference": "Patient/survivor"}, "type": "replaced-by"}]);
        self.put(&ended).await;
        survivor
    }
}

pub(super) fn took(receiver: &Receiver) -> Vec<(Act, String)> {
    receiver.took.lock().unwrap().clone()
}

pub(super) fn answer(receiver: &Receiver, answers: &[Outcome]) {
    receiver.answers.lock().unwrap().extend(answers.iter().cloned());
}
