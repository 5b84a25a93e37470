//! What earlier versions of the response became.

use serde_json::Value;

use super::input::Input;

/// Existing resources of one type, oldest first whatever order they were found in: ids are ordered by
/// time.
pub(super) fn of_type<'a>(
    input: &Input<'a>,
    rtype: &'static str,
) -> impl DoubleEndedIterator<Item = &'a Value> {
    let mut found: Vec<&Value> =
        input.existing.iter().filter(|resource| resource["resourceType"] == rtype).collect();
    found.sort_by_key(|resource| resource["id"].as_str().unwrap_or_default());
    found.into_iter()
}

/// A status, as text.
pub(super) fn status(resource: &Value) -> &str {
    resource["status"].as_str().unwrap_or_default()
}
