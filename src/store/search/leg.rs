//! One statement of a plan: an index, and what must hold of the rows that it leads to. Several make a plan when each
//! yields its rows in order and none of them a row of another.

use super::condition::{condition, source};
use super::order::{Order, has_urgency};
use super::plan::Hints;
use super::statement::Statement;
use super::value;
use crate::fhir::search::{Column, Criterion, Kind, Modifier, Query, SortKey, Test};
use crate::store::row::{URGENCY_NONE, is_token, param};

/// So many values are followed side by side.
const LEGS_MAX: usize = 32;

/// True of every resource.
const EVERY: &str = "1 = 1";

/// An index, and the condition of its rows: a partial index wants its own condition repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Index {
    /// The table, where the index is named in the statement.
    named: &'static str,
    pub(super) rows: &'static str,
    /// There the index has a row for several resources of one block: the rows without their resources.
    pub(super) numbers: Option<&'static str>,
}

impl Index {
    const fn on_table(named: &'static str, rows: &'static str) -> Self {
        Self { named, rows, numbers: None }
    }

    const fn in_runs(named: &'static str, rows: &'static str, numbers: &'static str) -> Self {
        Self { named, rows, numbers: Some(numbers) }
    }
}

pub(super) const BY_NUMBER: Index = Index::on_table("resource r NOT INDEXED", "");
pub(super) const BY_ID: Index = Index::on_table("resource r INDEXED BY resource_id", "");
pub(super) const CREATED: Index = Index::on_table("resource r INDEXED BY resource_created", "");
pub(super) const UPDATED: Index = Index::on_table("resource r INDEXED BY resource_updated", "");
pub(super) const DATED: Index = Index::in_runs("dated_resource r", "", "dated_number r");
pub(super) const SUBJECT: Index =
    Index::in_runs("person_resource r", " AND r.subject IS NOT NULL", "person_number r");
/// Those of one code by date.
const CODED: Index = Index::in_runs("coded_resource r", "", "coded_resource r");
const OWNER: Index = Index::on_table("resource r INDEXED BY resource_owner", " AND r.owner IS NOT NULL");
const STATUS: Index = Index::on_table("resource r INDEXED BY resource_status", " AND r.status IS NOT NULL");
const OWNED: Index = Index::on_table(
    "resource r INDEXED BY resource_owned",
    " AND r.owner IS NOT NULL AND r.status IS NOT NULL",
);

/// The index that a criterion leads through as it is.
pub(super) fn index_of(criterion: &Criterion) -> Option<Index> {
    Some(match criterion.parameter.column {
        Some(Column::Id) => BY_ID,
        Some(Column::Subject) => SUBJECT,
        Some(Column::Owner) => OWNER,
        Some(Column::Status) => STATUS,
        Some(Column::LastUpdated) => UPDATED,
        Some(Column::Date) => DATED,
        Some(Column::Urgency) => return None,
        None => BY_NUMBER,
    })
}

/// One statement of a plan.
#[derive(Debug, Clone)]
pub(super) struct Leg {
    pub(super) index: Index,
    pub(super) holds: Statement,
    /// Walks along the rows of a code or a reference, which stand in the order of creation: of a parameter of that kind, and
    /// whether a resource has one at most.
    along: Option<(Kind, bool)>,
    /// What counts its rows without the resource, when that can be; `r` has the dates there, where the index does.
    pub(super) counted: Option<Statement>,
}

impl Leg {
    pub(super) const fn new(index: Index, holds: Statement) -> Self {
        Self { index, holds, along: None, counted: None }
    }

    /// Everything, in the order of the index.
    pub(super) fn whole(index: Index) -> Self {
        Self::new(index, Statement::new(EVERY))
    }

    pub(super) fn is_whole(&self) -> bool {
        self.holds.text() == EVERY
    }

    /// What follows `FROM`.
    pub(super) fn from(&self, hints: Hints) -> String {
        let table = if hints == Hints::ByName { self.index.named } else { "resource r" };
        match self.along {
            Some((kind, once)) => format!("{} CROSS JOIN {table}", hints.walked(kind, once)),
            None => table.to_owned(),
        }
    }

