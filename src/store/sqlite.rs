//! The embedded store: one SQLite file in WAL mode with full durability, one writer thread, a few readers.

mod commit;
mod connection;
mod dated;
mod delivery;
mod entries;
mod history;
mod lease;
mod many;
mod migration;
mod overdue;
mod pens;
mod place;
mod problem;
mod read;
mod readers;
mod reindex;
mod runs;
mod search;
mod shown;
mod versions;
mod writer;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::{
    Claim, Committed, DeliveryFilter, DeliveryRecord, Guard, History, LeaseRequest, Leased, Look, Order,
    Overdue, Page, Pending, Seen, Settlement, Store, Stored, Unit, Versions,
};
use crate::fhir::search::Query;
use crate::problem::Problem;
use crate::store::readings::Pending as Unindexed;
use commit::Prepared;
use place::Place;
use read::Known;
use readers::Readers;
use reindex::Reindexer;
use writer::{Done, Writer};

/// Limits of the embedded store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Threads that read.
    pub readers: usize,
    /// Requests that may wait for the writer, and as many for the readers, before the store answers `Busy`.
    pub queue_max: usize,
    /// Units in one commit to disk.
    pub group_max: usize,
    /// Pages of 8 KB in the write-ahead log before they are moved into the file.
    pub checkpoint_pages: u32,
    /// Pages of 8 KB that the file may have; beyond them the store answers `StorageFull`, as on a full disk.
    pub pages_max: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self { readers: 4, queue_max: 1_024, group_max: 64, checkpoint_pages: 2_000, pages_max: None }
    }
}

/// The embedded store; closes the file when it is dropped, after what has been queued.
pub struct SqliteStore {
    // In this order: the writer goes last so that it can empty the log, then the lock.
    _reindexer: Option<Reindexer>,
    unindexed: Unindexed,
    readers: Readers,
    known: Arc<Known>,
    writer: Writer,
    wakes: watch::Receiver<u64>,
    _lock: connection::Lock,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SqliteStore")
    }
}

/// Opens the file, creates or migrates it, and starts the threads. Blocks.
///
/// # Errors
/// `Conflict` when another process has it open; `Internal` when it is damaged, of another program or of a
/// later version, or cannot be created; `StorageFull` when no space is left.
pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<SqliteStore, Problem> {
    let path = path.as_ref();
    let lock = connection::lock(path)?;
    let writer = connection::writer(path, options)?;
    let readers = || -> Result<Vec<_>, Problem> {
        (0..options.readers.max(1)).map(|_| connection::reader(path)).collect()
    };
    let readers = Readers::start(readers()?, readers()?, options.queue_max)?;
    let (wake, wakes) = watch::channel(0);
    let unindexed = reindex::prepare(&writer)?;
    let known = Arc::new(Known::of(commit::types(&writer)?));
    let group_max = options.group_max.max(1);
    let writer = Writer::start(writer, Place::of(path), options.queue_max, group_max, wake)?;
    let reindexer = match &unindexed {
        Some(unindexed) => Some(Reindexer::start(writer.handle()?, unindexed.clone())?),
        None => None,
    };
    Ok(SqliteStore {
        _reindexer: reindexer,
        unindexed: unindexed.unwrap_or_default(),
        readers,
        known,
        writer,
        wakes,
        _lock: lock,
    })
}

fn kept<T>(answer: T) -> Done<T> {
    Done { answer, keep: true }
}

