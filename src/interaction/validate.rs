//! `QuestionnaireResponse/$validate` (FHIR R4, operation `Resource-validate`): all that is wrong, and nothing stored.

use super::operation::Parts;
use super::submit::{self, decide};
use super::update::Before;
use super::{Context, incoming};
use crate::fhir::{self, structure};
use crate::problem::{Issue, Problem};

/// Everything that a submission of this response would be told; nothing is stored. The body is a
/// `QuestionnaireResponse`, or `Parameters` with one named `resource`.
///
/// # Errors
/// `Malformed` when the body cannot be read at all; a response with faults is no error here.
pub async fn validate(ctx: &Context, body: &[u8]) -> Result<Vec<Issue>, Problem> {
    let mut parts = Parts::read(fhir::parse(body)?, "resource", &["resource", "mode", "profile"])?;
    let response = incoming::of_type(submit::RESPONSE, parts.one("resource")?)?;
    let issues = structure::check(&response);
    let arrival = submit::Arrival::unsent(ctx, response, issues);
    let gathered = submit::gather(ctx, &arrival, &Before::nothing()).await?;
    Ok(decide::judge(&gathered.situation).issues)
}
