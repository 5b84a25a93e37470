//! `QuestionnaireResponse/$validate` (FHIR R4, Operation `Resource-validate`): all that is wrong, and nothing stored.

use super::Context;
use crate::problem::{Issue, Problem};

/// Everything that a submission of this response would be told; nothing is stored. The body is a
/// `QuestionnaireResponse`, or `Parameters` with one named `resource`.
///
/// # Errors
/// `Malformed` when the body cannot be read at all; a response with faults is no error here.
pub async fn validate(_ctx: &Context, _body: &[u8]) -> Result<Vec<Issue>, Problem> {
    Err(Problem::internal("not built yet"))
}
