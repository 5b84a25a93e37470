//! Literals (`FHIRPath` 2.0.0 section 4.1).

use std::borrow::Cow;

use super::collection::Item;
use super::number;
use super::quantity::Unit as QuantityUnit;
use super::quantity::{Calendar, Quantity};
use super::temporal::Temporal;
use super::token::Kind;

/// The unit behind a number.
pub(super) enum Unit {
    /// A UCUM code in quotes.
    Code(String),
    /// A word of the calendar, such as `days`.
    Calendar(Calendar),
}

/// The calendar unit that a word names, in singular or plural.
pub(super) fn calendar_unit(word: &str) -> Option<Calendar> {
    Calendar::of_word(word)
}

/// The value of a literal token.
///
/// # Errors
/// What was found and what would be right.
pub(super) fn read(kind: &Kind, unit: Option<Unit>) -> Result<Item<'static>, String> {
    match kind {
        Kind::Text(text) => Ok(Item::String(Cow::Owned(text.clone()))),
        Kind::Word(word) => Ok(Item::Boolean(word == "true")),
        Kind::Number(digits) => number(digits, unit),
        Kind::Moment(text) => moment(text),
        other => Err(format!("found {other}; expected a literal")),
    }
}

fn number(digits: &str, unit: Option<Unit>) -> Result<Item<'static>, String> {
    let too_long = || format!("found the number {digits}; a decimal has 28 digits at most");
    let Some(unit) = unit else {
        if !digits.contains('.') {
            return digits.parse().map(Item::Integer).map_err(|_| too_long());
        }
        return number::exact(digits).map(Item::Decimal).ok_or_else(too_long);
    };
    let value = number::exact(digits).ok_or_else(too_long)?;
    let unit = match unit {
        Unit::Calendar(word) => QuantityUnit::Calendar(word),
        Unit::Code(code) => QuantityUnit::of_code(Cow::Owned(code)),
    };
    Ok(Item::Quantity(Quantity { value, unit }))
}

fn moment(text: &str) -> Result<Item<'static>, String> {
    let read = match text.strip_prefix('T') {
        Some(time) => Temporal::time(time),
        None if text.contains('T') => Temporal::date_time(text),
        None => Temporal::date(text),
    };
    read.map(Item::Temporal).ok_or_else(|| {
        format!(
            "found @{text}; expected a date that exists, such as @2026-11-22 or @2026-11, a dateTime such as \
             @2026-11-22T10:00:00+01:00, or a time without zone such as @T10:00"
        )
    })
}
