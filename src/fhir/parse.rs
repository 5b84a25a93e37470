//! The door for JSON: bytes become a value, or a problem that says where (RFC 8259;
//! <https://hl7.org/fhir/R4/json.html>).
//!
//! One pass builds the value and refuses what a plain JSON reader lets through: a key given twice, and
//! nesting without end. What FHIR makes of the elements is for [`super::structure`] to say.

use std::cell::RefCell;
use std::fmt::{self, Write as _};

use crate::json::{Map, NUMBER, Name, Number, Value};
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use crate::problem::{Category, Issue, Problem};

/// Levels of nesting that are read; deeper input is refused before it costs anything.
pub const DEPTH_MAX: usize = 64;

/// Members that one object may have: no type of R4 has half as many elements. Members are looked through, one after the other.
pub(crate) const MEMBERS_MAX: usize = 256;

/// Reads one resource; a leading UTF-8 byte order mark is passed over.
///
/// # Errors
/// `Malformed`, with line and column (in characters, from 1), and the path of the element.
pub fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        return Err(malformed("the body is UTF-16; FHIR JSON is UTF-8"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let (line, column) = place(&bytes[..error.valid_up_to()]);
        malformed(&format!("a byte that is not UTF-8 at line {line} column {column}"))
    })?;
    if text.trim_ascii().is_empty() {
        return Err(malformed("the body is empty; a resource as a JSON object is expected"));
    }
    read(text)
}

fn read(text: &str) -> Result<Value, Problem> {
    let trail = RefCell::new(Vec::new());
    let mut json = serde_json::Deserializer::from_str(text);
    let node = Node { depth: 0, trail: &trail };
    match node.deserialize(&mut json).and_then(|value| json.end().map(|()| value)) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(malformed("the body is not a JSON object; a resource is expected")),
        Err(error) => {
            let mut issue = Issue::error("structure", format!("The JSON cannot be read: {error}"));
            issue.expression = expression(&trail.into_inner());
            Err(Problem::with(Category::Malformed, vec![issue]))
        }
    }
}

fn malformed(what: &str) -> Problem {
    Problem::new(Category::Malformed, "structure", format!("The JSON cannot be read: {what}"))
}

pub(super) fn place(before: &[u8]) -> (usize, usize) {
    let text = String::from_utf8_lossy(before);
    let last = text.rsplit('\n').next().unwrap_or_default();
    (text.matches('\n').count() + 1, last.chars().count() + 1)
}

/// A step of the path, noted from the fault outwards: nothing is noted while all goes well.
enum Step {
    Key(String),
    Index(usize),
    Root(String),
}

fn expression(trail: &[Step]) -> Option<String> {
    let mut path = String::new();
    for step in trail.iter().rev() {
        match step {
            Step::Root(name) => path.push_str(name),
            Step::Key(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
            }
            Step::Index(index) => {
                let _ = write!(path, "[{index}]");
            }
        }
    }
    (!path.is_empty()).then_some(path)
}

/// One value, at some depth.
#[derive(Clone, Copy)]
struct Node<'t> {
    depth: usize,
    trail: &'t RefCell<Vec<Step>>,
}

