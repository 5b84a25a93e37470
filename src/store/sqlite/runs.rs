//! Codes and references of resources, in runs: a row tells for a block of 64 numbers which of these resources have one.
//!
//! What one response becomes is numbered in a row and has much in common (the patient, the plan, the category), so that runs
//! are a third of the rows that single resources would be. Rows of one block that name the same code of the same system never
//! name the same resource.

use rusqlite::{Connection, OptionalExtension};

use super::many::many;
use crate::problem::Problem;
use crate::store::row::{BLOCK, Token, is_link};

/// A code or a reference, and the number of what it is shown with: 0 for nothing, as with references.
pub(super) type Coded<'t> = (&'t Token, i64);

/// The resources of one block that have something in common, and were written together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run<K> {
    pub(super) key: K,
    pub(super) block: i64,
    /// Place of the first and of the last resource in the block.
    pub(super) low: i64,
    pub(super) last: i64,
    /// Bit n stands for the place `low + n`.
    pub(super) bits: i64,
}

impl<K: Copy + PartialEq> Run<K> {
    pub(super) const fn of(key: K, rid: i64) -> Self {
        let place = rid.rem_euclid(BLOCK);
        Self { key, block: rid.div_euclid(BLOCK), low: place, last: place, bits: 1 }
    }

    /// Takes one resource more, if it is of the same block, comes after the others, and has the same in common.
    fn takes(&mut self, key: K, rid: i64) -> bool {
        let place = rid.rem_euclid(BLOCK);
        let fits = rid.div_euclid(BLOCK) == self.block && place >= self.last && key == self.key;
        if fits {
            self.last = place;
            self.bits |= 1 << (place - self.low);
        }
        fits
    }

    /// Without the resource in that place of the block, and beginning with one that it has; nothing when none is left.
    pub(super) fn without(self, place: i64) -> Option<Self> {
        // The highest bit is a resource like the others, and no sign.
        let left = self.bits.cast_unsigned() & !(1 << (place - self.low));
        let gone = left.trailing_zeros();
        let bits = left.checked_shr(gone)?.cast_signed();
        Some(Self { low: self.low + i64::from(gone), bits, ..self })
    }
}

/// Resources that follow each other with the same in common, in the order in which they come.
pub(super) fn runs<K: Copy + PartialEq>(rows: impl Iterator<Item = (i64, K)>) -> Vec<Run<K>> {
    let mut runs: Vec<Run<K>> = Vec::new();
    for (rid, key) in rows {
        if !runs.last_mut().is_some_and(|run| run.takes(key, rid)) {
            runs.push(Run::of(key, rid));
        }
    }
    runs
}

