//! Observations: one for each answer marked for extraction (SDC observation-based extraction,
//! `TLSVObservation`), amended in place when the response is amended.

use serde_json::{Value, json};

use super::derived::Derived;
use super::element::{coding, extension, extension_value, level_concept, overlay, reference, remove};
use super::existing::{self, of_type};
use super::input::{Extracted, Input, RuleOutcome, RuleResult};
use crate::clock::Ids;
use crate::fhir::datetime::instant;
use crate::fhir::element::{code_of, list, str_at};
use crate::terminology::{DATA_ABSENT_REASON, Level, OBSERVATION_CATEGORY, SYMPTOM};

/// What an amended answer may change; everything else of an existing Observation stays.
const CONTENT: &[&str] = &["code", "category", "dataAbsentReason", "interpretation", "note"];

/// Derive the Observations; gives the references of all that hold, for the report.
pub(super) fn derive(input: &Input<'_>, ids: &dyn Ids, derived: &mut Derived) -> Vec<String> {
    if input.in_progress && !input.withdrawn {
        return Vec::new();
    }
    let extracts = if input.withdrawn { &[] } else { input.extracts };
    let known: Vec<&Value> =
        of_type(input, "Observation").filter(|known| existing::status(known) != "entered-in-error").collect();
    let mut kept = Vec::new();
    let mut references = Vec::new();
    for extract in extracts {
        let key = key(extract);
        let body = content(input, extract, &key);
        let id = match known.iter().find(|known| key_of(known) == Some(&key)) {
            Some(found) => {
                kept.push(key);
                amend(found, body, derived)
            }
            None => create(input, body, ids, derived),
        };
        references.push(format!("Observation/{id}"));
    }
    for gone in known.iter().filter(|known| key_of(known).is_none_or(|key| !kept.iter().any(|k| k == key))) {
        derived.update(gone, overlay(gone, json!({ "status": "entered-in-error" })));
    }
    references
}

/// Link id, with `#n` for a later instance of a repeating item.
fn key(extract: &Extracted<'_>) -> String {
    match extract.instance {
        0 => extract.link_id.to_owned(),
        n => format!("{}#{n}", extract.link_id),
    }
}

fn key_of(observation: &Value) -> Option<&str> {
    extension_value(observation, "derived-item", "String")
}

fn create(input: &Input<'_>, body: Value, ids: &dyn Ids, derived: &mut Derived) -> String {
    let id = ids.next();
    let mut whole = json!({ "resourceType": "Observation", "id": id, "status": "final" });
    if let Some(care_plan) = input.care_plan {
        whole["basedOn"] = json!([reference(care_plan)]);
    }
    whole["subject"] = input.subject.clone();
    whole["effectiveDateTime"] = json!(input.effective());
    whole["issued"] = json!(instant(input.received));
    if let Some(person) = input.answered_by {
        whole["performer"] = json!([person]);
    }
    // Observation.derivedFrom does not allow a Binary: a refused response is named by its Provenance.
    if input.source.starts_with("QuestionnaireResponse/") {
        whole["derivedFrom"] = json!([reference(input.source)]);
    }
    derived.create(overlay(&whole, body));
    id
}

/// The next version of an existing Observation when the answer says something else now.
fn amend(existing: &Value, body: Value, derived: &mut Derived) -> String {
    let mut amended = existing.clone();
    remove(&mut amended, CONTENT);
    let values: Vec<String> = element_names(&amended).filter(|name| name.starts_with("value")).collect();
    remove(&mut amended, &values.iter().map(String::as_str).collect::<Vec<_>>());
    let amended = overlay(&amended, body);
    if amended != *existing {
        derived.update(existing, overlay(&amended, json!({ "status": "amended" })));
    }
    existing["id"].as_str().unwrap_or_default().to_owned()
}

fn element_names(resource: &Value) -> impl Iterator<Item = String> {
    resource.as_object().into_iter().flat_map(|elements| elements.keys().cloned())
}

/// What the answer itself says: code, category, value or reason of absence, level.
fn content(input: &Input<'_>, extract: &Extracted<'_>, key: &str) -> Value {
    let mut body = extract.observation.clone();
    remove(&mut body, &["resourceType", "id", "meta", "status", "subject", "derivedFrom", "issued"]);
    let own = extension("derived-item", "String", key);
    body["extension"] = list(&body, "extension").cloned().chain([own]).collect();
    if body.get("category").is_none() {
        body["category"] = json!([{ "coding": [coding(OBSERVATION_CATEGORY, "survey", None)] }]);
    }
    grade(extract, &mut body);
    if let Some(level) = level(input, extract, &body) {
        body["interpretation"] = json!([level_concept(level)]);
    }
    body
}

/// A graded answer becomes its grade, an integer that can be charted; the words chosen stay as a note.
/// A refusal to answer becomes the reason of absence.
fn grade(extract: &Extracted<'_>, body: &mut Value) {
    let Some(answer) = body.get("valueCodeableConcept").cloned() else { return };
    if code_of(&answer, DATA_ABSENT_REASON).is_some() {
        remove(body, &["valueCodeableConcept"]);
        body["dataAbsentReason"] = answer;
        return;
    }
    let Some(grade) = extract.grade else { return };
    remove(body, &["valueCodeableConcept"]);
    body["valueInteger"] = json!(grade);
    if let Some(words) = str_at(&answer, "coding.display").or_else(|| str_at(&answer, "text")) {
        body["note"] = json!([{ "text": format!("Réponse : {words}") }]);
    }
}

/// The highest level among the alerts about this answer. A symptom that was answered and raised none
/// is vert; one whose rules could not be evaluated has no level at all.
fn level(input: &Input<'_>, extract: &Extracted<'_>, body: &Value) -> Option<Level> {
    let symptoms: Vec<&str> = list(&body["code"], "coding")
        .filter(|c| c["system"] == SYMPTOM)
        .filter_map(|c| c["code"].as_str())
        .collect();
    let about = |rule: &RuleOutcome| concerns(rule, extract.link_id, &symptoms);
    let fired = input.alerts().filter(|rule| rule.level != Level::Technique && about(rule));
    if let Some(level) = fired.map(|rule| rule.level).max() {
        return Some(level);
    }
    let unknown = body.get("dataAbsentReason").is_some()
        || input.rules.iter().any(|rule| matches!(rule.result, RuleResult::NotEvaluable(_)) && about(rule));
    (!symptoms.is_empty() && !unknown).then_some(Level::Vert)
}

/// A rule is about an answer when it names its symptom; or, for a measure or a rule without symptom,
/// when the answer explains it (alone, unless the answer is a measure).
fn concerns(rule: &RuleOutcome, link_id: &str, symptoms: &[&str]) -> bool {
    let named = rule.symptom.as_ref().is_some_and(|symptom| symptoms.contains(&symptom.code.as_str()));
    let explains = rule.evidence.iter().any(|evidence| evidence.link_id == link_id);
    let alone = rule.evidence.iter().all(|evidence| evidence.link_id == link_id);
    named || (explains && (symptoms.is_empty() || (alone && rule.symptom.is_none())))
}
