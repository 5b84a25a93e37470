//! The feed of versions (FHIR R4 history, <https://hl7.org/fhir/R4/http.html#history>): every committed version
//! once, in commit order.

use jiff::Timestamp;

use super::Stored;

/// Which versions, and in which direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Of this type only.
    pub rtype: Option<String>,
    /// Of this resource only; needs the type.
    pub id: Option<String>,
    /// From the first unit on, in commit order, that was decided at or after this time. A version that was
    /// committed later with an earlier time is part of it: who polls with the time of the last version seen
    /// misses nothing.
    pub since: Option<Timestamp>,
    /// Only versions that were the current one at some time from the first to before the second.
    pub at: Option<(Timestamp, Timestamp)>,
    /// Oldest first, as a feed is followed; otherwise newest first, as FHIR lists a history.
    pub oldest_first: bool,
    /// Versions on a page.
    pub count: usize,
    /// Bytes of the versions on a page, before they are packed: it ends before one that would go beyond, and has one at least.
    pub bytes_max: usize,
    /// Cursor of the page, from the `last` of the page before.
    pub after: Option<String>,
}

impl History {
    /// Everything of everything, newest first.
    #[must_use]
    pub const fn new(count: usize) -> Self {
        Self {
            rtype: None,
            id: None,
            since: None,
            at: None,
            oldest_first: false,
            count,
            bytes_max: usize::MAX,
            after: None,
        }
    }
}

/// One page of a feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions {
    /// In the direction that was asked for; deletion markers have no body.
    pub versions: Vec<Stored>,
    /// Whether there were more when this page was read.
    pub more: bool,
    /// Continues after the last version of this page, or where this empty page stood. Oldest first it stays of
    /// use at the end: versions that are committed later follow it, and none before it will ever appear.
    pub last: Option<String>,
}
