//! A service with a peer of every kind, for what everyone who has a document is told of it.

use std::sync::Arc;
use std::time::Duration;

use vigie::clock::{Clock, SystemIds};
use vigie::connector::Connectors;
use vigie::delivery::Courier;
use vigie::interaction::{Destination, DestinationKind, Publication};
use vigie::json::Value;
use vigie::outbox::Act;
use vigie::report::hl7v2::Kind as MessageKind;
use vigie::report::provide_and_register::Sender;
use vigie::sandbox::{self, Fault, MllpFault, Platform, dmp, platform};
use vigie::store::{DeliveryFilter, DeliveryRecord};

use super::peer::{self, ANYWHERE};
use super::{App, Course, body};

const PATIENCE: Duration = Duration::from_secs(5);

fn route(kind: MessageKind) -> DestinationKind {
    DestinationKind::Mllp(Box::new(peer::route(kind, false)))
}

/// A service with a peer of every kind, and the first week of a patient whose identity is qualified.
pub(crate) struct Stage {
    pub(crate) app: App,
    pub(crate) pfi: Platform,
    pub(crate) oru: Platform,
    pub(crate) dmp: dmp::Dmp,
    pub(crate) mhd: sandbox::Handle,
    pub(crate) dpi: sandbox::Handle,
    pub(crate) courier: Courier,
    minute: std::cell::Cell<i64>,
    /// Preliminary.
    pub(crate) report: Value,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let mut app = App::new().await;
        let clock = Arc::clone(&app.clock) as Arc<dyn Clock>;
        let (pfi, oru) = (platform::start(ANYWHERE).await.unwrap(), platform::start(ANYWHERE).await.unwrap());
        let dmp = dmp::start(ANYWHERE, Arc::clone(&clock)).unwrap();
        let (mhd, dpi) = (sandbox::mhd::start(ANYWHERE).unwrap(), sandbox::dpi::start(ANYWHERE).unwrap());
        app.context.settings.destinations = vec![
            Destination::new("pfi", route(MessageKind::Mdm)),
            Destination::new("oru", route(MessageKind::Oru)),
            Destination::new("dmp", DestinationKind::Xds(Box::new(peer::submitter(Sender::Author)))),
            Destination::new("mhd", DestinationKind::Mhd(Publication::Bundle)),
            Destination::new("dpi", DestinationKind::Fhir),
        ];
        let mut connectors = Connectors::new();
        connectors.insert("pfi".to_owned(), Arc::new(peer::platform(pfi.address(), PATIENCE, 1)));
        connectors.insert("oru".to_owned(), Arc::new(peer::platform(oru.address(), PATIENCE, 1)));
        connectors.insert("dmp".to_owned(), Arc::new(peer::repository(&dmp.url(), PATIENCE * 4, &clock)));
        connectors.insert("mhd".to_owned(), Arc::new(peer::server(mhd.url(), PATIENCE)));
        connectors.insert("dpi".to_owned(), Arc::new(peer::server(dpi.url(), PATIENCE)));
        let limits = peer::limits(60, 30_000);
        let store = Arc::clone(&app.context.store);
        let courier = Courier::new(store, connectors, Arc::clone(&clock), Arc::new(SystemIds), limits);
        let course = Course::start(&app, "folfox").await;
        app.at("2026-03-02T09:13:00+01:00");
        app.submit(&course.week("1")).await.unwrap();
        let report = app.search("DiagnosticReport", &[]).await.remove(0);
        app.at("2026-03-03T10:00:00+01:00");
        Self { app, pfi, oru, dmp, mhd, dpi, courier, minute: 0.into(), report }
    }

    pub(crate) fn later(&self) {
        self.minute.set(self.minute.get() + 1);
        let start: jiff::Timestamp = "2026-03-03T10:00:00+01:00".parse().unwrap();
        self.app.clock.set(start + jiff::SignedDuration::from_mins(self.minute.get()));
    }

    pub(crate) async fn put(&self, report: &Value) -> Value {
        self.later();
        body(&self.app.put(report).await.unwrap_or_else(|problem| panic!("{problem}")))
    }

    /// The next answer of each peer is lost after it has kept what it was sent.
    pub(crate) fn lose_answers(&self) {
        self.pfi.misbehave(MllpFault::AnswerLost, 1);
        self.oru.misbehave(MllpFault::AnswerLost, 1);
        self.dmp.misbehave(Fault::AnswerLost, 1);
        self.mhd.misbehave(Fault::AnswerLost, 1);
        self.dpi.misbehave(Fault::AnswerLost, 1);
    }

    /// Rounds of the outbox, a minute apart.
    pub(crate) async fn rounds(&self, count: usize) {
        for _ in 0..count {
            self.later();
            self.courier.step().await.unwrap();
        }
    }

    pub(crate) async fn deliveries(&self) -> Vec<DeliveryRecord> {
        let filter = DeliveryFilter { payload: true, ..DeliveryFilter::default() };
        self.app.context.store.deliveries(&filter).await.unwrap()
    }

    /// What was sent to a destination, oldest first.
    pub(crate) async fn acts(&self, destination: &str) -> Vec<Act> {
        let records = self.deliveries().await;
        let of_it = records.iter().rev().filter(|record| record.delivery.destination == destination);
        of_it.map(|record| record.delivery.act).collect()
    }

    /// The status of every description that a FHIR peer has, oldest first.
    pub(crate) fn statuses(peer: &sandbox::Handle) -> Vec<String> {
        let found = peer.resources("DocumentReference");
        found.iter().map(|one| one["status"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn end(self) {
        self.pfi.stop().await;
        self.oru.stop().await;
        self.dmp.stop().await;
        self.mhd.stop().await;
        self.dpi.stop().await;
    }
}
