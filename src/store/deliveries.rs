//! What the store is asked about deliveries, and what it answers.

use jiff::Timestamp;

use super::{Unit, Write};
use crate::outbox::{Attempt, Backoff, Delivery, Outcome, Progress, State};

/// Asks for due deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRequest {
    /// Now, as the worker's clock says.
    pub now: Timestamp,
    /// How long the worker may take to settle; afterwards the delivery may be leased again.
    pub lease_seconds: u32,
    /// At most so many for each destination, so that a slow one never takes the place of the others.
    pub limit: usize,
    /// Destinations to which the worker is sending already, and how many deliveries: they count towards `limit`.
    pub under_way: Vec<(String, usize)>,
    /// Name of the worker, unique for each process.
    pub owner: String,
}

impl LeaseRequest {
    /// How many more the worker takes on for this destination.
    #[must_use]
    pub fn free(&self, destination: &str) -> usize {
        let under_way = self.under_way.iter().find(|(name, _)| name == destination).map_or(0, |(_, n)| *n);
        self.limit.saturating_sub(under_way)
    }
}

/// One delivery, taken for one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// What to send, payload included.
    pub delivery: Delivery,
    /// What is stored of the payload cannot be read any more: it is empty here, and nothing may be sent.
    pub damaged: bool,
    /// Number of this attempt.
    pub attempt: u32,
    /// Failures before it since the delivery was created or sent again.
    pub failures: u32,
    /// How the attempt before it ended.
    pub before: Option<Outcome>,
    /// Start of this attempt.
    pub started_at: Timestamp,
    /// End of the lease.
    pub until: Timestamp,
}

/// How one attempt ended, and what is written because of it.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Of the delivery.
    pub id: String,
    /// The attempt, with its outcome.
    pub attempt: Attempt,
    /// When to try again, unless the outcome is a yes.
    pub retry_at: Timestamp,
    /// New resources that say so, written in the same transaction; each is passed over when a resource of its id was
    /// ever stored, so that settling again writes nothing again.
    pub writes: Vec<Write>,
}

impl Settlement {
    /// The settlement of a leased attempt that ended so, at that time.
    #[must_use]
    pub fn new(leased: &Leased, outcome: Outcome, at: Timestamp, backoff: &Backoff, entropy: u64) -> Self {
        Self {
            id: leased.delivery.id.clone(),
            retry_at: backoff.retry_at(&outcome, leased.failures, at, entropy),
            attempt: Attempt { number: leased.attempt, started_at: leased.started_at, ended_at: at, outcome },
            writes: Vec::new(),
        }
    }

    /// Takes the writes out, each as a unit of its own.
    pub(super) fn take_units(settlements: &mut [Self]) -> impl Iterator<Item = Unit> {
        settlements.iter_mut().flat_map(|settlement| {
            let at = settlement.attempt.ended_at;
            let unit = move |write| Unit { writes: vec![write], ..Unit::new("settle", at) };
            std::mem::take(&mut settlement.writes).into_iter().map(unit)
        })
    }
}

/// Which deliveries to show; unset fields match everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// This one.
    pub id: Option<String>,
    /// To this destination.
    pub destination: Option<String>,
    /// About this patient (ordering key).
    pub patient: Option<String>,
    /// Of this resource, as `DocumentReference/…`.
    pub subject: Option<String>,
    /// In this state.
    pub state: Option<State>,
    /// At most so many, newest first.
    pub limit: usize,
    /// Only those created before this one (paging).
    pub before: Option<String>,
    /// Return payloads too; otherwise `payload` is empty and only its size is told.
    pub payload: bool,
}

impl Default for DeliveryFilter {
    fn default() -> Self {
        Self {
            id: None,
            destination: None,
            patient: None,
            subject: None,
            state: None,
            limit: 100,
            before: None,
            payload: false,
        }
    }
}

/// A delivery with all that happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// The delivery; its payload only when asked for.
    pub delivery: Delivery,
    /// Size of the payload.
    pub payload_bytes: u64,
    /// Where it stands.
    pub progress: Progress,
    /// Every attempt that ended, in order, with receipts.
    pub attempts: Vec<Attempt>,
}

/// A destination at which something has waited for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// Its name.
    pub destination: String,
    /// When it last answered an attempt, yes or no, to a minute.
    pub answered_at: Option<Timestamp>,
    /// Since when it has answered without a pause of a quarter of an hour, up to `answered_at`.
    pub answering_since: Option<Timestamp>,
    /// Deliveries to it that are not done with, counted up to [`Self::WAITING_MAX`].
    pub waiting: usize,
    /// The first delivery of each patient that waits there and was created so long ago, oldest first; of their attempts
    /// only the last one that ended, and no payload.
    pub heads: Vec<DeliveryRecord>,
}

impl Overdue {
    /// What is counted no further.
    pub const WAITING_MAX: usize = 1_001;
}

/// What a person can do to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// No further attempt until it is sent again.
    Stop {
        /// The person or account that asks.
        by: String,
        /// In their words.
        reason: String,
    },
    /// Try again now.
    Resend,
}
