//! Writing versions: the statements of one unit, prepared once, and the numbers that its rows get.

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection};

use crate::problem::Problem;
use crate::store::Write;
use crate::store::row::Row;

/// What the versions of one unit are written with.
pub(super) struct Pens<'c> {
    version: CachedStatement<'c>,
    resource: CachedStatement<'c>,
    current: CachedStatement<'c>,
    unit: i64,
    at: i64,
    /// The last number of a version, in commit order.
    seq: i64,
    /// The last number of a resource, in the order of creation.
    rid: i64,
}

impl<'c> Pens<'c> {
    pub(super) fn new(conn: &'c Connection, unit: i64, at: Timestamp) -> Result<Self, Problem> {
        let (seq, rid) = conn
            .prepare_cached(
                "/* pens */ SELECT (SELECT coalesce(max(seq), 0) FROM version), (SELECT coalesce(max(rid), 0) FROM resource)",
            )?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self {
            version: conn.prepare_cached(
                "/* pens */ INSERT INTO version
                   (seq, unit, rid, version, last_updated, deleted, dictionary, size, body, rtype, dated_place, made)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?,
            resource: conn.prepare_cached(
                "/* pens */ INSERT INTO resource (rid, seq, version, last_updated, deleted, present, urgency, dated_at,
                   dated_to, subject, owner, status, rtype, id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
                 ON CONFLICT (rtype, id) DO NOTHING",
            )?,
            current: conn.prepare_cached(
                "/* pens */ UPDATE resource SET seq = ?2, version = ?3, last_updated = ?4, deleted = ?5, present = ?6,
                   urgency = ?7, dated_at = ?8, dated_to = ?9, subject = ?10, owner = ?11, status = ?12 WHERE rid = ?1",
            )?,
            unit,
            at: at.as_microsecond(),
            seq,
            rid,
        })
    }

    /// Writes a resource that was never there; its number, or `None` when it is there.
    pub(super) fn create(&mut self, write: &Write, row: &Row, rtype: i64) -> Result<Option<i64>, Problem> {
        let rid = self.rid + 1;
        let seq = self.seq + 1;
        let created = self.resource.execute((
            rid,
            seq,
            write.version,
            self.at,
            write.deleted,
            row.present,
            row.urgency,
            row.dated_at,
            row.dated_to,
            &row.subject,
            &row.owner,
            &row.status,
            rtype,
            &write.id,
        ))?;
        if created == 0 {
            return Ok(None);
        }
        self.rid = rid;
        self.version(write, rtype, rid)?;
        Ok(Some(rid))
    }

    /// Writes the next version of a resource, and makes it the current one.
    pub(super) fn replace(&mut self, write: &Write, row: &Row, rtype: i64, rid: i64) -> Result<(), Problem> {
        self.version(write, rtype, rid)?;
        self.current.execute((
            rid,
            self.seq,
            write.version,
            self.at,
            write.deleted,
            row.present,
            row.urgency,
            row.dated_at,
            row.dated_to,
            &row.subject,
            &row.owner,
            &row.status,
        ))?;
        Ok(())
    }

    fn version(&mut self, write: &Write, rtype: i64, rid: i64) -> Result<(), Problem> {
        self.seq += 1;
        self.version.execute((
            self.seq,
            self.unit,
            rid,
            write.version,
            self.at,
            write.deleted,
            write.body.dictionary,
            write.body.size,
            &write.body.bytes,
            rtype,
            write.dated_place,
            write.made.code(),
        ))?;
        Ok(())
    }
}
