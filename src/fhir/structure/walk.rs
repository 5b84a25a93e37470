//! The walk over a resource, element by element, with the table of its type in hand
//! (<https://hl7.org/fhir/R4/json.html>).

use crate::json::{Map, Value};

use super::place::{Place, Step};
use super::{binding, contained, invariant, narrative, quote, suggestion, target};
use crate::fhir::primitive;
use crate::fhir::schema::{Definition, Element, Kind, Schema, TypeRef, r4};
use crate::problem::{Issue, Severity};

/// Steps, so that no value can exhaust the stack; what [`crate::fhir::parse()`] lets through has fewer.
const STEPS_MAX: usize = 256;

/// Most issues that are said one by one: a body of some megabytes can hold a million, each longer than what it is about.
const ISSUES_MAX: usize = 1_000;

pub(super) struct Walk<'a> {
    pub(super) schema: &'static Schema,
    pub(super) place: Place<'a>,
    pub(super) issues: Vec<Issue>,
    /// How many more there are, and whether one of them is an error.
    unsaid: (usize, bool),
    /// The resource that `contained` references look into, and that `%rootResource` means.
    pub(super) container: &'a Value,
    /// The resource that is being walked: `%resource`.
    pub(super) resource: &'a Value,
}

pub(super) fn check(resource: &Value) -> Vec<Issue> {
    let mut walk = Walk::over(resource);
    let name = resource.get("resourceType").and_then(Value::as_str).unwrap_or("Resource");
    walk.place.enter(Step::Name(name));
    walk.resource(resource);
    walk.into_issues(name)
}

impl<'a> Walk<'a> {
    fn over(resource: &'a Value) -> Self {
        let place = Place::default();
        Self { schema: r4(), place, issues: Vec::new(), unsaid: (0, false), container: resource, resource }
    }

    pub(super) fn fault(&mut self, code: &'static str, what: impl Into<String>) {
        self.note(Issue::error(code, what), |place| place.path());
    }

