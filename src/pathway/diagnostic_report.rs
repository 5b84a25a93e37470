//! The DiagnosticReport of the week, preliminary: a person completes it and sets it final. A final one
//! is never touched; an amendment then makes an addendum.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::derived::Derived;
use super::element::{coding, extension, level_concept, overlay, reference, remove};
use super::existing::{of_type, status};
use super::french::{authored_at, count};
use super::input::Input;
use super::narrative::narrative;
use super::task::Tasks;
use crate::clock::Ids;
use crate::fhir::datetime::instant;
use crate::fhir::element::local_reference;
use crate::terminology::LOINC;

/// A weekly questionnaire speaks of the week before it.
const RECALL: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Derive the DiagnosticReport; gives its reference.
pub(super) fn derive(
    input: &Input<'_>,
    observations: &[String],
    tasks: &Tasks<'_>,
    ids: &dyn Ids,
    derived: &mut Derived,
) -> Option<String> {
    if input.in_progress && !input.withdrawn {
        return None;
    }
    let known: Vec<&Value> = of_type(input, "DiagnosticReport").collect();
    let open =
        known.iter().rfind(|report| matches!(status(report), "registered" | "partial" | "preliminary"));
    let issued =
        known.iter().rfind(|report| matches!(status(report), "final" | "amended" | "corrected" | "appended"));
    if input.withdrawn {
        // A final one belongs to the person who signed it: the Task of level technique tells them.
        let open = open?;
        derived.update(open, overlay(open, json!({ "status": "entered-in-error" })));
        return local_reference(open);
    }
    let content = content(input, observations, tasks);
    if let Some(open) = open {
        let addendum = addendum_of(open);
        let mut base = (*open).clone();
        remove(&mut base, &["result"]);
        let mut next = overlay(&base, content);
        add_extension(&mut next, addendum.cloned());
        derived.update(open, next);
        return Some(format!("DiagnosticReport/{}", open["id"].as_str().unwrap_or_default()));
    }
    let id = ids.next();
    let mut whole = overlay(&json!({ "resourceType": "DiagnosticReport", "id": id }), content);
    let addendum = issued.map(|issued| {
        let to = format!("DiagnosticReport/{}", issued["id"].as_str().unwrap_or_default());
        json!({ "url": ADDENDUM_OF, "valueReference": reference(&to) })
    });
    add_extension(&mut whole, addendum);
    derived.create(whole);
    Some(format!("DiagnosticReport/{id}"))
}

const ADDENDUM_OF: &str = "http://hl7.org/fhir/StructureDefinition/diagnosticReport-addendumOf";

fn addendum_of(report: &Value) -> Option<&Value> {
    report["extension"].as_array()?.iter().find(|one| one["url"] == ADDENDUM_OF)
}

fn add_extension(report: &mut Value, extension: Option<Value>) {
    if let (Some(extension), Some(list)) = (extension, report["extension"].as_array_mut()) {
        list.push(extension);
    }
}

fn content(input: &Input<'_>, observations: &[String], tasks: &Tasks<'_>) -> Value {
    let mut content = json!({
        "language": "fr-FR",
        "text": { "status": "generated", "div": narrative(input, tasks) },
        "extension": [extension("source-response", "Reference", reference(input.source))],
    });
    if let Some(care_plan) = input.care_plan {
        content["basedOn"] = json!([reference(care_plan)]);
    }
    let section = "http://terminology.hl7.org/CodeSystem/v2-0074";
    let code = json!({
        "coding": [coding(LOINC, "85208-7", None)],
        "text": "Télésurveillance en oncologie : analyse de la semaine",
    });
    content = overlay(
        &content,
        json!({
            "status": "preliminary",
            "category": [{ "coding": [coding(section, "OTH", Some("Other"))] }],
            "code": code,
            "subject": input.subject,
            "effectivePeriod": week(input),
            "issued": instant(input.received),
            "conclusion": conclusion(input),
            "conclusionCode": [level_concept(input.level)],
        }),
    );
    if !observations.is_empty() {
        content["result"] = observations.iter().map(|one| reference(one)).collect();
    }
    content
}

/// The week that the answers speak of, ending when they were given.
fn week(input: &Input<'_>) -> Value {
    let end = input.authored.and_then(authored_at).unwrap_or(input.received);
    let start = end.checked_sub(RECALL).unwrap_or(end);
    json!({ "start": instant(start), "end": instant(end) })
}

/// Level and reasons in one paragraph.
pub(super) fn conclusion(input: &Input<'_>) -> String {
    let mut alerts: Vec<_> = input.alerts().collect();
    alerts.sort_by_key(|rule| std::cmp::Reverse(rule.level));
    let mut text = format!("Niveau {}. ", input.level.display().to_lowercase());
    if alerts.is_empty() {
        text.push_str("Aucune alerte.");
    } else {
        let named: Vec<String> = alerts
            .iter()
            .map(|rule| format!("{} ({}, {})", rule.title, rule.rule, rule.level.code()))
            .collect();
        text.push_str(&format!("{} : {}.", count(alerts.len(), "alerte", "alertes"), named.join(" ; ")));
    }
    let unknown = input.not_evaluable().count();
    if unknown > 0 {
        text.push_str(&format!(" {}.", count(unknown, "règle non évaluable", "règles non évaluables")));
    }
    text
}
