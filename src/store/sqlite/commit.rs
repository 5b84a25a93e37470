//! Writing one unit inside the writer's transaction: guards first, then every row.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::dated::{self, Dated};
use super::entries::{self, Sorted};
use super::pens::{Pens, Place, last};
use super::read::latest;
use super::search;
use super::writer::Done;
use crate::fhir::search as parameters;
use crate::problem::Problem;
use crate::store::body::{self, Packed};
use crate::store::feed;
use crate::store::row::Row;
use crate::store::version::timestamp;
use crate::store::{Claim, Committed, Expect, Guard, Unit, Violation, Write};

/// The number of each resource type in the tables.
pub(super) type Types = HashMap<String, i64>;

/// A unit with everything that could be computed before the writer's turn.
pub(super) struct Prepared {
    pub(super) unit: Unit,
    /// One for each write.
    pub(super) rows: Vec<Row>,
    /// The type of each write.
    pub(super) types: Vec<i64>,
    /// What new resources are found by.
    sorted: Sorted,
    /// Some resource is written twice: what it is found by is then put in one after the other.
    has_repeats: bool,
    payloads: Vec<Packed>,
}

impl Prepared {
    /// Indexes, sorts and compresses on the caller's thread.
    pub(super) fn new(mut unit: Unit, types: &Types) -> Result<Self, Problem> {
        let rows: Vec<Row> = unit.writes.iter_mut().map(Write::row).collect();
        let code = |write: &Write| {
            types
                .get(&write.rtype)
                .copied()
                .ok_or_else(|| Problem::internal(format!("resources of type {} are not stored", write.rtype)))
        };
        let mut names: Vec<_> = unit.writes.iter().map(|write| (&write.id, &write.rtype)).collect();
        names.sort_unstable();
        let has_repeats = names.windows(2).any(|pair| pair[0] == pair[1]);
        let sorted = Sorted::new(&rows, |n| !has_repeats && is_new(&unit.writes[n]));
        let pack = |delivery: &crate::outbox::Delivery| body::pack(&delivery.payload);
        Ok(Self {
            types: unit.writes.iter().map(code).collect::<Result<_, _>>()?,
            payloads: unit.deliveries.iter().map(pack).collect::<Result<_, _>>()?,
            rows,
            sorted,
            has_repeats,
            unit,
        })
    }

    pub(super) fn has_deliveries(&self) -> bool {
        !self.payloads.is_empty() || !self.unit.stops.is_empty()
    }
}

/// Whether nothing can be found by what was there before.
fn is_new(write: &Write) -> bool {
    write.expect == Expect::New && write.version == 1
}

