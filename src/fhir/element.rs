//! Reading elements of a resource by path, and the codings and references that several rooms look for.

use crate::json::Value;

use crate::fhirpath;

/// A child by its name; `None` for what has no children.
#[must_use]
pub fn child<'a>(parent: &'a Value, name: &str) -> Option<&'a Value> {
    fhirpath::member(parent, name)
}

/// The element at a dotted path; of a list, the first. `None` when any step is absent.
#[must_use]
pub fn at<'a>(resource: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(resource, |value, name| {
        let found = child(value, name)?;
        found.as_array().map_or(Some(found), |list| list.first())
    })
}

/// The text at a dotted path; of a list, the first.
#[must_use]
pub fn str_at<'a>(resource: &'a Value, path: &str) -> Option<&'a str> {
    at(resource, path)?.as_str()
}

/// The members of a list element; one member when it is single, none when it is absent.
pub fn list<'a>(parent: &'a Value, name: &str) -> std::slice::Iter<'a, Value> {
    match child(parent, name) {
        Some(Value::Array(list)) => list.iter(),
        Some(single) => std::slice::from_ref(single).iter(),
        None => [].iter(),
    }
}

/// `resourceType`.
#[must_use]
pub fn resource_type(resource: &Value) -> Option<&str> {
    child(resource, "resourceType")?.as_str()
}

/// `id`.
#[must_use]
pub fn id(resource: &Value) -> Option<&str> {
    child(resource, "id")?.as_str()
}

/// `Type/id` of a resource that has both.
#[must_use]
pub fn local_reference(resource: &Value) -> Option<String> {
    Some(format!("{}/{}", resource_type(resource)?, id(resource)?))
}

/// The (system, code) pairs of a `Coding`, a `CodeableConcept`, or a list of either; an absent system is empty.
#[must_use]
pub fn codings(concept: &Value) -> Vec<(&str, &str)> {
    match concept {
        Value::Array(list) => list.iter().flat_map(codings).collect(),
        Value::Object(object) if object.contains_key("coding") => {
            list(concept, "coding").filter_map(coding).collect()
        }
        _ => coding(concept).into_iter().collect(),
    }
}

/// Whether one of the codings of a concept is this one.
#[must_use]
pub fn has_coding(concept: &Value, system: &str, code: &str) -> bool {
    first_coding(concept, &|found| found == (system, code)).is_some()
}

/// The code that a concept has in this system.
#[must_use]
pub fn code_of<'a>(concept: &'a Value, system: &str) -> Option<&'a str> {
    first_coding(concept, &|(found, _)| found == system).map(|(_, code)| code)
}

/// The first of [`codings`] that is wanted, without a list of them all.
fn first_coding<'a>(concept: &'a Value, wanted: &dyn Fn((&str, &str)) -> bool) -> Option<(&'a str, &'a str)> {
    match concept {
        Value::Array(list) => list.iter().find_map(|one| first_coding(one, wanted)),
        Value::Object(object) if object.contains_key("coding") => {
            list(concept, "coding").filter_map(coding).find(|found| wanted(*found))
        }
        _ => coding(concept).filter(|found| wanted(*found)),
    }
}

fn coding(value: &Value) -> Option<(&str, &str)> {
    let code = child(value, "code")?.as_str()?;
    Some((child(value, "system").and_then(Value::as_str).unwrap_or_default(), code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn a_path_takes_the_first_of_a_list() {
        let patient = json!({ "name": [{ "given": ["DOMINIQUE", "B"] }] });
        assert_eq!(str_at(&patient, "name.given"), Some("DOMINIQUE"));
        assert_eq!(str_at(&patient, "name.family"), None);
    }

    #[test]
    fn codings_are_read_from_every_shape() {
        let coding = json!({ "system": "s", "code": "c" });
        for concept in
            [coding.clone(), json!([coding]), json!({ "coding": [coding] }), json!([{ "coding": [coding] }])]
        {
            assert_eq!(codings(&concept), [("s", "c")]);
            assert!(has_coding(&concept, "s", "c") && !has_coding(&concept, "s", "d"));
            assert_eq!(code_of(&concept, "s"), Some("c"));
        }
        assert_eq!(codings(&json!({ "text": "free" })), []);
    }
}
