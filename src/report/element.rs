//! What a report reads from resources beyond paths: wordings, extensions, and which reference names which resource.

use crate::json::Value;

use crate::fhir::element::{list, str_at};
use crate::terminology::BASE;

/// The text at a dotted path; a blank one is none.
pub(super) fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    str_at(value, path).map(str::trim).filter(|text| !text.is_empty())
}

/// The whole coding that a concept has in a code system.
pub(super) fn coding_in<'a>(concept: &'a Value, system: &str) -> Option<&'a Value> {
    list(concept, "coding").find(|coding| text(coding, "system") == Some(system))
}

/// What a concept says to people: its text, else the first display, else the first code.
pub(super) fn wording(concept: &Value) -> Option<&str> {
    let first = |name| list(concept, "coding").find_map(|coding| text(coding, name));
    text(concept, "text").or_else(|| first("display")).or_else(|| first("code"))
}

/// What the concept in an element of a resource says to people.
pub(super) fn wording_of<'a>(resource: &'a Value, element: &str) -> Option<&'a str> {
    list(resource, element).find_map(wording)
}

/// The extension of that url.
pub(super) fn extension<'a>(value: &'a Value, url: &str) -> Option<&'a Value> {
    list(value, "extension").find(|extension| text(extension, "url") == Some(url))
}

/// The extension of ours with that name.
pub(super) fn own_extension<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    extension(value, &own_url(name))
}

/// Url of the extension of ours with that name.
pub(super) fn own_url(name: &str) -> String {
    format!("{BASE}/StructureDefinition/{name}")
}

/// The text value of an extension, whatever its type.
pub(super) fn value_text(extension: &Value) -> Option<&str> {
    let values = extension.as_object()?.iter().filter(|(name, _)| name.starts_with("value"));
    values.filter_map(|(_, value)| value.as_str().or_else(|| text(value, "code"))).next()
}

/// The text value of a part of a complex extension.
pub(super) fn part<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    extension(value, name).and_then(value_text).map(str::trim).filter(|text| !text.is_empty())
}

/// Whether a reference (perhaps absolute, perhaps of a version) names that `Type/id`.
pub(super) fn names(reference: &str, target: &str) -> bool {
    let unversioned = reference.split("/_history/").next().unwrap_or(reference);
    unversioned == target || unversioned.strip_suffix(target).is_some_and(|before| before.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn a_concept_speaks_by_its_text_then_its_display_then_its_code() {
        let check = |concept: Value, expected: Option<&str>| assert_eq!(wording(&concept), expected);
        check(json!({"text": "a", "coding": [{"display": "b", "code": "c"}]}), Some("a"));
        check(json!({"text": " ", "coding": [{"display": "b", "code": "c"}]}), Some("b"));
        check(json!({"coding": [{"code": "c"}]}), Some("c"));
        check(json!({}), None);
    }

    #[test]
    fn a_reference_names_its_target_in_every_form_but_not_a_longer_id() {
        for form in ["Flag/1", "Flag/1/_history/2", "https://h/fhir/Flag/1"] {
            assert!(names(form, "Flag/1"), "{form}");
        }
        assert!(!names("Flag/11", "Flag/1"));
        assert!(!names("RedFlag/1", "Flag/1"));
    }
}
