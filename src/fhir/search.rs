//! Search parameters, what they index, and queries as plain data (<https://hl7.org/fhir/R4/search.html>).
//!
//! A [`Query`] is parsed once and may then be run by any store, inside a commit too (`If-None-Exist`).
//! Parameters are declared in one table; nothing that is not declared is ever ignored: it is refused with
//! the names that would be right.

mod cursor;
mod definition;
mod extract;
mod fold;
mod instant;
mod matching;
mod parameter;
mod parse;
mod query;
mod test;

pub use cursor::{open_cursor, seal_cursor};
pub use extract::{Entry, Found, index};
pub use fold::fold;
pub use matching::{Candidate, matches};
pub use parameter::{Column, Kind, Parameter};
pub use parse::{COUNT_DEFAULT, COUNT_MAX, pairs, parse, parse_text};
pub use query::{Criterion, Modifier, Query, Sort, SortKey, Total};
pub use test::{Prefix, Test};

/// Changes whenever the same resource would be indexed otherwise; a store then indexes anew.
pub const INDEX_VERSION: u32 = 1;

/// The parameters of a resource type, those of every type (`_id`, `_lastUpdated`) first; empty when the type is not served.
#[must_use]
pub fn parameters(rtype: &str) -> &'static [Parameter] {
    definition::of(rtype)
}

/// The names that `_sort` takes for a resource type.
pub fn sortable(rtype: &str) -> impl Iterator<Item = &'static str> {
    parameters(rtype)
        .iter()
        .filter(|parameter| parameter.sort_key().is_some())
        .map(|parameter| parameter.name)
}
