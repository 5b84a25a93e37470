//! Which index leads to the matches of a query.
//!
//! A criterion leads when its index yields the wanted order, or when it is rare: a count that stops at
//! 1,001 tells, so that what is sorted is never more. Otherwise the index of the order is walked and each
//! resource is tested. Nothing is left to the planner's guesses: the index is named in the statement.

use rusqlite::Connection;

use super::condition::{condition, source};
use super::order::{Order, has_urgency};
use super::statement::Statement;
use crate::fhir::search::{Column, Criterion, Modifier, Query, SortKey, Test};
use crate::problem::Problem;

/// A criterion that matches no more than this may be sorted.
const RARE_MAX: u64 = 1_000;
/// So many values are followed side by side.
const LEGS_MAX: usize = 16;

/// What goes between the table and the condition of its rows; a partial index wants its own condition repeated.
const BY_NUMBER: &str = "NOT INDEXED WHERE r.deleted = 0";
const BY_ID: &str = "INDEXED BY resource_id WHERE r.deleted = 0";
const CREATED: &str = "INDEXED BY resource_created WHERE r.deleted = 0";
const UPDATED: &str = "INDEXED BY resource_updated WHERE r.deleted = 0";
const DATED: &str = "INDEXED BY resource_dated WHERE r.deleted = 0";
const SUBJECT: &str = "INDEXED BY resource_subject WHERE r.deleted = 0 AND r.subject IS NOT NULL";
const OWNER: &str = "INDEXED BY resource_owner WHERE r.deleted = 0 AND r.owner IS NOT NULL";
const STATUS: &str = "INDEXED BY resource_status WHERE r.deleted = 0 AND r.status IS NOT NULL";

/// How a query is run.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    /// One of the constants above.
    index: &'static str,
    /// Conditions of which each is a statement of its own; their matches never overlap.
    legs: Vec<Statement>,
    /// Criteria that the legs do not already hold.
    rest: Vec<&'a Criterion>,
    pub(super) order: Order,
}

impl<'a> Plan<'a> {
    pub(super) fn choose(conn: &Connection, query: &'a Query) -> Result<Self, Problem> {
        let order = Order::of(query);
        let plain = |column: Column| {
            let leads = move |criterion: &&Criterion| {
                criterion.modifier == Modifier::None && criterion.parameter.column == Some(column)
            };
            query.criteria.iter().find(leads)
        };
        if let Some(id) = plain(Column::Id) {
            return Ok(Self::led(query, BY_ID, id, order));
        }
        if let Some(subject) = plain(Column::Subject) {
            return Ok(Self::legs(query, SUBJECT, subject, order));
        }
        for criterion in &query.criteria {
            if let Some(source) = source(criterion).filter(|source| is_rare(conn, source).unwrap_or(false)) {
                return Ok(Self::sourced(query, criterion, &source, order));
            }
        }
        for (column, index) in [(Column::Owner, OWNER), (Column::Status, STATUS)] {
            let Some(criterion) = plain(column) else { continue };
            let order = if has_urgency(&query.rtype) { order.clone() } else { order.with_urgency() };
            if order.follows(&[SortKey::Urgency, SortKey::Date]) && values(criterion).is_some() {
                return Ok(Self::legs(query, index, criterion, order));
            }
        }
        Self::rare_or_walk(conn, query, order, plain)
    }

    fn rare_or_walk(
        conn: &Connection,
        query: &'a Query,
        order: Order,
        plain: impl Fn(Column) -> Option<&'a Criterion>,
    ) -> Result<Self, Problem> {
        let walked = match order.keys()[0].key {
            Some(SortKey::LastUpdated) => UPDATED,
            Some(SortKey::Date) => DATED,
            Some(SortKey::Urgency) | None => CREATED,
        };
        for (column, index) in [
            (Column::Owner, OWNER),
            (Column::Status, STATUS),
            (Column::LastUpdated, UPDATED),
            (Column::Date, DATED),
        ] {
            let Some(criterion) = plain(column) else { continue };
            let plan = Self::led(query, index, criterion, order.clone());
            if index != walked && is_rare(conn, &plan.probe(query))? {
                return Ok(plan);
            }
        }
        let rest = query.criteria.iter().collect();
        Ok(Self { index: walked, legs: vec![Statement::new("1")], rest, order })
    }

