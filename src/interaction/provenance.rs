//! What an act of a named person leaves on record, beside the versions that it writes (Provenance, FHIR R4).

use crate::json::{Value, json};
use jiff::Timestamp;

use crate::fhir::datetime::instant;
use crate::terminology::BASE;

/// Who did what to these, and why; the activity as code and display of `v3-DataOperation`.
pub(super) fn of_act(
    targets: &[String],
    (activity, display): (&str, &str),
    who: &str,
    reason: &str,
    at: Timestamp,
) -> Value {
    let agent = json!({
        "type": coded("provenance-participant-type", "author", "Author"),
        "who": {"reference": who},
    });
    of_agent(targets, (activity, display), agent, reason, at)
}

/// The same of what this software does by itself: a device without a resource of its own, named by an identifier.
pub(super) fn of_software(targets: &[String], activity: (&str, &str), reason: &str, at: Timestamp) -> Value {
    let agent = json!({
        "type": coded("provenance-participant-type", "assembler", "Assembler"),
        "who": {
            "type": "Device",
            "identifier": {"system": format!("{BASE}/NamingSystem/software"), "value": "vigie"},
            "display": "Vigie",
        },
    });
    of_agent(targets, activity, agent, reason, at)
}

fn of_agent(
    targets: &[String],
    (activity, display): (&str, &str),
    agent: Value,
    reason: &str,
    at: Timestamp,
) -> Value {
    json!({
        "resourceType": "Provenance",
        "target": targets.iter().map(|target| json!({"reference": target})).collect::<Value>(),
        "occurredDateTime": instant(at),
        "recorded": instant(at),
        "reason": [{"text": reason}],
        "activity": coded("v3-DataOperation", activity, display),
        "agent": [agent],
    })
}

fn coded(system: &str, code: &str, display: &str) -> Value {
    json!({"coding": [{
        "system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code, "display": display,
    }]})
}
