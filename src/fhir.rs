//! FHIR R4 as data: the JSON and XML doors, the tables of the standard, structure checks, and small builders.
//!
//! Resources are `crate::json::Value` everywhere; numbers keep their text. A value that came through
//! [`parse()`] or [`xml::read()`] has no duplicate keys and bounded depth; one for which [`structure::check`] finds no error
//! conforms to base R4 (<https://hl7.org/fhir/R4/>).

pub mod bundle;
pub mod compact;
pub mod datetime;
pub mod element;
mod format;
pub mod identifier;
pub mod meta;
pub mod outcome;
mod parse;
pub mod primitive;
pub mod reference;
pub mod schema;
pub mod search;
pub mod structure;
mod subset;
mod summary;
pub mod xml;

pub use format::{Document, Format, Reading};
pub(crate) use parse::MEMBERS_MAX;
pub use parse::{DEPTH_MAX, parse};
pub use subset::{is_part, subset};

/// The media type of FHIR JSON.
pub const MEDIA_TYPE: &str = "application/fhir+json";

/// The resource types that are served, in alphabetical order.
pub const SERVED: &[&str] = &[
    "ActivityDefinition",
    "AuditEvent",
    "Binary",
    "CarePlan",
    "CodeSystem",
    "Communication",
    "Consent",
    "DiagnosticReport",
    "DocumentReference",
    "Flag",
    "Observation",
    "Organization",
    "Patient",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Provenance",
    "Questionnaire",
    "QuestionnaireResponse",
    "Task",
    "ValueSet",
];

/// The types that only this service writes: clients search and read them.
pub const READ_ONLY: &[&str] = &["AuditEvent"];

/// Whether clients may write a type that is served.
#[must_use]
pub fn is_writable(resource_type: &str) -> bool {
    !READ_ONLY.contains(&resource_type)
}

/// Whether a resource type is served here.
#[must_use]
pub fn is_served(resource_type: &str) -> bool {
    SERVED.binary_search(&resource_type).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_served_types_are_sorted_and_known_to_the_standard() {
        assert!(SERVED.is_sorted());
        assert!(SERVED.iter().all(|name| schema::r4().is_resource(name)));
        assert!(READ_ONLY.iter().all(|name| is_served(name) && !is_writable(name)));
        assert!(is_served("Patient") && !is_served("Encounter"));
    }
}
