//! The contract suite over the embedded store, and what is particular to its file.

#[path = "compartment.rs"]
mod compartment;
#[path = "concurrency.rs"]
mod concurrency;
#[path = "deliveries.rs"]
mod deliveries;
#[path = "differential.rs"]
mod differential;
#[path = "durability.rs"]
mod durability;
#[path = "feed.rs"]
mod feed;
#[path = "file.rs"]
mod file;
#[path = "history.rs"]
mod history;
#[path = "oracle.rs"]
mod oracle;
#[path = "paging.rs"]
mod paging;
#[path = "random.rs"]
mod random;
#[path = "search.rs"]
mod search;
#[path = "support.rs"]
mod support;
#[path = "units.rs"]
mod units;

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use vigie::store::Store;
use vigie::store::sqlite::{self, Options};

/// A folder of its own.
struct Place(TempDir);

impl Place {
    #[expect(clippy::unused_async, reason = "another store has to be asked first")]
    async fn new() -> Option<Self> {
        Some(Self(tempfile::tempdir().unwrap()))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("vigie.db")
    }

    #[expect(clippy::unused_async, reason = "another store has to be connected to")]
    async fn open(&self, queue_max: usize) -> Arc<dyn Store> {
        let options = Options { queue_max, ..Options::default() };
        Arc::new(sqlite::open(self.path(), &options).unwrap())
    }

    /// One file has one store.
    #[expect(clippy::unused_async, reason = "another store has to be connected to")]
    async fn another(&self) -> Option<Arc<dyn Store>> {
        None
    }
}
