//! Compiled questionnaires and protocols by canonical address: a bounded cache over the store, or the content of a folder.
//!
//! Over a store, nothing here outlives a change: every write of a definition bumps the stream [`DEFINITIONS`], each look-up
//! asks the store where that stream stands, and a cache of another moment is dropped. So any number of replicas agree.

mod canonical;
mod edition;
mod folder;
mod questions;
mod reach;
mod shelf;
mod stored;
mod worse;

use std::sync::{Arc, Mutex, PoisonError};

use crate::json::Value;

use crate::problem::{Category, Issue, Problem};
use crate::store::Store;

pub(crate) use canonical::{Canonical, is_definition};
pub(crate) use edition::{Form, Plan, form as compile_form, plan as compile_plan};
pub(crate) use folder::compile as compile_all;
pub(crate) use questions::unknown as unknown_questions;
pub(crate) use reach::{astray_in_form, astray_in_plan};
pub(crate) use shelf::{Shelf, judges};
pub(crate) use stored::{
    Pages, activities_of, all as read_all, newest_activity, of_url, rest as read_rest, whole,
};
pub(crate) use worse::lowered;

/// Name of the stream that every write of a definition bumps.
pub(crate) const DEFINITIONS: &str = "definitions";

/// How often a look-up is repeated when definitions change under it.
const ROUNDS_MAX: usize = 8;

/// Compiled, immutable definitions.
#[derive(Debug, Clone)]
pub struct Library {
    source: Arc<Source>,
}

#[derive(Debug)]
enum Source {
    /// What a folder holds, all compiled.
    Folder(Arc<Shelf>),
    /// What was asked for since the definitions last changed.
    Store {
        cache: Mutex<Cache>,
        capacity: usize,
        /// Held while definitions are read and compiled: who comes meanwhile waits for the same shelf.
        filling: tokio::sync::Mutex<()>,
    },
}

#[derive(Debug, Default)]
struct Cache {
    sequence: u64,
    shelf: Arc<Shelf>,
}

impl Library {
    /// A cache over the store that keeps about `capacity` compiled definitions.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let (cache, filling) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { source: Arc::new(Source::Store { cache, capacity: capacity.max(1), filling }) }
    }

    /// The definitions of a folder, all compiled; no store is asked afterwards.
    ///
    /// # Errors
    /// `Invalid` with every fault of every resource; each place starts with the canonical of the resource.
    pub fn from_resources(resources: Vec<Value>) -> Result<Self, Problem> {
        Ok(Self { source: Arc::new(Source::Folder(Arc::new(folder::compile(resources)?))) })
    }

    /// What a folder holds; `None` over a store.
    pub(crate) fn folder(&self) -> Option<&Arc<Shelf>> {
        match &*self.source {
            Source::Folder(shelf) => Some(shelf),
            Source::Store { .. } => None,
        }
    }

    /// Every way found in which a worse answer gives a lower level under an active protocol of a folder, as publishing it would
    /// be told; each place starts with the canonical of the protocol. A second or two for each protocol.
    #[must_use]
    pub fn lowered(&self) -> Vec<Issue> {
        self.folder().map_or_else(Vec::new, |shelf| folder::lowered(shelf))
    }

    /// The shelf as it was read when the stream of the definitions stood there, if it holds all of these.
    pub(crate) fn kept(&self, sequence: u64, questionnaires: &[&str], plans: &[&str]) -> Option<Arc<Shelf>> {
        let shelf = self.at(sequence);
        shelf.holds(questionnaires, plans).then_some(shelf)
    }

    fn at(&self, sequence: u64) -> Arc<Shelf> {
        match &*self.source {
            Source::Folder(shelf) => Arc::clone(shelf),
            Source::Store { cache, .. } => {
                let cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
                if cache.sequence == sequence { Arc::clone(&cache.shelf) } else { Arc::default() }
            }
        }
    }

    /// A shelf with the terminology, the active protocols, and every edition of these questionnaires and plans.
    ///
    /// # Errors
    /// Those of the store. A stored definition that does not compile is not on the shelf.
    pub(crate) async fn shelf(
        &self,
        store: &dyn Store,
        questionnaires: &[&str],
        plans: &[&str],
    ) -> Result<Arc<Shelf>, Problem> {
        let (cache, capacity, filling) = match &*self.source {
            Source::Folder(shelf) => return Ok(Arc::clone(shelf)),
            Source::Store { cache, capacity, filling } => (cache, *capacity, filling),
        };
        let _alone = filling.lock().await;
        for _ in 0..ROUNDS_MAX {
            let sequence = store.stream(DEFINITIONS).await?;
            let kept = self.at(sequence);
            if kept.holds(questionnaires, plans) {
                return Ok(kept);
            }
            let mut shelf = if kept.len() >= capacity { Shelf::default() } else { (*kept).clone() };
            stored::fill(&mut shelf, store, questionnaires, plans).await?;
            // Read while definitions changed, a shelf may mix two moments: read again.
            if store.stream(DEFINITIONS).await? == sequence {
                let shelf = Arc::new(shelf);
                *cache.lock().unwrap_or_else(PoisonError::into_inner) =
                    Cache { sequence, shelf: Arc::clone(&shelf) };
                return Ok(shelf);
            }
        }
        Err(Problem::new(Category::Busy, "throttled", "definitions are being published; try again"))
    }
}
