//! The rows that resources are found by: many at a time, in the order of the tables they go into.

use std::hash::{Hash, Hasher};

use rusqlite::Connection;

use super::many::many;
use super::runs;
use super::shown;
use crate::fhir::schema::NameHasher;
use crate::problem::Problem;
use crate::store::row::{Part, Row, Text};
use crate::store::shown::Shown;

/// The place of an entry: which resource, and which of its entries.
type Place = (usize, usize);

/// What the new resources of a unit are found by, in the order of the tables, so that neighbours are written together.
pub(super) struct Sorted {
    /// For each row what its codes are shown with.
    shown: Vec<Shown>,
    tokens: Vec<Place>,
    /// Without those that codes tell.
    texts: Vec<Place>,
    /// Texts that codes tell: one of each.
    told: Vec<Place>,
}

impl Sorted {
    /// Of those rows for which `is_new` says so.
    pub(super) fn new(rows: &[Row], is_new: impl Fn(usize) -> bool) -> Self {
        let new = || rows.iter().enumerate().filter(|(n, _)| is_new(*n));
        let mut shown = Vec::new();
        shown.resize_with(rows.len(), Shown::default);
        new().for_each(|(n, row)| shown[n] = Shown::of(row));
        let of_rows = &shown;
        let tokens = new().flat_map(|(n, row)| {
            let of_row = row.tokens.iter().enumerate();
            of_row.map(move |(k, (param, code, system))| {
                ((n, k), *param, code.as_str(), (code, system, of_rows[n].number(k)))
            })
        });
        let texts = new().flat_map(|(n, row)| {
            let of_row = row.texts.iter().enumerate().filter(move |(k, _)| !of_rows[n].tells(*k));
            of_row.map(move |(k, (param, folded, _))| ((n, k), *param, folded.as_str(), folded))
        });
        let told = new().flat_map(|(n, row)| {
            of_rows[n].entries(row).map(move |(k, entry)| ((n, k), entry.0, entry.1, entry))
        });
        let (tokens, texts, mut told) = (sorted(tokens), sorted(texts), sorted(told));
        told.dedup_by_key(|(n, k)| of_rows[*n].entry(&rows[*n], *k));
        Self { shown, tokens, texts, told }
    }

    /// Adds them, and the dates and measured values; `rids` says under which number each resource is kept.
    pub(super) fn insert(
        &self,
        conn: &Connection,
        rows: &[Row],
        rids: &[(usize, i64)],
    ) -> Result<(), Problem> {
        let mut numbers = vec![0; rows.len()];
        rids.iter().for_each(|(n, rid)| numbers[*n] = *rid);
        let of = |&(n, k): &Place| (numbers[n], (&rows[n].tokens[k], self.shown[n].number(k)));
        runs::insert(conn, &self.tokens.iter().map(of).collect::<Vec<_>>())?;
        let of = |&(n, k): &Place| self.shown[n].entry(&rows[n], k);
        shown::tell(conn, &self.told.iter().filter_map(of).collect::<Vec<_>>())?;
        let of = |&(n, k): &Place| (numbers[n], &rows[n].texts[k]);
        texts(conn, &self.texts.iter().map(of).collect::<Vec<_>>())?;
        let of = |&(n, rid): &(usize, i64)| rows[n].spans.iter().map(move |span| (rid, span));
        spans(conn, &rids.iter().flat_map(of).collect::<Vec<_>>())?;
        let of = |&(n, rid): &(usize, i64)| rows[n].parts.iter().map(move |part| (rid, part));
        parts(conn, &rids.iter().flat_map(of).collect::<Vec<_>>())
    }
}

/// The places of entries, each handed in with its parameter, its text and all that it says: in the order of their parameters and
/// the beginnings of their texts, and those that say the same one after the other, as they came. A key is 32 bytes that are
/// compared as numbers: most of what a response becomes is found by the same long texts, which need not be walked for that.
fn sorted<'t>(entries: impl Iterator<Item = (Place, i64, &'t str, impl Hash)>) -> Vec<Place> {
    let (mut places, mut keys) = (Vec::new(), Vec::new());
    for (place, param, text, said) in entries {
        let mut hasher = NameHasher::default();
        said.hash(&mut hasher);
        // What differs and comes together all the same makes more rows, and none that says something else.
        keys.push((lead(param, text), hasher.finish(), places.len()));
        places.push(place);
    }
    keys.sort_unstable();
    keys.into_iter().map(|(.., n)| places[n]).collect()
}

/// The parameter, whose number is never negative, and the first bytes of the text.
fn lead(param: i64, text: &str) -> u128 {
    let mut first = [0; 16];
    let (number, beginning) = first.split_at_mut(4);
    number.copy_from_slice(&u32::try_from(param).unwrap_or(u32::MAX).to_be_bytes());
    let length = text.len().min(beginning.len());
    beginning[..length].copy_from_slice(&text.as_bytes()[..length]);
    u128::from_be_bytes(first)
}

