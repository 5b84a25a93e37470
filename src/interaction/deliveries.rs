//! `$deliveries`: the outbox as a person may see and order it.

use super::Context;
use crate::problem::Problem;

/// Deliveries with state, attempts and receipts, as `Parameters`. Filters: `subject`, `patient`, `destination`, `state`, `_count`.
///
/// # Errors
/// `Malformed` for an unknown filter.
pub async fn deliveries(_ctx: &Context, _params: &[(String, String)]) -> Result<Vec<u8>, Problem> {
    Err(Problem::internal("not built yet"))
}

/// Stops a delivery, with who says so and why.
///
/// # Errors
/// `NotFound`, `Conflict` when it was delivered already.
pub async fn stop(_ctx: &Context, _id: &str, _by: &str, _reason: &str) -> Result<Vec<u8>, Problem> {
    Err(Problem::internal("not built yet"))
}

/// Sends a delivery again, byte for byte.
///
/// # Errors
/// `NotFound`.
pub async fn resend(_ctx: &Context, _id: &str) -> Result<Vec<u8>, Problem> {
    Err(Problem::internal("not built yet"))
}
