//! Reads by key: a resource, one of its versions, a patient's stream.

use rusqlite::{Connection, OptionalExtension, Row, Rows};

use super::commit::Types;
use super::search;
use super::versions::Versions;
use crate::fhir::search::Query;
use crate::problem::Problem;
use crate::store::version::Version;
use crate::store::{Claim, Look, Seen, Stored};

/// What reads by key know without the file.
pub(super) struct Known {
    /// The code of each type: to ask the file for it took a fifth of what a read asks it.
    pub(super) types: Types,
    pub(super) versions: Versions,
}

impl Known {
    pub(super) fn of(types: Types) -> Self {
        Self { types, versions: Versions::default() }
    }

    /// The current version: the last of those in the index of versions, so that the resource's own page is not read.
    pub(super) fn read(&self, conn: &Connection, rtype: &str, id: &str) -> Result<Option<Stored>, Problem> {
        let Some(code) = self.types.get(rtype) else { return Ok(None) };
        let mut current = conn.prepare_cached(CURRENT)?;
        self.stored(conn, current.query((code, id))?, rtype, id)
    }

    /// That version.
    pub(super) fn vread(
        &self,
        conn: &Connection,
        rtype: &str,
        id: &str,
        version: u64,
    ) -> Result<Option<Stored>, Problem> {
        let (Some(code), Ok(version)) = (self.types.get(rtype), i64::try_from(version)) else {
            return Ok(None);
        };
        let mut numbered = conn.prepare_cached(NUMBERED)?;
        self.stored(conn, numbered.query((code, id, version))?, rtype, id)
    }

    /// The version whose place was found. The search for it ends after the version was read, so that both are one
    /// transaction.
    fn stored(
        &self,
        conn: &Connection,
        mut found: Rows<'_>,
        rtype: &str,
        id: &str,
    ) -> Result<Option<Stored>, Problem> {
        let Some(row) = found.next()? else { return Ok(None) };
        let version = self.versions.at(conn, row.get(0)?)?;
        drop(found);
        version.stored(rtype, id).map(Some)
    }

    /// Everything from one moment: the caller's snapshot.
    pub(super) fn look(&self, conn: &Connection, look: &Look) -> Result<Seen, Problem> {
        let resource = |(rtype, id): &(String, String)| self.read(conn, rtype, id);
        let page = |query: &Query| search::page(conn, &self.types, query);
        Ok(Seen {
            streams: look.streams.iter().map(|name| stream(conn, name)).collect::<Result<_, _>>()?,
            resources: look.resources.iter().map(resource).collect::<Result<_, _>>()?,
            pages: look.searches.iter().map(page).collect::<Result<_, _>>()?,
        })
    }
}

const CURRENT: &str = "/* read */ SELECT v.seq FROM resource r CROSS JOIN version v ON v.rid = r.rid
     WHERE r.id = ?2 AND r.rtype = ?1 ORDER BY v.version DESC LIMIT 1";

const NUMBERED: &str =
    "/* vread */ SELECT v.seq FROM resource r CROSS JOIN version v ON v.rid = r.rid AND v.version = ?3
     WHERE r.id = ?2 AND r.rtype = ?1";

/// The version at that place in commit order, as it is stored.
pub(super) fn at(conn: &Connection, seq: i64) -> Result<Version, Problem> {
    let mut select = conn.prepare_cached(
        "/* at */ SELECT version, last_updated, deleted, dictionary, size, body, dated_place, made FROM version WHERE seq = ?1",
    )?;
    Ok(select.query_row([seq], packed)?)
}

/// The same, unpacked.
pub(super) fn by_seq(conn: &Connection, rtype: &str, id: &str, seq: i64) -> Result<Stored, Problem> {
    at(conn, seq)?.stored(rtype, id)
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

/// Of a row with the columns of [`at`] first.
pub(super) fn packed(row: &Row<'_>) -> rusqlite::Result<Version> {
    Ok(Version {
        number: row.get(0)?,
        last_updated: row.get(1)?,
        deleted: row.get(2)?,
        dictionary: row.get(3)?,
        size: row.get(4)?,
        body: row.get(5)?,
        dated_place: row.get(6)?,
        made: row.get(7)?,
    })
}

#[cfg(test)]
mod tests {
    use rusqlite::params_from_iter;

    use super::*;
    use crate::store::sqlite::{Options, connection};

    #[test]
    fn a_version_is_found_by_indexes_alone() {
        let folder = tempfile::tempdir().unwrap();
        let conn = connection::writer(&folder.path().join("store.sqlite"), &Options::default()).unwrap();
        for (text, values) in [(CURRENT, 2), (NUMBERED, 3)] {
            let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
            let steps = plan.query_map(params_from_iter(vec!["1"; values]), |row| row.get::<_, String>(3));
            let steps: Vec<String> = steps.unwrap().collect::<Result<_, _>>().unwrap();
            let (resource, version) =
                ("USING COVERING INDEX resource_id (id=? AND rtype=?)", "USING COVERING INDEX version_of");
            assert_eq!(steps.len(), 2, "nothing is sorted: {steps:?}");
            assert!(steps[0].contains(resource) && steps[1].contains(version), "{steps:?}");
        }
    }
}
