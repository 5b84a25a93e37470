//! The pieces of an XML document with their name spaces (XML 1.0, Namespaces in XML 1.0), read strictly: UTF-8,
//! well formed, no DOCTYPE, no entities but the five of XML. Each fault knows where it is.

use std::borrow::Cow;

use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::attributes::{Attribute as RawAttribute, Attributes};
use quick_xml::events::{BytesDecl, Event};
use quick_xml::{Reader, XmlVersion};

use super::{FHIR, SCHEMA_INSTANCE, XHTML, is_writable};
use crate::fhir::parse;

/// Attributes that a tag may have, and declarations of name spaces that may hold at once.
const ATTRIBUTES_MAX: usize = 64;

/// What keeps a document from being read, and where.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) what: String,
}

pub(super) type Read<T> = Result<T, Fault>;

/// The name spaces that mean something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// None at all, as attributes usually are.
    Absent,
    Fhir,
    Xhtml,
    SchemaInstance,
    /// That of `xml:lang`.
    Xml,
    Other,
}

/// A piece of the document. Comments are passed over.
#[derive(Debug)]
pub(super) enum Token<'a> {
    Start(Tag<'a>),
    End,
    /// Text, references or a CDATA section, as written.
    Text(&'a str),
    /// A processing instruction.
    Instruction,
    Eof,
}

/// A start tag.
#[derive(Debug)]
pub(super) struct Tag<'a> {
    /// Where it begins.
    pub(super) at: usize,
    pub(super) space: Space,
    pub(super) prefix: &'a str,
    pub(super) local: &'a str,
    /// Without the declarations of name spaces.
    pub(super) attributes: Vec<Attribute<'a>>,
    /// Whether it declares the name space of names without prefix.
    pub(super) declares_default: bool,
}

/// An attribute with its value as XML means it.
#[derive(Debug)]
pub(super) struct Attribute<'a> {
    pub(super) space: Space,
    pub(super) local: &'a str,
    pub(super) value: Cow<'a, str>,
    /// As written, without the quotes.
    pub(super) raw: &'a str,
}

/// A declaration: the depth of its element, the prefix and what it stands for.
struct Binding<'a>(usize, &'a str, Space);

pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    reader: Reader<&'a [u8]>,
    depth: usize,
    bindings: Vec<Binding<'a>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Read<Self> {
        if let Some((at, c)) = text.char_indices().find(|(_, c)| !is_writable(*c)) {
            let what = format!("the character U+{:04X} cannot stand in XML", u32::from(c));
            return Err(Fault { at, what });
        }
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        Ok(Self { text, reader, depth: 0, bindings: vec![Binding(0, "xml", Space::Xml)] })
    }

    /// Where the next piece begins.
    pub(super) fn offset(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).map_or(self.text.len(), |at| at.min(self.text.len()))
    }

    /// Line and column, in characters, from 1.
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        parse::place(&self.text.as_bytes()[..at.min(self.text.len())])
    }

    pub(super) fn next(&mut self) -> Read<Token<'a>> {
        loop {
            let at = self.offset();
            let fault = |what: &str| Err(Fault { at, what: what.to_owned() });
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => {
                    let at = usize::try_from(self.reader.error_position()).unwrap_or(at);
                    let what = error.to_string().chars().take(200).collect();
                    return Err(Fault { at: at.min(self.text.len()), what });
                }
            };
            let raw = self.text.get(at..self.offset()).unwrap_or_default();
            return match event {
                Event::Start(tag) | Event::Empty(tag) => {
                    let length = tag.name().into_inner().len();
                    self.start(at, raw, length).map(Token::Start)
                }
                Event::End(_) => {
                    self.bindings.retain(|binding| binding.0 < self.depth);
                    self.depth = self.depth.saturating_sub(1);
                    Ok(Token::End)
                }
                Event::Text(_) if raw.contains("]]>") => fault("]]> stands in a text"),
                Event::Text(_) | Event::CData(_) => Ok(Token::Text(raw)),
                Event::GeneralRef(_) if is_reference(raw) => Ok(Token::Text(raw)),
                Event::GeneralRef(_) => {
                    fault("a reference to an entity that XML does not have; others are not read")
                }
                Event::DocType(_) => fault("a DOCTYPE is not read"),
                Event::Decl(declaration) => {
                    check_declaration(&declaration, at)?;
                    continue;
                }
                Event::Comment(_) => continue,
                Event::PI(_) => Ok(Token::Instruction),
                Event::Eof if self.depth > 0 => fault("the document ends before its elements do"),
                Event::Eof => Ok(Token::Eof),
            };
        }
    }

    fn start(&mut self, at: usize, raw: &'a str, name_length: usize) -> Read<Tag<'a>> {
        self.depth += 1;
        let inside = raw.strip_prefix('<').and_then(|raw| raw.strip_suffix('>')).unwrap_or_default();
        let inside = inside.strip_suffix('/').unwrap_or(inside);
        let mut attributes = Vec::new();
        let mut declares_default = false;
        for (n, attribute) in Attributes::new(inside, name_length).enumerate() {
            let attribute = attribute
                .map_err(|error| Fault { at, what: format!("an attribute is not well formed: {error}") })?;
            if n == ATTRIBUTES_MAX {
                return Err(Fault { at, what: format!("a tag with more than {ATTRIBUTES_MAX} attributes") });
            }
            let value = value(&attribute).map_err(|what| Fault { at, what })?;
            let Cow::Borrowed(raw) = attribute.value else { continue };
            match split(attribute.key.into_inner(), at)? {
                ("", "xmlns") => {
                    declares_default = true;
                    self.bind(at, "", &value)?;
                }
                ("xmlns", prefix) => self.bind(at, prefix, &value)?,
                (prefix, local) => attributes.push((prefix, local, value, raw)),
            }
        }
        let (prefix, local) = split(inside.get(..name_length).unwrap_or_default(), at)?;
        let space = self.space(at, prefix)?;
        let attributes = attributes
            .into_iter()
            .map(|(prefix, local, value, raw)| {
                let space = if prefix.is_empty() { Space::Absent } else { self.space(at, prefix)? };
                Ok(Attribute { space, local, value, raw })
            })
            .collect::<Read<_>>()?;
        Ok(Tag { at, space, prefix, local, attributes, declares_default })
    }

    fn bind(&mut self, at: usize, prefix: &'a str, uri: &str) -> Read<()> {
        if self.bindings.len() > ATTRIBUTES_MAX {
            return Err(Fault { at, what: format!("more than {ATTRIBUTES_MAX} name spaces are declared") });
        }
        if matches!(prefix, "xml" | "xmlns") || (uri.is_empty() && !prefix.is_empty()) {
            return Err(Fault { at, what: format!("the prefix {prefix} cannot be declared so") });
        }
        let space = match uri {
            "" => Space::Absent,
            FHIR => Space::Fhir,
            XHTML => Space::Xhtml,
            SCHEMA_INSTANCE => Space::SchemaInstance,
            _ => Space::Other,
        };
        self.bindings.push(Binding(self.depth, prefix, space));
        Ok(())
    }

    fn space(&self, at: usize, prefix: &str) -> Read<Space> {
        match self.bindings.iter().rev().find(|binding| binding.1 == prefix) {
            Some(binding) => Ok(binding.2),
            None if prefix.is_empty() => Ok(Space::Absent),
            None => {
                let shown: String = prefix.chars().take(30).collect();
                Err(Fault { at, what: format!("the prefix {shown} is not declared") })
            }
        }
    }
}

