//! Running a query: a plan that keeps to an index, keyset paging, bodies fetched last.

mod condition;
mod order;
mod plan;
mod statement;

use rusqlite::{Connection, Row, params_from_iter};

use super::read;
use crate::fhir::search::{Query, SortKey, Total, open_cursor, seal_cursor};
use crate::problem::Problem;
use crate::store::Page;
use order::Order;
use plan::Plan;
use statement::Statement;

/// An estimate counts no further.
const ESTIMATE_MAX: usize = 1_001;

pub(super) fn page(conn: &Connection, query: &Query) -> Result<Page, Problem> {
    let plan = Plan::choose(conn, query)?;
    let after = open_cursor(query, plan.order.keys().len())?;
    let statement = plan.select(query, after.as_deref(), query.count + 1);
    let mut matches = run(conn, &statement)?;
    let more = matches.len() > query.count;
    matches.truncate(query.count);
    let next = matches.last().filter(|_| more).map(|last| seal_cursor(query, &last.keys(&plan.order)));
    let resources = matches
        .iter()
        .map(|found| read::by_seq(conn, &query.rtype, &found.id, found.seq))
        .collect::<Result<_, _>>()?;
    Ok(Page { resources, total: total(conn, query, &plan)?, next })
}

/// Ids of matches, at most so many.
pub(super) fn matching_ids(conn: &Connection, query: &Query, limit: usize) -> Result<Vec<String>, Problem> {
    let statement = Plan::choose(conn, query)?.select(query, None, limit);
    Ok(run(conn, &statement)?.into_iter().map(|found| found.id).collect())
}

fn total(conn: &Connection, query: &Query, plan: &Plan<'_>) -> Result<Option<u64>, Problem> {
    let limit = match query.total {
        Total::None => return Ok(None),
        Total::Estimate => Some(ESTIMATE_MAX),
        Total::Accurate => None,
    };
    plan.count(query, limit).count(conn).map(Some)
}

/// A match, before its body is read.
struct Match {
    rid: i64,
    id: String,
    seq: i64,
    last_updated: i64,
    dated_at: i64,
    urgency: i64,
}

impl Match {
    fn keys(&self, order: &Order) -> Vec<i64> {
        let key = |sort: &SortKey| match sort {
            SortKey::LastUpdated => self.last_updated,
            SortKey::Date => self.dated_at,
            SortKey::Urgency => self.urgency,
        };
        order.keys().iter().map(|sorted| sorted.key.as_ref().map_or(self.rid, key)).collect()
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
        })
    };
    let mut prepared = conn.prepare_cached(statement.text())?;
    let rows = prepared.query_map(params_from_iter(statement.values()), read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests;
