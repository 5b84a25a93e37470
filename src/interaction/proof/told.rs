//! A proof as `Parameters`, and as a table.

use crate::json::{Value, json};

use super::standing::{Found, accepted_at};
use super::{Proof, Row};
use crate::fhir::datetime::instant;
use crate::hl7v2;
use crate::interaction::hl7v2::BusinessReceipt;
use crate::outbox::Outcome;
use crate::problem::Problem;
use crate::store::DeliveryRecord;

const STATE: &str = "https://vigie.example/fhir/CodeSystem/proof-state";

/// The columns of the table.
const COLUMNS: &[&str] = &[
    "document",
    "destination",
    "type",
    "état",
    "depuis",
    "motif",
    "envoyé",
    "acquitté",
    "réponse",
    "visibilité",
    "archivage",
    "retrait",
    "identifiant unique",
    "identifiants du destinataire",
    "livraisons",
];

impl Proof {
    /// As `Parameters`: a `row` for each document and destination, with its deliveries, and the open Tasks.
    ///
    /// # Errors
    /// `Internal` when it cannot be serialised.
    pub fn parameters(&self) -> Result<Vec<u8>, Problem> {
        let mut parts: Vec<Value> = self.rows.iter().map(Row::part).collect();
        let task = |task: &String| json!({"name": "task", "valueReference": {"reference": task}});
        parts.extend(self.tasks.iter().map(task));
        let mut parameters = json!({"resourceType": "Parameters"});
        if !parts.is_empty() {
            parameters["parameter"] = parts.into();
        }
        serde_json::to_vec(&parameters).map_err(|fault| Problem::internal(fault.to_string()))
    }

    /// As a table in French, one line for each document and destination (RFC 4180).
    #[must_use]
    pub fn csv(&self) -> String {
        let lines = self.rows.iter().map(|row| line(&row.cells()));
        std::iter::once(line(COLUMNS)).chain(lines).collect()
    }
}

fn line<T: AsRef<str>>(cells: &[T]) -> String {
    let quoted: Vec<String> = cells.iter().map(|cell| cell_of(cell.as_ref())).collect();
    quoted.join(",") + "\r\n"
}

/// A cell; what a spreadsheet would take for a formula is text.
fn cell_of(text: &str) -> String {
    let guarded =
        if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if guarded.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}

impl Row {
    fn part(&self) -> Value {
        let mut part = vec![
            json!({"name": "document", "valueReference": {"reference": self.document}}),
            json!({"name": "destination", "valueString": self.destination}),
            json!({"name": "kind", "valueCode": self.kind}),
            state("state", &self.found),
            json!({"name": "since", "valueInstant": instant(self.found.since)}),
        ];
        let mut some = |name: &str, element: &str, value: Option<Value>| {
            part.extend(value.map(|value| json!({"name": name, element: value})));
        };
        some("reason", "valueString", self.found.reason.as_ref().map(|reason| json!(reason)));
        some("sent", "valueInstant", self.sent_at().map(|at| json!(instant(at))));
        some("acknowledged", "valueInstant", self.acknowledged_at().map(|at| json!(instant(at))));
        some("answered", "valueInstant", self.answered_at().map(|at| json!(instant(at))));
        some("uniqueId", "valueUri", self.unique_id.as_ref().map(|id| json!(id)));
        some("entryUuid", "valueUri", self.entry_uuid.as_ref().map(|id| json!(id)));
        let asked = [
            ("visibility", &self.visibility),
            ("archiving", &self.archiving),
            ("withdrawal", &self.withdrawal),
        ];
        part.extend(asked.into_iter().filter_map(|(name, found)| Some(state(name, found.as_ref()?))));
        part.extend(self.deliveries.iter().map(|(record, receipts)| delivery(record, receipts)));
        json!({"name": "row", "part": part})
    }

    fn cells(&self) -> Vec<String> {
        let time = |at: Option<jiff::Timestamp>| at.map(instant).unwrap_or_default();
        let asked = |found: &Option<Found>| {
            found.as_ref().map(|found| found.standing.french().to_owned()).unwrap_or_default()
        };
        let names: Vec<String> = self.deliveries.iter().flat_map(|(record, _)| known_as(record)).collect();
        let ids: Vec<&str> = self.deliveries.iter().map(|(record, _)| record.delivery.id.as_str()).collect();
        vec![
            self.document.clone(),
            self.destination.clone(),
            self.kind.clone(),
            self.found.standing.french().to_owned(),
            instant(self.found.since),
            self.found.reason.clone().unwrap_or_default(),
            time(self.sent_at()),
            time(self.acknowledged_at()),
            time(self.answered_at()),
            asked(&self.visibility),
            asked(&self.archiving),
            asked(&self.withdrawal),
            self.unique_id.clone().unwrap_or_default(),
            names.join(" "),
            ids.join(" "),
        ]
    }

    /// When it was first sent.
    fn sent_at(&self) -> Option<jiff::Timestamp> {
        self.deliveries.iter().find_map(|(record, _)| Some(record.attempts.first()?.started_at))
    }

    /// When the receiver first said yes.
    fn acknowledged_at(&self) -> Option<jiff::Timestamp> {
        self.deliveries.iter().find_map(|(record, _)| accepted_at(record))
    }

    /// When who is behind the receiver last answered.
    fn answered_at(&self) -> Option<jiff::Timestamp> {
        self.deliveries.iter().rev().find_map(|(_, receipts)| Some(receipts.last()?.recorded))
    }
}

fn state(name: &str, found: &Found) -> Value {
    let (code, display) = (found.standing.code(), found.standing.french());
    json!({"name": name, "valueCoding": {"system": STATE, "code": code, "display": display}})
}

fn delivery(record: &DeliveryRecord, receipts: &[BusinessReceipt]) -> Value {
    let delivery = &record.delivery;
    let mut part = vec![
        json!({"name": "id", "valueId": delivery.id}),
        json!({"name": "act", "valueCode": delivery.act.code()}),
        json!({"name": "state", "valueCode": record.progress.state.code()}),
        json!({"name": "created", "valueInstant": instant(delivery.created_at)}),
        json!({"name": "attempts", "valueUnsignedInt": record.progress.attempts}),
    ];
    part.extend(known_as(record).into_iter().map(|name| json!({"name": "knownAs", "valueString": name})));
    part.extend(receipts.iter().map(BusinessReceipt::part));
    json!({"name": "delivery", "part": part})
}

/// The names under which the receiver knows what it got: control id of the message, locations, submission set.
fn known_as(record: &DeliveryRecord) -> Vec<String> {
    let mut names = Vec::new();
    if record.delivery.kind == "mllp" {
        names.extend(hl7v2::control_id(&record.delivery.id));
    }
    for attempt in &record.attempts {
        if let Outcome::Accepted(receipt) = &attempt.outcome {
            let words = receipt.reference.iter().flat_map(|reference| reference.split(' '));
            names.extend(words.filter(|word| !word.starts_with("sha-256:")).map(str::to_owned));
        }
    }
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_and_is_never_a_formula() {
        let check = |text: &str, expected: &str| assert_eq!(cell_of(text), expected);
        check("accepté", "accepté");
        check("422: required, \"x\"", "\"422: required, \"\"x\"\"\"");
        check("=1+1", "'=1+1");
        assert_eq!(line(&["a", "b,c"]), "a,\"b,c\"\r\n");
    }
}
