//! A store whose commits are only collected, and seen by its own reads: what a FHIR transaction decides piece by piece
//! becomes one [`Unit`], committed at the end or not at all.

mod newest;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use self::newest::Newest;
use super::{
    Claim, Committed, DeliveryFilter, DeliveryRecord, Expect, Guard, History, LeaseRequest, Leased, Order,
    Overdue, Page, Pending, Settlement, Store, Stored, Unit, Versions, Violation, Write, body,
};
use crate::fhir::search::{Candidate, Query, can_tell, matches};
use crate::problem::{Category, Problem};

/// `Type/id`.
type Name = (String, String);

/// Collects units over another store.
pub struct Staged {
    inner: Arc<dyn Store>,
    expected: HashSet<Name>,
    state: Mutex<State>,
    /// How many staged resources were compared with a query.
    compared: AtomicU64,
}

struct State {
    unit: Unit,
    /// The newest staged version of each resource.
    newest: Newest,
    /// Where each stream stood when it was first read.
    streams: HashMap<String, u64>,
    /// How often each stream was bumped since.
    bumped: HashMap<String, u64>,
    /// The streams and versions that the unit stands on, each once.
    guarded: HashSet<String>,
    keys: HashMap<(String, String), (String, Vec<u8>)>,
}

impl std::fmt::Debug for Staged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Staged")
    }
}

