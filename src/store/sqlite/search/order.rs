//! The order of matches, and the condition that continues after one of them.

use super::statement::Statement;
use crate::fhir::search::{Column, Criterion, Modifier, Query, SortKey, parameters};

/// One column of the order; without a key the order of creation, which makes it total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sorted {
    pub(super) key: Option<SortKey>,
    pub(super) descending: bool,
}

impl Sorted {
    const fn column(self) -> &'static str {
        match self.key {
            Some(SortKey::LastUpdated) => "last_updated",
            Some(SortKey::Date) => "dated_at",
            Some(SortKey::Urgency) => "urgency",
            None => "rid",
        }
    }
}

/// A total order; the last key is the order of creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order(Vec<Sorted>);

impl Order {
    /// What was asked for, or what suits the criteria: it depends on the query alone, so that each page has the same.
    pub(super) fn of(query: &Query) -> Self {
        let asked: Vec<(SortKey, bool)> = query.sort.iter().map(|sort| (sort.key, sort.descending)).collect();
        let keys = if asked.is_empty() { suitable(query) } else { asked };
        let last = keys.last().is_none_or(|(_, descending)| *descending);
        let mut sorted: Vec<_> =
            keys.into_iter().map(|(key, descending)| Sorted { key: Some(key), descending }).collect();
        sorted.push(Sorted { key: None, descending: last });
        Self(sorted)
    }

    pub(super) fn keys(&self) -> &[Sorted] {
        &self.0
    }

    /// Whether an index that goes on with these columns yields it, forwards or backwards.
    pub(super) fn follows(&self, columns: &[SortKey]) -> bool {
        let same = self.0.iter().all(|sorted| sorted.descending == self.0[0].descending);
        let keys = self.0.iter().filter_map(|sorted| sorted.key);
        same && keys.eq(columns.iter().copied())
    }

    /// The same order where priority is the same for all: an index that has it can then be followed.
    pub(super) fn with_urgency(&self) -> Self {
        let mut keys = self.0.clone();
        keys.insert(0, Sorted { key: Some(SortKey::Urgency), descending: self.0[0].descending });
        Self(keys)
    }

    pub(super) fn clause(&self) -> String {
        let term =
            |sorted: &Sorted| format!("{}{}", sorted.column(), if sorted.descending { " DESC" } else { "" });
        let terms: Vec<_> = self.0.iter().map(term).collect();
        format!(" ORDER BY {}", terms.join(", "))
    }

    /// Comes after the match with these keys.
    pub(super) fn after(&self, keys: &[i64]) -> Statement {
        let uniform = self.0.iter().all(|sorted| sorted.descending == self.0[0].descending);
        let mut statement = Statement::default();
        if uniform {
            let columns: Vec<_> = self.0.iter().map(|sorted| format!("r.{}", sorted.column())).collect();
            let sign = if self.0[0].descending { "<" } else { ">" };
            statement.push(&format!("({}) {sign} (", columns.join(", ")));
            for (n, key) in keys.iter().enumerate() {
                statement.bind(if n == 0 { "?" } else { ", ?" }, *key);
            }
            statement.push(")");
            return statement;
        }
        for (n, (sorted, key)) in self.0.iter().zip(keys).enumerate() {
            let (column, sign) = (sorted.column(), if sorted.descending { "<" } else { ">" });
            statement.bind(&format!("(r.{column} {sign} ?"), *key);
            if n + 1 < self.0.len() {
                statement.bind(&format!(" OR (r.{column} = ? AND "), *key);
            }
        }
        statement.push(&")".repeat(2 * self.0.len() - 1));
        statement
    }
}

fn suitable(query: &Query) -> Vec<(SortKey, bool)> {
    let has = |column: Column| {
        let plain = |criterion: &&Criterion| criterion.modifier == Modifier::None;
        query.criteria.iter().filter(plain).any(|criterion| criterion.parameter.column == Some(column))
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
