//! Provenance: why each alert is there, and what an amendment ended.

use serde_json::{Value, json};

use super::derived::Derived;
use super::element::{coding, reference};
use super::flag::Flags;
use super::input::Input;
use super::task::Tasks;
use super::trace::trace;
use crate::clock::Ids;
use crate::fhir::datetime::instant;
use crate::terminology::BASE;

/// Derive the Provenance of this evaluation, and of what it ended.
pub(super) fn derive(
    input: &Input<'_>,
    flags: &Flags,
    tasks: &Tasks<'_>,
    report: Option<&str>,
    ids: &dyn Ids,
    derived: &mut Derived,
) {
    let alerts = flags.firing.iter().map(|(_, flag)| flag.as_str());
    let actions = tasks.asked.iter().map(|(_, task)| task.as_str()).filter(|task| !task.is_empty());
    let mut targets: Vec<&str> =
        alerts.chain(flags.undecided.iter().map(String::as_str)).chain(actions).chain(report).collect();
    if targets.is_empty() {
        targets.push(input.source);
    }
    let mut made = provenance(input, &targets, ids, "CREATE", "create");
    made["extension"] = json!(trace(input.rules));
    if made["extension"].as_array().is_some_and(Vec::is_empty) {
        super::element::remove(&mut made, &["extension"]);
    }
    derived.create(made);
    let ended: Vec<&str> = flags.superseded.iter().chain(&tasks.superseded).map(String::as_str).collect();
    if !ended.is_empty() {
        let mut made = provenance(input, &ended, ids, "UPDATE", "revise");
        made["reason"] = json!([{ "text": "Remplacé par la réponse modifiée" }]);
        derived.create(made);
    }
}

fn provenance(input: &Input<'_>, targets: &[&str], ids: &dyn Ids, activity: &str, display: &str) -> Value {
    let mut made = json!({
        "resourceType": "Provenance",
        "id": ids.next(),
        "target": targets.iter().map(|target| reference(target)).collect::<Vec<_>>(),
        "occurredDateTime": instant(input.received),
        "recorded": instant(input.received),
    });
    if let Some(plan) = input.plan {
        made["policy"] = json!([plan]);
    }
    let operation = "http://terminology.hl7.org/CodeSystem/v3-DataOperation";
    made["activity"] = json!({ "coding": [coding(operation, activity, Some(display))] });
    made["agent"] = json!([agent()]);
    made["entity"] = json!(entities(input));
    made
}

/// The software: a device without a resource of its own, named by an identifier.
fn agent() -> Value {
    let participant = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
    json!({
        "type": { "coding": [coding(participant, "assembler", Some("Assembler"))] },
        "who": {
            "type": "Device",
            "identifier": { "system": format!("{BASE}/NamingSystem/software"), "value": "vigie" },
            "display": "Vigie",
        },
    })
}

fn entities(input: &Input<'_>) -> Vec<Value> {
    let versioned = |version: u64| reference(&format!("{}/_history/{version}", input.source));
    let source = input.source_version.map_or_else(|| reference(input.source), versioned);
    let mut entities = vec![json!({ "role": "source", "what": source })];
    if let Some(before) = input.source_version.and_then(|version| version.checked_sub(1)).filter(|v| *v > 0) {
        entities.push(json!({ "role": "revision", "what": versioned(before) }));
    }
    if let Some(previous) = input.previous {
        entities.push(json!({ "role": "source", "what": reference(previous) }));
    }
    entities
}
