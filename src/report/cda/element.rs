//! XML as a tree: elements with attributes, and either text or elements within (XML 1.0; mixed content does not occur).

use std::borrow::Cow;

use quick_xml::escape::{escape, partial_escape};

/// One element.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: Cow<'static, str>,
    /// In the order in which they are written.
    pub(super) attributes: Vec<(Cow<'static, str>, String)>,
    pub(super) children: Vec<Element>,
    pub(super) text: String,
}

/// An empty element.
pub(super) fn element(name: &'static str) -> Element {
    Element { name: Cow::Borrowed(name), ..Element::default() }
}

impl Element {
    /// With one more attribute.
    pub(super) fn attribute(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((Cow::Borrowed(name), value.into()));
        self
    }

    /// With one more child.
    pub(super) fn child(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// With these children too.
    pub(super) fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// With that text.
    pub(super) fn text(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// The value of an attribute.
    pub(super) fn get(&self, attribute: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name == attribute).map(|(_, value)| value.as_str())
    }

    /// The children of that name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Every element at the end of a path of names, `recordTarget/patientRole/id`.
    pub(super) fn find<'a>(&'a self, path: &'a str) -> Vec<&'a Self> {
        let mut found = vec![self];
        for name in path.split('/') {
            found = found.into_iter().flat_map(|one| one.all(name)).collect();
        }
        found
    }

    /// The whole document, with its declaration, two spaces a level.
    pub(super) fn document(&self) -> Vec<u8> {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write(&mut out, 0);
        out.into_bytes()
    }

    fn write(&self, out: &mut String, depth: usize) {
        let indent = "  ".repeat(depth);
        out.push_str(&indent);
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in &self.attributes {
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            // A reader makes spaces of line ends in attributes: they are that already.
            out.push_str(&escape(writable(value).replace(['\n', '\t', '\r'], " ")));
            out.push('"');
        }
        if self.children.is_empty() && self.text.is_empty() {
            out.push_str("/>\n");
            return;
        }
        out.push('>');
        if self.children.is_empty() {
            // A reader makes a line feed of a carriage return.
            out.push_str(&partial_escape(writable(&self.text).replace('\r', " ")));
        } else {
            out.push('\n');
            for child in &self.children {
                child.write(out, depth + 1);
            }
            out.push_str(&indent);
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push_str(">\n");
    }
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
    use crate::report::cda::read::read;

    #[test]
    fn what_has_a_meaning_in_xml_is_escaped() {
        let written =
            element("a").attribute("b", "\"<&>'\n\u{1}").child(element("c").text("<&>\"' ]]>\u{0}"));
        assert_eq!(
            String::from_utf8(written.document()).unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <a b=\"&quot;&lt;&amp;&gt;&apos; \">\n  <c>&lt;&amp;&gt;\"' ]]&gt;</c>\n</a>\n"
        );
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written_is_read_back(attribute in "[ -~À-ÿœ€漢]{0,20}", text in "[ -~À-ÿœ€漢]{0,20}") {
            let written = element("a").attribute("b", attribute.clone()).child(element("c").text(&text));
            let read = read(&written.document()).unwrap();
            proptest::prop_assert_eq!(read.get("b"), Some(attribute.as_str()));
            proptest::prop_assert_eq!(&read.children[0].text, &text);
        }
    }
}
