//! Create (FHIR R4, RESTful API, 3.1.0.8), plain and conditional.

use super::{Answer, Context};
use crate::problem::Problem;

/// Stores a new resource; a `QuestionnaireResponse` is submitted: validated, judged by the rules and stored with all
/// that follows from it.
///
/// # Errors
/// `Malformed`, `Invalid` with every fault, `PreconditionFailed` when `If-None-Exist` matches more than one,
/// `Conflict` when an identifier is taken by other content.
pub async fn create(
    _ctx: &Context,
    _rtype: &str,
    _body: &[u8],
    _if_none_exist: Option<&str>,
) -> Result<Answer, Problem> {
    Err(Problem::internal("not built yet"))
}
