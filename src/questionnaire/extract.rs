//! Observations from the answers of the items that are marked for it
//! (SDC observation-based extraction, <https://hl7.org/fhir/uv/sdc/extraction.html>).

use crate::json::{Map, Value, json};
use rust_decimal::prelude::ToPrimitive;

use super::Questionnaire;
use super::answer::{absent_reason, declined};
use super::extension::{self, list, text};
use super::item::{AnswerType, Extraction, Item};
use super::measure::{Measure, decimal};
use super::options::ABSENT_REASON_SYSTEM;
use super::tree::Tree;
use crate::judgement::Extract;

/// The category of an Observation that comes from a questionnaire, when the item names none.
pub(crate) fn survey() -> Value {
    let system = "http://terminology.hl7.org/CodeSystem/observation-category";
    json!([{ "coding": [{ "system": system, "code": "survey" }] }])
}

/// The Observations, in document order. Answers that cannot be read are passed over: validation names them.
pub(crate) fn extract(questionnaire: &Questionnaire, response: &Value) -> Vec<Extract> {
    let tree = Tree::read(questionnaire, response);
    let mut instances = vec![0_usize; questionnaire.items.len()];
    let mut found = Vec::with_capacity(tree.nodes.len());
    let mut category = Value::Null;
    for node in &tree.nodes {
        let Some(index) = node.item else { continue };
        let item = &questionnaire.items[index];
        let Some(extraction) = &item.extraction else { continue };
        for answer in node.answers {
            let instance = &mut instances[index];
            if let Some((name, value, grade)) = observed(item, extraction, answer) {
                // Nearly all have the same: one copy for this response, so that no other thread counts it too.
                if category != extraction.category {
                    category = extraction.category.clone().shared();
                }
                let observation = observation(extraction, category.clone(), name, value);
                found.push(Extract {
                    link_id: item.link_id.clone(),
                    instance: *instance,
                    grade,
                    observation,
                });
            }
            *instance += 1;
        }
    }
    found
}

fn observation(extraction: &Extraction, category: Value, name: &'static str, value: Value) -> Value {
    // Room for what the derivation adds.
    let mut observation = Map::with_capacity(8);
    observation.insert("category", category);
    observation.insert("code", extraction.code.clone());
    observation.insert(name, value);
    Value::Object(observation)
}

/// Element, value and grade of one answer.
fn observed(
    item: &Item,
    extraction: &Extraction,
    answer: &Value,
) -> Option<(&'static str, Value, Option<i64>)> {
    let Some((name, value)) = extension::value_of(answer, "value") else {
        return declined(answer).map(absent);
    };
    if let Some(reason) = absent_reason(value) {
        return Some(absent(reason));
    }
    let kind = AnswerType::parse(&name["value".len()..])?;
    match kind {
        AnswerType::Coding => Some(coded(item, value)),
        AnswerType::Boolean => value.is_boolean().then(|| ("valueBoolean", value.clone(), None)),
        AnswerType::String | AnswerType::Uri => value.as_str().map(|text| ("valueString", json!(text), None)),
        AnswerType::Time => Measure::read(kind, value).map(|_| ("valueTime", value.clone(), None)),
        AnswerType::Date | AnswerType::DateTime => {
            Measure::read(kind, value).map(|_| ("valueDateTime", value.clone(), None))
        }
        AnswerType::Integer if extraction.unit.is_none() => {
            Measure::read(kind, value).map(|_| ("valueInteger", value.clone(), None))
        }
        AnswerType::Integer | AnswerType::Decimal => {
            decimal(value).map(|_| ("valueQuantity", with_unit(json!({ "value": value }), extraction), None))
        }
        AnswerType::Quantity => {
            Measure::read(kind, value).map(|_| ("valueQuantity", with_unit(value.clone(), extraction), None))
        }
        // An Observation has no such value.
        AnswerType::Attachment | AnswerType::Reference => None,
    }
}

fn absent(reason: &str) -> (&'static str, Value, Option<i64>) {
    ("dataAbsentReason", json!({ "coding": [{ "system": ABSENT_REASON_SYSTEM, "code": reason }] }), None)
}

/// The coding as the option has it, with its ordinal and display, where the answer means an option.
fn coded(item: &Item, value: &Value) -> (&'static str, Value, Option<i64>) {
    let option = item.options.as_ref().and_then(|options| options.find(AnswerType::Coding, value));
    let coding = option.map_or(value, |option| &option.value);
    let mut concept = json!({ "coding": [coding] });
    if let Some(display) = coding.get("display").filter(|display| display.is_string()) {
        concept["text"] = display.clone();
    }
    if text(coding, "system") == Some(ABSENT_REASON_SYSTEM) {
        return ("dataAbsentReason", concept, None);
    }
    let grade = option
        .and_then(|option| option.ordinal)
        .filter(|ordinal| ordinal.is_integer())
        .and_then(|ordinal| ordinal.to_i64());
    ("valueCodeableConcept", concept, grade)
}

/// The one unit of the item, where the answer names none.
fn with_unit(mut quantity: Value, extraction: &Extraction) -> Value {
    if text(&quantity, "code").is_none()
        && text(&quantity, "unit").is_none()
        && let Some(unit) = &extraction.unit
    {
        for (name, part) in [("unit", "display"), ("system", "system"), ("code", "code")] {
            if let Some(part) = unit.get(part) {
                quantity[name] = part.clone();
            }
        }
    }
    quantity
}

/// The unit of an item that has exactly one.
pub(crate) fn only_unit(element: &Value) -> Option<Value> {
    let declared = list(element, "extension")
        .iter()
        .filter(|found| matches!(text(found, "url"), Some(extension::UNIT | extension::UNIT_OPTION)));
    let mut units = declared.filter_map(|found| found.get("valueCoding"));
    let only = units.next()?;
    units.next().is_none().then(|| only.clone())
}
