//! Writing one unit inside the writer's transaction: guards first, then every row.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::read::{latest, timestamp};
use super::search;
use super::writer::Done;
use crate::fhir::search as parameters;
use crate::problem::Problem;
use crate::store::body::{self, Packed};
use crate::store::feed;
use crate::store::row::Row;
use crate::store::{Committed, Expect, Guard, Unit, Violation, Write};

/// A unit with everything that could be computed before the writer's turn.
pub(super) struct Prepared {
    unit: Unit,
    rows: Vec<Row>,
    payloads: Vec<Packed>,
}

impl Prepared {
    /// Indexes and compresses on the caller's thread.
    pub(super) fn new(unit: Unit) -> Result<Self, Problem> {
        let rows = unit.writes.iter().map(|write| Row::new(&write.rtype, &write.entries)).collect();
        let pack = |delivery: &crate::outbox::Delivery| body::pack(&delivery.payload);
        let payloads = unit.deliveries.iter().map(pack).collect::<Result<_, _>>()?;
        Ok(Self { unit, rows, payloads })
    }

    pub(super) fn has_deliveries(&self) -> bool {
        !self.payloads.is_empty()
    }
}

/// Why a unit is not written.
enum Stop {
    Refused(Violation),
    Failed(Problem),
}

impl<E: Into<Problem>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Commits the unit in the running transaction; `visible` is the latest instant of the feed before that.
pub(super) fn commit(
    conn: &Connection,
    prepared: &Prepared,
    visible: Option<i64>,
) -> Result<Done<Committed>, Problem> {
    match write(conn, prepared, visible) {
        Ok(at) => Ok(Done { answer: Committed::Written(at), keep: true }),
        Err(Stop::Refused(violation)) => Ok(Done { answer: Committed::Refused(violation), keep: false }),
        Err(Stop::Failed(problem)) => Err(problem),
    }
}

fn write(conn: &Connection, prepared: &Prepared, visible: Option<i64>) -> Result<Timestamp, Stop> {
    let unit = &prepared.unit;
    let at = timestamp(feed::instant(visible, latest(conn)?, unit.proposed().as_microsecond()))?;
    conn.prepare_cached(
        "/* commit */ INSERT INTO unit (name, at, high)
         VALUES (?1, ?2, max(?3, coalesce((SELECT high FROM unit ORDER BY number DESC LIMIT 1), ?3)))",
    )?
    .execute((unit.name, unit.at.as_microsecond(), at.as_microsecond()))?;
    let number = conn.last_insert_rowid();
    for guard in &unit.guards {
        check(conn, guard, number)?;
    }
    for (write, row) in unit.writes.iter().zip(&prepared.rows) {
        resource(conn, write, row, (number, at))?;
    }
    for (delivery, payload) in unit.deliveries.iter().zip(&prepared.payloads) {
        super::delivery::insert(conn, delivery, payload)?;
    }
    for stream in &unit.streams {
        conn.prepare_cached(
            "/* commit */ INSERT INTO stream (patient, sequence) VALUES (?1, 1)
             ON CONFLICT (patient) DO UPDATE SET sequence = sequence + 1",
        )?
        .execute([stream])?;
    }
    Ok(at)
}

fn check(conn: &Connection, guard: &Guard, unit: i64) -> Result<(), Stop> {
    match guard {
        Guard::NoneMatches(query) => {
            let found = search::matching_ids(conn, query, 2)?;
            if found.is_empty() { Ok(()) } else { Err(Stop::Refused(Violation::Exists(found))) }
        }
        Guard::Key { space, key, holder, digest } => claim(conn, (space, key), (holder, digest), unit),
        Guard::Stream { patient, sequence } => {
            let found = super::read::stream(conn, patient)?;
            if found == *sequence { Ok(()) } else { Err(Stop::Refused(Violation::Stream { found })) }
        }
        Guard::Version { rtype, id, version } => {
            let found = current(conn, rtype, id)?.map_or(0, |current| current.version);
            if found == *version { Ok(()) } else { Err(version_violation(rtype, id, found)) }
        }
    }
}

