//! The items of a collection. Most collections hold one item or none, and those need no memory of their own.

use std::ops::Deref;
use std::{mem, option, slice, vec};

use super::collection::Item;

/// Items in order.
#[derive(Clone, Default)]
pub(super) enum Items<'a> {
    /// No item.
    #[default]
    None,
    /// One.
    One(Item<'a>),
    /// Any number.
    Many(Vec<Item<'a>>),
}

impl<'a> Items<'a> {
    /// Append one.
    pub(super) fn push(&mut self, item: Item<'a>) {
        match self {
            Self::None => *self = Self::One(item),
            Self::Many(items) => items.push(item),
            Self::One(_) => {
                if let Self::One(first) = mem::take(self) {
                    *self = Self::Many(vec![first, item]);
                }
            }
        }
    }

    /// All of them.
    pub(super) fn as_slice(&self) -> &[Item<'a>] {
        match self {
            Self::None => &[],
            Self::One(item) => slice::from_ref(item),
            Self::Many(items) => items,
        }
    }
}

impl<'a> Deref for Items<'a> {
    type Target = [Item<'a>];

    fn deref(&self) -> &Self::Target {
        self.as_slice()
    }
}

impl<'a> From<Vec<Item<'a>>> for Items<'a> {
    fn from(items: Vec<Item<'a>>) -> Self {
        Self::Many(items)
    }
}

impl<'a> Extend<Item<'a>> for Items<'a> {
    fn extend<I: IntoIterator<Item = Item<'a>>>(&mut self, items: I) {
        match self {
            Self::Many(own) => own.extend(items),
            _ => items.into_iter().for_each(|item| self.push(item)),
        }
    }
}

impl<'a> FromIterator<Item<'a>> for Items<'a> {
    fn from_iter<I: IntoIterator<Item = Item<'a>>>(items: I) -> Self {
        let mut items = items.into_iter();
        let Some(first) = items.next() else { return Self::None };
        match items.next() {
            None => Self::One(first),
            Some(second) => {
                let mut all = Vec::with_capacity(items.size_hint().0.saturating_add(2));
                all.push(first);
                all.push(second);
                all.extend(items);
                Self::Many(all)
            }
        }
    }
}

impl<'a> IntoIterator for Items<'a> {
    type Item = Item<'a>;
    type IntoIter = std::iter::Chain<option::IntoIter<Item<'a>>, vec::IntoIter<Item<'a>>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self {
            Self::None => (None, Vec::new()),
            Self::One(item) => (Some(item), Vec::new()),
            Self::Many(items) => (None, items),
        };
        one.into_iter().chain(many)
    }
}
