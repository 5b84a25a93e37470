//! Escape sequences (HL7 v2.5, 2.7): `\F\ \S\ \T\ \R\ \E\`, hexadecimal `\Xdd…\`, and the line break `\.br\`.
//!
//! Sequences for highlighting, character sets and local use (`\H\ \N\ \C…\ \M…\ \Z…\`, other formatting commands) are
//! left in the text as they are written: nothing is lost, and a reader sees that something was meant.

use super::{Charset, Delimiters};

/// The text with everything escaped that has a meaning in the structure, and every control character.
pub(super) fn escape(text: &str, delimiters: &Delimiters) -> String {
    let Some(mark) = delimiters.escape else { return without_escapes(text, delimiters) };
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match letter(sign, delimiters) {
            Some(letter) => escaped.extend([mark, letter, mark]),
            None if sign == '\n' => escaped.extend([mark, '.', 'b', 'r', mark]),
            None if sign.is_ascii_control() => {
                escaped.push_str(&format!("{mark}X{:02X}{mark}", u32::from(sign)));
            }
            None => escaped.push(sign),
        }
    }
    escaped
}

/// A message that declares no escape character cannot carry a delimiter: a space stands in its place.
fn without_escapes(text: &str, delimiters: &Delimiters) -> String {
    text.chars()
        .map(|sign| if letter(sign, delimiters).is_some() || sign.is_control() { ' ' } else { sign })
        .collect()
}

fn letter(sign: char, delimiters: &Delimiters) -> Option<char> {
    if sign == delimiters.field {
        Some('F')
    } else if sign == delimiters.component {
        Some('S')
    } else if sign == delimiters.repetition {
        Some('R')
    } else if Some(sign) == delimiters.escape {
        Some('E')
    } else if Some(sign) == delimiters.subcomponent {
        Some('T')
    } else {
        None
    }
}

/// The text that was meant. Hexadecimal bytes are in the character set of the message.
pub(super) fn unescape(raw: &str, delimiters: &Delimiters, charset: Charset) -> String {
    let Some(mark) = delimiters.escape else { return raw.to_owned() };
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once(mark) {
        text.push_str(before);
        let Some((sequence, further)) = after.split_once(mark) else {
            // An escape character that nothing follows up: it was meant as itself.
            text.push(mark);
            rest = after;
            continue;
        };
        match meaning(sequence, delimiters, charset) {
            Some(meant) => text.push_str(&meant),
            None => {
                text.push(mark);
                text.push_str(sequence);
                text.push(mark);
            }
        }
        rest = further;
    }
    text.push_str(rest);
    text
}

fn meaning(sequence: &str, delimiters: &Delimiters, charset: Charset) -> Option<String> {
    let sign = match sequence {
        "F" => delimiters.field,
        "S" => delimiters.component,
        "T" => delimiters.subcomponent?,
        "R" => delimiters.repetition,
        "E" => delimiters.escape?,
        ".br" => '\n',
        _ => return charset.decode(&hexadecimal(sequence.strip_prefix('X')?)?),
    };
    Some(sign.to_string())
}

fn hexadecimal(digits: &str) -> Option<Vec<u8>> {
    if digits.is_empty()
        || !digits.len().is_multiple_of(2)
        || !digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(raw: &str, expected: &str) {
        assert_eq!(unescape(raw, &Delimiters::STANDARD, Charset::Utf8), expected, "{raw}");
    }

    #[test]
    fn every_sequence_is_read() {
        check(r"a\F\b\S\c\T\d\R\e\E\f", r"a|b^c&d~e\f");
        check(r"line\.br\next", "line\nnext");
        check(r"\X0D0A\\XC3A9\", "\r\né");
        check(r"\H\bold\N\ \Z1\", r"\H\bold\N\ \Z1\");
        check(r"\X0\ \XC3\ \XGG\", r"\X0\ \XC3\ \XGG\");
        check(r"a\b", r"a\b");
        assert_eq!(unescape(r"\XE9\", &Delimiters::STANDARD, Charset::Latin1), "é");
    }

    #[test]
    fn nothing_that_ends_a_segment_or_a_frame_is_written() {
        let escaped = escape("a\rb\nc\u{0b}d\u{1c}e", &Delimiters::STANDARD);
        assert_eq!(escaped, r"a\X0D\b\.br\c\X0B\d\X1C\e");
        let none = Delimiters { escape: None, ..Delimiters::STANDARD };
        assert_eq!(escape("a|b\rc", &none), "a b c");
    }

    proptest! {
        #[test]
        fn escaping_and_reading_are_inverse(text in any::<String>()) {
            let escaped = escape(&text, &Delimiters::STANDARD);
            let structure = escaped.contains(['|', '^', '~', '&', '\r', '\n', '\u{0b}', '\u{1c}']);
            prop_assert!(!structure);
            prop_assert_eq!(unescape(&escaped, &Delimiters::STANDARD, Charset::Utf8), text);
        }

        #[test]
        fn any_text_can_be_read(raw in any::<String>()) {
            unescape(&raw, &Delimiters::STANDARD, Charset::Utf8);
        }
    }
}