    fn led(query: &'a Query, index: &'static str, lead: &'a Criterion, order: Order) -> Self {
        Self { index, legs: vec![condition(&query.rtype, lead)], rest: others(query, lead), order }
    }

    fn legs(query: &'a Query, index: &'static str, lead: &'a Criterion, order: Order) -> Self {
        let Some(values) = values(lead) else { return Self::led(query, index, lead, order) };
        let leg = |test: Test| {
            condition(
                &query.rtype,
                &Criterion { parameter: lead.parameter, modifier: Modifier::None, any: vec![test] },
            )
        };
        Self { index, legs: values.into_iter().map(leg).collect(), rest: others(query, lead), order }
    }

    fn sourced(query: &'a Query, lead: &'a Criterion, source: &Statement, order: Order) -> Self {
        let mut leg = Statement::new("r.rid IN (");
        leg.append(source).push(")");
        Self { index: BY_NUMBER, legs: vec![leg], rest: others(query, lead), order }
    }

    /// The matches in order, after those keys.
    pub(super) fn select(&self, query: &Query, after: Option<&[i64]>, limit: usize) -> Statement {
        const COLUMNS: &str = "r.rid AS rid, r.id AS id, r.seq AS seq, r.last_updated AS last_updated, \
                               r.dated_at AS dated_at, r.urgency AS urgency";
        let mut sql = Statement::new("/* search */ ");
        sql.append(&self.union(query, COLUMNS, after)).push(&self.order.clause());
        sql.bind(" LIMIT ?", i64::try_from(limit).unwrap_or(i64::MAX));
        sql
    }

    /// How many match in all, or up to a limit.
    pub(super) fn count(&self, query: &Query, limit: Option<usize>) -> Statement {
        let mut sql = Statement::new("/* count */ SELECT count(*) FROM (");
        sql.append(&self.union(query, "1", None));
        if let Some(limit) = limit {
            sql.bind(" LIMIT ?", i64::try_from(limit).unwrap_or(i64::MAX));
        }
        sql.push(")");
        sql
    }

    fn probe(&self, query: &Query) -> Statement {
        let bare =
            Self { index: self.index, legs: self.legs.clone(), rest: Vec::new(), order: self.order.clone() };
        bare.union(query, "1", None)
    }

    fn union(&self, query: &Query, columns: &str, after: Option<&[i64]>) -> Statement {
        let mut sql = Statement::default();
        for (n, leg) in self.legs.iter().enumerate() {
            sql.push(if n > 0 { " UNION ALL " } else { "" });
            sql.push(&format!("SELECT {columns} FROM resource r {}", self.index));
            sql.bind(" AND r.rtype = (SELECT code FROM resource_type WHERE name = ?)", query.rtype.clone());
            sql.push(" AND ").append(leg);
            for criterion in &self.rest {
                sql.push(" AND ").append(&condition(&query.rtype, criterion));
            }
            if let Some(keys) = after {
                sql.push(" AND ").append(&self.order.after(keys));
            }
        }
        sql
    }
}

fn others<'a>(query: &'a Query, lead: &Criterion) -> Vec<&'a Criterion> {
    query.criteria.iter().filter(|criterion| !std::ptr::eq(*criterion, lead)).collect()
}

/// The alternatives one by one, where no two can match the same resource and each names one value.
fn values(criterion: &Criterion) -> Option<Vec<Test>> {
    let mut values: Vec<Test> = Vec::new();
    for test in &criterion.any {
        let parts = match test {
            Test::Reference(targets) => {
                targets.iter().map(|target| Test::Reference(vec![target.clone()])).collect()
            }
            Test::Token { system, code: Some(_) } if system.is_none() || criterion.any.len() == 1 => {
                vec![test.clone()]
            }
            _ => return None,
        };
        for part in parts {
            if !values.contains(&part) {
                values.push(part);
            }
        }
    }
    (values.len() <= LEGS_MAX).then_some(values)
}

fn is_rare(conn: &Connection, source: &Statement) -> Result<bool, Problem> {
    let mut sql = Statement::new("/* is_rare */ SELECT count(*) FROM (");
    sql.append(source).bind(" LIMIT ?)", i64::try_from(RARE_MAX + 1).unwrap_or(i64::MAX));
    Ok(sql.count(conn)? <= RARE_MAX)
}
