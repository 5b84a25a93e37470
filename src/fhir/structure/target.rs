//! What references point to: form, resource type, and contained resources that exist
//! (<https://hl7.org/fhir/R4/references.html>).

use crate::json::Value;

use super::quote;
use super::walk::Walk;
use crate::fhir::element;
use crate::fhir::reference::{self, ReferenceForm};
use crate::fhir::schema::TypeRef;

/// Checks `reference` and `type` of a `Reference`; ref-1 is among it.
pub(super) fn check_reference(walk: &mut Walk<'_>, kind: &TypeRef, value: &Value) {
    let literal = value.get("reference").and_then(Value::as_str);
    let named = match literal.map(reference::parse) {
        None => None,
        Some(ReferenceForm::Invalid) => {
            let given = quote::text(literal.unwrap_or_default());
            let right = "Type/id, https://…/Type/id, urn:uuid:…, #id of a contained resource, or Type?search";
            return walk.fault("value", format!("{given} is no reference: {right} is expected"));
        }
        Some(ReferenceForm::Contained(id)) => match contained(walk.container, id) {
            Some(resource) => element::resource_type(resource),
            None => {
                return walk.fault(
                    "invariant",
                    format!("ref-1: no contained resource has the id {}", quote::text(id)),
                );
            }
        },
        Some(form) => form.rtype(),
    };
    let stated = value.get("type").and_then(Value::as_str);
    if let Some(stated) = stated.filter(|stated| !stated.contains(':')) {
        if !walk.schema.is_resource(stated) {
            let what = format!("Reference.type {} is no resource type of FHIR R4", quote::text(stated));
            walk.fault("code-invalid", what);
        } else if named.is_some_and(|named| named != stated) {
            walk.fault("value", format!("Reference.type says {stated}, the reference is to another type"));
        }
    }
    let Some(found) = named.or(stated) else { return };
    if walk.schema.is_resource(found) && !kind.targets.is_empty() && !kind.targets.contains(&found) {
        let allowed = kind.targets.join(", ");
        walk.fault("value", format!("a reference to {allowed} is expected, not to {found}"));
    }
}

/// A `canonical` that begins with `#` must name a contained resource.
pub(super) fn check_canonical(walk: &mut Walk<'_>, kind: &TypeRef, value: &Value) {
    let Some(id) =
        value.as_str().filter(|_| kind.name == "canonical").and_then(|text| text.strip_prefix('#'))
    else {
        return;
    };
    if contained(walk.container, id).is_none() {
        walk.fault("value", format!("no contained resource has the id {}", quote::text(id)));
    }
}

/// The contained resource of that id; the container itself for the empty id.
fn contained<'v>(container: &'v Value, id: &str) -> Option<&'v Value> {
    if id.is_empty() {
        return Some(container);
    }
    element::list(container, "contained").find(|resource| element::id(resource) == Some(id))
}
