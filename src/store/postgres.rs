//! The shared store: any number of replicas over one PostgreSQL. A process keeps nothing but versions that it read lately, which
//! never change: whether one is still current the database tells at each read.
//!
//! Whoever writes holds one row of the database, `feed`, from the first statement of its transaction to the end of
//! the commit. So the order of the numbers is the order of the commits, over all replicas; what a guard has seen
//! cannot change before the commit; and no write ever fails for what another one did at the same time. The price is
//! that commits follow one another: units that wait are grouped, so that one commit to disk carries many. Reading
//! and leasing do not wait for anyone. It takes PostgreSQL 14 or later (`bit_count`).

mod changes;
mod columns;
mod connection;
mod decide;
mod delivery;
mod group;
mod history;
mod lane;
mod lease;
mod listen;
mod look;
mod migration;
mod overdue;
mod prepared;
mod problem;
mod read;
mod reads;
mod reindex;
mod runs;
mod search;
mod statement;
mod tls;
mod write;
mod writer;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::{
    Claim, Committed, DeliveryFilter, DeliveryRecord, Guard, History, LeaseRequest, Leased, Look, Order,
    Overdue, Page, Pending, Seen, Settlement, Store, Stored, Unit, Versions,
};
use crate::fhir::search::Query;
use crate::problem::Problem;
use crate::store::lately::Lately;
use crate::store::queue::gone;
use crate::store::readings;
use crate::store::version::REMEMBERED_MAX;
use connection::Address;
use group::Session;
use lane::Lanes;
use prepared::Prepared;
use problem::unreachable;
use writer::{Answer, Shared, Task, Writer};

/// How long closing waits for what has been queued.
const CLOSING: Duration = Duration::from_secs(10);
/// How long one reading may take, with the wait for a connection.
const READING: Duration = Duration::from_secs(35);

/// Limits of the shared store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Connections that search and list; besides them two that gather what decisions need, and for reads by id one of each
    /// of the first eight threads with a runtime of their own, and two for all others.
    pub readers: usize,
    /// Connections that write.
    pub writers: usize,
    /// Requests that may wait for the writers, and as many for the readers, before the store answers `Busy`.
    pub queue_max: usize,
    /// Units in one commit to disk.
    pub group_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { readers: 16, writers: 2, queue_max: 1_024, group_max: 64 }
    }
}

/// The shared store; ends its connections when it is dropped, after what has been queued.
pub struct PostgresStore {
    /// All connections live on it, whoever asks; taken when the store is dropped.
    runtime: Option<Runtime>,
    writer: Option<Arc<Writer>>,
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    /// Reads by id.
    reads: Lanes<reads::Wanted>,
    /// What they have read, by type and id.
    lately: Lately<(i64, String), read::Placed>,
    /// What decisions gather.
    looks: Lanes<Arc<look::Asked>>,
    shared: Arc<Shared>,
    queue_max: usize,
    /// What searches have to wait for.
    pending: readings::Pending,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PostgresStore")
    }
}

/// Connects, creates or migrates the tables, and starts the writing.
///
/// # Errors
/// `Malformed` when the address cannot be read, `Busy` when the database cannot be reached, `Internal` when it is of
/// another program or of a later version.
pub async fn open(url: &str, options: &Options) -> Result<PostgresStore, Problem> {
    let address = Address::parse(url)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("store-postgres")
        .enable_all()
        .build()
        .map_err(|e| Problem::internal(format!("the threads of the store cannot start: {e}")))?;
    let opening = runtime.spawn(start(address, options.clone()));
    match opening.await {
        Ok(Ok((writer, inner))) => {
            let address = inner.shared.address.clone();
            runtime.spawn(listen::listen(address.clone(), inner.shared.wake.clone()));
            runtime.spawn(reindex::run(address, inner.pending.clone()));
            Ok(PostgresStore {
                runtime: Some(runtime),
                writer: Some(Arc::new(writer)),
                inner: Arc::new(inner),
            })
        }
        Ok(Err(problem)) => {
            runtime.shutdown_background();
            Err(problem)
        }
        Err(_) => {
            runtime.shutdown_background();
            Err(gone())
        }
    }
}

