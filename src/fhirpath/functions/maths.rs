//! Mathematics (`FHIRPath` 2.0.0 section 5.7) and the aggregates `sum`, `min`, `max`, `avg`. Decimals are
//! exact where the result is; roots and logarithms have the 28 digits of a decimal.

use std::cmp::Ordering;

use rust_decimal::{Decimal, MathematicalOps, RoundingStrategy};

use super::super::collection::{Collection, Item};
use super::super::compare;
use super::super::number;
use super::super::quantity::Quantity;
use super::{Answer, Function, Input, row};

pub(super) const TABLE: &[Function] = &[
    row("abs", 0, 0, abs),
    row("ceiling", 0, 0, |input| rounded(&input, |value| value.ceil())),
    row("floor", 0, 0, |input| rounded(&input, |value| value.floor())),
    row("truncate", 0, 0, |input| rounded(&input, |value| value.trunc())),
    row("round", 0, 1, round),
    row("exp", 0, 0, |input| computed(&input, |value| value.checked_exp())),
    row("ln", 0, 0, |input| computed(&input, |value| value.checked_ln())),
    row("sqrt", 0, 0, |input| computed(&input, |value| value.sqrt())),
    row("log", 1, 1, log),
    row("power", 1, 1, power),
    row("sum", 0, 0, |input| Ok(Collection::maybe(sum(&input)?))),
    row("avg", 0, 0, average),
    row("min", 0, 0, |input| extreme(&input, Ordering::Less)),
    row("max", 0, 0, |input| extreme(&input, Ordering::Greater)),
];

fn number_of<'a>(input: &Input<'_, '_, 'a>) -> Result<Option<Decimal>, super::Fault> {
    match input.value()? {
        None => Ok(None),
        Some(Item::Integer(value)) => Ok(Some(Decimal::from(value))),
        Some(Item::Decimal(value)) => Ok(Some(value)),
        Some(other) => Err(input.fault(&format!("takes a number, found {}", other.kind()))),
    }
}

fn number_argument(input: &Input<'_, '_, '_>) -> Result<Option<Decimal>, super::Fault> {
    match input.argument_value(0)? {
        None => Ok(None),
        Some(value) => match value.as_decimal() {
            Some(decimal) => Ok(Some(decimal)),
            None => Err(input.fault(&format!("takes a number as its argument, found {}", value.kind()))),
        },
    }
}

fn abs<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let absolute = match input.value()? {
        None => None,
        Some(Item::Integer(value)) => value.checked_abs().map(Item::Integer),
        Some(Item::Decimal(value)) => Some(Item::Decimal(value.abs())),
        Some(Item::Quantity(quantity)) => {
            Some(Item::Quantity(Quantity { value: quantity.value.abs(), unit: quantity.unit }))
        }
        Some(other) => return Err(input.fault(&format!("takes a number, found {}", other.kind()))),
    };
    Ok(Collection::maybe(absolute))
}

fn rounded<'a>(input: &Input<'_, '_, 'a>, round: fn(Decimal) -> Decimal) -> Answer<'a> {
    Ok(Collection::maybe(number_of(input)?.map(round).and_then(number::whole).map(Item::Integer)))
}

fn computed<'a>(input: &Input<'_, '_, 'a>, compute: fn(Decimal) -> Option<Decimal>) -> Answer<'a> {
    Ok(Collection::maybe(number_of(input)?.and_then(compute).map(Item::Decimal)))
}

/// Half away from zero, as people round.
fn round<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let digits = input.integer_argument(0)?.unwrap_or(0);
    let Ok(digits) = u32::try_from(digits) else {
        return Err(input.fault("takes a number of digits of zero or more"));
    };
    let half_up =
        |value: Decimal| value.round_dp_with_strategy(digits.min(28), RoundingStrategy::MidpointAwayFromZero);
    Ok(Collection::maybe(number_of(&input)?.map(half_up).map(Item::Decimal)))
}

fn log<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let (Some(value), Some(base)) = (number_of(&input)?, number_argument(&input)?) else {
        return Ok(Collection::empty());
    };
    let quotient =
        value.checked_ln().zip(base.checked_ln()).and_then(|(top, bottom)| top.checked_div(bottom));
    // The last digits of a quotient of logarithms are noise.
    Ok(Collection::maybe(quotient.map(|value| Item::Decimal(value.round_dp(16).normalize()))))
}

fn power<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let (Some(base), Some(exponent)) = (number_of(&input)?, number_argument(&input)?) else {
        return Ok(Collection::empty());
    };
    if let (Some(Item::Integer(base)), Some(exponent)) =
        (input.value()?, number::whole(exponent).and_then(|exponent| u32::try_from(exponent).ok()))
    {
        return Ok(Collection::maybe(base.checked_pow(exponent).map(Item::Integer)));
    }
    let result = match number::whole(exponent) {
        Some(exponent) => base.checked_powi(exponent),
        None if base.is_sign_negative() => None,
        None => base.checked_powd(exponent),
    };
    Ok(Collection::maybe(result.map(Item::Decimal)))
}

/// The sum of numbers, or of quantities in the unit of the first; `None` when empty.
fn sum<'a>(input: &Input<'_, '_, 'a>) -> Result<Option<Item<'a>>, super::Fault> {
    let mut total: Option<Item<'a>> = None;
    for item in input.items.iter() {
        let value = item.system().filter(|value| !matches!(value, Item::Boolean(_) | Item::String(_)));
        let value = value.ok_or_else(|| input.fault(&format!("takes numbers, found {}", item.kind())))?;
        let next = match &total {
            None => Some(value),
            Some(total) => add(total, &value),
        };
        total = Some(next.ok_or_else(|| input.fault("takes numbers that add up: one kind, one dimension"))?);
    }
    Ok(total)
}

fn add<'a>(left: &Item<'a>, right: &Item<'a>) -> Option<Item<'a>> {
    match (left, right) {
        (Item::Integer(l), Item::Integer(r)) => l.checked_add(*r).map(Item::Integer),
        (Item::Quantity(l), Item::Quantity(r)) => {
            let value = l.value.checked_add(r.in_unit(&l.unit)?)?;
            Some(Item::Quantity(Quantity { value, unit: l.unit.clone() }))
        }
        (l, r) => l.as_decimal()?.checked_add(r.as_decimal()?).map(Item::Decimal),
    }
}

fn average<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let count = Decimal::from(input.items.len());
    let mean = match sum(&input)? {
        None => None,
        Some(Item::Quantity(total)) => total
            .value
            .checked_div(count)
            .map(|value| Item::Quantity(Quantity { value, unit: total.unit.clone() })),
        Some(total) => total.as_decimal().and_then(|total| total.checked_div(count)).map(Item::Decimal),
    };
    Ok(Collection::maybe(mean))
}

/// The first least or greatest item.
fn extreme<'a>(input: &Input<'_, '_, 'a>, wanted: Ordering) -> Answer<'a> {
    let mut best: Option<Item<'a>> = None;
    for item in input.items.iter() {
        let value = item.system();
        let value = value.ok_or_else(|| input.fault(&format!("takes values, found {}", item.kind())))?;
        let better = match &best {
            None => true,
            Some(best) => match compare::order(&value, best)? {
                Some(order) => order == wanted,
                None => return Ok(Collection::empty()),
            },
        };
        if better {
            best = Some(value);
        }
    }
    Ok(Collection::maybe(best))
}