    /// What stands in the order of creation.
    pub(super) const fn number(&self) -> &'static str {
        if self.along.is_some() { Hints::NUMBER } else { "r.rid" }
    }

    /// The number of the block, where it yields its rows block by block only.
    pub(super) fn block(&self, hints: Hints) -> Option<&'static str> {
        if self.along.is_some() {
            return Some("t.block");
        }
        self.index.numbers.filter(|_| hints == Hints::ByName).map(|_| "r.block")
    }

    /// The same, where what it holds of its rows is told without their resources.
    pub(super) fn told_alone(self, hints: Hints, rtype: &str) -> Self {
        Self { counted: self.alone(hints, rtype, "1"), ..self }
    }

    /// Selects from its rows, without their resources.
    pub(super) fn alone(&self, hints: Hints, rtype: &str, what: &str) -> Option<Statement> {
        let numbers = self.index.numbers.filter(|_| hints == Hints::ByName)?;
        let mut sql = Statement::new(&format!("SELECT {what} FROM {numbers} WHERE r.rtype = "));
        sql.bind("(SELECT code FROM resource_type WHERE name = ?) AND ", rtype).append(&self.holds);
        Some(sql)
    }
}

/// One leg for each alternative of a criterion, where no two can match the same resource and each names one value.
pub(super) fn by_values(hints: Hints, rtype: &str, index: Index, lead: &Criterion) -> Option<Vec<Leg>> {
    let leg = |holds| Leg::new(index, holds).told_alone(hints, rtype);
    Some(each(hints, rtype, lead)?.into_iter().map(leg).collect())
}

/// For each alternative its condition.
fn each(hints: Hints, rtype: &str, lead: &Criterion) -> Option<Vec<Statement>> {
    let one = |test: Test| {
        let single = Criterion { parameter: lead.parameter, modifier: Modifier::None, any: vec![test] };
        condition(hints, rtype, &single)
    };
    Some(values(lead)?.into_iter().map(one).collect())
}

/// In a compartment: by one reference, or by another and not by the one before.
pub(super) fn by_membership(hints: Hints, rtype: &str, lead: &Criterion) -> Option<Vec<Leg>> {
    let [Test::Member { target, by }] = lead.any.as_slice() else { return None };
    let mut legs: Vec<Leg> = Vec::new();
    let mut before: Vec<Statement> = Vec::new();
    for parameter in by {
        let any = vec![Test::Reference(vec![target.clone()])];
        let single = Criterion { parameter, modifier: Modifier::None, any };
        let own = condition(hints, rtype, &single);
        let (index, mut holds) = match source(hints, &single) {
            Some(source) => {
                let mut listed = Statement::new("r.rid IN (");
                listed.append(&source).push(")");
                (BY_NUMBER, listed)
            }
            None => (index_of(&single)?, own.clone()),
        };
        for earlier in &before {
            holds.push(" AND (").append(earlier).push(") IS NOT TRUE");
        }
        legs.push(Leg::new(index, holds));
        before.push(own);
    }
    Some(legs)
}

/// Along the rows of a code in the order of creation: for a code that is not rare, with no other order wanted.
pub(super) fn by_creation(hints: Hints, rtype: &str, lead: &Criterion) -> Option<Vec<Leg>> {
    let [stored] = lead.parameter.stored()[..] else { return None };
    let kept = stored.column.is_none() && is_token(stored.kind) && lead.modifier == Modifier::None;
    if !kept || lead.any.len() > LEGS_MAX {
        return None;
    }
    let mut legs = Vec::new();
    for (n, test) in lead.any.iter().enumerate() {
        let mut tokens = Statement::with("t.param = ? AND ", param(stored));
        let once = stands_once(test)?;
        tokens.append(&value::token(test, Modifier::None));
        let mut holds = tokens.clone();
        holds.push(hints.in_walk(once)).push(" AND r.rid = ").push(Hints::NUMBER);
        for earlier in &lead.any[..n] {
            let any = vec![earlier.clone()];
            let single = Criterion { parameter: stored, modifier: Modifier::None, any };
            holds.push(" AND (").append(&condition(hints, rtype, &single)).push(") IS NOT TRUE");
        }
        // Only what is there has rows, so that these can be counted alone; not of several codes, which one may have.
        let counted = (lead.any.len() == 1).then(|| hints.counted_in_walk(stored.kind, once, &tokens));
        legs.push(Leg { index: BY_NUMBER, holds, along: Some((stored.kind, once)), counted });
    }
    Some(legs)
}

