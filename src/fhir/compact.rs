//! The bytes of a resource as the store keeps them: compact JSON, and where its instant stands.

use crate::json::{Value, write, write_members};

/// The bytes of a resource, and where the text of its `meta.lastUpdated` begins; `None` when it has none.
#[must_use]
pub fn dated_bytes(resource: &Value) -> (Vec<u8>, Option<usize>) {
    let mut bytes = Vec::with_capacity(USUAL);
    let mut place = None;
    if let Value::Object(members) = resource {
        write_members(members, &mut bytes, |name, value, bytes| match value {
            Value::Object(meta) if name == "meta" => write_members(meta, bytes, |name, value, bytes| {
                if name == "lastUpdated" && value.is_string() {
                    place = Some(bytes.len() + 1);
                }
                write(value, bytes);
            }),
            _ => write(value, bytes),
        });
    } else {
        write(resource, &mut bytes);
    }
    (bytes, place)
}

/// Room for most resources.
const USUAL: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn the_place_of_the_instant_is_found_whatever_stands_before_it() {
        for resource in [
            json!({"resourceType": "Patient", "id": "p", "meta": {"versionId": "1", "lastUpdated": "X"}}),
            json!({"text": "\"lastUpdated\":\"é", "n": [1.10, {"meta": {"lastUpdated": "no"}}], "meta": {"lastUpdated": "X"}}),
        ] {
            let (bytes, place) = dated_bytes(&resource);
            assert_eq!(bytes, serde_json::to_vec(&resource).unwrap());
            assert_eq!(bytes[place.unwrap()], b'X', "{resource}");
        }
        assert_eq!(dated_bytes(&json!({"meta": {}})).1, None);
        assert_eq!(dated_bytes(&json!({"meta": {"lastUpdated": 1}})).1, None);
    }
}
