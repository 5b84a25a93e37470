//! The first yardstick: the same store committing the same units, without HTTP, validation or rules.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;
use vigie::fhir::search::Query;
use vigie::store::{
    Claim, Committed, DeliveryFilter, DeliveryRecord, History, LeaseRequest, Leased, Look, Order, Overdue,
    Page, Pending, Seen, Settlement, Store, Stored, Unit, Versions,
};

use crate::drive::Lane;

/// A store that remembers what was committed to it.
pub(crate) struct Recorder {
    inner: Arc<dyn Store>,
    units: Mutex<Vec<Unit>>,
}

impl Recorder {
    pub(crate) fn over(inner: Arc<dyn Store>) -> Self {
        Self { inner, units: Mutex::default() }
    }

    /// What was committed since the last call.
    pub(crate) fn take(&self) -> Vec<Unit> {
        std::mem::take(&mut self.units.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Store for Recorder {
    fn commit(&self, unit: Unit) -> Pending<'_, Committed> {
        self.units.lock().unwrap_or_else(PoisonError::into_inner).push(unit.clone());
        self.inner.commit(unit)
    }

    fn read(&self, rtype: &str, id: &str) -> Pending<'_, Option<Stored>> {
        self.inner.read(rtype, id)
    }

    fn vread(&self, rtype: &str, id: &str, version: u64) -> Pending<'_, Option<Stored>> {
        self.inner.vread(rtype, id, version)
    }

    fn search(&self, query: &Query) -> Pending<'_, Page> {
        self.inner.search(query)
    }

    fn look(&self, look: Look) -> Pending<'_, Seen> {
        self.inner.look(look)
    }

    fn history(&self, history: &History) -> Pending<'_, Versions> {
        self.inner.history(history)
    }

    fn lease(&self, request: LeaseRequest) -> Pending<'_, Vec<Leased>> {
        self.inner.lease(request)
    }

    fn settle(&self, settlements: Vec<Settlement>) -> Pending<'_, ()> {
        self.inner.settle(settlements)
    }

    fn deliveries(&self, filter: &DeliveryFilter) -> Pending<'_, Vec<DeliveryRecord>> {
        self.inner.deliveries(filter)
    }

    fn overdue(&self, created_before: Timestamp, limit: usize) -> Pending<'_, Vec<Overdue>> {
        self.inner.overdue(created_before, limit)
    }

    fn order(&self, id: &str, order: Order, at: Timestamp) -> Pending<'_, DeliveryRecord> {
        self.inner.order(id, order, at)
    }

    fn stream(&self, patient: &str) -> Pending<'_, u64> {
        self.inner.stream(patient)
    }

    fn claim(&self, space: &str, key: &str) -> Pending<'_, Option<Claim>> {
        self.inner.claim(space, key)
    }

    fn ready(&self) -> Pending<'_, ()> {
        self.inner.ready()
    }

    fn wakes(&self) -> watch::Receiver<u64> {
        self.inner.wakes()
    }
}

/// One that commits recorded units.
pub(crate) struct Producer {
    store: Arc<dyn Store>,
    units: Rc<RefCell<Vec<Option<Unit>>>>,
}

impl Lane for Producer {
    async fn one(&mut self, number: usize) -> bool {
        let unit = self.units.borrow_mut()[number].take();
        let unit = unit.expect("each unit is committed once");
        matches!(self.store.commit(unit).await, Ok(Committed::Written(_)))
    }
}

/// So many producers on one store.
pub(crate) fn producers(store: &Arc<dyn Store>, count: usize, units: &[Unit]) -> Vec<Producer> {
    let units = Rc::new(RefCell::new(units.iter().cloned().map(Some).collect()));
    (0..count).map(|_| Producer { store: Arc::clone(store), units: Rc::clone(&units) }).collect()
}
