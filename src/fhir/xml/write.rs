//! From a value to XML, in the order of the tables (<https://hl7.org/fhir/R4/xml.html>).

use crate::json::{Map, Value};

use super::{FHIR, is_attribute, is_writable, narrative};
use crate::fhir::schema::{Definition, Key, Kind, TypeRef, r4};
use crate::fhir::structure::place::{Place, Step};
use crate::problem::{Category, Problem};

/// Writes one resource. A value in which [`crate::fhir::structure::check()`] finds no error can be written, but for a
/// character that XML does not have.
///
/// # Errors
/// `NotAcceptable`, with the path of the element that XML has no way to say: nothing is ever left out.
pub fn write(resource: &Value) -> Result<Vec<u8>, Problem> {
    document(resource, None)
}

/// The same over lines, for people to read: each element on a line of its own, narratives as they are.
///
/// # Errors
/// As [`write()`].
pub fn write_pretty(resource: &Value) -> Result<Vec<u8>, Problem> {
    document(resource, Some(0))
}

fn document(resource: &Value, level: Option<usize>) -> Result<Vec<u8>, Problem> {
    let out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut writer = Writer { out, place: Place::default(), level };
    match writer.resource(resource) {
        Ok(()) => Ok(writer.out.into_bytes()),
        Err(Unsayable(what)) => {
            let text =
                format!("the resource cannot be said in XML: {what}; ask for {}", crate::fhir::MEDIA_TYPE);
            Err(Problem::new(Category::NotAcceptable, "not-supported", text).at(&writer.place.path()))
        }
    }
}

/// What XML has no way to say. The place is where the writer stands.
struct Unsayable(String);

type Written = Result<(), Unsayable>;

fn unsayable(what: &str) -> Written {
    Err(Unsayable(what.to_owned()))
}

struct Writer<'a> {
    out: String,
    place: Place<'a>,
    /// How many elements are open, when each begins a line.
    level: Option<usize>,
}

/// One member of an object, with its `_` twin.
struct Member<'a> {
    key: Key,
    name: &'a str,
    value: Option<&'a Value>,
    extra: Option<&'a Value>,
}

impl<'a> Writer<'a> {
    fn resource(&mut self, value: &'a Value) -> Written {
        let name = value.get("resourceType").and_then(Value::as_str).unwrap_or_default();
        let (Some(object), Some(definition)) =
            (value.as_object(), r4().definition(name).filter(|_| r4().is_resource(name)))
        else {
            return unsayable("it has no resourceType of R4");
        };
        let is_root = self.place.depth() == 0;
        if is_root {
            self.place.enter(Step::Name(definition.name));
        }
        self.open(definition.name);
        if is_root {
            self.out.push_str(" xmlns=\"");
            self.out.push_str(FHIR);
            self.out.push('"');
        }
        self.out.push('>');
        self.children(definition, object)?;
        self.close(definition.name);
        Ok(())
    }

    /// The elements of an object in the order of the table; attributes are written already.
    fn children(&mut self, definition: &'static Definition, object: &'a Map) -> Written {
        let mut members = Vec::with_capacity(object.len());
        for (json, value) in object {
            let (name, value, extra) = match json.strip_prefix('_') {
                None if json == "resourceType" && definition.kind == Kind::Resource => continue,
                None => (json, Some(value), twin(object, json)),
                Some(bare) if object.contains_key(bare) => continue,
                Some(bare) => (bare, None, Some(value)),
            };
            let Some(key) = definition.key(name) else {
                return unsayable(&format!("{} has no element {name}", definition.name));
            };
            members.push(Member { key, name, value, extra });
        }
        members.sort_by_key(|member| member.key.element);
        for member in members {
            let element = &definition.elements[member.key.element];
            if is_attribute(definition, element.name) {
                if member.extra.is_some() {
                    return unsayable(&format!("{} is an attribute and has no extensions", element.name));
                }
                continue;
            }
            self.place.enter(Step::Name(element.name));
            let kind = &element.types[member.key.kind];
            if element.many {
                self.list(kind, &member)?
            } else {
                self.one(kind, &member)?
            }
            self.place.leave();
        }
        Ok(())
    }

