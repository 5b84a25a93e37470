//! Text as it can be printed: every sign has a glyph, and stands where it was written.

use std::borrow::Cow;

use crate::world::is_printable;

/// What stands for a sign that cannot be printed: the reader sees that something was there.
const REPLACEMENT: char = '\u{fffd}';

/// The text with every sign that cannot be printed replaced by U+FFFD.
///
/// Controls of direction (UAX #9) are replaced too: after one, `38` can be read as `83`. Joiners and variation selectors,
/// which have no sign of their own, are left out. A new line and a tab stay.
#[must_use]
pub fn legible(text: &str) -> Cow<'_, str> {
    if text.chars().all(|sign| shown(sign) == Some(sign)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter_map(shown).collect())
}

fn shown(sign: char) -> Option<char> {
    match sign {
        '\n' | '\t' | ' '..='~' | '\u{a0}' | '\u{202f}' => Some(sign),
        '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' => None,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Some(REPLACEMENT)
        }
        sign if sign.is_control() || !is_printable(sign) => Some(REPLACEMENT),
        sign => Some(sign),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(legible(text), expected);
    }

    #[test]
    fn french_with_units_is_left_as_it_is() {
        let text = "Cœur, à l’hôpital « Été » : ≥ 38,5 °C — µg/L, β, é\u{a0}!\n";
        assert!(matches!(legible(text), Cow::Borrowed(same) if same == text), "{}", legible(text));
    }

    #[test]
    fn a_sign_without_a_glyph_is_seen_to_be_missing() {
        check("va 😀\u{fe0f}", "va \u{fffd}");
        check("\u{0}\u{1}", "\u{fffd}\u{fffd}");
        assert!(is_printable(REPLACEMENT), "the replacement itself cannot be printed");
    }

    #[test]
    fn nothing_turns_a_number_around() {
        check("\u{202e}38 °C\u{2069}", "\u{fffd}38 °C\u{fffd}");
    }
}
