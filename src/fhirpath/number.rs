//! Exact decimals from the text of numbers.

use std::str::FromStr;

use crate::json::Number;
use rust_decimal::Decimal;

/// The decimal with all its digits, trailing zeros included; `None` beyond 28 digits.
pub(super) fn exact(text: &str) -> Option<Decimal> {
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    Decimal::from_str_exact(unsigned).ok()
}

/// The decimal of a JSON number: exact up to 28 digits, further fraction digits are rounded.
/// `None` when the number is too large.
pub(super) fn of_json(number: &Number) -> Option<Decimal> {
    let text = number.as_str();
    if text.contains(['e', 'E']) {
        return Decimal::from_scientific(text).ok();
    }
    exact(text).or_else(|| Decimal::from_str(text).ok())
}

/// The JSON number with the digits of the decimal.
pub(super) fn to_json(decimal: Decimal) -> Number {
    Number::from_str(&decimal.to_string()).unwrap_or_else(|_| Number::from(0))
}

/// The whole number that a decimal is, if it is one.
pub(super) fn whole(decimal: Decimal) -> Option<i64> {
    if decimal.fract().is_zero() { i64::try_from(decimal.trunc()).ok() } else { None }
}
