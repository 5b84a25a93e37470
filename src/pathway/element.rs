//! Small FHIR elements: codings, references and extensions of ours.

use serde_json::{Map, Value, json};

use crate::fhir::element::{code_of, list};
use crate::terminology::{ALERT_LEVEL, BASE, Level};

/// Url of one of our extensions.
pub(super) fn extension_url(name: &str) -> String {
    format!("{BASE}/StructureDefinition/{name}")
}

/// A coding with its display where there is one.
pub(super) fn coding(system: &str, code: &str, display: Option<&str>) -> Value {
    let mut coding = json!({ "system": system, "code": code });
    if let Some(display) = display {
        coding["display"] = json!(display);
    }
    coding
}

/// The level as a coding.
pub(super) fn level_coding(level: Level) -> Value {
    coding(ALERT_LEVEL, level.code(), Some(level.display()))
}

/// The level as a concept.
pub(super) fn level_concept(level: Level) -> Value {
    json!({ "coding": [level_coding(level)] })
}

/// The level that a concept holds.
pub(super) fn level_in(concept: &Value) -> Option<Level> {
    code_of(concept, ALERT_LEVEL)?.parse().ok()
}

/// A top-level extension of ours.
pub(super) fn extension(name: &str, kind: &str, value: impl Into<Value>) -> Value {
    part(&extension_url(name), kind, value)
}

/// A part of a complex extension.
pub(super) fn part(url: &str, kind: &str, value: impl Into<Value>) -> Value {
    let mut part = Map::new();
    part.insert("url".into(), json!(url));
    part.insert(format!("value{kind}"), value.into());
    Value::Object(part)
}

/// Value of the extension of ours with this name.
pub(super) fn extension_value<'a>(resource: &'a Value, name: &str, kind: &str) -> Option<&'a str> {
    let url = extension_url(name);
    let found = list(resource, "extension").find(|one| one["url"] == url.as_str())?;
    found.get(format!("value{kind}"))?.as_str()
}

/// A reference to `Type/id`.
pub(super) fn reference(to: &str) -> Value {
    json!({ "reference": to })
}

/// `existing` with every element of `over` put in its place.
pub(super) fn overlay(existing: &Value, over: Value) -> Value {
    let mut whole = existing.clone();
    if let (Value::Object(whole), Value::Object(over)) = (&mut whole, over) {
        whole.extend(over);
    }
    whole
}

/// Take elements away, those that are there.
pub(super) fn remove(resource: &mut Value, names: &[&str]) {
    if let Value::Object(elements) = resource {
        for name in names {
            elements.shift_remove(*name);
        }
    }
}
