//! Which index leads to the matches of a query.
//!
//! A criterion leads when its index yields the wanted order, or when it is rare: a count that stops at
//! 1,001 tells, so that what is sorted is never more. Otherwise the index of the order is walked and each
//! resource is tested. Nothing is left to the planner's guesses: the index is named in the statement.

use super::condition::{condition, source};
use super::order::{Order, has_urgency};
use super::statement::Statement;
use crate::fhir::search::{Column, Criterion, Key, Modifier, Query, SortKey, Test};
use crate::problem::Problem;

/// So many values are followed side by side.
const LEGS_MAX: usize = 16;

/// Whether a store can be told which index to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Hints {
    /// By its name, after the table (SQLite).
    ByName,
    /// It chooses by itself (PostgreSQL).
    None,
}

/// An index, and the condition of its rows: a partial index wants its own condition repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Index {
    hint: &'static str,
    rows: &'static str,
}

const BY_NUMBER: Index = Index { hint: "NOT INDEXED", rows: "" };
const BY_ID: Index = Index { hint: "INDEXED BY resource_id", rows: "" };
const CREATED: Index = Index { hint: "INDEXED BY resource_created", rows: "" };
const UPDATED: Index = Index { hint: "INDEXED BY resource_updated", rows: "" };
const DATED: Index = Index { hint: "INDEXED BY resource_dated", rows: "" };
const SUBJECT: Index = Index { hint: "INDEXED BY resource_subject", rows: " AND r.subject IS NOT NULL" };
const OWNER: Index = Index { hint: "INDEXED BY resource_owner", rows: " AND r.owner IS NOT NULL" };
const STATUS: Index = Index { hint: "INDEXED BY resource_status", rows: " AND r.status IS NOT NULL" };

/// Tells whether a selection of rows has few enough to be sorted: [`Plan::RARE_MAX`] or fewer.
type IsRare<'r> = &'r mut dyn FnMut(&Statement) -> Result<bool, Problem>;

/// How a query is run.
#[derive(Debug, Clone)]
pub(in crate::store) struct Plan<'a> {
    hints: Hints,
    index: Index,
    /// Conditions of which each is a statement of its own; their matches never overlap.
    legs: Vec<Statement>,
    /// Criteria that the legs do not already hold.
    rest: Vec<&'a Criterion>,
    pub(in crate::store) order: Order,
}

impl<'a> Plan<'a> {
    /// A criterion that matches no more than this may be sorted.
    pub(in crate::store) const RARE_MAX: u64 = 1_000;

    /// Chooses; `is_rare` is asked as seldom as can be, and may always say no.
    pub(in crate::store) fn choose(
        query: &'a Query,
        hints: Hints,
        is_rare: IsRare<'_>,
    ) -> Result<Self, Problem> {
        let order = Order::of(query);
        let whole =
            Self { hints, index: CREATED, legs: Vec::new(), rest: query.criteria.iter().collect(), order };
        if let Some(id) = plain(query, Column::Id) {
            return Ok(whole.led(query, BY_ID, id));
        }
        if let Some(subject) = plain(query, Column::Subject).filter(|lead| values(lead).is_some()) {
            return Ok(whole.legs(query, SUBJECT, subject));
        }
        for criterion in &query.criteria {
            let Some(source) = source(criterion) else { continue };
            if is_rare(&source)? {
                return Ok(whole.sourced(criterion, &source));
            }
        }
        for (column, index) in [(Column::Owner, OWNER), (Column::Status, STATUS)] {
            let Some(criterion) = plain(query, column) else { continue };
            let order =
                if has_urgency(&query.rtype) { whole.order.clone() } else { whole.order.with_urgency() };
            if order.follows(&[SortKey::Urgency, SortKey::Date]) && values(criterion).is_some() {
                return Ok(Self { order, ..whole }.legs(query, index, criterion));
            }
        }
        whole.rare_or_walk(query, is_rare)
    }

    fn rare_or_walk(self, query: &'a Query, is_rare: IsRare<'_>) -> Result<Self, Problem> {
        let walked = match self.order.keys()[0].key {
            Some(SortKey::LastUpdated) => UPDATED,
            Some(SortKey::Date) => DATED,
            Some(SortKey::Urgency | SortKey::Parameter(_)) | None => CREATED,
        };
        for (column, index) in [
            (Column::Subject, SUBJECT),
            (Column::Owner, OWNER),
            (Column::Status, STATUS),
            (Column::LastUpdated, UPDATED),
            (Column::Date, DATED),
        ] {
            let Some(criterion) = plain(query, column) else { continue };
            let plan = self.clone().led(query, index, criterion);
            if index != walked && is_rare(&plan.probe(query))? {
                return Ok(plan);
            }
        }
        Ok(Self { index: walked, legs: vec![Statement::new("1 = 1")], ..self })
    }

