//! Canonical XML 1.0 (<https://www.w3.org/TR/2001/REC-xml-c14n-20010315>) and Exclusive XML Canonicalization 1.0
//! (<https://www.w3.org/TR/2002/REC-xml-exc-c14n-20020718/>).
//!
//! Of a node set only whole subtrees are supported: a document, an element, or what one reference by id names.
//! Transforms by `XPath` are not.

use std::collections::BTreeMap;

use super::tree::{Attribute, Document, Element, Node};

/// How to canonicalise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    /// Exclusive: only name spaces that names use; inclusive: all that are in scope.
    pub exclusive: bool,
    /// Whether comments count.
    pub comments: bool,
    /// `InclusiveNamespaces/@PrefixList` of the exclusive form, `#default` written as an empty prefix.
    pub prefixes: Vec<String>,
}

const INCLUSIVE: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

impl Method {
    /// Inclusive, with comments: what the DMP's submission sets are signed with.
    pub const INCLUSIVE_WITH_COMMENTS: Self = Self { exclusive: false, comments: true, prefixes: Vec::new() };
    /// Inclusive, without comments.
    pub const INCLUSIVE: Self = Self { exclusive: false, comments: false, prefixes: Vec::new() };
    /// Exclusive, without comments: what SAML assertions are signed with.
    pub const EXCLUSIVE: Self = Self { exclusive: true, comments: false, prefixes: Vec::new() };

    /// Its identifier in `Algorithm` attributes.
    #[must_use]
    pub const fn uri(&self) -> &'static str {
        match (self.exclusive, self.comments) {
            (false, false) => INCLUSIVE,
            (false, true) => "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
            (true, false) => EXCLUSIVE,
            (true, true) => "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
        }
    }

    /// The method of that identifier, if it is one of the four.
    #[must_use]
    pub fn of(uri: &str) -> Option<Self> {
        let (base, comments) = uri.strip_suffix("WithComments").map_or((uri, false), |base| (base, true));
        let exclusive = match base.trim_end_matches('#') {
            INCLUSIVE => false,
            base if base == EXCLUSIVE.trim_end_matches('#') => true,
            _ => return None,
        };
        let method = Self { exclusive, comments, prefixes: Vec::new() };
        (method.uri() == uri).then_some(method)
    }
}

/// Prefixes and what they stand for; the empty prefix is the default name space, there only while it is not empty.
type Scope = BTreeMap<String, String>;

/// The canonical form of a document.
#[must_use]
pub fn document(document: &Document, method: &Method) -> Vec<u8> {
    let mut out = String::new();
    for node in &document.before {
        let length = out.len();
        outside(&mut out, node, method);
        if out.len() > length {
            out.push('\n');
        }
    }
    apex(&mut out, &document.root, &Scope::new(), &[], &Form { method, omitted: None });
    for node in &document.after {
        let mut text = String::new();
        outside(&mut text, node, method);
        if !text.is_empty() {
            out.push('\n');
            out.push_str(&text);
        }
    }
    out.into_bytes()
}

/// The canonical form of an element by itself, as if nothing were around it.
#[must_use]
pub fn element(element: &Element, method: &Method) -> Vec<u8> {
    let mut out = String::new();
    apex(&mut out, element, &Scope::new(), &[], &Form { method, omitted: None });
    out.into_bytes()
}

/// The one element at or below `root` whose attribute `Id`, `ID` or `xml:id` is `id`; none when there is no such element,
/// or more than one: a signature must not choose.
#[must_use]
pub fn find<'a>(root: &'a Element, id: &str) -> Option<&'a Element> {
    let mut found = root.descendants().into_iter().filter(|element| is_named(element, id));
    found.next().filter(|_| found.next().is_none())
}