impl Node<'_> {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth < DEPTH_MAX {
            Ok(Self { depth: self.depth + 1, ..self })
        } else {
            Err(E::custom(format_args!("nested more than {DEPTH_MAX} levels deep")))
        }
    }

    fn note(self, step: Step) {
        let mut trail = self.trail.borrow_mut();
        if trail.len() <= 2 * DEPTH_MAX {
            trail.push(step);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut values = Vec::new();
        loop {
            match list.next_element_seed(inner) {
                Ok(Some(value)) => values.push(value),
                Ok(None) => return Ok(Value::Array(values.into())),
                Err(error) => {
                    self.note(Step::Index(values.len()));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        let filled = self.fill(&mut object, &mut values);
        if self.depth == 0 && filled.is_err() {
            let name = values.get("resourceType").and_then(Value::as_str).unwrap_or("Resource");
            self.note(Step::Root(name.to_owned()));
        }
        filled.map(|number| number.map_or(Value::Object(values), Value::Number))
    }
}

impl Node<'_> {
    /// Reads the members into `values`, or answers the number that the object stands for.
    fn fill<'de, A: MapAccess<'de>>(
        self,
        object: &mut A,
        values: &mut Map,
    ) -> Result<Option<Number>, A::Error> {
        while let Some(Name(key)) = object.next_key()? {
            if key == NUMBER {
                return object.next_value_seed(NumberText).map(Some);
            }
            let inner = self.inner()?;
            if values.contains_key(&key) {
                self.note(Step::Key(key.into()));
                return Err(A::Error::custom("the key is given twice in this object"));
            }
            if values.len() == MEMBERS_MAX {
                return Err(A::Error::custom(format_args!("more than {MEMBERS_MAX} members in one object")));
            }
            match object.next_value_seed(inner) {
                Ok(value) => values.append_new(key, value),
                Err(error) => {
                    self.note(Step::Key(key.into()));
                    return Err(error);
                }
            }
        }
        Ok(None)
    }
}

/// The text of a number: `serde_json` hands it over as an owned string, the strings of a document never so.
struct NumberText;

impl<'de> DeserializeSeed<'de> for NumberText {
    type Value = Number;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Number, D::Error> {
        json.deserialize_any(self)
    }
}

impl Visitor<'_> for NumberText {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no element of that name")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Number, E> {
        Err(E::custom("a reserved key"))
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Number, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(bytes: impl AsRef<[u8]>, place: Option<&str>, words: &str) {
        let bytes = bytes.as_ref();
        let problem = parse(bytes).expect_err(&String::from_utf8_lossy(bytes));
        assert_eq!(problem.category, Category::Malformed);
        assert_eq!(problem.issues[0].expression.as_deref(), place, "{problem}");
        assert!(problem.issues[0].diagnostics.contains(words), "{problem}");
    }

    #[test]
    fn numbers_keep_their_text_and_keys_their_order() {
        let text = r#"{"b":1.10,"a":[-0.0,1e3,12345678901234567890.0123456789],"é":"\u00e9\n"}"#;
        let value = parse(text.as_bytes()).unwrap();
        assert_eq!(
            value.to_string(),
            text.replace("\\u00e9", "é").replace("1e3", &value["a"][1].to_string())
        );
        assert_eq!(value["b"].to_string(), "1.10");
    }

    #[test]
    fn an_object_has_no_more_members_than_any_resource_could_need() {
        let members =
            |count: usize| (0..count).map(|n| format!("\"m{n}\":{n}")).collect::<Vec<_>>().join(",");
        assert!(parse(format!("{{{}}}", members(MEMBERS_MAX)).as_bytes()).is_ok());
        let text = format!("{{\"resourceType\":\"Basic\",\"extension\":[{{{}}}]}}", members(MEMBERS_MAX + 1));
        check(&text, Some("Basic.extension[0]"), "more than 256 members in one object");
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        assert!(parse(b"\xEF\xBB\xBF{\"resourceType\":\"Flag\"}").is_ok());
        check(b"\xFF\xFE{\0}\0", None, "UTF-16");
    }

    #[test]
    fn a_key_given_twice_is_refused_at_its_path() {
        let text = r#"{"resourceType":"Patient","name":[{"family":"A"},{"given":["B"],"given":["C"]}]}"#;
        check(text, Some("Patient.name[1].given"), "twice");
        check(r#"{"a":1,"\u0061":2}"#, Some("Resource.a"), "twice");
    }

    #[test]
    fn broken_json_is_refused_with_line_and_column() {
        check(
            "{\n  \"resourceType\": \"Patient\",\n  \"active\": tru",
            Some("Patient.active"),
            "line 3 column 15",
        );
        check(r#"{"a":01}"#, Some("Resource.a"), "line 1 column 7");
        check(r#"{"a":NaN}"#, Some("Resource.a"), "line 1 column 6");
        check(r#"{"a":1,}"#, Some("Resource"), "trailing comma");
        check(r#"{"a":1} x"#, None, "trailing characters");
        check(r#"{"a":"\ud800"}"#, Some("Resource.a"), "hex escape");
        check("{\"a\":\"\u{1}\"}", Some("Resource.a"), "control character");
        check(b"{\"a\":\n\"\xE9\"}", None, "not UTF-8 at line 2 column 2");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["[]", "1", "null", "\"Patient\"", "true"] {
            check(text, None, "not a JSON object");
        }
        check(" \n", None, "empty");
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        assert!(parse(nested(DEPTH_MAX - 1).as_bytes()).is_ok());
        let problem = parse(nested(10_000).as_bytes()).unwrap_err();
        assert!(problem.to_string().contains("64 levels"), "{problem}");
        let lists = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(parse(lists.as_bytes()).is_err());
    }

    #[test]
    fn an_object_cannot_pose_as_a_number() {
        check(r#"{"a":{"$serde_json::private::Number":"1"}}"#, Some("Resource.a"), "reserved");
        check(r#"{"a":{"\u0024serde_json::private::Number":"1"}}"#, Some("Resource.a"), "reserved");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 48, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map("[a-z_]{1,3}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn what_serde_json_reads_is_read_alike(value in any_json()) {
            let text = format!(r#"{{"a":{value}}}"#);
            prop_assert_eq!(&parse(text.as_bytes()).unwrap()["a"], &value);
        }

        #[test]
        fn a_changed_byte_is_refused_or_read_as_serde_json_does(value in any_json(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = format!(r#"{{"a":{value}}}"#).into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(read) = parse(&bytes) {
                prop_assert_eq!(read, serde_json::from_slice::<Value>(&bytes).unwrap());
            }
        }
    }
}
