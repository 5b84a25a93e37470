//! Business receipts as they are told later, beside the deliveries that they are about.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::receipt::{KIND, OUTCOME, ROLE, SYSTEM};
use crate::fhir::datetime::instant;
use crate::fhir::element::{self, list, str_at};
use crate::interaction::{Context, library, read};
use crate::problem::Problem;
use crate::store::DeliveryRecord;
use crate::terminology::DELIVERY;

/// References in one search: addresses have a length.
const CHUNK: usize = 40;

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
    fn read(event: &Value) -> Option<Self> {
        let coding =
            |name: &str| str_at(event, &format!("activity.coding.{name}")).unwrap_or_default().to_owned();
        let mailbox = list(event, "agent").find(|agent| element::has_coding(&agent["type"], ROLE, "mailbox"));
        Some(Self {
            code: coding("code"),
            display: coding("display"),
            accepted: list(event, "reason").any(|reason| element::has_coding(reason, OUTCOME, "accepted")),
            recorded: str_at(event, "recorded")?.parse().ok()?,
            reason: list(event, "reason").find_map(|reason| str_at(reason, "text")).map(str::to_owned),
            mailbox: mailbox.and_then(|agent| str_at(agent, "who.display")).map(str::to_owned),
        })
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
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for chunk in subjects.chunks(CHUNK) {
        for stored in
            library::read_all(ctx.store.as_ref(), "Provenance", &[("target", &chunk.join(","))]).await?
        {
            let event = read::body(&stored)?;
            if element::code_of(&event["activity"], SYSTEM).is_some() {
                found.entry(delivery_of(&event).unwrap_or_default().to_owned()).or_default().push(event);
            }
        }
    }
    for events in found.values_mut() {
        // In the order of commits: clocks of replicas differ.
        events.sort_by(|a, b| str_at(a, "meta.lastUpdated").cmp(&str_at(b, "meta.lastUpdated")));
    }
    let read = |events: Vec<Value>| events.iter().filter_map(BusinessReceipt::read).collect();
    Ok(found.into_iter().map(|(delivery, events)| (delivery, read(events))).collect())
}

fn delivery_of(event: &Value) -> Option<&str> {
    let source = list(event, "entity").find(|one| str_at(one, "what.identifier.system") == Some(DELIVERY))?;
    str_at(source, "what.identifier.value")
}
