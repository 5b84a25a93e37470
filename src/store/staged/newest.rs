//! The newest of what was staged, found by what it says: a condition is compared with the few resources that have one of its
//! values, and not with each that the same transaction writes.

use std::collections::{BTreeSet, HashMap};

use super::Name;
use crate::fhir::search::{Column, Criterion, Entry, Found, Modifier, Query, Test};
use crate::store::Write;

/// The ids of resources that had a value in any of their staged versions.
type Holders = HashMap<String, BTreeSet<String>>;

/// The newest staged version of each resource.
#[derive(Default)]
pub(super) struct Newest {
    writes: HashMap<Name, Write>,
    /// By type.
    ids: Holders,
    /// By type, then by value.
    values: HashMap<String, Holders>,
}

impl Newest {
    pub(super) fn get(&self, name: &Name) -> Option<&Write> {
        self.writes.get(name)
    }

    pub(super) fn insert(&mut self, write: Write) {
        self.ids.entry(write.rtype.clone()).or_default().insert(write.id.clone());
        let values = self.values.entry(write.rtype.clone()).or_default();
        for value in write.entries.iter().filter_map(value).chain([write.id.as_str()]) {
            values.entry(value.to_owned()).or_default().insert(write.id.clone());
        }
        self.writes.insert((write.rtype.clone(), write.id.clone()), write);
    }

    /// Whether any resource of that type was staged.
    pub(super) fn has(&self, rtype: &str) -> bool {
        self.ids.contains_key(rtype)
    }

    /// All that may meet the query, and as few others as its values let be told, in the order of their ids.
    pub(super) fn candidates<'s>(&'s self, query: &'s Query) -> impl Iterator<Item = &'s Write> {
        let rtype = query.rtype.as_str();
        let ids: BTreeSet<&str> = match query.criteria.iter().find_map(wanted) {
            Some(wanted) => {
                let holders = self.values.get(rtype);
                let of = |value: &str| holders.and_then(|holders| holders.get(value));
                wanted.into_iter().filter_map(of).flatten().map(String::as_str).collect()
            }
            None => self.ids.get(rtype).into_iter().flatten().map(String::as_str).collect(),
        };
        ids.into_iter().filter_map(|id| self.writes.get(&(rtype.to_owned(), id.to_owned())))
    }
}

/// What an entry is told by, where that is one value.
fn value(entry: &Entry) -> Option<&str> {
    match &entry.found {
        Found::Token { code: value, .. }
        | Found::Reference(value)
        | Found::Canonical { url: value, .. }
        | Found::Uri(value) => Some(value),
        _ => None,
    }
}

/// The values of which a resource has one if it meets the criterion; `None` where there are no such.
fn wanted(criterion: &Criterion) -> Option<Vec<&str>> {
    let is_plain = criterion.modifier == Modifier::None;
    if !is_plain || criterion.parameter.column == Some(Column::LastUpdated) {
        return None;
    }
    let mut values = Vec::new();
    for test in &criterion.any {
        match test {
            Test::Token { code: Some(value), .. } | Test::Canonical { url: value, .. } | Test::Uri(value) => {
                values.push(value.as_str())
            }
            Test::Reference(targets) => values.extend(targets.iter().map(String::as_str)),
            _ => return None,
        }
    }
    Some(values)
}
