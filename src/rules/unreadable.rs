//! What cannot be read or evaluated: the outcome R90 of level *technique*.

use super::outcome::Outcome;
use crate::problem::Issue;

/// The outcome of a response that no protocol could look at; none when nothing is wrong.
#[must_use]
pub fn technique(issues: &[Issue]) -> Option<Outcome> {
    let _ = issues;
    None
}
