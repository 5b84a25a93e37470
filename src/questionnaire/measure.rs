//! Values that can be compared with one another: exact numbers, dates with their precision, times,
//! quantities with their unit (FHIR R4 data types; UCUM for units).

use std::cmp::Ordering;

use crate::json::Value;
use jiff::civil::Time;
use rust_decimal::Decimal;

use super::extension::text;
use super::item::AnswerType;
use crate::fhir::datetime::{PartialDateTime, is_date, is_date_time, parse_time};

/// Decimal places kept when a quantity is converted into another unit.
const CONVERTED_PLACES: u32 = 9;

/// The system of UCUM codes.
pub(crate) const UCUM: &str = "http://unitsofmeasure.org";

/// A unit as a quantity names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) system: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) unit: Option<String>,
}

/// A comparable value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Measure {
    Number(Decimal),
    Point(PartialDateTime),
    Clock(Time),
    Quantity(Decimal, Unit),
}

/// How two measures stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Is(Ordering),
    /// Dates that overlap, so that neither is surely before the other.
    Unsure,
    /// Of different kinds, or of units that cannot be converted.
    Incomparable,
}

impl Unit {
    /// The unit of a Quantity, or a Coding that names one.
    pub(crate) fn read(element: &Value) -> Self {
        let own = |name| text(element, name).map(str::to_owned);
        Self { system: own("system"), code: own("code"), unit: own("unit").or_else(|| own("display")) }
    }

    /// Whether no unit is named at all.
    pub(crate) const fn is_absent(&self) -> bool {
        self.code.is_none() && self.unit.is_none()
    }

    /// As a person reads it.
    pub(crate) fn shown(&self) -> &str {
        self.unit.as_deref().or(self.code.as_deref()).unwrap_or("sans unité")
    }
}

impl Measure {
    /// Reads the value of an answer or of a limit; `None` for what cannot be compared or is not well formed.
    pub(crate) fn read(kind: AnswerType, value: &Value) -> Option<Self> {
        match kind {
            AnswerType::Integer => integer(value).map(Self::Number),
            AnswerType::Decimal => decimal(value).map(Self::Number),
            AnswerType::Date => {
                value.as_str().filter(|t| is_date(t)).and_then(PartialDateTime::parse).map(Self::Point)
            }
            AnswerType::DateTime => {
                value.as_str().filter(|t| is_date_time(t)).and_then(PartialDateTime::parse).map(Self::Point)
            }
            AnswerType::Time => value.as_str().and_then(parse_time).map(Self::Clock),
            AnswerType::Quantity => Some(Self::Quantity(decimal(value.get("value")?)?, Unit::read(value))),
            _ => None,
        }
    }

    /// How this stands to another. A plain number compares with the magnitude of a quantity.
    pub(crate) fn compare(&self, other: &Self) -> Comparison {
        match (self, other) {
            (Self::Number(a) | Self::Quantity(a, _), Self::Number(b))
            | (Self::Number(a), Self::Quantity(b, _)) => Comparison::Is(a.cmp(b)),
            (Self::Point(a), Self::Point(b)) => a.compare(b).map_or(Comparison::Unsure, Comparison::Is),
            (Self::Clock(a), Self::Clock(b)) => Comparison::Is(a.cmp(b)),
            (Self::Quantity(a, from), Self::Quantity(b, to)) => {
                converted(*a, from, to).map_or(Comparison::Incomparable, |a| Comparison::Is(a.cmp(b)))
            }
            _ => Comparison::Incomparable,
        }
    }

    /// As a person reads it, with a decimal comma.
    pub(crate) fn french(&self) -> String {
        match self {
            Self::Number(number) => number.to_string().replace('.', ","),
            Self::Point(point) => point.to_string(),
            Self::Clock(time) => time.to_string(),
            Self::Quantity(number, unit) if unit.is_absent() => number.to_string().replace('.', ","),
            Self::Quantity(number, unit) => {
                format!("{} {}", number.to_string().replace('.', ","), unit.shown())
            }
        }
    }
}