/// The canonical form of an element at or below `root` in the scope it stands in, with the element `omitted` left out
/// (the transform of an enveloped signature). Both are told apart by where they are, not by what they say.
#[must_use]
pub fn within(
    root: &Element,
    target: &Element,
    omitted: Option<&Element>,
    method: &Method,
) -> Option<Vec<u8>> {
    let mut scope = Scope::new();
    let mut inherited: Vec<Attribute> = Vec::new();
    let mut place = root;
    while !std::ptr::eq(place, target) {
        enter(&mut scope, place);
        for attribute in place.attributes.iter().filter(|one| one.uri == XML) {
            inherited.retain(|one| one.name != attribute.name);
            inherited.push(attribute.clone());
        }
        place = place
            .elements()
            .find(|child| child.descendants().iter().any(|one| std::ptr::eq(*one, target)))?;
    }
    let mut out = String::new();
    apex(&mut out, target, &scope, &inherited, &Form { method, omitted });
    Some(out.into_bytes())
}

fn is_named(element: &Element, id: &str) -> bool {
    element.attributes.iter().any(|one| {
        one.value == id
            && ((one.uri.is_empty() && matches!(one.name.as_str(), "Id" | "ID"))
                || (one.uri == XML && one.name == "id"))
    })
}

/// How to write, and what not to.
struct Form<'a> {
    method: &'a Method,
    omitted: Option<&'a Element>,
}

/// The first element of the output: in the inclusive form it shows all that it inherits.
fn apex(out: &mut String, element: &Element, scope: &Scope, inherited: &[Attribute], form: &Form<'_>) {
    let more: &[Attribute] = if form.method.exclusive { &[] } else { inherited };
    write(out, element, scope, &Scope::new(), more, form);
}

/// Adds what an element declares, and what its names need.
fn enter(scope: &mut Scope, element: &Element) {
    let mut bind = |prefix: &str, uri: &str| {
        if prefix == "xml" {
        } else if uri.is_empty() {
            scope.remove(prefix);
        } else {
            scope.insert(prefix.to_owned(), uri.to_owned());
        }
    };
    for (prefix, uri) in &element.declared {
        bind(prefix, uri);
    }
    bind(&element.prefix, &element.uri);
    for attribute in element.attributes.iter().filter(|attribute| !attribute.prefix.is_empty()) {
        bind(&attribute.prefix, &attribute.uri);
    }
}

fn write(
    out: &mut String,
    element: &Element,
    outer: &Scope,
    rendered: &Scope,
    inherited: &[Attribute],
    form: &Form<'_>,
) {
    let mut scope = outer.clone();
    enter(&mut scope, element);
    let mut shown = rendered.clone();
    out.push('<');
    let name = if element.prefix.is_empty() {
        element.name.clone()
    } else {
        format!("{}:{}", element.prefix, element.name)
    };
    out.push_str(&name);
    declarations(out, element, &scope, &mut shown, form.method);
    attributes(out, element, inherited);
    out.push('>');
    for node in &element.children {
        match node {
            Node::Element(child) if form.omitted.is_some_and(|one| std::ptr::eq(one, child)) => {}
            Node::Element(child) => write(out, child, &scope, &shown, &[], form),
            Node::Text(text) => escape(out, text, false),
            other => outside(out, other, form.method),
        }
    }
    out.push_str("</");
    out.push_str(&name);
    out.push('>');
}

fn declarations(out: &mut String, element: &Element, scope: &Scope, shown: &mut Scope, method: &Method) {
    let is_used = |prefix: &str| {
        element.prefix == prefix
            || (!prefix.is_empty() && element.attributes.iter().any(|one| one.prefix == prefix))
            || method.prefixes.iter().any(|one| one == prefix)
    };
    let wanted = |prefix: &str| !method.exclusive || is_used(prefix);
    if wanted("") && !scope.contains_key("") && shown.remove("").is_some() {
        out.push_str(" xmlns=\"\"");
    }
    for (prefix, uri) in scope.iter().filter(|(prefix, _)| wanted(prefix)) {
        if shown.get(prefix) == Some(uri) {
            continue;
        }
        out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
        out.push_str(prefix);
        out.push_str("=\"");
        escape(out, uri, true);
        out.push('"');
        shown.insert(prefix.clone(), uri.clone());
    }
}

