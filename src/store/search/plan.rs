//! Which index leads to the matches of a query.
//!
//! A criterion leads when its index yields the wanted order, or when it is rare: a count that stops at
//! 1,001 tells, so that what is sorted is never more. Otherwise the index of the order is walked and each
//! resource is tested. Nothing is left to the planner's guesses: the index is named in the statement.

use super::condition::{self, condition, source};
use super::leg::{self, BY_ID, BY_NUMBER, CREATED, DATED, Index, Leg, SUBJECT, UPDATED};
use super::nested;
use super::order::Order;
use super::statement::Statement;
use crate::fhir::search::{Column, Criterion, Key, Modifier, Query, SortKey, Test};
use crate::problem::Problem;

/// Whether a store can be told which index to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Hints {
    /// By its name, after the table (SQLite).
    ByName,
    /// It chooses by itself (PostgreSQL).
    None,
}

/// The resources that a rare selection of rows names. A planner that is given no hints would walk all resources of the type in
/// the wanted order and look each up in a selection whose size it does not know: as an array it comes first.
fn among(hints: Hints, source: &Statement) -> Statement {
    let (before, after) = match hints {
        Hints::ByName => ("r.rid IN (", ")"),
        Hints::None => ("r.rid = ANY (ARRAY(", "))"),
    };
    let mut holds = Statement::new(before);
    holds.append(source).push(after);
    holds
}

/// Tells whether a selection of rows has few enough to be sorted: [`Plan::RARE_MAX`] or fewer.
type IsRare<'r> = &'r mut dyn FnMut(&Statement) -> Result<bool, Problem>;

