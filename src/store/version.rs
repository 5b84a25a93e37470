//! A version of a resource as both stores keep it: its body packed, and what stands beside it in the same row.

use jiff::Timestamp;

use super::{Made, Stored, body, feed};
use crate::problem::Problem;

/// Bytes of versions that a process remembers: some three thousand responses, or all that the patients of a day have.
pub(super) const REMEMBERED_MAX: usize = 4 * 1024 * 1024;

/// A version, packed.
pub(super) struct Version {
    pub(super) number: u64,
    /// Microseconds since 1970.
    pub(super) last_updated: i64,
    pub(super) deleted: bool,
    /// What the body is packed with.
    pub(super) dictionary: i64,
    /// Bytes of the body unpacked.
    pub(super) size: usize,
    pub(super) body: Vec<u8>,
    /// Where `meta.lastUpdated` stands in it.
    pub(super) dated_place: usize,
    pub(super) made: i16,
}

impl Version {
    /// What it takes in memory, with what stands beside it where it is remembered.
    pub(super) fn bytes(&self) -> usize {
        self.body.len() + size_of::<Self>() + 128
    }

    /// The same, unpacked; without its body where what is stored of it is damaged, which the log tells.
    ///
    /// # Errors
    /// `Internal` when its time is none.
    pub(super) fn stored(&self, rtype: &str, id: &str) -> Result<Stored, Problem> {
        let last_updated = timestamp(self.last_updated)?;
        let body = body::unpack(self.dictionary, &self.body, self.size).inspect_err(|problem| {
            metrics::counter!("vigie_damaged_reads_total").increment(1);
            tracing::error!(rtype, id, version = self.number, %problem, "a stored version is damaged");
        });
        Ok(Stored {
            rtype: rtype.to_owned(),
            id: id.to_owned(),
            version: self.number,
            last_updated,
            deleted: self.deleted,
            made: Made::of(self.made),
            body: body.ok().map(|body| feed::dated(body, self.dated_place, last_updated)),
        })
    }
}

/// The instant of stored microseconds.
///
/// # Errors
/// `Internal` when there is none.
pub(super) fn timestamp(microsecond: i64) -> Result<Timestamp, Problem> {
    Timestamp::from_microsecond(microsecond).map_err(|_| Problem::internal("a stored time is out of range"))
}