/// Which number stands for which type in this file.
pub(super) fn types(conn: &Connection) -> Result<Types, Problem> {
    let mut select = conn.prepare("/* types */ SELECT name, code FROM resource_type")?;
    Ok(select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
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

/// Commits the unit in the running transaction; `visible` is the latest instant of the feed before that. A unit that is
/// refused has written nothing, but for one that finds a new resource there already, or a key claimed by itself.
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

/// Writes those units of which no resource was ever stored, in the running transaction.
///
/// # Errors
/// `Internal` when one is refused for another reason; those of the database.
pub(super) fn unless_there(
    conn: &Connection,
    units: &[Prepared],
    visible: Option<i64>,
) -> Result<(), Problem> {
    for prepared in units {
        let mut is_there = false;
        for write in &prepared.unit.writes {
            is_there |= current(conn, &write.rtype, &write.id)?.is_some();
        }
        if !is_there && !commit(conn, prepared, visible)?.keep {
            return Err(Problem::internal("what follows from a settlement was refused"));
        }
    }
    Ok(())
}

fn write(conn: &Connection, prepared: &Prepared, visible: Option<i64>) -> Result<Timestamp, Stop> {
    let unit = &prepared.unit;
    unit.guards.iter().try_for_each(|guard| check(conn, guard))?;
    for halt in &unit.stops {
        if !halt.suits(&super::delivery::find(conn, &halt.id)?.progress) {
            return Err(Stop::Refused(Violation::Delivery { id: halt.id.clone() }));
        }
    }
    expected(conn, prepared)?;
    let at = timestamp(feed::instant(visible, latest(conn)?, unit.proposed().as_microsecond()))?;
    conn.prepare_cached(
        "/* commit */ INSERT INTO unit (name, at, high)
         VALUES (?1, ?2, max(?3, coalesce((SELECT high FROM unit ORDER BY number DESC LIMIT 1), ?3)))",
    )?
    .execute((unit.name, unit.at.as_microsecond(), at.as_microsecond()))?;
    let number = conn.last_insert_rowid();
    for guard in &unit.guards {
        if let Guard::Key { space, key, holder, digest } = guard {
            claim(conn, (space, key), (holder, digest), number)?;
        }
    }
    resources(conn, prepared, number, at)?;
    unit.stops.iter().try_for_each(|halt| super::lease::halt(conn, halt))?;
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

fn check(conn: &Connection, guard: &Guard) -> Result<(), Stop> {
    match guard {
        Guard::NoneMatches(query) => {
            let found = search::matching_ids(conn, query, 2)?;
            if found.is_empty() { Ok(()) } else { Err(Stop::Refused(Violation::Exists(found))) }
        }
        Guard::Key { space, key, .. } => unclaimed(conn, space, key),
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

fn unclaimed(conn: &Connection, space: &str, key: &str) -> Result<(), Stop> {
    match super::read::claim(conn, space, key)? {
        Some(Claim { holder, digest }) => Err(Stop::Refused(Violation::Key { holder, digest })),
        None => Ok(()),
    }
}

fn claim(
    conn: &Connection,
    (space, key): (&str, &str),
    (holder, digest): (&str, &[u8]),
    unit: i64,
) -> Result<(), Stop> {
    let claimed = conn
        .prepare_cached(
            "/* claim */ INSERT OR IGNORE INTO idempotency (space, key, holder, digest, unit) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((space, key, holder, digest, unit))?;
    if claimed == 0 { unclaimed(conn, space, key) } else { Ok(()) }
}

/// Whether what is changed, and was there before this unit, is in the versions that are expected: so that a unit that comes
/// too late is refused before it has written anything.
fn expected(conn: &Connection, prepared: &Prepared) -> Result<(), Stop> {
    if prepared.has_repeats {
        return Ok(());
    }
    for write in prepared.unit.writes.iter().filter(|write| !is_new(write)) {
        let found = current(conn, &write.rtype, &write.id)?.map_or(0, |current| current.version);
        if !suits(write, found) {
            return Err(version_violation(&write.rtype, &write.id, found));
        }
    }
    Ok(())
}

/// Whether a write may follow that version.
fn suits(write: &Write, found: u64) -> bool {
    let expected = match write.expect {
        Expect::New => 0,
        Expect::Version(version) => version,
        Expect::Previous => write.version.saturating_sub(1),
    };
    found == expected && write.version == found + 1
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

/// Writes the versions of a unit, and what their resources are found by.
fn resources(conn: &Connection, prepared: &Prepared, unit: i64, at: Timestamp) -> Result<(), Stop> {
    let last = last(conn)?;
    let pens = Pens { conn, prepared, unit, at, last };
    let (mut seq, mut rid) = last;
    let (mut created, mut changed) = (Vec::new(), Vec::new());
    for (n, write) in prepared.unit.writes.iter().enumerate() {
        // Every write gets a number for a resource, which one that is there already does not use.
        (seq, rid) = (seq + 1, rid + 1);
        let (place, is_new) = (Place { n, seq, rid }, is_new(write));
        if prepared.has_repeats && is_new {
            create(&pens, &[place])?;
            entries::replace(conn, place.rid, None, &prepared.rows[n])?;
        } else if prepared.has_repeats {
            change(&pens, place)?;
        } else if is_new {
            created.push(place);
        } else {
            changed.push(place);
        }
    }
    create(&pens, &created)?;
    let rids: Vec<(usize, i64)> = created.iter().map(|place| (place.n, place.rid)).collect();
    prepared.sorted.insert(conn, &prepared.rows, &rids)?;
    changed.into_iter().try_for_each(|place| change(&pens, place))
}

/// Writes resources that are new, or names one that is not.
fn create(pens: &Pens<'_>, places: &[Place]) -> Result<(), Stop> {
    if pens.create(places)? {
        return Ok(());
    }
    for place in places {
        let write = &pens.prepared.unit.writes[place.n];
        if let Some(known) =
            current(pens.conn, &write.rtype, &write.id)?.filter(|known| known.rid != place.rid)
        {
            return Err(version_violation(&write.rtype, &write.id, known.version));
        }
    }
    Err(Stop::Failed(Problem::internal("a resource could not be created, and nothing stands in its place")))
}

/// Writes a version that may have one before it.
fn change(pens: &Pens<'_>, place: Place) -> Result<(), Stop> {
    let (conn, write, row) = (pens.conn, &pens.prepared.unit.writes[place.n], &pens.prepared.rows[place.n]);
    let before = current(conn, &write.rtype, &write.id)?;
    let found = before.as_ref().map_or(0, |before| before.version);
    if !suits(write, found) {
        return Err(version_violation(&write.rtype, &write.id, found));
    }
    let Some(before) = before else {
        create(pens, &[place])?;
        return Ok(entries::replace(conn, place.rid, None, row)?);
    };
    let old = if before.deleted { None } else { Some(old_row(conn, write, before.seq)?) };
    pens.replace(Place { rid: before.rid, ..place })?;
    Ok(entries::replace(conn, before.rid, old.as_ref(), row)?)
}

/// The index rows of the version that is replaced: recomputed, which costs less than keeping them twice.
fn old_row(conn: &Connection, write: &Write, seq: i64) -> Result<Row, Problem> {
    let stored = super::read::by_seq(conn, &write.rtype, &write.id, seq)?;
    Ok(Row::new(&write.rtype, parameters::index(&stored.resource()?)))
}

/// Replaces what a resource is found by, its version staying what it is; for indexing anew.
pub(super) fn index_anew(conn: &Connection, (rid, rtype): (i64, i64), row: &Row) -> Result<(), Problem> {
    dated::replace(conn, rid, Some(Dated::of(row, rtype)))?;
    conn.prepare_cached(
        "/* index_anew */ UPDATE resource SET present = ?2, urgency = ?3, dated_at = ?4, dated_to = ?5, subject = ?6,
           owner = ?7, status = ?8, keys = ?9 WHERE rid = ?1",
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
        &row.keys,
    ))?;
    conn.prepare_cached("/* index_anew */ DELETE FROM span WHERE rid = ?1")?.execute([rid])?;
    conn.prepare_cached("/* index_anew */ DELETE FROM part WHERE rid = ?1")?.execute([rid])?;
    entries::replace(conn, rid, None, row)
}
