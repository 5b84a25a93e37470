//! Provenance: why each alert is there, and what an amendment ended.

use crate::json::Value;

use super::derived::Derived;
use super::element::{Element, concept, only, reference, shown_coding};
use super::flag::Flags;
use super::input::{Input, Scene};
use super::task::Tasks;
use super::trace::trace;
use crate::terminology::BASE;

/// Derive the Provenance of this evaluation, and of what it ended.
pub(super) fn derive(
    scene: &Scene<'_>,
    flags: &Flags,
    tasks: &Tasks<'_>,
    report: Option<&str>,
    derived: &mut Derived,
) {
    let alerts = flags.firing.iter().map(|(_, flag)| flag.as_str());
    let actions = tasks.asked.iter().map(|(_, task)| task.as_str()).filter(|task| !task.is_empty());
    let mut targets: Vec<&str> =
        alerts.chain(flags.undecided.iter().map(String::as_str)).chain(actions).chain(report).collect();
    if targets.is_empty() {
        targets.push(scene.input.source);
    }
    let mut made = provenance(scene, &targets, "CREATE", "create");
    let trace = trace(&scene.input.evaluation.outcomes);
    if !trace.is_empty() {
        made.put("extension", trace);
    }
    derived.create(made);
    let ended: Vec<&str> = flags.superseded.iter().chain(&tasks.superseded).map(String::as_str).collect();
    if !ended.is_empty() {
        let mut made = provenance(scene, &ended, "UPDATE", "revise");
        made.put("reason", only(Element::new(1).with("text", "Remplacé par la réponse modifiée")));
        derived.create(made);
    }
}

fn provenance(scene: &Scene<'_>, targets: &[&str], activity: &'static str, display: &'static str) -> Element {
    let mut made = Element::resource("Provenance", scene.ids.next(), 12);
    made.put("target", targets.iter().map(|target| reference(*target)).collect::<Value>());
    made.put("occurredDateTime", scene.received.clone());
    made.put("recorded", scene.received.clone());
    made.put_some("policy", scene.input.plan.map(|plan| only(plan.to_owned())));
    let operation = "http://terminology.hl7.org/CodeSystem/v3-DataOperation";
    made.put("activity", concept(shown_coding(operation, activity, display)));
    made.put("agent", only(agent()));
    made.put("entity", entities(scene.input));
    made
}

/// The software: a device without a resource of its own, named by an identifier.
fn agent() -> Element {
    let participant = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
    let system = format!("{BASE}/NamingSystem/software");
    let who = Element::new(3)
        .with("type", "Device")
        .with("identifier", Element::new(2).with("system", system).with("value", "vigie"))
        .with("display", "Vigie");
    Element::new(2)
        .with("type", concept(shown_coding(participant, "assembler", "Assembler")))
        .with("who", who)
}

fn entities(input: &Input<'_>) -> Vec<Value> {
    let versioned = |version: u64| reference(format!("{}/_history/{version}", input.source));
    let entity =
        |role: &'static str, what: Value| Element::new(2).with("role", role).with("what", what).into();
    let source = input.source_version.map_or_else(|| reference(input.source), versioned);
    let mut entities = vec![entity("source", source)];
    if let Some(before) = input.source_version.and_then(|version| version.checked_sub(1)).filter(|v| *v > 0) {
        entities.push(entity("revision", versioned(before)));
    }
    if let Some(previous) = input.previous {
        entities.push(entity("source", reference(previous)));
    }
    entities
}
