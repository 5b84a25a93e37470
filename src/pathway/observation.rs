//! Observations: one for each answer marked for extraction (SDC observation-based extraction,
//! `TLSVObservation`), amended in place when the response is amended.

use std::collections::{HashMap, HashSet};

use crate::json::Value;

use super::derived::Derived;
use super::element::{
    DERIVED_ITEM, Element, GRADE, address, coding, concept, extension, extension_value, level_coding, only,
    reference,
};
use super::existing;
use super::input::Scene;
use crate::fhir::element::{code_of, list, str_at};
use crate::judgement::{Extract, Outcome};
use crate::terminology::{DATA_ABSENT_REASON, Level, OBSERVATION_CATEGORY, SYMPTOM, SYMPTOM_GRADE};

/// What an amended answer may change; everything else of an existing Observation stays.
const CONTENT: &[&str] = &["code", "category", "dataAbsentReason", "interpretation", "note"];

/// What is no matter of an answer: the derivation says it of every Observation.
const SURROUNDINGS: &[&str] = &["resourceType", "id", "meta", "status", "subject", "derivedFrom", "issued"];

/// What became of the Observations.
#[derive(Default)]
pub(super) struct Observations {
    /// References to all that hold, for the report.
    pub(super) references: Vec<String>,
    /// Questions that the person chose not to answer, or could not.
    pub(super) declined: Vec<String>,
}

/// Derive the Observations.
pub(super) fn derive(scene: &Scene<'_>, extracts: Vec<Extract>, derived: &mut Derived) -> Observations {
    let input = scene.input;
    let mut found =
        Observations { references: Vec::new(), declined: extracts.iter().filter_map(declined).collect() };
    if input.in_progress && !input.withdrawn {
        return found;
    }
    let extracts = if input.withdrawn { Vec::new() } else { extracts };
    let known: Vec<(Option<&str>, &Value)> = scene
        .existing
        .of_type("Observation")
        .filter(|known| existing::status(known) != "entered-in-error")
        .map(|known| (extension_value(known, DERIVED_ITEM, "valueString"), known))
        .collect();
    // Of several with one key, which only a hand could have made, the oldest.
    let by_key: HashMap<&str, &Value> =
        known.iter().rev().filter_map(|(key, known)| Some(((*key)?, *known))).collect();
    let mut levels = Levels::of(scene);
    let (mut kept, mut common) = (HashSet::new(), None);
    found.references.reserve(extracts.len());
    // Flags, Tasks, the report and what else comes after them are some ten.
    derived.resources.reserve(extracts.len() + 10);
    for extract in extracts {
        let key = key(&extract);
        let existing = if by_key.is_empty() { None } else { by_key.get_key_value(key.as_str()) };
        let body = content(&mut levels, extract, key);
        found.references.push(match existing {
            Some((key, existing)) => {
                kept.insert(*key);
                amend(scene, existing, body, derived)
            }
            None => create(scene, common.get_or_insert_with(|| self::common(scene)), body, derived),
        });
    }
    for (_, gone) in known.iter().filter(|(key, _)| key.is_none_or(|key| !kept.contains(key))) {
        derived.update(gone, Element::amending(gone).with("status", "entered-in-error"));
    }
    found
}

/// The name of a question that was not answered, where the answer says so.
fn declined(extract: &Extract) -> Option<String> {
    let observation = &extract.observation;
    let absent = observation.get("dataAbsentReason").is_some()
        || observation
            .get("valueCodeableConcept")
            .is_some_and(|value| code_of(value, DATA_ABSENT_REASON).is_some());
    let name = || str_at(observation, "code.text").or_else(|| str_at(observation, "code.coding.display"));
    absent.then(|| name().unwrap_or(&extract.link_id).to_owned())
}

/// Link id, with `#n` for a later instance of a repeating item.
fn key(extract: &Extract) -> String {
    match extract.instance {
        0 => extract.link_id.clone(),
        n => format!("{}#{n}", extract.link_id),
    }
}

/// A new one; its reference.
fn create(scene: &Scene<'_>, common: &Element, body: Element, derived: &mut Derived) -> String {
    let id = scene.ids.next();
    let reference = ["Observation/", &id].concat();
    derived.create(common.begun("Observation", id, body));
    reference
}

/// What every new Observation of the response says alike, and shares.
fn common(scene: &Scene<'_>) -> Element {
    let input = scene.input;
    let mut common = Element::new(7).with("status", "final");
    common.put_some("basedOn", input.care_plan.map(|care_plan| only(reference(care_plan)).shared()));
    common.put("subject", input.subject.clone().shared());
    common.put("effectiveDateTime", Value::from(effective(scene)).shared());
    common.put("issued", Value::from(scene.received.clone()).shared());
    common.put_some("performer", input.answered_by.map(|person| only(person.clone()).shared()));
    // Observation.derivedFrom does not allow a Binary: a refused response is named by its Provenance.
    if input.source.starts_with("QuestionnaireResponse/") {
        common.put("derivedFrom", only(reference(input.source)).shared());
    }
    common
}

/// When the person answered; reception when they did not say.
fn effective(scene: &Scene<'_>) -> String {
    let input = scene.input;
    input.authored.map_or_else(|| input.received.to_string(), str::to_owned)
}

