//! From XML to the value that JSON would give, element by element, with the table of its type in hand
//! (<https://hl7.org/fhir/R4/xml.html>, <https://hl7.org/fhir/R4/json.html>).

use crate::json::{Map, Number, Value};

use super::source::{Attribute, Fault, Read, Source, Space, Tag, Token};
use super::{is_attribute, narrative};
use crate::fhir::Reading;
use crate::fhir::parse::DEPTH_MAX;
use crate::fhir::schema::{Definition, Key, Kind, TypeRef, r4};
use crate::fhir::structure::place::{Place, Step};
use crate::fhir::structure::suggestion;
use crate::problem::{Category, Issue, Problem};

/// Faults that are told before the rest of the document is given up.
const ISSUES_MAX: usize = 100;

/// Reads one resource. What is well formed and against FHIR XML (an element, attribute or name space that is not known,
/// a wrong order) is told as an error and passed over, so that the rest can be judged too.
///
/// The value has no deeper nesting than [`crate::fhir::parse()`] lets through.
///
/// # Errors
/// `Malformed`, with line and column and the path of the element, when the document is not well-formed XML 1.0 in UTF-8, has
/// a DOCTYPE or an unknown entity, is nested too deep, or is no resource of R4.
pub fn read(bytes: &[u8]) -> Result<Reading, Problem> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        return Err(malformed("the body is UTF-16; FHIR XML is UTF-8"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let (line, column) = crate::fhir::parse::place(&bytes[..error.valid_up_to()]);
        malformed(&format!("a byte that is not UTF-8 at line {line} column {column}"))
    })?;
    if text.trim_ascii().is_empty() {
        return Err(malformed("the body is empty; a resource is expected"));
    }
    let source = Source::new(text).map_err(|fault| {
        let (line, column) = crate::fhir::parse::place(&bytes[..fault.at]);
        malformed(&format!("{} at line {line} column {column}", fault.what))
    })?;
    let mut reader = Reader { source, place: Place::default(), issues: Vec::new(), levels: 0 };
    match reader.document() {
        Ok(resource) => Ok(Reading { resource, issues: reader.issues }),
        Err(fault) => Err(reader.refusal(&fault)),
    }
}

fn malformed(what: &str) -> Problem {
    Problem::new(Category::Malformed, "structure", format!("The XML cannot be read: {what}"))
}

/// What was read of one element.
enum Content {
    /// A primitive: its value, and the members of its `_` twin.
    Primitive(Option<Value>, Map),
    Other(Value),
    /// Nothing that can be used; the fault is told.
    Nothing,
}

/// How far the children of an element have been read.
#[derive(Default)]
struct Progress {
    members: Map,
    /// Index of the latest element in the table.
    latest: usize,
    /// Whether a primitive of a list has an id or extensions.
    has_twins: bool,
}

struct Reader<'a> {
    source: Source<'a>,
    place: Place<'a>,
    issues: Vec<Issue>,
    /// Objects and lists around what is being read, as JSON would nest them.
    levels: usize,
}

impl<'a> Reader<'a> {
    fn refusal(&self, fault: &Fault) -> Problem {
        let (line, column) = self.source.place(fault.at);
        let mut problem = malformed(&format!("{} at line {line} column {column}", fault.what));
        let path = self.place.path();
        problem.issues[0].expression = (!path.is_empty()).then_some(path);
        problem.issues.extend(self.issues.iter().cloned());
        problem
    }

    /// Tells a fault that does not keep the rest from being read.
    fn note(&mut self, at: usize, what: &str) -> Read<()> {
        if self.issues.len() == ISSUES_MAX {
            return Err(Fault { at, what: format!("more than {ISSUES_MAX} faults") });
        }
        let (line, column) = self.source.place(at);
        let issue = Issue::error("structure", format!("{what}, at line {line} column {column} of the XML"));
        self.issues.push(issue.at(self.place.path()));
        Ok(())
    }