/// How a query is run.
#[derive(Debug, Clone)]
pub(in crate::store) struct Plan<'a> {
    hints: Hints,
    /// Statements of their own, whose matches never overlap.
    legs: Vec<Leg>,
    /// Criteria that the legs do not already hold.
    rest: Vec<&'a Criterion>,
    pub(in crate::store) order: Order,
    unbounded: bool,
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
        let (order, rest) = (Order::of(query), query.criteria.iter().collect());
        let whole = Self { hints, legs: Vec::new(), rest, order, unbounded: false };
        let by_date = whole.order.follows(&[SortKey::Date]);
        if let Some(id) = plain(query, Column::Id) {
            return Ok(whole.led(query, BY_ID, id));
        }
        if let Some((lead, legs)) = plain(query, Column::Subject)
            .and_then(|lead| Some((lead, leg::by_values(hints, &query.rtype, SUBJECT, lead)?)))
        {
            return Ok(Self { unbounded: !by_date, ..whole }.by(lead, legs));
        }
        if let Some((lead, legs)) = query
            .criteria
            .iter()
            .find_map(|lead| Some((lead, leg::by_membership(hints, &query.rtype, lead)?)))
        {
            return Ok(Self { unbounded: !by_date, ..whole }.by(lead, legs));
        }
        if let Some(plan) = whole.rare(query, is_rare)? {
            return Ok(plan);
        }
        if whole.order.follows(&[])
            && let Some((lead, legs)) = query
                .criteria
                .iter()
                .find_map(|lead| Some((lead, leg::by_creation(hints, &query.rtype, lead)?)))
        {
            return Ok(whole.by(lead, legs));
        }
        if let Some((leads, legs)) = leg::by_work(hints, query, &whole.order) {
            return Ok(leads.into_iter().fold(whole, Self::without).with(legs));
        }
        whole.rare_or_walk(query, is_rare)
    }

    /// Led by values of which the index tables tell that they are rare, or by what a rare value elsewhere leads to.
    fn rare(&self, query: &'a Query, is_rare: IsRare<'_>) -> Result<Option<Self>, Problem> {
        for criterion in &query.criteria {
            if let (Some(source), Some(counted)) =
                (source(self.hints, criterion), condition::counted(self.hints, criterion))
            {
                let fewest = condition::fewest(self.hints, criterion);
                if fewest.map_or(Ok(true), |fewest| is_rare(&fewest))? && is_rare(&counted)? {
                    let holds = among(self.hints, &source);
                    return Ok(Some(self.clone().by(criterion, vec![Leg::new(BY_NUMBER, holds)])));
                }
            } else if let Some((index, holds)) = self.led_from_elsewhere(criterion, is_rare)? {
                let leg = Leg::new(index, holds).told_alone(self.hints, &query.rtype);
                let plan = self.clone().by(criterion, vec![leg]);
                if index == BY_ID || is_rare(&plan.probe(query))? {
                    return Ok(Some(plan));
                }
            }
        }
        Ok(None)
    }

    /// A chain or `_has` as the list of what it leads to, where what must hold there is rare.
    fn led_from_elsewhere(
        &self,
        criterion: &Criterion,
        is_rare: IsRare<'_>,
    ) -> Result<Option<(Index, Statement)>, Problem> {
        let Some(list) = nested::list(self.hints, criterion) else { return Ok(None) };
        for (rtype, inner) in nested::inner(criterion) {
            match nested::rows(self.hints, rtype, inner) {
                Some(rows) if is_rare(&rows)? => {}
                _ => return Ok(None),
            }
        }
        Ok(leg::index_of(criterion).map(|index| (index, list)))
    }

    fn rare_or_walk(self, query: &'a Query, is_rare: IsRare<'_>) -> Result<Self, Problem> {
        let walked = match self.order.keys()[0].key {
            Some(SortKey::LastUpdated) => UPDATED,
            Some(SortKey::Date) => DATED,
            Some(SortKey::Urgency | SortKey::Parameter(_)) | None => CREATED,
        };
        for column in [Column::Subject, Column::Owner, Column::Status, Column::LastUpdated, Column::Date] {
            let Some(criterion) = plain(query, column) else { continue };
            let Some(index) = leg::index_of(criterion) else { continue };
            let plan = self.clone().led(query, index, criterion);
            if index != walked && is_rare(&plan.probe(query))? {
                return Ok(plan);
            }
        }
        if walked == DATED
            && let Some((lead, leg)) = query
                .criteria
                .iter()
                .find_map(|lead| Some((lead, leg::by_date(self.hints, &query.rtype, lead)?)))
            && self.order.follows(&[SortKey::Date])
        {
            return Ok(self.by(lead, vec![leg]));
        }
        let unbounded = walked == CREATED && !self.order.follows(&[]);
        let leg = Leg::whole(walked).told_alone(self.hints, &query.rtype);
        Ok(Self { legs: vec![leg], unbounded, ..self })
    }

    fn led(self, query: &Query, index: Index, lead: &'a Criterion) -> Self {
        let leg = Leg::new(index, condition(self.hints, &query.rtype, lead));
        let leg = leg.told_alone(self.hints, &query.rtype);
        self.by(lead, vec![leg])
    }

    fn by(self, lead: &Criterion, legs: Vec<Leg>) -> Self {
        self.without(lead).with(legs)
    }

    fn with(self, legs: Vec<Leg>) -> Self {
        Self { legs, ..self }
    }

    fn without(self, lead: &Criterion) -> Self {
        let rest = self.rest.iter().copied().filter(|one| !std::ptr::eq(*one, lead)).collect();
        Self { rest, ..self }
    }

    /// Whether everything that matches is sorted before the first is known, and nothing says that it is little.
    pub(in crate::store) const fn is_unbounded(&self) -> bool {
        self.unbounded
    }

    /// The matches in order, after those keys.
    pub(in crate::store) fn select(&self, query: &Query, after: Option<&[Key]>, limit: usize) -> Statement {
        let columns = Some(self.order.columns());
        let mut sql = Statement::new("/* search */ ");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let by_block = self.by_block();
        match after.filter(|_| self.order.sorts_all()) {
            // What no column of the table holds has a name outside only.
            Some(keys) => {
                sql.push("SELECT * FROM (")
                    .append(&self.union(query, columns.as_ref(), None, None))
                    .push(") AS found WHERE ");
                sql.append(&self.order.after_named(keys));
            }
            None => {
                // A planner that is given no hints sorts all matches of several legs, or of several blocks, unless each is a page
                // by itself.
                let each = (self.hints == Hints::None && (self.legs.len() > 1 || by_block)).then_some(limit);
                let union = self.union(query, columns.as_ref(), after, each);
                match each {
                    Some(_) => sql.push("SELECT * FROM (").append(&union).push(") AS found"),
                    None => sql.append(&union),
                };
            }
        }
        sql.push(&if by_block { self.order.clause_by_block() } else { self.order.clause() });
        sql.bind(" LIMIT ?", limit);
        sql
    }

    /// How many match in all, or up to a limit.
    pub(in crate::store) fn count(&self, query: &Query, limit: Option<usize>) -> Statement {
        let mut sql = Statement::new("/* count */ SELECT count(*) FROM (");
        let plan = self.for_counting(query);
        match plan.legs.as_slice() {
            [Leg { counted: Some(counted), .. }] if plan.is_told_alone() => {
                sql.append(counted);
                for criterion in &plan.rest {
                    sql.push(" AND ").append(&condition(self.hints, &query.rtype, criterion));
                }
                &mut sql
            }
            _ => sql.append(&plan.union(query, None, None, None)),
        };
        if let Some(limit) = limit {
            sql.bind(" LIMIT ?", i64::try_from(limit).unwrap_or(i64::MAX));
        }
        sql.push(")");
        sql
    }

    /// Without an order to keep, what would be walked through is led by a code, if there is one.
    fn for_counting(&self, query: &Query) -> Self {
        let by_code = |lead: &&'a Criterion| Some((*lead, leg::by_creation(self.hints, &query.rtype, lead)?));
        let walks = matches!(self.legs.as_slice(), [only] if only.is_whole());
        match self.rest.iter().find_map(by_code).filter(|_| walks) {
            Some((lead, legs)) => self.clone().by(lead, legs),
            None => self.clone(),
        }
    }

    /// Whether what counts the rows of its only leg tells what else must hold of them: where they have dates, these.
    fn is_told_alone(&self) -> bool {
        let by_date = |one: &&Criterion| {
            one.modifier == Modifier::None
                && one.parameter.column == Some(Column::Date)
                && one.any.iter().all(Test::is_direct)
        };
        let has_dates = self.legs.iter().all(|leg| leg.index == SUBJECT || leg.index == DATED);
        self.rest.is_empty() || (has_dates && self.rest.iter().all(by_date))
    }

    fn probe(&self, query: &Query) -> Statement {
        match self.legs.as_slice() {
            [Leg { counted: Some(counted), .. }] => counted.clone(),
            _ => Self { rest: Vec::new(), ..self.clone() }.union(query, None, None, None),
        }
    }

    /// Whether all its rows come block by block.
    fn by_block(&self) -> bool {
        self.legs.iter().all(|leg| leg.block(self.hints).is_some())
    }

    /// The matches of all legs, without columns to be counted; with a limit, no more than the first so many of each.
    fn union(
        &self,
        query: &Query,
        columns: Option<&Statement>,
        after: Option<&[Key]>,
        each: Option<i64>,
    ) -> Statement {
        const COLUMNS: &str = "r.id AS id, r.seq AS seq, r.last_updated AS last_updated, \
                               r.dated_at AS dated_at, r.urgency AS urgency";
        let mut sql = Statement::default();
        for (n, leg) in self.legs.iter().enumerate() {
            sql.push(if n > 0 { " UNION ALL " } else { "" });
            sql.push(if each.is_some() { "(SELECT " } else { "SELECT " });
            match columns {
                Some(more) => {
                    sql.push(&format!("{} AS rid, {COLUMNS}", leg.number())).append(more);
                    let block = leg.block(self.hints).filter(|_| self.by_block());
                    sql.push(&block.map(|block| format!(", {block} AS block")).unwrap_or_default())
                }
                None => sql.push("1"),
            };
            sql.push(" FROM ").push(&leg.from(self.hints));
            sql.push(&format!(" WHERE r.deleted = 0{}", leg.index.rows));
            sql.bind(" AND r.rtype = (SELECT code FROM resource_type WHERE name = ?)", query.rtype.clone());
            sql.push(" AND ").append(&leg.holds);
            for criterion in &self.rest {
                sql.push(" AND ").append(&condition(self.hints, &query.rtype, criterion));
            }
            if let Some(keys) = after {
                sql.push(" AND ").append(&self.order.after(keys, leg.number()));
                if let Some(block) = leg.block(self.hints) {
                    sql.append(&self.order.since_block(block, keys));
                }
            }
            if let Some(limit) = each {
                // Of a block, all: then the index alone yields the order, and nothing is sorted before a page is full.
                match leg.block(self.hints).is_some() {
                    true => sql
                        .push(&self.order.clause_of_blocks())
                        .bind(" FETCH FIRST (?) ROWS WITH TIES)", limit),
                    false => sql.push(&self.order.clause()).bind(" LIMIT ?)", limit),
                };
            }
        }
        sql
    }
}

/// The first criterion that is compared through a column as it is.
fn plain(query: &Query, column: Column) -> Option<&Criterion> {
    let direct = |test: &Test| test.is_direct();
    let leads = |criterion: &&Criterion| {
        criterion.modifier == Modifier::None
            && criterion.parameter.column == Some(column)
            && criterion.any.iter().all(direct)
    };
    query.criteria.iter().find(leads)
}
