//! A value as an issue shows it: short, in quotes, and only ever in the `OperationOutcome` that answers its sender.

use crate::json::Value;

/// Most characters of a value that an issue shows.
const SHOWN_MAX: usize = 64;

/// The value of a primitive element: a text in quotes, a number as it was written, the kind of anything else.
pub(super) fn value(given: &Value) -> String {
    match given {
        Value::String(given) => text(given),
        Value::Object(_) => "a JSON object".to_owned(),
        Value::Array(_) => "a JSON list".to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) => cut(&given.to_string()),
    }
}

/// A text in quotes, cut after the first characters; control characters are escaped.
pub(super) fn text(given: &str) -> String {
    format!("'{}'", cut(given))
}

fn cut(given: &str) -> String {
    let mut shown = String::new();
    for sign in given.chars().take(SHOWN_MAX) {
        if sign.is_control() { shown.extend(sign.escape_default()) } else { shown.push(sign) }
    }
    if given.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use crate::json::json;

    use super::*;

    fn check(given: &Value, expected: &str) {
        assert_eq!(value(given), expected);
    }

    #[test]
    fn a_value_is_shown_as_it_was_written() {
        check(&json!("2026-02-30"), "'2026-02-30'");
        check(&serde_json::from_str("2.10").unwrap(), "2.10");
        check(&json!(true), "true");
        check(&json!({ "a": 1 }), "a JSON object");
    }

    #[test]
    fn a_long_value_is_cut_and_a_control_character_escaped() {
        check(&json!("é".repeat(65)), &format!("'{}…'", "é".repeat(64)));
        check(&json!("é".repeat(64)), &format!("'{}'", "é".repeat(64)));
        check(&json!("a\nb"), "'a\\nb'");
    }
}
