//! Several reads at once: one way to the store and back instead of one for each.

use super::{Page, Store, Stored};
use crate::fhir::search::Query;
use crate::problem::Problem;

/// What is to be read.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// Streams, by name.
    pub streams: Vec<String>,
    /// Resources, by type and id.
    pub resources: Vec<(String, String)>,
    /// Searches, one page of each. They name a few resources each, such as those of one person: a store need not find out
    /// how rare a value is.
    pub searches: Vec<Query>,
}

/// What was read: each list in the order of what was asked.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Where the streams stand.
    pub streams: Vec<u64>,
    /// Current versions, deletion markers included.
    pub resources: Vec<Option<Stored>>,
    /// Pages.
    pub pages: Vec<Page>,
}

/// One read after the other, for a store that has nothing better.
pub(super) async fn one_by_one<S: Store + ?Sized>(store: &S, look: Look) -> Result<Seen, Problem> {
    let mut seen = Seen::default();
    for name in &look.streams {
        seen.streams.push(store.stream(name).await?);
    }
    for (rtype, id) in &look.resources {
        seen.resources.push(store.read(rtype, id).await?);
    }
    for query in &look.searches {
        seen.pages.push(store.search(query).await?);
    }
    Ok(seen)
}
