//! Running a query: a plan that keeps to an index, keyset paging, bodies fetched last.

mod person;

use rusqlite::types::{ToSql, ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Row, params_from_iter};

use super::commit::Types;
use super::read;
use crate::fhir::search::{Key, Query, SortKey, Total, open_cursor, seal_cursor};
use crate::problem::Problem;
use crate::store::search::{
    Bound, ESTIMATE_MAX, Hints, Order, Plan, SORTED_MAX, Statement, too_many_to_sort,
};
use crate::store::{Page, Stored};

impl ToSql for Bound {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Number(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

pub(super) fn page(conn: &Connection, types: &Types, query: &Query) -> Result<Page, Problem> {
    match person::page(conn, types, query)? {
        Some(page) => Ok(page),
        None => worded(conn, query),
    }
}

/// The page of any query, in words of its own.
fn worded(conn: &Connection, query: &Query) -> Result<Page, Problem> {
    let plan = choose(conn, query)?;
    if plan.is_unbounded() {
        few_enough(conn, query, &plan)?;
    }
    let after = open_cursor(query, plan.order.keys().len())?;
    let statement = plan.select(query, after.as_deref(), query.count + 1);
    let mut matches = run(conn, &statement)?;
    let found = matches.len();
    matches.truncate(query.count);
    let resources = bodies(conn, query, &matches)?;
    matches.truncate(resources.len());
    let more = found > matches.len();
    let next = matches.last().filter(|_| more).map(|last| seal_cursor(query, &last.keys(&plan.order)));
    Ok(Page { resources, total: total(conn, query, &plan)?, next })
}

/// The matches with their bodies, as many as a page may hold bytes; at least the first.
fn bodies(conn: &Connection, query: &Query, matches: &[Match]) -> Result<Vec<Stored>, Problem> {
    let (mut resources, mut left) = (Vec::new(), query.bytes_max);
    for found in matches {
        let stored = read::by_seq(conn, &query.rtype, &found.id, found.seq)?;
        if !resources.is_empty() && stored.size() > left {
            break;
        }
        left = left.saturating_sub(stored.size());
        resources.push(stored);
    }
    Ok(resources)
}

/// Ids of matches, at most so many.
pub(super) fn matching_ids(conn: &Connection, query: &Query, limit: usize) -> Result<Vec<String>, Problem> {
    let statement = choose(conn, query)?.select(query, None, limit);
    Ok(run(conn, &statement)?.into_iter().map(|found| found.id).collect())
}

fn choose<'a>(conn: &Connection, query: &'a Query) -> Result<Plan<'a>, Problem> {
    Plan::choose(query, Hints::ByName, &mut |source| {
        let mut sql = Statement::new("/* is_rare */ SELECT count(*) FROM (");
        sql.append(source).push(&format!(" LIMIT {})", Plan::RARE_MAX + 1));
        Ok(count(conn, &sql)? <= Plan::RARE_MAX)
    })
}

/// Refuses to sort by a value that no index has in order when very many match.
fn few_enough(conn: &Connection, query: &Query, plan: &Plan<'_>) -> Result<(), Problem> {
    let found = count(conn, &plan.count(query, Some(SORTED_MAX + 1)))?;
    if found <= SORTED_MAX as u64 {
        return Ok(());
    }
    Err(too_many_to_sort())
}

/// The single number that a statement selects.
fn count(conn: &Connection, statement: &Statement) -> Result<u64, Problem> {
    let mut prepared = conn.prepare_cached(statement.text())?;
    Ok(prepared.query_row(params_from_iter(statement.values()), |row| row.get(0))?)
}

fn total(conn: &Connection, query: &Query, plan: &Plan<'_>) -> Result<Option<u64>, Problem> {
    let limit = match query.total {
        Total::None => return Ok(None),
        Total::Estimate => Some(ESTIMATE_MAX),
        Total::Accurate => None,
    };
    count(conn, &plan.count(query, limit)).map(Some)
}

/// A match, before its body is read.
struct Match {
    rid: i64,
    id: String,
    seq: i64,
    last_updated: i64,
    dated_at: i64,
    urgency: i64,
    /// Values of the order that are in no column, in its order.
    sorted: Vec<Key>,
}

impl Match {
    fn keys(&self, order: &Order) -> Vec<Key> {
        let mut sorted = self.sorted.iter().cloned();
        let mut key = |sort: &SortKey| match sort {
            SortKey::LastUpdated => Key::Number(self.last_updated),
            SortKey::Date => Key::Number(self.dated_at),
            SortKey::Urgency => Key::Number(self.urgency),
            SortKey::Parameter(_) => sorted.next().unwrap_or(Key::Absent),
        };
        order
            .keys()
            .iter()
            .map(|sorted| sorted.key.as_ref().map_or(Key::Number(self.rid), &mut key))
            .collect()
    }
}

fn key(value: ValueRef<'_>) -> Key {
    match value {
        ValueRef::Integer(number) => Key::Number(number),
        ValueRef::Text(text) => Key::Text(String::from_utf8_lossy(text).into_owned()),
        _ => Key::Absent,
    }
}

fn run(conn: &Connection, statement: &Statement) -> Result<Vec<Match>, Problem> {
    let read = |row: &Row<'_>| {
        Ok(Match {
            rid: row.get(0)?,
            id: row.get(1)?,
            seq: row.get(2)?,
            last_updated: row.get(3)?,
            dated_at: row.get(4)?,
            urgency: row.get(5)?,
            sorted: (6..row.as_ref().column_count())
                .map(|n| row.get_ref(n).map(key))
                .collect::<Result<_, _>>()?,
        })
    };
    let mut prepared = conn.prepare_cached(statement.text())?;
    let rows = prepared.query_map(params_from_iter(statement.values()), read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests;
