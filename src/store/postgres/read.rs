//! Reads by key: a resource, one of its versions, a patient's stream.

use tokio_postgres::{Client, Row};

use crate::problem::Problem;
use crate::store::version::Version;
use crate::store::{Claim, Stored};

/// In the order that [`stored`] reads; `v` is the version.
pub(super) const COLUMNS: &str =
    "v.version, v.last_updated, v.deleted, v.dictionary, v.size, v.body, v.dated_place, v.made";

/// Which of them is the body.
pub(super) const BODY: usize = 5;

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

/// A version, and its place in commit order.
pub(super) struct Placed {
    pub(super) seq: i64,
    pub(super) version: Version,
}

/// The version in a row of which the columns above begin at this place; nothing where the row has none.
pub(super) fn packed(row: &Row, first: usize) -> Option<Version> {
    let number = |column: usize| row.get::<_, i64>(first + column);
    let size = |column: usize| usize::try_from(number(column)).unwrap_or(0);
    let version = row.get::<_, Option<i64>>(first)?;
    Some(Version {
        number: u64::try_from(version).unwrap_or(0),
        last_updated: number(1),
        deleted: row.get::<_, i16>(first + 2) != 0,
        dictionary: number(3),
        size: size(4),
        body: row.get(first + 5),
        dated_place: size(6),
        made: row.get(first + 7),
    })
}

/// The same, which is there, unpacked.
pub(super) fn stored(row: &Row, first: usize, rtype: &str, id: &str) -> Result<Stored, Problem> {
    let version = packed(row, first).ok_or_else(|| Problem::internal("a version is gone"))?;
    version.stored(rtype, id)
}
