//! The courier: leases due deliveries, sends them, and settles what became of them (transactional outbox).
//!
//! Any number of processes may run one: a lease belongs to one of them, and a process that dies gives it
//! back by its expiry. No transaction is open while a peer is on the line. Order is kept by the store,
//! which leases only the first open delivery of each destination and patient.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;

use crate::clock::{Clock, Ids};
use crate::connector::Connectors;
use crate::outbox::{Backoff, Outcome};
use crate::problem::Problem;
use crate::store::{LeaseRequest, Leased, Settlement, Store};

/// Limits of the courier.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a lease lasts, in seconds; an attempt is given up before.
    pub lease_seconds: u32,
    /// Attempts at once.
    pub in_flight_max: usize,
    /// How often to look when nothing wakes.
    pub poll: Duration,
    /// Pauses between attempts.
    pub backoff: Backoff,
}

/// Sends what the outbox holds.
pub struct Courier {
    store: Arc<dyn Store>,
    connectors: Connectors,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    limits: Limits,
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
        Self { store, connectors, clock, ids, limits, owner }
    }

    /// Leases what is due, sends it all, settles it all; the number of attempts. For tests and for `run`
    /// alike this is one round of work.
    ///
    /// # Errors
    /// What the store says; attempts that were made and could not be settled end by the expiry of their lease.
    pub async fn step(&self) -> Result<usize, Problem> {
        let leased = self.lease(self.limits.in_flight_max).await?;
        let attempts = leased.len();
        let mut under_way: FuturesUnordered<_> = leased.into_iter().map(|one| self.attempt(one)).collect();
        let mut settlements = Vec::with_capacity(attempts);
        while let Some(settlement) = under_way.next().await {
            settlements.push(settlement);
        }
        if !settlements.is_empty() {
            self.store.settle(settlements).await?;
        }
        Ok(attempts)
    }

    /// Works until `stop` turns true, then lets running attempts end and settles them.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut wakes = self.store.wakes();
        let mut under_way = FuturesUnordered::new();
        while !*stop.borrow() {
            wakes.mark_unchanged();
            let free = self.limits.in_flight_max.saturating_sub(under_way.len());
            match self.lease(free).await {
                Ok(leased) => under_way.extend(leased.into_iter().map(|one| self.attempt(one))),
                Err(problem) => tracing::warn!(%problem, "no delivery could be leased"),
            }
            tokio::select! {
                Some(settlement) = under_way.next(), if !under_way.is_empty() => self.settle(settlement).await,
                _ = wakes.changed() => {}
                () = tokio::time::sleep(self.limits.poll) => {}
                _ = stop.changed() => break,
            }
        }
        while let Some(settlement) = under_way.next().await {
            self.settle(settlement).await;
        }
    }

    async fn lease(&self, limit: usize) -> Result<Vec<Leased>, Problem> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let request = LeaseRequest {
            now: self.clock.now(),
            lease_seconds: self.limits.lease_seconds,
            limit,
            owner: self.owner.clone(),
        };
        self.store.lease(request).await
    }

    async fn attempt(&self, leased: Leased) -> Settlement {
        let delivery = &leased.delivery;
        // An attempt that outlives its lease would be made twice at once.
        let longest = Duration::from_secs(u64::from(self.limits.lease_seconds.saturating_sub(2).max(1)));
        let outcome = match self.connectors.get(&delivery.destination) {
            Some(connector) => {
                tokio::time::timeout(longest, connector.send(delivery)).await.unwrap_or_else(|_| {
                    Outcome::Unreachable { reason: "no answer before the lease ended".to_owned() }
                })
            }
            None => Outcome::Unreachable { reason: "this destination is not configured here".to_owned() },
        };
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
        Settlement::new(&leased, outcome, self.clock.now(), &self.limits.backoff, entropy(&self.ids.next()))
    }

    async fn settle(&self, settlement: Settlement) {
        let delivery = settlement.id.clone();
        if let Err(problem) = self.store.settle(vec![settlement]).await {
            // The lease expires, and the attempt is repeated: the receiver recognises it by its ids.
            tracing::error!(%delivery, %problem, "an attempt could not be settled");
        }
    }
}

/// The random end of an id as a number.
fn entropy(id: &str) -> u64 {
    let digits: String = id.chars().rev().filter(char::is_ascii_hexdigit).take(12).collect();
    u64::from_str_radix(&digits, 16).unwrap_or(0)
}
