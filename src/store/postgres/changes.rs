//! What a group writes, gathered row by row for one statement a table.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::decide::Feed;
use super::prepared::Indexed;
use crate::outbox::{Attempt, Delivery, Outcome, Progress};
use crate::problem::Problem;
use crate::store::Write;
use crate::store::body::Packed;
use crate::store::row::Row;

/// A resource with the version that is now current, and what it was found by before the group.
pub(super) struct Touched<'a> {
    pub(super) rtype: i64,
    pub(super) rid: i64,
    pub(super) seq: i64,
    pub(super) at: i64,
    pub(super) write: &'a Write,
    pub(super) indexed: &'a Indexed,
    pub(super) old: Option<Cow<'a, Row>>,
    /// There was none under its number before the group.
    pub(super) is_new: bool,
}

/// One unit.
pub(super) struct UnitRow {
    pub(super) number: i64,
    pub(super) name: &'static str,
    pub(super) at: i64,
    /// Its instant in the feed, which never falls.
    pub(super) high: i64,
    /// The place of its first version, if it writes one.
    pub(super) seq: i64,
}

/// One version of one resource.
pub(super) struct VersionRow<'a> {
    pub(super) seq: i64,
    pub(super) unit: i64,
    pub(super) rtype: i64,
    pub(super) rid: i64,
    pub(super) version: i64,
    pub(super) at: i64,
    pub(super) write: &'a Write,
}

/// Everything that a group writes.
pub(super) struct Changes<'a> {
    /// The numbers and the feed after the group.
    pub(super) feed: Feed,
    pub(super) units: Vec<UnitRow>,
    pub(super) versions: Vec<VersionRow<'a>>,
    resources: BTreeMap<i64, Touched<'a>>,
    /// Space, key, holder, digest, unit.
    pub(super) claims: Vec<(&'a str, &'a str, &'a str, &'a [u8], i64)>,
    pub(super) streams: HashMap<&'a str, i64>,
    pub(super) deliveries: Vec<(i64, &'a Delivery, &'a Packed)>,
    /// By number of the delivery.
    pub(super) progress: BTreeMap<i64, Progress>,
    /// By number of the delivery and of the attempt.
    pub(super) attempts: BTreeMap<(i64, u32), &'a Attempt>,
    /// Destinations and patients whose head may have changed.
    pub(super) pairs: BTreeSet<(String, String)>,
    /// Deliveries may have become due.
    pub(super) wakes: bool,
}

impl<'a> Changes<'a> {
    pub(super) fn new(feed: Feed) -> Self {
        Self {
            feed,
            units: Vec::new(),
            versions: Vec::new(),
            resources: BTreeMap::new(),
            claims: Vec::new(),
            streams: HashMap::new(),
            deliveries: Vec::new(),
            progress: BTreeMap::new(),
            attempts: BTreeMap::new(),
            pairs: BTreeSet::new(),
            wakes: false,
        }
    }

    /// Nothing is to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.units.is_empty() && self.progress.is_empty() && self.attempts.is_empty()
    }

    /// The next unit, which has that instant in the feed.
    pub(super) fn unit(&mut self, name: &'static str, at: i64, instant: i64) -> i64 {
        self.feed.unit += 1;
        self.feed.latest = Some(instant);
        self.units.push(UnitRow { number: self.feed.unit, name, at, high: instant, seq: self.feed.seq + 1 });
        self.feed.unit
    }

    pub(super) const fn next_rid(&mut self) -> i64 {
        self.feed.rid += 1;
        self.feed.rid
    }

    /// The next place of the feed goes to this version.
    pub(super) fn version(&mut self, mut touched: Touched<'a>, unit: i64) -> Result<(), Problem> {
        self.feed.seq += 1;
        touched.seq = self.feed.seq;
        let version = i64::try_from(touched.write.version)
            .map_err(|_| Problem::internal("a version is beyond what can be counted"))?;
        let Touched { rtype, rid, seq, at, write, .. } = touched;
        self.versions.push(VersionRow { seq, unit, rtype, rid, version, at, write });
        match self.resources.get_mut(&rid) {
            // Written twice in this group: what is to be taken out of the index is what stood before the group.
            Some(known) => {
                let (old, is_new) = (known.old.take(), known.is_new);
                *known = Touched { old, is_new, ..touched };
            }
            None => {
                self.resources.insert(rid, touched);
            }
        }
        Ok(())
    }

    /// Resources, each once, as they stand after the group.
    pub(super) fn touched(&self) -> impl Iterator<Item = &Touched<'a>> {
        self.resources.values()
    }

    pub(super) fn delivery(&mut self, delivery: &'a Delivery, payload: &'a Packed) {
        self.feed.delivery += 1;
        self.deliveries.push((self.feed.delivery, delivery, payload));
        self.pair(&delivery.destination, &delivery.patient);
        self.wakes = true;
    }

    pub(super) fn pair(&mut self, destination: &str, patient: &str) {
        self.pairs.insert((destination.to_owned(), patient.to_owned()));
    }

    /// An answer takes the place of `expired`; any other stays.
    pub(super) fn attempt(&mut self, delivery: i64, attempt: &'a Attempt) {
        let known = self.attempts.entry((delivery, attempt.number)).or_insert(attempt);
        if known.outcome == Outcome::Expired {
            *known = attempt;
        }
    }
}
