//! The ways to read a response in which questions that have one answer were given several.

use crate::json::Value;

/// A response in every way to choose one answer for each question that has one: what any of them alerts for is alerted.
#[derive(Clone)]
pub struct Readings {
    /// The response in each of these ways; none when there is nothing to choose.
    pub each: Vec<Value>,
    /// Whether these are all ways. There may be too many.
    pub all: bool,
}

impl Default for Readings {
    fn default() -> Self {
        Self { each: Vec::new(), all: true }
    }
}

/// Answers are a patient's: only how many ways there are is shown.
impl std::fmt::Debug for Readings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readings").field("each", &self.each.len()).field("all", &self.all).finish()
    }
}
