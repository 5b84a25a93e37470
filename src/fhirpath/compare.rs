//! Equality, equivalence and order of items and collections (`FHIRPath` 2.0.0 sections 6.1 and 6.2).

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::json::Value;
use rust_decimal::{Decimal, RoundingStrategy};

use super::Fault;
use super::collection::{Collection, Item};
use super::node::Node;
use super::number;
use super::quantity::Quantity;
use super::temporal::{Temporal, TemporalKind};

/// Two System values brought to one type, as far as implicit conversion goes.
enum Pair<'p> {
    Boolean(bool, bool),
    Decimal(Decimal, Decimal),
    String(Cow<'p, str>, Cow<'p, str>),
    Temporal(Temporal, Temporal),
    Quantity(Quantity<'p>, Quantity<'p>),
    Different,
}

fn pair<'p>(left: Item<'p>, right: Item<'p>) -> Pair<'p> {
    match (left, right) {
        (Item::Boolean(l), Item::Boolean(r)) => Pair::Boolean(l, r),
        (Item::String(l), Item::String(r)) => Pair::String(l, r),
        (Item::Temporal(l), Item::Temporal(r)) => Pair::Temporal(l, r),
        (Item::Temporal(l), Item::String(r)) => {
            read_like(l, &r).map_or(Pair::Different, |r| Pair::Temporal(l, r))
        }
        (Item::String(l), Item::Temporal(r)) => {
            read_like(r, &l).map_or(Pair::Different, |l| Pair::Temporal(l, r))
        }
        (Item::Quantity(l), Item::Quantity(r)) => Pair::Quantity(l, r),
        (Item::Quantity(l), r) => {
            r.as_decimal().map_or(Pair::Different, |r| Pair::Quantity(l, Quantity::plain(r)))
        }
        (l, Item::Quantity(r)) => {
            l.as_decimal().map_or(Pair::Different, |l| Pair::Quantity(Quantity::plain(l), r))
        }
        (l, r) => match (l.as_decimal(), r.as_decimal()) {
            (Some(l), Some(r)) => Pair::Decimal(l, r),
            _ => Pair::Different,
        },
    }
}

/// The text of an element whose type nobody knows, read as the date or time it is compared with.
fn read_like(other: Temporal, text: &str) -> Option<Temporal> {
    match other.kind {
        TemporalKind::Time => Temporal::time(text),
        _ if text.contains('T') => Temporal::date_time(text),
        _ => Temporal::date(text),
    }
}

/// Equality of two items; `None` when precision leaves it open.
pub(super) fn equal(left: &Item<'_>, right: &Item<'_>) -> Option<bool> {
    if let (Some(l), Some(r)) = (left.node(), right.node())
        && std::ptr::eq(l, r)
    {
        return Some(true);
    }
    match (left, right) {
        (Item::Integer(l), Item::Integer(r)) => return Some(l == r),
        (Item::Boolean(l), Item::Boolean(r)) => return Some(l == r),
        _ => {}
    }
    match (left.system(), right.system()) {
        (Some(l), Some(r)) => equal_values(l, r),
        (None, None) => Some(equal_structures(left, right)),
        _ => Some(false),
    }
}

fn equal_values(left: Item<'_>, right: Item<'_>) -> Option<bool> {
    if let (Item::Type(..), Item::Type(..)) = (&left, &right) {
        return Some(left.to_value() == right.to_value());
    }
    match pair(left, right) {
        Pair::Boolean(l, r) => Some(l == r),
        Pair::Decimal(l, r) => Some(l == r),
        Pair::String(l, r) => Some(l == r),
        Pair::Temporal(l, r) if !l.comparable(r) => Some(false),
        Pair::Temporal(l, r) => l.order(r).map(Ordering::is_eq),
        Pair::Quantity(l, r) => equal_quantities(&l, &r),
        Pair::Different => Some(false),
    }
}

/// Different dimensions are not equal; a calendar month against UCUM's is open, and so is every unit
/// that UCUM does not know.
fn equal_quantities(left: &Quantity<'_>, right: &Quantity<'_>) -> Option<bool> {
    match left.order(right) {
        Some(order) => Some(order.is_eq()),
        None if left.unit.code().is_none() || right.unit.code().is_none() => None,
        None => Some(false),
    }
}

fn equal_structures(left: &Item<'_>, right: &Item<'_>) -> bool {
    match (left, right) {
        (Item::Node(Node { value: Some(l), .. }), Item::Node(Node { value: Some(r), .. })) => {
            equal_json(l, r)
        }
        (Item::Node(Node { extra: Some(l), .. }), Item::Node(Node { extra: Some(r), .. })) => {
            equal_json(l, r)
        }
        _ => false,
    }
}

