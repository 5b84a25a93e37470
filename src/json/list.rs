//! The list that arrays and objects are made of: it is one's own, or shared by several values that say the same.
//!
//! The resources of one response say much alike. What is shared is counted when it is copied and let go of, not walked; the
//! first change of a copy makes it a list of its own, so that nobody sees what another does. Sharing is asked for
//! ([`Value::shared`](super::Value::shared)), because a count costs more than it saves where nothing is copied.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A `Vec` whose copies may be the same one.
#[derive(Clone)]
pub struct List<T>(Held<T>);

#[derive(Clone)]
enum Held<T> {
    Own(Vec<T>),
    Shared(Arc<Vec<T>>),
}

impl<T> List<T> {
    /// Without elements.
    pub(super) const fn new() -> Self {
        Self(Held::Own(Vec::new()))
    }

    /// The same elements, so that copies are counted; for what is shared already nothing is done.
    pub(super) fn shared(self) -> Self {
        match self.0 {
            Held::Own(elements) => Self(Held::Shared(Arc::new(elements))),
            shared @ Held::Shared(_) => Self(shared),
        }
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for List<T> {
    type Target = Vec<T>;

    #[inline]
    fn deref(&self) -> &Vec<T> {
        match &self.0 {
            Held::Own(elements) => elements,
            Held::Shared(elements) => elements,
        }
    }
}

impl<T: Clone> DerefMut for List<T> {
    /// To be changed: what others have too is copied first.
    #[inline]
    fn deref_mut(&mut self) -> &mut Vec<T> {
        match &mut self.0 {
            Held::Own(elements) => elements,
            Held::Shared(elements) => Arc::make_mut(elements),
        }
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(elements: Vec<T>) -> Self {
        Self(Held::Own(elements))
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Vec::from_iter(elements).into()
    }
}

impl<T: Clone> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        match self.0 {
            Held::Own(elements) => elements,
            Held::Shared(elements) => Arc::unwrap_or_clone(elements),
        }
        .into_iter()
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T: Clone> IntoIterator for &'a mut List<T> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<T: PartialEq> PartialEq for List<T> {
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.0, &other.0) {
            (Held::Shared(one), Held::Shared(other)) => Arc::ptr_eq(one, other),
            _ => false,
        };
        same || **self == **other
    }
}

impl<T: Eq> Eq for List<T> {}

impl<T: std::fmt::Debug> std::fmt::Debug for List<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use crate::json::{Text, Value, json};

    #[test]
    fn a_change_of_a_copy_is_seen_by_no_other() {
        let check = |change: fn(&mut Value)| {
            let plain = json!({"a": [{"b": "c"}, "d"], "e": {"f": 1}});
            let mut shared = plain.clone();
            for name in ["a", "e"] {
                let member = shared[name].take();
                shared[name] = member.shared();
            }
            let shared = shared.shared();
            let (mut one, mut expected) = (shared.clone(), plain.clone());
            change(&mut one);
            change(&mut expected);
            assert_eq!(one, expected);
            assert_ne!(one, plain);
            assert_eq!(shared, plain);
            assert_eq!(shared.to_string(), plain.to_string());
        };
        check(|value| value["a"][0]["b"] = json!("x"));
        check(|value| value["a"].as_array_mut().unwrap().push(json!(2)));
        check(|value| drop(value["e"].as_object_mut().unwrap().remove("f")));
        check(|value| drop(value.as_object_mut().unwrap().insert("g", Value::Null)));
        check(|value| *value.pointer_mut("/a/1").unwrap() = Value::Null);
        check(|value| value["a"] = value["a"].take().as_array().unwrap().iter().rev().cloned().collect());
    }

    #[test]
    fn what_is_shared_is_given_away_whole() {
        let shared = json!([1, "two", {"three": 3}]).shared();
        let (copy, Value::Array(elements)) = (shared.clone(), shared) else { panic!("an array") };
        let given: Vec<Value> = elements.into_iter().collect();
        assert_eq!(copy.as_array().unwrap(), &given);
    }

    #[test]
    fn no_value_takes_more_room_than_a_list_and_its_kind() {
        assert_eq!(size_of::<Value>(), 32);
        assert_eq!(size_of::<(Text, Value)>(), 56);
    }
}
