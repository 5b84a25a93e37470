//! Writing versions: those of new resources all at once, and the next one of a resource that is there.
//!
//! Where the numbers of several rows are the next ones, SQLite is left to give them. A statement of several rows that names
//! their numbers might find one that is no integer, and take back what it wrote: so SQLite keeps a copy of every page that it
//! touches, some ninety of 8 KB for a submission.

use jiff::Timestamp;
use rusqlite::Connection;

use super::commit::Prepared;
use super::dated::{self, Dated};
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
    /// The last numbers of a version and of a resource, before the unit.
    pub(super) last: (i64, i64),
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
        let next = self.are_next(places);
        let number = if next { "" } else { "rid, " };
        let into = format!(
            "OR IGNORE INTO resource ({number}seq, version, last_updated, deleted, present, urgency, dated_at, dated_to, \
             subject, owner, status, keys, rtype, id)"
        );
        let created = many(self.conn, &into, places, |values, place| {
            let (write, row) = (&self.prepared.unit.writes[place.n], &self.prepared.rows[place.n]);
            if !next {
                values.put(place.rid)?;
            }
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
        self.given(places.last().map(|place| place.rid))?;
        let dated = |place: &Place| Some((place.rid, self.dated(place.n)?));
        dated::insert(self.conn, &places.iter().filter_map(dated).collect::<Vec<_>>())?;
        self.versions(places)?;
        Ok(true)
    }

    /// Whom a write is about, and when that was; nothing when it deletes.
    fn dated(&self, n: usize) -> Option<Dated<'_>> {
        let is_there = !self.prepared.unit.writes[n].deleted;
        is_there.then(|| Dated::of(&self.prepared.rows[n], self.prepared.types[n]))
    }

    /// Whether their numbers are those that SQLite gives by itself.
    fn are_next(&self, places: &[Place]) -> bool {
        let (seq, rid) = self.last;
        places.len() > 1 && (1..).zip(places).all(|(n, place)| place.seq == seq + n && place.rid == rid + n)
    }

    /// Looks whether the last row that was written has the number that it should have.
    fn given(&self, number: Option<i64>) -> Result<(), Problem> {
        match number {
            Some(number) if self.conn.last_insert_rowid() != number => {
                Err(Problem::internal("a row was given another number than the next one"))
            }
            _ => Ok(()),
        }
    }

    /// Writes the next version of a resource that is there, and makes it the current one.
    pub(super) fn replace(&self, place: Place) -> Result<(), Problem> {
        self.versions(&[place])?;
        dated::replace(self.conn, place.rid, self.dated(place.n))?;
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
        let next = self.are_next(places);
        let number = if next { "" } else { "seq, " };
        let into = format!(
            "OR FAIL INTO version ({number}unit, rid, version, last_updated, deleted, dictionary, size, body, rtype, \
             dated_place, made)"
        );
        many(self.conn, &into, places, |values, place| {
            let write = &self.prepared.unit.writes[place.n];
            if !next {
                values.put(place.seq)?;
            }
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
        self.given(places.last().map(|place| place.seq))
    }
}
