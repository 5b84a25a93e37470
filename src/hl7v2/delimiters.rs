//! The five delimiters, as the message header declares them (HL7 v2.5, 2.5.4).

use super::Place;
use crate::problem::{Category, Problem};

/// The characters that give a message its structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiters {
    /// Between fields (MSH-1), `|`.
    pub field: char,
    /// Between components, `^`.
    pub component: char,
    /// Between repetitions of a field, `~`.
    pub repetition: char,
    /// Around an escape sequence, `\`; none when the header declares none.
    pub escape: Option<char>,
    /// Between subcomponents, `&`; none when the header declares none.
    pub subcomponent: Option<char>,
}

impl Delimiters {
    /// `|^~\&`, which all that is written here uses.
    pub const STANDARD: Self =
        Self { field: '|', component: '^', repetition: '~', escape: Some('\\'), subcomponent: Some('&') };

    /// Reads them from the text that follows `MSH`.
    ///
    /// A fifth encoding character (truncation, since v2.7) is accepted and has no effect.
    ///
    /// # Errors
    /// `Malformed` at MSH-1 or MSH-2 when they are missing, repeated, or letters, digits or no visible ASCII.
    pub fn read(after_name: &str) -> Result<Self, Problem> {
        let mut signs = after_name.chars();
        let field = signs
            .next()
            .filter(|sign| is_delimiter(*sign))
            .ok_or_else(|| refused(1, "MSH-1 is the field separator"))?;
        let encoding: Vec<char> = signs.take_while(|sign| *sign != field).collect();
        if !(2..=5).contains(&encoding.len()) || !encoding.iter().all(|sign| is_delimiter(*sign)) {
            return Err(refused(2, "MSH-2 holds the encoding characters, such as ^~\\&"));
        }
        let distinct = encoding.iter().enumerate().all(|(n, sign)| !encoding[..n].contains(sign));
        if !distinct {
            return Err(refused(2, "the encoding characters differ from each other"));
        }
        Ok(Self {
            field,
            component: encoding[0],
            repetition: encoding[1],
            escape: encoding.get(2).copied(),
            subcomponent: encoding.get(3).copied(),
        })
    }
}

fn is_delimiter(sign: char) -> bool {
    sign.is_ascii_punctuation()
}

fn refused(field: usize, what: &str) -> Problem {
    Problem::new(Category::Malformed, "structure", what).at(&Place::field("MSH", 1, field).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<Delimiters>) {
        assert_eq!(Delimiters::read(text).ok(), expected, "{text}");
    }

    #[test]
    fn delimiters_are_those_of_the_header() {
        check("|^~\\&|GAM", Some(Delimiters::STANDARD));
        check("|^~\\&#|GAM", Some(Delimiters::STANDARD));
        let other = Delimiters {
            field: '$',
            component: '%',
            repetition: '*',
            escape: Some('!'),
            subcomponent: Some('?'),
        };
        check("$%*!?$GAM", Some(other));
        check("|^~|", Some(Delimiters { escape: None, subcomponent: None, ..Delimiters::STANDARD }));
    }

    #[test]
    fn what_is_no_delimiter_is_refused() {
        for text in ["", "A^~\\&A", "|", "|^|", "|^^\\&|", "|^~\\&#!|", "|^~\\é|", "|ab\\&|"] {
            check(text, None);
        }
    }
}
