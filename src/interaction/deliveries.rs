//! `$deliveries`: the outbox as a person may see and order it, as `Parameters` (FHIR R4, Operations).

use crate::json::{Value, json};

use super::hl7v2::{self, BusinessReceipt};
use super::{Context, incoming};
use crate::fhir::datetime::instant;
use crate::fhir::search;
use crate::outbox::{Act, Attempt, Delivery, Outcome, State};
use crate::problem::{Category, Issue, Problem};
use crate::store::{DeliveryFilter, DeliveryRecord, Order};

/// What the deliveries can be filtered by.
pub const DELIVERY_FILTERS: &[&str] =
    &["id", "destination", "patient", "subject", "state", "before", "_count"];

/// Most deliveries on a page.
const LIMIT_MAX: usize = 500;

/// Deliveries, newest first, with state, attempts, receipts and what came later of a receiver further on (ZAM), as
/// `Parameters`. Filters: `id`, `destination`, `patient`,
/// `subject`, `state`, `_count`, and `before` with the id of the last one of the page before.
///
/// # Errors
/// `Malformed` with every filter that is not known or cannot be read.
pub async fn deliveries(ctx: &Context, params: &[(String, String)]) -> Result<Vec<u8>, Problem> {
    let records = ctx.store.deliveries(&filter(params)?).await?;
    answer(ctx, &records).await
}

/// Stops a delivery, with who says so and why; stopping again keeps the first reason.
///
/// # Errors
/// `Malformed` without a person or a reason, `NotFound`, `Conflict` when it was delivered already.
pub async fn stop(ctx: &Context, id: &str, by: &str, reason: &str) -> Result<Vec<u8>, Problem> {
    let missing = [("by", by), ("reason", reason)].into_iter().filter(|(_, text)| text.trim().is_empty());
    let issues: Vec<Issue> = missing
        .map(|(name, _)| {
            Issue::error("required", format!("stopping a delivery needs {name}: it stays on record")).at(name)
        })
        .collect();
    if !issues.is_empty() {
        return Err(Problem::with(Category::Malformed, issues));
    }
    for (name, text) in [("by", by), ("reason", reason)] {
        refuse_nul(name, text)?;
    }
    let order = Order::Stop { by: by.to_owned(), reason: reason.to_owned() };
    let record = ctx.store.order(id, order, incoming::now(ctx)).await?;
    answer(ctx, &[record]).await
}

/// Refuses what one store keeps in a text and the other does not.
fn refuse_nul(name: &str, text: &str) -> Result<(), Problem> {
    if !text.contains('\0') {
        return Ok(());
    }
    Err(Problem::new(
        Category::Malformed,
        "value",
        format!("{name} holds U+0000, which is no character here"),
    )
    .at(name))
}

/// Sends a delivery again now, byte for byte.
///
/// # Errors
/// `NotFound`, `Conflict` when its state does not allow it, when it was held because of whom it is about (what must not leave
/// does not become right by being asked for, and its document goes out as a new edition), or when another delivery has taken its
/// place (what it says of whom the document is hidden from is no longer so).
pub async fn resend(ctx: &Context, id: &str) -> Result<Vec<u8>, Problem> {
    let filter = DeliveryFilter { id: Some(id.to_owned()), ..DeliveryFilter::default() };
    let known = ctx.store.deliveries(&filter).await?;
    let last = known.iter().find_map(|record| record.attempts.last());
    if let Some(Outcome::Held { reason }) = last.map(|attempt| &attempt.outcome) {
        let what =
            "the delivery is held because of whom it is about, and is not sent as it is: see to its Task";
        return Err(Problem::new(Category::Conflict, "business-rule", format!("{what} ({reason})")));
    }
    refuse_overtaken(ctx, id).await?;
    let record = ctx.store.order(id, Order::Resend, incoming::now(ctx)).await?;
    answer(ctx, &[record]).await
}

