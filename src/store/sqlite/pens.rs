//! Writing versions: those of new resources all at once, and the next one of a resource that is there.

use jiff::Timestamp;
use rusqlite::Connection;

use super::commit::Prepared;
use super::many::many;
use crate::problem::Problem;

/// Where a write goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Which write of the unit.
    pub(super) n: usize,
    /// The number of its version, in commit order.
    pub(super) seq: i64,
    /// The number of its resource, in the order of creation.
    pub(super) rid: i64,
}

/// What the versions of one unit are written with.
#[derive(Clone, Copy)]
pub(super) struct Pens<'a> {
    pub(super) conn: &'a Connection,
    pub(super) prepared: &'a Prepared,
    pub(super) unit: i64,
    pub(super) at: Timestamp,
}

/// The last number of a version, and of a resource.
pub(super) fn last(conn: &Connection) -> Result<(i64, i64), Problem> {
    let select = "/* last */ SELECT (SELECT coalesce(max(seq), 0) FROM version), (SELECT coalesce(max(rid), 0) FROM resource)";
    Ok(conn.prepare_cached(select)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

impl Pens<'_> {
    /// Writes resources that were never there; whether none of them was there.
    pub(super) fn create(&self, places: &[Place]) -> Result<bool, Problem> {
        let at = self.at.as_microsecond();
        let into = "OR IGNORE INTO resource (rid, seq, version, last_updated, deleted, present, urgency, dated_at, dated_to, \
                    subject, owner, status, keys, rtype, id)";
        let created = many(self.conn, into, places, |values, place| {
            let (write, row) = (&self.prepared.unit.writes[place.n], &self.prepared.rows[place.n]);
            values.put(place.rid)?;
            values.put(place.seq)?;
            values.put(write.version)?;
            values.put(at)?;
            values.put(write.deleted)?;
            values.put(row.present)?;
            values.put(row.urgency)?;
            values.put(row.dated_at)?;
            values.put(row.dated_to)?;
            values.put(&row.subject)?;
            values.put(&row.owner)?;
            values.put(&row.status)?;
            values.put(&row.keys)?;
            values.put(self.prepared.types[place.n])?;
            values.put(&write.id)
        })?;
        if created < places.len() {
            return Ok(false);
        }
        self.versions(places)?;
        Ok(true)
    }

    /// Writes the next version of a resource that is there, and makes it the current one.
    pub(super) fn replace(&self, place: Place) -> Result<(), Problem> {
        self.versions(&[place])?;
        let (write, row) = (&self.prepared.unit.writes[place.n], &self.prepared.rows[place.n]);
        self.conn
            .prepare_cached(
                "/* replace */ UPDATE resource SET seq = ?2, version = ?3, last_updated = ?4, deleted = ?5, present = ?6,
                   urgency = ?7, dated_at = ?8, dated_to = ?9, subject = ?10, owner = ?11, status = ?12, keys = ?13
                   WHERE rid = ?1",
            )?
            .execute((
                place.rid,
                place.seq,
                write.version,
                self.at.as_microsecond(),
                write.deleted,
                row.present,
                row.urgency,
                row.dated_at,
                row.dated_to,
                &row.subject,
                &row.owner,
                &row.status,
                &row.keys,
            ))?;
        Ok(())
    }

    fn versions(&self, places: &[Place]) -> Result<(), Problem> {
        let at = self.at.as_microsecond();
        // No number is used twice: with the usual ABORT, each page would be copied in case one were.
        let into = "OR FAIL INTO version (seq, unit, rid, version, last_updated, deleted, dictionary, size, body, rtype, dated_place, made)";
        many(self.conn, into, places, |values, place| {
            let write = &self.prepared.unit.writes[place.n];
            values.put(place.seq)?;
            values.put(self.unit)?;
            values.put(place.rid)?;
            values.put(write.version)?;
            values.put(at)?;
            values.put(write.deleted)?;
            values.put(write.body.dictionary)?;
            values.put(write.body.size)?;
            values.put(&write.body.bytes)?;
            values.put(self.prepared.types[place.n])?;
            values.put(write.dated_place)?;
            values.put(write.made.code())
        })?;
        Ok(())
    }
}