async fn start(address: Address, options: Options) -> Result<(Writer, Inner), Problem> {
    let first = address.connect_writer().await;
    let mut client = first.map_err(|fault| problem::at_start(fault, &address.place()))?;
    let (types, pending) = migration::migrate(&mut client).await?;
    let mut sessions = Vec::new();
    for _ in 0..options.writers.max(1) {
        let client = address.connect_writer().await?;
        let writer = client.query_one(statement::NEW_WRITER, &[]).await?.get(0);
        sessions.push((writer, Session::new(client, writer).await?));
    }
    let pool = address.pool(options.readers.max(1))?;
    let (wake, _) = watch::channel(0);
    let shared = Arc::new(Shared { address, types, wake, group_max: options.group_max.max(1) });
    let queue_max = options.queue_max;
    let writer = Writer::start(&shared, sessions, queue_max);
    let (reads, looks) = (Lanes::start(&shared.address, queue_max), Lanes::start(&shared.address, queue_max));
    let lately = Lately::within(REMEMBERED_MAX, |known: &read::Placed| known.version.bytes());
    Ok((writer, Inner { pool, reads, lately, looks, shared, queue_max, pending }))
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        let (Some(runtime), Some(writer)) = (self.runtime.take(), self.writer.take()) else { return };
        // On a thread of its own: whoever drops the store may be in the middle of another runtime.
        let closing = std::thread::spawn(move || {
            if let Some(writer) = Arc::into_inner(writer) {
                // What is not written within that time was never acknowledged.
                let _ = runtime.block_on(async { tokio::time::timeout(CLOSING, writer.close()).await });
            }
            runtime.shutdown_background();
        });
        // A panic of the thread has been reported by the panic hook.
        let _ = closing.join();
    }
}

impl PostgresStore {
    /// Runs on the store's own threads, to its end whether or not who asked still waits: a connection never goes
    /// back to the pool in the middle of something. Begun anew once when the connection had been lost meanwhile.
    async fn with<T, F, R>(&self, run: R) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = (Object, Result<T, Problem>)> + Send + 'static,
        R: Fn(Object) -> F + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let reading = async move {
            let mut last = unreachable();
            for _ in 0..2 {
                let object = connection::pooled(&inner.pool, inner.queue_max).await?;
                let (object, answer) = run(object).await;
                match answer {
                    Err(problem) if object.is_closed() => last = problem,
                    answer => return answer,
                }
            }
            Err(last)
        };
        let handle = self.runtime.as_ref().ok_or_else(gone)?.spawn(tokio::time::timeout(READING, reading));
        handle.await.map_err(|_| gone())?.unwrap_or_else(|_| Err(unreachable()))
    }

    async fn task(&self, task: Task) -> Result<Answer, Problem> {
        let writer = Arc::clone(self.writer.as_ref().ok_or_else(gone)?);
        writer.run(task).await
    }

    /// The searches of the unit's conditions, planned before the lock.
    async fn searches(&self, unit: &Unit) -> Result<Vec<Option<search::Search>>, Problem> {
        let mut searches = Vec::with_capacity(unit.guards.len());
        for guard in &unit.guards {
            let Guard::NoneMatches(query) = guard else {
                searches.push(None);
                continue;
            };
            self.inner.pending.check(query)?;
            let (query, shared) = (query.clone(), Arc::clone(&self.inner.shared));
            let planned = self.with(move |client| {
                let (query, shared) = (query.clone(), Arc::clone(&shared));
                async move {
                    let place = search::Place { client: &client, types: &shared.types };
                    let planned = search::matching(place, &query, 2).await;
                    (client, planned)
                }
            });
            searches.push(Some(planned.await?));
        }
        Ok(searches)
    }

    async fn current(&self, rtype: String, id: String) -> Result<Option<Stored>, Problem> {
        let Some(code) = self.inner.shared.types.get(&rtype).copied() else { return Ok(None) };
        let key = (code, id.clone());
        let known = self.inner.lately.find(&key);
        let Some(row) = self.inner.reads.ask(reads::Wanted { rtype: code, id, known: known.clone() }).await?
        else {
            return Ok(None);
        };
        let current = reads::Wanted::version(known.clone(), &row)?;
        // Unpacked by who asked, not by the lane that all reads go through.
        let stored = current.version.stored(&rtype, &key.1)?;
        if !known.is_some_and(|known| Arc::ptr_eq(&known, &current)) {
            self.inner.lately.put(key, current);
        }
        Ok(Some(stored))
    }

    async fn version(&self, rtype: String, id: String, version: i64) -> Result<Option<Stored>, Problem> {
        let Some(code) = self.inner.shared.types.get(&rtype).copied() else { return Ok(None) };
        self.with(move |client| {
            let (rtype, id) = (rtype.clone(), id.clone());
            async move {
                let found = async {
                    let prepared = client.prepare_cached(read::VREAD).await?;
                    client.query_opt(&prepared, &[&code, &id, &version]).await
                };
                let answer = match found.await {
                    Ok(row) => row.map(|row| read::stored(&row, 0, &rtype, &id)).transpose(),
                    Err(fault) => Err(fault.into()),
                };
                (client, answer)
            }
        })
        .await
    }
}