    fn list(&mut self, kind: &'static TypeRef, member: &Member<'a>) -> Written {
        let items = |value: Option<&'a Value>| match value {
            None => Ok([].as_slice()),
            Some(Value::Array(list)) => Ok(list.as_slice()),
            Some(_) => Err(Unsayable("a list is expected".into())),
        };
        let (values, extras) = (items(member.value)?, items(member.extra)?);
        for n in 0..values.len().max(extras.len()) {
            self.place.enter(Step::Index(n));
            let (value, extra) = (values.get(n), extras.get(n));
            let present = |value: Option<&'a Value>| value.filter(|value| !value.is_null());
            self.one(kind, &Member { value: present(value), extra: present(extra), ..*member })?;
            self.place.leave();
        }
        Ok(())
    }

    fn one(&mut self, kind: &'static TypeRef, member: &Member<'a>) -> Written {
        if member.extra.is_some() && (kind.kind != Kind::Primitive || kind.name == "xhtml") {
            return unsayable("only primitive elements have a twin with _");
        }
        match (kind.kind, member.value) {
            (Kind::Primitive, Some(Value::String(text))) if kind.name == "xhtml" => {
                self.line();
                narrative::write(text, &mut self.out).map_err(Unsayable)
            }
            (Kind::Primitive, value) => self.primitive(member.name, value, member.extra),
            (_, None) => unsayable("null is no value"),
            (Kind::Resource, Some(value)) => {
                self.open(member.name);
                self.out.push('>');
                self.resource(value)?;
                self.close(member.name);
                Ok(())
            }
            (Kind::Complex | Kind::Backbone, Some(value)) => self.complex(kind, member.name, value),
        }
    }

    fn primitive(&mut self, name: &str, value: Option<&'a Value>, extra: Option<&'a Value>) -> Written {
        let extra = match extra {
            None => None,
            Some(Value::Object(members)) => Some(members),
            Some(_) => return unsayable("an object is expected after _"),
        };
        self.open(name);
        if let Some(members) = extra {
            self.attribute("id", members.get("id"))?;
        }
        match value {
            None if extra.is_none() => return unsayable("null is no value"),
            value => self.attribute("value", value)?,
        }
        self.content(name, "Element", extra)
    }

    fn complex(&mut self, kind: &'static TypeRef, name: &str, value: &'a Value) -> Written {
        let Value::Object(members) = value else { return unsayable("an object is expected") };
        self.open(name);
        self.attribute("id", members.get("id"))?;
        if kind.name == "Extension" {
            self.attribute("url", members.get("url"))?;
        }
        self.content(name, kind.name, Some(members))
    }

    /// What follows the attributes of an element, to its end.
    fn content(&mut self, name: &str, kind: &str, members: Option<&'a Map>) -> Written {
        self.out.push('>');
        let before = self.out.len();
        if let (Some(members), Some(definition)) = (members, r4().definition(kind)) {
            self.children(definition, members)?;
        }
        if self.out.len() == before {
            self.out.pop();
            self.out.push_str("/>");
            self.level = self.level.map(|level| level - 1);
        } else {
            self.close(name);
        }
        Ok(())
    }

    fn open(&mut self, name: &str) {
        self.line();
        self.level = self.level.map(|level| level + 1);
        self.out.push('<');
        self.out.push_str(name);
    }

    /// Begins a line, when the document has lines.
    fn line(&mut self) {
        let Some(level) = self.level else { return };
        if !self.out.ends_with('\n') {
            self.out.push('\n');
        }
        self.out.extend(std::iter::repeat_n("  ", level));
    }

    fn close(&mut self, name: &str) {
        self.level = self.level.map(|level| level - 1);
        self.line();
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    fn attribute(&mut self, name: &str, value: Option<&Value>) -> Written {
        let text = match value {
            None => return Ok(()),
            Some(Value::String(text)) => std::borrow::Cow::from(&**text),
            Some(number @ (Value::Number(_) | Value::Bool(_))) => std::borrow::Cow::from(number.to_string()),
            Some(_) => return unsayable("a single value is expected"),
        };
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                // Bare, a reader would make spaces of them.
                '\t' => self.out.push_str("&#9;"),
                '\n' => self.out.push_str("&#10;"),
                '\r' => self.out.push_str("&#13;"),
                c if is_writable(c) => self.out.push(c),
                c => return unsayable(&format!("XML does not have the character U+{:04X}", u32::from(c))),
            }
        }
        self.out.push('"');
        Ok(())
    }
}

fn twin<'a>(object: &'a Map, name: &str) -> Option<&'a Value> {
    object.get(&format!("_{name}"))
}
