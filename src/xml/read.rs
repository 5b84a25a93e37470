//! Reading XML 1.0 with name spaces: UTF-8, well formed, no DOCTYPE, no entities but the five of XML, within limits.

use std::borrow::Cow;

use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::tree::{Attribute, Document, Element, Node};
use crate::problem::{Category, Problem};

/// How much is read before a document is refused.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the document.
    pub bytes: usize,
    /// Elements within one another.
    pub depth: usize,
    /// Nodes in all, attributes counted.
    pub nodes: usize,
}

impl Default for Limits {
    /// 32 MiB, 64 deep, 200,000 nodes: a large document and its signature.
    fn default() -> Self {
        Self { bytes: 32 << 20, depth: 64, nodes: 200_000 }
    }
}

const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Reads a document.
///
/// # Errors
/// `Malformed`, with the offset in bytes and never a part of the content; `TooLarge` beyond the limits.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Document, Problem> {
    if bytes.len() > limits.bytes {
        return Err(too_large(format!("an XML document of more than {} bytes", limits.bytes)));
    }
    let text = std::str::from_utf8(bytes).map_err(|fault| malformed(fault.valid_up_to(), "is no UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some((at, _)) = text.char_indices().find(|(_, sign)| !is_allowed(*sign)) {
        return Err(malformed(at, "has a character that cannot stand in XML"));
    }
    Reading::new(text, limits).document()
}

