//! A reader of markup, strict and small: tags, attributes, text and comments; no doctype, no processing
//! instruction, no CDATA section (XML 1.0, as narratives need it).

/// A piece of markup.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Start(Tag<'a>),
    End(&'a str),
    Text(&'a str),
    Comment,
    /// What is wrong; nothing follows.
    Broken(&'static str),
}

/// A start tag, or an empty-element tag.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    pub(super) name: &'a str,
    pub(super) attributes: Vec<(&'a str, &'a str)>,
    pub(super) empty: bool,
}

impl<'a> Tag<'a> {
    pub(super) fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(found, _)| *found == name).map(|(_, value)| *value)
    }
}

type Step<'a> = Result<(Token<'a>, &'a str), &'static str>;

/// The pieces in order.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        match next(rest) {
            Ok((token, after)) => {
                rest = after;
                Some(token)
            }
            Err(what) => {
                rest = "";
                Some(Token::Broken(what))
            }
        }
    })
}

fn next(text: &str) -> Step<'_> {
    let Some(markup) = text.strip_prefix('<') else {
        let (words, rest) = text.split_at(text.find('<').unwrap_or(text.len()));
        return if references_are_whole(words) { Ok((Token::Text(words), rest)) } else { Err("a bare &") };
    };
    if let Some(comment) = markup.strip_prefix("!--") {
        let (_, rest) = comment.split_once("-->").ok_or("a comment without end")?;
        return Ok((Token::Comment, rest));
    }
    if let Some(end) = markup.strip_prefix('/') {
        let (name, rest) = end.split_once('>').ok_or("a tag without end")?;
        return Ok((Token::End(name.trim_end()), rest));
    }
    start_tag(markup)
}

fn start_tag(markup: &str) -> Step<'_> {
    let (name, mut rest) = name(markup)?;
    let mut attributes: Vec<(&str, &str)> = Vec::new();
    loop {
        let trimmed = rest.trim_start();
        if let Some(rest) = trimmed.strip_prefix("/>") {
            return Ok((Token::Start(Tag { name, attributes, empty: true }), rest));
        }
        if let Some(rest) = trimmed.strip_prefix('>') {
            return Ok((Token::Start(Tag { name, attributes, empty: false }), rest));
        }
        if trimmed.len() == rest.len() {
            return Err("a tag that is not ended");
        }
        let (attribute, after) = self::name(trimmed)?;
        let quoted = after.trim_start().strip_prefix('=').ok_or("an attribute without value")?.trim_start();
        let quote =
            quoted.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or("a value without quotes")?;
        let (value, after) = quoted[1..].split_once(quote).ok_or("a value without end")?;
        if value.contains('<') || !references_are_whole(value) {
            return Err("a bare < or & in a value");
        }
        if attributes.iter().any(|(known, _)| *known == attribute) {
            return Err("an attribute given twice");
        }
        attributes.push((attribute, value));
        rest = after;
    }
}

fn name(text: &str) -> Result<(&str, &str), &'static str> {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, ':' | '-' | '_' | '.')))
        .unwrap_or(text.len());
    match text.split_at(end) {
        ("", _) => Err("a < that begins no tag"),
        (name, _) if !name.starts_with(|c: char| c.is_alphabetic()) => {
            Err("a name that begins with no letter")
        }
        split => Ok(split),
    }
}

/// Whether each `&` begins a character reference or a named entity.
fn references_are_whole(text: &str) -> bool {
    text.split('&').skip(1).all(|after| after.split_once(';').is_some_and(|(name, _)| is_reference(name)))
}

fn is_reference(name: &str) -> bool {
    match name.strip_prefix('#') {
        Some(_) => character(name).is_some(),
        None => (2..=8).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric()),
    }
}

/// The character of `#115` or `#x73`.
fn character(name: &str) -> Option<char> {
    let number = name.strip_prefix('#')?;
    let code = match number.strip_prefix('x') {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    char::from_u32(code.ok()?)
}

/// A value with its character references read; named entities stay.
pub(super) fn decoded(value: &str) -> String {
    let mut parts = value.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(';').and_then(|(name, rest)| Some((character(name)?, rest))) {
            Some((c, rest)) => {
                out.push(c);
                out.push_str(rest);
            }
            None => {
                out.push('&');
                out.push_str(part);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tag_is_read_with_its_attributes() {
        let read: Vec<_> = tokens("<a href=\"x>y\" b = 'c'>t</a >").collect();
        let tag = Tag { name: "a", attributes: vec![("href", "x>y"), ("b", "c")], empty: false };
        assert_eq!(read, [Token::Start(tag), Token::Text("t"), Token::End("a")]);
    }

    #[test]
    fn a_character_reference_is_decoded() {
        assert_eq!(decoded("a&#115;&#x73;&lt;&"), "ass&lt;&");
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in "[<>/a&;#'\"= !x1é-]{0,60}") {
            prop_assert!(tokens(&text).count() <= text.len());
        }
    }
}
