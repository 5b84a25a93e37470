//! What a client sends, before anything is decided: read, of the right type, and of the structure of R4.

use crate::json::Value;
use jiff::Timestamp;

use super::{Context, meaning};
use crate::fhir::reference::ReferenceForm;
use crate::fhir::{self, Document, Reading, element, structure};
use crate::problem::{Category, Issue, Problem, Severity};

/// A resource without structural faults.
pub(crate) struct Incoming {
    /// The resource.
    pub(crate) resource: Value,
    /// What was noticed and does not hinder.
    pub(crate) warnings: Vec<Issue>,
}

/// Reads a body as a resource of this type.
///
/// # Errors
/// `Malformed` when it cannot be read or is of another type, `Invalid` with every structural fault.
pub(crate) fn read(rtype: &str, body: Document<'_>) -> Result<Incoming, Problem> {
    let Reading { resource, mut issues } = body.read()?;
    let resource = of_type(rtype, resource)?;
    issues.extend(structure::check(&resource));
    issues.extend(meaning::unknown_rules(&resource));
    issues.extend(meaning::unknown_modifiers(&resource));
    if hinders(&issues) {
        return Err(Problem::with(Category::Invalid, issues));
    }
    Ok(Incoming { resource, warnings: issues })
}

/// The resource, if it is of this type.
///
/// # Errors
/// `Malformed` with the type found.
pub(crate) fn of_type(rtype: &str, resource: Value) -> Result<Value, Problem> {
    match element::resource_type(&resource) {
        Some(found) if found == rtype => Ok(resource),
        found => Err(other_type(rtype, found)),
    }
}

/// The problem of a body of another type, or of none.
pub(crate) fn other_type(rtype: &str, found: Option<&str>) -> Problem {
    let diagnostics = match found {
        Some(found) => format!("the body is of type {found}, and {rtype} is expected here"),
        None => format!("the body has no resourceType; {rtype} is expected here"),
    };
    Problem::new(Category::Malformed, "structure", diagnostics).at("resourceType")
}

/// What is wrong with a resource that says of itself that it is not the whole: written back, it would end what was left out of it.
pub(crate) fn subsetted(resource: &Value) -> Option<Issue> {
    let rtype = element::resource_type(resource)?;
    fhir::is_part(resource).then(|| {
        let diagnostics = "the resource is tagged SUBSETTED: what was left out of it by _summary or _elements would be lost; read \
                           it whole and redo the change";
        Issue::error("business-rule", diagnostics).at(format!("{rtype}.meta.tag"))
    })
}

/// Whether one of the issues keeps the resource from being accepted.
pub(crate) fn hinders(issues: &[Issue]) -> bool {
    issues.iter().any(|issue| issue.severity >= Severity::Error)
}

/// Refuses a resource whose id is not the one of the address.
///
/// # Errors
/// `Malformed`.
pub(crate) fn check_id(resource: &Value, id: &str) -> Result<(), Problem> {
    let rtype = element::resource_type(resource).unwrap_or("Resource");
    if !fhir::reference::is_id(id) {
        let diagnostics = "the id of the address is not one: 1 to 64 letters, digits, hyphens and dots";
        return Err(Problem::new(Category::Malformed, "value", diagnostics));
    }
    match element::id(resource) {
        Some(found) if found == id => Ok(()),
        Some(found) => Err(Problem::new(
            Category::Malformed,
            "value",
            format!("the body has the id {found}, and the address says {id}"),
        )
        .at(&format!("{rtype}.id"))),
        None => Err(Problem::new(
            Category::Malformed,
            "required",
            format!("the body of an update carries its id; the address says {id}"),
        )
        .at(&format!("{rtype}.id"))),
    }
}

/// Now, to the millisecond: what `meta.lastUpdated` can say.
pub(crate) fn now(ctx: &Context) -> Timestamp {
    let now = ctx.clock.now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// `Patient/id` of the resource's patient: by its `subject` or `patient`, or because it is one.
pub(crate) fn patient(resource: &Value) -> Option<String> {
    let reference = |name: &str| element::str_at(resource, &format!("{name}.reference"));
    match element::resource_type(resource)? {
        "Patient" => element::local_reference(resource),
        _ => ["subject", "patient", "for"].into_iter().filter_map(reference).find_map(|reference| {
            match fhir::reference::parse(reference) {
                ReferenceForm::Local { rtype: "Patient", id, .. } => Some(format!("Patient/{id}")),
                _ => None,
            }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn the_id_of_body_and_address_must_agree() {
        let task = json!({"resourceType": "Task", "id": "a"});
        assert_eq!(check_id(&task, "a"), Ok(()));
        assert_eq!(check_id(&task, "b").map_err(|problem| problem.category), Err(Category::Malformed));
        assert!(check_id(&json!({"resourceType": "Task"}), "a").is_err());
        assert!(check_id(&task, "a/b").is_err());
    }

    #[test]
    fn the_patient_is_found_where_the_type_has_it() {
        let check =
            |resource: Value, expected: Option<&str>| assert_eq!(patient(&resource).as_deref(), expected);
        check(json!({"resourceType": "Patient", "id": "1"}), Some("Patient/1"));
        check(
            json!({"resourceType": "Task", "for": {"reference": "Patient/1/_history/2"}}),
            Some("Patient/1"),
        );
        check(json!({"resourceType": "Consent", "patient": {"reference": "Patient/1"}}), Some("Patient/1"));
        check(json!({"resourceType": "Flag", "subject": {"reference": "Group/1"}}), None);
        for odd in [
            "Patient/",
            "Patient/a b",
            "Patient/a,Patient/b",
            "Patient/1#x",
            "Patient/1/_history/",
            "Patient?_id=1",
        ] {
            check(json!({"resourceType": "Flag", "subject": {"reference": odd}}), None);
        }
    }
}
