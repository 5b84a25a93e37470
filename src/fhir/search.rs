//! Search parameters, what they index, and queries as plain data (<https://hl7.org/fhir/R4/search.html>).
//!
//! A [`Query`] is parsed once and may then be run by any store, inside a commit too (`If-None-Exist`).
//! Parameters are `SearchParameter` resources; nothing that is not declared is ever ignored: it is refused with
//! the names that would be right, unless the client prefers otherwise.

mod column;
mod concepts;
mod cursor;
mod element;
mod extract;
mod fold;
mod instant;
mod local;
mod matching;
mod number;
mod parameter;
mod parse;
mod path;
mod query;
mod registry;
mod request;
mod shipped;
mod test;

pub use concepts::{asks_terminology, resolve, value_sets};
pub use cursor::{Key, open_cursor, seal_cursor};
pub use extract::{Amount, Entry, Found, index, index_after, values};
pub use fold::fold;
pub use local::localise;
pub use matching::{Candidate, can_tell, matches};
pub use parameter::{Column, Component, Kind, Parameter};
pub use parse::{COUNT_DEFAULT, COUNT_MAX, CURSOR, ONCE, escape, pairs, parse, parse_text, repeated};
pub use query::{Criterion, Modifier, Query, Sort, SortKey, Total};
pub use registry::install;
pub use request::{Handling, Ignored, Include, Request, Summary, part, references, request};
pub use test::{Limits, Prefix, Test};

/// Changes whenever the same resource would be indexed otherwise by the same parameters; a store then indexes anew.
pub const INDEX_VERSION: u32 = 3;

/// The parameters of a resource type, those of every type (`_id`, `_lastUpdated`) first; empty when the type is not served.
#[must_use]
pub fn parameters(rtype: &str) -> &'static [Parameter] {
    registry::of(rtype)
}

/// The names that `_sort` takes for a resource type.
pub fn sortable(rtype: &str) -> impl Iterator<Item = &'static str> {
    parameters(rtype)
        .iter()
        .filter(|parameter| parameter.sort_key().is_some())
        .map(|parameter| parameter.name)
}
