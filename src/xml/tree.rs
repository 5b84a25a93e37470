//! Elements, attributes and text with resolved names (Namespaces in XML 1.0).

use std::fmt;

/// A name space and the prefix that it is written with; an empty prefix is the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Namespace {
    /// Prefix in what we write; nothing depends on it in what we read.
    pub prefix: &'static str,
    /// The name of the name space.
    pub uri: &'static str,
}

/// An attribute that is no declaration of a name space.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Prefix, empty for most.
    pub prefix: String,
    /// Name space, empty for those without prefix.
    pub uri: String,
    /// Local name.
    pub name: String,
    /// Value, normalised.
    pub value: String,
}

/// An element. There is no `Debug` of its content: it may be a patient's.
#[derive(Clone, PartialEq, Eq)]
pub struct Element {
    /// Prefix as written.
    pub prefix: String,
    /// Name space, empty for none.
    pub uri: String,
    /// Local name.
    pub name: String,
    /// Name spaces declared here, prefix and name, needed by names or not.
    pub declared: Vec<(String, String)>,
    /// Attributes, in the order of the document.
    pub attributes: Vec<Attribute>,
    /// Children, in the order of the document.
    pub children: Vec<Node>,
}

/// What an element or a document contains.
#[derive(Clone, PartialEq, Eq)]
pub enum Node {
    /// An element.
    Element(Element),
    /// Text, references resolved; never two in a row.
    Text(String),
    /// A comment.
    Comment(String),
    /// A processing instruction: target and the rest.
    Instruction(String, String),
}

/// A document: its element, and the comments and instructions around it.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// Comments and instructions before the element.
    pub before: Vec<Node>,
    /// The element.
    pub root: Element,
    /// Comments and instructions after it.
    pub after: Vec<Node>,
}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} …>", self.name)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl Element {
    /// An empty element.
    #[must_use]
    pub fn new(space: Namespace, name: &str) -> Self {
        Self {
            prefix: space.prefix.to_owned(),
            uri: space.uri.to_owned(),
            name: name.to_owned(),
            declared: Vec::new(),
            attributes: Vec::new(),
            children: Vec::new(),
        }
    }

    /// The same with an attribute in no name space.
    #[must_use]
    pub fn attribute(self, name: &str, value: impl Into<String>) -> Self {
        self.attribute_in(Namespace { prefix: "", uri: "" }, name, value)
    }

    /// The same with an attribute in that name space.
    #[must_use]
    pub fn attribute_in(mut self, space: Namespace, name: &str, value: impl Into<String>) -> Self {
        self.attributes.push(Attribute {
            prefix: space.prefix.to_owned(),
            uri: space.uri.to_owned(),
            name: name.to_owned(),
            value: value.into(),
        });
        self
    }

    /// The same with a declaration that no name needs (a value does, such as that of `xsi:type`).
    #[must_use]
    pub fn declare(mut self, space: Namespace) -> Self {
        self.declared.push((space.prefix.to_owned(), space.uri.to_owned()));
        self
    }

    /// The same with text.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.children.push(Node::Text(text.into()));
        self
    }

    /// The same with a child.
    #[must_use]
    pub fn child(mut self, child: Self) -> Self {
        self.children.push(Node::Element(child));
        self
    }

    /// The same with children.
    #[must_use]
    pub fn with(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children.into_iter().map(Node::Element));
        self
    }

    /// Whether it has that name in that name space.
    #[must_use]
    pub fn is(&self, space: Namespace, name: &str) -> bool {
        self.uri == space.uri && self.name == name
    }

    /// Its child elements.
    pub fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            _ => None,
        })
    }

    /// Its child elements, to be changed.
    pub fn elements_mut(&mut self) -> impl Iterator<Item = &mut Self> {
        self.children.iter_mut().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            _ => None,
        })
    }

    /// Its child elements of that name.
    pub fn all<'a>(&'a self, space: Namespace, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.elements().filter(move |element| element.is(space, name))
    }

    /// Its first child element of that name.
    #[must_use]
    pub fn first(&self, space: Namespace, name: &str) -> Option<&Self> {
        self.elements().find(|element| element.is(space, name))
    }

    /// The element at the end of that path of names in one name space.
    #[must_use]
    pub fn at(&self, space: Namespace, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |element, name| element.first(space, name))
    }

    /// The value of an attribute without name space.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_in("", name)
    }

    /// The value of an attribute in the name space of that name.
    #[must_use]
    pub fn get_in(&self, uri: &str, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|one| one.uri == uri && one.name == name);
        found.map(|attribute| attribute.value.as_str())
    }

    /// Sets an attribute without name space.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.attributes.iter_mut().find(|one| one.uri.is_empty() && one.name == name) {
            Some(attribute) => value.clone_into(&mut attribute.value),
            None => self.attributes.push(Attribute {
                prefix: String::new(),
                uri: String::new(),
                name: name.to_owned(),
                value: value.to_owned(),
            }),
        }
    }

    /// The text directly in it, comments left out.
    #[must_use]
    pub fn content(&self) -> String {
        let text = self.children.iter().filter_map(|node| match node {
            Node::Text(text) => Some(text.as_str()),
            _ => None,
        });
        text.collect()
    }

    /// The text directly in it without white space around; none when that is empty.
    #[must_use]
    pub fn trimmed(&self) -> Option<String> {
        let content = self.content();
        let trimmed = content.trim();
        (!trimmed.is_empty()).then(|| trimmed.to_owned())
    }

    /// It and everything below it, in the order of the document.
    #[must_use]
    pub fn descendants(&self) -> Vec<&Self> {
        let mut found = vec![self];
        let mut next = 0;
        while let Some(element) = found.get(next).copied() {
            let children: Vec<&Self> = element.elements().collect();
            found.splice(next + 1..next + 1, children);
            next += 1;
        }
        found
    }
}

impl From<Element> for Document {
    fn from(root: Element) -> Self {
        Self { before: Vec::new(), root, after: Vec::new() }
    }
}