/// A JSON number, exactly; a text is not a number.
pub(crate) fn decimal(value: &Value) -> Option<Decimal> {
    let text = value.as_number()?.as_str();
    Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text)).ok()
}

/// A JSON number without fraction or exponent, of 32 bits.
pub(crate) fn integer(value: &Value) -> Option<Decimal> {
    value.as_number()?.as_str().parse::<i32>().ok().map(Decimal::from)
}

/// Digits after the point as they were written: `1.10` has two.
pub(crate) fn decimal_places(value: &Value) -> Option<usize> {
    let text = value.as_number()?.as_str();
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let places = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let exponent = exponent.parse::<i64>().ok()?;
    usize::try_from(i64::try_from(places).ok()?.saturating_sub(exponent).max(0)).ok()
}

/// The magnitude in another unit. A limit without a unit, or an answer without one, is taken as it is:
/// the missing unit is an issue of its own. Only here does binary arithmetic come in, rounded to nine places.
fn converted(number: Decimal, from: &Unit, to: &Unit) -> Option<Decimal> {
    let (Some(from_code), Some(to_code)) = (from.code.as_deref(), to.code.as_deref()) else {
        let same = from.is_absent()
            || to.is_absent()
            || from.shown() == to.shown()
            || from.shown() == to.code.as_deref().unwrap_or_default();
        return same.then_some(number);
    };
    if from_code == to_code {
        return Some(number);
    }
    let ucum = |unit: &Unit| unit.system.as_deref().is_none_or(|system| system == UCUM);
    if !ucum(from) || !ucum(to) {
        return None;
    }
    let converted = octofhir_ucum::convert(f64::try_from(number).ok()?, from_code, to_code).ok()?;
    Decimal::try_from(converted).ok().map(|value| value.round_dp(CONVERTED_PLACES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::from_str;

    use crate::json::json;

    fn check(kind: AnswerType, a: &str, b: &str, expected: Comparison) {
        let read = |text: &str| Measure::read(kind, &from_str(text).unwrap()).unwrap();
        assert_eq!(read(a).compare(&read(b)), expected, "{a} and {b}");
    }

    #[test]
    fn decimals_are_exact_and_their_scale_does_not_matter() {
        check(AnswerType::Decimal, "1.10", "1.1", Comparison::Is(Ordering::Equal));
        check(AnswerType::Decimal, "0.30000000000000001", "0.3", Comparison::Is(Ordering::Greater));
        check(AnswerType::Decimal, "1e2", "100", Comparison::Is(Ordering::Equal));
    }

    #[test]
    fn dates_of_different_precision_may_be_unsure() {
        check(AnswerType::Date, r#""2026-11""#, r#""2026-11-05""#, Comparison::Unsure);
        check(AnswerType::Date, r#""2026-10""#, r#""2026-11-05""#, Comparison::Is(Ordering::Less));
    }

    #[test]
    fn quantities_are_compared_in_one_unit() {
        let cel = r#"{"value":37,"system":"http://unitsofmeasure.org","code":"Cel"}"#;
        let fahrenheit = r#"{"value":98.6,"system":"http://unitsofmeasure.org","code":"[degF]"}"#;
        let weight = r#"{"value":37,"system":"http://unitsofmeasure.org","code":"kg"}"#;
        check(AnswerType::Quantity, fahrenheit, cel, Comparison::Is(Ordering::Equal));
        check(AnswerType::Quantity, weight, cel, Comparison::Incomparable);
    }

    #[test]
    fn texts_are_not_numbers_and_fractions_not_integers() {
        assert_eq!(decimal(&json!("38.5")), None);
        assert_eq!(integer(&from_str("3.0").unwrap()), None);
        assert_eq!(integer(&from_str("3000000000").unwrap()), None);
        assert_eq!(Measure::read(AnswerType::Date, &json!("2026-02-30")), None);
    }

    #[test]
    fn decimal_places_are_counted_as_written() {
        for (number, places) in [("1", 0), ("1.10", 2), ("1e-3", 3), ("1.5e3", 0)] {
            assert_eq!(decimal_places(&from_str(number).unwrap()), Some(places), "{number}");
        }
    }
}