/// Equality of JSON, key order aside, numbers by value.
fn equal_json(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(l), Value::Number(r)) => match (number::of_json(l), number::of_json(r)) {
            (Some(l), Some(r)) => l == r,
            _ => l.as_str() == r.as_str(),
        },
        (Value::Array(l), Value::Array(r)) => {
            l.len() == r.len() && l.iter().zip(r).all(|(l, r)| equal_json(l, r))
        }
        (Value::Object(l), Value::Object(r)) => {
            l.len() == r.len() && l.iter().all(|(key, l)| r.get(key).is_some_and(|r| equal_json(l, r)))
        }
        _ => left == right,
    }
}

/// `left = right` of collections: same items in the same order; `None` when either is empty.
pub(super) fn collections_equal(left: &[Item<'_>], right: &[Item<'_>]) -> Option<bool> {
    if left.is_empty() || right.is_empty() {
        return None;
    }
    if left.len() != right.len() {
        return Some(false);
    }
    let mut open = false;
    for (l, r) in left.iter().zip(right) {
        match equal(l, r) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => open = true,
        }
    }
    (!open).then_some(true)
}

/// Equivalence of two items: case, white space, trailing digits and order of children aside.
pub(super) fn equivalent(left: &Item<'_>, right: &Item<'_>) -> bool {
    let (Some(l), Some(r)) = (left.system(), right.system()) else {
        return match (left.node(), right.node()) {
            (Some(l), Some(r)) => equivalent_json(l, r),
            _ => equal_structures(left, right),
        };
    };
    match pair(l, r) {
        Pair::Boolean(l, r) => l == r,
        Pair::Decimal(l, r) => equivalent_decimals(l, r),
        Pair::String(l, r) => normalised(&l) == normalised(&r),
        Pair::Temporal(l, r) => l.equivalent(r),
        Pair::Quantity(l, r) => equivalent_quantities(&l, &r),
        Pair::Different => equal(left, right) == Some(true),
    }
}

/// Compared at the precision of the less precise one, trailing zeros aside.
fn equivalent_decimals(left: Decimal, right: Decimal) -> bool {
    let scale = left.normalize().scale().min(right.normalize().scale());
    let round = |value: Decimal| value.round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero);
    round(left) == round(right)
}

fn equivalent_quantities(left: &Quantity<'_>, right: &Quantity<'_>) -> bool {
    if left.unit.ucum_length() == right.unit.ucum_length() {
        return equivalent_decimals(left.value, right.value);
    }
    // In the larger unit, so that the rounding is the coarser one.
    match (left.in_unit(&right.unit), right.in_unit(&left.unit)) {
        (Some(l), Some(_)) if l.abs() <= left.value.abs() => equivalent_decimals(l, right.value),
        (Some(_), Some(r)) => equivalent_decimals(left.value, r),
        _ => left.order(right) == Some(Ordering::Equal),
    }
}

fn normalised(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn equivalent_json(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(l), Value::String(r)) => normalised(l) == normalised(r),
        (Value::Number(l), Value::Number(r)) => match (number::of_json(l), number::of_json(r)) {
            (Some(l), Some(r)) => equivalent_decimals(l, r),
            _ => false,
        },
        (Value::Array(l), Value::Array(r)) => {
            l.len() == r.len() && l.iter().all(|l| r.iter().any(|r| equivalent_json(l, r)))
        }
        (Value::Object(l), Value::Object(r)) => {
            l.len() == r.len() && l.iter().all(|(key, l)| r.get(key).is_some_and(|r| equivalent_json(l, r)))
        }
        _ => left == right,
    }
}

/// `left ~ right` of collections: same items in any order; two empty ones are equivalent.
pub(super) fn collections_equivalent(left: &Collection<'_>, right: &Collection<'_>) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut taken = vec![false; right.len()];
    left.iter().all(|l| {
        let found = right.iter().enumerate().position(|(at, r)| !taken[at] && equivalent(l, r));
        found.is_some_and(|at| {
            taken[at] = true;
            true
        })
    })
}

/// Which of two items comes first; `None` when precision or units leave it open.
///
/// # Errors
/// Types that have no order between them.
pub(super) fn order(left: &Item<'_>, right: &Item<'_>) -> Result<Option<Ordering>, Fault> {
    if let (Item::Integer(l), Item::Integer(r)) = (left, right) {
        return Ok(Some(l.cmp(r)));
    }
    let no_order = || Fault::new(format!("{} and {} have no order between them", left.kind(), right.kind()));
    let (Some(l), Some(r)) = (left.system(), right.system()) else {
        return Err(no_order());
    };
    match pair(l, r) {
        Pair::Decimal(l, r) => Ok(Some(l.cmp(&r))),
        Pair::String(l, r) => Ok(Some(l.cmp(&r))),
        Pair::Temporal(l, r) if l.comparable(r) => Ok(l.order(r)),
        Pair::Quantity(l, r) => Ok(l.order(&r)),
        _ => Err(no_order()),
    }
}
