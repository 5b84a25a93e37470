//! The forms of the primitive types, checked by hand (<https://hl7.org/fhir/R4/datatypes.html#primitive>).

use crate::json::Value;

use super::{datetime, reference};

/// Longest string, in bytes.
const STRING_MAX: usize = 1024 * 1024;

/// Why a JSON value is no value of a primitive type, and what would be right; `None` when it is one.
///
/// The words name the form; who reports the fault puts the value before them, for its sender alone.
#[must_use]
pub fn fault(kind: &str, value: &Value) -> Option<&'static str> {
    match kind {
        "boolean" => (!value.is_boolean()).then_some("a JSON true or false is expected"),
        "integer" | "unsignedInt" | "positiveInt" => integer_fault(kind, value),
        "decimal" => (!value.is_number()).then_some("a JSON number is expected, without quotes"),
        _ => match value {
            Value::String(text) => text_fault(kind, text),
            _ => Some("a JSON string is expected"),
        },
    }
}

fn integer_fault(kind: &str, value: &Value) -> Option<&'static str> {
    let Value::Number(number) = value else {
        return Some("a JSON number without fraction is expected, without quotes");
    };
    let number = number.as_i64().and_then(|number| i32::try_from(number).ok());
    match (kind, number) {
        (_, None) => Some("a whole number of 32 bits is expected, without fraction or exponent"),
        ("unsignedInt", Some(..=-1)) => Some("a whole number of at least 0 is expected"),
        ("positiveInt", Some(..=0)) => Some("a whole number of at least 1 is expected"),
        _ => None,
    }
}

fn text_fault(kind: &str, text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("an empty string is no value: leave the element out");
    }
    if text.len() > STRING_MAX && kind != "base64Binary" && kind != "xhtml" {
        return Some("a string of at most 1 MB is expected");
    }
    if !text.is_ascii() && text.contains(['\u{FFFE}', '\u{FFFF}']) {
        return Some(
            "a text without U+FFFE and U+FFFF is expected: they are no characters, and XML cannot hold them",
        );
    }
    let (right, words) = match kind {
        "date" => (datetime::is_date(text), "a date that exists is expected: YYYY, YYYY-MM or YYYY-MM-DD"),
        "dateTime" => (
            datetime::is_date_time(text),
            "a date that exists is expected: YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz (a time needs its zone)",
        ),
        "instant" => (datetime::is_instant(text), "YYYY-MM-DDThh:mm:ss.sss+zz:zz is expected"),
        "time" => (datetime::parse_time(text).is_some(), "hh:mm:ss is expected, without a zone"),
        "id" => (reference::is_id(text), "1 to 64 letters A-Z a-z, digits, - or . are expected"),
        "code" => (
            is_code(text),
            "a code without spaces around it, without double spaces or line breaks, is expected",
        ),
        "uri" | "url" | "canonical" => (
            is_uri(text),
            "an address without spaces is expected; an urn:uuid or urn:oid must be well formed",
        ),
        "oid" => {
            (text.strip_prefix("urn:oid:").is_some_and(is_oid), "urn:oid: and a dotted number are expected")
        }
        "uuid" => (
            text.strip_prefix("urn:uuid:").is_some_and(is_uuid),
            "urn:uuid: and a UUID in lower case are expected",
        ),
        "base64Binary" => (is_base64(text), "base64 is expected (RFC 4648, with padding)"),
        _ => (
            is_text(text),
            "a text with at least one visible character, and no control characters, is expected",
        ),
    };
    (!right).then_some(words)
}

fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && !text.bytes().any(|b| b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r'))
}

fn is_code(text: &str) -> bool {
    let mut before = ' ';
    let spaced = text.chars().all(|c| {
        let right = if c.is_whitespace() { c == ' ' && before != ' ' } else { !c.is_control() };
        before = c;
        right
    });
    spaced && before != ' '
}

fn is_uri(text: &str) -> bool {
    !text.chars().any(|c| c.is_whitespace() || c.is_control()) && (!text.starts_with("urn:") || is_urn(text))
}

