//! The resources of one person, newest first, with a status or of one definition: what each submission asks for several times.
//! One statement whose text never changes walks the person's dates, and what else must hold is told by the row that it reads:
//! to word such a search and to find its prepared statement took as long as to run it.

use std::cmp::Reverse;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::super::commit::Types;
use super::super::read;
use crate::fhir::search::{Column, Criterion, Key, Kind, Modifier, Query, SortKey, Test, Total, seal_cursor};
use crate::problem::Problem;
use crate::store::Page;
use crate::store::row::{is_link, param};
use crate::store::search::{Order, told};

/// All that a person has of a type, block by block: those of one date and block, 64 at most, are sorted here. SQLite would make
/// a table for it.
const NEWEST: &str =
    "/* person */ SELECT r.rid, r.id, r.seq, r.dated_at, r.status, r.keys, r.block FROM person_resource r
     WHERE r.subject = ?1 AND r.rtype = ?2 ORDER BY r.dated_at DESC, r.block DESC";

/// Whether anything refers to a resource by a parameter.
const REFERRED: &str = "/* referred */ SELECT 1 FROM link_run WHERE code = ?1 AND param = ?2 LIMIT 1";

/// The page of such a search; nothing for one that has to be worded, or where a row does not tell all.
///
/// # Errors
/// Those of the file.
pub(super) fn page(conn: &Connection, types: &Types, query: &Query) -> Result<Option<Page>, Problem> {
    if query.after.is_some() || query.total != Total::None {
        return Ok(None);
    }
    if refers_nothing(conn, query)? {
        return Ok(Some(Page::default()));
    }
    match (Asked::of(query), types.get(&query.rtype)) {
        (Some(asked), Some(code)) => asked.page(conn, *code, query),
        _ => Ok(None),
    }
}

/// Whether a search by one reference alone finds nothing, because nothing refers there.
fn refers_nothing(conn: &Connection, query: &Query) -> Result<bool, Problem> {
    let [Criterion { parameter, modifier: Modifier::None, any }] = query.criteria.as_slice() else {
        return Ok(false);
    };
    let [Test::Reference(targets)] = any.as_slice() else { return Ok(false) };
    let ([target], None, [stored]) = (targets.as_slice(), parameter.column, &parameter.stored()[..]) else {
        return Ok(false);
    };
    let number = param(stored);
    let kept = stored.column.is_none() && is_link(number);
    Ok(kept && !conn.prepare_cached(REFERRED)?.exists((target, number))?)
}

/// A match, before its body is read.
struct Match {
    /// Its date and block.
    group: (i64, i64),
    rid: i64,
    id: String,
    seq: i64,
}

/// What is asked about a person.
struct Asked<'q> {
    subject: &'q str,
    /// All of these must hold.
    holds: Vec<Holds<'q>>,
}

/// What a row tells of its resource.
enum Holds<'q> {
    /// It has one of these statuses.
    Status(Vec<&'q str>),
    /// The only value of a parameter is this text, or one of the only two; see `row::sort_keys`.
    Value {
        text: &'q str,
        /// How the keys begin: with the least value, with the second of two, with the greatest of more.
        least: String,
        second: String,
        greatest: String,
    },
}

impl<'q> Asked<'q> {
    fn of(query: &'q Query) -> Option<Self> {
        let (mut subject, mut holds) = (None, Vec::new());
        for Criterion { parameter, modifier, any } in &query.criteria {
            match (parameter.column, any.as_slice()) {
                _ if *modifier != Modifier::None => return None,
                (Some(Column::Subject), [Test::Reference(targets)]) if subject.is_none() => {
                    let [target] = targets.as_slice() else { return None };
                    subject = Some(target.as_str());
                }
                (Some(Column::Status), tests @ [_, ..]) => {
                    let code = |test: &'q Test| match test {
                        Test::Token { system: None, code: Some(code) } => Some(code.as_str()),
                        _ => None,
                    };
                    holds.push(Holds::Status(tests.iter().map(code).collect::<Option<_>>()?));
                }
                (None, [test @ Test::Canonical { version: None, .. }])
                    if parameter.kind == Kind::Canonical && matches!(parameter.stored()[..], [_]) =>
                {
                    let stored = parameter.stored()[0];
                    let (text, number) = (told(stored, *modifier, test)?, param(stored));
                    let begin = |mark: &str| format!("\"{mark}{number}\":\"");
                    let (least, second, greatest) = (begin(""), begin("e"), begin("d"));
                    holds.push(Holds::Value { text, least, second, greatest });
                }
                _ => return None,
            }
        }
        let newest_first = Order::of(query);
        let is_newest_first = newest_first.follows(&[SortKey::Date]) && newest_first.keys()[0].descending;
        Some(Self { subject: subject.filter(|_| is_newest_first)?, holds })
    }

    fn page(&self, conn: &Connection, rtype: i64, query: &Query) -> Result<Option<Page>, Problem> {
        let mut select = conn.prepare_cached(NEWEST)?;
        let mut rows = select.query((self.subject, rtype))?;
        let mut found: Vec<Match> = Vec::new();
        while let Some(row) = rows.next()? {
            let group: (i64, i64) = (row.get(3)?, row.get(6)?);
            if found.len() > query.count && found.last().is_some_and(|last| last.group != group) {
                break;
            }
            match self.hold(row)? {
                Some(true) => {
                    found.push(Match { group, rid: row.get(0)?, id: row.get(1)?, seq: row.get(2)? });
                }
                Some(false) => {}
                None => return Ok(None),
            }
        }
        drop(rows);
        found.sort_unstable_by_key(|one| Reverse((one.group, one.rid)));
        let more = found.len() > query.count;
        found.truncate(query.count);
        let next = found.last().filter(|_| more).map(|last| {
            let (dated_at, _) = last.group;
            seal_cursor(query, &[Key::Number(dated_at), Key::Number(last.rid)])
        });
        let resources = found
            .iter()
            .map(|one| read::by_seq(conn, &query.rtype, &one.id, one.seq))
            .collect::<Result<_, _>>()?;
        Ok(Some(Page { resources, total: None, next }))
    }

    /// Whether all of it holds; nothing when the row does not tell.
    fn hold(&self, row: &Row<'_>) -> rusqlite::Result<Option<bool>> {
        for one in &self.holds {
            let holds = match one {
                Holds::Status(codes) => {
                    Some(text(row.get_ref(4)?).is_some_and(|status| codes.contains(&status)))
                }
                Holds::Value { text: wanted, least, second, greatest } => {
                    let Some(keys) = text(row.get_ref(5)?) else { return Ok(None) };
                    let is = |begin: &str| Some(starts_with_text(keys.split_once(begin)?.1, wanted));
                    match is(least) {
                        _ if keys.contains(greatest) => None,
                        Some(least) => Some(least || is(second) == Some(true)),
                        None => None,
                    }
                }
            };
            if holds != Some(true) {
                return Ok(holds);
            }
        }
        Ok(Some(true))
    }
}

/// Whether the rest of some JSON goes on with that text, which none of its bytes escapes, and with its end.
fn starts_with_text(rest: &str, text: &str) -> bool {
    rest.strip_prefix(text).is_some_and(|rest| rest.starts_with('"'))
}

fn text(value: ValueRef<'_>) -> Option<&str> {
    value.as_str_or_null().ok().flatten()
}

#[cfg(test)]
mod tests;
