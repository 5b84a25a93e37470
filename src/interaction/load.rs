//! Loading the definitions that come with the service: the same as publishing each, and repeatable.

use super::Context;
use crate::problem::Problem;
use serde_json::Value;

/// What a load did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// `url|version` of those stored now.
    pub created: Vec<String>,
    /// `url|version` of those that were here with the same content.
    pub unchanged: Vec<String>,
}

/// Publishes definitions, idempotently by `url|version`, in the order in which they need each other.
///
/// # Errors
/// `Invalid` with every fault of every resource; nothing is stored then. `Conflict` when a `url|version` is here with
/// other content.
pub async fn load(_ctx: &Context, _resources: Vec<Value>) -> Result<LoadReport, Problem> {
    Err(Problem::internal("not built yet"))
}
