//! The tables of FHIR R4: every resource and datatype, element by element
//! (<https://hl7.org/fhir/R4/structuredefinition.html>, version 4.0.1).
//!
//! `r4.txt` is made from the published definitions by `tests/tools/r4_tables.py`, which describes its lines.
//! The file is cut into types once; a type is read when it is first asked for.

mod definition;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::OnceLock;

use crate::fhirpath::{ChildType, Model};

pub use definition::{Definition, Element, Invariant, Key, Kind, TypeRef};

const TABLES: &str = include_str!("r4.txt");

/// The elements, types and bindings of R4.
pub struct Schema {
    types: HashMap<&'static str, Entry, BuildHasherDefault<NameHasher>>,
    value_sets: HashMap<&'static str, &'static str>,
}

/// Hashes the names of types and elements, eight bytes at a time. Only names of the tables are ever kept: nobody can send
/// ones that collide.
#[derive(Debug, Default)]
pub(crate) struct NameHasher(u64);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut mix = |word: u64| self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        let (eights, rest) = bytes.as_chunks::<8>();
        eights.iter().for_each(|eight| mix(u64::from_le_bytes(*eight)));
        if !rest.is_empty() {
            mix(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }
}

/// A type as it stands in the tables, read when it is first asked for.
struct Entry {
    kind: Kind,
    base: Option<&'static str>,
    lines: &'static str,
    definition: OnceLock<Definition>,
}

/// The tables, cut once.
#[must_use]
pub fn r4() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| Schema::cut(TABLES))
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Schema({} types)", self.types.len())
    }
}

impl Schema {
    fn cut(tables: &'static str) -> Self {
        let (types, value_sets) = tables.split_once("\n=").unwrap_or((tables, ""));
        let types = types.split("\n:").filter_map(|block| {
            let (head, lines) = block.split_once('\n').unwrap_or((block, ""));
            let mut words = head.trim_start_matches(':').split(' ');
            let (name, kind, base) = (words.next()?, Kind::parse(words.next()?)?, words.next()?);
            let base = (base != "-").then_some(base);
            Some((name, Entry { kind, base, lines, definition: OnceLock::new() }))
        });
        let value_sets = value_sets.split("\n=").filter_map(|line| line.trim_end().split_once('\t'));
        Self { types: types.collect(), value_sets: value_sets.collect() }
    }

    /// The definition of a type, or of a backbone element by its path (`Patient.contact`).
    #[must_use]
    pub fn definition(&self, name: &str) -> Option<&Definition> {
        let (name, entry) = self.types.get_key_value(name)?;
        Some(entry.definition.get_or_init(|| {
            let inherited = entry.base.and_then(|base| self.definition(base));
            Definition::read(name, entry.kind, entry.lines, inherited)
        }))
    }

    /// What kind of type this is; `None` for a name that R4 does not have.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<Kind> {
        self.types.get(name).map(|entry| entry.kind)
    }

    /// Whether `name` is a resource type of R4 (concrete, so neither `Resource` nor `DomainResource`).
    #[must_use]
    pub fn is_resource(&self, name: &str) -> bool {
        self.kind(name) == Some(Kind::Resource) && !matches!(name, "Resource" | "DomainResource")
    }

    /// Whether `name` is a primitive type.
    #[must_use]
    pub fn is_primitive(&self, name: &str) -> bool {
        self.kind(name) == Some(Kind::Primitive)
    }

    /// The names of all types and backbone elements, in no order.
    #[cfg(test)]
    pub(crate) fn every_type(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.types.keys().copied()
    }

    /// The names of the resource types, in no order.
    pub fn resources(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.types.keys().copied().filter(|name| self.is_resource(name))
    }

    /// The codes of a value set with a required binding, as (system, code), in order.
    pub fn codes(&self, value_set: &str) -> impl Iterator<Item = (&'static str, &'static str)> + use<> {
        let groups = self.value_sets.get(value_set).copied().unwrap_or_default().split('\t');
        groups.flat_map(|group| {
            let (system, codes) = group.split_once(' ').unwrap_or((group, ""));
            codes.split(' ').filter(|code| !code.is_empty()).map(move |code| (system, code))
        })
    }
}

impl Model for Schema {
    fn child(&self, parent: &str, name: &str) -> Option<ChildType<'_>> {
        let definition = self.definition(parent)?;
        let element = definition.elements.iter().find(|element| element.name == name)?;
        Some(ChildType { types: &element.type_names, choice: element.choice })
    }

    fn is_subtype(&self, type_name: &str, ancestor: &str) -> bool {
        let mut name = type_name;
        loop {
            if name == ancestor {
                return true;
            }
            match self.types.get(name).and_then(|entry| entry.base) {
                Some(base) => name = base,
                None => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_can_be_read_and_every_name_it_uses_is_known() {
        let schema = r4();
        assert_eq!(schema.resources().count(), 146);
        for name in schema.types.keys() {
            let definition = schema.definition(name).unwrap();
            assert!(definition.elements.len() <= 128, "{name}: the walker counts elements in 128 bits");
            for json in definition.names() {
                assert!(crate::json::known(json).is_some(), "{name}: src/json/names.txt lacks {json}");
            }
            for element in &definition.elements {
                for kind in &element.types {
                    assert!(schema.kind(kind.name).is_some(), "{name}.{}: {}", element.name, kind.name);
                }
                if let Some(set) = element.value_set {
                    assert!(schema.codes(set).next().is_some(), "{name}.{}: {set}", element.name);
                }
            }
        }
    }

    #[test]
    fn elements_are_inherited_from_the_base_types() {
        let names =
            |name: &str| r4().definition(name).unwrap().elements.iter().map(|e| e.name).collect::<Vec<_>>();
        let patient = names("Patient");
        for name in ["id", "meta", "text", "contained", "extension", "name", "birthDate", "deceased"] {
            assert!(patient.contains(&name), "{name}");
        }
        assert_eq!(names("Age"), names("Quantity"));
        assert!(!names("Bundle").contains(&"text"));
    }

    #[test]
    fn the_model_answers_for_choices_backbones_and_contents() {
        let types = |parent: &str, name: &str| {
            r4().child(parent, name).map(|child| (child.types.to_vec(), child.choice))
        };
        assert_eq!(types("Patient", "deceased"), Some((vec!["boolean", "dateTime"], true)));
        assert_eq!(types("Patient", "contact"), Some((vec!["Patient.contact"], false)));
        assert_eq!(types("Questionnaire.item", "item"), Some((vec!["Questionnaire.item"], false)));
        assert_eq!(types("Observation", "subject"), Some((vec!["Reference"], false)));
        assert_eq!(types("Patient", "nonsense"), None);
        assert_eq!(types("Extension", "value").map(|(types, _)| types.len()), Some(50));
    }

    #[test]
    fn subtypes_follow_the_chain_of_bases() {
        for (name, ancestor, expected) in [
            ("Age", "Quantity", true),
            ("Patient", "Resource", true),
            ("Bundle", "DomainResource", false),
            ("code", "string", true),
            ("string", "code", false),
            ("Patient.contact", "BackboneElement", true),
            ("Patient.contact", "Element", true),
            ("Nonsense", "Element", false),
        ] {
            assert_eq!(r4().is_subtype(name, ancestor), expected, "{name} {ancestor}");
        }
    }

    #[test]
    fn required_codes_are_listed_with_their_system() {
        let codes: Vec<_> = r4().codes("administrative-gender").map(|(_, code)| code).collect();
        assert_eq!(codes, ["male", "female", "other", "unknown"]);
    }
}