    fn document(&mut self) -> Read<Value> {
        let tag = loop {
            let at = self.source.offset();
            match self.source.next()? {
                Token::Start(tag) => break tag,
                Token::Text(text) if is_blank(text) => {}
                Token::Instruction => {}
                _ => return Err(Fault { at, what: "an element is expected".into() }),
            }
        };
        let definition = resource_definition(&tag).map_err(|what| Fault { at: tag.at, what })?;
        let resource = self.resource(definition, &tag)?;
        loop {
            let at = self.source.offset();
            match self.source.next()? {
                Token::Eof => return Ok(resource),
                Token::Text(text) if is_blank(text) => {}
                Token::Instruction => {}
                _ => return Err(Fault { at, what: "something stands after the resource".into() }),
            }
        }
    }

    /// A resource whose start tag was read.
    fn resource(&mut self, definition: &'static Definition, tag: &Tag<'a>) -> Read<Value> {
        if self.place.depth() == 0 {
            self.place.enter(Step::Name(definition.name));
        }
        self.attributes(tag, &[])?;
        let mut progress = Progress::default();
        progress.members.insert("resourceType", definition.name.into());
        self.deeper(1)?;
        self.children(definition, &mut progress)?;
        self.levels -= 1;
        Ok(Value::Object(progress.members))
    }

    /// The wrapper of a resource (`contained`, `resource`) whose start tag was read: exactly one resource.
    fn wrapped(&mut self, wrapper: &Tag<'a>) -> Read<Content> {
        self.attributes(wrapper, &[])?;
        let mut found = Content::Nothing;
        let mut seen = 0;
        loop {
            let at = self.source.offset();
            match self.source.next()? {
                Token::Start(tag) => {
                    seen += 1;
                    match resource_definition(&tag) {
                        Ok(definition) if seen == 1 => {
                            found = Content::Other(self.resource(definition, &tag)?)
                        }
                        Ok(_) => self.pass(&tag, "one resource is expected here, and there is another")?,
                        Err(what) => self.pass(&tag, &what)?,
                    }
                }
                token => {
                    if self.is_end(token, at)? {
                        if seen == 0 {
                            self.note(wrapper.at, "a resource is expected here")?;
                        }
                        return Ok(found);
                    }
                }
            }
        }
    }

    fn children(&mut self, definition: &'static Definition, progress: &mut Progress) -> Read<()> {
        loop {
            let at = self.source.offset();
            match self.source.next()? {
                Token::Start(tag) => self.child(definition, &tag, progress)?,
                token => {
                    if self.is_end(token, at)? {
                        break;
                    }
                }
            }
        }
        if progress.has_twins {
            align(&mut progress.members);
        }
        Ok(())
    }

    /// Whether a piece that is no start tag ends the element; text has no place between elements.
    fn is_end(&mut self, token: Token<'a>, at: usize) -> Read<bool> {
        match token {
            Token::End => return Ok(true),
            Token::Text(text) if !is_blank(text) => {
                self.note(at, "a text stands where FHIR has only elements and attributes")?;
            }
            Token::Eof => return Err(Fault { at, what: "the document ends before its elements do".into() }),
            _ => {}
        }
        Ok(false)
    }

    fn deeper(&mut self, levels: usize) -> Read<()> {
        self.levels += levels;
        if self.levels > DEPTH_MAX {
            let what =
                format!("nested more than {DEPTH_MAX} levels deep (each element that repeats counts twice)");
            return Err(Fault { at: self.source.offset(), what });
        }
        Ok(())
    }

    fn child(&mut self, definition: &'static Definition, tag: &Tag<'a>, progress: &mut Progress) -> Read<()> {
        let key = definition.key(tag.local).filter(|key| {
            let (element, kind) = of(definition, *key);
            let space = if kind.name == "xhtml" { Space::Xhtml } else { Space::Fhir };
            tag.space == space && !is_attribute(definition, element.name)
        });
        let Some(key) = key else {
            return self.pass(tag, &unknown(definition, tag));
        };
        let (element, kind) = of(definition, key);
        self.place.enter(Step::Name(element.name));
        if key.element < progress.latest {
            let latest = definition.elements[progress.latest].name;
            self.note(
                tag.at,
                &format!("{} stands before {latest}: the order is that of the standard", element.name),
            )?;
        }
        progress.latest = progress.latest.max(key.element);
        if element.many {
            let before = progress.members.get(tag.local).and_then(Value::as_array).map_or(0, Vec::len);
            self.place.enter(Step::Index(before));
        } else if progress.members.contains_key(tag.local) || progress.members.contains_key(&twin(tag.local))
        {
            self.pass(tag, "this element is given twice; one is expected")?;
            self.place.leave();
            return Ok(());
        }
        self.deeper(usize::from(element.many))?;
        let content = self.content(kind, tag)?;
        self.levels -= usize::from(element.many);
        progress.put(tag.local, element.many, content);
        if element.many {
            self.place.leave();
        }
        self.place.leave();
        Ok(())
    }

