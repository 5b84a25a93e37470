//! Reads by key: a resource, one of its versions, a patient's stream.

use jiff::Timestamp;
use tokio_postgres::{Client, Row};

use crate::problem::Problem;
use crate::store::{Claim, Made, Stored, body, feed};

/// In the order that [`stored`] reads; `v` is the version.
pub(super) const COLUMNS: &str =
    "v.version, v.last_updated, v.deleted, v.dictionary, v.size, v.body, v.dated_place, v.made";

pub(super) const VREAD: &str =
    "/* vread */ SELECT v.version, v.last_updated, v.deleted, v.dictionary, v.size, v.body,
      v.dated_place, v.made
    FROM resource r JOIN version v ON v.rid = r.rid AND v.version = $3 WHERE r.rtype = $1 AND r.id = $2";
const STREAM: &str = "/* stream */ SELECT sequence FROM stream WHERE patient = $1";

const CLAIM: &str = "/* claim */ SELECT holder, digest FROM idempotency WHERE space = $1 AND key = $2";

pub(super) async fn claim(
    client: &deadpool_postgres::Object,
    space: &str,
    key: &str,
) -> Result<Option<Claim>, tokio_postgres::Error> {
    let statement = client.prepare_cached(CLAIM).await?;
    let key = super::prepared::key(key);
    let row = Client::query_opt(client, &statement, &[&space, &&*key]).await?;
    Ok(row.map(|row| Claim { holder: row.get(0), digest: row.get(1) }))
}

pub(super) async fn stream(
    client: &deadpool_postgres::Object,
    patient: &str,
) -> Result<u64, tokio_postgres::Error> {
    let statement = client.prepare_cached(STREAM).await?;
    let row = Client::query_opt(client, &statement, &[&patient]).await?;
    Ok(row.map_or(0, |row| u64::try_from(row.get::<_, i64>(0)).unwrap_or(0)))
}

pub(super) fn timestamp(microsecond: i64) -> Result<Timestamp, Problem> {
    Timestamp::from_microsecond(microsecond).map_err(|_| Problem::internal("a stored time is out of range"))
}

/// Bytes of versions that are remembered: some three thousand responses, or all that the patients of a day have.
pub(super) const REMEMBERED_MAX: usize = 4 * 1024 * 1024;

/// A version as it is stored, and its place in commit order.
pub(super) struct Version {
    pub(super) seq: i64,
    version: u64,
    pub(super) last_updated: i64,
    deleted: bool,
    dictionary: i64,
    size: usize,
    body: Vec<u8>,
    dated_place: usize,
    made: i16,
}

impl Version {
    /// Of a row of which the columns above begin at this place; nothing where the row has none.
    pub(super) fn of(row: &Row, first: usize, seq: i64) -> Option<Self> {
        let number = |column: usize| row.get::<_, i64>(first + column);
        let size = |column: usize| usize::try_from(number(column)).unwrap_or(0);
        let version = row.get::<_, Option<i64>>(first)?;
        Some(Self {
            seq,
            version: u64::try_from(version).unwrap_or(0),
            last_updated: number(1),
            deleted: row.get::<_, i16>(first + 2) != 0,
            dictionary: number(3),
            size: size(4),
            body: row.get(first + 5),
            dated_place: size(6),
            made: row.get(first + 7),
        })
    }

    /// What it takes in memory, with what stands beside it.
    pub(super) fn bytes(&self) -> usize {
        self.body.len() + size_of::<Self>() + 128
    }

    pub(super) fn stored(&self, rtype: &str, id: &str) -> Result<Stored, Problem> {
        let last_updated = timestamp(self.last_updated)?;
        let body = body::unpack(self.dictionary, &self.body, self.size)?;
        Ok(Stored {
            rtype: rtype.to_owned(),
            id: id.to_owned(),
            version: self.version,
            last_updated,
            deleted: self.deleted,
            made: Made::of(self.made),
            body: feed::dated(body, self.dated_place, last_updated),
        })
    }
}

/// The version in a row of which the columns above begin at this place.
pub(super) fn stored(row: &Row, first: usize, rtype: &str, id: &str) -> Result<Stored, Problem> {
    let number = |column: usize| row.get::<_, i64>(first + column);
    let size = |column: usize| usize::try_from(number(column)).unwrap_or(0);
    let last_updated = timestamp(number(1))?;
    let body = body::unpack(number(3), row.get(first + 5), size(4))?;
    Ok(Stored {
        rtype: rtype.to_owned(),
        id: id.to_owned(),
        version: u64::try_from(number(0)).unwrap_or(0),
        last_updated,
        deleted: row.get::<_, i16>(first + 2) != 0,
        made: Made::of(row.get(first + 7)),
        body: feed::dated(body, size(6), last_updated),
    })
}