/// The next version of an existing Observation when the answer, or the response about its moment, says something else now;
/// its reference.
fn amend(scene: &Scene<'_>, existing: &Value, body: Element, derived: &mut Derived) -> String {
    let mut amended = Element::amending(existing);
    amended.retain(|name| !CONTENT.contains(&name) && !name.starts_with("value"));
    amended.append(body);
    amended.put_some("effectiveDateTime", scene.input.authored.map(str::to_owned));
    if amended.differs(existing) {
        derived.update(existing, amended.with("status", "amended"));
    }
    address("Observation", existing)
}

/// What the answer itself says: code, category, value or reason of absence, level.
fn content(levels: &mut Levels<'_>, extract: Extract, key: String) -> Element {
    let Extract { link_id, grade, observation, .. } = extract;
    let mut body = Element::from(observation);
    body.retain(|name| !SURROUNDINGS.contains(&name));
    extend(&mut body, extension(DERIVED_ITEM, "valueString", key));
    if body.get("category").is_none() {
        body.put("category", only(concept(coding(OBSERVATION_CATEGORY, "survey"))));
    }
    to_grade(grade, &mut body);
    if let Some(level) = levels.about(&link_id, &body) {
        body.put("interpretation", levels.told(level));
    }
    body
}

/// One more extension.
fn extend(body: &mut Element, own: Value) {
    match body.get_mut("extension") {
        Some(Value::Array(extensions)) => extensions.push(own),
        Some(single) => *single = vec![single.take(), own].into(),
        None => body.put("extension", only(own)),
    }
}

/// A graded answer becomes its grade, an integer that says by an extension that it is one and can be charted; the words
/// chosen stay as a note. A refusal to answer becomes the reason of absence.
fn to_grade(grade: Option<i64>, body: &mut Element) {
    let refused = |answer: &Value| code_of(answer, DATA_ABSENT_REASON).is_some();
    let Some(answer) = body.get("valueCodeableConcept") else { return };
    if grade.is_none() && !refused(answer) {
        return;
    }
    let Some(answer) = body.take("valueCodeableConcept") else { return };
    if refused(&answer) {
        body.put("dataAbsentReason", answer);
        return;
    }
    body.put_some("valueInteger", grade);
    if let Some(grade) = grade.filter(|grade| (0..=4).contains(grade)) {
        extend(body, extension(GRADE, "valueCoding", coding(SYMPTOM_GRADE, grade.to_string())));
    }
    if let Some(words) = str_at(&answer, "coding.display").or_else(|| str_at(&answer, "text")) {
        body.put("note", only(Element::new(1).with("text", format!("Réponse : {words}"))));
    }
}

/// The rules that give an answer its level: those that fired or hold, and those that nobody can tell about.
struct Levels<'a> {
    fired: Vec<&'a Outcome>,
    unknown: Vec<&'a Outcome>,
    /// Levels as answers have told them, each shared by all that do.
    told: Vec<(Level, Value)>,
}

impl<'a> Levels<'a> {
    fn of(scene: &Scene<'a>) -> Self {
        let held = scene.held.iter().filter_map(|held| held.rule);
        let fired = scene.alerts.iter().map(|(_, alert)| *alert).chain(held);
        let mut fired: Vec<&Outcome> = fired.filter(|alert| alert.action.level != Level::Technique).collect();
        fired.sort_by_key(|alert| std::cmp::Reverse(alert.action.level));
        Self {
            fired,
            unknown: scene.input.evaluation.not_evaluable().map(|(rule, _)| rule).collect(),
            told: Vec::new(),
        }
    }

    /// A level as an interpretation.
    fn told(&mut self, level: Level) -> Value {
        if let Some((_, told)) = self.told.iter().find(|(known, _)| *known == level) {
            return told.clone();
        }
        let told = only(concept(level_coding(level))).shared();
        self.told.push((level, told.clone()));
        told
    }

    /// The highest level among the alerts about this answer. A symptom that was answered and raised none
    /// is vert; one whose rules could not be evaluated has no level at all.
    fn about(&self, link_id: &str, body: &Element) -> Option<Level> {
        let symptoms: Vec<&str> = body
            .get("code")
            .into_iter()
            .flat_map(|code| list(code, "coding"))
            .filter(|coding| coding["system"] == SYMPTOM)
            .filter_map(|coding| coding["code"].as_str())
            .collect();
        let about = |rule: &&&Outcome| concerns(rule, link_id, &symptoms);
        // Highest level first.
        if let Some(alert) = self.fired.iter().find(about) {
            return Some(alert.action.level);
        }
        let unknown = body.get("dataAbsentReason").is_some() || self.unknown.iter().any(|rule| about(&rule));
        (!symptoms.is_empty() && !unknown).then_some(Level::Vert)
    }
}

/// A rule is about an answer when it names its symptom; or, for a measure or a rule without symptom,
/// when the answer explains it (alone, unless the answer is a measure).
fn concerns(rule: &Outcome, link_id: &str, symptoms: &[&str]) -> bool {
    let symptom = rule.action.symptom.as_ref();
    let named = symptom.is_some_and(|symptom| symptoms.contains(&symptom.code.as_str()));
    let explains = rule.evidence.iter().any(|evidence| evidence.link_id == link_id);
    let alone = || rule.evidence.iter().all(|evidence| evidence.link_id == link_id);
    named || (explains && (symptoms.is_empty() || (symptom.is_none() && alone())))
}
