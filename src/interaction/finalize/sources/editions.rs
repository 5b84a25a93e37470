//! The documents that were made of a report before, and who has which of them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::fhir::{element, meta};
use crate::interaction::Context;
use crate::interaction::material::{all, moment};
use crate::outbox::Act;
use crate::problem::Problem;
use crate::report::Replaced;
use crate::store::DeliveryFilter;

/// Every description of a document of this report, oldest first.
///
/// # Errors
/// Those of the store.
pub(super) async fn of(ctx: &Context, report: &Value) -> Result<Vec<Value>, Problem> {
    let Some(reference) = element::local_reference(report) else { return Ok(Vec::new()) };
    let mut editions = all(ctx, "DocumentReference", &[("related", &reference)]).await?;
    editions.sort_by_key(|edition| (moment(edition, "date"), meta::last_updated(edition)));
    Ok(editions)
}

/// The current one, as what a next one replaces; its version is how many there are.
pub(super) fn current(editions: &[Value]) -> (Option<Replaced>, Option<Value>) {
    let current = editions.iter().find(|edition| edition["status"] == "current");
    (current.and_then(|edition| replaced(edition, editions.len())), current.cloned())
}

/// The latest edition that each destination has taken, or will have taken before anything later. A delivery that a person
/// stopped before it was accepted gave it nothing, and a withdrawal took what it had.
///
/// # Errors
/// Those of the store.
pub(super) async fn held_by(
    ctx: &Context,
    editions: &[Value],
) -> Result<BTreeMap<String, Replaced>, Problem> {
    let mut held = BTreeMap::new();
    for (number, edition) in (1..).zip(editions) {
        let (Some(subject), Some(replaced)) = (element::local_reference(edition), replaced(edition, number))
        else {
            continue;
        };
        let of_edition = DeliveryFilter { subject: Some(subject), ..DeliveryFilter::default() };
        let mut records = ctx.store.deliveries(&of_edition).await?;
        // They come newest first.
        records.reverse();
        for record in records {
            if !record.progress.accepted && !record.progress.state.is_open() {
                continue;
            }
            match record.delivery.act {
                Act::Provide | Act::Replace => held.insert(record.delivery.destination, replaced.clone()),
                Act::Withdraw => held.remove(&record.delivery.destination),
            };
        }
    }
    Ok(held)
}

fn replaced(edition: &Value, number: usize) -> Option<Replaced> {
    Some(Replaced {
        document_id: element::id(edition)?.to_owned(),
        version: u32::try_from(number).unwrap_or(u32::MAX),
        at: moment(edition, "date")?,
    })
}
