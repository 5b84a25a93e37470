//! The documents that were made of a report before.

use crate::json::Value;

use crate::fhir::{element, meta};
use crate::interaction::Context;
use crate::interaction::material::{all, moment};
use crate::problem::Problem;
use crate::report::{Replaced, withdrawal};

/// Every description of a document of this report, oldest first.
///
/// # Errors
/// Those of the store.
pub(in crate::interaction) async fn of(ctx: &Context, report: &Value) -> Result<Vec<Value>, Problem> {
    let Some(reference) = element::local_reference(report) else { return Ok(Vec::new()) };
    let mut editions = all(ctx, "DocumentReference", &[("related", &reference)]).await?;
    editions.retain(is_made_here);
    editions.sort_by_key(|edition| (moment(edition, "date"), meta::last_updated(edition)));
    Ok(editions)
}

/// The current one, as what a next one replaces; its version is how many there are.
pub(super) fn current(editions: &[Value]) -> (Option<Replaced>, Option<Value>) {
    let current = editions.iter().find(|edition| edition["status"] == "current");
    (current.and_then(|edition| replaced(edition, editions.len())), current.cloned())
}

/// Their ids.
pub(in crate::interaction) fn ids(editions: &[Value]) -> Vec<String> {
    editions.iter().filter_map(element::id).map(str::to_owned).collect()
}

/// Whether this describes a document that was made here: others may describe something that is related to a report, too.
pub(in crate::interaction) fn is_made_here(description: &Value) -> bool {
    let unique_id = element::id(description).and_then(|id| withdrawal::oid(id).ok());
    let master = element::str_at(description, "masterIdentifier.value");
    master.and_then(|one| one.strip_prefix("urn:oid:")).is_some_and(|one| Some(one) == unique_id.as_deref())
}

fn replaced(edition: &Value, number: usize) -> Option<Replaced> {
    Some(Replaced {
        document_id: element::id(edition)?.to_owned(),
        version: u32::try_from(number).unwrap_or(u32::MAX),
        at: moment(edition, "date")?,
    })
}
