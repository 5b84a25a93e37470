//! What a resource said at an earlier instant: the version that was the current one then.

use crate::json::Value;
use jiff::Timestamp;

use crate::fhir::{element, meta};
use crate::interaction::Context;
use crate::problem::Problem;

/// Each of them as it was before that instant of the feed; without those that were not there yet.
///
/// # Errors
/// Those of the store.
pub(super) async fn all(ctx: &Context, resources: Vec<Value>, at: Timestamp) -> Result<Vec<Value>, Problem> {
    let mut then = Vec::with_capacity(resources.len());
    for resource in resources {
        then.extend(before(ctx, resource, at).await?);
    }
    Ok(then)
}

/// The same of one that was there: as it is, if it was not.
///
/// # Errors
/// Those of the store.
pub(super) async fn one(ctx: &Context, resource: Value, at: Timestamp) -> Result<Value, Problem> {
    let now = resource.clone();
    Ok(before(ctx, resource, at).await?.unwrap_or(now))
}

/// The same of one that may be absent.
///
/// # Errors
/// Those of the store.
pub(super) async fn option(
    ctx: &Context,
    resource: Option<Value>,
    at: Timestamp,
) -> Result<Option<Value>, Problem> {
    match resource {
        Some(resource) => one(ctx, resource, at).await.map(Some),
        None => Ok(None),
    }
}

async fn before(ctx: &Context, resource: Value, at: Timestamp) -> Result<Option<Value>, Problem> {
    let is_before = |resource: &Value| meta::last_updated(resource).is_none_or(|updated| updated < at);
    let mut current = resource;
    while !is_before(&current) {
        let (Some(rtype), Some(id), Some(version)) =
            (element::resource_type(&current), element::id(&current), meta::version(&current))
        else {
            return Ok(Some(current));
        };
        if version <= 1 {
            return Ok(None);
        }
        match ctx.store.vread(rtype, id, version - 1).await? {
            Some(stored) if !stored.deleted => current = stored.resource()?,
            _ => return Ok(None),
        }
    }
    Ok(Some(current))
}
