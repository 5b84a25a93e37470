//! Tasks of deliveries that did not arrive end by themselves: when the delivery is accepted later, or when a person stops it.

use crate::json::{Value, json};
use jiff::Timestamp;

use crate::fhir::datetime::instant;
use crate::fhir::{element, meta};
use crate::interaction::dispatch::held::OPEN;
use crate::interaction::{Context, incoming, library, read};
use crate::outbox::{Outcome, State};
use crate::problem::Problem;
use crate::store::{Committed, DeliveryFilter, DeliveryRecord, Expect, Unit, Write};
use crate::terminology::UNDELIVERED;

/// Ends the Tasks of deliveries that arrived or were stopped; answers how many.
///
/// # Errors
/// Those of the store.
pub(super) async fn close(ctx: &Context) -> Result<usize, Problem> {
    let system = format!("{UNDELIVERED}|");
    let params = [("identifier", system.as_str()), ("status", OPEN)];
    let mut closed = 0;
    for stored in library::read_all(ctx.store.as_ref(), "Task", &params).await? {
        let Some(task) = read::legible(&stored) else { continue };
        let name = element::list(&task, "identifier").find(|one| one["system"] == UNDELIVERED);
        let Some(id) = name.and_then(|name| element::str_at(name, "value")) else { continue };
        let filter = DeliveryFilter { id: Some(id.to_owned()), ..DeliveryFilter::default() };
        let record = ctx.store.deliveries(&filter).await?.pop();
        let at = incoming::now(ctx);
        let Some(ended) = record.and_then(|record| ended(task, &record, at)) else { continue };
        let mut unit = Unit::new("undelivered", at);
        unit.writes.push(Write::new(&ended, Expect::Version(stored.version))?);
        // Somebody else wrote it meanwhile: it is looked at again.
        closed += usize::from(matches!(ctx.store.commit(unit).await?, Committed::Written(_)));
    }
    Ok(closed)
}

/// The Task as it ends, if its delivery has.
fn ended(mut task: Value, record: &DeliveryRecord, at: Timestamp) -> Option<Value> {
    let (status, why) = match record.progress.state {
        State::Delivered => ("completed", "Le destinataire a pris le document.".to_owned()),
        State::Stopped => {
            let stop = record.progress.stop.as_ref()?;
            ("cancelled", format!("L'envoi a été arrêté par {} : {}", stop.by, stop.reason))
        }
        State::Pending | State::Leased => return None,
    };
    task["status"] = json!(status);
    task["statusReason"] = json!({ "text": why });
    if let Some(receipt) = receipt(record) {
        let output = json!({"type": {"text": "Accusé de réception"}, "valueString": receipt});
        let outputs: Vec<Value> = element::list(&task, "output").cloned().chain([output]).collect();
        task["output"] = json!(outputs);
    }
    task["lastModified"] = json!(instant(at));
    let (id, version) = (element::id(&task)?.to_owned(), meta::version(&task)?);
    Some(meta::stamp(task, &id, version + 1, at))
}

/// What the receiver said when it said yes.
fn receipt(record: &DeliveryRecord) -> Option<String> {
    record.attempts.iter().rev().find_map(|attempt| match &attempt.outcome {
        Outcome::Accepted(receipt) => Some(match &receipt.reference {
            Some(reference) => format!("{} {reference}", receipt.status),
            None => receipt.status.clone(),
        }),
        _ => None,
    })
}
