//! The value itself.

use std::fmt;

pub use serde_json::Number;

use super::index::Place;
use super::list::List;
use super::map::Map;
use super::text::Text;

/// A JSON value.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, with its text.
    Number(Number),
    /// A text.
    String(Text),
    /// An array.
    Array(List<Value>),
    /// An object.
    Object(Map),
}

impl Value {
    /// The member of that name, or the element at that place of an array.
    #[must_use]
    pub fn get(&self, place: impl Place) -> Option<&Self> {
        place.of(self)
    }

    /// As [`Value::get`], to be changed.
    pub fn get_mut(&mut self, place: impl Place) -> Option<&mut Self> {
        place.of_mut(self)
    }

    /// Whether it is `null`.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether it is `true` or `false`.
    #[must_use]
    pub const fn is_boolean(&self) -> bool {
        matches!(self, Self::Bool(_))
    }

    /// Whether it is a number.
    #[must_use]
    pub const fn is_number(&self) -> bool {
        matches!(self, Self::Number(_))
    }

    /// Whether it is a text.
    #[must_use]
    pub const fn is_string(&self) -> bool {
        matches!(self, Self::String(_))
    }

    /// Whether it is an array.
    #[must_use]
    pub const fn is_array(&self) -> bool {
        matches!(self, Self::Array(_))
    }

    /// Whether it is an object.
    #[must_use]
    pub const fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// The text, when it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, when it is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, when it is one.
    #[must_use]
    pub const fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The number as an integer, when it is one that fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number()?.as_i64()
    }

    /// The number as an unsigned integer, when it is one that fits.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number()?.as_u64()
    }

    /// The number as a binary fraction, near it.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number()?.as_f64()
    }

    /// The elements, when it is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&Vec<Self>> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The elements, to be changed.
    pub fn as_array_mut(&mut self) -> Option<&mut Vec<Self>> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The members, when it is an object.
    #[must_use]
    pub const fn as_object(&self) -> Option<&Map> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The members, to be changed.
    pub const fn as_object_mut(&mut self) -> Option<&mut Map> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// What stands here; `null` takes its place.
    #[must_use]
    pub const fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Null)
    }

    /// The same value, so that its copies have its text, elements or members together with it, until one is changed.
    #[must_use]
    pub(crate) fn shared(self) -> Self {
        match self {
            Self::String(text) => Self::String(text.shared()),
            Self::Array(elements) => Self::Array(elements.shared()),
            Self::Object(members) => Self::Object(members.shared()),
            plain => plain,
        }
    }

    /// Whether this is the very value that the other one is: shared by both, or held by the program for ever. Two that
    /// are not may say the same all the same.
    #[must_use]
    pub(crate) fn is_held_with(&self, other: &Self) -> bool {
        match (self, other) {
            // Both live now: what stands in one place, and is as long, is one.
            (Self::String(one), Self::String(other)) => std::ptr::eq::<str>(&**one, &**other),
            (Self::Array(one), Self::Array(other)) => std::ptr::eq::<Vec<Self>>(&**one, &**other),
            (Self::Object(one), Self::Object(other)) => one.is_held_with(other),
            _ => false,
        }
    }

    /// What a JSON Pointer (RFC 6901) names.
    #[must_use]
    pub fn pointer(&self, pointer: &str) -> Option<&Self> {
        steps(pointer)?.try_fold(self, |value, step| match value {
            Self::Object(members) => members.get(&step),
            Self::Array(elements) => elements.get(element(&step)?),
            _ => None,
        })
    }

    /// As [`Value::pointer`], to be changed.
    pub fn pointer_mut(&mut self, pointer: &str) -> Option<&mut Self> {
        steps(pointer)?.try_fold(self, |value, step| match value {
            Self::Object(members) => members.get_mut(&step),
            Self::Array(elements) => elements.get_mut(element(&step)?),
            _ => None,
        })
    }
}

/// The steps of a pointer; `None` when it does not begin with a slash. The empty one has none.
fn steps(pointer: &str) -> Option<impl Iterator<Item = String>> {
    let path = if pointer.is_empty() { None } else { Some(pointer.strip_prefix('/')?) };
    Some(
        path.into_iter()
            .flat_map(|path| path.split('/').map(|step| step.replace("~1", "/").replace("~0", "~"))),
    )
}

/// The place in an array: digits without a sign, and without a zero before others.
fn element(step: &str) -> Option<usize> {
    let plain = step == "0" || !step.starts_with(['0', '+']);
    plain.then(|| step.parse().ok()).flatten()
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Bool(value) => write!(f, "Bool({value})"),
            Self::Number(number) => fmt::Debug::fmt(number, f),
            Self::String(text) => write!(f, "String({text:?})"),
            Self::Array(elements) => {
                f.write_str("Array ")?;
                f.debug_list().entries(elements).finish()
            }
            Self::Object(members) => {
                f.write_str("Object ")?;
                f.debug_map().entries(members.iter()).finish()
            }
        }
    }
}