/// A reading of the store in the form that a pooled connection is handed to.
macro_rules! reading {
    ($store:expr, $value:ident, |$client:ident| $run:expr) => {
        $store.with(move |$client| {
            let $value = $value.clone();
            async move {
                let answer = $run.await;
                ($client, answer.map_err(Problem::from))
            }
        })
    };
}

impl Store for PostgresStore {
    fn commit(&self, unit: Unit) -> Pending<'_, Committed> {
        Box::pin(async move {
            let name = unit.name;
            let searches = self.searches(&unit).await?;
            let answer = self.task(Task::Commit(Box::new(Prepared::new(unit, searches)?))).await;
            let committed = answer.and_then(|answer| match answer {
                Answer::Committed(committed) => Ok(committed),
                Answer::Done => Err(gone()),
            });
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
        Box::pin(self.current(rtype.to_owned(), id.to_owned()))
    }

    fn vread(&self, rtype: &str, id: &str, version: u64) -> Pending<'_, Option<Stored>> {
        let version = i64::try_from(version).unwrap_or(i64::MAX);
        Box::pin(self.version(rtype.to_owned(), id.to_owned(), version))
    }

    fn search(&self, query: &Query) -> Pending<'_, Page> {
        let asked = (query.clone(), Arc::clone(&self.inner.shared));
        Box::pin(async move {
            self.inner.pending.check(&asked.0)?;
            let reading = reading!(self, asked, |client| {
                search::page(search::Place { client: &client, types: &asked.1.types }, &asked.0)
            });
            reading.await
        })
    }

    fn history(&self, history: &History) -> Pending<'_, Versions> {
        let history = history.clone();
        let code = history.rtype.as_ref().map(|rtype| self.inner.shared.types.get(rtype).copied());
        Box::pin(reading!(self, history, |client| history::page(&client, code, &history)))
    }

    fn look(&self, look: Look) -> Pending<'_, Seen> {
        Box::pin(async move {
            look.searches.iter().try_for_each(|query| self.inner.pending.check(query))?;
            let (asked, apart) = look::Asked::of(&look, &self.inner.shared.types)?;
            let asked = Arc::new(asked);
            let found = self.inner.looks.ask(Arc::clone(&asked)).await?;
            let mut seen = asked.seen(&look, found)?;
            for n in apart {
                seen.pages[n] = self.search(&look.searches[n]).await?;
            }
            Ok(seen)
        })
    }

    fn lease(&self, request: LeaseRequest) -> Pending<'_, Vec<Leased>> {
        Box::pin(self.with(move |mut client| {
            let request = request.clone();
            async move {
                let leased = lease::lease(&mut client, &request).await;
                (client, leased)
            }
        }))
    }

    fn settle(&self, mut settlements: Vec<Settlement>) -> Pending<'_, ()> {
        Box::pin(async move {
            let units = Settlement::take_units(&mut settlements);
            let writes = units.map(|unit| Prepared::new(unit, Vec::new())).collect::<Result<_, _>>()?;
            self.task(Task::Settle { settlements, writes }).await.map(drop)
        })
    }

    fn deliveries(&self, filter: &DeliveryFilter) -> Pending<'_, Vec<DeliveryRecord>> {
        let filter = filter.clone();
        Box::pin(reading!(self, filter, |client| delivery::list(&client, &filter)))
    }

    fn overdue(&self, created_before: Timestamp, limit: usize) -> Pending<'_, Vec<Overdue>> {
        Box::pin(reading!(self, created_before, |client| overdue::overdue(&client, created_before, limit)))
    }

    fn order(&self, id: &str, order: Order, at: Timestamp) -> Pending<'_, DeliveryRecord> {
        let id = id.to_owned();
        Box::pin(async move {
            self.task(Task::Order { id: id.clone(), order, at }).await?;
            let filter = DeliveryFilter { id: Some(id.clone()), ..DeliveryFilter::default() };
            let found = self.deliveries(&filter).await?;
            found.into_iter().next().ok_or_else(|| Problem::not_found(format!("delivery {id}")))
        })
    }

    fn stream(&self, patient: &str) -> Pending<'_, u64> {
        let patient = patient.to_owned();
        Box::pin(reading!(self, patient, |client| read::stream(&client, &patient)))
    }

    fn claim(&self, space: &str, key: &str) -> Pending<'_, Option<Claim>> {
        let claimed = (space.to_owned(), key.to_owned());
        Box::pin(reading!(self, claimed, |client| read::claim(&client, &claimed.0, &claimed.1)))
    }

    fn ready(&self) -> Pending<'_, ()> {
        Box::pin(async move {
            self.task(Task::Probe).await?;
            self.stream("").await.map(drop)
        })
    }

    fn wakes(&self) -> watch::Receiver<u64> {
        self.inner.shared.wake.subscribe()
    }
}
