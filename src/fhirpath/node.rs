//! Elements: borrowed JSON with a type, their children, and the System value of a primitive
//! (<https://hl7.org/fhir/R4/fhirpath.html>, "Using FHIR types in expressions").

use std::borrow::Cow;

use crate::json::{Map, Value};

use super::collection::Item;
use super::items::Items;
use super::model::Model;
use super::number;
use super::quantity::Quantity;
use super::temporal::Temporal;
use super::type_names;

/// An element. For a primitive, `extra` is its `_name` counterpart with id and extensions.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    pub(super) value: Option<&'a Value>,
    pub(super) extra: Option<&'a Value>,
    /// Type code or backbone path; empty when unknown.
    pub(super) type_name: &'a str,
}

/// Types whose elements convert to a System.Quantity.
const QUANTITIES: &[&str] =
    &["Quantity", "Age", "Count", "Distance", "Duration", "SimpleQuantity", "MoneyQuantity"];

impl<'a> Node<'a> {
    /// A resource or an element of which nothing more is known than its JSON.
    pub(super) fn root(value: &'a Value) -> Self {
        Self { value: Some(value), extra: None, type_name: resource_type(value).unwrap_or("") }
    }

    fn object(&self) -> Option<&'a Map> {
        self.value.or(self.extra).and_then(Value::as_object).or_else(|| self.extra.and_then(Value::as_object))
    }

    /// Its type, or the JSON kind when the type is not known.
    pub(super) fn kind(&self) -> &'a str {
        match (self.type_name, self.value) {
            ("", Some(Value::Bool(_))) => "boolean",
            ("", Some(Value::Number(number))) if number.as_str().contains(['.', 'e', 'E']) => "decimal",
            ("", Some(Value::Number(_))) => "integer",
            ("", Some(Value::String(_))) => "string",
            ("", _) => "Element",
            (known, _) => known,
        }
    }

    /// The value that a primitive or a quantity converts to; `None` for other complex types.
    pub(super) fn system(&self) -> Option<Item<'a>> {
        match self.value? {
            Value::Bool(value) => Some(Item::Boolean(*value)),
            Value::Number(number) => {
                let decimal = number::of_json(number)?;
                let written_whole = !number.as_str().contains(['.', 'e', 'E']);
                let whole = written_whole && self.type_name != "decimal";
                Some(match number.as_i64() {
                    Some(integer) if whole => Item::Integer(integer),
                    _ => Item::Decimal(decimal),
                })
            }
            Value::String(text) => Some(self.text(text)),
            value @ Value::Object(_) if self.is_quantity() => Quantity::of_fhir(value).map(Item::Quantity),
            _ => None,
        }
    }

    fn text(&self, text: &'a str) -> Item<'a> {
        let temporal = match self.type_name {
            "date" => Temporal::date(text),
            "dateTime" | "instant" => Temporal::date_time(text),
            "time" => Temporal::time(text),
            _ => None,
        };
        temporal.map_or(Item::String(Cow::Borrowed(text)), Item::Temporal)
    }

    /// Whether it is a quantity: by type, or, where the type is unknown, by its elements.
    pub(super) fn is_quantity(&self) -> bool {
        QUANTITIES.contains(&self.type_name)
            || (self.type_name.is_empty() && self.value.is_some_and(|value| has_shape(value, "Quantity")))
    }

    /// Whether it is a primitive.
    pub(super) fn is_primitive(&self) -> bool {
        match self.value {
            Some(value) => !value.is_object(),
            None => true,
        }
    }

    /// Append the children of that name.
    pub(super) fn children_named(&self, name: &str, model: &'a dyn Model, into: &mut Items<'a>) {
        let Some(object) = self.object() else { return };
        if let Some(child) = plain_child(object, name) {
            return push(Some(child), None, self.child_type(name, model), into);
        }
        let (mut value, mut extra, mut choice) = (None, None, None);
        let mut exact = false;
        for (key, child) in object {
            let (plain, marked) = match key.strip_prefix('_') {
                Some(plain) => (plain, true),
                None => (key, false),
            };
            let Some(rest) = plain.strip_prefix(name) else { continue };
            if rest.is_empty() && !exact {
                (exact, value, extra, choice) = (true, None, None, None);
            } else if !rest.is_empty() {
                match type_names::of_suffix(rest) {
                    Some(suffix) if !exact => choice = Some(suffix),
                    _ => continue,
                }
            }
            if marked {
                extra = Some(child);
            } else {
                value = Some(child);
            }
        }
        if value.is_none() && extra.is_none() {
            return;
        }
        match choice {
            Some(type_name) if self.is_choice(name, model) => push(value, extra, type_name, into),
            Some(_) => {}
            None => push(value, extra, self.child_type(name, model), into),
        }
    }

    fn is_choice(&self, name: &str, model: &'a dyn Model) -> bool {
        model.child(self.type_name, name).is_none_or(|child| child.choice)
    }

    /// The type of the child stored under exactly that JSON name.
    fn child_type(&self, name: &str, model: &'a dyn Model) -> &'a str {
        match model.child(self.type_name, name) {
            Some(child) => child.types.first().copied().unwrap_or(""),
            None => structural_type(name),
        }
    }

    /// Append all children in the order of the JSON.
    pub(super) fn children(&self, model: &'a dyn Model, into: &mut Items<'a>) {
        let Some(object) = self.object() else { return };
        for (key, child) in object {
            if key == "resourceType" {
                continue;
            }
            match key.strip_prefix('_') {
                Some(plain) if object.contains_key(plain) => {}
                Some(plain) => push(None, Some(child), self.child_type(plain, model), into),
                None => {
                    let extra = if is_primitive_json(child) { object.get(&format!("_{key}")) } else { None };
                    push(Some(child), extra, self.child_type(key, model), into);
                }
            }
        }
    }
}

/// The `resourceType` of a resource.
pub(super) fn resource_type(value: &Value) -> Option<&str> {
    member(value, "resourceType")?.as_str()
}

/// Up to so many members are sooner compared one by one than found by hash.
const COMPARED_MAX: usize = 12;

/// The member of an object with this name; `None` for what is no object.
pub(crate) fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let object = value.as_object()?;
    if object.len() > COMPARED_MAX {
        return object.get(name);
    }
    object.iter().find(|(key, _)| *key == name).map(|(_, member)| member)
}

