//! How any SQL store finds what a query asks for: conditions, order and plan as text with values, free of a dialect.
//!
//! A store turns a [`Statement`] into its own call; `?` stands for each value, in order. The tables are those of
//! [`super::row`]: `resource r` with the single values, `token`, `text`, `span` and `part` with all others.

mod condition;
mod kept;
mod leg;
mod nested;
mod order;
mod plan;
mod statement;
mod value;

pub(super) use condition::told;
pub(super) use order::Order;
pub(super) use plan::{Hints, Plan};
pub(super) use statement::{Bound, Statement};

use crate::problem::{Category, Problem};

/// An estimate counts no further.
pub(super) const ESTIMATE_MAX: usize = 1_001;
/// So many matches are sorted by a value that no index has in order.
pub(super) const SORTED_MAX: usize = 20_000;

/// The refusal of a search with more matches than [`SORTED_MAX`], all of which would have to be sorted for its first page.
pub(super) fn too_many_to_sort() -> Problem {
    let text = format!(
        "more than {SORTED_MAX} resources match, and no index has them in the order of _sort: narrow the search, by a \
         patient, a status or a date, or sort by _lastUpdated or by the date of the resource alone"
    );
    Problem::new(Category::Malformed, "too-costly", text).at("_sort")
}
