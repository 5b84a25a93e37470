//! A store in a folder of its own, and resources with the least that a test needs.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use vigie::fhir::search::{Query, parse_text};
use vigie::outbox::Delivery;
use vigie::store::sqlite::{self, Options};
use vigie::store::{Committed, Expect, Page, Store, Unit, Write};

/// The store under test, and the folder that goes with it.
pub(super) struct Held {
    pub(super) store: Arc<dyn Store>,
    folder: TempDir,
}

impl Held {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(sqlite::open(folder.path().join("vigie.db"), &Options::default()).unwrap());
        Self { store, folder }
    }

    pub(super) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("vigie.db")
    }

    /// Closes the store and opens it again, as after a restart.
    pub(super) fn reopen(self) -> Self {
        let Self { store, folder } = self;
        assert_eq!(Arc::strong_count(&store), 1, "nobody else holds the store");
        drop(store);
        let store = Arc::new(sqlite::open(folder.path().join("vigie.db"), &Options::default()).unwrap());
        Self { store, folder }
    }

    pub(super) async fn put(&self, resource: Value) {
        let unit = unit(vec![Write::new(&resource, Expect::Previous).unwrap()]);
        assert_eq!(self.store.commit(unit).await, Ok(Committed::Written));
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
        content_type: "application/fhir+json".to_owned(),
        payload: format!("payload of {id}").into_bytes(),
        created_at: at(0),
    }
}
