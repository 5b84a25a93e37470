//! `QuestionnaireResponse/$validate` (FHIR R4, operation `Resource-validate`): all that is wrong, and nothing stored.

use super::operation::Parts;
use super::submit::{self, decide};
use super::update::Before;
use super::{Context, incoming};
use crate::fhir::{Document, Reading, structure};
use crate::problem::{Issue, Problem};

/// Everything that a submission of this response would be told; nothing is stored. The body is a
/// `QuestionnaireResponse`, or `Parameters` with one named `resource`.
///
/// # Errors
/// `Malformed` when the body cannot be read at all; a response with faults is no error here.
pub async fn validate(ctx: &Context, body: impl Into<Document<'_>>) -> Result<Vec<Issue>, Problem> {
    let Reading { resource, mut issues } = body.into().read()?;
    let mut parts = Parts::read(resource, "resource", &["resource", "mode", "profile"])?;
    let response = incoming::of_type(submit::RESPONSE, parts.one("resource")?)?;
    issues.extend(structure::check(&response));
    let arrival = submit::Arrival::unsent(ctx, response, issues);
    let gathered = submit::gather(ctx, &arrival, &Before::nothing()).await?;
    Ok(decide::judge(&gathered.situation).issues)
}
