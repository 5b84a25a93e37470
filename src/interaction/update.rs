//! Update (FHIR R4, RESTful API, 3.1.0.4): a new version, a resource with the client's id, or nothing when nothing changed.

use super::{Answer, Context};
use crate::problem::Problem;

/// Stores a new version. A `QuestionnaireResponse` is amended (judged anew), a `DiagnosticReport` with a final status is
/// finalised (document and deliveries made), a definition is published.
///
/// # Errors
/// `Malformed`, `Invalid` with every fault, `PreconditionFailed` when the version is not the one of `If-Match`.
pub async fn update(
    _ctx: &Context,
    _rtype: &str,
    _id: &str,
    _body: &[u8],
    _if_match: Option<u64>,
) -> Result<Answer, Problem> {
    Err(Problem::internal("not built yet"))
}
