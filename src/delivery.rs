//! The courier: leases due deliveries, sends them, and settles what became of them (transactional outbox).
//!
//! Any number of processes may run one: a lease belongs to one of them, and a process that dies gives it
//! back by its expiry. No transaction is open while a peer is on the line. Order is kept by the store,
//! which leases only the first open delivery of each destination and patient. Each destination has places
//! of its own: one that is slow or away never takes those of the others. Before anything leaves, a [`LastLook`] says whether it
//! may: what waited may be about somebody who is known otherwise by now.

mod undelivered;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{self, JoinError, JoinSet};

use crate::audit;
use crate::clock::{Clock, Ids};
use crate::connector::Connectors;
use crate::outbox::{Backoff, DAMAGED, Outcome};
use crate::problem::Problem;
use crate::store::{Expect, LeaseRequest, Leased, Pending, Settlement, Store, Write};

/// Limits of the courier.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a lease lasts, in seconds; an attempt is given up before.
    pub lease_seconds: u32,
    /// Attempts at once to one destination.
    pub in_flight_max: usize,
    /// How often to look when nothing wakes.
    pub poll: Duration,
    /// Pauses between attempts.
    pub backoff: Backoff,
}

/// A last look before an attempt: whom a delivery is about may be known otherwise than when it was made.
pub trait LastLook: Send + Sync {
    /// Nothing when it may leave as it is.
    fn look<'a>(&'a self, leased: &'a Leased) -> Pending<'a, Option<Held>>;
}

/// Why a delivery must not leave, and what is written because of it.
#[derive(Debug, Clone)]
pub struct Held {
    /// Why, without patient data.
    pub reason: String,
    /// New resources that say so, written with the settlement.
    pub writes: Vec<Write>,
}

/// Sends what the outbox holds.
#[derive(Clone)]
pub struct Courier(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    connectors: Connectors,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    limits: Limits,
    look: Option<Arc<dyn LastLook>>,
    owner: String,
}

impl Courier {
    /// A courier with a name of its own.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        connectors: Connectors,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        limits: Limits,
    ) -> Self {
        let owner = ids.next();
        Self(Arc::new(Inner { store, connectors, clock, ids, limits, look: None, owner }))
    }

    /// The same that takes this look at each delivery just before it leaves.
    #[must_use]
    pub fn looking(self, look: Arc<dyn LastLook>) -> Self {
        Self(Arc::new(Inner { look: Some(look), ..self.0.copy() }))
    }

    /// One round: leases what is due, sends it all, settles it all; the number of attempts.
    ///
    /// # Errors
    /// What the store says; attempts that could not be settled end by the expiry of their lease.
    pub async fn step(&self) -> Result<usize, Problem> {
        let mut under_way = JoinSet::new();
        for leased in self.0.lease(Vec::new()).await? {
            under_way.spawn(self.clone().attempt(leased));
        }
        let settlements = under_way.join_all().await;
        let attempts = settlements.len();
        if attempts > 0 {
            self.0.store.settle(settlements).await?;
        }
        Ok(attempts)
    }

    /// Works until `stop` turns true, then lets running attempts end, which they do within their lease, and
    /// settles them.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut wakes = self.0.store.wakes();
        let mut under_way = UnderWay::default();
        let mut unsettled = Vec::new();
        while !*stop.borrow() {
            wakes.mark_unchanged();
            self.take_on(&mut under_way).await;
            tokio::select! {
                Some(ended) = under_way.tasks.join_next_with_id() => unsettled.extend(under_way.end(ended)),
                _ = wakes.changed() => {}
                () = tokio::time::sleep(self.0.limits.poll) => {}
                _ = stop.changed() => break,
            }
            while let Some(ended) = under_way.tasks.try_join_next_with_id() {
                unsettled.extend(under_way.end(ended));
            }
            self.0.settle(&mut unsettled).await;
        }
        while let Some(ended) = under_way.tasks.join_next_with_id().await {
            unsettled.extend(under_way.end(ended));
        }
        self.0.settle(&mut unsettled).await;
    }

    /// Starts as many attempts as are due and allowed.
    async fn take_on(&self, under_way: &mut UnderWay) {
        match self.0.lease(under_way.by_destination()).await {
            Ok(leased) => {
                for one in leased {
                    let destination = one.delivery.destination.clone();
                    let id = under_way.tasks.spawn(self.clone().attempt(one)).id();
                    under_way.destinations.insert(id, destination);
                }
            }
            Err(problem) => tracing::warn!(%problem, "no delivery could be leased"),
        }
    }

    /// One attempt, from its lease to what is to be settled.
    async fn attempt(self, leased: Leased) -> Settlement {
        let inner = &self.0;
        let (outcome, writes) = inner.outcome(&leased).await;
        let delivery = &leased.delivery;
        tracing::info!(
            delivery = %delivery.id,
            destination = %delivery.destination,
            attempt = leased.attempt,
            outcome = outcome.code(),
            "a delivery was attempted"
        );
        let destination = delivery.destination.clone();
        metrics::counter!("vigie_delivery_attempts_total", "destination" => destination, "outcome" => outcome.code())
            .increment(1);
        let jitter = entropy(&inner.ids.next());
        let mut settlement =
            Settlement::new(&leased, outcome, inner.clock.now(), &inner.limits.backoff, jitter);
        settlement.writes = writes;
        told(&leased, settlement)
    }
}

