//! Read and vread (FHIR R4, RESTful API, 3.1.0.1 and 3.1.0.2).

use super::{Answer, Context};
use crate::problem::Problem;

/// The current version.
///
/// # Errors
/// `NotFound`, `Gone`.
pub async fn read(_ctx: &Context, _rtype: &str, _id: &str) -> Result<Answer, Problem> {
    Err(Problem::internal("not built yet"))
}

/// That version.
///
/// # Errors
/// `NotFound`, `Gone`.
pub async fn vread(_ctx: &Context, _rtype: &str, _id: &str, _version: u64) -> Result<Answer, Problem> {
    Err(Problem::internal("not built yet"))
}
