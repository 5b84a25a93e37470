//! One type: its elements with cardinality, types and binding, and its invariants.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::Schema;
use crate::fhirpath::{self, Expression};
use crate::problem::Problem;

/// The kinds of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A single value: `string`, `date`, ….
    Primitive,
    /// A datatype with elements: `HumanName`, ….
    Complex,
    /// An element of a resource with elements of its own: `Patient.contact`, ….
    Backbone,
    /// A resource.
    Resource,
}

/// A type with everything it inherits.
pub struct Definition {
    /// `Patient`, `HumanName`, `Patient.contact`.
    pub name: &'static str,
    /// What kind of type.
    pub kind: Kind,
    /// Elements, those of the base first.
    pub elements: Vec<Element>,
    /// Invariants, those of the base first.
    pub invariants: Vec<Arc<Invariant>>,
    /// A bit for each element that is required, by its place among the elements.
    pub required: u128,
    /// Names as JSON spells them, the short ones first.
    keys: Vec<(String, Key)>,
}

/// Which element and which of its types a JSON name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Index into [`Definition::elements`].
    pub element: usize,
    /// Index into [`Element::types`].
    pub kind: usize,
}

/// One element of a type.
#[derive(Debug, Clone)]
pub struct Element {
    /// Without `[x]`.
    pub name: &'static str,
    /// Whether JSON spells the type in the name.
    pub choice: bool,
    /// At least one.
    pub required: bool,
    /// A list in JSON.
    pub many: bool,
    /// The types it may have; one unless it is a choice.
    pub types: Vec<TypeRef>,
    /// The names of these types.
    pub type_names: Vec<&'static str>,
    /// The value set of a required binding.
    pub value_set: Option<&'static str>,
}

/// A type that an element may have.
#[derive(Debug, Clone)]
pub struct TypeRef {
    /// The name of the type; the path for a backbone.
    pub name: &'static str,
    /// What kind of type that is.
    pub kind: Kind,
    /// The resource types that a `Reference` or `canonical` may point to; none means any.
    pub targets: Vec<&'static str>,
}

/// A rule over a type.
#[derive(Debug)]
pub struct Invariant {
    /// Its key, such as `que-1`.
    pub key: &'static str,
    /// Whether breaking it is an error rather than a warning.
    pub is_error: bool,
    /// The rule in `FHIRPath`.
    pub expression: &'static str,
    /// The rule in words.
    pub human: &'static str,
    /// The element it is about, when it is not the type itself.
    pub element: Option<&'static str>,
    compiled: OnceLock<Result<Expression, Problem>>,
}

impl Kind {
    pub(super) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "primitive" => Self::Primitive,
            "complex" => Self::Complex,
            "backbone" => Self::Backbone,
            "resource" => Self::Resource,
            _ => return None,
        })
    }
}

impl Definition {
    pub(super) fn read(name: &'static str, kind: Kind, lines: &'static str, base: Option<&Self>) -> Self {
        let (mut elements, mut invariants) =
            base.map_or_else(Default::default, |base| (base.elements.clone(), base.invariants.clone()));
        for line in lines.lines() {
            match line.strip_prefix('!') {
                Some(rule) => invariants.extend(Invariant::read(rule).map(Arc::new)),
                None => elements.extend(Element::read(name, line)),
            }
        }
        let mut keys = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            for (kind, name) in element.type_names.iter().enumerate() {
                let json =
                    if element.choice { capitalised(element.name, name) } else { element.name.to_owned() };
                keys.push((json, Key { element: index, kind }));
            }
        }
        keys.sort_unstable_by(|(one, _), (other, _)| by_length(one, other));
        let places = elements.iter().enumerate().filter(|(_, element)| element.required);
        let required = places.fold(0, |required, (index, _)| required | 1_u128 << index);
        Self { name, kind, elements, invariants, required, keys }
    }

    /// What a JSON name means here.
    #[must_use]
    pub fn key(&self, json: &str) -> Option<Key> {
        let index = self.keys.binary_search_by(|(name, _)| by_length(name, json)).ok()?;
        Some(self.keys[index].1)
    }

    /// The names as JSON spells them, the short ones first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(name, _)| name.as_str())
    }
}

/// Few names are as long as another one: most are told apart without being compared.
fn by_length(one: &str, other: &str) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Definition({})", self.name)
    }
}

impl Element {
    fn read(parent: &str, line: &'static str) -> Option<Self> {
        let mut cells = line.split('\t');
        let (name, card, types) = (cells.next()?, cells.next()?, cells.next()?);
        let (name, choice) = name.strip_suffix("[x]").map_or((name, false), |name| (name, true));
        let types: Vec<TypeRef> = split_types(types).map(|text| TypeRef::read(parent, name, text)).collect();
        Some(Self {
            name,
            choice,
            required: matches!(card, "1" | "+"),
            many: matches!(card, "*" | "+"),
            type_names: types.iter().map(|kind| kind.name).collect(),
            types,
            value_set: cells.next(),
        })
    }
}

impl TypeRef {
    fn read(parent: &str, element: &str, text: &'static str) -> Self {
        let (name, targets) = match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
            Some((name, targets)) => (name, targets.split('|').collect()),
            None if text == "." => (backbone(parent, element), Vec::new()),
            None => (text, Vec::new()),
        };
        let kind = super::r4().kind(name).unwrap_or(Kind::Complex);
        Self { name, kind, targets }
    }
}

/// The path of a backbone element, as it stands in the tables.
fn backbone(parent: &str, element: &str) -> &'static str {
    let schema: &'static Schema = super::r4();
    let path = format!("{parent}.{element}");
    schema.types.get_key_value(path.as_str()).map_or("BackboneElement", |(name, _)| name)
}

impl Invariant {
    fn read(line: &'static str) -> Option<Self> {
        let mut cells = line.split('\t');
        Some(Self {
            key: cells.next()?,
            is_error: cells.next()? == "error",
            expression: cells.next()?,
            human: cells.next()?,
            element: cells.next(),
            compiled: OnceLock::new(),
        })
    }

    /// The rule, compiled when it is first asked for.
    ///
    /// # Errors
    /// What the compiler said of it.
    pub fn compiled(&self) -> Result<&Expression, &Problem> {
        self.compiled.get_or_init(|| fhirpath::compile(self.expression)).as_ref()
    }
}

/// `value` and `dateTime` make `valueDateTime`.
fn capitalised(element: &str, kind: &str) -> String {
    let mut out = String::with_capacity(element.len() + kind.len());
    out.push_str(element);
    let mut rest = kind.chars();
    out.extend(rest.next().map(|first| first.to_ascii_uppercase()));
    out.push_str(rest.as_str());
    out
}

/// Splits at the bars outside parentheses.
fn split_types(text: &'static str) -> impl Iterator<Item = &'static str> {
    let mut inside = false;
    text.split(move |c| {
        match c {
            '(' => inside = true,
            ')' => inside = false,
            _ => {}
        }
        c == '|' && !inside
    })
}
