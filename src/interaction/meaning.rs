//! What says of itself that it must be understood to read the rest: `implicitRules` (FHIR R4, Resource, 2.26.3.3) and
//! `modifierExtension` (2.4.2). None is known here, so that nothing that has one is taken as if it had none.

use crate::fhir::element;
use crate::json::Value;
use crate::problem::{Category, Issue, Problem};

/// How much of an address is said back.
const SAID: usize = 200;

/// The rules that a resource, or one that it contains, was made by: they may say anything of what its elements mean.
pub(crate) fn unknown_rules(resource: &Value) -> Vec<Issue> {
    let rtype = element::resource_type(resource).unwrap_or("Resource");
    let own = std::iter::once((rtype.to_owned(), resource));
    let contained = element::list(resource, "contained")
        .enumerate()
        .map(|(n, within)| (format!("{rtype}.contained[{n}]"), within));
    own.chain(contained).filter_map(|(place, one)| rules(one, &place)).collect()
}

fn rules(resource: &Value, place: &str) -> Option<Issue> {
    let named = resource.get("implicitRules").or_else(|| resource.get("_implicitRules"))?;
    let said = shown(named.as_str());
    let text = format!(
        "implicitRules {said} must be understood to read this resource, and no such rules are known here: leave the element out if \
         the resource says the same without them"
    );
    let french = "La ressource suit des règles de lecture (implicitRules) inconnues ici, qui peuvent en changer le sens : à relire.";
    Some(Issue::error("not-supported", text).at(format!("{place}.implicitRules")).text(french))
}

/// Every extension in a resource that may turn round the meaning of what it stands on, at its place.
pub(crate) fn unknown_modifiers(resource: &Value) -> Vec<Issue> {
    let mut found = Vec::new();
    let place = element::resource_type(resource).unwrap_or("Resource").to_owned();
    modifiers(resource, &place, None, &mut found);
    found
}

/// The same two of the `Parameters` of an operation, apart from the resources in them, which are looked at where they are taken.
pub(crate) fn unknown_in_parameters(parameters: &Value) -> Vec<Issue> {
    let mut found = unknown_rules(parameters);
    modifiers(parameters, "Parameters", Some("resource"), &mut found);
    found
}

/// Refuses `Parameters` that must be understood in a way that is not known here.
///
/// # Errors
/// `Invalid` with every place.
pub(crate) fn plain_parameters(parameters: &Value) -> Result<(), Problem> {
    let found = unknown_in_parameters(parameters);
    if found.is_empty() { Ok(()) } else { Err(Problem::with(Category::Invalid, found)) }
}

/// Those in a value, but not in members of the name `but`.
fn modifiers(value: &Value, place: &str, but: Option<&str>, found: &mut Vec<Issue>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if name == "modifierExtension" {
                    found.extend(element::list(value, name).enumerate().map(|(n, one)| {
                        let text = format!(
                            "the modifierExtension {} may change the meaning of this, and is not known here",
                            shown(element::str_at(one, "url"))
                        );
                        Issue::error("extension", text).at(format!("{place}.{name}[{n}]"))
                    }));
                } else if but != Some(name) && matches!(member, Value::Object(_) | Value::Array(_)) {
                    modifiers(member, &format!("{place}.{name}"), but, found);
                }
            }
        }
        Value::Array(elements) => {
            for (n, element) in elements.iter().enumerate() {
                if matches!(element, Value::Object(_)) {
                    modifiers(element, &format!("{place}[{n}]"), but, found);
                }
            }
        }
        _ => {}
    }
}

fn shown(address: Option<&str>) -> String {
    address.map_or_else(|| "without address".to_owned(), |text| text.chars().take(SAID).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    fn places(issues: &[Issue]) -> Vec<&str> {
        issues.iter().filter_map(|issue| issue.expression.as_deref()).collect()
    }

    #[test]
    fn rules_are_found_on_the_resource_and_on_what_it_contains() {
        let check =
            |resource: Value, expected: &[&str]| assert_eq!(places(&unknown_rules(&resource)), expected);
        check(json!({"resourceType": "Flag", "language": "fr"}), &[]);
        check(json!({"resourceType": "Flag", "implicitRules": "urn:x:1"}), &["Flag.implicitRules"]);
        check(json!({"resourceType": "Flag", "_implicitRules": {"id": "a"}}), &["Flag.implicitRules"]);
        check(
            json!({"resourceType": "Flag", "contained": [{"resourceType": "Patient"}, {"implicitRules": "urn:x:1"}]}),
            &["Flag.contained[1].implicitRules"],
        );
        let said = unknown_rules(&json!({"resourceType": "Flag", "implicitRules": "x".repeat(5_000)}));
        assert!(said[0].diagnostics.len() < 500);
    }

    #[test]
    fn a_modifier_is_found_however_deep() {
        let modifier = json!([{"url": "https://m.example/not"}]);
        let plan = json!({"resourceType": "CarePlan", "modifierExtension": modifier,
            "activity": [{}, {"detail": {"modifierExtension": modifier}}], "contained": [{"modifierExtension": modifier}]});
        let found = unknown_modifiers(&plan);
        assert_eq!(
            places(&found),
            [
                "CarePlan.modifierExtension[0]",
                "CarePlan.activity[1].detail.modifierExtension[0]",
                "CarePlan.contained[0].modifierExtension[0]"
            ]
        );
        assert!(found[0].diagnostics.contains("https://m.example/not"));
    }
}