fn claim(
    conn: &Connection,
    (space, key): (&str, &str),
    (holder, digest): (&str, &[u8]),
    unit: i64,
) -> Result<(), Stop> {
    let known = conn
        .prepare_cached("/* claim */ SELECT holder, digest FROM idempotency WHERE space = ?1 AND key = ?2")?
        .query_row((space, key), |row| Ok(Violation::Key { holder: row.get(0)?, digest: row.get(1)? }))
        .optional()?;
    if let Some(violation) = known {
        return Err(Stop::Refused(violation));
    }
    conn.prepare_cached(
        "/* claim */ INSERT INTO idempotency (space, key, holder, digest, unit) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((space, key, holder, digest, unit))?;
    Ok(())
}

fn version_violation(rtype: &str, id: &str, found: u64) -> Stop {
    Stop::Refused(Violation::Version { rtype: rtype.to_owned(), id: id.to_owned(), found })
}

/// The current version of a resource as the writer sees it.
struct Current {
    rid: i64,
    version: u64,
    seq: i64,
    deleted: bool,
}

fn current(conn: &Connection, rtype: &str, id: &str) -> Result<Option<Current>, Problem> {
    let found = conn
        .prepare_cached(
            "/* current */ SELECT rid, version, seq, deleted FROM resource
             WHERE rtype = (SELECT code FROM resource_type WHERE name = ?1) AND id = ?2",
        )?
        .query_row((rtype, id), |row| {
            Ok(Current { rid: row.get(0)?, version: row.get(1)?, seq: row.get(2)?, deleted: row.get(3)? })
        })
        .optional()?;
    Ok(found)
}

fn resource(conn: &Connection, write: &Write, row: &Row, (unit, at): (i64, Timestamp)) -> Result<(), Stop> {
    let before = current(conn, &write.rtype, &write.id)?;
    let found = before.as_ref().map_or(0, |before| before.version);
    let expected = match write.expect {
        Expect::New => 0,
        Expect::Version(version) => version,
        Expect::Previous => write.version.saturating_sub(1),
    };
    if found != expected || write.version != found + 1 {
        return Err(version_violation(&write.rtype, &write.id, found));
    }
    let rid = match &before {
        Some(before) => before.rid,
        None => next_rid(conn, &write.rtype)?,
    };
    conn.prepare_cached(
        "/* resource */ INSERT INTO version
           (unit, rid, version, last_updated, deleted, dictionary, size, body, rtype, dated_place, made)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, (SELECT code FROM resource_type WHERE name = ?9), ?10, ?11)",
    )?
    .execute((
        unit,
        rid,
        write.version,
        at.as_microsecond(),
        write.deleted,
        write.body.dictionary,
        write.body.size,
        &write.body.bytes,
        &write.rtype,
        write.dated_place,
        write.made.code(),
    ))?;
    let seq = conn.last_insert_rowid();
    let old =
        before.filter(|before| !before.deleted).map(|before| old_row(conn, write, before.seq)).transpose()?;
    point(conn, write, row, (rid, seq, at))?;
    Ok(entries(conn, rid, old.as_ref(), row)?)
}

/// Resources are numbered in the order of their creation.
fn next_rid(conn: &Connection, rtype: &str) -> Result<i64, Problem> {
    conn.prepare_cached(
        "/* next_rid */ SELECT (SELECT coalesce(max(rid), 0) + 1 FROM resource) FROM resource_type WHERE name = ?1",
    )?
    .query_row([rtype], |row| row.get(0))
    .optional()?
    .ok_or_else(|| Problem::internal(format!("resources of type {rtype} are not stored")))
}

/// The index rows of the version that is replaced: recomputed, which costs less than keeping them twice.
fn old_row(conn: &Connection, write: &Write, seq: i64) -> Result<Row, Problem> {
    let body = super::read::body(conn, seq)?;
    let resource: serde_json::Value = serde_json::from_slice(&body)
        .map_err(|e| Problem::internal(format!("a stored {} cannot be read: {e}", write.rtype)))?;
    Ok(Row::new(&write.rtype, &parameters::index(&resource)))
}

/// Makes this version the current one.
fn point(
    conn: &Connection,
    write: &Write,
    row: &Row,
    (rid, seq, at): (i64, i64, Timestamp),
) -> Result<(), Problem> {
    conn.prepare_cached(
        "/* point */ INSERT INTO resource (rid, rtype, id, seq, version, last_updated, deleted, present, urgency,
           dated_at, dated_to, subject, owner, status)
         VALUES (?1, (SELECT code FROM resource_type WHERE name = ?13), ?14, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (rid) DO UPDATE SET seq = ?2, version = ?3, last_updated = ?4, deleted = ?5, present = ?6,
           urgency = ?7, dated_at = ?8, dated_to = ?9, subject = ?10, owner = ?11, status = ?12",
    )?
    .execute((
        rid,
        seq,
        write.version,
        at.as_microsecond(),
        write.deleted,
        row.present,
        row.urgency,
        row.dated_at,
        row.dated_to,
        &row.subject,
        &row.owner,
        &row.status,
        &write.rtype,
        &write.id,
    ))?;
    Ok(())
}

