//! `Resource.meta` as the server sets it (<https://hl7.org/fhir/R4/resource.html#Meta>).

use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::datetime;
use super::shape::Shape;

/// Puts `id`, `meta.versionId` and `meta.lastUpdated`, and leaves profiles, tags and the rest of `meta` alone.
///
/// The keys stand where FHIR's serialisations put them: `resourceType`, `id`, `meta` first.
#[must_use]
pub fn stamp(resource: Value, id: &str, version: u64, at: Timestamp) -> Value {
    static META: LazyLock<Shape<2>> = LazyLock::new(|| Shape::of(["versionId", "lastUpdated"]));
    let Value::Object(mut resource) = resource else { return resource };
    let (version, instant) = (version.to_string().into(), datetime::instant(at).into());
    let meta = match resource.shift_remove("meta") {
        Some(Value::Object(mut meta)) => {
            meta.insert("versionId".into(), version);
            meta.insert("lastUpdated".into(), instant);
            Value::Object(meta)
        }
        _ => META.filled([version, instant]),
    };
    let place = match first_two(&mut resource) {
        // Nearly always; then only `meta` is put between.
        Some(("resourceType", known)) => {
            if known.as_str() != Some(id) {
                *known = id.into();
            }
            2
        }
        _ => put_first(&mut resource, id),
    };
    resource.shift_insert(place, "meta".into(), meta);
    Value::Object(resource)
}

/// The name of the first member and the value of the second, where that is the id.
fn first_two(resource: &mut Map<String, Value>) -> Option<(&str, &mut Value)> {
    let mut members = resource.iter_mut();
    let ((first, _), (second, id)) = (members.next()?, members.next()?);
    (second == "id").then_some((first.as_str(), id))
}

/// Puts the type, if there is one, and the id before all others; how many that are.
fn put_first(resource: &mut Map<String, Value>, id: &str) -> usize {
    let rtype = resource.get_mut("resourceType").map(Value::take);
    let place = usize::from(rtype.is_some());
    if let Some(rtype) = rtype {
        resource.shift_insert(0, "resourceType".into(), rtype);
    }
    resource.shift_insert(place, "id".into(), id.into());
    place + 1
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

    #[test]
    fn a_stamp_puts_the_same_first_keys_before_whatever_there_is() {
        let at: Timestamp = "2026-11-02T09:30:00Z".parse().unwrap();
        let first = r#"{"resourceType":"Flag","id":"f1","meta":{"versionId":"1","lastUpdated":"2026-11-02T09:30:00.000Z"}"#;
        for resource in [
            json!({ "resourceType": "Flag" }),
            json!({ "resourceType": "Flag", "id": "f1" }),
            json!({ "resourceType": "Flag", "id": "other" }),
            json!({ "id": "f1", "resourceType": "Flag" }),
            json!({ "resourceType": "Flag", "meta": null, "id": "f1" }),
            json!({ "id": "f1", "meta": {}, "resourceType": "Flag" }),
        ] {
            let text = resource.to_string();
            let stamped = stamp(resource, "f1", 1, at);
            assert_eq!(stamped.to_string(), format!("{first}}}"), "{text}");
            assert_eq!(stamped["meta"]["versionId"], "1");
        }
    }
}
