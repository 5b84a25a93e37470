//! The outbox: one payload to one destination, every attempt on record, repeated until the receiver
//! says yes or a person stops it. Pure: no clock, no database, no network.
//!
//! What never happens here: a delivery leaves [`State::Delivered`], or leaves [`State::Stopped`] other
//! than by [`Event::Resend`]; a refusal stops a delivery by itself; a payload changes between attempts. What must not
//! leave any more, because whom it is about is known otherwise by now, ends as [`Outcome::Held`].

mod backoff;
mod progress;

use std::fmt;

use jiff::Timestamp;

pub use backoff::Backoff;
pub use progress::{Event, HELD_BY, Progress, Stop, settle};

use crate::problem::Problem;

/// One payload to one destination, rendered before it was committed and sent as it is, each time.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Time-ordered id; the receiver may use it to recognise a repeat.
    pub id: String,
    /// Name of the destination in the configuration.
    pub destination: String,
    /// Kind of connector: `fhir`, `mhd`, …
    pub kind: String,
    /// Ordering key: deliveries to one destination about one patient go one after the other.
    pub patient: String,
    /// The resource that is delivered, as `DocumentReference/…`.
    pub subject: String,
    /// What it does with that resource at the destination.
    pub act: Act,
    /// Media type of the payload.
    pub content_type: String,
    /// The bytes that are sent.
    pub payload: Vec<u8>,
    /// When the unit that created it was decided.
    pub created_at: Timestamp,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Delivery({} to {}, {} bytes)", self.id, self.destination, self.payload.len())
    }
}

/// What a delivery does with its document at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Act {
    /// The destination gets a document that it has no earlier version of.
    #[default]
    Provide,
    /// The destination gets a document in the place of the version that it has.
    Replace,
    /// The destination is told from whom the document that it has is hidden from now on: from somebody, or from nobody.
    Visibility,
    /// The destination is told to put the document that it has away, where it stays readable.
    Archive,
    /// The destination is told to take the document back out of its archive.
    Unarchive,
    /// The destination is told to withdraw the document that it has.
    Withdraw,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Provide, Self::Replace, Self::Visibility, Self::Archive, Self::Unarchive, Self::Withdraw];

    /// Whether the destination has another version of the document by it.
    #[must_use]
    pub const fn gives(self) -> bool {
        matches!(self, Self::Provide | Self::Replace)
    }

    /// The act's name in tables and on the wire.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Provide => "provide",
            Self::Replace => "replace",
            Self::Visibility => "visibility",
            Self::Archive => "archive",
            Self::Unarchive => "unarchive",
            Self::Withdraw => "withdraw",
        }
    }

    /// The act of that name.
    ///
    /// # Errors
    /// `Internal` when there is none: only this service writes them.
    pub fn parse(code: &str) -> Result<Self, Problem> {
        Self::ALL
            .into_iter()
            .find(|act| act.code() == code)
            .ok_or_else(|| Problem::internal(format!("{code:?} is no act of a delivery")))
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Waits for its next attempt.
    Pending,
    /// One worker sends it now; returns to [`State::Pending`] when the lease expires.
    Leased,
    /// The receiver said yes. Final.
    Delivered,
    /// A person stopped it. Left only by a resend.
    Stopped,
}

impl State {
    /// The state's name in tables, filters and on the wire.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Leased => "leased",
            Self::Delivered => "delivered",
            Self::Stopped => "stopped",
        }
    }

    /// The state of that name.
    ///
    /// # Errors
    /// `Malformed` when there is none.
    pub fn parse(code: &str) -> Result<Self, Problem> {
        [Self::Pending, Self::Leased, Self::Delivered, Self::Stopped]
            .into_iter()
            .find(|state| state.code() == code)
            .ok_or_else(|| {
                Problem::new(
                    crate::problem::Category::Malformed,
                    "code-invalid",
                    format!("{code:?} is not a delivery state: pending, leased, delivered or stopped"),
                )
            })
    }

    /// Still to be delivered: it holds back later ones to the same destination about the same patient.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Leased)
    }
}

/// What the receiver said when it accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its status, as it gave it: `201 Created`, `AA`.
    pub status: String,
    /// Its own name for what it received: a location, a control id.
    pub reference: Option<String>,
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver said yes.
    Accepted(Receipt),
    /// The receiver said no; repeated at the ceiling interval and shown, because only a person can mend it.
    Refused {
        /// What it said.
        reason: String,
    },
    /// No answer that counts: repeated with growing intervals.
    Unreachable {
        /// What happened.
        reason: String,
    },
    /// The lease expired before an answer was recorded: the receiver may or may not have it.
    Expired,
    /// Nothing was sent: a last look at whom it is about says that it must not go as it is. It stops, and a person is told.
    Held {
        /// Why, without patient data.
        reason: String,
    },
}

/// How the reason of a refusal begins whose receiver may have taken what was sent all the same: it answered with a success,
/// and not as it should.
pub const UNCLEAR: &str = "no clear answer: ";

/// The reason of a refusal of ours: what is stored of the payload cannot be read any more.
pub const DAMAGED: &str = "nothing was sent: what is stored of it is damaged";

impl Outcome {
    /// A refusal that does not tell whether the receiver has what was sent.
    #[must_use]
    pub fn unclear(what: &str) -> Self {
        Self::Refused { reason: format!("{UNCLEAR}{what}") }
    }

    /// Whether the receiver certainly did not take what this attempt was to bring.
    #[must_use]
    pub fn is_certain_no(&self) -> bool {
        match self {
            Self::Refused { reason } => !reason.starts_with(UNCLEAR),
            Self::Held { .. } => true,
            Self::Accepted(_) | Self::Unreachable { .. } | Self::Expired => false,
        }
    }

    /// The outcome's name in tables and on the wire.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Refused { .. } => "refused",
            Self::Unreachable { .. } => "unreachable",
            Self::Expired => "expired",
            Self::Held { .. } => "held",
        }
    }
}

/// One try, on record for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// From 1, counted over all leases of the delivery.
    pub number: u32,
    /// When it was leased for this attempt.
    pub started_at: Timestamp,
    /// When its outcome was known.
    pub ended_at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
}