const fn is_allowed(sign: char) -> bool {
    matches!(sign, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn malformed(at: usize, what: &str) -> Problem {
    Problem::new(Category::Malformed, "structure", format!("the XML {what}, at byte {at}"))
}

fn too_large(what: String) -> Problem {
    Problem::new(Category::TooLarge, "too-long", what)
}

struct Reading<'a> {
    reader: Reader<&'a [u8]>,
    limits: &'a Limits,
    nodes: usize,
    open: Vec<Element>,
    bindings: Vec<(usize, String, String)>,
    before: Vec<Node>,
    root: Option<Element>,
    after: Vec<Node>,
}

impl<'a> Reading<'a> {
    fn new(text: &'a str, limits: &'a Limits) -> Self {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        Self {
            reader,
            limits,
            nodes: 0,
            open: Vec::new(),
            bindings: vec![(0, "xml".to_owned(), XML.to_owned())],
            before: Vec::new(),
            root: None,
            after: Vec::new(),
        }
    }

    fn fault(&self, what: &str) -> Problem {
        malformed(usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX), what)
    }

    fn document(mut self) -> Result<Document, Problem> {
        loop {
            let event = self.reader.read_event().map_err(|_| self.fault("is not well formed"))?;
            match event {
                Event::Start(tag) | Event::Empty(tag) => self.start(&tag)?,
                Event::End(_) => self.end()?,
                Event::Text(text) => {
                    let text: &str = &text;
                    if text.contains("]]>") {
                        return Err(self.fault("has ]]> in a text"));
                    }
                    self.text(&lines(text))?;
                }
                Event::CData(text) => self.text(&lines(&text))?,
                Event::GeneralRef(reference) => {
                    let sign = self.resolved(&reference)?;
                    self.text(&sign)?;
                }
                Event::Comment(text) => self.node(Node::Comment(lines(&text).into_owned()))?,
                Event::PI(text) => {
                    let (target, rest) = (text.target().to_owned(), lines(text.content()).into_owned());
                    self.node(Node::Instruction(target, rest.trim_start().to_owned()))?;
                }
                Event::Decl(declaration) => self.declaration(&declaration)?,
                Event::DocType(_) => return Err(self.fault("has a DOCTYPE, which is not read")),
                Event::Eof => break,
            }
        }
        if !self.open.is_empty() {
            return Err(self.fault("ends before its elements do"));
        }
        let Some(root) = self.root.take() else { return Err(self.fault("has no element")) };
        Ok(Document { before: self.before, root, after: self.after })
    }

    fn declaration(&self, declaration: &quick_xml::events::BytesDecl<'_>) -> Result<(), Problem> {
        let version = declaration.version().is_ok_and(|version| version == "1.0");
        let utf8 = declaration.encoding().and_then(Result::ok).is_none_or(|name| {
            ["utf-8", "utf8", "us-ascii"].iter().any(|known| name.eq_ignore_ascii_case(known))
        });
        let is_first = self.root.is_none() && self.open.is_empty() && self.before.is_empty();
        if version && utf8 && is_first {
            return Ok(());
        }
        Err(self.fault("is not declared as XML 1.0 in UTF-8"))
    }

    fn resolved(&self, reference: &BytesRef<'_>) -> Result<String, Problem> {
        let name: &str = reference;
        let named = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => number(name),
        };
        let sign = named.ok_or_else(|| self.fault("refers to an entity, which is not read"))?;
        Ok(sign.to_string())
    }

    fn count(&mut self, more: usize) -> Result<(), Problem> {
        self.nodes += more;
        if self.nodes > self.limits.nodes {
            return Err(too_large(format!("an XML document of more than {} nodes", self.limits.nodes)));
        }
        Ok(())
    }

    fn node(&mut self, node: Node) -> Result<(), Problem> {
        self.count(1)?;
        match (self.open.last_mut(), self.root.is_some()) {
            (Some(parent), _) => parent.children.push(node),
            (None, false) => self.before.push(node),
            (None, true) => self.after.push(node),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Problem> {
        let Some(parent) = self.open.last_mut() else {
            let blank = text.chars().all(|sign| matches!(sign, ' ' | '\t' | '\n' | '\r'));
            return if blank { Ok(()) } else { Err(self.fault("has text outside of its element")) };
        };
        if let Some(Node::Text(before)) = parent.children.last_mut() {
            before.push_str(text);
            return Ok(());
        }
        if text.is_empty() { Ok(()) } else { self.node(Node::Text(text.to_owned())) }
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), Problem> {
        if self.root.is_some() {
            return Err(self.fault("has more than one element"));
        }
        if self.open.len() >= self.limits.depth {
            return Err(too_large(format!("an XML document more than {} deep", self.limits.depth)));
        }
        let depth = self.open.len() + 1;
        let mut declared = Vec::new();
        let mut attributes = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|_| self.fault("has an attribute that is not well formed"))?;
            let value = attribute
                // Of the replacements of XML none is replaced again.
                .normalized_value_with(XmlVersion::Implicit1_0, 1, resolve_xml_entity)
                .map_err(|_| self.fault("has an attribute that refers to an entity"))?
                .into_owned();
            if attribute.value.contains('<') {
                return Err(self.fault("has < in an attribute"));
            }
            if !value.chars().all(is_allowed) {
                return Err(self.fault("refers to a character that cannot stand in XML"));
            }
            match split(attribute.key.into_inner()).ok_or_else(|| self.fault("has a name that is none"))? {
                ("", "xmlns") => declared.push((String::new(), value)),
                ("xmlns", prefix) => declared.push((prefix.to_owned(), value)),
                (prefix, name) => attributes.push((prefix.to_owned(), name.to_owned(), value)),
            }
        }
        self.count(1 + declared.len() + attributes.len())?;
        for (prefix, uri) in &declared {
            if matches!(prefix.as_str(), "xml" | "xmlns") || (uri.is_empty() && !prefix.is_empty()) {
                return Err(self.fault("declares a prefix that cannot be declared so"));
            }
            self.bindings.push((depth, prefix.clone(), uri.clone()));
        }
        let (prefix, name) =
            split(tag.name().into_inner()).ok_or_else(|| self.fault("has a name that is none"))?;
        let (prefix, name) = (prefix.to_owned(), name.to_owned());
        let uri = self.space(&prefix)?;
        let mut resolved: Vec<Attribute> = Vec::with_capacity(attributes.len());
        for (prefix, name, value) in attributes {
            let uri = if prefix.is_empty() { String::new() } else { self.space(&prefix)? };
            if resolved.iter().any(|one| one.uri == uri && one.name == name) {
                return Err(self.fault("has an attribute twice"));
            }
            resolved.push(Attribute { prefix, uri, name, value });
        }
        self.open.push(Element { prefix, uri, name, declared, attributes: resolved, children: Vec::new() });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Problem> {
        let depth = self.open.len();
        self.bindings.retain(|(at, _, _)| *at < depth);
        let Some(element) = self.open.pop() else {
            return Err(self.fault("ends an element that was not begun"));
        };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(Node::Element(element)),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn space(&self, prefix: &str) -> Result<String, Problem> {
        match self.bindings.iter().rev().find(|(_, known, _)| known == prefix) {
            Some((_, _, uri)) => Ok(uri.clone()),
            None if prefix.is_empty() => Ok(String::new()),
            None => Err(self.fault("has a prefix that is not declared")),
        }
    }
}

/// Line ends as XML means them (2.11).
fn lines(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        return Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"));
    }
    Cow::Borrowed(text)
}