/// Whether a text that begins with `urn:` has a namespace and a name; `uuid` and `oid` must be well formed.
#[must_use]
pub fn is_urn(text: &str) -> bool {
    let Some((namespace, name)) = text.strip_prefix("urn:").and_then(|rest| rest.split_once(':')) else {
        return false;
    };
    match namespace {
        "uuid" => uuid::Uuid::try_parse(name).is_ok() && name.len() == 36,
        "oid" => is_oid(name.split(['#', '?', '|']).next().unwrap_or_default()),
        _ => !namespace.is_empty() && !name.is_empty(),
    }
}

/// A dotted number as ISO/IEC 8824 has it: first arc 0 to 2, no leading zeros, at least two arcs.
fn is_oid(text: &str) -> bool {
    let mut arcs = text.split('.');
    let arc = |arc: &str| {
        !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit()) && (arc == "0" || !arc.starts_with('0'))
    };
    matches!(arcs.next(), Some("0" | "1" | "2")) && text.contains('.') && arcs.all(arc)
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok() && !text.bytes().any(|b| b.is_ascii_uppercase())
}

/// Base64 with its padding, between white space of any kind.
fn is_base64(text: &str) -> bool {
    let (mut signs, mut padding) = (0_usize, 0_usize);
    for byte in text.bytes() {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => signs += 1,
            _ => return false,
        }
    }
    signs > 0 && padding <= 2 && (signs + padding).is_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    fn check(kind: &str, right: &[&str], wrong: &[&str]) {
        for (texts, expected) in [(right, true), (wrong, false)] {
            for text in texts {
                let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
                assert_eq!(fault(kind, &value).is_none(), expected, "{kind} {text}");
            }
        }
    }

    #[test]
    fn numbers_are_numbers() {
        check("integer", &["0", "-7", "2147483647"], &["2147483648", "1.0", "1e2", "\"3\"", "true", "null"]);
        check("unsignedInt", &["0"], &["-1"]);
        check("positiveInt", &["1"], &["0", "\"1\""]);
        check("decimal", &["1.10", "-0.5", "1e3", "12345678901234567890.123"], &["\"1.10\"", "[1]"]);
        check("boolean", &["true"], &["\"true\"", "1"]);
    }

    #[test]
    fn dates_exist() {
        check("date", &["2026-02-28", "\"2026\""], &["2026-02-30", "2026-02-28T00:00:00Z", "28/02/2026"]);
        check(
            "dateTime",
            &["2026-02-28T10:00:00+01:00"],
            &["2026-02-28T10:00:00", "2026-02-28T10:00Z", "2026-02-30"],
        );
        check("instant", &["2026-02-28T10:00:00.123Z"], &["2026-02-28"]);
        check("time", &["10:00:00"], &["10:00", "24:00:00"]);
    }

    #[test]
    fn texts_have_their_form() {
        check("id", &["a-1.B"], &["a_1", "a/b", "x y"]);
        check("code", &["final", "a b"], &[" final", "final ", "a  b", "a\tb"]);
        check(
            "uri",
            &["urn:oid:1.2.3", "http://h/x", "relative/x", "urn:ietf:bcp:47"],
            &["a b", "urn:oid:1", "urn:uuid:1", "urn:x"],
        );
        check(
            "oid",
            &["urn:oid:1.2.250.1.213.1.4.8"],
            &["1.2.3", "urn:oid:3.1", "urn:oid:1.02", "urn:oid:1.2."],
        );
        check(
            "uuid",
            &["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
            &["urn:uuid:C757873D-EC9A-4326-A141-556F43239520", "c757873d-ec9a-4326-a141-556f43239520"],
        );
        check(
            "base64Binary",
            &["AAAA", "QQ==", "QUI=", "QUJD\nQUJD"],
            &["QQ=", "Q===", "QQ==QQ==", "Q Q", "QU-_"],
        );
        check("string", &["é", " a", "\u{FFFD}"], &["\"\"", " ", "\"\\u0000a\"", "a\u{FFFF}", "\"\\ufffe\""]);
        check("markdown", &["**a**\n"], &["1", "é\u{FFFE}"]);
        check("code", &["é"], &["a\u{FFFF}"]);
    }
}
