//! Faults of a protocol, collected rather than stopped at.

use crate::problem::{Category, Issue, Problem};

/// Everything that is wrong with a protocol, in the order it was found.
#[derive(Default)]
pub(super) struct Faults(Vec<Issue>);

impl Faults {
    /// Note a fault at an element.
    pub(super) fn add(&mut self, place: impl Into<String>, code: &'static str, what: impl Into<String>) {
        let issue = Issue::error(code, what).at(place);
        if !self.0.contains(&issue) {
            self.0.push(issue);
        }
    }

    /// How many so far.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The whole, as a problem, when there is any.
    ///
    /// # Errors
    /// `Invalid`, when a fault was noted.
    pub(super) fn into_result(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::with(Category::Invalid, self.0)) }
    }
}
