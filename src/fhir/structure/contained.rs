//! The rules of contained resources: dom-2 to dom-5 (<https://hl7.org/fhir/R4/references.html#contained>).

use std::collections::HashSet;

use crate::json::Value;

use super::place::Step;
use super::walk::Walk;
use crate::fhir::element;

pub(super) fn check<'a>(walk: &mut Walk<'a>, resource: &'a Value) {
    let Some(Value::Array(list)) = resource.get("contained") else { return };
    let mut strings = HashSet::new();
    local(resource, &mut strings);
    let mut ids = HashSet::new();
    for (index, inner) in list.iter().enumerate() {
        walk.place.enter(Step::Name("contained"));
        walk.place.enter(Step::Index(index));
        if inner.get("contained").is_some() {
            walk.fault("invariant", "dom-2: a contained resource contains no others");
        }
        let meta = |name| inner.get("meta").is_some_and(|meta: &Value| meta.get(name).is_some());
        if meta("versionId") || meta("lastUpdated") {
            walk.fault("invariant", "dom-4: a contained resource has no versionId and no lastUpdated");
        }
        if meta("security") {
            walk.fault("invariant", "dom-5: a contained resource has no security label");
        }
        match element::id(inner) {
            None => walk.fault("required", "a contained resource needs an id to be referred to"),
            Some(id) if !ids.insert(id) => walk.fault("duplicate", "two contained resources have this id"),
            Some(id) => {
                if !strings.contains(id) && !refers_to_container(inner) {
                    walk.fault(
                        "invariant",
                        "dom-3: nothing in the resource refers to this contained resource",
                    );
                }
            }
        }
        walk.place.leave();
        walk.place.leave();
    }
}

/// Every text of the form `#id`, without the sign.
fn local<'a>(value: &'a Value, found: &mut HashSet<&'a str>) {
    match value {
        Value::String(text) => found.extend(text.strip_prefix('#')),
        Value::Array(list) => list.iter().for_each(|value| local(value, found)),
        Value::Object(object) => object.values().for_each(|value| local(value, found)),
        _ => {}
    }
}

fn refers_to_container(contained: &Value) -> bool {
    let mut found = HashSet::new();
    local(contained, &mut found);
    found.contains("")
}
