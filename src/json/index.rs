//! `value["name"]` and `value[0]`.

use std::ops::{Index, IndexMut};

use super::map::Entry;
use super::text::Text;
use super::value::Value;

/// What names a part of a value: the name of a member, or the place of an element.
pub trait Place {
    /// The part of this value, when it has it.
    fn of<'v>(&self, value: &'v Value) -> Option<&'v Value>;

    /// The part, to be changed.
    fn of_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value>;

    /// The part, to be changed; a member that is not there is made.
    fn made<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value>;
}

impl Place for str {
    fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        value.as_object()?.get(self)
    }

    fn of_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        value.as_object_mut()?.get_mut(self)
    }

    fn made<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        if value.is_null() {
            *value = Value::Object(super::Map::new());
        }
        let name = || super::known(self).map_or_else(|| Text::Owned(self.to_owned()), Text::Borrowed);
        let entry = value.as_object_mut()?.entry(name());
        Some(match entry {
            Entry::Occupied(there) => there,
            vacant @ Entry::Vacant(..) => vacant.or_insert(Value::Null),
        })
    }
}

impl Place for usize {
    fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        value.as_array()?.get(*self)
    }

    fn of_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        value.as_array_mut()?.get_mut(*self)
    }

    fn made<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        self.of_mut(value)
    }
}

impl Place for String {
    fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.as_str().of(value)
    }

    fn of_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        self.as_str().of_mut(value)
    }

    fn made<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        self.as_str().made(value)
    }
}

impl<P: Place + ?Sized> Place for &P {
    fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        (**self).of(value)
    }

    fn of_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        (**self).of_mut(value)
    }

    fn made<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        (**self).made(value)
    }
}

impl<P: Place> Index<P> for Value {
    type Output = Self;

    /// The part, or `null` when there is none.
    fn index(&self, place: P) -> &Self {
        static NULL: Value = Value::Null;
        place.of(self).unwrap_or(&NULL)
    }
}

impl<P: Place> IndexMut<P> for Value {
    /// The part; a member that is not there is made, of `null` an object.
    ///
    /// # Panics
    /// When there is no such element, or the value is neither an object nor `null`.
    fn index_mut(&mut self, place: P) -> &mut Self {
        #[expect(clippy::expect_used, reason = "as for a slice: the caller knows what is there")]
        place.made(self).expect("a value that has such a part")
    }
}

impl Index<&str> for super::Map {
    type Output = Value;

    /// The member, or `null` when there is none.
    fn index(&self, name: &str) -> &Value {
        static NULL: Value = Value::Null;
        self.get(name).unwrap_or(&NULL)
    }
}
