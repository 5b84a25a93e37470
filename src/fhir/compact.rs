//! The bytes of a resource as the store keeps them: compact JSON, and where its members and its instant stand.

use crate::json::{Map, Value, write, write_members, write_name};

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
        self.write_after(resource, (&Value::Null, &Self::default()));
    }

    /// The same for a resource that follows another: a member that both have together (it is shared), under one name and
    /// in one place, is copied from how the other one is written. `before` is that one and its text.
    pub fn write_after(&mut self, resource: &Value, before: (&Value, &Self)) {
        let Self { bytes, dated_place, ends } = self;
        bytes.clear();
        ends.clear();
        *dated_place = None;
        let Value::Object(members) = resource else { return write(resource, bytes) };
        let (known, written) = before;
        let mut known = known.as_object().into_iter().flat_map(Map::iter);
        bytes.push(b'{');
        for (place, (name, value)) in members.iter().enumerate() {
            if place > 0 {
                bytes.push(b',');
            }
            let begin = bytes.len();
            match known.next() {
                Some((known_name, known)) if known.is_held_with(value) && known_name == name => {
                    bytes.extend_from_slice(written.member(place));
                    if name == "meta" {
                        let into = |at: usize| at.checked_sub(written.begin(place)?);
                        *dated_place = written.dated_place.and_then(into).map(|into| begin + into);
                    }
                }
                _ => {
                    write_name(name, bytes);
                    match value {
                        Value::Object(meta) if name == "meta" => {
                            write_members(meta, bytes, |name, value, bytes| {
                                if name == "lastUpdated" && value.is_string() {
                                    *dated_place = Some(bytes.len() + 1);
                                }
                                write(value, bytes);
                            });
                        }
                        _ => write(value, bytes),
                    }
                }
            }
            ends.push(bytes.len());
        }
        bytes.push(b'}');
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
        let range = self.begin(place).and_then(|begin| Some(begin..*self.ends.get(place)?));
        range.and_then(|range| self.bytes.get(range)).unwrap_or_default()
    }

    /// Where the member in that place begins, behind a brace or a comma.
    fn begin(&self, place: usize) -> Option<usize> {
        let before = place.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        before.map(|before| before + 1)
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
    fn what_follows_a_resource_is_written_as_alone_whatever_they_share() {
        let meta = json!({"versionId": "1", "lastUpdated": "X"}).shared();
        let (list, text) =
            (json!(["\"é", 1.10, {"a": null}]).shared(), Value::from("a\tb".to_owned()).shared());
        let all = [
            json!({"resourceType": "Flag", "id": "long id", "meta": meta, "a": list, "b": text, "c": text}),
            json!({"resourceType": "Flag", "id": "2", "meta": meta, "a": list, "b": text, "c": list, "d": list}),
            // One place further, and under another name.
            json!({"resourceType": "Flag", "meta": meta, "b": text, "a": list}),
            json!({"resourceType": "Flag", "meta": {"lastUpdated": "X"}, "a": text, "b": list}),
            json!({"meta": list, "b": text}),
            json!({"meta": list, "b": {}, "c": []}),
            json!([1]),
            json!({"resourceType": "Flag"}),
        ];
        for before in &all {
            for resource in &all {
                let (mut text, alone) = (Text::of(&json!({"of": "another"})), Text::of(resource));
                text.write_after(resource, (before, &Text::of(before)));
                let told = |text: &Text| (text.bytes.clone(), text.dated_place, text.ends.clone());
                assert_eq!(told(&text), told(&alone), "{resource} after {before}");
            }
        }
        // It was copied, and not made anew.
        let mut text = Text::of(&json!({}));
        let changed = Text { bytes: Text::of(&all[0]).bytes.to_ascii_uppercase(), ..Text::of(&all[0]) };
        text.write_after(&all[1], (&all[0], &changed));
        assert_eq!(text.member(3), Text::of(&all[1]).member(3).to_ascii_uppercase());
        assert_eq!(text.member(5), Text::of(&all[1]).member(5));
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
