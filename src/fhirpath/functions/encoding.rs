//! Encoding and escaping (`FHIRPath` 3.0 draft, "Additional String Functions").

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::super::collection::Collection;
use super::{Answer, Function, Input, row};

pub(super) const TABLE: &[Function] = &[
    row("encode", 1, 1, |input| coded(&input, encode)),
    row("decode", 1, 1, |input| coded(&input, decode)),
    row("escape", 1, 1, |input| coded(&input, escape)),
    row("unescape", 1, 1, |input| coded(&input, unescape)),
];

/// The input text in the form that the argument names; an unknown form or a text not in it is empty.
fn coded<'a>(input: &Input<'_, '_, 'a>, code: fn(&str, &str) -> Option<String>) -> Answer<'a> {
    let (Some(text), Some(form)) = (input.text()?, input.text_argument(0)?) else {
        return Ok(Collection::empty());
    };
    code(&text, &form).map_or_else(|| Ok(Collection::empty()), |text| input.evaluator.text(text))
}

fn encode(text: &str, form: &str) -> Option<String> {
    match form {
        "base64" => Some(STANDARD.encode(text)),
        "urlbase64" => Some(URL_SAFE.encode(text)),
        "hex" => Some(text.bytes().fold(String::new(), |mut hex, byte| {
            // Writing into a String does not fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })),
        _ => None,
    }
}

fn decode(text: &str, form: &str) -> Option<String> {
    let bytes = match form {
        "base64" => STANDARD.decode(text).ok()?,
        "urlbase64" => URL_SAFE.decode(text).ok()?,
        "hex" if text.is_ascii() && text.len().is_multiple_of(2) => (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
            .collect::<Option<Vec<u8>>>()?,
        _ => return None,
    };
    String::from_utf8(bytes).ok()
}

/// The ampersand first, so that no replacement is replaced again.
const HTML: &[(&str, &str)] =
    &[("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#39;")];

fn escape(text: &str, form: &str) -> Option<String> {
    match form {
        "html" => {
            Some(HTML.iter().fold(text.to_owned(), |text, (plain, entity)| text.replace(plain, entity)))
        }
        "json" => {
            let quoted = serde_json::to_string(text).ok()?;
            Some(quoted[1..quoted.len() - 1].to_owned())
        }
        _ => None,
    }
}

fn unescape(text: &str, form: &str) -> Option<String> {
    match form {
        "html" => {
            Some(HTML.iter().rev().fold(text.to_owned(), |text, (plain, entity)| text.replace(entity, plain)))
        }
        "json" => serde_json::from_str(&format!("\"{}\"", with_quotes_escaped(text))).ok(),
        _ => None,
    }
}

/// A text whose quotes were never escaped is read as if they were.
fn with_quotes_escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut after_backslash = false;
    for c in text.chars() {
        if c == '"' && !after_backslash {
            escaped.push('\\');
        }
        after_backslash = c == '\\' && !after_backslash;
        escaped.push(c);
    }
    escaped
}
