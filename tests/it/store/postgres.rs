//! The contract suite over the shared store, and what several replicas and a broken network do to it.

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
#[path = "history.rs"]
mod history;
#[path = "lately.rs"]
mod lately;
#[path = "network.rs"]
mod network;
#[path = "oracle.rs"]
mod oracle;
#[path = "paging.rs"]
mod paging;
#[path = "random.rs"]
mod random;
#[path = "reindex.rs"]
mod reindex;
#[path = "search.rs"]
mod search;
#[path = "shown.rs"]
mod shown;
#[path = "support.rs"]
mod support;
#[path = "together.rs"]
mod together;
#[path = "units.rs"]
mod units;

use std::sync::Arc;

use vigie::store::Store;
use vigie::store::postgres::{self, Options};

use crate::support::postgres::Database;

/// A schema of its own.
struct Place(Database);

impl Place {
    async fn new() -> Option<Self> {
        Database::new().await.map(Self)
    }

    async fn open(&self, queue_max: usize) -> Arc<dyn Store> {
        let options = Options { queue_max, ..Options::default() };
        Arc::new(postgres::open(self.0.url(), &options).await.unwrap())
    }

    async fn another(&self) -> Option<Arc<dyn Store>> {
        Some(self.open(1_024).await)
    }
}
