//! What the client wrote, apart from what the server writes (`id`, `meta`; FHIR R4, Resource): digests and comparison.

use crate::json::{Map, Value};
use sha2::{Digest, Sha256};

/// SHA-256 of the content as the client wrote it: without `id` and `meta`, members in the order of their names, numbers by
/// their text. Two bodies that differ in white space or order only have the same digest.
pub(crate) fn content_digest(resource: &Value) -> String {
    let mut text = Sorted { bytes: Vec::with_capacity(16 * 1024), waiting: Vec::with_capacity(64) };
    match resource {
        Value::Object(members) => text.members(members, &["id", "meta"]),
        other => text.value(other),
    }
    bytes_digest(&text.bytes)
}

/// SHA-256 of the bytes as they came.
pub(crate) fn bytes_digest(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// True when nothing but what the server writes differs.
pub(crate) fn same_content(one: &Value, other: &Value) -> bool {
    let bare = |resource: &Value| {
        let mut bare = resource.clone();
        if let Some(members) = bare.as_object_mut() {
            members.remove("id");
            if let Some(meta) = members.get_mut("meta").and_then(Value::as_object_mut) {
                meta.remove("versionId");
                meta.remove("lastUpdated");
                if meta.is_empty() {
                    members.remove("meta");
                }
            }
        }
        bare
    };
    bare(one) == bare(other)
}

/// The text that is digested.
struct Sorted<'v> {
    bytes: Vec<u8>,
    /// Members of the objects around, in the order of their names, that are still to be written.
    waiting: Vec<(&'v str, &'v Value)>,
}

impl<'v> Sorted<'v> {
    fn value(&mut self, value: &'v Value) {
        match value {
            Value::Object(members) => self.members(members, &[]),
            Value::Array(elements) => {
                self.bytes.push(b'[');
                for element in elements {
                    self.value(element);
                    self.bytes.push(b',');
                }
                self.bytes.push(b']');
            }
            // Scalars print without ambiguity: strings quoted and escaped, numbers as they were written.
            scalar => crate::json::write(scalar, &mut self.bytes),
        }
    }

    fn members(&mut self, members: &'v Map, skipped: &[&str]) {
        let (begin, wanted) =
            (self.waiting.len(), members.iter().filter(|(name, _)| !skipped.contains(name)));
        self.waiting.extend(wanted);
        // The last first, so that the next to be written is the one taken.
        self.waiting[begin..].sort_unstable_by_key(|(name, _)| std::cmp::Reverse(*name));
        self.bytes.push(b'{');
        while self.waiting.len() > begin {
            let Some((name, value)) = self.waiting.pop() else { break };
            crate::json::write_text(name, &mut self.bytes);
            self.bytes.push(b':');
            self.value(value);
            self.bytes.push(b',');
        }
        self.bytes.push(b'}');
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn the_digest_ignores_order_id_and_meta_and_sees_everything_else() {
        let digest = |text: &str| content_digest(&serde_json::from_str(text).unwrap());
        let one = digest(r#"{"id":"a","x":[{"b":1.0,"c":"é"}],"y":true}"#);
        assert_eq!(one, digest(r#"{"y":true,"meta":{"versionId":"1"},"x":[{"c":"é","b":1.0}]}"#));
        assert_ne!(one, digest(r#"{"y":true,"x":[{"c":"é","b":1.00}]}"#));
        assert_ne!(one, digest(r#"{"y":true,"x":[{"c":"é"},{"b":1.0}]}"#));
    }

    #[test]
    fn a_digest_that_was_stored_is_found_again() {
        let resource = json!({"id": "a", "b": [1, "é\"", null], "a": {"z": true, "y": 1.5}});
        let text = r#"{"a":{"y":1.5,"z":true,},"b":[1,"é\"",null,],}"#;
        assert_eq!(content_digest(&resource), bytes_digest(text.as_bytes()));
    }

    #[test]
    fn a_new_version_number_alone_is_no_new_content() {
        let stored = json!({"resourceType": "Patient", "id": "a", "meta": {"versionId": "1", "lastUpdated": "x"}, "active": true});
        assert!(same_content(&stored, &json!({"resourceType": "Patient", "id": "a", "active": true})));
        assert!(!same_content(&stored, &json!({"resourceType": "Patient", "id": "a", "active": false})));
    }
}
