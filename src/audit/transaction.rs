//! Which transaction of IHE, message of HL7 or interaction of FHIR a delivery is.

use crate::json::{Value, json};
use serde::Deserialize;

use crate::outbox::Delivery;

/// Transactions of IHE, as audit messages name them (IHE ITI TF-2, 3.20).
const IHE: &str = "urn:ihe:event-type-code";
/// Events of HL7 v2 (table 0003).
const HL7: &str = "http://terminology.hl7.org/CodeSystem/v2-0003";
const RESTFUL: &str = "http://hl7.org/fhir/restful-interaction";

/// A transaction, as `AuditEvent.subtype` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    system: &'static str,
    code: String,
    display: &'static str,
}

impl Transaction {
    /// The one of a delivery, by its kind and by what is sent; none for a kind that is no exchange of a standard.
    #[must_use]
    pub fn of(delivery: &Delivery) -> Option<Self> {
        let ihe = |code: &str, display| Some(Self { system: IHE, code: code.to_owned(), display });
        match delivery.kind.as_str() {
            "xds" if !delivery.act.gives() => ihe("ITI-57", "Update Document Set"),
            "xds" => ihe("ITI-41", "Provide and Register Document Set-b"),
            "mhd" if !delivery.act.gives() => Some(Self::restful("patch")),
            "mhd" if is_description(&delivery.payload) => ihe("ITI-105", "Simplified Publish"),
            "mhd" => ihe("ITI-65", "Provide Document Bundle"),
            "mllp" => event(&delivery.payload).map(|event| Self::message(&event)),
            "fhir" => Some(Self::restful("transaction")),
            _ => None,
        }
    }

    /// A message of HL7 v2 by its event, as `T02`.
    #[must_use]
    pub fn message(event: &str) -> Self {
        let display = match event {
            "T02" => "MDM/ACK - Original document notification and content",
            "T10" => "MDM/ACK - Document replacement notification and content",
            "T04" => "MDM/ACK - Document status change notification and content",
            "R01" => "ORU/ACK - Unsolicited transmission of an observation message",
            _ => "",
        };
        Self { system: HL7, code: event.to_owned(), display }
    }

    fn restful(interaction: &'static str) -> Self {
        Self { system: RESTFUL, code: interaction.to_owned(), display: interaction }
    }

    /// Its code, as `ITI-65`.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    pub(super) fn coding(&self) -> Value {
        let mut coding = json!({"system": self.system, "code": self.code});
        if !self.display.is_empty() {
            coding["display"] = json!(self.display);
        }
        coding
    }
}

/// Whether the payload is one description with its document in it, rather than a bundle.
fn is_description(payload: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "resourceType")]
        resource_type: String,
    }
    serde_json::from_slice::<Head>(payload).is_ok_and(|head| head.resource_type == "DocumentReference")
}

/// MSH-9.2 of a message that was rendered here, with the usual delimiters.
fn event(payload: &[u8]) -> Option<String> {
    let end = payload.iter().position(|byte| *byte == b'\r').unwrap_or(payload.len());
    let header = std::str::from_utf8(payload.get(..end)?).ok()?;
    let kind = header.strip_prefix("MSH|")?.split('|').nth(7)?;
    kind.split('^').nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::Act;

    #[test]
    fn each_kind_of_delivery_is_a_transaction() {
        let act = |act: Act, kind: &str, payload: &str, code: Option<&str>| {
            let delivery = Delivery {
                id: "1".to_owned(),
                destination: "d".to_owned(),
                kind: kind.to_owned(),
                patient: "Patient/p".to_owned(),
                subject: "DocumentReference/d".to_owned(),
                act,
                content_type: String::new(),
                payload: payload.as_bytes().to_vec(),
                created_at: jiff::Timestamp::UNIX_EPOCH,
            };
            let found = Transaction::of(&delivery);
            assert_eq!(found.as_ref().map(Transaction::code), code, "{kind}");
        };
        for change in [Act::Visibility, Act::Archive, Act::Unarchive, Act::Withdraw] {
            act(change, "xds", "", Some("ITI-57"));
            act(change, "mhd", "{}", Some("patch"));
        }
        act(Act::Withdraw, "fhir", "{}", Some("transaction"));
        let check = |kind: &str, payload: &str, code| act(Act::Replace, kind, payload, code);
        check("xds", "", Some("ITI-41"));
        check("mhd", r#"{"resourceType":"Bundle","entry":[]}"#, Some("ITI-65"));
        check("mhd", r#"{"resourceType":"DocumentReference","status":"current"}"#, Some("ITI-105"));
        check("mllp", "MSH|^~\\&|VIGIE|CHU|PFI|CHU|2026||MDM^T10^MDM_T02|1|P|2.6\rEVN||2026\r", Some("T10"));
        check("mllp", "", None);
        check("fhir", "", Some("transaction"));
        check("folder", "", None);
    }
}
