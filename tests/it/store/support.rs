//! A store in a place of its own, and resources with the least that a test needs.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use vigie::fhir::search::{Query, parse_text};
use vigie::json::{Value, json};
use vigie::outbox::{Act, Delivery};
use vigie::store::{Committed, Expect, Page, Store, Unit, Write};

use super::Place;

/// The store under test, and the place where it keeps everything.
pub(super) struct Held {
    pub(super) store: Arc<dyn Store>,
    pub(super) place: Place,
}

impl Held {
    /// An empty store; `None` when it cannot be tested here, which is then said on the terminal.
    pub(super) async fn new() -> Option<Self> {
        Self::with_queue(1_024).await
    }

    /// The same with a queue of that length.
    pub(super) async fn with_queue(queue_max: usize) -> Option<Self> {
        let place = Place::new().await?;
        let store = place.open(queue_max).await;
        Some(Self { store, place })
    }

    /// Closes the store and opens it again, as after a restart.
    pub(super) async fn reopen(self) -> Self {
        let Self { store, place } = self;
        assert_eq!(Arc::strong_count(&store), 1, "nobody else holds the store");
        drop(store);
        let store = place.open(1_024).await;
        Self { store, place }
    }

    /// As many stores as replicas would open; the embedded store has only one.
    pub(super) async fn replicas(&self, count: usize) -> Vec<Arc<dyn Store>> {
        let mut stores = vec![Arc::clone(&self.store)];
        for _ in 1..count {
            stores.extend(self.place.another().await);
        }
        stores
    }

    pub(super) async fn put(&self, resource: Value) {
        let unit = unit(vec![Write::new(&resource, Expect::Previous).unwrap()]);
        assert!(matches!(self.store.commit(unit).await, Ok(Committed::Written(_))));
    }

    pub(super) async fn page(&self, rtype: &str, text: &str) -> Page {
        self.store.search(&query(rtype, text)).await.unwrap()
    }

    /// The ids that a search finds, in order.
    pub(super) async fn ids(&self, rtype: &str, text: &str) -> Vec<String> {
        self.page(rtype, text).await.resources.into_iter().map(|stored| stored.id).collect()
    }
}

pub(super) fn query(rtype: &str, text: &str) -> Query {
    parse_text(rtype, text).unwrap()
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

pub(super) fn unit(writes: Vec<Write>) -> Unit {
    Unit { writes, ..Unit::new("test", at(0)) }
}

/// A resource with id and meta; `more` is merged in.
pub(super) fn resource(rtype: &str, id: &str, version: u64, more: Value) -> Value {
    let meta = json!({"versionId": version.to_string(), "lastUpdated": at(i64::try_from(version).unwrap()).to_string()});
    let mut whole = json!({"resourceType": rtype, "id": id, "meta": meta});
    for (name, value) in more.as_object().unwrap() {
        whole[name] = value.clone();
    }
    whole
}

pub(super) fn new(rtype: &str, id: &str, more: Value) -> Write {
    Write::new(&resource(rtype, id, 1, more), Expect::New).unwrap()
}

pub(super) fn delivery(id: &str, destination: &str, patient: &str) -> Delivery {
    Delivery {
        id: id.to_owned(),
        destination: destination.to_owned(),
        kind: "fhir".to_owned(),
        patient: patient.to_owned(),
        subject: format!("DocumentReference/{id}"),
        act: Act::Provide,
        content_type: "application/fhir+json".to_owned(),
        payload: format!("payload of {id}").into_bytes(),
        created_at: at(0),
    }
}