fn attributes(out: &mut String, element: &Element, inherited: &[Attribute]) {
    let own = |one: &&Attribute| {
        !element.attributes.iter().any(|other| other.uri == one.uri && other.name == one.name)
    };
    let mut all: Vec<&Attribute> = element.attributes.iter().chain(inherited.iter().filter(own)).collect();
    all.sort_by(|one, other| (&one.uri, &one.name).cmp(&(&other.uri, &other.name)));
    for attribute in all {
        out.push(' ');
        if !attribute.prefix.is_empty() {
            out.push_str(&attribute.prefix);
            out.push(':');
        }
        out.push_str(&attribute.name);
        out.push_str("=\"");
        escape(out, &attribute.value, true);
        out.push('"');
    }
}

fn outside(out: &mut String, node: &Node, method: &Method) {
    match node {
        Node::Comment(text) if method.comments => {
            out.push_str("<!--");
            out.push_str(text);
            out.push_str("-->");
        }
        Node::Instruction(target, rest) => {
            out.push_str("<?");
            out.push_str(target);
            if !rest.is_empty() {
                out.push(' ');
                out.push_str(rest);
            }
            out.push_str("?>");
        }
        _ => {}
    }
}

fn escape(out: &mut String, text: &str, in_attribute: bool) {
    for sign in text.chars() {
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' if !in_attribute => out.push_str("&gt;"),
            '"' if in_attribute => out.push_str("&quot;"),
            '\t' if in_attribute => out.push_str("&#x9;"),
            '\n' if in_attribute => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            sign => out.push(sign),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Limits, Namespace, read};
    use super::*;

    fn check(source: &str, method: &Method, expected: &str) {
        let read = read(source.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(String::from_utf8(document(&read, method)).unwrap(), expected);
    }

    /// After the examples of Canonical XML 1.0, section 3.
    #[test]
    fn a_document_is_written_in_its_one_form() {
        let source = "<?xml version=\"1.0\"?>\r\n<?style  href=\"doc.xsl\"   ?>\n<!-- c -->\n<doc   b = 'x\"y'\n a=\"1\">\
            <e1 /><e2   ></e2><![CDATA[a<b]]>&#13;\u{e9}&gt;<!--in--></doc>\n<?end?><!-- d -->";
        let with = "<?style href=\"doc.xsl\"   ?>\n<!-- c -->\n<doc a=\"1\" b=\"x&quot;y\"><e1></e1><e2></e2>a&lt;b&#xD;\u{e9}&gt;\
            <!--in--></doc>\n<?end?>\n<!-- d -->";
        check(source, &Method::INCLUSIVE_WITH_COMMENTS, with);
        let without = "<?style href=\"doc.xsl\"   ?>\n<doc a=\"1\" b=\"x&quot;y\"><e1></e1><e2></e2>a&lt;b&#xD;\u{e9}&gt;</doc>\n<?end?>";
        check(source, &Method::INCLUSIVE, without);
    }

    #[test]
    fn name_spaces_and_attributes_have_their_order() {
        let source = r#"<e5 a:attr="out" b:attr="sorted" attr2="all" attr="I'm" xmlns:b="http://www.ietf.org" xmlns:a="http://www.w3.org" xmlns="http://example.org"/>"#;
        check(
            source,
            &Method::INCLUSIVE,
            r#"<e5 xmlns="http://example.org" xmlns:a="http://www.w3.org" xmlns:b="http://www.ietf.org" attr="I'm" attr2="all" b:attr="sorted" a:attr="out"></e5>"#,
        );
    }

    #[test]
    fn a_default_that_is_undone_is_told_once() {
        let source = r#"<a xmlns="u"><b xmlns=""><c xmlns=""/></b><d xmlns="u"/></a>"#;
        let expected = r#"<a xmlns="u"><b xmlns=""><c></c></b><d></d></a>"#;
        check(source, &Method::INCLUSIVE, expected);
        check(source, &Method::EXCLUSIVE, expected);
    }

    /// After the example of Exclusive XML Canonicalization 1.0, section 2.2.
    #[test]
    fn the_exclusive_form_does_not_depend_on_what_is_around() {
        let one = read(br#"<n0:pdu xmlns:n0="http://a" xml:lang="en"><n1:elem2 Id="x" xmlns:n1="http://b"><n3:stuff xmlns:n3="ftp://c"/></n1:elem2></n0:pdu>"#, &Limits::default()).unwrap();
        let two = read(br#"<n2:pdu xmlns:n1="http://b" xmlns:n2="http://d" xml:space="retain"><n1:elem2 Id="x"><n3:stuff xmlns:n3="ftp://c"/></n1:elem2></n2:pdu>"#, &Limits::default()).unwrap();
        let expected =
            r#"<n1:elem2 xmlns:n1="http://b" Id="x"><n3:stuff xmlns:n3="ftp://c"></n3:stuff></n1:elem2>"#;
        for read in [&one, &two] {
            let form = element_with_id(&read.root, "x", &Method::EXCLUSIVE).unwrap();
            assert_eq!(String::from_utf8(form).unwrap(), expected);
        }
        let inclusive = element_with_id(&one.root, "x", &Method::INCLUSIVE).unwrap();
        let expected = r#"<n1:elem2 xmlns:n0="http://a" xmlns:n1="http://b" Id="x" xml:lang="en"><n3:stuff xmlns:n3="ftp://c"></n3:stuff></n1:elem2>"#;
        assert_eq!(String::from_utf8(inclusive).unwrap(), expected);
        let listed = Method { prefixes: vec!["n2".to_owned()], ..Method::EXCLUSIVE };
        let form = String::from_utf8(element_with_id(&two.root, "x", &listed).unwrap()).unwrap();
        assert!(form.starts_with(r#"<n1:elem2 xmlns:n1="http://b" xmlns:n2="http://d" Id="x">"#), "{form}");
    }

    fn element_with_id(root: &Element, id: &str, method: &Method) -> Option<Vec<u8>> {
        within(root, find(root, id)?, None, method)
    }

    #[test]
    fn an_id_that_stands_twice_names_nothing() {
        let read = read(br#"<a><b Id="x"/><c ID="x"/></a>"#, &Limits::default()).unwrap();
        assert!(element_with_id(&read.root, "x", &Method::INCLUSIVE).is_none());
    }

    #[test]
    fn what_is_built_declares_its_names_where_it_needs_them() {
        const A: Namespace = Namespace { prefix: "a", uri: "urn:a" };
        const B: Namespace = Namespace { prefix: "", uri: "urn:b" };
        let built = Element::new(A, "r")
            .child(Element::new(B, "x").attribute("k", "1<2").text("t"))
            .child(Element::new(A, "y"));
        let expected = r#"<a:r xmlns:a="urn:a"><x xmlns="urn:b" k="1&lt;2">t</x><a:y></a:y></a:r>"#;
        assert_eq!(String::from_utf8(element(&built, &Method::INCLUSIVE)).unwrap(), expected);
        let again = read(expected.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(String::from_utf8(element(&again.root, &Method::EXCLUSIVE)).unwrap(), expected);
    }

    #[test]
    fn a_method_is_known_by_its_identifier() {
        for method in [Method::INCLUSIVE, Method::EXCLUSIVE, Method::INCLUSIVE_WITH_COMMENTS] {
            assert_eq!(Method::of(method.uri()), Some(method));
        }
        assert_eq!(Method::of("http://www.w3.org/2006/12/xml-c14n11"), None);
        assert_eq!(Method::of("http://www.w3.org/TR/2001/REC-xml-c14n-20010315#"), None);
    }
}
