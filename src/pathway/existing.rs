//! What earlier versions of the response became.

use serde_json::Value;

use super::input::Input;

/// Existing resources of one type.
pub(super) fn of_type<'a>(input: &Input<'a>, rtype: &'static str) -> impl Iterator<Item = &'a Value> {
    input.existing.iter().filter(move |resource| resource["resourceType"] == rtype)
}

/// Whether this is the evaluation of a later version.
pub(super) fn is_amendment(input: &Input<'_>) -> bool {
    !input.existing.is_empty()
}

/// A status, as text.
pub(super) fn status(resource: &Value) -> &str {
    resource["status"].as_str().unwrap_or_default()
}
