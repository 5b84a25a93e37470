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
    index: OnceCell<Option<Box<Index>>>,
}

/// Where the items are that have a text in one of their elements. It borrows neither the name of the element nor the texts, so
/// that a scope may outlive the expressions that are evaluated in it.
struct Index {
    element: String,
    /// A key of the text and the place of each item, in their order.
    places: Vec<(u64, usize)>,
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
        let key = key(text);
        let first = index.places.partition_point(|(known, _)| *known < key);
        let alike = index.places[first..].iter().take_while(|(known, _)| *known == key);
        let same = alike.map(|(_, place)| &items[*place]).filter(|item| text_of(item, element) == Some(text));
        Some(same.cloned().collect())
    }
}

impl Index {
    fn of(items: &[Item<'_>], element: &str) -> Option<Box<Self>> {
        let places =
            items.iter().enumerate().map(|(place, item)| Some((key(text_of(item, element)?), place)));
        let mut places = places.collect::<Option<Vec<_>>>()?;
        places.sort_unstable();
        Some(Box::new(Self { element: element.to_owned(), places }))
    }
}

/// The same for equal texts, and seldom for others: the names of questions have their beginning in common. Texts of one key are
/// compared.
fn key(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let last = match bytes.last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last),
        None => bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    last ^ (bytes.len() as u64).rotate_right(8)
}

fn text_of<'a>(item: &Item<'a>, element: &str) -> Option<&'a str> {
    member(item.node()?, element).and_then(Value::as_str)
}

impl<'a> From<Collection<'a>> for Variable<'a> {
    fn from(value: Collection<'a>) -> Self {
        Self(Rc::new(Inner { value, index: OnceCell::new() }))
    }
}
