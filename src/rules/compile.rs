//! door
use super::protocol::Protocol;
use crate::problem::Problem;
use serde_json::Value;
/// Compile a PlanDefinition with the ActivityDefinitions it names.
///
/// # Errors
/// `Invalid`, with every fault and its element path.
pub fn compile(plan: &Value, activities: &[Value]) -> Result<Protocol, Problem> {
    let _ = (plan, activities);
    Err(Problem::internal("not built yet"))
}