    fn content(&mut self, kind: &'static TypeRef, tag: &Tag<'a>) -> Read<Content> {
        match kind.kind {
            Kind::Resource => self.wrapped(tag),
            Kind::Primitive if kind.name == "xhtml" => {
                let read = narrative::read(&mut self.source, tag)?;
                for fault in read.faults {
                    self.note(fault.at, &fault.what)?;
                }
                Ok(Content::Primitive(Some(Value::from(read.text)), Map::new()))
            }
            Kind::Primitive => self.primitive(kind, tag),
            Kind::Complex | Kind::Backbone => self.complex(kind, tag),
        }
    }

    fn primitive(&mut self, kind: &'static TypeRef, tag: &Tag<'a>) -> Read<Content> {
        self.attributes(tag, &["value", "id"])?;
        let text = |name| attribute(tag, name).map(|attribute| &*attribute.value);
        let mut twin = Progress::default();
        // The twin nests one level, which counts only when there is one.
        self.levels += 1;
        if let Some(id) = text("id") {
            self.deeper(0)?;
            twin.members.insert("id", id.to_owned().into());
        }
        if let Some(definition) = r4().definition("Element") {
            self.children(definition, &mut twin)?;
        }
        self.levels -= 1;
        let value = text("value").map(|text| value(kind.name, text));
        if value.is_none() && twin.members.is_empty() {
            self.note(tag.at, "ele-1: an element needs a value or an extension: leave it out")?;
            return Ok(Content::Nothing);
        }
        Ok(Content::Primitive(value, twin.members))
    }

