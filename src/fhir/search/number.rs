//! Numbers as texts that sort as the numbers do, so that any store compares them exactly, and quantities in the base
//! units of UCUM (R4 3.1.1.4.9 and 3.1.1.4.10).

use octofhir_ucum::{EvalResult, Number, SpecialKind, evaluate, parse_expression};
use rust_decimal::{Decimal, MathematicalOps};

/// The system of UCUM codes.
pub(super) const UCUM: &str = "http://unitsofmeasure.org";
/// Before every number.
pub(super) const LEAST: &str = "";
/// After every number.
pub(super) const GREATEST: &str = "~";
/// Digits that count: fewer than a conversion factor has, so that its last one does not tell.
const DIGITS_MAX: usize = 20;
/// Added to the exponent, so that it has four digits and no sign.
const EXPONENT_BIAS: i64 = 5_000;

/// What a number is compared by.
#[must_use]
pub(super) fn key(value: Decimal) -> String {
    key_of(value.mantissa(), -i64::from(value.scale()))
}

fn key_of(whole: i128, exponent: i64) -> String {
    let mut digits = whole.unsigned_abs().to_string();
    let mut exponent = exponent + i64::try_from(digits.len()).unwrap_or(0);
    if digits.len() > DIGITS_MAX {
        let round = digits.as_bytes()[DIGITS_MAX] >= b'5';
        digits.truncate(DIGITS_MAX);
        if round && let Ok(kept) = digits.parse::<u128>() {
            let next = (kept + 1).to_string();
            exponent += i64::try_from(next.len() - digits.len()).unwrap_or(0);
            digits = next;
        }
    }
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return "1".to_owned();
    }
    let biased = (exponent + EXPONENT_BIAS).clamp(0, 9_999);
    if whole > 0 {
        return format!("2{biased:04}{digits}");
    }
    let turned: String = digits.bytes().map(|digit| char::from(b'9' - digit + b'0')).collect();
    format!("0{:04}{turned}~", 9_999 - biased)
}

/// A value in the base units of UCUM, and which these are; `None` when the unit is none of UCUM or does not convert.
pub(super) struct Base {
    terms: EvalResult,
    /// Exponents of the base units, such as `m-3.g1`.
    pub(super) unit: String,
}

impl Base {
    pub(super) fn of(code: &str) -> Option<Self> {
        let terms = evaluate(&parse_expression(code).ok()?).ok()?;
        let mut unit = String::new();
        let named = octofhir_ucum::Dimension::BASE_UNITS;
        let powers = named.iter().zip(terms.dim.0).map(|(name, power)| (*name, i32::from(power)));
        for (name, power) in powers.chain(terms.arbitrary.iter().copied()).filter(|(_, power)| *power != 0) {
            if !unit.is_empty() {
                unit.push('.');
            }
            unit.push_str(&format!("{name}{power}"));
        }
        if unit.is_empty() {
            unit.push('1');
        }
        Some(Self { terms, unit })
    }

    /// What a value in the unit is compared by. Of the special units only temperatures convert without logarithms.
    pub(super) fn key(&self, value: Decimal) -> Option<String> {
        let value = Number::parse(&value.to_string())?;
        let value = match self.terms.special {
            None => value,
            Some(special) => {
                let offset = match special.unit.special {
                    SpecialKind::Celsius => "273.15",
                    SpecialKind::Fahrenheit => "459.67",
                    _ => return None,
                };
                value.checked_mul(special.scale)?.checked_add(Number::parse(offset)?)?
            }
        };
        let (whole, exponent) = value.checked_mul(self.terms.factor)?.to_integer_and_exponent();
        Some(key_of(whole, i64::from(exponent)))
    }
}

/// A number as it was written in a search: its value, and half of what its last digit stands for.
pub(super) fn written(text: &str) -> Option<(Decimal, Decimal)> {
    let plain = |text: &str| Decimal::from_str_exact(text.strip_prefix('+').unwrap_or(text)).ok();
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        let value = plain(text)?;
        return Some((value, Decimal::try_new(5, value.scale() + 1).ok()?));
    };
    let (value, mantissa) = (Decimal::from_scientific(text).ok()?, plain(mantissa)?);
    // As the example of R4: 1e2 is from 95 to 105.
    let power = exponent.parse::<i64>().ok()? - i64::from(mantissa.scale()) - 2;
    let half = match u32::try_from(-power) {
        Ok(scale) => Decimal::try_new(5, scale).ok()?,
        Err(_) => Decimal::from(10).checked_powi(power)?.checked_mul(Decimal::from(5))?,
    };
    Some((value, half))
}

/// The number of a JSON value.
pub(super) fn of_json(value: &crate::json::Value) -> Option<Decimal> {
    let text = value.as_number()?.as_str();
    if text.contains(['e', 'E']) { Decimal::from_scientific(text).ok() } else { text.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_numbers_do() {
        let numbers = [
            "-1000",
            "-12.3",
            "-12",
            "-1",
            "-0.123",
            "-0.12",
            "-0.0001",
            "0",
            "0.0001",
            "0.12",
            "0.123",
            "1",
            "1.5",
            "9",
            "10",
            "12",
            "99.999",
            "1000000000000000000000000",
        ];
        let keys: Vec<_> = numbers.iter().map(|text| key(text.parse().unwrap())).collect();
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{keys:?}");
        assert!(keys.iter().all(|key| LEAST < key.as_str() && key.as_str() < GREATEST));
        assert_eq!(key("1.10".parse().unwrap()), key("1.1".parse().unwrap()));
    }

    #[test]
    fn the_same_amount_has_the_same_key_in_any_unit() {
        let check = |left: (&str, &str), right: (&str, &str)| {
            let key = |(value, code): (&str, &str)| {
                let base = Base::of(code).unwrap();
                (base.unit.clone(), base.key(value.parse().unwrap()).unwrap())
            };
            assert_eq!(key(left), key(right));
        };
        check(("1", "kg"), ("1000", "g"));
        check(("1.5", "mg/dL"), ("15", "mg/L"));
        check(("37", "Cel"), ("310.15", "K"));
        check(("98.6", "[degF]"), ("37", "Cel"));
        check(("2", "h"), ("120", "min"));
        assert!(Base::of("nonsense").is_none());
    }

    #[test]
    fn a_number_stands_for_what_its_last_digit_stands_for() {
        for (text, value, half) in
            [("100", "100", "0.5"), ("100.00", "100", "0.005"), ("1e2", "100", "5"), ("-2.5", "-2.5", "0.05")]
        {
            let (found, around) = written(text).unwrap();
            assert_eq!((found, around), (value.parse().unwrap(), half.parse().unwrap()), "{text}");
        }
        assert!(written("x").is_none() && written("").is_none());
    }
}