fn check_declaration(declaration: &BytesDecl<'_>, at: usize) -> Read<()> {
    let encoding = declaration.encoding().and_then(Result::ok);
    let is_utf8 = encoding.is_none_or(|name| {
        ["utf-8", "utf8", "us-ascii"].iter().any(|known| name.eq_ignore_ascii_case(known))
    });
    let is_first = declaration.version().is_ok_and(|version| version == "1.0");
    match (at == 0, is_first, is_utf8) {
        (true, true, true) => Ok(()),
        (false, ..) => {
            Err(Fault { at, what: "an XML declaration stands at the very beginning or not at all".into() })
        }
        (_, false, _) => Err(Fault { at, what: "the XML declaration must say version 1.0".into() }),
        (.., false) => {
            Err(Fault { at, what: "FHIR XML is UTF-8; the XML declaration says otherwise".into() })
        }
    }
}

/// Prefix and local name.
fn split(name: &str, at: usize) -> Read<(&str, &str)> {
    let (prefix, local) = name.split_once(':').unwrap_or(("", name));
    if local.is_empty() || local.contains(':') || name.starts_with(':') {
        return Err(Fault { at, what: "a name that is none".into() });
    }
    Ok((prefix, local))
}

fn value<'a>(attribute: &RawAttribute<'a>) -> Result<Cow<'a, str>, String> {
    if attribute.value.contains('<') {
        return Err("a < stands in the value of an attribute".into());
    }
    let value = attribute
        // Of the replacements of XML none is replaced again.
        .normalized_value_with(XmlVersion::Explicit1_0, 1, resolve_xml_entity)
        .map_err(|_| "an & in the value of an attribute begins no reference that XML has")?;
    match value.chars().find(|c| matches!(value, Cow::Owned(_)) && !is_writable(*c)) {
        Some(c) => {
            Err(format!("a reference to the character U+{:04X}, which XML does not have", u32::from(c)))
        }
        None => Ok(value),
    }
}

/// Whether this is one of the five named references of XML, or that of a character.
pub(super) fn is_reference(text: &str) -> bool {
    let Some(name) = text.strip_prefix('&').and_then(|text| text.strip_suffix(';')) else { return false };
    match name.strip_prefix('#') {
        Some(_) => quick_xml::escape::unescape(text).is_ok_and(|plain| plain.chars().all(is_writable)),
        None => matches!(name, "amp" | "lt" | "gt" | "quot" | "apos"),
    }
}