impl Staged {
    /// Nothing staged yet. `expected` will be written before the end: references may name them already.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, name: &'static str, at: Timestamp, expected: HashSet<Name>) -> Self {
        let state = State {
            unit: Unit::new(name, at),
            newest: Newest::default(),
            streams: HashMap::new(),
            bumped: HashMap::new(),
            guarded: HashSet::new(),
            keys: HashMap::new(),
        };
        Self { inner, expected, state: Mutex::new(state), compared: AtomicU64::new(0) }
    }

    /// How many staged resources were compared with a query, all queries together: what a transaction costs beyond its entries.
    #[must_use]
    pub fn compared(&self) -> u64 {
        self.compared.load(Ordering::Relaxed)
    }

    /// Everything that was staged, as one unit.
    #[must_use]
    pub fn unit(&self) -> Unit {
        self.state().unit.clone()
    }

    /// Adds what must hold at the end.
    pub fn guard(&self, guard: Guard) {
        self.state().unit.guards.push(guard);
    }

    /// Makes a claim known that is held in the store.
    pub fn claimed(&self, claim: &Guard) {
        if let Guard::Key { space, key, holder, digest } = claim {
            self.state().keys.insert((space.clone(), key.clone()), (holder.clone(), digest.clone()));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn newest(&self, rtype: &str, id: &str) -> Option<Write> {
        self.state().newest.get(&(rtype.to_owned(), id.to_owned())).cloned()
    }

    /// What matches once everything staged is written, on the first page; `inner` is what matches without it.
    fn overlaid(&self, query: &Query, inner: Vec<Stored>) -> Result<Vec<Stored>, Problem> {
        let state = self.state();
        if !can_tell(query) && state.newest.has(&query.rtype) {
            let text = format!(
                "a condition on {} with a chain, a measured value or such a modifier cannot be told of what the same \
                 transaction writes; a plain one, such as identifier, can",
                query.rtype
            );
            return Err(Problem::new(Category::Invalid, "not-supported", text));
        }
        let mut found = Vec::new();
        if query.after.is_none() {
            for write in state.newest.candidates(query) {
                self.compared.fetch_add(1, Ordering::Relaxed);
                if !write.deleted && matches(query, &candidate(write)) {
                    found.push(stored(write)?);
                }
            }
        }
        let old = |one: &Stored| state.newest.get(&(one.rtype.clone(), one.id.clone())).is_some();
        found.extend(inner.into_iter().filter(|one| !old(one)));
        Ok(found)
    }

    async fn stage(&self, unit: Unit) -> Result<Committed, Problem> {
        let proposed = unit.proposed();
        for guard in &unit.guards {
            if let Some(violation) = self.violated(guard).await? {
                return Ok(Committed::Refused(violation));
            }
        }
        for write in &unit.writes {
            let found = self.version(&write.rtype, &write.id).await?;
            let expected = match write.expect {
                Expect::New => 0,
                Expect::Version(version) => version,
                Expect::Previous => write.version.saturating_sub(1),
            };
            if found != expected {
                let (rtype, id) = (write.rtype.clone(), write.id.clone());
                return Ok(Committed::Refused(Violation::Version { rtype, id, found }));
            }
        }
        let mut kept = Vec::new();
        for guard in unit.guards {
            kept.extend(self.lasting(guard).await?);
        }
        let mut state = self.state();
        for guard in kept {
            if let Guard::Key { space, key, holder, digest } = &guard {
                state.keys.insert((space.clone(), key.clone()), (holder.clone(), digest.clone()));
            }
            let is_new = match &guard {
                Guard::Stream { patient, sequence } => state.guarded.insert(format!("{patient} {sequence}")),
                Guard::Version { rtype, id, version } => {
                    state.guarded.insert(format!("{rtype}/{id}/_history/{version}"))
                }
                Guard::NoneMatches(_) | Guard::Key { .. } => true,
            };
            if is_new {
                state.unit.guards.push(guard);
            }
        }
        for write in unit.writes {
            state.newest.insert(write.clone());
            state.unit.writes.push(write);
        }
        state.unit.stops.extend(unit.stops);
        state.unit.deliveries.extend(unit.deliveries);
        for stream in unit.streams {
            *state.bumped.entry(stream.clone()).or_default() += 1;
            state.unit.streams.push(stream);
        }
        Ok(Committed::Written(proposed))
    }

    async fn violated(&self, guard: &Guard) -> Result<Option<Violation>, Problem> {
        Ok(match guard {
            Guard::NoneMatches(query) => {
                let found = self.search(query).await?.resources;
                let names = found.into_iter().map(|stored| stored.id).collect::<Vec<_>>();
                (!names.is_empty()).then_some(Violation::Exists(names))
            }
            Guard::Key { space, key, .. } => {
                let claimed = self.state().keys.get(&(space.clone(), key.clone())).cloned();
                claimed.map(|(holder, digest)| Violation::Key { holder, digest })
            }
            Guard::Stream { patient, sequence } => {
                let found = self.stream(patient).await?;
                (found != *sequence).then_some(Violation::Stream { found })
            }
            Guard::Version { rtype, id, version } => {
                let found = self.version(rtype, id).await?;
                let (rtype, id) = (rtype.clone(), id.clone());
                (found != *version).then_some(Violation::Version { rtype, id, found })
            }
        })
    }

    /// A guard as it must hold before the whole unit, in which all guards are looked at first.
    async fn lasting(&self, guard: Guard) -> Result<Option<Guard>, Problem> {
        Ok(match guard {
            Guard::Stream { patient, .. } => {
                let sequence = self.begun(&patient).await?;
                Some(Guard::Stream { patient, sequence })
            }
            // Something staged has changed it already: that write says which version it expects.
            Guard::Version { rtype, id, .. } if self.newest(&rtype, &id).is_some() => None,
            Guard::NoneMatches(query) => {
                // What matches now, and is all changed by something staged, will match no more by then.
                let found = self.inner.search(&query).await?.resources;
                let staged = |one: &Stored| self.newest(&one.rtype, &one.id).is_some();
                let settled = !found.is_empty() && found.iter().all(staged);
                (!settled).then_some(Guard::NoneMatches(query))
            }
            guard => Some(guard),
        })
    }

    /// Where a stream stood when it was first read.
    async fn begun(&self, stream: &str) -> Result<u64, Problem> {
        if let Some(sequence) = self.state().streams.get(stream) {
            return Ok(*sequence);
        }
        let sequence = self.inner.stream(stream).await?;
        Ok(*self.state().streams.entry(stream.to_owned()).or_insert(sequence))
    }

    async fn version(&self, rtype: &str, id: &str) -> Result<u64, Problem> {
        Ok(self.read(rtype, id).await?.map_or(0, |stored| stored.version))
    }
}

fn candidate(write: &Write) -> Candidate<'_> {
    Candidate {
        rtype: &write.rtype,
        id: &write.id,
        last_updated: write.last_updated.as_microsecond(),
        entries: &write.entries,
    }
}

