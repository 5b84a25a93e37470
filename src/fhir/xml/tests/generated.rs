//! Resources made from the tables: value to XML and back is the same value.

use crate::json::{Map, Number, Value};
use proptest::prelude::*;
use proptest::test_runner::TestRng;

use crate::fhir::schema::{Definition, Kind, TypeRef, r4};
use crate::fhir::xml::{XHTML, is_attribute, read, write, write_pretty};

/// Elements of any type, deep enough to meet every kind of nesting.
struct Maker<'r> {
    rng: &'r mut TestRng,
}

impl Maker<'_> {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.next_u32()).map_or(0, |number| number % bound)
    }

    fn text(&mut self) -> String {
        const PIECES: &[&str] =
            &["a", " ", "é", "\n", "\t", "\r", "<", "&", "\"", "'", ">", "]]>", "&amp;", "𝄞", "  "];
        (0..=self.below(5)).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }

    fn primitive(&mut self, kind: &str) -> Value {
        const NUMBERS: &[&str] = &["0", "-1.10", "100.0", "3.141592653589793238462643383279", "0.00"];
        match kind {
            "boolean" => Value::Bool(self.below(2) == 0),
            "integer" | "unsignedInt" | "positiveInt" => Value::from(self.below(1000)),
            "decimal" => {
                let text = NUMBERS[self.below(NUMBERS.len())];
                Value::Number(text.parse::<Number>().expect("the text of a number"))
            }
            "xhtml" => Value::from(format!(
                "<div xmlns=\"{XHTML}\">\n a <b >&lt;</b>{}</div>",
                " ".repeat(self.below(3))
            )),
            _ => Value::from(self.text()),
        }
    }

    /// A value, and perhaps its `_` twin; at least one of the two.
    fn element(&mut self, kind: &TypeRef, depth: usize) -> (Option<Value>, Option<Value>) {
        match kind.kind {
            Kind::Primitive if kind.name == "xhtml" => (Some(self.primitive("xhtml")), None),
            Kind::Primitive => match self.below(5) {
                0 => (None, Some(self.twin(depth))),
                1 => (Some(self.primitive(kind.name)), Some(self.twin(depth))),
                _ => (Some(self.primitive(kind.name)), None),
            },
            Kind::Resource => (Some(self.resource(depth + 1)), None),
            Kind::Complex | Kind::Backbone => (
                Some(Value::Object(
                    self.object(r4().definition(kind.name).expect("a known type"), depth + 1),
                )),
                None,
            ),
        }
    }

    fn twin(&mut self, depth: usize) -> Value {
        let mut members = Map::new();
        members.insert("id", self.text().into());
        if depth < 4 {
            let extension = r4().definition("Extension").expect("a known type");
            members.insert("extension", Value::from(vec![Value::Object(self.object(extension, depth + 1))]));
        }
        Value::Object(members)
    }

    fn object(&mut self, definition: &Definition, depth: usize) -> Map {
        let mut members = Map::new();
        for _ in 0..=self.below(3) {
            let names: Vec<&str> = definition.names().collect();
            let name = names[self.below(names.len())];
            let key = definition.key(name).expect("a name of the type");
            let element = &definition.elements[key.element];
            let kind = &element.types[key.kind];
            if members.contains_key(name)
                || members.contains_key(&format!("_{name}"))
                || (depth > 4 && kind.kind != Kind::Primitive)
            {
                continue;
            }
            if is_attribute(definition, element.name) {
                members.insert(name.to_owned(), self.text().into());
            } else {
                self.insert(&mut members, name, element.many, kind, depth);
            }
        }
        members
    }

    fn insert(&mut self, members: &mut Map, name: &str, many: bool, kind: &TypeRef, depth: usize) {
        let twin = format!("_{name}");
        if !many {
            let (value, extra) = self.element(kind, depth);
            members.extend(value.map(|value| (name.to_owned(), value)));
            members.extend(extra.map(|extra| (twin, extra)));
            return;
        }
        let (values, extras): (Vec<_>, Vec<_>) =
            (0..=self.below(3)).map(|_| self.element(kind, depth)).unzip();
        for (name, list) in [(name.to_owned(), values), (twin, extras)] {
            if list.iter().any(Option::is_some) {
                let list: Value = list.into_iter().map(Option::unwrap_or_default).collect();
                members.insert(name, list);
            }
        }
    }

    fn resource(&mut self, depth: usize) -> Value {
        let mut names: Vec<&str> = r4().resources().collect();
        names.sort_unstable();
        let name = names[self.below(names.len())];
        let mut members = Map::new();
        members.insert("resourceType", name.into());
        members.extend(self.object(r4().definition(name).expect("a known type"), depth));
        Value::Object(members)
    }
}

proptest! {
    #[test]
    fn a_resource_comes_back_as_it_went(seed in any::<[u8; 32]>()) {
        let mut rng = TestRng::from_seed(prop::test_runner::RngAlgorithm::ChaCha, &seed);
        let resource = Maker { rng: &mut rng }.resource(0);
        let xml = write(&resource).unwrap();
        for xml in [xml, write_pretty(&resource).unwrap()] {
            let read = read(&xml).unwrap();
            prop_assert_eq!(&read.issues, &[]);
            prop_assert_eq!(&read.resource, &resource, "{}", String::from_utf8_lossy(&xml));
        }
    }
}
