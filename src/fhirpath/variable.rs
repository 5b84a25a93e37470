//! The value of a `%variable`, shared by all expressions that use it.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::json::Value;

use super::collection::{Collection, Item};
use super::node::member;

/// The value of a variable. A clone shares it, so that a value is handed to any number of scopes without a copy.
///
/// Expressions over a questionnaire pick one item out of the same many again and again
/// (`%items.where(linkId = 'a')`): such a pick is answered from an index, made when it is first asked for.
#[derive(Clone)]
pub struct Variable<'a>(Rc<Inner<'a>>);

struct Inner<'a> {
    value: Collection<'a>,
    index: OnceCell<Option<Index>>,
}

/// Where the items are that have a text in one of their elements. It borrows neither the name of the element nor the texts, so
/// that a scope may outlive the expressions that are evaluated in it.
struct Index {
    element: String,
    /// The places of the items, in the order of their texts, then of the items.
    places: Vec<usize>,
}

/// Fewer items are sooner looked at than indexed.
const INDEXED_MIN: usize = 8;

impl<'a> Variable<'a> {
    /// The value.
    pub(super) fn value(&self) -> &Collection<'a> {
        &self.0.value
    }

    /// The items whose `element` is the text; `None` when that must be found by evaluation, because there are few items,
    /// because another element is indexed already, or because one of the items has no text there.
    pub(super) fn with_text(&self, element: &str, text: &str) -> Option<Collection<'a>> {
        let items = self.0.value.items.as_slice();
        if items.len() < INDEXED_MIN {
            return None;
        }
        let index = self.0.index.get_or_init(|| Index::of(items, element)).as_ref();
        let index = index.filter(|index| index.element == element)?;
        let of_place = |place: &usize| text_of(&items[*place], element).unwrap_or_default();
        let first = index.places.partition_point(|place| of_place(place) < text);
        let same = index.places[first..].iter().take_while(|place| of_place(place) == text);
        Some(same.map(|place| items[*place].clone()).collect())
    }
}

impl Index {
    fn of(items: &[Item<'_>], element: &str) -> Option<Self> {
        let places = items.iter().enumerate().map(|(place, item)| Some((text_of(item, element)?, place)));
        let mut places = places.collect::<Option<Vec<_>>>()?;
        places.sort_unstable();
        let places = places.into_iter().map(|(_, place)| place).collect();
        Some(Self { element: element.to_owned(), places })
    }
}

fn text_of<'a>(item: &Item<'a>, element: &str) -> Option<&'a str> {
    member(item.node()?, element).and_then(Value::as_str)
}

impl<'a> From<Collection<'a>> for Variable<'a> {
    fn from(value: Collection<'a>) -> Self {
        Self(Rc::new(Inner { value, index: OnceCell::new() }))
    }
}
