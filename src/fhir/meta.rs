//! `Resource.meta` as the server sets it (<https://hl7.org/fhir/R4/resource.html#Meta>).

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::datetime;

/// Puts `id`, `meta.versionId` and `meta.lastUpdated`, and leaves profiles, tags and the rest of `meta` alone.
///
/// The keys stand where FHIR's serialisations put them: `resourceType`, `id`, `meta` first.
#[must_use]
pub fn stamp(resource: Value, id: &str, version: u64, at: Timestamp) -> Value {
    let Value::Object(mut resource) = resource else { return resource };
    let mut meta = match resource.shift_remove("meta") {
        Some(Value::Object(meta)) => meta,
        _ => Map::with_capacity(2),
    };
    meta.insert("versionId".into(), version.to_string().into());
    meta.insert("lastUpdated".into(), datetime::instant(at).into());
    // Nearly always it stands first already; then only `meta` is put between.
    let rtype = resource.get_mut("resourceType").map(Value::take);
    let place = usize::from(rtype.is_some());
    if let Some(rtype) = rtype {
        resource.shift_insert(0, "resourceType".into(), rtype);
    }
    resource.shift_insert(place, "id".into(), id.into());
    resource.shift_insert(place + 1, "meta".into(), Value::Object(meta));
    Value::Object(resource)
}

/// `meta.versionId` as a number.
#[must_use]
pub fn version(resource: &Value) -> Option<u64> {
    resource.get("meta")?.get("versionId")?.as_str()?.parse().ok()
}

/// `meta.lastUpdated` as an instant.
#[must_use]
pub fn last_updated(resource: &Value) -> Option<Timestamp> {
    resource.get("meta")?.get("lastUpdated")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_stamp_keeps_the_rest_of_meta_and_orders_the_first_keys() {
        let at: Timestamp = "2026-11-02T09:30:00.5Z".parse().unwrap();
        let resource = json!({ "status": "active", "meta": { "profile": ["p"], "versionId": "9" }, "resourceType": "Flag" });
        let stamped = stamp(resource, "f1", 3, at);
        assert_eq!(
            stamped.to_string(),
            r#"{"resourceType":"Flag","id":"f1","meta":{"profile":["p"],"versionId":"3","lastUpdated":"2026-11-02T09:30:00.500Z"},"status":"active"}"#
        );
        assert_eq!((version(&stamped), last_updated(&stamped)), (Some(3), Some(at)));
    }
}
