//! What a change of visibility leaves on record, beside the versions that it writes: who asked, and why (Provenance, FHIR R4).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::asked::Asked;
use crate::fhir::datetime::instant;

/// Who changed what, and why.
pub(super) fn provenance(targets: &[String], asked: &Asked, at: Timestamp) -> Value {
    let coded = |system: &str, code: &str, display: &str| {
        json!({"coding": [{
            "system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code, "display": display,
        }]})
    };
    json!({
        "resourceType": "Provenance",
        "target": targets.iter().map(|target| json!({"reference": target})).collect::<Value>(),
        "occurredDateTime": instant(at),
        "recorded": instant(at),
        "reason": [{"text": asked.reason}],
        "activity": coded("v3-DataOperation", "UPDATE", "revise"),
        "agent": [{
            "type": coded("provenance-participant-type", "author", "Author"),
            "who": {"reference": asked.reference},
        }],
    })
}
