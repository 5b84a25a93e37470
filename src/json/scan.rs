//! Reading the text of a value directly (RFC 8259), in less than half of what it takes through `serde`: names and texts are
//! found eight bytes at a time, and each object and array is allocated once, in its size.
//!
//! What is not plainly right, or rare, is `None`: the readers by `serde` then read it, or tell what is wrong and where.

use super::map::Map;
use super::name::known;
use super::read::NUMBER;
use super::value::{Text, Value};
use super::write::plain;

/// Levels of nesting that are read here; less than the readers by `serde` take.
const DEPTH_MAX: usize = 48;
/// Members of one object that are read here; less than the readers by `serde` take.
const MEMBERS_MAX: usize = 128;

/// The value that this text is. No name stands twice in any of its objects.
pub(crate) fn scan(text: &str) -> Option<Value> {
    let mut scan = Scan { text, at: 0, members: Vec::with_capacity(32), elements: Vec::with_capacity(32) };
    let value = scan.value(0)?;
    scan.passed_over().is_none().then_some(value)
}

/// How far the text is read, and what belongs to objects and arrays that are not closed yet.
struct Scan<'t> {
    text: &'t str,
    at: usize,
    members: Vec<(Text, Value)>,
    elements: Vec<Value>,
}

impl<'t> Scan<'t> {
    /// The next byte that is no white space, which stays to be read.
    fn passed_over(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// The next byte that is no white space.
    fn next(&mut self) -> Option<u8> {
        let byte = self.passed_over()?;
        self.at += 1;
        Some(byte)
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        match self.next()? {
            b'"' => self.string().map(Value::String),
            b'{' if depth < DEPTH_MAX => self.object(depth),
            b'[' if depth < DEPTH_MAX => self.array(depth),
            b't' => self.word("rue", Value::Bool(true)),
            b'f' => self.word("alse", Value::Bool(false)),
            b'n' => self.word("ull", Value::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => None,
        }
    }

    fn word(&mut self, rest: &str, value: Value) -> Option<Value> {
        let is_there = self.text.as_bytes().get(self.at..)?.starts_with(rest.as_bytes());
        self.at += rest.len();
        is_there.then_some(value)
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        let first = self.members.len();
        if self.passed_over()? == b'}' {
            self.at += 1;
            return Some(Value::Object(Map::new()));
        }
        loop {
            if self.next()? != b'"' {
                return None;
            }
            let name = self.name()?;
            let before = &self.members[first..];
            if before.len() == MEMBERS_MAX || before.iter().any(|(known, _)| *known == name) {
                return None;
            }
            if self.next()? != b':' {
                return None;
            }
            let value = self.value(depth + 1)?;
            self.members.push((name, value));
            match self.next()? {
                b',' => {}
                b'}' => return Some(Value::Object(Map::of_members(self.members.split_off(first)))),
                _ => return None,
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        let first = self.elements.len();
        if self.passed_over()? == b']' {
            self.at += 1;
            return Some(Value::Array(Vec::new()));
        }
        loop {
            let value = self.value(depth + 1)?;
            self.elements.push(value);
            match self.next()? {
                b',' => {}
                b']' => return Some(Value::Array(self.elements.split_off(first))),
                _ => return None,
            }
        }
    }

    /// The name of a member, after the quote. One that `serde_json` gives a meaning is none.
    fn name(&mut self) -> Option<Text> {
        let name = match self.unescaped()? {
            Ok(name) => known(name).map_or_else(|| Text::Owned(name.to_owned()), Text::Borrowed),
            Err(begun) => Text::Owned(self.escaped(begun)?),
        };
        (name != NUMBER).then_some(name)
    }

    /// A text, after the quote.
    fn string(&mut self) -> Option<Text> {
        Some(Text::Owned(match self.unescaped()? {
            Ok(text) => text.to_owned(),
            Err(begun) => self.escaped(begun)?,
        }))
    }

    /// The text to the closing quote, which is read; or what stands before the first escape, which is not.
    fn unescaped(&mut self) -> Option<Result<&'t str, &'t str>> {
        let rest = self.text.get(self.at..)?;
        let end = plain(rest.as_bytes());
        let found = rest.get(..end)?;
        self.at += end;
        match rest.as_bytes().get(end)? {
            b'"' => {
                self.at += 1;
                Some(Ok(found))
            }
            b'\\' => Some(Err(found)),
            _ => None,
        }
    }

    /// The rest of a text in which something is escaped.
    fn escaped(&mut self, begun: &str) -> Option<String> {
        let mut text = begun.to_owned();
        loop {
            // The backslash.
            self.at += 1;
            let kind = *self.text.as_bytes().get(self.at)?;
            self.at += 1;
            text.push(match kind {
                b'"' | b'\\' | b'/' => char::from(kind),
                b'b' => '\x08',
                b'f' => '\x0c',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'u' => self.unit()?,
                _ => return None,
            });
            match self.unescaped()? {
                Ok(rest) => {
                    text.push_str(rest);
                    return Some(text);
                }
                Err(more) => text.push_str(more),
            }
        }
    }

    /// Four hexadecimal digits; halves of a pair are left to others.
    fn unit(&mut self) -> Option<char> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        let is_plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| is_plain).and_then(char::from_u32)
    }

    /// A number without exponent, whose text stays as it is.
    fn number(&mut self) -> Option<Value> {
        let bytes = self.text.as_bytes();
        let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let begin = self.at - 1;
        let first = begin + usize::from(bytes[begin] == b'-');
        let whole = digits(first);
        let mut end = first + whole;
        if whole == 0 || (whole > 1 && bytes[first] == b'0') {
            return None;
        }
        if bytes.get(end) == Some(&b'.') {
            let fraction = digits(end + 1);
            end += 1 + fraction;
            if fraction == 0 {
                return None;
            }
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            return None;
        }
        self.at = end;
        self.text.get(begin..end)?.parse().ok().map(Value::Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, is_read: bool) {
        let found = scan(text);
        assert_eq!(found.is_some(), is_read, "{text}");
        if let Some(found) = found {
            assert_eq!(found, serde_json::from_str::<Value>(text).unwrap(), "{text}");
        }
    }

    #[test]
    fn what_resources_have_is_read_here() {
        for text in [
            r#"{"resourceType":"Basic","a":[],"b":{},"c":[{"d":[1,-2.50,0,-0.0,true,false,null]}]}"#,
            " {\r\n\t\"a\" : [ 1 , 2 ] , \"b\" : \"\" } \n",
            r#"["\"\\\/\b\f\n\r\t\u00e9\u2028 end","é😀","plain text that is long enough"]"#,
            r#"{"\u0061":"x","birthDate":"y"}"#,
            "12345678901234567890.0123456789",
        ] {
            check(text, true);
        }
    }

    #[test]
    fn what_is_rare_or_wrong_is_left_to_others() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        check(&deep(DEPTH_MAX), true);
        let wide = |members: usize| {
            format!("{{{}}}", (0..members).map(|n| format!("\"m{n}\":0")).collect::<Vec<_>>().join(","))
        };
        check(&wide(MEMBERS_MAX), true);
        for text in [
            "",
            " ",
            "{",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,}",
            "{,}",
            "{a:1}",
            "{\"a\" 1}",
            "[1 2]",
            "[1]]",
            "[1] x",
            "\"",
            "\"a",
            "\"\\",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u+123\"",
            "\"\u{1}\"",
            "\"\n\"",
            "01",
            "-",
            "-a",
            "1.",
            ".5",
            "+1",
            "1e5",
            "1.5E+3",
            "tru",
            "True",
            "nul",
            "falsy",
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#""\ud83d\ude00""#,
            r#""\ud800""#,
            r#""\u12é""#,
            r#"{"$serde_json::private::Number":"1"}"#,
            "\u{feff}{}",
            &deep(DEPTH_MAX + 1),
            &wide(MEMBERS_MAX + 1),
        ] {
            check(text, false);
        }
    }
}