    fn led(self, query: &Query, index: Index, lead: &'a Criterion) -> Self {
        let legs = vec![condition(&query.rtype, lead)];
        Self { index, legs, rest: others(&self.rest, lead), ..self }
    }

    fn legs(self, query: &Query, index: Index, lead: &'a Criterion) -> Self {
        let Some(values) = values(lead) else { return self.led(query, index, lead) };
        let leg = |test: Test| {
            let single = Criterion { parameter: lead.parameter, modifier: Modifier::None, any: vec![test] };
            condition(&query.rtype, &single)
        };
        let legs = values.into_iter().map(leg).collect();
        Self { index, legs, rest: others(&self.rest, lead), ..self }
    }

    fn sourced(self, lead: &'a Criterion, source: &Statement) -> Self {
        let mut leg = Statement::new("r.rid IN (");
        leg.append(source).push(")");
        Self { index: BY_NUMBER, legs: vec![leg], rest: others(&self.rest, lead), ..self }
    }

    /// The matches in order, after those keys.
    pub(in crate::store) fn select(&self, query: &Query, after: Option<&[Key]>, limit: usize) -> Statement {
        const COLUMNS: &str = "r.rid AS rid, r.id AS id, r.seq AS seq, r.last_updated AS last_updated, \
                               r.dated_at AS dated_at, r.urgency AS urgency";
        let mut sql = Statement::new("/* search */ ");
        let columns = format!("{COLUMNS}{}", self.order.columns());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // A planner that is given no hints sorts all matches of several legs, unless each of them is a page by itself.
        let each = (self.hints == Hints::None && self.legs.len() > 1).then_some(limit);
        sql.append(&self.union(query, &columns, after, each)).push(&self.order.clause());
        sql.bind(" LIMIT ?", limit);
        sql
    }

    /// How many match in all, or up to a limit.
    pub(in crate::store) fn count(&self, query: &Query, limit: Option<usize>) -> Statement {
        let mut sql = Statement::new("/* count */ SELECT count(*) FROM (");
        sql.append(&self.union(query, "1", None, None));
        if let Some(limit) = limit {
            sql.bind(" LIMIT ?", i64::try_from(limit).unwrap_or(i64::MAX));
        }
        sql.push(")");
        sql
    }

    fn probe(&self, query: &Query) -> Statement {
        Self { rest: Vec::new(), ..self.clone() }.union(query, "1", None, None)
    }

    /// The matches of all legs; with a limit, no more than the first so many of each.
    fn union(&self, query: &Query, columns: &str, after: Option<&[Key]>, each: Option<i64>) -> Statement {
        let mut sql = Statement::default();
        let hint = if self.hints == Hints::ByName { self.index.hint } else { "" };
        for (n, leg) in self.legs.iter().enumerate() {
            sql.push(if n > 0 { " UNION ALL " } else { "" });
            sql.push(if each.is_some() { "(" } else { "" });
            sql.push(&format!("SELECT {columns} FROM resource r {hint}"));
            if columns != "1" {
                sql.append(&self.order.joins());
            }
            sql.push(&format!(" WHERE r.deleted = 0{}", self.index.rows));
            sql.bind(" AND r.rtype = (SELECT code FROM resource_type WHERE name = ?)", query.rtype.clone());
            sql.push(" AND ").append(leg);
            for criterion in &self.rest {
                sql.push(" AND ").append(&condition(&query.rtype, criterion));
            }
            if let Some(keys) = after {
                sql.push(" AND ").append(&self.order.after(keys));
            }
            if let Some(limit) = each {
                sql.push(&self.order.clause()).bind(" LIMIT ?", limit).push(")");
            }
        }
        sql
    }
}

/// The first criterion that is compared through a column as it is.
fn plain(query: &Query, column: Column) -> Option<&Criterion> {
    let leads = |criterion: &&Criterion| {
        criterion.modifier == Modifier::None && criterion.parameter.column == Some(column)
    };
    query.criteria.iter().find(leads)
}

fn others<'a>(criteria: &[&'a Criterion], lead: &Criterion) -> Vec<&'a Criterion> {
    criteria.iter().copied().filter(|criterion| !std::ptr::eq(*criterion, lead)).collect()
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