/// Refuses what was stopped and would now undo what a later delivery said of the same document to the same destination.
async fn refuse_overtaken(ctx: &Context, id: &str) -> Result<(), Problem> {
    let one = DeliveryFilter { id: Some(id.to_owned()), ..DeliveryFilter::default() };
    let Some(asked) = ctx.store.deliveries(&one).await?.into_iter().next() else { return Ok(()) };
    if asked.progress.state != State::Stopped || asked.progress.accepted {
        return Ok(());
    }
    let Delivery { subject, destination, act, .. } = asked.delivery;
    let beside = DeliveryFilter {
        subject: Some(subject),
        destination: Some(destination),
        limit: LIMIT_MAX,
        ..DeliveryFilter::default()
    };
    let newer =
        ctx.store.deliveries(&beside).await?.into_iter().take_while(|record| record.delivery.id != id);
    let overtakes = |record: &DeliveryRecord| {
        let later = record.delivery.act;
        if act.gives() {
            later.gives()
        } else {
            later.gives() || later == act || is_archiving(later) && is_archiving(act)
        }
    };
    match newer.filter(overtakes).last() {
        Some(record) => Err(Problem::new(
            Category::Conflict,
            "business-rule",
            format!(
                "delivery {} has taken its place: what this one says is no longer so",
                record.delivery.id
            ),
        )),
        None => Ok(()),
    }
}

const fn is_archiving(act: Act) -> bool {
    matches!(act, Act::Archive | Act::Unarchive)
}

fn filter(params: &[(String, String)]) -> Result<DeliveryFilter, Problem> {
    let mut filter = DeliveryFilter::default();
    let mut issues = Vec::new();
    for (place, (name, value)) in params.iter().enumerate() {
        refuse_nul(name, value)?;
        if let Some(text) = search::repeated(params, place, DELIVERY_FILTERS) {
            issues.push(Issue::error("invalid", text).at(name));
        }
        let text = Some(value.clone());
        match name.as_str() {
            "id" => filter.id = text,
            "destination" => filter.destination = text,
            "patient" => filter.patient = Some(literal(value, "Patient")),
            "subject" => filter.subject = Some(literal(value, "DocumentReference")),
            "before" => filter.before = text,
            "state" => match State::parse(value) {
                Ok(state) => filter.state = Some(state),
                Err(problem) => issues.extend(problem.at(name).issues),
            },
            "_count" => match value.parse() {
                Ok(count) if count > 0 => filter.limit = usize::min(count, LIMIT_MAX),
                _ => {
                    issues.push(Issue::error("value", "_count is a whole number from 1 to 500").at("_count"))
                }
            },
            other => issues.push(Issue::error(
                "not-supported",
                format!("no filter is named {other:?}; there are {}", DELIVERY_FILTERS.join(", ")),
            )),
        }
    }
    if issues.is_empty() { Ok(filter) } else { Err(Problem::with(Category::Malformed, issues)) }
}

/// `Type/id`, of a text that may be the id alone.
fn literal(value: &str, rtype: &str) -> String {
    if value.contains('/') { value.to_owned() } else { format!("{rtype}/{value}") }
}

async fn answer(ctx: &Context, records: &[DeliveryRecord]) -> Result<Vec<u8>, Problem> {
    let receipts = hl7v2::of_deliveries(ctx, records).await?;
    let of = |record: &DeliveryRecord| receipts.get(&record.delivery.id).map_or(&[][..], Vec::as_slice);
    written(records.iter().map(|record| delivery(record, of(record))).collect())
}

fn written(deliveries: Vec<Value>) -> Result<Vec<u8>, Problem> {
    let mut parameters = json!({ "resourceType": "Parameters" });
    if !deliveries.is_empty() {
        parameters["parameter"] = deliveries.into();
    }
    serde_json::to_vec(&parameters).map_err(|fault| Problem::internal(fault.to_string()))
}

