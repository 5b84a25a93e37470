//! From text to tokens (`FHIRPath` 2.0.0 section 12, lexical elements).

use std::fmt;

use crate::problem::{Category, Problem};

/// Longest text that is read, in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 64 * 1024;

/// What a token is; texts are unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A plain word: an identifier, or a keyword where the parser wants one.
    Word(String),
    /// `` `quoted` ``: always an identifier.
    Quoted(String),
    /// `'text'`.
    Text(String),
    /// `"text"`, which is a name only behind `%`.
    DoubleQuoted(String),
    /// Digits, with a fraction or not.
    Number(String),
    /// `@2026-11-22T10:00`, without the `@`.
    Moment(String),
    /// `$this`, without the `$`.
    Special(String),
    /// An operator or a bracket.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "\"{word}\""),
            Self::Quoted(name) => write!(f, "`{name}`"),
            Self::Text(_) => f.write_str("a string"),
            Self::DoubleQuoted(_) => f.write_str("a text in double quotes"),
            Self::Number(digits) => write!(f, "the number {digits}"),
            Self::Moment(text) => write!(f, "@{text}"),
            Self::Special(name) => write!(f, "${name}"),
            Self::Symbol(symbol) => write!(f, "\"{symbol}\""),
            Self::End => f.write_str("the end of the expression"),
        }
    }
}

/// A token and where it starts, in bytes.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: usize,
}

/// A refusal at a place of the text.
pub(super) fn refuse(text: &str, at: usize, message: &str) -> Problem {
    Problem::new(Category::Invalid, "invalid", format!("FHIRPath, line {}: {message}", place(text, at)))
}

/// `line:column`, both counted from 1, of a byte of the text.
pub(super) fn place(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    format!("{line}:{column}")
}

/// Two-character symbols come first, so that `<=` is never `<` and `=`.
const SYMBOLS: &[&str] = &[
    "!=", "!~", "<=", ">=", "(", ")", "[", "]", "{", "}", ".", ",", "%", "+", "-", "*", "/", "&", "|", "=",
    "~", "<", ">",
];

/// All tokens, the last one being `End`.
///
/// # Errors
/// `Invalid` at the first character that starts no token.
pub(super) fn tokenize(text: &str) -> Result<Vec<Token>, Problem> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("found {} bytes; an expression has {TEXT_BYTES_MAX} at most", text.len());
        return Err(refuse(text, 0, &message));
    }
    let mut reader = Reader { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        reader.skip_blanks()?;
        let at = reader.at;
        let kind = reader.token()?;
        let last = kind == Kind::End;
        tokens.push(Token { kind, at });
        if last {
            return Ok(tokens);
        }
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn refuse(&self, at: usize, message: &str) -> Problem {
        refuse(self.text, at, message)
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !accept(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn skip_blanks(&mut self) -> Result<(), Problem> {
        loop {
            self.take_while(char::is_whitespace);
            if self.rest().starts_with("//") {
                self.take_while(|c| c != '\n');
            } else if self.rest().starts_with("/*") {
                match self.rest().find("*/") {
                    Some(end) => self.at += end + 2,
                    None => return Err(self.refuse(self.at, "found a comment that is not closed by \"*/\"")),
                }
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<Kind, Problem> {
        let Some(first) = self.peek() else {
            return Ok(Kind::End);
        };
        match first {
            'a'..='z' | 'A'..='Z' | '_' => Ok(Kind::Word(self.word().to_owned())),
            '0'..='9' => Ok(Kind::Number(self.number().to_owned())),
            '\'' => self.quoted('\'').map(Kind::Text),
            '"' => self.quoted('"').map(Kind::DoubleQuoted),
            '`' => self.quoted('`').map(Kind::Quoted),
            '@' => {
                self.at += 1;
                Ok(Kind::Moment(self.moment().to_owned()))
            }
            '$' => {
                self.at += 1;
                Ok(Kind::Special(self.word().to_owned()))
            }
            _ => self.symbol(first),
        }
    }

    fn symbol(&mut self, first: char) -> Result<Kind, Problem> {
        match SYMBOLS.iter().find(|symbol| self.rest().starts_with(**symbol)) {
            Some(symbol) => {
                self.at += symbol.len();
                Ok(Kind::Symbol(symbol))
            }
            None => Err(self.refuse(self.at, &format!("found {first:?}, which starts nothing in FHIRPath"))),
        }
    }

    fn word(&mut self) -> &'t str {
        self.take_while(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    /// A point belongs to the number only when a digit follows: `1.toString()` calls a function.
    fn number(&mut self) -> &'t str {
        let start = self.at;
        self.take_while(|c| c.is_ascii_digit());
        let mut ahead = self.rest().chars();
        if ahead.next() == Some('.') && ahead.next().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
            self.take_while(|c| c.is_ascii_digit());
        }
        &self.text[start..self.at]
    }

    /// `2026-11-22T10:00:00.000+01:00`, `2026T`, `T10:00`. A point belongs to it only before a digit,
    /// and a sign only after the `T`.
    fn moment(&mut self) -> &'t str {
        let start = self.at;
        let mut after_t = false;
        while let Some(c) = self.peek() {
            let next = self.rest().chars().nth(1);
            let digit_follows = next.is_some_and(|d| d.is_ascii_digit());
            let belongs = match c {
                '0'..='9' => true,
                'T' | 'Z' => true,
                '-' | ':' | '.' => digit_follows,
                '+' => after_t && digit_follows,
                _ => false,
            };
            if !belongs {
                break;
            }
            after_t |= c == 'T';
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn quoted(&mut self, quote: char) -> Result<String, Problem> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            let at = self.at;
            self.at += c.len_utf8();
            if c == quote {
                return Ok(text);
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            match self.escape() {
                Some(unescaped) => text.push(unescaped),
                None => {
                    let message =
                        r#"found an unknown escape; right are \' \" \` \\ \/ \f \n \r \t and \uXXXX"#;
                    return Err(self.refuse(at, message));
                }
            }
        }
        Err(self.refuse(start, &format!("found a text that is not closed by {quote}")))
    }

    fn escape(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        match c {
            '\'' | '"' | '`' | '\\' | '/' => Some(c),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'u' => {
                let high = self.code_unit()?;
                if !(0xD800..0xDC00).contains(&high) {
                    return char::from_u32(high);
                }
                self.at += self.rest().strip_prefix("\\u").map(|_| 2)?;
                let low = self.code_unit()?.checked_sub(0xDC00)?;
                char::from_u32(0x10000 + ((high - 0xD800) << 10) + low)
            }
            _ => None,
        }
    }

    fn code_unit(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4)?;
        let unit = u32::from_str_radix(digits, 16).ok()?;
        self.at += 4;
        Some(unit)
    }
}