/// Adds the codes of new resources, which stand in the order of codes, systems, what is shown, and resources.
pub(super) fn insert(conn: &Connection, rows: &[(i64, Coded<'_>)]) -> Result<(), Problem> {
    write(conn, runs(rows.iter().copied()))
}

fn write(conn: &Connection, runs: Vec<Run<Coded<'_>>>) -> Result<(), Problem> {
    let (mut links, tokens): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| is_link(run.key.0.0));
    // In the order of their table, so that neighbours are written together.
    links.sort_unstable_by_key(|run| (run.key.0.1.as_str(), run.key.0.0, run.block, run.low));
    let into = "OR IGNORE INTO token_run (param, code, block, low, system, last, bits, shown)";
    many(conn, into, &tokens, |row, run| {
        row.put(run.key.0.0)?;
        row.put(&run.key.0.1)?;
        row.put(run.block)?;
        row.put(run.low)?;
        row.put(run.key.0.2)?;
        row.put(run.last)?;
        row.put(run.bits)?;
        row.put(run.key.1)
    })?;
    let into = "OR IGNORE INTO link_run (code, param, block, low, last, bits)";
    many(conn, into, &links, |row, run| {
        row.put(&run.key.0.1)?;
        row.put(run.key.0.0)?;
        row.put(run.block)?;
        row.put(run.low)?;
        row.put(run.last)?;
        row.put(run.bits)
    })?;
    Ok(())
}

/// Adds a code of a resource that others may stand around: in a row that begins with it, unless it is there and shown the same.
pub(super) fn add(conn: &Connection, rid: i64, coded: Coded<'_>) -> Result<(), Problem> {
    let (token, shown) = coded;
    match holding(conn, rid, token)? {
        Some(held) if held.shown == shown => return Ok(()),
        Some(_) => remove(conn, rid, token)?,
        None => {}
    }
    let run = Run::of(coded, rid);
    make_room(conn, &run)?;
    write(conn, vec![run])
}

/// The first resource of a run may have been taken from it: the run then begins with its next one, where it is in the way.
fn make_room(conn: &Connection, run: &Run<Coded<'_>>) -> Result<(), Problem> {
    let (param, code, system) = run.key.0;
    let (table, own, shown) = table(*param);
    let select =
        format!("/* make_room */ SELECT last, bits, {shown} FROM {table} WHERE {KEY} AND low = ?4 AND {own}");
    let key = (code, param, run.block, run.low, system);
    let found: Option<(i64, i64, i64)> = conn
        .prepare_cached(&select)?
        .query_row(key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((last, bits, shown)) = found else { return Ok(()) };
    let delete = format!("/* make_room */ DELETE FROM {table} WHERE {KEY} AND low = ?4 AND {own}");
    conn.prepare_cached(&delete)?.execute(key)?;
    let known = Run { key: (run.key.0, shown), last, bits, ..*run };
    known.without(run.low).map_or(Ok(()), |left| write(conn, vec![left]))
}

/// Takes a code from a resource, whatever it is shown with.
pub(super) fn remove(conn: &Connection, rid: i64, token: &Token) -> Result<(), Problem> {
    let Some(Held { low, bits, .. }) = holding(conn, rid, token)? else { return Ok(()) };
    let (param, code, system) = token;
    let block = rid.div_euclid(BLOCK);
    let bits = bits & !(1 << (rid.rem_euclid(BLOCK) - low));
    let (table, own, _) = table(*param);
    if bits == 0 {
        let delete = format!("/* remove */ DELETE FROM {table} WHERE {KEY} AND low = ?4 AND {own}");
        conn.prepare_cached(&delete)?.execute((code, param, block, low, system))?;
    } else {
        let update = format!("/* remove */ UPDATE {table} SET bits = ?6 WHERE {KEY} AND low = ?4 AND {own}");
        conn.prepare_cached(&update)?.execute((code, param, block, low, system, bits))?;
    }
    Ok(())
}

/// A row that names a resource: where it begins, its bits, and what its code is shown with.
struct Held {
    low: i64,
    bits: i64,
    shown: i64,
}

fn holding(conn: &Connection, rid: i64, (param, code, system): &Token) -> Result<Option<Held>, Problem> {
    let (table, own, shown) = table(*param);
    let select = format!(
        "/* holding */ SELECT low, bits, {shown} FROM {table} WHERE {KEY} AND {own} AND low <= ?4 AND (bits >> (?4 - low)) & 1"
    );
    let (block, place) = (rid.div_euclid(BLOCK), rid.rem_euclid(BLOCK));
    let read = |row: &rusqlite::Row<'_>| Ok(Held { low: row.get(0)?, bits: row.get(1)?, shown: row.get(2)? });
    let found =
        conn.prepare_cached(&select)?.query_row((code, param, block, place, system), read).optional()?;
    Ok(found)
}

/// The rows of one code in one block.
const KEY: &str = "code = ?1 AND param = ?2 AND block = ?3";

/// The table of a parameter, how a row of the same system is told, and what the code is shown with: references have neither.
fn table(param: i64) -> (&'static str, &'static str, &'static str) {
    if is_link(param) { ("link_run", "?5 = 0", "0") } else { ("token_run", "system = ?5", "shown") }
}

/// Deletes some rows of codes of these parameters; whether none were left.
pub(super) fn clear_tokens(conn: &Connection, changed: &[i64], rows: usize) -> Result<bool, Problem> {
    let mut delete = conn.prepare_cached(
        "/* clear_tokens */ DELETE FROM token_run WHERE (param, code, block, low, system) IN
           (SELECT param, code, block, low, system FROM token_run WHERE param = ?1 LIMIT ?2)",
    )?;
    let mut room = rows;
    for param in changed {
        room -= delete.execute((param, i64::try_from(room).unwrap_or(i64::MAX)))?;
        if room == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Where a walk along the references is: the last row that was looked at.
pub(super) type LinkPlace = (String, i64, i64, i64);

/// Deletes the rows of these parameters among the next references; where that ended, and nothing at the end.
pub(super) fn clear_links(
    conn: &Connection,
    changed: &[i64],
    after: &LinkPlace,
    rows: usize,
) -> Result<Option<LinkPlace>, Problem> {
    let mut select = conn.prepare_cached(
        "/* clear_links */ SELECT code, param, block, low FROM link_run WHERE (code, param, block, low) > (?1, ?2, ?3, ?4)
         ORDER BY code, param, block, low LIMIT ?5",
    )?;
    let limit = i64::try_from(rows).unwrap_or(i64::MAX);
    let (code, param, block, low) = after;
    let next: Vec<LinkPlace> = select
        .query_map((code, param, block, low, limit), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?
        .collect::<Result<_, _>>()?;
    let mut delete = conn.prepare_cached(
        "/* clear_links */ DELETE FROM link_run WHERE code = ?1 AND param = ?2 AND block = ?3 AND low = ?4",
    )?;
    for (code, param, block, low) in next.iter().filter(|(_, param, ..)| changed.contains(param)) {
        delete.execute((code, param, block, low))?;
    }
    Ok(next.last().cloned())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::fhir::search::{Kind, parameters};
    use crate::store::row::param;
    use crate::store::sqlite::migration;

    fn empty() -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        migration::migrate(&conn).unwrap();
        conn
    }

    /// The number of a parameter that is a reference.
    fn link() -> i64 {
        param(parameters("Observation").iter().find(|one| one.name == "based-on").unwrap())
    }

    /// Parameter, code, resource and system; and what it is shown with.
    type Rows = BTreeMap<(i64, String, i64, i64), i64>;

    /// Every row of the views.
    fn all(conn: &Connection) -> Rows {
        let each =
            "SELECT param, code, rid, system FROM token UNION ALL SELECT param, code, rid, 0 FROM link";
        let views = count(conn, &format!("({each})"));
        let select = "SELECT t.param, t.code, t.block * 64 + p.n, t.system, t.shown FROM token_run t CROSS JOIN place p
                      WHERE p.n BETWEEN t.low AND t.last AND (t.bits >> (p.n - t.low)) & 1
                      UNION ALL SELECT param, code, rid, 0, 0 FROM link";
        let mut select = conn.prepare(select).unwrap();
        let read =
            |row: &rusqlite::Row<'_>| Ok(((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?), row.get(4)?));
        let rows: Vec<_> = select.query_map([], read).unwrap().map(Result::unwrap).collect();
        let all: Rows = rows.iter().cloned().collect();
        assert_eq!((rows.len(), i64::try_from(rows.len())), (all.len(), Ok(views)), "each once");
        all
    }

    fn count(conn: &Connection, table: &str) -> i64 {
        conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn what_is_written_together_is_one_row_a_block() {
        let conn = empty();
        let (code, target) = ((7, "final".to_owned(), 1), (link(), "CarePlan/c".to_owned(), 0));
        // Of the blocks 0, 1 and 2; the last of a block and the first of the next one too.
        let rids = [60, 62, 63, 64, 70, 127, 128];
        for token in [&code, &target] {
            insert(&conn, &rids.map(|rid| (rid, (token, 0)))).unwrap();
        }
        assert_eq!((count(&conn, "token_run"), count(&conn, "link_run")), (3, 3));
        let expected = rids
            .iter()
            .flat_map(|&rid| [(7, "final".to_owned(), rid, 1), (target.0, "CarePlan/c".to_owned(), rid, 0)])
            .map(|row| (row, 0));
        assert_eq!(all(&conn), expected.collect());
    }

    #[test]
    fn whatever_is_added_and_removed_is_there_once_or_not_at_all() {
        let conn = empty();
        let tokens = [
            (7, "a".to_owned(), 0),
            (7, "a".to_owned(), -5),
            (7, "b".to_owned(), 0),
            (link(), "Patient/p".to_owned(), 0),
        ];
        let together: Vec<_> =
            tokens.iter().flat_map(|token| (3..70).map(move |rid| (rid, (token, 0)))).collect();
        insert(&conn, &together).unwrap();
        let mut expected: Rows = together
            .iter()
            .map(|(rid, ((param, code, system), shown))| ((*param, code.clone(), *rid, *system), *shown))
            .collect();
        // A row of numbers that looks like chance and is the same each time.
        let mut state = 1_u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for step in 0..600 {
            let token = &tokens[usize::try_from(next(4)).unwrap()];
            let rid = i64::try_from(next(140)).unwrap();
            let one = (token.0, token.1.clone(), rid, token.2);
            if next(2) == 0 {
                let shown = if token.0 == 7 { i64::try_from(next(3)).unwrap() } else { 0 };
                add(&conn, rid, (token, shown)).unwrap();
                expected.insert(one, shown);
            } else {
                remove(&conn, rid, token).unwrap();
                expected.remove(&one);
            }
            if step % 50 == 0 {
                assert_eq!(all(&conn), expected, "after step {step}");
            }
        }
        assert_eq!(all(&conn), expected);
        for ((param, code, rid, system), _) in expected {
            remove(&conn, rid, &(param, code, system)).unwrap();
        }
        assert_eq!(
            (count(&conn, "token_run"), count(&conn, "link_run")),
            (0, 0),
            "no row without a resource"
        );
    }

    #[test]
    fn only_changed_parameters_are_cleared_piece_by_piece() {
        let conn = empty();
        let links: Vec<i64> = parameters("Observation")
            .iter()
            .filter(|one| one.kind == Kind::Reference && one.column.is_none())
            .map(param)
            .collect();
        let (gone, kept) = (links[0], links[1]);
        for n in 0..30 {
            for param in [gone, kept, 7, 8] {
                add(&conn, n, (&(param, format!("Patient/{n:02}"), 0), 0)).unwrap();
            }
        }
        let mut place = LinkPlace::default();
        while let Some(next) = clear_links(&conn, &[gone, 7], &place, 7).unwrap() {
            place = next;
        }
        while !clear_tokens(&conn, &[gone, 7], 7).unwrap() {}
        // One that is written meanwhile does not begin it anew.
        insert(&conn, &[(1, (&(7, "new".to_owned(), 0), 0))]).unwrap();
        assert!(clear_tokens(&conn, &[gone, 7], 7).unwrap());
        let left: BTreeSet<i64> = all(&conn).into_keys().map(|(param, ..)| param).collect();
        assert_eq!((left, count(&conn, "link_run")), (BTreeSet::from([8, kept]), 30));
    }
}
