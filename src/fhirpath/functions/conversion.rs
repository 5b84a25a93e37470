//! Conversion (`FHIRPath` 2.0.0 section 5.5): each `toX()` has its `convertsToX()`.

use std::borrow::Cow;

use rust_decimal::Decimal;

use super::super::collection::{Collection, Item};
use super::super::number;
use super::super::operators::text_of;
use super::super::quantity::{Calendar, Quantity, Unit};
use super::super::temporal::{Temporal, TemporalKind};
use super::{Answer, Function, Input, row};

pub(super) const TABLE: &[Function] = &[
    row("toBoolean", 0, 0, |input| convert(&input, boolean)),
    row("toInteger", 0, 0, |input| convert(&input, integer)),
    row("toDecimal", 0, 0, |input| convert(&input, decimal)),
    row("toString", 0, 0, |input| convert(&input, string)),
    row("toDate", 0, 0, |input| convert(&input, date)),
    row("toDateTime", 0, 0, |input| convert(&input, date_time)),
    row("toTime", 0, 0, |input| convert(&input, time)),
    row("toQuantity", 0, 1, |input| in_unit(&input).map(Collection::maybe)),
    row("convertsToBoolean", 0, 0, |input| converts(&input, boolean)),
    row("convertsToInteger", 0, 0, |input| converts(&input, integer)),
    row("convertsToDecimal", 0, 0, |input| converts(&input, decimal)),
    row("convertsToString", 0, 0, |input| converts(&input, string)),
    row("convertsToDate", 0, 0, |input| converts(&input, date)),
    row("convertsToDateTime", 0, 0, |input| converts(&input, date_time)),
    row("convertsToTime", 0, 0, |input| converts(&input, time)),
    row("convertsToQuantity", 0, 1, |input| {
        if input.single()?.is_none() {
            return Ok(Collection::empty());
        }
        Ok(Collection::from_bool(in_unit(&input)?.is_some()))
    }),
];

type Conversion = for<'a> fn(Item<'a>) -> Option<Item<'a>>;

fn convert<'a>(input: &Input<'_, '_, 'a>, to: Conversion) -> Answer<'a> {
    Ok(Collection::maybe(input.single()?.and_then(Item::system).and_then(to)))
}

fn converts<'a>(input: &Input<'_, '_, 'a>, to: Conversion) -> Answer<'a> {
    Ok(Collection::maybe_bool(input.single()?.map(|item| item.system().and_then(to).is_some())))
}

fn boolean(value: Item<'_>) -> Option<Item<'_>> {
    let boolean = match value {
        Item::Boolean(value) => value,
        Item::Integer(value) => one_or_zero(Decimal::from(value))?,
        Item::Decimal(value) => one_or_zero(value)?,
        Item::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" | "1.0" => true,
            "false" | "f" | "no" | "n" | "0" | "0.0" => false,
            _ => return None,
        },
        _ => return None,
    };
    Some(Item::Boolean(boolean))
}

fn one_or_zero(value: Decimal) -> Option<bool> {
    if value.is_zero() { Some(false) } else { (value == Decimal::ONE).then_some(true) }
}

fn integer(value: Item<'_>) -> Option<Item<'_>> {
    match value {
        Item::Boolean(value) => Some(Item::Integer(i64::from(value))),
        Item::Integer(value) => Some(Item::Integer(value)),
        Item::String(text) => {
            let digits = text.strip_prefix(['+', '-']).unwrap_or(&text);
            let whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            if whole { text.parse().ok().map(Item::Integer) } else { None }
        }
        _ => None,
    }
}

fn decimal(value: Item<'_>) -> Option<Item<'_>> {
    match value {
        Item::Boolean(value) => Some(Item::Decimal(Decimal::from(u8::from(value)))),
        Item::Integer(value) => Some(Item::Decimal(Decimal::from(value))),
        Item::Decimal(value) => Some(Item::Decimal(value)),
        Item::String(text) => read_decimal(&text).map(Item::Decimal),
        _ => None,
    }
}

/// `(+|-)?\d+(\.\d+)?`.
fn read_decimal(text: &str) -> Option<Decimal> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let right = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if right(whole) && right(fraction) { number::exact(text) } else { None }
}

fn string(value: Item<'_>) -> Option<Item<'_>> {
    text_of(&value).map(Item::String)
}

fn date(value: Item<'_>) -> Option<Item<'_>> {
    let temporal = match value {
        Item::Temporal(temporal) if temporal.kind != TemporalKind::Time => temporal.to_date(),
        Item::String(text) if text.contains('T') => Temporal::date_time(&text)?.to_date(),
        Item::String(text) => Temporal::date(&text)?,
        _ => return None,
    };
    Some(Item::Temporal(temporal))
}

fn date_time(value: Item<'_>) -> Option<Item<'_>> {
    let temporal = match value {
        Item::Temporal(temporal) if temporal.kind != TemporalKind::Time => temporal.to_date_time(),
        Item::String(text) => Temporal::date_time(&text)?,
        _ => return None,
    };
    Some(Item::Temporal(temporal))
}

fn time(value: Item<'_>) -> Option<Item<'_>> {
    let temporal = match value {
        Item::Temporal(temporal) if temporal.kind == TemporalKind::Time => temporal,
        Item::String(text) => Temporal::time(text.strip_prefix('T').unwrap_or(&text))?,
        _ => return None,
    };
    Some(Item::Temporal(temporal))
}

/// `toQuantity(unit)`: converted when a unit is asked for.
fn in_unit<'a>(input: &Input<'_, '_, 'a>) -> Result<Option<Item<'a>>, super::Fault> {
    let Some(quantity) = input.single()?.and_then(Item::system).and_then(quantity) else {
        return Ok(None);
    };
    let Some(unit) = input.text_argument(0)? else {
        return Ok(Some(Item::Quantity(quantity)));
    };
    let unit = Unit::of_code(unit);
    Ok(quantity.in_unit(&unit).map(|value| Item::Quantity(Quantity { value, unit })))
}

fn quantity(value: Item<'_>) -> Option<Quantity<'_>> {
    match value {
        Item::Boolean(value) => Some(Quantity::plain(Decimal::from(u8::from(value)))),
        Item::Integer(value) => Some(Quantity::plain(Decimal::from(value))),
        Item::Decimal(value) => Some(Quantity::plain(value)),
        Item::Quantity(quantity) => Some(quantity),
        Item::String(text) => read_quantity(&text),
        _ => None,
    }
}

/// `1.5`, `1.5 'mg'`, `4 days`.
fn read_quantity<'a>(text: &str) -> Option<Quantity<'a>> {
    let (amount, unit) = match text.trim().split_once(char::is_whitespace) {
        None => return read_decimal(text.trim()).map(Quantity::plain),
        Some((amount, unit)) => (amount, unit.trim()),
    };
    let unit = match unit.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(code) => Unit::Code(Cow::Owned(code.to_owned())),
        None => Unit::Calendar(Calendar::of_word(unit)?),
    };
    Some(Quantity { value: read_decimal(amount)?, unit })
}