/// Removes what the new version is no longer found by, and adds what it is newly found by.
pub(super) fn replace(conn: &Connection, rid: i64, old: Option<&Row>, new: &Row) -> Result<(), Problem> {
    let none = Row::default();
    let old = old.unwrap_or(&none);
    let (old_shown, new_shown) = (Shown::of(old), Shown::of(new));
    for token in old.tokens.iter().filter(|token| !new.tokens.contains(token)) {
        runs::remove(conn, rid, token)?;
    }
    let mut delete = conn.prepare_cached(
        "/* replace */ DELETE FROM text WHERE param = ?1 AND folded = ?2 AND exact = ?3 AND rid = ?4",
    )?;
    for (param, folded, exact) in old.texts.iter().filter(|text| !new.texts.contains(text)) {
        delete.execute((param, folded, exact, rid))?;
    }
    for (k, token) in new.tokens.iter().enumerate() {
        let number = new_shown.number(k);
        let before = old.tokens.iter().position(|old| old == token);
        if before.is_none_or(|before| old_shown.number(before) != number) {
            runs::add(conn, rid, (token, number))?;
        }
    }
    shown::tell(conn, &new_shown.entries(new).map(|(_, entry)| entry).collect::<Vec<_>>())?;
    let is_kept = |text: &Text| {
        old.texts.iter().position(|old| old == text).is_some_and(|before| !old_shown.tells(before))
    };
    let added = new.texts.iter().enumerate().filter(|(k, text)| !new_shown.tells(*k) && !is_kept(text));
    texts(conn, &added.map(|(_, text)| (rid, text)).collect::<Vec<_>>())?;
    if old.spans != new.spans {
        conn.prepare_cached("/* replace */ DELETE FROM span WHERE rid = ?1")?.execute([rid])?;
        spans(conn, &new.spans.iter().map(|span| (rid, span)).collect::<Vec<_>>())?;
    }
    if old.parts != new.parts {
        conn.prepare_cached("/* replace */ DELETE FROM part WHERE rid = ?1")?.execute([rid])?;
        parts(conn, &new.parts.iter().map(|part| (rid, part)).collect::<Vec<_>>())?;
    }
    Ok(())
}

fn texts(conn: &Connection, rows: &[(i64, &Text)]) -> Result<(), Problem> {
    many(
        conn,
        "OR IGNORE INTO text (param, folded, exact, rid)",
        rows,
        |row, (rid, (param, folded, exact))| {
            row.put(param)?;
            row.put(folded)?;
            row.put(exact)?;
            row.put(rid)
        },
    )?;
    Ok(())
}

fn spans(conn: &Connection, rows: &[(i64, &(i64, i64, i64))]) -> Result<(), Problem> {
    many(conn, "OR IGNORE INTO span (rid, param, low, high)", rows, |row, (rid, (param, low, high))| {
        row.put(rid)?;
        row.put(param)?;
        row.put(low)?;
        row.put(high)
    })?;
    Ok(())
}

fn parts(conn: &Connection, rows: &[(i64, &Part)]) -> Result<(), Problem> {
    let into =
        "OR IGNORE INTO part (rid, param, n, part, code, system, unit, low, high, base, base_low, base_high)";
    many(conn, into, rows, |row, (rid, part)| {
        row.put(rid)?;
        row.put(part.param)?;
        row.put(part.n)?;
        row.put(part.part)?;
        row.put(&part.code)?;
        row.put(part.system)?;
        row.put(&part.unit)?;
        row.put(&part.low)?;
        row.put(&part.high)?;
        row.put(part.base)?;
        row.put(&part.base_low)?;
        row.put(&part.base_high)
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_leads_is_never_against_the_order(
            one in (0..3_i64, "[ab\u{0}é]{0,14}"),
            other in (0..3_i64, "[ab\u{0}é]{0,14}"),
        ) {
            let leads = lead(one.0, &one.1).cmp(&lead(other.0, &other.1));
            prop_assert!(leads.is_eq() || leads == one.cmp(&other));
        }

        #[test]
        fn what_says_the_same_comes_together_in_the_order_of_resources(
            all in proptest::collection::vec((0..2_i64, "(ab|the same beginning )[ab]{0,2}", 0..2_i64), 0..60),
        ) {
            let entries = all.iter().enumerate().map(|(n, (param, text, system))| ((n, 0), *param, text.as_str(), (text, system)));
            let found: Vec<usize> = sorted(entries).into_iter().map(|(n, _)| n).collect();
            let mut each = found.clone();
            each.sort_unstable();
            prop_assert!(each.into_iter().eq(0..all.len()));
            prop_assert!(found.is_sorted_by_key(|n| lead(all[*n].0, &all[*n].1)));
            let mut ends = std::collections::HashMap::new();
            for (place, n) in found.iter().enumerate() {
                let before = ends.insert(&all[*n], (place, *n));
                prop_assert!(before.is_none_or(|before| before.0 + 1 == place && before.1 < *n), "{:?}", all[*n]);
            }
        }
    }
}
