//! The DiagnosticReport of the week, preliminary: a person completes it and sets it final. A final one
//! is never touched; an amendment then makes an addendum.

use crate::json::Value;
use jiff::SignedDuration;

use super::derived::Derived;
use super::element::{
    Element, SOURCE_RESPONSE, address, coding, concept, extension, level_coding, only, reference,
    shown_coding, told_concept,
};
use super::existing::status;
use super::french::{authored_at, count, no_alert};
use super::input::{Input, Scene};
use super::narrative::narrative;
use super::observation::Observations;
use super::task::Tasks;
use crate::fhir::datetime::instant;
use crate::fhir::element::local_reference;
use crate::terminology::LOINC;

/// A weekly questionnaire speaks of the week before it.
const RECALL: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Derive the DiagnosticReport; gives its reference.
pub(super) fn derive(
    scene: &Scene<'_>,
    observations: Observations,
    tasks: &Tasks<'_>,
    derived: &mut Derived,
) -> Option<String> {
    let input = scene.input;
    if input.in_progress && !input.withdrawn {
        return None;
    }
    let last = |among: &[&str]| {
        scene.existing.of_type("DiagnosticReport").rfind(|report| among.contains(&status(report)))
    };
    let open = last(&["registered", "partial", "preliminary"]);
    if input.withdrawn {
        // A final one belongs to the person who signed it: the Task of level technique tells them.
        let open = open?;
        derived.update(open, Element::amending(open).with("status", "entered-in-error"));
        return local_reference(open);
    }
    if let Some(open) = open {
        let mut next = Element::amending(open);
        next.retain(|name| name != "result");
        put_content(scene, observations, tasks, addendum_of(open).cloned(), &mut next);
        derived.update(open, next);
        return Some(address("DiagnosticReport", open));
    }
    let addendum = last(&["final", "amended", "corrected", "appended"]).map(|issued| {
        extension(ADDENDUM_OF, "valueReference", reference(address("DiagnosticReport", issued)))
    });
    let id = scene.ids.next();
    let mut whole = Element::resource("DiagnosticReport", id.clone(), 18);
    put_content(scene, observations, tasks, addendum, &mut whole);
    derived.create(whole);
    Some(format!("DiagnosticReport/{id}"))
}

const ADDENDUM_OF: &str = "http://hl7.org/fhir/StructureDefinition/diagnosticReport-addendumOf";

fn addendum_of(report: &Value) -> Option<&Value> {
    report["extension"].as_array()?.iter().find(|one| one["url"] == ADDENDUM_OF)
}

fn put_content(
    scene: &Scene<'_>,
    observations: Observations,
    tasks: &Tasks<'_>,
    addendum: Option<Value>,
    report: &mut Element,
) {
    let input = scene.input;
    let div = narrative(scene, tasks, observations.declined);
    let source = extension(SOURCE_RESPONSE, "valueReference", reference(input.source));
    report.put("language", "fr-FR");
    report.put("text", Element::new(2).with("status", "generated").with("div", div));
    report.put("extension", std::iter::once(source).chain(addendum).collect::<Value>());
    report.put_some("basedOn", input.care_plan.map(|care_plan| only(reference(care_plan))));
    let section = "http://terminology.hl7.org/CodeSystem/v2-0074";
    report.put("status", "preliminary");
    report.put("category", only(concept(shown_coding(section, "OTH", "Other"))));
    let title = "Télésurveillance en oncologie : analyse de la semaine";
    report.put("code", told_concept(vec![coding(LOINC, "85208-7")], title));
    report.put("subject", input.subject.clone());
    report.put("effectivePeriod", week(input));
    report.put("issued", scene.received.clone());
    report.put("conclusion", conclusion(scene));
    report.put("conclusionCode", only(concept(level_coding(scene.level()))));
    let results = observations.references;
    if !results.is_empty() {
        report.put("result", results.into_iter().map(reference).collect::<Value>());
    }
}

/// The week that the answers speak of, ending when they were given.
fn week(input: &Input<'_>) -> Element {
    let end = input.authored.and_then(authored_at).unwrap_or(input.received);
    let start = end.checked_sub(RECALL).unwrap_or(end);
    Element::new(2).with("start", instant(start)).with("end", instant(end))
}

/// Level and reasons in one paragraph.
fn conclusion(scene: &Scene<'_>) -> String {
    let alerts = &scene.alerts;
    let mut text = format!("Niveau {}. ", scene.level().display().to_lowercase());
    if alerts.is_empty() {
        text.push_str(no_alert(!scene.held.is_empty()));
    } else {
        let named: Vec<String> = alerts
            .iter()
            .map(|(_, alert)| &alert.action)
            .map(|rule| format!("{} ({}, {})", rule.title, rule.rule, rule.level.code()))
            .collect();
        text.push_str(&format!("{} : {}.", count(alerts.len(), "alerte", "alertes"), named.join(" ; ")));
    }
    if !scene.held.is_empty() {
        let named: Vec<String> =
            scene.held.iter().map(|held| format!("{} ({})", held.name(), held.level().code())).collect();
        let held = count(named.len(), "alerte maintenue", "alertes maintenues");
        text.push_str(&format!(" {held}, impossible à réévaluer : {}.", named.join(" ; ")));
    }
    let unknown = scene.input.evaluation.not_evaluable().count();
    if unknown > 0 {
        text.push_str(&format!(" {}.", count(unknown, "règle non évaluable", "règles non évaluables")));
    }
    text
}
