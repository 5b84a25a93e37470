//! `Resource.meta` as the server sets it (<https://hl7.org/fhir/R4/resource.html#Meta>).

use crate::json::{Map, Value};
use jiff::Timestamp;

use super::datetime;

/// Puts `id`, `meta.versionId` and `meta.lastUpdated`, and leaves profiles, tags and the rest of `meta` alone.
///
/// The keys stand where FHIR's serialisations put them: `resourceType`, `id`, `meta` first.
#[must_use]
pub fn stamp(resource: Value, id: &str, version: u64, at: Timestamp) -> Value {
    let Value::Object(mut resource) = resource else { return resource };
    let (version, instant): (Value, Value) = (version.to_string().into(), datetime::instant(at).into());
    let meta = match resource.remove("meta") {
        Some(Value::Object(mut meta)) => {
            meta.insert("versionId", version);
            meta.insert("lastUpdated", instant);
            Value::Object(meta)
        }
        _ => Value::from_iter([("versionId", version), ("lastUpdated", instant)]),
    };
    let place = match first_two(&mut resource) {
        // Nearly always; then only `meta` is put between.
        Some(("resourceType", known)) => {
            if known.as_str() != Some(id) {
                *known = id.to_owned().into();
            }
            2
        }
        _ => put_first(&mut resource, id),
    };
    resource.insert_at(place, "meta", meta);
    Value::Object(resource)
}

/// The name of the first member and the value of the second, where that is the id.
fn first_two(resource: &mut Map) -> Option<(&str, &mut Value)> {
    let mut members = resource.iter_mut();
    let ((first, _), (second, id)) = (members.next()?, members.next()?);
    (second == "id").then_some((first, id))
}

/// Puts the type, if there is one, and the id before all others; how many that are.
fn put_first(resource: &mut Map, id: &str) -> usize {
    let rtype = resource.get_mut("resourceType").map(Value::take);
    let place = usize::from(rtype.is_some());
    if let Some(rtype) = rtype {
        resource.insert_at(0, "resourceType", rtype);
    }
    resource.insert_at(place, "id", id.to_owned().into());
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
    use crate::json::json;

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
