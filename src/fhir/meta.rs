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
    let meta = resource.remove("meta");
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
    resource.insert_new_at(place, "meta", of(meta, version, datetime::instant(at).into()));
    Value::Object(resource)
}

/// Stamps many new resources with one moment: they share their `meta`.
pub struct Stamp {
    at: Timestamp,
    meta: Value,
}

impl Stamp {
    /// A stamp with that moment.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self { at, meta: of(None, 1, datetime::instant(at).into()).shared() }
    }

    /// [`stamp`], for version 1 of a resource that has its id.
    #[must_use]
    pub fn first(&self, resource: Value, id: &str) -> Value {
        let Value::Object(mut members) = resource else { return resource };
        let known =
            first_two(&mut members).filter(|(first, known)| *first == "resourceType" && **known == *id);
        if known.is_none() || members.contains_key("meta") {
            return stamp(Value::Object(members), id, 1, self.at);
        }
        members.insert_new_at(2, "meta", self.meta.clone());
        Value::Object(members)
    }
}

/// A `meta` with its version and instant.
fn of(meta: Option<Value>, version: u64, instant: Value) -> Value {
    let version = if version == 1 { "1".into() } else { version.to_string().into() };
    match meta {
        Some(Value::Object(mut meta)) => {
            meta.insert("versionId", version);
            meta.insert("lastUpdated", instant);
            Value::Object(meta)
        }
        _ => Value::from_iter([("versionId", version), ("lastUpdated", instant)]),
    }
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
            assert_eq!(
                Stamp::new(at).first(resource.clone(), "f1").to_string(),
                format!("{first}}}"),
                "{text}"
            );
            let stamped = stamp(resource, "f1", 1, at);
            assert_eq!(stamped.to_string(), format!("{first}}}"), "{text}");
            assert_eq!(stamped["meta"]["versionId"], "1");
        }
    }
}
