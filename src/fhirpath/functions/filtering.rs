//! Filtering, projection, subsetting and combining (`FHIRPath` 2.0.0 sections 5.2 to 5.4), `iif` (5.5),
//! `aggregate` (7.1), `trace` (5.9) and the draft's `sort` and `defineVariable`.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::super::Fault;
use super::super::collection::{Collection, Item};
use super::super::compare;
use super::super::evaluate::{distinct, holds};
use super::super::items::Items;
use super::super::node::member;
use super::super::seen::Seen;
use super::super::syntax::{Expr, Operator};
use super::{Answer, Arguments, Function, Input, row, special};

pub(super) const TABLE: &[Function] = &[
    row("where", 1, 1, filter),
    row("select", 1, 1, select),
    row("repeat", 1, 1, repeat),
    row("single", 0, 0, |input| Ok(Collection::maybe(input.single()?.cloned()))),
    row("first", 0, 0, |input| Ok(Collection::maybe(input.items.items.first().cloned()))),
    row("last", 0, 0, |input| Ok(Collection::maybe(input.items.items.last().cloned()))),
    row("tail", 0, 0, |input| Ok(input.into_items().into_iter().skip(1).collect())),
    row("skip", 1, 1, |input| {
        let count = count(&input)?;
        Ok(input.into_items().into_iter().skip(count).collect())
    }),
    row("take", 1, 1, |input| {
        let count = count(&input)?;
        Ok(input.into_items().into_iter().take(count).collect())
    }),
    row("intersect", 1, 1, |input| {
        let other = input.argument(0)?;
        Ok(distinct(input.into_items().into_iter().filter(|item| holds(&other, item))))
    }),
    row("exclude", 1, 1, |input| {
        let other = input.argument(0)?;
        Ok(input.into_items().into_iter().filter(|item| !holds(&other, item)).collect())
    }),
    row("union", 1, 1, |input| {
        let other = input.argument(0)?;
        Ok(distinct(input.into_items().into_iter().chain(other.into_owned().items)))
    }),
    row("combine", 1, 2, |input| {
        let other = input.argument(0)?;
        Ok(input.into_items().into_iter().chain(other.into_owned().items).collect())
    }),
    row("iif", 2, 3, iif),
    row("aggregate", 1, 2, aggregate),
    row("trace", 1, 2, |input| Ok(input.items.into_owned())),
    special("defineVariable", 1, 2, Arguments::Defining, define_variable),
    special("sort", 0, 8, Arguments::Keys, sort),
];

/// A negative count is none.
fn count(input: &Input<'_, '_, '_>) -> Result<usize, Fault> {
    match input.integer_argument(0)? {
        Some(count) => Ok(usize::try_from(count).unwrap_or(0)),
        None => Err(input.fault("takes a number of items, found nothing")),
    }
}

fn filter<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let mut kept = Items::None;
    let plain = input.call.arguments.first().and_then(name_and_text);
    if let (Some((name, text)), Some(Expr::Variable(variable))) = (plain, &input.call.target)
        && let Some(picked) = input.evaluator.pick(variable, name, text)
    {
        return Ok(picked);
    }
    for (index, item) in input.items.iter().enumerate() {
        let known = plain.and_then(|(name, text)| Some(member(item.node()?, name)?.as_str()? == text));
        let holds = match known {
            Some(known) => known,
            None => input.each_truth(0, item, index)? == Some(true),
        };
        if holds {
            kept.push(item.clone());
        }
    }
    Ok(Collection { items: kept })
}

/// `name = 'text'`, by far the commonest criterion: where the element has a string of that name, comparing the two says
/// what an evaluation would. A text that may be a date or a time is left to the evaluation, which compares those as such.
pub(in crate::fhirpath) fn name_and_text(criterion: &Expr) -> Option<(&str, &str)> {
    let Expr::Binary(Operator::Equal, left, right) = criterion else { return None };
    let (Expr::Head(name), Expr::Literal(Item::String(text))) = (&**left, &**right) else { return None };
    let is_child = name.text.starts_with(|c: char| c.is_ascii_lowercase()) && name.text != "resourceType";
    (is_child && text.starts_with(|c: char| c.is_ascii_alphabetic())).then_some((&name.text, text))
}

