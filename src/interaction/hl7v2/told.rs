//! Business receipts as they are told later, beside the deliveries that they are about.
//!
//! What was said, when and about what rests on the `AuditEvent` of the receipt, which no client can write. The `Provenance` of the
//! same commit adds the words of the reason and the mailbox; what clients write or change there says nothing.

use std::collections::BTreeMap;

use crate::json::{Value, json};
use jiff::Timestamp;

use super::receipt::{KIND, ROLE, SYSTEM, acknowledgment};
use crate::fhir::datetime::instant;
use crate::fhir::element::{self, list, str_at};
use crate::interaction::{Context, library};
use crate::problem::Problem;
use crate::store::{DeliveryRecord, Stored};
use crate::terminology::DELIVERY;

/// References in one search: addresses have a length.
const CHUNK: usize = 40;
/// DICOM, Import: what an event of a receipt is.
const IMPORT: &str = "http://dicom.nema.org/resources/ontology/DCM|110107";

/// What came back about a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BusinessReceipt {
    /// `ACK_RECEPTION_DMP`, `ACK_RECEPTION_MSS` or `ACK_LECTURE_MSS`.
    pub(crate) code: String,
    pub(crate) display: String,
    pub(crate) accepted: bool,
    /// When it was taken.
    pub(crate) recorded: Timestamp,
    /// Code and label, when it says no.
    pub(crate) reason: Option<String>,
    pub(crate) mailbox: Option<String>,
}

impl BusinessReceipt {
    /// The receipt that an event is about, and the delivery; nothing for an event of another kind.
    fn read(event: &Value) -> Option<(String, Self)> {
        let job =
            list(event, "entity").find(|one| str_at(one, "what.identifier.system") == Some(DELIVERY))?;
        let delivery = str_at(job, "what.identifier.value")?.to_owned();
        let (code, display) = acknowledgment(list(event, "subtype").find_map(|one| str_at(one, "code"))?)?;
        let accepted = event["outcome"] == "0";
        let said = str_at(event, "outcomeDesc").unwrap_or_default();
        let reason = said.strip_prefix("rejected: ").unwrap_or("sans motif");
        let receipt = Self {
            code: code.to_owned(),
            display: display.to_owned(),
            accepted,
            recorded: str_at(event, "recorded")?.parse().ok()?,
            reason: (!accepted).then(|| reason.to_owned()),
            mailbox: None,
        };
        Some((delivery, receipt))
    }

    /// With the words that the trace of the same receipt has.
    fn in_words(mut self, trace: &Value) -> Self {
        let mailbox = list(trace, "agent").find(|agent| element::has_coding(&agent["type"], ROLE, "mailbox"));
        self.mailbox = mailbox.and_then(|agent| str_at(agent, "who.display")).map(str::to_owned);
        let words = list(trace, "reason").find_map(|reason| str_at(reason, "text")).map(str::to_owned);
        self.reason = words.filter(|_| !self.accepted).or(self.reason);
        self
    }

    /// Whether the registry says so (DMP), not a mailbox.
    pub(crate) fn is_of_registry(&self) -> bool {
        self.code == "ACK_RECEPTION_DMP"
    }

    /// As a part of `$deliveries` and `$proof`.
    pub(crate) fn part(&self) -> Value {
        let code = json!({"system": SYSTEM, "code": self.code, "display": self.display});
        let mut part = vec![
            json!({"name": "code", "valueCoding": code}),
            json!({"name": "accepted", "valueBoolean": self.accepted}),
            json!({"name": "recorded", "valueInstant": instant(self.recorded)}),
        ];
        part.extend(self.reason.as_ref().map(|why| json!({"name": "reason", "valueString": why})));
        part.extend(self.mailbox.as_ref().map(|mailbox| json!({"name": "mailbox", "valueString": mailbox})));
        json!({"name": "businessReceipt", "part": part})
    }
}

/// The receipts of these deliveries, by delivery, oldest first.
///
/// # Errors
/// Those of the store.
pub(crate) async fn of_deliveries(
    ctx: &Context,
    records: &[DeliveryRecord],
) -> Result<BTreeMap<String, Vec<BusinessReceipt>>, Problem> {
    let mut subjects: Vec<&str> = records
        .iter()
        .filter(|one| one.delivery.kind == KIND)
        .map(|one| one.delivery.subject.as_str())
        .collect();
    subjects.sort_unstable();
    subjects.dedup();
    let mut found: BTreeMap<String, Vec<BusinessReceipt>> = BTreeMap::new();
    for chunk in subjects.chunks(CHUNK) {
        let about = chunk.join(",");
        let imports = [("entity", about.as_str()), ("type", IMPORT)];
        let mut events = library::read_all(ctx.store.as_ref(), "AuditEvent", &imports).await?;
        if events.is_empty() {
            continue;
        }
        // In the order of commits: clocks of replicas differ.
        events.sort_by_key(|event| event.last_updated);
        let traces = traces(ctx, &about).await?;
        for event in events {
            let Some((delivery, receipt)) = BusinessReceipt::read(&event.resource()?) else { continue };
            let of =
                |trace: &&(Timestamp, Value)| trace.0 == event.last_updated && is_of(&trace.1, &delivery);
            let receipt = match traces.iter().find(of) {
                Some((_, trace)) => receipt.in_words(trace),
                None => receipt,
            };
            found.entry(delivery).or_default().push(receipt);
        }
    }
    Ok(found)
}

/// The traces of receipts about these documents as they were first written, with the instant of that commit.
async fn traces(ctx: &Context, about: &str) -> Result<Vec<(Timestamp, Value)>, Problem> {
    let mut traces = Vec::new();
    for current in library::read_all(ctx.store.as_ref(), "Provenance", &[("target", about)]).await? {
        let Some(first) = first(ctx, current).await? else { continue };
        let trace = first.resource()?;
        if element::code_of(&trace["activity"], SYSTEM).is_some() {
            traces.push((first.last_updated, trace));
        }
    }
    Ok(traces)
}

/// The version that nobody has changed.
async fn first(ctx: &Context, current: Stored) -> Result<Option<Stored>, Problem> {
    if current.version == 1 {
        return Ok(Some(current));
    }
    let first = ctx.store.vread(&current.rtype, &current.id, 1).await?;
    Ok(first.filter(|first| !first.deleted))
}

fn is_of(trace: &Value, delivery: &str) -> bool {
    list(trace, "entity").any(|one| {
        str_at(one, "what.identifier.system") == Some(DELIVERY)
            && str_at(one, "what.identifier.value") == Some(delivery)
    })
}