/// Prefix and local name; none when there are more colons than one, or an empty part.
fn split(name: &str) -> Option<(&str, &str)> {
    match name.split_once(':') {
        None => (!name.is_empty()).then_some(("", name)),
        Some((prefix, local)) => {
            (!prefix.is_empty() && !local.is_empty() && !local.contains(':')).then_some((prefix, local))
        }
    }
}

/// The character of a reference by number.
fn number(name: &str) -> Option<char> {
    let digits = name.strip_prefix('#')?;
    let code = match digits.strip_prefix('x') {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    char::from_u32(code).filter(|sign| is_allowed(*sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: Option<&str>) {
        let found = read(source.as_bytes(), &Limits { depth: 5, nodes: 20, ..Limits::default() });
        assert_eq!(found.as_ref().map(|found| found.root.content()).ok().as_deref(), expected, "{source}");
    }

    #[test]
    fn references_and_line_ends_are_resolved_and_entities_refused() {
        check("<a>x&amp;&#65;&#x42;\r\ny<![CDATA[<]]></a>", Some("x&AB\ny<"));
        check("<a>&nbsp;</a>", None);
        for entity in ["&e;", "&nbsp;", "&eacute;", "&", "&amp", "&#0;", "&#1;", "&#xFFFE;", "&#x110000;"] {
            check(&format!("<a b='{entity}'/>"), None);
        }
        check("<a b='&amp;&#233;&quot;'/>", Some(""));
        check("<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", None);
        check("<!DOCTYPE a><a/>", None);
        check("<a>&#0;</a>", None);
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for source in [
            "",
            "text",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a b='1' b='2'/>",
            "<p:a/>",
            "<a p:b='1'/>",
            "x<a/>",
            "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
            "<a b='<'/>",
            "<a>]]></a>",
            "<a:b:c xmlns:a='u'/>",
            "<a xmlns:p=''/>",
            "<?xml version='1.0' encoding='latin1'?><a/>",
            "<a/>x",
            "<a>\u{1}</a>",
        ] {
            check(source, None);
        }
    }

    #[test]
    fn limits_are_kept() {
        check("<a><a><a><a><a>x</a></a></a></a></a>", Some(""));
        check("<a><a><a><a><a><a/></a></a></a></a></a>", None);
        check(&format!("<a>{}</a>", "<b/>".repeat(30)), None);
        let long = read(b"<a/>", &Limits { bytes: 3, ..Limits::default() }).unwrap_err();
        assert_eq!(long.category, Category::TooLarge);
    }

    #[test]
    fn a_fault_says_where_and_never_what() {
        let problem = read("<a>PAT-TROIS<b></a>".as_bytes(), &Limits::default()).unwrap_err();
        assert!(problem.to_string().contains("at byte") && !problem.to_string().contains("PAT"), "{problem}");
    }
}
