//! What a full or closed queue in front of a store answers.

use crate::problem::{Category, Problem};

/// The queue in front of the writer or of the readers is full: nothing was begun.
pub(super) fn busy() -> Problem {
    Problem::new(Category::Busy, "throttled", "too many requests are waiting for the store; try again later")
}

/// The store is being closed.
pub(super) fn gone() -> Problem {
    Problem::internal("the store has been closed")
}
