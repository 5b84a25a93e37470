//! The XHTML of a narrative (<https://hl7.org/fhir/R4/narrative.html>): JSON holds it as a text, XML as elements.
//!
//! The text is taken as it is written, white space, references and comments included. Only a narrative with prefixed
//! names is written anew, without them.

use std::borrow::Cow;

use quick_xml::escape::resolve_html5_entity;

use super::XHTML;
use super::source::{Fault, Read, Source, Space, Tag, Token, is_reference};

/// Elements within one another.
const DEPTH_MAX: usize = 64;

/// A narrative that was read.
pub(super) struct Narrative {
    /// The `div` as JSON has it.
    pub(super) text: String,
    /// What a narrative may not have.
    pub(super) faults: Vec<Fault>,
}

/// Reads the narrative whose start tag was read.
pub(super) fn read<'a>(source: &mut Source<'a>, div: &Tag<'a>) -> Read<Narrative> {
    let mut anew = Anew::default();
    let mut faults = Vec::new();
    let mut is_plain = div.declares_default;
    let mut open = vec![div.local];
    let mut open_is_empty = source.text[..source.offset()].ends_with("/>");
    anew.start(div, open_is_empty, true);
    while let Some(name) = open.last() {
        let at = source.offset();
        match source.next()? {
            Token::Start(tag) => {
                is_plain &= tag.prefix.is_empty() && tag.attributes.iter().all(|a| a.space != Space::Xhtml);
                if tag.space != Space::Xhtml {
                    faults.push(Fault {
                        at,
                        what: format!("<{}> is not of the name space {XHTML}", shown(tag.local)),
                    });
                }
                if open.len() == DEPTH_MAX {
                    return Err(Fault { at, what: format!("nested more than {DEPTH_MAX} levels deep") });
                }
                open_is_empty = source.text[..source.offset()].ends_with("/>");
                anew.start(&tag, open_is_empty, false);
                open.push(tag.local);
            }
            Token::End => {
                anew.end(name, open_is_empty);
                open_is_empty = false;
                open.pop();
            }
            Token::Text(text) => anew.0.push_str(text),
            Token::Instruction => {
                faults.push(Fault { at, what: "a processing instruction stands in a narrative".into() });
            }
            Token::Eof => return Err(Fault { at, what: "the document ends within a narrative".into() }),
        }
    }
    let text = if is_plain && div.prefix.is_empty() {
        source.text[div.at..source.offset()].to_owned()
    } else {
        anew.0
    };
    Ok(Narrative { text: unix(&text).into_owned(), faults })
}

/// Puts a narrative into a document; what is wrong when it is not one `div` of XHTML.
pub(super) fn write(text: &str, out: &mut String) -> Result<(), String> {
    let text = unix(text.trim());
    let text = numbered(&text);
    check(&text).map_err(|fault| fault.what)?;
    out.push_str(&text);
    Ok(())
}

fn check(text: &str) -> Read<()> {
    let fault = |what: &str| Err(Fault { at: 0, what: what.to_owned() });
    let mut source = Source::new(text)?;
    match source.next()? {
        Token::Start(tag) if tag.space == Space::Xhtml && tag.local == "div" => {
            if let Some(first) = read(&mut source, &tag)?.faults.into_iter().next() {
                return Err(first);
            }
        }
        _ => return fault("the narrative is no <div> of XHTML"),
    }
    match source.next()? {
        Token::Eof => Ok(()),
        _ => fault("something stands beside the <div> of the narrative"),
    }
}

/// Line ends as XML reads them.
fn unix(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text.into() }
}

/// Named references of HTML as numbers: XML does not have the names.
fn numbered(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return text.into();
    }
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let named = part.split_once(';').filter(|(name, _)| !is_reference(&format!("&{name};")));
        match named.and_then(|(name, rest)| Some((resolve_html5_entity(name)?, rest))) {
            Some((plain, rest)) => {
                plain.chars().for_each(|c| out.push_str(&format!("&#{};", u32::from(c))));
                out.push_str(rest);
            }
            None => {
                out.push('&');
                out.push_str(part);
            }
        }
    }
    out.into()
}

fn shown(name: &str) -> String {
    name.chars().take(30).collect()
}

/// A narrative written anew, without prefixes.
#[derive(Default)]
struct Anew(String);

impl Anew {
    fn start(&mut self, tag: &Tag<'_>, is_empty: bool, is_root: bool) {
        let out = &mut self.0;
        out.push('<');
        out.push_str(tag.local);
        if is_root {
            out.push_str(" xmlns=\"");
            out.push_str(XHTML);
            out.push('"');
        }
        for attribute in &tag.attributes {
            out.push_str(if attribute.space == Space::Xml { " xml:" } else { " " });
            out.push_str(attribute.local);
            out.push_str("=\"");
            out.push_str(&attribute.raw.replace('"', "&quot;"));
            out.push('"');
        }
        out.push_str(if is_empty { "/>" } else { ">" });
    }

    fn end(&mut self, name: &str, is_empty: bool) {
        if !is_empty {
            self.0.push_str("</");
            self.0.push_str(name);
            self.0.push('>');
        }
    }
}
