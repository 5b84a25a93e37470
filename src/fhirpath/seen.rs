//! A collection without repetition that finds equals by hash, so that `repeat`, `distinct` and `|` stay
//! linear (`FHIRPath` 2.0.0 sections 5.1.1 `distinct`, 5.2.3 `repeat`, 6.5.1 `|`).

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use crate::json::Value;

use super::collection::{Collection, Item};
use super::compare;
use super::number;

/// Items seen, in order, none equal to another.
#[derive(Default)]
pub(super) struct Seen<'a> {
    items: Vec<Item<'a>>,
    buckets: HashMap<u64, Vec<usize>>,
}

impl<'a> Seen<'a> {
    /// Whether the item was new.
    pub(super) fn insert(&mut self, item: Item<'a>) -> bool {
        let bucket = self.buckets.entry(bucket(&item)).or_default();
        if bucket.iter().any(|at| compare::equal(&self.items[*at], &item) == Some(true)) {
            return false;
        }
        bucket.push(self.items.len());
        self.items.push(item);
        true
    }

    pub(super) fn into_collection(self) -> Collection<'a> {
        self.items.into()
    }
}

/// The same for equal items. Moments and quantities, whose equality is not that of their text, share
/// one bucket each.
fn bucket(item: &Item<'_>) -> u64 {
    match item.system() {
        Some(Item::Boolean(value)) => hash(&(1, value)),
        Some(value @ (Item::Integer(_) | Item::Decimal(_))) => {
            hash(&(3, value.as_decimal().map(|decimal| decimal.normalize())))
        }
        Some(Item::String(text)) => text_bucket(&text),
        Some(Item::Temporal(_)) => 4,
        Some(Item::Type(_, name)) => hash(&(5, name)),
        Some(Item::Quantity(_) | Item::Node(_)) => 2,
        None => item.node().map_or(6, json),
    }
}

/// A text that starts like a date may equal a date.
fn text_bucket(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let like_moment = bytes.len() >= 4 && bytes[..2].iter().all(u8::is_ascii_digit) && {
        bytes[2] == b':' || bytes[2..4].iter().all(u8::is_ascii_digit)
    };
    if like_moment { 4 } else { hash(&(7, text)) }
}

/// Two levels deep: enough to tell elements apart by their `linkId`, `url` or `code`, whatever hangs
/// below them.
fn json(value: &Value) -> u64 {
    match value {
        Value::Object(members) => members.iter().fold(13, |sum: u64, (key, member)| {
            let below = match member {
                Value::Array(items) => items.len() as u64,
                Value::Object(members) => members.len() as u64,
                primitive => primitive_bucket(primitive),
            };
            sum.wrapping_add(hash(&(key, below)))
        }),
        Value::Array(items) => 12 + items.len() as u64,
        primitive => primitive_bucket(primitive),
    }
}

fn primitive_bucket(value: &Value) -> u64 {
    match value {
        Value::Bool(value) => hash(&(9, value)),
        Value::Number(value) => hash(&(10, number::of_json(value).map(|decimal| decimal.normalize()))),
        Value::String(text) => hash(&(11, text)),
        _ => 8,
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