impl Store for SqliteStore {
    fn commit(&self, unit: Unit) -> Pending<'_, Committed> {
        Box::pin(async move {
            let name = unit.name;
            for guard in &unit.guards {
                if let Guard::NoneMatches(query) = guard {
                    self.unindexed.check(query)?;
                }
            }
            let prepared = Arc::new(Prepared::new(unit, &self.known.types)?);
            let written = Arc::clone(&prepared);
            let writing = move |conn: &_, visible| commit::commit(conn, &written, visible);
            let committed = self.writer.write(prepared.has_deliveries(), writing).await;
            let outcome = match &committed {
                Ok(Committed::Written(_)) => "written",
                Ok(Committed::Refused(_)) => "refused",
                Err(_) => "failed",
            };
            metrics::counter!("vigie_store_units_total", "unit" => name, "outcome" => outcome).increment(1);
            committed
        })
    }

    fn read(&self, rtype: &str, id: &str) -> Pending<'_, Option<Stored>> {
        let (known, rtype, id) = (Arc::clone(&self.known), rtype.to_owned(), id.to_owned());
        Box::pin(self.readers.by_key(move |conn| known.read(conn, &rtype, &id)))
    }

    fn vread(&self, rtype: &str, id: &str, version: u64) -> Pending<'_, Option<Stored>> {
        let (known, rtype, id) = (Arc::clone(&self.known), rtype.to_owned(), id.to_owned());
        Box::pin(self.readers.by_key(move |conn| known.vread(conn, &rtype, &id, version)))
    }

    fn search(&self, query: &Query) -> Pending<'_, Page> {
        let (known, query) = (Arc::clone(&self.known), query.clone());
        Box::pin(async move {
            self.unindexed.check(&query)?;
            self.readers.read(move |conn| search::page(conn, &known.types, &query)).await
        })
    }

    fn look(&self, look: Look) -> Pending<'_, Seen> {
        Box::pin(async move {
            look.searches.iter().try_for_each(|query| self.unindexed.check(query))?;
            let known = Arc::clone(&self.known);
            self.readers.look(move |conn| known.look(conn, &look)).await
        })
    }

    fn history(&self, history: &History) -> Pending<'_, Versions> {
        let history = history.clone();
        Box::pin(self.readers.read(move |conn| history::page(conn, &history)))
    }

    fn lease(&self, request: LeaseRequest) -> Pending<'_, Vec<Leased>> {
        Box::pin(self.writer.write(false, move |conn, _| {
            let leased = lease::lease(conn, &request)?;
            Ok(Done { keep: !leased.is_empty(), answer: leased })
        }))
    }

    fn settle(&self, mut settlements: Vec<Settlement>) -> Pending<'_, ()> {
        Box::pin(async move {
            let units = Settlement::take_units(&mut settlements);
            let prepared: Vec<_> =
                units.map(|unit| Prepared::new(unit, &self.known.types)).collect::<Result<_, _>>()?;
            let settle = move |conn: &rusqlite::Connection, visible| {
                lease::settle(conn, &settlements)?;
                commit::unless_there(conn, &prepared, visible).map(kept)
            };
            self.writer.write(true, settle).await
        })
    }

    fn deliveries(&self, filter: &DeliveryFilter) -> Pending<'_, Vec<DeliveryRecord>> {
        let filter = filter.clone();
        Box::pin(self.readers.read(move |conn| delivery::list(conn, &filter)))
    }

    fn overdue(&self, created_before: Timestamp, limit: usize) -> Pending<'_, Vec<Overdue>> {
        Box::pin(self.readers.read(move |conn| overdue::overdue(conn, created_before, limit)))
    }

    fn order(&self, id: &str, order: Order, at: Timestamp) -> Pending<'_, DeliveryRecord> {
        let id = id.to_owned();
        Box::pin(self.writer.write(true, move |conn, _| lease::order(conn, &id, order.clone(), at).map(kept)))
    }

    fn stream(&self, patient: &str) -> Pending<'_, u64> {
        let patient = patient.to_owned();
        Box::pin(self.readers.by_key(move |conn| read::stream(conn, &patient)))
    }

    fn claim(&self, space: &str, key: &str) -> Pending<'_, Option<Claim>> {
        let (space, key) = (space.to_owned(), key.to_owned());
        Box::pin(self.readers.by_key(move |conn| read::claim(conn, &space, &key)))
    }

    fn ready(&self) -> Pending<'_, ()> {
        Box::pin(async move {
            self.writer.write(false, |_, _| Ok(Done { answer: (), keep: false })).await?;
            self.readers.read(|conn| read::stream(conn, "").map(drop)).await
        })
    }

    fn wakes(&self) -> watch::Receiver<u64> {
        self.wakes.clone()
    }
}