/// Along the dates, but only where the rows of a code have something in the same block: for a code that is not rare.
pub(super) fn by_date(hints: Hints, rtype: &str, lead: &Criterion) -> Option<Leg> {
    let ([stored], [test]) = (&lead.parameter.stored()[..], lead.any.as_slice()) else { return None };
    let is_kept = stored.column.is_none() && is_token(stored.kind) && stored.kind != Kind::Reference;
    if !is_kept || lead.modifier != Modifier::None || hints != Hints::ByName {
        return None;
    }
    let again = if stands_once(test)? { "" } else { " AND r.again IS NULL" };
    let mut holds = Statement::with("r.param = ? AND ", param(stored));
    holds.append(&value::token(test, Modifier::None)).push(again);
    // All that has the code has a place among the dates: so the rows of the code alone are counted.
    let counted = by_creation(hints, rtype, lead)?.pop()?.counted;
    Some(Leg { counted, ..Leg::new(CODED, holds) })
}

/// Whether a resource has one row at most of that code; nothing when its rows are not in the order of creation.
fn stands_once(test: &Test) -> Option<bool> {
    match test {
        Test::Token { code: Some(_), system } => Some(system.is_some()),
        Test::Canonical { version, .. } => Some(version.is_some()),
        Test::Reference(targets) if targets.len() == 1 => Some(true),
        Test::Uri(_) => Some(true),
        _ => None,
    }
}

/// The worklist: by owner, by status, or by both, in an order that priority and date make.
///
/// The indexes go on with priority and then date. Each priority that is asked for has a leg of its own, and where the order
/// does not begin with it, every priority there is.
pub(super) fn by_work<'q>(
    hints: Hints,
    query: &'q Query,
    order: &Order,
) -> Option<(Vec<&'q Criterion>, Vec<Leg>)> {
    let of = |column: Column| {
        let leads = |one: &&Criterion| {
            one.modifier == Modifier::None && one.parameter.column == Some(column) && values(one).is_some()
        };
        query.criteria.iter().find(leads)
    };
    let leads: Vec<&Criterion> = [Column::Owner, Column::Status].into_iter().filter_map(of).collect();
    let index = match leads.as_slice() {
        [] => return None,
        [only] => index_of(only)?,
        _ => OWNED,
    };
    let urgent = of(Column::Urgency).map(|urgency| leads.iter().copied().chain([urgency]).collect());
    urgent.into_iter().chain([leads]).find_map(|leads: Vec<&Criterion>| {
        let holds = combined(hints, query, order, &leads)?;
        let legs = holds.into_iter().map(|holds| Leg::new(index, holds)).collect();
        Some((leads, legs))
    })
}

/// Every combination of the values of these criteria; nothing when there are too many, or none yields the order.
fn combined(hints: Hints, query: &Query, order: &Order, leads: &[&Criterion]) -> Option<Vec<Statement>> {
    let mut all = vec![Statement::default()];
    for lead in leads {
        all = product(&all, &each(hints, &query.rtype, lead)?);
    }
    let one_priority = leads.iter().any(|lead| lead.parameter.column == Some(Column::Urgency));
    if !order.follows(&[SortKey::Urgency, SortKey::Date]) {
        if !order.without_urgency().follows(&[SortKey::Date]) {
            return None;
        }
        if !one_priority {
            let ranks =
                if has_urgency(&query.rtype) { 0..=URGENCY_NONE } else { URGENCY_NONE..=URGENCY_NONE };
            let ranks: Vec<_> = ranks.map(|rank| Statement::with("r.urgency = ?", rank)).collect();
            all = product(&all, &ranks);
        }
    }
    (all.len() <= LEGS_MAX).then_some(all)
}

/// Each of these and each of those.
fn product(these: &[Statement], those: &[Statement]) -> Vec<Statement> {
    let both = |this: &Statement, that: &Statement| {
        let mut both = this.clone();
        both.push(if this.text().is_empty() { "" } else { " AND " }).append(that);
        both
    };
    these.iter().flat_map(|this| those.iter().map(move |that| both(this, that))).collect()
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
