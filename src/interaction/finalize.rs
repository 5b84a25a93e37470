//! Finalising a `DiagnosticReport`.

use serde_json::Value;

use super::incoming::Incoming;
use super::{Answer, Context};
use crate::fhir::search::Query;
use crate::problem::Problem;

/// Whether this is a report that a person declares final.
pub(crate) fn is_final(resource: &Value) -> bool {
    resource["resourceType"] == "DiagnosticReport"
        && matches!(resource["status"].as_str(), Some("final" | "amended" | "corrected" | "appended"))
}

pub(crate) async fn create(
    _ctx: &Context,
    _incoming: Incoming,
    _condition: Option<Query>,
) -> Result<Answer, Problem> {
    Err(Problem::internal("not built yet"))
}

pub(crate) async fn update(
    _ctx: &Context,
    _id: &str,
    _incoming: Incoming,
    _if_match: Option<u64>,
) -> Result<Answer, Problem> {
    Err(Problem::internal("not built yet"))
}