/// Removes what the new version is no longer found by, and adds what it is newly found by.
fn entries(conn: &Connection, rid: i64, old: Option<&Row>, new: &Row) -> Result<(), Problem> {
    let none = Row::new("", &[]);
    let old = old.unwrap_or(&none);
    let mut delete = conn.prepare_cached(
        "/* entries */ DELETE FROM token WHERE param = ?1 AND code = ?2 AND rid = ?4 AND system = ?3",
    )?;
    for (param, code, system) in old.tokens.iter().filter(|token| !new.tokens.contains(token)) {
        delete.execute((param, code, system, rid))?;
    }
    let mut insert = conn.prepare_cached(
        "/* entries */ INSERT OR IGNORE INTO token (param, code, system, rid) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (param, code, system) in new.tokens.iter().filter(|token| !old.tokens.contains(token)) {
        insert.execute((param, code, system, rid))?;
    }
    let mut delete = conn.prepare_cached(
        "/* entries */ DELETE FROM text WHERE param = ?1 AND folded = ?2 AND exact = ?3 AND rid = ?4",
    )?;
    for (param, folded, exact) in old.texts.iter().filter(|text| !new.texts.contains(text)) {
        delete.execute((param, folded, exact, rid))?;
    }
    let mut insert = conn.prepare_cached(
        "/* entries */ INSERT OR IGNORE INTO text (param, folded, exact, rid) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (param, folded, exact) in new.texts.iter().filter(|text| !old.texts.contains(text)) {
        insert.execute((param, folded, exact, rid))?;
    }
    spans(conn, rid, old, new)?;
    parts(conn, rid, old, new)
}

fn spans(conn: &Connection, rid: i64, old: &Row, new: &Row) -> Result<(), Problem> {
    if old.spans == new.spans {
        return Ok(());
    }
    conn.prepare_cached("/* spans */ DELETE FROM span WHERE rid = ?1")?.execute([rid])?;
    let mut insert = conn.prepare_cached(
        "/* spans */ INSERT OR IGNORE INTO span (rid, param, low, high) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (param, low, high) in &new.spans {
        insert.execute((rid, param, low, high))?;
    }
    Ok(())
}

fn parts(conn: &Connection, rid: i64, old: &Row, new: &Row) -> Result<(), Problem> {
    if old.parts == new.parts {
        return Ok(());
    }
    conn.prepare_cached("/* parts */ DELETE FROM part WHERE rid = ?1")?.execute([rid])?;
    let mut insert = conn.prepare_cached(
        "/* parts */ INSERT OR IGNORE INTO part (rid, param, n, part, code, system, unit, low, high, base, base_low, base_high)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    for part in &new.parts {
        insert.execute((
            rid,
            part.param,
            part.n,
            part.part,
            &part.code,
            part.system,
            &part.unit,
            &part.low,
            &part.high,
            part.base,
            &part.base_low,
            &part.base_high,
        ))?;
    }
    Ok(())
}

/// Replaces what a resource is found by, its version staying what it is; for indexing anew.
pub(super) fn index_anew(conn: &Connection, rid: i64, row: &Row) -> Result<(), Problem> {
    conn.prepare_cached(
        "/* index_anew */ UPDATE resource SET present = ?2, urgency = ?3, dated_at = ?4, dated_to = ?5, subject = ?6,
           owner = ?7, status = ?8 WHERE rid = ?1",
    )?
    .execute((
        rid,
        row.present,
        row.urgency,
        row.dated_at,
        row.dated_to,
        &row.subject,
        &row.owner,
        &row.status,
    ))?;
    conn.prepare_cached("/* index_anew */ DELETE FROM span WHERE rid = ?1")?.execute([rid])?;
    conn.prepare_cached("/* index_anew */ DELETE FROM part WHERE rid = ?1")?.execute([rid])?;
    entries(conn, rid, None, row)
}
