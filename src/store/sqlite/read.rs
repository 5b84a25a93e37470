//! Reads by key: a resource, one of its versions, a patient's stream.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::search;
use crate::problem::Problem;
use crate::store::{Claim, Look, Made, Seen, Stored, body, feed};

pub(super) fn read(conn: &Connection, rtype: &str, id: &str) -> Result<Option<Stored>, Problem> {
    let found = conn
        .prepare_cached(
            "/* read */ SELECT v.version, v.last_updated, v.deleted, v.dictionary, v.size, v.body, v.dated_place, v.made
             FROM resource r JOIN version v ON v.seq = r.seq
             WHERE r.rtype = (SELECT code FROM resource_type WHERE name = ?1) AND r.id = ?2",
        )?
        .query_row((rtype, id), raw)
        .optional()?;
    found.map(|raw| raw.stored(rtype, id)).transpose()
}

pub(super) fn vread(
    conn: &Connection,
    rtype: &str,
    id: &str,
    version: u64,
) -> Result<Option<Stored>, Problem> {
    let Ok(version) = i64::try_from(version) else { return Ok(None) };
    let found = conn
        .prepare_cached(
            "/* vread */ SELECT v.version, v.last_updated, v.deleted, v.dictionary, v.size, v.body, v.dated_place, v.made
             FROM resource r JOIN version v ON v.rid = r.rid AND v.version = ?3
             WHERE r.rtype = (SELECT code FROM resource_type WHERE name = ?1) AND r.id = ?2",
        )?
        .query_row((rtype, id, version), raw)
        .optional()?;
    found.map(|raw| raw.stored(rtype, id)).transpose()
}

/// The version with that place in commit order.
pub(super) fn by_seq(conn: &Connection, rtype: &str, id: &str, seq: i64) -> Result<Stored, Problem> {
    conn.prepare_cached(
        "/* by_seq */ SELECT version, last_updated, deleted, dictionary, size, body, dated_place, made FROM version WHERE seq = ?1",
    )?
    .query_row([seq], raw)?
    .stored(rtype, id)
}

pub(super) fn body(conn: &Connection, seq: i64) -> Result<Vec<u8>, Problem> {
    Ok(by_seq(conn, "", "", seq)?.body)
}

/// The latest instant of the feed, what the running transaction has written included.
pub(super) fn latest(conn: &Connection) -> Result<Option<i64>, Problem> {
    let found = conn
        .prepare_cached("/* latest */ SELECT high FROM unit ORDER BY number DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(found)
}

pub(super) fn stream(conn: &Connection, patient: &str) -> Result<u64, Problem> {
    let found = conn
        .prepare_cached("/* stream */ SELECT sequence FROM stream WHERE patient = ?1")?
        .query_row([patient], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(0))
}

pub(super) fn claim(conn: &Connection, space: &str, key: &str) -> Result<Option<Claim>, Problem> {
    let found = conn
        .prepare_cached("/* claim */ SELECT holder, digest FROM idempotency WHERE space = ?1 AND key = ?2")?
        .query_row((space, key), |row| Ok(Claim { holder: row.get(0)?, digest: row.get(1)? }))
        .optional()?;
    Ok(found)
}

/// Everything from one moment: the caller's snapshot.
pub(super) fn look(conn: &Connection, look: &Look) -> Result<Seen, Problem> {
    Ok(Seen {
        streams: look.streams.iter().map(|name| stream(conn, name)).collect::<Result<_, _>>()?,
        resources: look
            .resources
            .iter()
            .map(|(rtype, id)| read(conn, rtype, id))
            .collect::<Result<_, _>>()?,
        pages: look.searches.iter().map(|query| search::page(conn, query)).collect::<Result<_, _>>()?,
    })
}

pub(super) fn timestamp(microsecond: i64) -> Result<Timestamp, Problem> {
    Timestamp::from_microsecond(microsecond).map_err(|_| Problem::internal("a stored time is out of range"))
}

pub(super) struct Raw {
    version: u64,
    last_updated: i64,
    deleted: bool,
    dictionary: i64,
    size: usize,
    body: Vec<u8>,
    dated_place: usize,
    made: i16,
}

pub(super) fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw {
        version: row.get(0)?,
        last_updated: row.get(1)?,
        deleted: row.get(2)?,
        dictionary: row.get(3)?,
        size: row.get(4)?,
        body: row.get(5)?,
        dated_place: row.get(6)?,
        made: row.get(7)?,
    })
}

impl Raw {
    pub(super) fn stored(self, rtype: &str, id: &str) -> Result<Stored, Problem> {
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
