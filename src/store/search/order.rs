//! The order of a search and where a page begins in it. Every order ends in the order of creation, which makes it total.

use super::statement::{Bound, Statement};
use crate::fhir::search::{
    Column, Criterion, Key, Kind, Modifier, Parameter, Query, SortKey, Test, parameters,
};
use crate::store::row::{BLOCK, param};

/// One column of the order; without a key the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Sorted {
    pub(in crate::store) key: Option<SortKey>,
    pub(in crate::store) descending: bool,
}

impl Sorted {
    /// What is compared, over `resource r`; `number` is the column of the order of creation.
    fn expression(self, number: &str) -> String {
        match self.key {
            Some(SortKey::LastUpdated) => "r.last_updated".to_owned(),
            Some(SortKey::Date) => "r.dated_at".to_owned(),
            Some(SortKey::Urgency) => "r.urgency".to_owned(),
            Some(SortKey::Parameter(Parameter { column: Some(Column::Id), .. })) => "r.id".to_owned(),
            Some(SortKey::Parameter(Parameter { column: Some(Column::Status), .. })) => "r.status".to_owned(),
            // No other value is compared over the table: see `sorts_all`.
            Some(SortKey::Parameter(_)) | None => number.to_owned(),
        }
    }

    /// The least or greatest of the values that a resource has under those numbers, over `resource r`.
    fn looked_up(self, parameter: &'static Parameter) -> String {
        let least = if self.descending { "max" } else { "min" };
        let numbers: Vec<i64> = parameter.stored().into_iter().map(param).collect();
        if parameter.kind == Kind::Date {
            let column = if self.descending { "high" } else { "low" };
            let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
            let numbers = numbers.join(", ");
            return format!(
                "(SELECT {least}({column}) FROM span WHERE rid = r.rid AND param IN ({numbers}))"
            );
        }
        // Compared byte for byte, as in the tables.
        let value = |number: &i64| match self.descending {
            false => format!("(r.keys ->> '{number}') COLLATE BINARY"),
            true => format!(
                "coalesce(r.keys ->> 'd{number}', r.keys ->> 'e{number}', r.keys ->> '{number}') COLLATE BINARY"
            ),
        };
        match numbers.as_slice() {
            [only] => value(only),
            several => {
                let values: Vec<String> =
                    several.iter().map(|n| format!("SELECT {} AS v", value(n))).collect();
                format!("(SELECT {least}(v) FROM ({}) AS several)", values.join(" UNION ALL "))
            }
        }
    }

    /// The name of the column in the answer.
    fn name(self, place: usize) -> String {
        match self.key {
            Some(SortKey::LastUpdated) => "last_updated".to_owned(),
            Some(SortKey::Date) => "dated_at".to_owned(),
            Some(SortKey::Urgency) => "urgency".to_owned(),
            Some(SortKey::Parameter(_)) => format!("k{place}"),
            None => "rid".to_owned(),
        }
    }

    const fn may_be_absent(self) -> bool {
        matches!(self.key, Some(SortKey::Parameter(_)))
    }
}

/// A total order; the last key is the order of creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Order(Vec<Sorted>);

impl Order {
    /// What was asked for, or what suits the criteria: it depends on the query alone, so that each page has the same.
    pub(in crate::store) fn of(query: &Query) -> Self {
        let asked: Vec<(SortKey, bool)> = query.sort.iter().map(|sort| (sort.key, sort.descending)).collect();
        let mut keys = if asked.is_empty() { suitable(query) } else { asked };
        if let [(SortKey::Urgency, descending)] = keys[..] {
            // Of the same priority the oldest comes first: so the index has it.
            keys.push((SortKey::Date, descending));
        }
        let last = keys.last().is_none_or(|(_, descending)| *descending);
        let mut sorted: Vec<_> =
            keys.into_iter().map(|(key, descending)| Sorted { key: Some(key), descending }).collect();
        sorted.push(Sorted { key: None, descending: last });
        Self(sorted)
    }

    pub(in crate::store) fn keys(&self) -> &[Sorted] {
        &self.0
    }

    /// Whether every match must be found before the first one is known: no index has such an order.
    pub(in crate::store) fn sorts_all(&self) -> bool {
        self.0.iter().any(|sorted| sorted.may_be_absent())
    }

    /// Whether an index that goes on with these columns yields it, forwards or backwards.
    pub(in crate::store) fn follows(&self, columns: &[SortKey]) -> bool {
        let same = self.0.iter().all(|sorted| sorted.descending == self.0[0].descending);
        let keys = self.0.iter().filter_map(|sorted| sorted.key);
        same && keys.eq(columns.iter().copied())
    }

    /// The same order where priority is the same for all.
    pub(super) fn without_urgency(&self) -> Self {
        Self(self.0.iter().copied().filter(|sorted| sorted.key != Some(SortKey::Urgency)).collect())
    }

    /// The columns `k0`, `k1`, … of the values that only some resources have.
    pub(super) fn columns(&self) -> Statement {
        let mut sql = Statement::default();
        for (n, sorted) in self.0.iter().enumerate() {
            let Some(SortKey::Parameter(parameter)) = sorted.key else { continue };
            sql.push(", ");
            match parameter.column {
                Some(_) => sql.push(&sorted.expression("r.rid")),
                None => sql.push(&sorted.looked_up(parameter)),
            };
            sql.push(&format!(" AS {}", sorted.name(n)));
        }
        sql
    }

    pub(in crate::store) fn clause(&self) -> String {
        format!(" ORDER BY {}", Self::terms(&self.0).join(", "))
    }

    /// The same over the columns of one table among others.
    pub(in crate::store) fn clause_of(&self, table: &str) -> String {
        let terms: Vec<String> =
            Self::terms(&self.0).into_iter().map(|term| format!("{table}.{term}")).collect();
        format!(" ORDER BY {}", terms.join(", "))
    }