    /// Notes an issue, at a place that is told only if it is said.
    pub(super) fn note(&mut self, issue: Issue, place: impl FnOnce(&Place<'a>) -> String) {
        if self.issues.len() < ISSUES_MAX {
            self.issues.push(issue.at(place(&self.place)));
        } else {
            self.unsaid = (self.unsaid.0 + 1, self.unsaid.1 || issue.severity >= Severity::Error);
        }
    }

    /// All issues, the last one saying how many more there are: an error, if there is an error among them.
    fn into_issues(mut self, name: &str) -> Vec<Issue> {
        let (unsaid, has_error) = self.unsaid;
        if unsaid > 0 {
            let make = if has_error { Issue::error } else { Issue::warning };
            self.issues.push(make("too-costly", format!("{unsaid} more issues are not listed")).at(name));
        }
        self.issues
    }

    fn resource(&mut self, value: &'a Value) {
        let Value::Object(object) = value else {
            return self.fault("structure", "a resource is expected, as a JSON object");
        };
        let Some(name) = object.get("resourceType").and_then(Value::as_str) else {
            return self.fault("required", "resourceType is required, as a string");
        };
        match self.schema.definition(name).filter(|_| self.schema.is_resource(name)) {
            Some(definition) => {
                self.members(definition, object);
                contained::check(self, value);
                invariant::check(self, definition, value);
            }
            None => {
                let near = suggestion::for_resource(name);
                let what = format!("resourceType {} is no resource type of FHIR R4", quote::text(name));
                self.fault("structure", join(&what, &near));
            }
        }
    }

    /// A resource within the resource: contained ones share the container, those of a Bundle stand alone.
    fn inner_resource(&mut self, element: &Element, value: &'a Value) {
        let outer = (self.container, self.resource);
        if element.name != "contained" {
            self.container = value;
        }
        self.resource = value;
        self.resource(value);
        (self.container, self.resource) = outer;
    }

    fn members(&mut self, definition: &'static Definition, object: &'a Map) {
        let mut seen = 0_u128;
        let extras = object.keys().any(|key| key.starts_with('_'));
        for (key, value) in object {
            let (name, value, extra) = match key.strip_prefix('_') {
                _ if key == "resourceType" && definition.kind == Kind::Resource => continue,
                Some(bare) if object.contains_key(bare) => continue,
                Some(bare) => (bare, None, Some(value)),
                None if extras => (key, Some(value), object.get(&format!("_{key}"))),
                None => (key, Some(value), None),
            };
            let Some(found) = definition.key(name) else {
                self.unknown(definition, key);
                continue;
            };
            let element = &definition.elements[found.element];
            let kind = &element.types[found.kind];
            self.place.enter(Step::Name(element.name));
            if seen & (1 << found.element) != 0 {
                self.fault(
                    "structure",
                    format!("{}[x] is given in two types; one is expected", element.name),
                );
            }
            seen |= 1 << found.element;
            if extra.is_some() && kind.kind != Kind::Primitive {
                self.fault("structure", format!("_{name} has no meaning: only primitive elements have it"));
            } else {
                self.element(element, kind, value, extra);
            }
            self.place.leave();
        }
        self.missing(definition, seen);
    }

    fn unknown(&mut self, definition: &Definition, key: &str) {
        let near = suggestion::for_element(definition, key);
        let what = join(&format!("{} has no element of this name", definition.name), &near);
        self.note(Issue::error("structure", what), |place| place.child(key));
    }

    fn missing(&mut self, definition: &Definition, seen: u128) {
        if definition.required & !seen == 0 {
            return;
        }
        for (index, element) in definition.elements.iter().enumerate() {
            if element.required && seen & (1 << index) == 0 {
                let name =
                    if element.choice { format!("{}[x]", element.name) } else { element.name.to_owned() };
                let what = format!("{name} is required in {}", definition.name);
                self.note(Issue::error("required", what), |place| place.child(element.name));
            }
        }
    }

    fn element(
        &mut self,
        element: &'static Element,
        kind: &'static TypeRef,
        value: Option<&'a Value>,
        extra: Option<&'a Value>,
    ) {
        if !element.many {
            return self.single(element, kind, value, extra);
        }
        let (Some(values), Some(extras)) = (self.list(kind, value), self.list(kind, extra)) else { return };
        if value.is_some() && extra.is_some() && values.len() != extras.len() {
            self.fault("structure", "the list and its _ list are not of one length; null fills the gaps");
        }
        for index in 0..values.len().max(extras.len()) {
            self.place.enter(Step::Index(index));
            let value = values.get(index).filter(|value| !value.is_null());
            let extra = extras.get(index).filter(|extra| !extra.is_null());
            if value.is_none() && extra.is_none() {
                self.fault("structure", "null is no value: leave it out");
            } else {
                self.one(element, kind, value, extra);
            }
            self.place.leave();
        }
    }

    /// The members of a list; none when it is absent; `None` when it is no list.
    fn list(&mut self, kind: &TypeRef, value: Option<&'a Value>) -> Option<&'a [Value]> {
        match value {
            None => Some(&[]),
            Some(Value::Array(list)) => {
                if list.is_empty() {
                    self.fault("structure", "an empty list is no value: leave the element out");
                }
                Some(list)
            }
            Some(_) => {
                self.fault("structure", format!("a list of {} is expected: [ … ]", kind.name));
                None
            }
        }
    }

    fn single(
        &mut self,
        element: &'static Element,
        kind: &'static TypeRef,
        value: Option<&'a Value>,
        extra: Option<&'a Value>,
    ) {
        for given in [value, extra].into_iter().flatten() {
            match given {
                Value::Null => return self.fault("structure", "null is no value: leave the element out"),
                Value::Array(_) => {
                    return self.fault("structure", format!("one {} is expected, not a list", kind.name));
                }
                _ => {}
            }
        }
        self.one(element, kind, value, extra);
    }

    fn one(
        &mut self,
        element: &'static Element,
        kind: &'static TypeRef,
        value: Option<&'a Value>,
        extra: Option<&'a Value>,
    ) {
        if self.place.depth() > STEPS_MAX {
            return self.fault("too-long", "nested too deep to be checked");
        }
        match (kind.kind, value) {
            (Kind::Primitive, _) => self.primitive(element, kind, value, extra),
            (Kind::Resource, Some(value)) => self.inner_resource(element, value),
            (Kind::Complex | Kind::Backbone, Some(value)) => self.complex(element, kind, value),
            (_, None) => {}
        }
    }

    fn primitive(
        &mut self,
        element: &'static Element,
        kind: &'static TypeRef,
        value: Option<&'a Value>,
        extra: Option<&'a Value>,
    ) {
        if let Some(value) = value {
            match primitive::fault(kind.name, value) {
                Some(what) => {
                    self.fault("value", format!("{} is no {}: {what}", quote::value(value), kind.name))
                }
                None => {
                    binding::check_code(self, element, value);
                    target::check_canonical(self, kind, value);
                    if kind.name == "xhtml" {
                        narrative::check(self, value);
                    }
                }
            }
        }
        let Some(extra) = extra else { return };
        let Value::Object(object) = extra else {
            return self.fault("structure", "an object with id or extension is expected after _");
        };
        if let Some(definition) = self.schema.definition("Element") {
            self.members(definition, object);
        }
        if value.is_none() && !object.contains_key("extension") {
            self.fault("invariant", "ele-1: an element without value needs an extension");
        }
    }

    fn complex(&mut self, element: &'static Element, kind: &'static TypeRef, value: &'a Value) {
        let Value::Object(object) = value else {
            return self.fault("structure", format!("{} is expected, as a JSON object", kind.name));
        };
        if object.is_empty() || (object.len() == 1 && object.contains_key("id")) {
            return self.fault("invariant", "ele-1: an element needs a value or children: leave it out");
        }
        let Some(definition) = self.schema.definition(kind.name) else { return };
        self.members(definition, object);
        match kind.name {
            "Reference" => target::check_reference(self, kind, value),
            "Coding" | "CodeableConcept" => binding::check_concept(self, element, value),
            _ => {}
        }
        invariant::check(self, definition, value);
    }
}

fn join(what: &str, more: &str) -> String {
    if more.is_empty() { what.to_owned() } else { format!("{what}; {more}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn of_many_issues_the_last_one_tells_how_many_more() {
        let names = |count: usize| vec![json!({ "colour": "x" }); count];
        let told = |count: usize| check(&json!({ "resourceType": "Patient", "name": names(count) }));
        assert_eq!(told(ISSUES_MAX).len(), ISSUES_MAX);
        let issues = told(ISSUES_MAX + 50);
        assert_eq!(issues.len(), ISSUES_MAX + 1);
        assert_eq!(issues[ISSUES_MAX].diagnostics, "50 more issues are not listed");
        assert_eq!(issues[ISSUES_MAX].expression.as_deref(), Some("Patient"));
    }

    #[test]
    fn an_error_behind_many_warnings_is_an_error_still() {
        let resource = json!({ "resourceType": "Patient" });
        let mut walk = Walk::over(&resource);
        (0..=ISSUES_MAX).for_each(|_| walk.note(Issue::warning("invariant", "w"), |place| place.path()));
        walk.fault("structure", "e");
        let issues = walk.into_issues("Patient");
        assert_eq!(issues.len(), ISSUES_MAX + 1);
        assert!(crate::fhir::structure::has_error(&issues));
    }
}
