//! Required bindings (<https://hl7.org/fhir/R4/terminologies.html#required>).

use crate::json::Value;

use super::walk::Walk;
use super::{quote, suggestion};
use crate::fhir::element;
use crate::fhir::schema::Element;

/// A `code` must be one of the value set's.
pub(super) fn check_code(walk: &mut Walk<'_>, element: &Element, value: &Value) {
    let (Some(set), Some(code)) = (element.value_set, value.as_str()) else { return };
    if !walk.schema.codes(set).any(|(_, allowed)| allowed == code) {
        refuse(walk, set, code);
    }
}

/// A `Coding`, or one of the codings of a `CodeableConcept`, must be of the value set.
pub(super) fn check_concept(walk: &mut Walk<'_>, element: &Element, value: &Value) {
    let Some(set) = element.value_set else { return };
    let given = element::codings(value);
    if !walk.schema.codes(set).any(|allowed| given.contains(&allowed)) {
        let shown: Vec<String> = given.iter().map(|(system, code)| format!("{system}#{code}")).collect();
        refuse(walk, set, &shown.join(", "));
    }
}

fn refuse(walk: &mut Walk<'_>, set: &str, given: &str) {
    let allowed = suggestion::first(walk.schema.codes(set).map(|(_, code)| code), 20);
    let given = quote::text(given);
    walk.fault("code-invalid", format!("{given} is not in the required value set {set}: {allowed}"));
}