    fn terms(sorted: &[Sorted]) -> Vec<String> {
        let term = |(n, sorted): (usize, &Sorted)| {
            let down = if sorted.descending { " DESC" } else { "" };
            let last = if sorted.may_be_absent() { " NULLS LAST" } else { "" };
            format!("{}{down}{last}", sorted.name(n))
        };
        sorted.iter().enumerate().map(term).collect()
    }

    /// The same order for rows that stand block by block: of those whose other keys are the same, only the rows of one block
    /// are sorted.
    pub(super) fn clause_by_block(&self) -> String {
        let mut terms = Self::terms(&self.0);
        // The last key is the order of creation, in the order of which blocks are.
        if let Some(rid) = terms.last().cloned() {
            terms.insert(terms.len() - 1, rid.replace("rid", "block"));
        }
        format!(" ORDER BY {}", terms.join(", "))
    }

    /// The order of the blocks alone, where that is the order of creation.
    pub(super) fn clause_of_blocks(&self) -> String {
        format!(" ORDER BY block{}", if self.0[0].descending { " DESC" } else { "" })
    }

    /// In an order of creation, or of dates, where the block of the match with these keys begins.
    pub(super) fn since_block(&self, block: &str, keys: &[Key]) -> Statement {
        let sign = if self.0[0].descending { "<=" } else { ">=" };
        match keys {
            [Key::Number(rid)] => Statement::with(&format!(" AND {block} {sign} ?"), rid.div_euclid(BLOCK)),
            [Key::Number(at), Key::Number(rid)] if self.follows(&[SortKey::Date]) => {
                let mut sql = Statement::with(&format!(" AND (r.dated_at, {block}) {sign} (?"), *at);
                sql.bind(", ?)", rid.div_euclid(BLOCK)).clone()
            }
            _ => Statement::default(),
        }
    }

    /// Comes after the match with these keys, each of which a column of the table has.
    pub(super) fn after(&self, keys: &[Key], number: &str) -> Statement {
        let columns: Vec<_> = self.0.iter().map(|sorted| sorted.expression(number)).collect();
        let uniform = self.0.iter().all(|sorted| sorted.descending == self.0[0].descending);
        if !uniform {
            return self.beyond(&columns, keys);
        }
        let sign = if self.0[0].descending { "<" } else { ">" };
        let mut statement = Statement::new(&format!("({}) {sign} (", columns.join(", ")));
        for (n, key) in keys.iter().enumerate() {
            statement.bind(if n == 0 { "?" } else { ", ?" }, bound(key));
        }
        statement.push(")");
        statement
    }

    /// The same by the names of the answer's columns.
    pub(super) fn after_named(&self, keys: &[Key]) -> Statement {
        let names: Vec<_> = self.0.iter().enumerate().map(|(n, sorted)| sorted.name(n)).collect();
        self.beyond(&names, keys)
    }

    fn beyond(&self, columns: &[String], keys: &[Key]) -> Statement {
        let mut statement = Statement::default();
        for (n, ((sorted, column), key)) in self.0.iter().zip(columns).zip(keys).enumerate() {
            statement.push("(").append(&beyond(column, *sorted, key));
            if n + 1 < self.0.len() {
                statement.push(" OR (").append(&same(column, key)).push(" AND ");
            }
        }
        statement.push(&")".repeat(2 * self.0.len() - 1));
        statement
    }
}

fn bound(key: &Key) -> Bound {
    match key {
        Key::Number(number) => Bound::Number(*number),
        Key::Text(text) => Bound::Text(text.clone()),
        // No column of the table is ever without a value.
        Key::Absent => Bound::Number(i64::MAX),
    }
}

fn beyond(expression: &str, sorted: Sorted, key: &Key) -> Statement {
    let sign = if sorted.descending { "<" } else { ">" };
    match key {
        Key::Absent => Statement::new("1 = 0"),
        key if sorted.may_be_absent() => {
            let mut sql = Statement::with(&format!("({expression} {sign} ?"), bound(key));
            sql.push(&format!(" OR {expression} IS NULL)"));
            sql
        }
        key => Statement::with(&format!("{expression} {sign} ?"), bound(key)),
    }
}

fn same(expression: &str, key: &Key) -> Statement {
    match key {
        Key::Absent => Statement::new(&format!("{expression} IS NULL")),
        key => Statement::with(&format!("{expression} = ?"), bound(key)),
    }
}

fn suitable(query: &Query) -> Vec<(SortKey, bool)> {
    let has = |column: Column| {
        let plain = |criterion: &&Criterion| criterion.modifier == Modifier::None;
        query.criteria.iter().filter(plain).any(|criterion| {
            let members = |test: &Test| match test {
                Test::Member { by, .. } => by.iter().any(|parameter| parameter.column == Some(column)),
                _ => false,
            };
            criterion.parameter.column == Some(column) || criterion.any.iter().any(members)
        })
    };
    if has(Column::Subject) {
        vec![(SortKey::Date, true)]
    } else if has(Column::LastUpdated) {
        vec![(SortKey::LastUpdated, false)]
    } else if has(Column::Date) {
        vec![(SortKey::Date, true)]
    } else if (has(Column::Owner) || has(Column::Status)) && has_urgency(&query.rtype) {
        vec![(SortKey::Urgency, false), (SortKey::Date, false)]
    } else if has(Column::Status) {
        vec![(SortKey::Date, true)]
    } else {
        Vec::new()
    }
}

pub(super) fn has_urgency(rtype: &str) -> bool {
    parameters(rtype).iter().any(|parameter| parameter.column == Some(Column::Urgency))
}
