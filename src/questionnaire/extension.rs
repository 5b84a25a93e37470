//! The extensions of a Questionnaire that are honoured, and how they are read
//! (FHIR R4 extension registry; Structured Data Capture, <https://hl7.org/fhir/uv/sdc/>).

use crate::json::Value;

use crate::fhir::element::child;

pub(crate) const VARIABLE: &str = "http://hl7.org/fhir/StructureDefinition/variable";
pub(crate) const ENABLE_WHEN: &str =
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-enableWhenExpression";
pub(crate) const CALCULATED: &str =
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-calculatedExpression";
pub(crate) const INITIAL: &str =
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-initialExpression";
pub(crate) const CONSTRAINT: &str = "http://hl7.org/fhir/StructureDefinition/questionnaire-constraint";
pub(crate) const TARGET_CONSTRAINT: &str = "http://hl7.org/fhir/StructureDefinition/targetConstraint";
pub(crate) const MIN_OCCURS: &str = "http://hl7.org/fhir/StructureDefinition/questionnaire-minOccurs";
pub(crate) const MAX_OCCURS: &str = "http://hl7.org/fhir/StructureDefinition/questionnaire-maxOccurs";
pub(crate) const MIN_VALUE: &str = "http://hl7.org/fhir/StructureDefinition/minValue";
pub(crate) const MAX_VALUE: &str = "http://hl7.org/fhir/StructureDefinition/maxValue";
pub(crate) const MIN_QUANTITY: &str =
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-minQuantity";
pub(crate) const MAX_QUANTITY: &str =
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-maxQuantity";
pub(crate) const MIN_LENGTH: &str = "http://hl7.org/fhir/StructureDefinition/minLength";
pub(crate) const MAX_DECIMAL_PLACES: &str = "http://hl7.org/fhir/StructureDefinition/maxDecimalPlaces";
pub(crate) const REGEX: &str = "http://hl7.org/fhir/StructureDefinition/regex";
pub(crate) const MIME_TYPE: &str = "http://hl7.org/fhir/StructureDefinition/mimeType";
pub(crate) const MAX_SIZE: &str = "http://hl7.org/fhir/StructureDefinition/maxSize";
pub(crate) const UNIT: &str = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit";
pub(crate) const UNIT_OPTION: &str = "http://hl7.org/fhir/StructureDefinition/questionnaire-unitOption";
pub(crate) const UNIT_VALUE_SET: &str = "http://hl7.org/fhir/StructureDefinition/questionnaire-unitValueSet";
pub(crate) const UNIT_OPEN: &str =
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-unitOpen";
pub(crate) const UNIT_SUPPLEMENTAL: &str =
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-unitSupplementalSystem";
pub(crate) const REFERENCE_RESOURCE: &str =
    "http://hl7.org/fhir/StructureDefinition/questionnaire-referenceResource";
pub(crate) const REFERENCE_PROFILE: &str =
    "http://hl7.org/fhir/StructureDefinition/questionnaire-referenceProfile";
pub(crate) const OPTION_EXCLUSIVE: &str =
    "http://hl7.org/fhir/StructureDefinition/questionnaire-optionExclusive";
pub(crate) const ORDINAL_VALUE: &str = "http://hl7.org/fhir/StructureDefinition/ordinalValue";
pub(crate) const ITEM_WEIGHT: &str = "http://hl7.org/fhir/StructureDefinition/itemWeight";
pub(crate) const HIDDEN: &str = "http://hl7.org/fhir/StructureDefinition/questionnaire-hidden";
pub(crate) const ANSWER_CONSTRAINT: &str =
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-Questionnaire.item.answerConstraint";
pub(crate) const RENDERING_CRITICAL: &str =
    "http://hl7.org/fhir/StructureDefinition/rendering-criticalExtension";
pub(crate) const OBSERVATION_EXTRACT: &str =
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-observationExtract";
pub(crate) const OBSERVATION_CATEGORY: &str =
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-observation-extract-category";
pub(crate) const DATA_ABSENT_REASON: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

/// The members of a list element; a lone value counts as a list of one, an absent or null one as empty.
pub(crate) fn list<'v>(parent: &'v Value, name: &str) -> &'v [Value] {
    match child(parent, name) {
        None | Some(Value::Null) => &[],
        Some(Value::Array(members)) => members,
        Some(single) => std::slice::from_ref(single),
    }
}

/// A text child.
pub(crate) fn text<'v>(parent: &'v Value, name: &str) -> Option<&'v str> {
    child(parent, name)?.as_str()
}

/// A Boolean child; false when absent.
pub(crate) fn flag(parent: &Value, name: &str) -> bool {
    child(parent, name).and_then(Value::as_bool).unwrap_or(false)
}

/// The extensions with this address, each with its position.
pub(crate) fn all<'v>(element: &'v Value, url: &'v str) -> impl Iterator<Item = (usize, &'v Value)> {
    list(element, "extension")
        .iter()
        .enumerate()
        .filter(move |(_, extension)| text(extension, "url") == Some(url))
}

/// The first extension with this address.
pub(crate) fn first<'v>(element: &'v Value, url: &'v str) -> Option<&'v Value> {
    all(element, url).next().map(|(_, extension)| extension)
}

/// The `value[x]` of an element: the JSON name and the value. `_value[x]` is not one.
pub(crate) fn value_of<'v>(element: &'v Value, prefix: &str) -> Option<(&'v str, &'v Value)> {
    let members = element.as_object()?;
    members.iter().find(|(name, _)| {
        name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
    })
}

/// The value of the first extension with this address.
pub(crate) fn value<'v>(element: &'v Value, url: &'v str) -> Option<&'v Value> {
    value_of(first(element, url)?, "value").map(|(_, value)| value)
}
