//! Existence (`FHIRPath` 2.0.0 section 5.1) and `not` (6.5.3).

use super::super::collection::{Collection, Item};
use super::super::evaluate::{distinct, holds};
use super::{Answer, Function, Input, row};

pub(super) const TABLE: &[Function] = &[
    row("empty", 0, 0, |input| Ok(Collection::from_bool(input.items.is_empty()))),
    row("exists", 0, 1, exists),
    row("all", 1, 1, all),
    row("allTrue", 0, 0, |input| quantified(&input, true, true)),
    row("anyTrue", 0, 0, |input| quantified(&input, true, false)),
    row("allFalse", 0, 0, |input| quantified(&input, false, true)),
    row("anyFalse", 0, 0, |input| quantified(&input, false, false)),
    row("subsetOf", 1, 1, |input| {
        let other = input.argument(0)?;
        Ok(Collection::from_bool(input.items.iter().all(|item| holds(&other, item))))
    }),
    row("supersetOf", 1, 1, |input| {
        let other = input.argument(0)?;
        Ok(Collection::from_bool(other.iter().all(|item| holds(&input.items, item))))
    }),
    row("count", 0, 0, |input| Ok(Collection::integer(input.items.len()))),
    row("distinct", 0, 0, |input| Ok(distinct(input.into_items()))),
    row("isDistinct", 0, 0, |input| {
        let before = input.items.len();
        Ok(Collection::from_bool(distinct(input.into_items()).len() == before))
    }),
    row("not", 0, 0, |input| Ok(Collection::maybe_bool(input.items.truth()?.map(|value| !value)))),
    row("hasValue", 0, 0, |input| Ok(Collection::from_bool(primitive_value(&input).is_some()))),
    row("getValue", 0, 0, |input| Ok(Collection::maybe(primitive_value(&input)))),
];

fn exists<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    if !input.has_argument(0) {
        return Ok(Collection::from_bool(!input.items.is_empty()));
    }
    for (index, item) in input.items.iter().enumerate() {
        if input.each_truth(0, item, index)? == Some(true) {
            return Ok(Collection::from_bool(true));
        }
    }
    Ok(Collection::from_bool(false))
}

fn all<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    for (index, item) in input.items.iter().enumerate() {
        if input.each_truth(0, item, index)? != Some(true) {
            return Ok(Collection::from_bool(false));
        }
    }
    Ok(Collection::from_bool(true))
}

/// Whether all, or any, of the Booleans are the wanted one.
fn quantified<'a>(input: &Input<'_, '_, 'a>, wanted: bool, all: bool) -> Answer<'a> {
    let mut found = Vec::with_capacity(input.items.len());
    for item in input.items.iter() {
        let value = item.as_bool();
        found.push(value.ok_or_else(|| input.fault(&format!("takes Booleans, found {}", item.kind())))?);
    }
    let mut wanted = found.iter().map(|value| *value == wanted);
    Ok(Collection::from_bool(if all { wanted.all(|is| is) } else { wanted.any(|is| is) }))
}

/// The value of the one primitive, if it has one and not only extensions.
fn primitive_value<'a>(input: &Input<'_, '_, 'a>) -> Option<Item<'a>> {
    match input.items.items.as_slice() {
        [Item::Node(node)] if node.is_primitive() => node.system(),
        [Item::Node(_)] => None,
        [item] => item.system(),
        _ => None,
    }
}