/// The settlement with the event that proves it, when it is one to be told, and the Task for a person, when one is needed.
fn told(leased: &Leased, mut settlement: Settlement) -> Settlement {
    let attempt = &settlement.attempt;
    let is_told = audit::is_told(&attempt.outcome, leased.before.as_ref(), leased.failures);
    let event = is_told.then(|| audit::of_attempt(&leased.delivery, attempt, leased.failures));
    let task = undelivered::task(&leased.delivery, attempt);
    for resource in event.into_iter().chain(task) {
        match Write::new(&resource, Expect::New) {
            Ok(write) => settlement.writes.push(write),
            // What became of the attempt is kept with the delivery all the same.
            Err(problem) => {
                tracing::error!(delivery = %leased.delivery.id, %problem, "an attempt is not told");
            }
        }
    }
    settlement
}

/// Attempts that have not ended.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<Settlement>,
    destinations: HashMap<task::Id, String>,
}

impl UnderWay {
    fn by_destination(&self) -> Vec<(String, usize)> {
        let mut counts = BTreeMap::<&String, usize>::new();
        for destination in self.destinations.values() {
            *counts.entry(destination).or_default() += 1;
        }
        counts.into_iter().map(|(destination, n)| (destination.clone(), n)).collect()
    }

    /// What is to be settled; nothing of an attempt that failed by itself, whose lease expires.
    fn end(&mut self, ended: Result<(task::Id, Settlement), JoinError>) -> Option<Settlement> {
        let (id, settlement) = match ended {
            Ok((id, settlement)) => (id, Some(settlement)),
            Err(fault) => (fault.id(), None),
        };
        self.destinations.remove(&id);
        settlement
    }
}

impl Inner {
    async fn lease(&self, under_way: Vec<(String, usize)>) -> Result<Vec<Leased>, Problem> {
        let request = LeaseRequest {
            now: self.clock.now(),
            lease_seconds: self.limits.lease_seconds,
            limit: self.limits.in_flight_max,
            under_way,
            owner: self.owner.clone(),
        };
        self.store.lease(request).await
    }

    fn copy(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            connectors: self.connectors.clone(),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            limits: self.limits,
            look: self.look.clone(),
            owner: self.owner.clone(),
        }
    }

    /// How an attempt ends, and what is written besides.
    async fn outcome(&self, leased: &Leased) -> (Outcome, Vec<Write>) {
        let begun = tokio::time::Instant::now();
        if leased.damaged {
            return (Outcome::Refused { reason: DAMAGED.to_owned() }, Vec::new());
        }
        let Some(look) = &self.look else { return (self.sent(leased, self.patience()).await, Vec::new()) };
        match tokio::time::timeout(self.patience(), look.look(leased)).await {
            Ok(Ok(None)) => {
                (self.sent(leased, self.patience().saturating_sub(begun.elapsed())).await, Vec::new())
            }
            Ok(Ok(Some(Held { reason, writes }))) => (Outcome::Held { reason }, writes),
            Ok(Err(_)) | Err(_) => {
                let reason = "nothing was sent: whom it is about could not be looked at".to_owned();
                (Outcome::Unreachable { reason }, Vec::new())
            }
        }
    }

    /// How sending ends, within that time.
    async fn sent(&self, leased: &Leased, patience: Duration) -> Outcome {
        let unreachable = |reason: &str| Outcome::Unreachable { reason: reason.to_owned() };
        let Some(connector) = self.connectors.get(&leased.delivery.destination).cloned() else {
            return unreachable("this destination is not configured here");
        };
        let delivery = leased.delivery.clone();
        // In a task of its own: a connector that panics loses one attempt, not the loop.
        let mut sending = tokio::spawn(async move { connector.send(&delivery).await });
        match tokio::time::timeout(patience, &mut sending).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => unreachable("the connector failed"),
            Err(_) => {
                sending.abort();
                unreachable("no answer before the lease ended")
            }
        }
    }

    /// Nine tenths of the lease; the rest is for settling. An attempt that outlives its lease would be made
    /// twice at once.
    fn patience(&self) -> Duration {
        Duration::from_secs(u64::from(self.limits.lease_seconds)) * 9 / 10
    }

    /// Records what is known; what the store cannot take now is kept for the next time.
    async fn settle(&self, unsettled: &mut Vec<Settlement>) {
        if unsettled.is_empty() {
            return;
        }
        match self.store.settle(unsettled.clone()).await {
            Ok(()) => unsettled.clear(),
            Err(problem) => {
                tracing::error!(attempts = unsettled.len(), %problem, "attempts could not be settled yet");
            }
        }
    }
}

/// The random end of an id as a number.
fn entropy(id: &str) -> u64 {
    let digits: String = id.chars().rev().filter(char::is_ascii_hexdigit).take(12).collect();
    u64::from_str_radix(&digits, 16).unwrap_or(0)
}
