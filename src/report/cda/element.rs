//! The document as XML: elements of HL7 v3, found by a path of names, and written one below the other.

use std::borrow::Cow;

use quick_xml::escape::{escape, partial_escape};

use super::HL7;
use crate::xml::{Element, Namespace, Node};

/// HL7 v3 is the default name space of the whole document.
pub(super) const SPACE: Namespace = Namespace { prefix: "", uri: HL7 };

/// An empty element.
pub(super) fn element(name: &str) -> Element {
    Element::new(SPACE, name)
}

/// Every element at the end of a path of names, `recordTarget/patientRole/id`.
pub(super) fn find<'a>(within: &'a Element, path: &str) -> Vec<&'a Element> {
    let mut found = vec![within];
    for name in path.split('/') {
        found = found.into_iter().flat_map(Element::elements).filter(|one| one.is(SPACE, name)).collect();
    }
    found
}

/// The whole document, with its declaration, two spaces a level. It has elements and attributes of HL7 v3, and either text
/// or elements within; comments, instructions and other name spaces do not occur.
pub(super) fn document(root: &Element) -> Vec<u8> {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    write(root, &mut out, 0);
    out.into_bytes()
}

fn write(element: &Element, out: &mut String, depth: usize) {
    let indent = "  ".repeat(depth);
    out.push_str(&indent);
    out.push('<');
    out.push_str(&element.name);
    let declared = (depth == 0).then_some(("xmlns", element.uri.as_str()));
    let attributes = element.attributes.iter().map(|one| (one.name.as_str(), one.value.as_str()));
    for (name, value) in declared.into_iter().chain(attributes) {
        out.push(' ');
        out.push_str(name);
        out.push_str("=\"");
        // A reader makes spaces of line ends in attributes: they are that already.
        out.push_str(&escape(writable(value).replace(['\n', '\t', '\r'], " ")));
        out.push('"');
    }
    let text = element.children.iter().filter_map(|node| match node {
        Node::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    });
    let mut content = String::new();
    for text in text {
        // A reader makes a line feed of a carriage return.
        content.push_str(&partial_escape(writable(text).replace('\r', " ")));
    }
    let mut children = element.elements().peekable();
    if children.peek().is_none() && content.is_empty() {
        out.push_str("/>\n");
        return;
    }
    out.push('>');
    if children.peek().is_some() {
        out.push('\n');
        for child in children {
            write(child, out, depth + 1);
        }
        out.push_str(&indent);
    } else {
        out.push_str(&content);
    }
    out.push_str("</");
    out.push_str(&element.name);
    out.push_str(">\n");
}

/// Without the characters that XML 1.0 has no way to write.
fn writable(text: &str) -> Cow<'_, str> {
    let is_writable = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..);
    if text.chars().all(is_writable) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| is_writable(*c)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Limits, read};

    #[test]
    fn what_has_a_meaning_in_xml_is_escaped() {
        let written =
            element("a").attribute("b", "\"<&>'\n\u{1}").child(element("c").text("<&>\"' ]]>\u{0}"));
        assert_eq!(
            String::from_utf8(document(&written)).unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <a xmlns=\"urn:hl7-org:v3\" b=\"&quot;&lt;&amp;&gt;&apos; \">\n  <c>&lt;&amp;&gt;\"' ]]&gt;</c>\n</a>\n"
        );
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written_is_read_back(attribute in "[ -~À-ÿœ€漢]{0,20}", text in "[ -~À-ÿœ€漢]{0,20}") {
            let written = element("a").attribute("b", attribute.clone()).child(element("c").text(&text));
            let read = read(&document(&written), &Limits::default()).unwrap().root;
            proptest::prop_assert_eq!(read.get("b"), Some(attribute.as_str()));
            proptest::prop_assert_eq!(find(&read, "c")[0].content(), text);
        }
    }
}
