//! Reading a document back into a tree, as strictly as its recipients do (XML 1.0).

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};

use super::element::Element;

/// The tree of a document; text between elements is passed over.
///
/// # Errors
/// What is not well formed, as the reader says it.
pub(super) fn read(bytes: &[u8]) -> Result<Element, String> {
    let text = std::str::from_utf8(bytes).map_err(|fault| fault.to_string())?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = vec![Element::default()];
    loop {
        let event = reader.read_event().map_err(|fault| fault.to_string())?;
        let current = open.last_mut().ok_or("an element ends that never began")?;
        match event {
            Event::Start(tag) => open.push(start(&tag)?),
            Event::Empty(tag) => current.children.push(start(&tag)?),
            Event::End(_) => {
                let ended = open.pop().ok_or("an element ends that never began")?;
                open.last_mut().ok_or("an element ends that never began")?.children.push(ended);
            }
            Event::Text(text) => current.text.push_str(&text),
            Event::GeneralRef(name) => match name.resolve_char_ref().map_err(|fault| fault.to_string())? {
                Some(sign) => current.text.push(sign),
                None => current
                    .text
                    .push_str(resolve_xml_entity(&name).ok_or("an entity that XML does not have")?),
            },
            Event::Eof => break,
            Event::Decl(_) => {}
            _ => return Err("only elements and text make a clinical document".to_owned()),
        }
    }
    match open.as_mut_slice() {
        [document] if document.children.len() == 1 => document.children.pop().ok_or_else(String::new),
        _ => Err("the document has not exactly one root that begins and ends".to_owned()),
    }
}

fn start(tag: &BytesStart<'_>) -> Result<Element, String> {
    let name = tag.name().into_inner().to_owned();
    let mut read = Element { name: Cow::Owned(name), ..Element::default() };
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|fault| fault.to_string())?;
        let name = attribute.key.into_inner().to_owned();
        let value = attribute
            .normalized_value_with(XmlVersion::Explicit1_0, 1, resolve_xml_entity)
            .map_err(|fault| fault.to_string())?;
        read.attributes.push((Cow::Owned(name), value.into_owned()));
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_whole_tree_is_a_document() {
        let check =
            |text: &str, expected: bool| assert_eq!(read(text.as_bytes()).is_ok(), expected, "{text}");
        check("<a><b/>x</a>", true);
        check("<?xml version=\"1.0\"?>\n<a b=\"&lt;\">&amp;</a>\n", true);
        check("<a><b></a>", false);
        check("<a/><b/>", false);
        check("<a>", false);
        check("", false);
        check("<!DOCTYPE a><a/>", false);
        check("<a>&nbsp;</a>", false);
        check("<a b=\"&nbsp;\"/>", false);
        check("<a b=\"&#233;\">&#xE9;</a>", true);
    }
}