fn stored(write: &Write) -> Result<Stored, Problem> {
    Ok(Stored {
        rtype: write.rtype.clone(),
        id: write.id.clone(),
        version: write.version,
        last_updated: write.last_updated,
        deleted: write.deleted,
        made: write.made,
        body: Some(body::unpack(write.body.dictionary, &write.body.bytes, write.body.size)?),
    })
}

fn never<'a, T: Send + 'a>() -> Pending<'a, T> {
    Box::pin(async { Err(Problem::internal("a transaction that is being put together delivers nothing")) })
}

impl Store for Staged {
    fn commit(&self, unit: Unit) -> Pending<'_, Committed> {
        Box::pin(self.stage(unit))
    }

    fn read(&self, rtype: &str, id: &str) -> Pending<'_, Option<Stored>> {
        match self.newest(rtype, id) {
            Some(write) => Box::pin(async move { stored(&write).map(Some) }),
            None => self.inner.read(rtype, id),
        }
    }

    fn vread(&self, rtype: &str, id: &str, version: u64) -> Pending<'_, Option<Stored>> {
        match self.newest(rtype, id).filter(|write| write.version == version) {
            Some(write) => Box::pin(async move { stored(&write).map(Some) }),
            None => self.inner.vread(rtype, id, version),
        }
    }

    fn search(&self, query: &Query) -> Pending<'_, Page> {
        let query = query.clone();
        Box::pin(async move {
            let page = self.inner.search(&query).await?;
            Ok(Page { resources: self.overlaid(&query, page.resources)?, ..page })
        })
    }

    fn history(&self, history: &History) -> Pending<'_, Versions> {
        self.inner.history(history)
    }

    fn lease(&self, _: LeaseRequest) -> Pending<'_, Vec<Leased>> {
        never()
    }

    fn settle(&self, _: Vec<Settlement>) -> Pending<'_, ()> {
        never()
    }

    fn deliveries(&self, filter: &DeliveryFilter) -> Pending<'_, Vec<DeliveryRecord>> {
        self.inner.deliveries(filter)
    }

    fn overdue(&self, created_before: Timestamp, limit: usize) -> Pending<'_, Vec<Overdue>> {
        self.inner.overdue(created_before, limit)
    }

    fn order(&self, _: &str, _: Order, _: Timestamp) -> Pending<'_, DeliveryRecord> {
        never()
    }

    fn stream(&self, patient: &str) -> Pending<'_, u64> {
        let patient = patient.to_owned();
        Box::pin(async move {
            let begun = self.begun(&patient).await?;
            let bumps = self.state().bumped.get(&patient).copied().unwrap_or_default();
            Ok(begun + bumps)
        })
    }

    fn claim(&self, space: &str, key: &str) -> Pending<'_, Option<Claim>> {
        match self.state().keys.get(&(space.to_owned(), key.to_owned())).cloned() {
            Some((holder, digest)) => Box::pin(async { Ok(Some(Claim { holder, digest })) }),
            None => self.inner.claim(space, key),
        }
    }

    fn ready(&self) -> Pending<'_, ()> {
        self.inner.ready()
    }

    fn wakes(&self) -> watch::Receiver<u64> {
        self.inner.wakes()
    }

    fn expects(&self, rtype: &str, id: &str) -> bool {
        self.expected.contains(&(rtype.to_owned(), id.to_owned()))
    }
}