/// The member of exactly that name, where none of the members stands beside another one: nearly always.
fn plain_child<'v>(object: &'v Map, name: &str) -> Option<&'v Value> {
    let mut found = None;
    for (key, child) in object {
        let begins = key.as_bytes().first();
        if begins == Some(&b'_') {
            return None;
        }
        if begins == name.as_bytes().first() && key == name {
            found = Some(child);
        }
    }
    found
}

/// What the name alone tells when no model knows the child.
fn structural_type(name: &str) -> &'static str {
    match name {
        "extension" | "modifierExtension" => "Extension",
        _ => type_names::of_choice_name(name).unwrap_or(""),
    }
}

fn is_primitive_json(value: &Value) -> bool {
    match value {
        Value::Object(_) => false,
        Value::Array(items) => items.iter().any(|item| !item.is_object()),
        _ => true,
    }
}

/// Append one element, or each of an array, paired with its `_name` counterpart.
fn push<'a>(value: Option<&'a Value>, extra: Option<&'a Value>, type_name: &'a str, into: &mut Items<'a>) {
    let mut one = |value: Option<&'a Value>, extra: Option<&'a Value>| {
        let value = value.filter(|value| !value.is_null());
        let extra = extra.filter(|extra| extra.is_object());
        if value.is_some() || extra.is_some() {
            let type_name = value.and_then(resource_type).unwrap_or(type_name);
            into.push(Item::Node(Node { value, extra, type_name }));
        }
    };
    match (value, extra) {
        (Some(Value::Array(values)), extra) => {
            let extras = extra.and_then(Value::as_array);
            for (at, value) in values.iter().enumerate() {
                one(Some(value), extras.and_then(|extras| extras.get(at)));
            }
        }
        (None, Some(Value::Array(extras))) => {
            for extra in extras {
                one(None, Some(extra));
            }
        }
        (value, extra) => one(value, extra),
    }
}

/// Elements that tell a type by its shape: the first is needed, the others are allowed.
const SHAPES: &[(&str, &[&str], &[&str])] = &[
    ("Quantity", &["value"], &["comparator", "unit", "system", "code"]),
    ("Coding", &["code"], &["system", "version", "display", "userSelected"]),
    ("CodeableConcept", &["coding"], &["text"]),
    ("Reference", &["reference"], &["type", "identifier", "display"]),
    ("Period", &["start"], &["end"]),
];

/// Whether an object of unknown type can only be of that type.
pub(super) fn has_shape(value: &Value, type_name: &str) -> bool {
    let Some(object) = value.as_object() else { return false };
    SHAPES.iter().any(|(name, needed, allowed)| {
        *name == type_name
            && needed.iter().all(|key| object.contains_key(key))
            && object.keys().all(|key| {
                needed.contains(&key) || allowed.contains(&key) || key == "id" || key == "extension"
            })
    })
}
