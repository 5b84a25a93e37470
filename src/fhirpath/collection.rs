//! Collections of items, the only kind of value in `FHIRPath` (2.0.0 section 4).

use std::borrow::Cow;
use std::fmt;
use std::slice;

use crate::json::{Number, Value};
use rust_decimal::Decimal;

use super::Fault;
use super::items::Items;
use super::node::Node;
use super::number;
use super::quantity::Quantity;
use super::temporal::Temporal;

/// One item: an element of a resource, or a System value that the expression computed.
#[derive(Clone)]
#[non_exhaustive]
pub enum Item<'a> {
    /// System.Boolean.
    Boolean(bool),
    /// System.Integer.
    Integer(i64),
    /// System.Decimal, its scale kept.
    Decimal(Decimal),
    /// System.String.
    String(Cow<'a, str>),
    /// System.Date, System.DateTime or System.Time.
    Temporal(Temporal),
    /// System.Quantity.
    Quantity(Quantity<'a>),
    /// What `type()` tells: namespace and name.
    Type(&'static str, &'a str),
    /// An element.
    Node(Node<'a>),
}

impl<'a> Item<'a> {
    /// The JSON it points to; `None` for a computed value, or an element with extensions only.
    #[must_use]
    pub const fn node(&self) -> Option<&'a Value> {
        match self {
            Self::Node(node) => node.value,
            _ => None,
        }
    }

    /// A copy as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match self {
            Self::Boolean(value) => Value::Bool(*value),
            Self::Integer(value) => Value::Number(Number::from(*value)),
            Self::Decimal(value) => Value::Number(number::to_json(*value)),
            Self::String(text) => Value::from(text.to_string()),
            Self::Temporal(temporal) => Value::from(temporal.to_string()),
            Self::Quantity(quantity) => quantity.to_value(),
            Self::Type(namespace, name) => crate::json::json!({ "namespace": namespace, "name": name }),
            Self::Node(node) => node.value.cloned().unwrap_or(Value::Null),
        }
    }

    /// The text of a string or string-like element.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Node(node) => node.value.and_then(Value::as_str),
            _ => None,
        }
    }

    /// The Boolean, of an element too.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            Self::Node(node) => node.value.and_then(Value::as_bool),
            _ => None,
        }
    }

    /// The number, exact, of an element too.
    #[must_use]
    pub fn as_decimal(&self) -> Option<Decimal> {
        match self {
            Self::Integer(value) => Some(Decimal::from(*value)),
            Self::Decimal(value) => Some(*value),
            Self::Node(Node { value: Some(Value::Number(number)), .. }) => number::of_json(number),
            _ => None,
        }
    }

    /// The System value: itself, or what a primitive or a `Quantity` converts to.
    pub(super) fn system(&self) -> Option<Self> {
        match self {
            Self::Node(node) => node.system(),
            other => Some(other.clone()),
        }
    }

    /// What kind of thing it is, for messages; never its value.
    pub(super) fn kind(&self) -> &'a str {
        match self {
            Self::Boolean(_) => "Boolean",
            Self::Integer(_) => "Integer",
            Self::Decimal(_) => "Decimal",
            Self::String(_) => "String",
            Self::Temporal(temporal) => temporal.type_name(),
            Self::Quantity(_) => "Quantity",
            Self::Type(..) => "TypeInfo",
            Self::Node(node) => node.kind(),
        }
    }

    /// A literal, its text borrowed from the expression.
    pub(super) fn borrowed(&'a self) -> Self {
        match self {
            Self::String(text) => Item::String(Cow::Borrowed(text)),
            other => other.clone(),
        }
    }
}

/// Prints the kind, never the value: results may be about a patient.
impl fmt::Debug for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

/// An ordered collection that may hold the same item twice.
#[derive(Clone, Default)]
pub struct Collection<'a> {
    pub(super) items: Items<'a>,
}

impl<'a> Collection<'a> {
    /// No item.
    #[must_use]
    pub const fn empty() -> Self {
        Self { items: Items::None }
    }

    /// One item: a resource, an element or a primitive. Borrowed, never copied. A `null` is empty.
    #[must_use]
    pub fn from_value(value: &'a Value) -> Self {
        if value.is_null() { Self::empty() } else { Self::one(Item::Node(Node::root(value))) }
    }

    /// One item for each value.
    #[must_use]
    pub fn from_values(values: &'a [Value]) -> Self {
        values.iter().filter(|value| !value.is_null()).map(|value| Item::Node(Node::root(value))).collect()
    }

    /// One element whose type is known to the caller, such as `QuestionnaireResponse.item` or `Coding`.
    #[must_use]
    pub fn from_element(value: &'a Value, type_name: &'a str) -> Self {
        Self::one(Item::Node(Node { value: Some(value), extra: None, type_name }))
    }

    /// One String.
    #[must_use]
    pub fn from_text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::one(Item::String(text.into()))
    }

    /// One Boolean.
    #[must_use]
    pub fn from_bool(value: bool) -> Self {
        Self::one(Item::Boolean(value))
    }

    pub(super) fn one(item: Item<'a>) -> Self {
        Self { items: Items::One(item) }
    }

    pub(super) fn maybe(item: Option<Item<'a>>) -> Self {
        item.map_or_else(Self::empty, Self::one)
    }

    pub(super) fn maybe_bool(value: Option<bool>) -> Self {
        Self::maybe(value.map(Item::Boolean))
    }

    pub(super) fn integer(value: usize) -> Self {
        Self::one(Item::Integer(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// The items in order.
    pub fn iter(&self) -> slice::Iter<'_, Item<'a>> {
        self.items.iter()
    }

    /// A copy of every item as JSON.
    #[must_use]
    pub fn to_values(&self) -> Vec<Value> {
        self.iter().map(Item::to_value).collect()
    }

    /// Singleton evaluation as a Boolean (section 4.5): `None` when empty, true for one item that is
    /// not a Boolean.
    ///
    /// # Errors
    /// More than one item.
    pub fn truth(&self) -> Result<Option<bool>, Fault> {
        match self.items.as_slice() {
            [] => Ok(None),
            [Item::Boolean(value)] => Ok(Some(*value)),
            [item] => Ok(Some(item.as_bool().unwrap_or(true))),
            _ => Err(Fault::new(format!("expected one Boolean, found {} items", self.len()))),
        }
    }

    /// The one item, or none.
    ///
    /// # Errors
    /// More than one, named after `whose`.
    pub(super) fn single(&self, whose: &str) -> Result<Option<&Item<'a>>, Fault> {
        single(&self.items, whose)
    }
}

/// The one of these items, or none.
///
/// # Errors
/// More than one, named after `whose`.
pub(super) fn single<'i, 'a>(items: &'i [Item<'a>], whose: &str) -> Result<Option<&'i Item<'a>>, Fault> {
    match items {
        [] => Ok(None),
        [item] => Ok(Some(item)),
        items => Err(Fault::new(format!("{whose} takes one item, found {}", items.len()))),
    }
}

impl<'a> From<Vec<Item<'a>>> for Collection<'a> {
    fn from(items: Vec<Item<'a>>) -> Self {
        Self { items: items.into() }
    }
}

/// Prints the kinds of the items, never their values.
impl fmt::Debug for Collection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> FromIterator<Item<'a>> for Collection<'a> {
    fn from_iter<I: IntoIterator<Item = Item<'a>>>(items: I) -> Self {
        Self { items: items.into_iter().collect() }
    }
}

impl<'c, 'a> IntoIterator for &'c Collection<'a> {
    type Item = &'c Item<'a>;
    type IntoIter = slice::Iter<'c, Item<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
