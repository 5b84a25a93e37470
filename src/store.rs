//! The store: where everything lives. One named transaction door for every write, and few, coarse reads.
//!
//! What never happens here: something acknowledged before it is on disk; half a unit written; a body read
//! back with other bytes than were committed (but for `meta.lastUpdated`, which the commit decides); a lock held
//! while a peer is on the line; SQL outside this room.

mod body;
mod deliveries;
mod digest;
mod feed;
mod history;
mod lately;
mod look;
mod made;
pub mod postgres;
mod queue;
mod readings;
mod remembered;
mod row;
mod search;
mod shown;
pub mod sqlite;
mod staged;
mod unit;
mod version;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use jiff::Timestamp;
use tokio::sync::watch;

pub use deliveries::{DeliveryFilter, DeliveryRecord, LeaseRequest, Leased, Order, Overdue, Settlement};
pub use history::{History, Versions};
pub use look::{Look, Seen};
pub use made::Made;
pub use staged::Staged;
pub use unit::{Body, Claim, Committed, Expect, Guard, Halt, Series, Unit, Violation, Write};

use crate::fhir::search::Query;
use crate::json::Value;
use crate::problem::{Category, Problem};

/// A boxed answer of the store.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, Problem>> + Send + 'a>>;

/// What any store must do. Both stores pass one contract suite (`tests/it/store.rs`).
///
/// Every method fails with `Busy` when its bounded queue is full, before anything was begun, and with
/// `Internal` when the database cannot be used. Writes fail with `StorageFull` when no space is left; nothing
/// of them is then written.
pub trait Store: Send + Sync {
    /// Writes the whole unit, or nothing of it. Answers after it is durable. Not idempotent by itself: a unit
    /// that may come twice carries a guard.
    fn commit(&self, unit: Unit) -> Pending<'_, Committed>;

    /// The current version, a deletion marker included.
    fn read(&self, rtype: &str, id: &str) -> Pending<'_, Option<Stored>>;

    /// That version.
    fn vread(&self, rtype: &str, id: &str, version: u64) -> Pending<'_, Option<Stored>>;

    /// One page of current, not deleted resources; fails with `Malformed` when the cursor is not of this query.
    fn search(&self, query: &Query) -> Pending<'_, Page>;

    /// One page of the versions of everything, of a type or of one resource, in commit order; fails with
    /// `Malformed` when the cursor is not of a history. Followed oldest first from page to page, it gives every
    /// committed version exactly once, whoever writes meanwhile and whatever their clocks say.
    fn history(&self, history: &History) -> Pending<'_, Versions>;

    /// Several reads at once. The embedded store answers all of them from one moment; any store reads the streams
    /// before the rest.
    fn look(&self, look: Look) -> Pending<'_, Seen> {
        Box::pin(look::one_by_one(self, look))
    }

    /// Takes due deliveries, oldest due first, and only the first open one of each destination and patient.
    /// Leases that have expired end first, with an `Expired` attempt on record. A stopped delivery holds
    /// nothing back.
    fn lease(&self, request: LeaseRequest) -> Pending<'_, Vec<Leased>>;

    /// Records how attempts ended, and writes what says so, all in one transaction. Settling the same attempt again
    /// changes nothing.
    fn settle(&self, settlements: Vec<Settlement>) -> Pending<'_, ()>;

    /// Deliveries, newest first, with their attempts and receipts.
    fn deliveries(&self, filter: &DeliveryFilter) -> Pending<'_, Vec<DeliveryRecord>>;

    /// The destinations at which something has waited since before that time, by name, with at most so many deliveries of
    /// each. What it costs depends on that number and on the number of destinations, not on what waits.
    fn overdue(&self, created_before: Timestamp, limit: usize) -> Pending<'_, Vec<Overdue>>;

    /// Stops a delivery or has it sent again; `NotFound` or `Conflict` when that cannot be.
    fn order(&self, id: &str, order: Order, at: Timestamp) -> Pending<'_, DeliveryRecord>;

    /// How many units have named this patient; 0 before the first.
    fn stream(&self, patient: &str) -> Pending<'_, u64>;

    /// Who holds the key, if it was claimed by a [`Guard::Key`].
    fn claim(&self, space: &str, key: &str) -> Pending<'_, Option<Claim>>;

    /// Reads and writes are possible now.
    fn ready(&self) -> Pending<'_, ()>;

    /// Changes whenever deliveries may have become due by a commit, a settlement or an order; time alone does
    /// not change it.
    fn wakes(&self) -> watch::Receiver<u64>;

    /// Whether a unit that is being put together over this store will write that resource: references may name it.
    fn expects(&self, _rtype: &str, _id: &str) -> bool {
        false
    }
}

/// One version of one resource, as it was committed.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored {
    /// Resource type.
    pub rtype: String,
    /// Logical id.
    pub id: String,
    /// `meta.versionId`.
    pub version: u64,
    /// `meta.lastUpdated`, to the microsecond.
    pub last_updated: Timestamp,
    /// A deletion marker: the body is empty.
    pub deleted: bool,
    /// By which request it came about.
    pub made: Made,
    /// JSON, byte for byte as committed; `meta.lastUpdated` says what the commit decided. Nothing where what is stored of it
    /// is damaged: whoever looks at many goes on with the others.
    pub body: Option<Vec<u8>>,
}

impl Stored {
    /// The JSON.
    ///
    /// # Errors
    /// `Damaged`, naming the version.
    pub fn body(&self) -> Result<&[u8], Problem> {
        self.body.as_deref().ok_or_else(|| self.damage())
    }

    /// The same, taken out.
    ///
    /// # Errors
    /// As [`Self::body`].
    pub fn into_body(mut self) -> Result<Vec<u8>, Problem> {
        self.body.take().ok_or_else(|| self.damage())
    }

    /// The resource.
    ///
    /// # Errors
    /// As [`Self::body`]; what is stored was JSON when it was written.
    pub fn resource(&self) -> Result<Value, Problem> {
        // The text is checked as a whole, and not string by string.
        let text = std::str::from_utf8(self.body()?).ok();
        text.and_then(|text| serde_json::from_str(text).ok()).ok_or_else(|| self.damage())
    }

    /// Bytes of the JSON.
    #[must_use]
    pub fn size(&self) -> usize {
        self.body.as_ref().map_or(0, Vec::len)
    }

    /// That this version cannot be read any more.
    #[must_use]
    pub fn damage(&self) -> Problem {
        damage(&self.rtype, &self.id, self.version)
    }
}

fn damage(rtype: &str, id: &str, version: u64) -> Problem {
    damaged(&format!("{rtype}/{id}/_history/{version}"))
}

/// That what a delivery sends cannot be read any more.
fn delivery_damage(id: &str) -> Problem {
    damaged(&format!("the payload of delivery {id}"))
}

fn damaged(what: &str) -> Problem {
    let text =
        format!("{what} is damaged where it is stored and cannot be read: a backup of the store may have it");
    Problem::new(Category::Damaged, "exception", text)
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/_history/{}", self.rtype, self.id, self.version)
    }
}

/// One page of a search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// In the order that was asked for.
    pub resources: Vec<Stored>,
    /// As [`crate::fhir::search::Total`] asked: exact, or counted up to 1,001.
    pub total: Option<u64>,
    /// Cursor of the next page, when there is one.
    pub next: Option<String>,
}
