//! The same in FHIR: a transaction for a plain FHIR server (FHIR R4 `RESTful` API 3.1.0.11), a conditional `PATCH` for a
//! Document Recipient (`PDSm` 3.1.1, flow 03 *mise à jour des métadonnées*; MHD has no transaction for it).
//!
//! Flow 03 allows `status`, `securityLabel` and the extension `isArchived`, and takes JSON Patch, XML Patch and FHIRPath Patch;
//! it recommends the first, which is sent. Its example of the extension is no JSON Pointer (RFC 6901). What is sent instead
//! sets all extensions of the description, of which this service gives it no other: `add`, which replaces what is there
//! (RFC 6902, 4.1).

use crate::json::{Value, json};
use jiff::Timestamp;

use super::Visibility;
use crate::fhir::element::resource_type;
use crate::outbox::Act;
use crate::problem::Problem;
use crate::report::withdrawal::{self, Sent, damaged};

/// The transaction that tells a FHIR server how the document of `sent` is hidden and archived now: its description and its
/// report, as they were sent but for that.
///
/// # Errors
/// Internal, if what was sent is no such transaction.
pub fn transaction(sent: &Sent<'_>, visibility: &Visibility, at: Timestamp) -> Result<Value, Problem> {
    withdrawal::retold(sent, at, |resource| labelled(resource, visibility))
}

/// The change of the description at a Document Recipient, as the transaction of one entry that says which request it is.
/// `description` is the one that is stored here, which says how the document is hidden and archived now.
///
/// # Errors
/// Internal, if the id of the document is no UUID.
pub fn patch(sent: &Sent<'_>, act: Act, description: &Value, at: Timestamp) -> Result<Value, Problem> {
    let (op, path, name) = match act {
        Act::Visibility => ("replace", "/securityLabel", "securityLabel"),
        _ => ("add", "/extension", "extension"),
    };
    withdrawal::conditional_patch(sent, &json!([{"op": op, "path": path, "value": description[name]}]), at)
}

/// What nobody has begun to send, hidden so from the start: a `Bundle`, or one description.
///
/// # Errors
/// Internal, if that is neither.
pub(super) fn unsent(sent: &Sent<'_>, visibility: &Visibility) -> Result<Vec<u8>, Problem> {
    let mut payload: Value = serde_json::from_slice(sent.payload).map_err(|_| damaged("resource"))?;
    match payload.get_mut("entry").and_then(Value::as_array_mut) {
        Some(entries) => {
            // The description that the new one supersedes is another version of the same document: it is hidden likewise.
            let resources = entries.iter_mut().filter_map(|entry| entry.get_mut("resource"));
            resources.for_each(|resource| labelled(resource, visibility));
        }
        None => labelled(&mut payload, visibility),
    }
    serde_json::to_vec(&payload).map_err(|fault| Problem::internal(fault.to_string()))
}

fn labelled(resource: &mut Value, visibility: &Visibility) {
    match resource_type(resource) {
        Some("DocumentReference") => visibility.describe(resource),
        Some("DiagnosticReport") => visibility.label(resource),
        _ => {}
    }
}
