//! Collections of items, the only kind of value in `FHIRPath` (2.0.0 section 4).

use std::slice;

use serde_json::Value;

use super::Fault;

/// One item.
#[derive(Clone)]
pub struct Item<'a>(&'a Value);

impl<'a> Item<'a> {
    /// The JSON it points to; `None` for a value that the expression computed.
    #[must_use]
    pub fn node(&self) -> Option<&'a Value> {
        Some(self.0)
    }

    /// A copy as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        self.0.clone()
    }
}

/// An ordered collection that may hold the same item twice.
#[derive(Clone, Default)]
pub struct Collection<'a> {
    items: Vec<Item<'a>>,
}

impl<'a> Collection<'a> {
    /// No item.
    #[must_use]
    pub const fn empty() -> Self {
        Self { items: Vec::new() }
    }

    /// One item: a resource, an element or a primitive. Borrowed, never copied.
    #[must_use]
    pub fn from_value(value: &'a Value) -> Self {
        Self { items: vec![Item(value)] }
    }

    /// One item for each value.
    #[must_use]
    pub fn from_values(values: &'a [Value]) -> Self {
        Self { items: values.iter().map(Item).collect() }
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

    /// Singleton evaluation as a Boolean: `None` when empty, true for one item that is not a Boolean.
    ///
    /// # Errors
    /// More than one item.
    pub fn truth(&self) -> Result<Option<bool>, Fault> {
        Err(Fault::new("not built yet"))
    }
}
