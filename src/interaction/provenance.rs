//! What an act of a named person leaves on record, beside the versions that it writes (Provenance, FHIR R4).

use crate::json::{Value, json};
use jiff::Timestamp;

use crate::fhir::datetime::instant;

/// Who did what to these, and why; the activity as code and display of `v3-DataOperation`.
pub(super) fn of_act(
    targets: &[String],
    (activity, display): (&str, &str),
    who: &str,
    reason: &str,
    at: Timestamp,
) -> Value {
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
        "reason": [{"text": reason}],
        "activity": coded("v3-DataOperation", activity, display),
        "agent": [{
            "type": coded("provenance-participant-type", "author", "Author"),
            "who": {"reference": who},
        }],
    })
}