fn delivery(record: &DeliveryRecord, receipts: &[BusinessReceipt]) -> Value {
    let (delivery, progress) = (&record.delivery, &record.progress);
    let mut part = vec![
        json!({ "name": "id", "valueId": delivery.id }),
        json!({ "name": "destination", "valueString": delivery.destination }),
        json!({ "name": "kind", "valueCode": delivery.kind }),
        json!({ "name": "subject", "valueReference": { "reference": delivery.subject } }),
        json!({ "name": "act", "valueCode": delivery.act.code() }),
        json!({ "name": "patient", "valueReference": { "reference": delivery.patient } }),
        json!({ "name": "created", "valueInstant": instant(delivery.created_at) }),
        json!({ "name": "contentType", "valueCode": delivery.content_type }),
        json!({ "name": "size", "valueDecimal": record.payload_bytes }),
        json!({ "name": "state", "valueCode": progress.state.code() }),
        json!({ "name": "attempts", "valueUnsignedInt": progress.attempts }),
    ];
    if progress.state == State::Pending {
        part.push(json!({ "name": "due", "valueInstant": instant(progress.due_at) }));
    }
    if let Some(stop) = &progress.stop {
        part.push(json!({ "name": "stop", "part": [
            { "name": "by", "valueString": stop.by },
            { "name": "reason", "valueString": stop.reason },
            { "name": "at", "valueInstant": instant(stop.at) }
        ]}));
    }
    part.extend(record.attempts.iter().map(attempt));
    part.extend(receipts.iter().map(BusinessReceipt::part));
    json!({ "name": "delivery", "part": part })
}

fn attempt(attempt: &Attempt) -> Value {
    let mut part = vec![
        json!({ "name": "number", "valuePositiveInt": attempt.number }),
        json!({ "name": "started", "valueInstant": instant(attempt.started_at) }),
        json!({ "name": "ended", "valueInstant": instant(attempt.ended_at) }),
        json!({ "name": "outcome", "valueCode": attempt.outcome.code() }),
    ];
    match &attempt.outcome {
        Outcome::Accepted(receipt) => {
            let mut inner = vec![json!({ "name": "status", "valueString": receipt.status })];
            inner.extend(
                receipt
                    .reference
                    .as_ref()
                    .map(|reference| json!({ "name": "reference", "valueString": reference })),
            );
            part.push(json!({ "name": "receipt", "part": inner }));
        }
        Outcome::Refused { reason } | Outcome::Unreachable { reason } | Outcome::Held { reason } => {
            part.push(json!({ "name": "reason", "valueString": reason }));
        }
        Outcome::Expired => {}
    }
    json!({ "name": "attempt", "part": part })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::{Act, Delivery, Progress, Receipt};

    #[test]
    fn a_delivery_is_told_with_its_attempts_and_receipt() {
        let at: jiff::Timestamp = "2026-01-05T08:00:00Z".parse().unwrap();
        let record = DeliveryRecord {
            delivery: Delivery {
                id: "d".into(),
                destination: "dpi".into(),
                kind: "fhir".into(),
                patient: "Patient/p".into(),
                subject: "DocumentReference/r".into(),
                act: Act::Provide,
                content_type: "application/fhir+json".into(),
                payload: Vec::new(),
                created_at: at,
            },
            payload_bytes: 12,
            progress: Progress { state: State::Delivered, attempts: 1, ..Progress::new(at) },
            attempts: vec![Attempt {
                number: 1,
                started_at: at,
                ended_at: at,
                outcome: Outcome::Accepted(Receipt {
                    status: "200 OK".into(),
                    reference: Some("Bundle/1".into()),
                }),
            }],
        };
        let told: Value = serde_json::from_slice(&written(vec![delivery(&record, &[])]).unwrap()).unwrap();
        let parts = told["parameter"][0]["part"].as_array().unwrap();
        let part = |name: &str| parts.iter().find(|part| part["name"] == name).unwrap();
        assert_eq!(part("state")["valueCode"], "delivered");
        assert_eq!(part("attempt")["part"][4]["part"][1]["valueString"], "Bundle/1");
    }

    #[test]
    fn every_filter_that_cannot_be_read_is_named() {
        let params = [("colour", "red"), ("state", "lost"), ("_count", "many"), ("patient", "p")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(filter(&params).unwrap_err().issues.len(), 3);
        assert_eq!(filter(&params[3..]).unwrap().patient.as_deref(), Some("Patient/p"));
    }
}
