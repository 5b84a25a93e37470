//! Compiled questionnaires and protocols by `url|version`: a bounded cache over the store, or the content of a folder.

use crate::problem::Problem;
use serde_json::Value;

/// Compiled, immutable definitions.
#[derive(Debug)]
pub struct Library {}

impl Library {
    /// A cache over the store that keeps at most `capacity` compiled definitions.
    #[must_use]
    pub fn new(_capacity: usize) -> Self {
        Self {}
    }

    /// The definitions of a folder, all compiled; no store is asked.
    ///
    /// # Errors
    /// `Invalid` with every fault of every resource; places start with the canonical `url|version`.
    pub fn from_resources(_resources: Vec<Value>) -> Result<Self, Problem> {
        Err(Problem::internal("not built yet"))
    }
}
