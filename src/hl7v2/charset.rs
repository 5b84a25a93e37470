//! Character sets that MSH-18 can declare (HL7 table 0211), as French engines use them.

/// The character set of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// Nothing was declared: ASCII, the default of the standard.
    Ascii,
    /// `UNICODE UTF-8`: what is written here.
    Utf8,
    /// `8859/1`.
    Latin1,
    /// `8859/15`: Latin-1 with the euro sign and `œ`.
    Latin9,
}

/// Where ISO 8859-15 differs from ISO 8859-1.
const LATIN9: [(u8, char); 8] =
    [(0xa4, '€'), (0xa6, 'Š'), (0xa8, 'š'), (0xb4, 'Ž'), (0xb8, 'ž'), (0xbc, 'Œ'), (0xbd, 'œ'), (0xbe, 'Ÿ')];

impl Charset {
    /// What MSH-18 is called on the wire.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ascii => "ASCII",
            Self::Utf8 => "UNICODE UTF-8",
            Self::Latin1 => "8859/1",
            Self::Latin9 => "8859/15",
        }
    }

    /// The character set of that name; the first repetition of MSH-18 counts.
    #[must_use]
    pub fn of(declared: &str) -> Option<Self> {
        match declared.trim().to_ascii_uppercase().as_str() {
            "" | "ASCII" => Some(Self::Ascii),
            "UNICODE UTF-8" | "UTF-8" | "UTF8" => Some(Self::Utf8),
            "8859/1" | "ISO-8859-1" => Some(Self::Latin1),
            "8859/15" | "ISO-8859-15" => Some(Self::Latin9),
            _ => None,
        }
    }

    /// The bytes as text; `None` when they are not of this character set.
    #[must_use]
    pub fn decode(self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Ascii => bytes.is_ascii().then(|| bytes.iter().map(|byte| char::from(*byte)).collect()),
            Self::Utf8 => String::from_utf8(bytes.to_vec()).ok(),
            Self::Latin1 => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
            Self::Latin9 => Some(bytes.iter().map(|byte| latin9(*byte)).collect()),
        }
    }
}

fn latin9(byte: u8) -> char {
    LATIN9.iter().find(|(code, _)| *code == byte).map_or(char::from(byte), |(_, sign)| *sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_names_are_known_and_no_others() {
        let check = |declared: &str, expected: Option<Charset>| assert_eq!(Charset::of(declared), expected);
        check("UNICODE UTF-8", Some(Charset::Utf8));
        check("8859/1", Some(Charset::Latin1));
        check("8859/15", Some(Charset::Latin9));
        check("", Some(Charset::Ascii));
        check("UNICODE UTF-16", None);
        check("ISO IR87", None);
    }

    #[test]
    fn bytes_are_read_in_their_own_character_set() {
        let check = |charset: Charset, bytes: &[u8], expected: Option<&str>| {
            assert_eq!(charset.decode(bytes).as_deref(), expected, "{charset:?}");
        };
        check(Charset::Latin1, &[0xe9, 0xbd], Some("é½"));
        check(Charset::Latin9, &[0xe9, 0xbd, 0xa4], Some("éœ€"));
        check(Charset::Utf8, &[0xc3, 0xa9], Some("é"));
        check(Charset::Utf8, &[0xe9], None);
        check(Charset::Ascii, &[0xe9], None);
    }
}