fn select<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let mut selected = Items::None;
    for (index, item) in input.items.iter().enumerate() {
        selected.extend(input.each(0, item, index)?.items);
    }
    Ok(Collection { items: selected })
}

/// Breadth first, until nothing new comes.
fn repeat<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let mut seen = Seen::default();
    let mut wave = input.items.items.clone();
    while !wave.is_empty() {
        let mut next = Items::None;
        for (index, item) in wave.iter().enumerate() {
            for found in input.each(0, item, index)?.items {
                if seen.insert(found.clone()) {
                    next.push(found);
                }
            }
        }
        wave = next;
    }
    Ok(seen.into_collection())
}

fn iif<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let item = if input.call.target.is_some() { input.single()? } else { None };
    let pick = |at: usize| match item {
        Some(item) => input.each(at, item, 0),
        None => input.argument(at).map(Cow::into_owned),
    };
    let criterion = pick(0)?;
    let value = match criterion.single("the criterion of iif()")? {
        None => false,
        Some(item) => item.as_bool().ok_or_else(|| {
            input.fault(&format!("takes a Boolean as its criterion, found {}", item.kind()))
        })?,
    };
    pick(if value { 1 } else { 2 })
}

fn aggregate<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let mut total = input.argument(1)?.into_owned();
    let Some(step) = input.call.arguments.first() else {
        return Ok(total);
    };
    for (index, item) in input.items.iter().enumerate() {
        total = input.evaluator.each(step, item, index, Some(&total))?;
    }
    Ok(total)
}

fn define_variable<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let Some(name) = input.text_argument(0)? else {
        return Err(input.fault("takes the name of a variable, found nothing"));
    };
    let value = match input.call.arguments.get(1) {
        None => input.items.clone().into_owned(),
        Some(expr) => {
            let frame = super::Frame { this: &input.items, ..input.frame };
            input.evaluator.evaluate(expr, frame)?.into_owned()
        }
    };
    input.evaluator.define(&name, value)?;
    Ok(input.items.into_owned())
}

/// Stable, by the keys in turn; a key behind `-` or before `desc` counts downwards, an empty key
/// comes first either way.
fn sort<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let keys: Vec<(&'a Expr, bool)> = input.call.arguments.iter().map(direction).collect();
    let mut rows = Vec::with_capacity(input.items.len());
    for (index, item) in input.items.iter().enumerate() {
        let mut row = Vec::with_capacity(keys.len().max(1));
        for (key, _) in &keys {
            row.push(input.evaluator.each(key, item, index, None)?);
        }
        if keys.is_empty() {
            row.push(Collection::one(item.clone()));
        }
        rows.push((row, item.clone()));
    }
    let mut fault = None;
    rows.sort_by(|(left, _), (right, _)| {
        for (at, (left, right)) in left.iter().zip(right).enumerate() {
            let descending = !left.is_empty()
                && !right.is_empty()
                && keys.get(at).is_some_and(|(_, descending)| *descending);
            match by_key(left, right) {
                Ok(Ordering::Equal) => {}
                Ok(order) => return if descending { order.reverse() } else { order },
                Err(found) => fault = Some(found),
            }
        }
        Ordering::Equal
    });
    match fault {
        Some(fault) => Err(fault),
        None => Ok(rows.into_iter().map(|(_, item)| item).collect()),
    }
}

fn direction(argument: &Expr) -> (&Expr, bool) {
    match argument {
        Expr::Minus(key) => (key, true),
        key => (key, false),
    }
}

fn by_key<'a>(left: &Collection<'a>, right: &Collection<'a>) -> Result<Ordering, Fault> {
    let pair: (Option<&Item<'a>>, Option<&Item<'a>>) =
        (left.single("a key of sort()")?, right.single("a key of sort()")?);
    match pair {
        (Some(left), Some(right)) => Ok(compare::order(left, right)?.unwrap_or(Ordering::Equal)),
        (left, right) => Ok(left.is_some().cmp(&right.is_some())),
    }
}
