//! A store that holds its first commit: what another client writes meanwhile is there before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use vigie::fhir::search::Query;
use vigie::store::{
    Claim, Committed, DeliveryFilter, DeliveryRecord, History, LeaseRequest, Leased, Look, Order, Overdue,
    Page, Pending, Seen, Settlement, Store, Stored, Unit, Versions,
};

/// The store, and what its first commit waits for.
pub(crate) struct Held {
    inner: Arc<dyn Store>,
    was_held: AtomicBool,
    /// The first commit came.
    came: Notify,
    /// It may go on.
    goes: Notify,
}

impl Held {
    pub(crate) fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, was_held: AtomicBool::new(false), came: Notify::new(), goes: Notify::new() })
    }

    /// Does the other thing while the first commit waits.
    pub(crate) async fn meanwhile<T>(&self, other: impl Future<Output = T>) -> T {
        self.came.notified().await;
        let done = other.await;
        self.goes.notify_one();
        done
    }
}

impl Store for Held {
    fn commit(&self, unit: Unit) -> Pending<'_, Committed> {
        Box::pin(async move {
            if !self.was_held.swap(true, Ordering::SeqCst) {
                self.came.notify_one();
                self.goes.notified().await;
            }
            self.inner.commit(unit).await
        })
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

    fn history(&self, history: &History) -> Pending<'_, Versions> {
        self.inner.history(history)
    }

    fn look(&self, look: Look) -> Pending<'_, Seen> {
        self.inner.look(look)
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
