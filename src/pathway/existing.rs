//! What earlier versions of the response became.

use crate::json::Value;

/// Existing resources, oldest first whatever order they were found in: ids are ordered by time.
pub(super) struct Existing<'a>(Vec<&'a Value>);

impl<'a> Existing<'a> {
    /// Put in order.
    pub(super) fn of(resources: &'a [Value]) -> Self {
        let mut found: Vec<&Value> = resources.iter().collect();
        found.sort_by_key(|resource| resource["id"].as_str().unwrap_or_default());
        Self(found)
    }

    /// Those of one type.
    pub(super) fn of_type(&self, rtype: &'static str) -> impl DoubleEndedIterator<Item = &'a Value> {
        self.0.iter().copied().filter(move |resource| resource["resourceType"] == rtype)
    }
}

/// A status, as text.
pub(super) fn status(resource: &Value) -> &str {
    resource["status"].as_str().unwrap_or_default()
}
