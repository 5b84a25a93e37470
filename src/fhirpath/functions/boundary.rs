//! Precision and its boundaries (`FHIRPath` 3.0 draft, "Utility Functions").

use rust_decimal::{Decimal, RoundingStrategy};

use super::super::collection::{Collection, Item};
use super::super::quantity::Quantity;
use super::{Answer, Function, Input, row};

pub(super) const TABLE: &[Function] = &[
    row("lowBoundary", 0, 1, |input| boundary(&input, Side::Low)),
    row("highBoundary", 0, 1, |input| boundary(&input, Side::High)),
    row("precision", 0, 0, precision),
    row("comparable", 1, 1, comparable),
];

/// Which end of the interval that a value stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Side {
    Low,
    High,
}

/// Digits of a decimal boundary when none are asked for.
const DECIMAL_DIGITS: i64 = 8;

/// Digits a decimal can have.
const DECIMAL_DIGITS_MAX: i64 = 28;

fn boundary<'a>(input: &Input<'_, '_, 'a>, side: Side) -> Answer<'a> {
    let digits = input.integer_argument(0)?;
    let found = match input.value()? {
        None => None,
        Some(Item::Integer(value)) => decimal(Decimal::from(value), digits, side).map(Item::Decimal),
        Some(Item::Decimal(value)) => decimal(value, digits, side).map(Item::Decimal),
        Some(Item::Quantity(quantity)) => decimal(quantity.value, digits, side)
            .map(|value| Item::Quantity(Quantity { value, unit: quantity.unit })),
        Some(Item::Temporal(moment)) => moment.boundary(side == Side::High, digits).map(Item::Temporal),
        Some(other) => return Err(input.fault(&format!("takes a number or a date, found {}", other.kind()))),
    };
    Ok(Collection::maybe(found))
}

/// Half a unit of the last digit below or above, at the precision asked for.
fn decimal(value: Decimal, digits: Option<i64>, side: Side) -> Option<Decimal> {
    let digits = digits.unwrap_or(DECIMAL_DIGITS);
    if !(0..=DECIMAL_DIGITS_MAX).contains(&digits) {
        return None;
    }
    let digits = u32::try_from(digits).ok()?;
    let half = Decimal::try_from_i128_with_scale(5, value.scale() + 1).ok()?;
    let (moved, strategy) = match side {
        Side::Low => (value.checked_sub(half)?, RoundingStrategy::ToNegativeInfinity),
        Side::High => (value.checked_add(half)?, RoundingStrategy::ToPositiveInfinity),
    };
    let mut rounded = moved.round_dp_with_strategy(digits, strategy);
    rounded.rescale(digits);
    Some(rounded)
}

fn precision<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    Ok(match input.value()? {
        None => Collection::empty(),
        Some(Item::Integer(_)) => Collection::integer(0),
        Some(Item::Decimal(value)) => Collection::integer(value.scale() as usize),
        Some(Item::Temporal(moment)) => Collection::integer(moment.digits()),
        Some(other) => return Err(input.fault(&format!("takes a number or a date, found {}", other.kind()))),
    })
}

fn comparable<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    Ok(match (input.value()?, input.argument_value(0)?) {
        (Some(Item::Quantity(left)), Some(Item::Quantity(right))) => {
            Collection::from_bool(left.comparable(&right))
        }
        (Some(_), Some(_)) => return Err(input.fault("takes two Quantities")),
        _ => Collection::empty(),
    })
}
