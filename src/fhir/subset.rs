//! Parts of a resource for `_summary` and `_elements` (R4 3.1.1.5.9 and 3.1.1.5.10), marked as such.

use crate::json::{Map, Value, json};

use super::schema::r4;
use super::search::Summary;
use super::summary;

/// The tag of what is not whole (R4, `meta.tag`).
const TAGS: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
const PART: &str = "SUBSETTED";

/// What stays of a resource: its id, meta and mandatory elements always. What is not whole is tagged SUBSETTED.
#[must_use]
pub fn subset(resource: &Value, summary: Summary, elements: &[String]) -> Value {
    let Some(object) = resource.as_object() else { return resource.clone() };
    if summary == Summary::False && elements.is_empty() {
        return resource.clone();
    }
    let rtype = object.get("resourceType").and_then(Value::as_str).unwrap_or_default();
    let wanted = |name: &str| {
        let asked = elements.is_empty() || elements.iter().any(|element| element == name);
        let shown = match summary {
            Summary::False => true,
            Summary::Data => name != "text",
            Summary::Text => name == "text",
            Summary::True => summary::shows(rtype, name),
            Summary::Count => false,
        };
        asked && shown
    };
    let mut kept = Map::new();
    for (key, value) in object.members() {
        let name = element_of(rtype, key.trim_start_matches('_'));
        let always =
            matches!(name, "resourceType" | "id" | "meta" | "implicitRules") || is_mandatory(rtype, name);
        if always || wanted(name) {
            kept.insert(key.clone(), value.clone());
        }
    }
    if kept.len() < object.len() {
        tag(&mut kept);
    }
    Value::Object(kept)
}

/// Whether a resource says of itself that it is not the whole.
#[must_use]
pub fn is_part(resource: &Value) -> bool {
    let tags = resource.get("meta").and_then(|meta| meta.get("tag")).and_then(Value::as_array);
    tags.is_some_and(|tags| tags.iter().any(|tag| tag["system"] == TAGS && tag["code"] == PART))
}

/// The element of a JSON name: `value` of `valueQuantity`.
pub(super) fn element_of<'a>(rtype: &str, key: &'a str) -> &'a str {
    let Some(definition) = r4().definition(rtype) else { return key };
    let choice = definition.elements.iter().find(|element| {
        element.choice
            && key
                .strip_prefix(element.name)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
    });
    choice.map_or(key, |element| &key[..element.name.len()])
}

fn is_mandatory(rtype: &str, name: &str) -> bool {
    r4().definition(rtype).is_some_and(|definition| {
        definition.elements.iter().any(|element| element.name == name && element.required)
    })
}

fn tag(kept: &mut Map) {
    let meta = kept.entry("meta").or_insert_with(|| json!({}));
    let Some(meta) = meta.as_object_mut() else { return };
    if let Some(tags) = meta.entry("tag").or_insert_with(|| json!([])).as_array_mut() {
        tags.push(json!({
            "system": TAGS,
            "code": PART
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(summary: Summary, elements: &[&str], expected: &[&str]) {
        let observation = json!({"resourceType": "Observation", "id": "1", "text": {}, "status": "final",
            "code": {}, "valueQuantity": {}, "note": [], "subject": {}});
        let elements: Vec<_> = elements.iter().map(|name| (*name).to_owned()).collect();
        let kept = subset(&observation, summary, &elements);
        let names: Vec<_> = kept.as_object().unwrap().keys().collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn what_is_mandatory_is_always_there() {
        check(Summary::False, &["value"], &["resourceType", "id", "status", "code", "valueQuantity", "meta"]);
        check(Summary::Text, &[], &["resourceType", "id", "text", "status", "code", "meta"]);
        check(
            Summary::True,
            &[],
            &["resourceType", "id", "status", "code", "valueQuantity", "subject", "meta"],
        );
    }

    #[test]
    fn a_part_says_that_it_is_one_and_a_whole_does_not() {
        let flag = json!({"resourceType": "Flag", "id": "1", "text": {}});
        let part = subset(&flag, Summary::Data, &[]);
        assert_eq!(part["meta"]["tag"][0]["code"], "SUBSETTED");
        assert_eq!(subset(&flag, Summary::False, &[]), flag);
    }

    #[test]
    fn every_served_type_has_its_summary() {
        assert!(summary::SUMMARY.iter().map(|(name, _)| *name).eq(crate::fhir::SERVED.iter().copied()));
    }
}
