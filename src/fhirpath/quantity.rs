//! Quantities with UCUM or calendar units, compared through exact conversion (`FHIRPath` 2.0.0
//! sections 4.1.8 and 6.1 to 6.2; UCUM 2.2).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use crate::json::Value;
use octofhir_ucum::{EvalResult, Number, SpecialKind, evaluate, parse_expression};
use rust_decimal::Decimal;

use super::number;
use super::temporal::Step;

/// The system of UCUM codes.
pub(super) const UCUM: &str = "http://unitsofmeasure.org";

/// A number with a unit.
#[derive(Debug, Clone)]
pub struct Quantity<'a> {
    pub(super) value: Decimal,
    pub(super) unit: Unit<'a>,
}

/// A unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unit<'a> {
    /// A UCUM code, or for lack of one the text of the unit.
    Code(Cow<'a, str>),
    /// A word of the calendar.
    Calendar(Calendar),
}

/// A unit of the calendar: `year` and `month` have no fixed length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Calendar {
    pub(super) step: Step,
    plural: bool,
}

const WORDS: &[(&str, &str, Step, &str)] = &[
    ("year", "years", Step::Year, "a"),
    ("month", "months", Step::Month, "mo"),
    ("week", "weeks", Step::Week, "wk"),
    ("day", "days", Step::Day, "d"),
    ("hour", "hours", Step::Hour, "h"),
    ("minute", "minutes", Step::Minute, "min"),
    ("second", "seconds", Step::Second, "s"),
    ("millisecond", "milliseconds", Step::Millisecond, "ms"),
];

impl Calendar {
    pub(super) fn of_word(word: &str) -> Option<Self> {
        let (singular, _, step, _) = WORDS.iter().find(|(one, many, ..)| word == *one || word == *many)?;
        Some(Self { step: *step, plural: word != *singular })
    }

    fn word(self) -> &'static str {
        let row = WORDS.iter().find(|(_, _, step, _)| *step == self.step);
        row.map_or("day", |(one, many, ..)| if self.plural { many } else { one })
    }

    /// The UCUM unit of the same length; none for year and month, which vary.
    fn code(self) -> Option<&'static str> {
        if self.step <= Step::Month { None } else { Some(self.ucum_length()) }
    }

    fn ucum_length(self) -> &'static str {
        WORDS.iter().find(|(_, _, step, _)| *step == self.step).map_or("d", |(.., code)| code)
    }
}

impl<'a> Unit<'a> {
    /// The unit that a code in quotes names; a word of the calendar is accepted there too.
    pub(super) fn of_code(code: Cow<'a, str>) -> Self {
        Calendar::of_word(&code).map_or(Self::Code(code), Self::Calendar)
    }

    pub(super) const fn one() -> Self {
        Self::Code(Cow::Borrowed("1"))
    }

    /// What a date can be moved by: calendar words, and UCUM units from the week downwards.
    pub(super) fn step(&self) -> Option<Step> {
        match self {
            Self::Calendar(calendar) => Some(calendar.step),
            Self::Code(code) => WORDS
                .iter()
                .find(|(_, _, step, ucum)| code == ucum && *step > Step::Month)
                .map(|(_, _, step, _)| *step),
        }
    }

    /// The UCUM code, calendar words translated.
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Code(code) => Some(code),
            Self::Calendar(calendar) => calendar.code(),
        }
    }

    /// The code under equivalence, where a calendar year is UCUM's `a` and a month its `mo`.
    pub(super) fn ucum_length(&self) -> &str {
        match self {
            Self::Code(code) => code,
            Self::Calendar(calendar) => calendar.ucum_length(),
        }
    }

    fn terms(&self) -> Option<EvalResult> {
        evaluate(&parse_expression(self.code()?).ok()?).ok()
    }
}