    fn complex(&mut self, kind: &'static TypeRef, tag: &Tag<'a>) -> Read<Content> {
        let known: &[&'static str] = if kind.name == "Extension" { &["id", "url"] } else { &["id"] };
        self.attributes(tag, known)?;
        let mut progress = Progress::default();
        for name in known {
            if let Some(attribute) = attribute(tag, name) {
                progress.members.insert(*name, attribute.value.to_string().into());
            }
        }
        self.deeper(1)?;
        if let Some(definition) = r4().definition(kind.name) {
            self.children(definition, &mut progress)?;
        }
        self.levels -= 1;
        Ok(Content::Other(Value::Object(progress.members)))
    }

    /// Tells every attribute that has no meaning here; `xsi:schemaLocation` is passed over.
    fn attributes(&mut self, tag: &Tag<'a>, known: &[&str]) -> Read<()> {
        for attribute in &tag.attributes {
            let means = attribute.space == Space::Absent && known.contains(&attribute.local);
            let hints = attribute.space == Space::SchemaInstance && attribute.local == "schemaLocation";
            if !means && !hints {
                let name: String = attribute.local.chars().take(60).collect();
                let right = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                self.note(tag.at, &format!("the attribute {name} has no meaning here; known is {right}"))?;
            }
        }
        Ok(())
    }

    /// Tells what is wrong with an element and passes over all of it.
    fn pass(&mut self, tag: &Tag<'a>, what: &str) -> Read<()> {
        self.note(tag.at, what)?;
        let mut open = 1_usize;
        while open > 0 {
            match self.source.next()? {
                Token::Start(_) => open += 1,
                Token::End => open -= 1,
                Token::Eof => break,
                Token::Text(_) | Token::Instruction => {}
            }
        }
        Ok(())
    }
}

impl Progress {
    fn put(&mut self, name: &str, many: bool, content: Content) {
        let (value, extra) = match content {
            Content::Nothing => return,
            Content::Other(value) => (Some(value), Map::new()),
            Content::Primitive(value, extra) => (value, extra),
        };
        if !many {
            if let Some(value) = value {
                self.members.insert(name.to_owned(), value);
            }
            if !extra.is_empty() {
                self.members.insert(twin(name), Value::Object(extra));
            }
            return;
        }
        let before = push(&mut self.members, name, value.unwrap_or_default());
        if !extra.is_empty() {
            self.has_twins = true;
            let name = twin(name);
            while self.members.get(&name).and_then(Value::as_array).map_or(0, Vec::len) < before {
                push(&mut self.members, &name, Value::Null);
            }
            push(&mut self.members, &name, Value::Object(extra));
        }
    }
}

/// Adds to a list; how many members it had.
fn push(members: &mut Map, name: &str, value: Value) -> usize {
    match members.get_mut(name) {
        Some(Value::Array(list)) => {
            list.push(value);
            list.len() - 1
        }
        _ => {
            members.insert(name.to_owned(), vec![value].into());
            0
        }
    }
}

/// Makes each `_` list as long as its values, and leaves out lists of values that have none.
fn align(members: &mut Map) {
    let twins: Vec<String> = members
        .iter()
        .filter(|(name, value)| name.starts_with('_') && value.is_array())
        .map(|(name, _)| name.to_owned())
        .collect();
    for twin in twins {
        let name = twin.trim_start_matches('_');
        let values = members.get(name).and_then(Value::as_array);
        let (length, is_empty) =
            values.map_or((0, true), |list| (list.len(), list.iter().all(Value::is_null)));
        if is_empty {
            members.remove(name);
        }
        if let Some(Value::Array(extras)) = members.get_mut(&twin) {
            let length = length.max(extras.len());
            extras.resize(length, Value::Null);
        }
    }
}

fn twin(name: &str) -> String {
    format!("_{name}")
}

fn of(
    definition: &'static Definition,
    key: Key,
) -> (&'static crate::fhir::schema::Element, &'static TypeRef) {
    let element = &definition.elements[key.element];
    (element, &element.types[key.kind])
}

fn attribute<'t, 'a>(tag: &'t Tag<'a>, name: &str) -> Option<&'t Attribute<'a>> {
    tag.attributes.iter().find(|attribute| attribute.space == Space::Absent && attribute.local == name)
}

/// The type of a resource by its tag, or what is wrong with it.
fn resource_definition(tag: &Tag<'_>) -> Result<&'static Definition, String> {
    let name: String = tag.local.chars().take(60).collect();
    if tag.space != Space::Fhir {
        return Err(format!("<{name}> is not of the name space {}", super::FHIR));
    }
    r4().definition(&name).filter(|_| r4().is_resource(&name)).ok_or_else(|| {
        with(format!("<{name}> is no resource type of FHIR R4"), &suggestion::for_resource(&name))
    })
}

fn unknown(definition: &Definition, tag: &Tag<'_>) -> String {
    let name: String = tag.local.chars().take(60).collect();
    let is_known = definition.key(tag.local).is_some();
    if is_known && is_attribute(definition, tag.local) {
        return format!("{name} is an attribute here, not an element");
    }
    if tag.local == "div" && is_known {
        return format!("the narrative is a <div> of the name space {}", super::XHTML);
    }
    if tag.space != Space::Fhir {
        return format!("<{name}> is not of the name space {}", super::FHIR);
    }
    with(format!("{} has no element {name}", definition.name), &suggestion::for_element(definition, &name))
}

fn with(what: String, more: &str) -> String {
    if more.is_empty() { what } else { format!("{what}; {more}") }
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// A value in the JSON form of its type. A text that has not the form of its type stays a text: the check of the
/// structure tells it with its path, and nothing else of the resource is lost.
fn value(kind: &str, text: &str) -> Value {
    let number = || text.parse::<Number>().ok().map(Value::Number);
    match kind {
        "boolean" => text.parse().ok().map(Value::Bool),
        "integer" | "unsignedInt" | "positiveInt" | "decimal" => number(),
        _ => None,
    }
    .unwrap_or_else(|| Value::from(text.to_owned()))
}
