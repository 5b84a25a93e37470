//! Building resources: each element is put once, in the order it is written, and owned by what it is put into; and the
//! codings, references and extensions of ours.

use crate::json::{Map, Text, Value};

use crate::fhir::element::{code_of, list};
use crate::terminology::{ALERT_LEVEL, Level};

/// Extension of an Observation: link id of the answer, `#n` for a later instance.
pub(super) const DERIVED_ITEM: &str = "https://vigie.example/fhir/StructureDefinition/derived-item";
/// Extension of an Observation: the grade that the answer is, as a coding.
pub(super) const GRADE: &str = "https://vigie.example/fhir/StructureDefinition/symptom-grade";
/// Extension of a Flag and a DiagnosticReport: the response that they come from.
pub(super) const SOURCE_RESPONSE: &str = "https://vigie.example/fhir/StructureDefinition/source-response";
/// Extension of a Flag: id of the `PlanDefinition.action`.
pub(super) const RULE_ACTION: &str = "https://vigie.example/fhir/StructureDefinition/rule-action";
/// Extension of a Flag: when an amended response ended it.
pub(super) const SUPERSEDED: &str = "https://vigie.example/fhir/StructureDefinition/superseded";
/// Extension of a Provenance: what a rule did.
pub(super) const RULE_TRACE: &str = "https://vigie.example/fhir/StructureDefinition/rule-trace";

/// An element or resource being built. A copy costs less than putting the same children once more, and least where the
/// children are shared ([`Value::shared`]).
#[derive(Clone, Default)]
pub(super) struct Element(Map);

impl Element {
    /// An element that will have about so many children.
    pub(super) fn new(children: usize) -> Self {
        Self(Map::with_capacity(children))
    }

    /// A resource that will have about so many elements.
    pub(super) fn resource(rtype: &'static str, id: impl Into<Value>, elements: usize) -> Self {
        Self::new(elements).with("resourceType", rtype).with("id", id)
    }

    /// The next version of an existing resource.
    pub(super) fn amending(existing: &Value) -> Self {
        Self(existing.as_object().cloned().unwrap_or_default())
    }

    /// Put a child: at the end, or in the place of the one with that name.
    pub(super) fn put(&mut self, name: impl Into<Text>, value: impl Into<Value>) {
        self.0.insert(name, value.into());
    }

    /// [`Element::put`], for building in one expression.
    pub(super) fn with(mut self, name: impl Into<Text>, value: impl Into<Value>) -> Self {
        self.put(name, value);
        self
    }

    /// Put the child where there is one.
    pub(super) fn put_some(&mut self, name: impl Into<Text>, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// Put every child of another element, in its order.
    pub(super) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// A resource that begins with the type and these children, between them its id, and goes on with those of another
    /// element; there is room for its `meta`.
    pub(super) fn begun(&self, rtype: &'static str, id: String, other: Self) -> Self {
        let mut whole = Map::with_capacity(self.0.len() + other.0.len() + 3);
        whole.append_new(Text::Borrowed("resourceType"), rtype.into());
        whole.append_new(Text::Borrowed("id"), id.into());
        for (name, value) in self.0.members() {
            whole.append_new(name.clone(), value.clone());
        }
        for (name, value) in other.0 {
            if self.0.contains_key(&name) {
                whole.insert(name, value);
            } else {
                whole.append_new(name, value);
            }
        }
        Self(whole)
    }

    /// Take a child out.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    /// A child.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A child, to be changed.
    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.0.get_mut(name)
    }

    /// Whether it says something else than an existing resource.
    pub(super) fn differs(&self, existing: &Value) -> bool {
        existing.as_object() != Some(&self.0)
    }

    /// Take out the children whose name is unwanted.
    pub(super) fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        self.0.retain(|name, _| wanted(name));
    }
}

impl From<Value> for Element {
    fn from(value: Value) -> Self {
        match value {
            Value::Object(children) => Self(children),
            _ => Self::default(),
        }
    }
}

impl From<Element> for Value {
    fn from(element: Element) -> Self {
        Self::Object(element.0)
    }
}

/// A list of one.
pub(super) fn only(value: impl Into<Value>) -> Value {
    Value::Array(vec![value.into()].into())
}

/// An element of these children, whose names differ.
fn of<const N: usize>(children: [(&'static str, Value); N]) -> Value {
    Value::Object(Map::of_members(children.map(|(name, value)| (Text::Borrowed(name), value)).into()))
}

/// A coding.
pub(super) fn coding(system: &'static str, code: impl Into<Text>) -> Value {
    of([("system", system.into()), ("code", Value::String(code.into()))])
}

/// A coding with its display.
pub(super) fn shown_coding(system: &'static str, code: impl Into<Text>, display: impl Into<Text>) -> Value {
    of([
        ("system", system.into()),
        ("code", Value::String(code.into())),
        ("display", Value::String(display.into())),
    ])
}

/// The level as a coding.
pub(super) fn level_coding(level: Level) -> Value {
    shown_coding(ALERT_LEVEL, level.code(), level.display())
}

/// A concept with one coding and no text.
pub(super) fn concept(coding: Value) -> Value {
    of([("coding", only(coding))])
}

/// A concept with a text.
pub(super) fn told_concept(codings: Vec<Value>, text: impl Into<Value>) -> Value {
    of([("coding", codings.into()), ("text", text.into())])
}

/// The level that a concept holds.
pub(super) fn level_in(concept: &Value) -> Option<Level> {
    code_of(concept, ALERT_LEVEL)?.parse().ok()
}

/// An extension, or a part of a complex one; `kind` is the name of the value, such as `valueString`.
pub(super) fn extension(url: &'static str, kind: &'static str, value: impl Into<Value>) -> Value {
    of([("url", url.into()), (kind, value.into())])
}

/// Text of the extension with this url.
pub(super) fn extension_value<'a>(resource: &'a Value, url: &str, kind: &str) -> Option<&'a str> {
    list(resource, "extension").find(|one| one["url"] == url)?.get(kind)?.as_str()
}

/// A reference to `Type/id`.
pub(super) fn reference(to: impl Into<String>) -> Value {
    of([("reference", to.into().into())])
}

/// `Type/id`.
pub(super) fn address(rtype: &str, resource: &Value) -> String {
    format!("{rtype}/{}", resource["id"].as_str().unwrap_or_default())
}
