//! The bytes of a resource as the store keeps them: compact JSON, and where its members and its instant stand.

use crate::json::{Value, write, write_members};

/// A resource as it is written.
#[derive(Default)]
pub struct Text {
    /// Compact JSON.
    pub bytes: Vec<u8>,
    /// Where the text of its `meta.lastUpdated` begins; none without one.
    pub dated_place: Option<usize>,
    /// Where each of its members ends.
    ends: Vec<usize>,
}

impl Text {
    /// Of a resource.
    #[must_use]
    pub fn of(resource: &Value) -> Self {
        let mut text = Self { bytes: Vec::with_capacity(USUAL), ..Self::default() };
        text.write(resource);
        text
    }

    /// Of another resource, in the memory of this one.
    pub fn write(&mut self, resource: &Value) {
        let Self { bytes, dated_place, ends } = self;
        bytes.clear();
        ends.clear();
        *dated_place = None;
        let Value::Object(members) = resource else { return write(resource, bytes) };
        write_members(members, bytes, |name, value, bytes| {
            match value {
                Value::Object(meta) if name == "meta" => write_members(meta, bytes, |name, value, bytes| {
                    if name == "lastUpdated" && value.is_string() {
                        *dated_place = Some(bytes.len() + 1);
                    }
                    write(value, bytes);
                }),
                _ => write(value, bytes),
            }
            ends.push(bytes.len());
        });
    }

    /// How many members it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The member in that place, as `"name":value`; empty where there is none.
    #[must_use]
    pub fn member(&self, place: usize) -> &[u8] {
        let begin = place.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        // A brace or a comma stands before it.
        let range = begin.and_then(|begin| Some(begin + 1..*self.ends.get(place)?));
        range.and_then(|range| self.bytes.get(range)).unwrap_or_default()
    }

    /// The name of the member in that place, as it is written between quotes; empty where there is none.
    #[must_use]
    pub fn name(&self, place: usize) -> &str {
        let text = self.member(place).get(1..).unwrap_or_default();
        let name = text.split(|byte| *byte == b'"').next().unwrap_or_default();
        std::str::from_utf8(name).unwrap_or_default()
    }
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
            let text = Text::of(&resource);
            assert_eq!(text.bytes, serde_json::to_vec(&resource).unwrap());
            assert_eq!(text.bytes[text.dated_place.unwrap()], b'X', "{resource}");
        }
        assert_eq!(Text::of(&json!({"meta": {}})).dated_place, None);
        assert_eq!(Text::of(&json!({"meta": {"lastUpdated": 1}})).dated_place, None);
    }

    #[test]
    fn each_member_is_found_in_its_place() {
        let mut text = Text::of(&json!({"status": "final", "n": {"a": [1, {"b": "}\","}]}, "é": null}));
        let members: Vec<_> = (0..4).map(|place| String::from_utf8_lossy(text.member(place))).collect();
        assert_eq!(members, [r#""status":"final""#, r#""n":{"a":[1,{"b":"}\","}]}"#, r#""é":null"#, ""]);
        assert_eq!([0, 1, 2, 3].map(|place| text.name(place)), ["status", "n", "é", ""]);
        text.write(&json!({}));
        assert_eq!(
            (&text.bytes[..], text.len(), text.is_empty(), text.member(0)),
            (&b"{}"[..], 0, true, &b""[..])
        );
        text.write(&json!([1]));
        assert_eq!((&text.bytes[..], text.len()), (&b"[1]"[..], 0));
    }
}