impl<'a> Quantity<'a> {
    /// The quantity that a FHIR `Quantity` tells; `None` without value, or with a comparator, which
    /// leaves the value open. A code counts only within UCUM; otherwise the text of the unit does.
    pub(super) fn of_fhir(value: &'a Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        if text("comparator").is_some() {
            return None;
        }
        let Some(Value::Number(amount)) = value.get("value") else {
            return None;
        };
        let code = if text("system") == Some(UCUM) { text("code") } else { None };
        let unit = match code.or_else(|| text("unit")).or_else(|| text("code")) {
            Some(unit) => Unit::Code(Cow::Borrowed(unit)),
            None => Unit::one(),
        };
        Some(Self { value: number::of_json(amount)?, unit })
    }

    pub(super) const fn plain(value: Decimal) -> Self {
        Self { value, unit: Unit::one() }
    }

    /// Which is larger, units converted; `None` when the units do not convert into each other.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        if let Some((left, right)) = self.same_unit(other) {
            return Some(left.cmp(&right));
        }
        let (left, right) = (self.unit.terms()?, other.unit.terms()?);
        if !left.is_commensurable(&right) {
            return None;
        }
        let (left, right) = (magnitude(self.value, &left)?, magnitude(other.value, &right)?);
        let difference = left.checked_sub(right)?;
        if difference.is_zero() || is_rounding(difference, left) {
            return Some(Ordering::Equal);
        }
        Some(if difference.is_negative() { Ordering::Less } else { Ordering::Greater })
    }

    /// Both values when the units are the same, or both of the calendar.
    fn same_unit(&self, other: &Quantity<'_>) -> Option<(Decimal, Decimal)> {
        match (&self.unit, &other.unit) {
            (Unit::Calendar(left), Unit::Calendar(right)) => {
                let length = |value: Decimal, step: Step, in_months: bool| match (step, in_months) {
                    (Step::Year, true) => value.checked_mul(Decimal::from(12)),
                    (_, true) => Some(value),
                    (step, false) => value.checked_mul(Decimal::from(step.milliseconds())),
                };
                let in_months = left.step <= Step::Month && right.step <= Step::Month;
                Some((length(self.value, left.step, in_months)?, length(other.value, right.step, in_months)?))
            }
            _ if self.unit.code().is_some() && self.unit.code() == other.unit.code() => {
                Some((self.value, other.value))
            }
            _ => None,
        }
    }

    /// Whether values compare after conversion.
    pub(super) fn comparable(&self, other: &Self) -> bool {
        self.order(other).is_some()
    }

    /// The value in another unit, exact as far as 28 digits go.
    pub(super) fn in_unit(&self, unit: &Unit<'_>) -> Option<Decimal> {
        let target = Quantity { value: Decimal::ONE, unit: unit.clone() };
        if let Some((own, one)) = self.same_unit(&target) {
            return own.checked_div(one);
        }
        let (from, to) = (self.unit.terms()?, unit.terms()?);
        if !from.is_commensurable(&to) || from.special.is_some() || to.special.is_some() {
            return None;
        }
        let (numerator, exponent) =
            magnitude(self.value, &from)?.checked_div(to.factor)?.to_integer_and_exponent();
        let scale = u32::try_from(-exponent).ok();
        match scale {
            Some(scale) => Decimal::try_from_i128_with_scale(numerator, scale).ok().map(|d| d.normalize()),
            None => {
                let power = 10_i128.checked_pow(u32::try_from(exponent).ok()?)?;
                Decimal::try_from_i128_with_scale(numerator.checked_mul(power)?, 0).ok()
            }
        }
    }

    /// The product, its unit the product of the units.
    pub(super) fn times(&self, other: &Self) -> Option<Quantity<'static>> {
        let value = self.value.checked_mul(other.value)?;
        let (left, right) = (self.unit.code()?, other.unit.code()?);
        let unit = match (left, right) {
            ("1", unit) | (unit, "1") => unit.to_owned(),
            _ => format!("{}.{}", grouped(left), grouped(right)),
        };
        Some(Quantity { value, unit: Unit::Code(Cow::Owned(unit)) })
    }

    /// The quotient; `None` by zero.
    pub(super) fn over(&self, other: &Self) -> Option<Quantity<'static>> {
        let value = self.value.checked_div(other.value)?;
        let (left, right) = (self.unit.code()?, other.unit.code()?);
        let unit = match (left, right) {
            _ if left == right => "1".to_owned(),
            (unit, "1") => unit.to_owned(),
            _ => format!("{}/{}", grouped(left), grouped(right)),
        };
        Some(Quantity { value, unit: Unit::Code(Cow::Owned(unit)) })
    }

    /// As FHIR JSON.
    pub(super) fn to_value(&self) -> Value {
        let mut object = crate::json::Map::new();
        object.insert("value", Value::Number(number::to_json(self.value)));
        match &self.unit {
            Unit::Calendar(calendar) => {
                object.insert("unit", calendar.word().into());
            }
            Unit::Code(code) => {
                object.insert("system", UCUM.into());
                object.insert("code", code.to_string().into());
            }
        }
        Value::Object(object)
    }
}

fn grouped(unit: &str) -> Cow<'_, str> {
    if unit.contains(['/', '.']) { Cow::Owned(format!("({unit})")) } else { Cow::Borrowed(unit) }
}

/// The value in base units. Of the special units only temperatures are on a scale that converts
/// without logarithms.
fn magnitude(value: Decimal, terms: &EvalResult) -> Option<Number> {
    let value = Number::parse(&value.to_string())?;
    let Some(special) = terms.special else {
        return value.checked_mul(terms.factor);
    };
    let offset = match special.unit.special {
        SpecialKind::Celsius => "273.15",
        SpecialKind::Fahrenheit => "459.67",
        _ => return None,
    };
    value.checked_mul(special.scale)?.checked_add(Number::parse(offset)?)?.checked_mul(terms.factor)
}

/// Whether a difference is what the 28th digit of a conversion factor leaves behind.
fn is_rounding(difference: Number, whole: Number) -> bool {
    difference.checked_div(whole).is_some_and(|share| share.to_f64().abs() < 1e-20)
}

impl fmt::Display for Quantity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unit {
            Unit::Code(code) => write!(f, "{} '{code}'", self.value),
            Unit::Calendar(calendar) => write!(f, "{} {}", self.value, calendar.word()),
        }
    }
}
