//! Where a parameter's values are: the plain forms of `FHIRPath` as direct walks, all others evaluated
//! (R4 `searchparameter.html`, `expression`).

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::json::Value;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::fhir::element::child;
use crate::fhir::reference::{self, ReferenceForm};
use crate::fhir::schema::{Schema, r4};
use crate::fhirpath::{self, Collection, Expression, Scope};
use crate::problem::Problem;

/// One alternative of an expression.
pub(super) struct Path {
    how: How,
    /// The system of the codes it leads to, where a required binding tells it.
    pub(super) system: Option<&'static str>,
    /// The types of what it leads to; empty when not known.
    pub(super) types: Vec<String>,
    /// As it was written, for comparison.
    pub(super) text: String,
}

impl std::fmt::Debug for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

enum How {
    Walk(Vec<Step>),
    Evaluate(Expression),
}

/// One step of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Into the child under one of these JSON names.
    Child(Vec<String>),
    /// On with references to that type only: `where(resolve() is Patient)`.
    RefersTo(String),
    /// On where a child is that text: `where(system='phone')`.
    Is(String, String),
}

/// A walk under way: the steps so far, and the types of where they lead.
struct Walk<'m> {
    schema: &'m Schema,
    steps: Vec<Step>,
    types: Vec<String>,
    /// Name of the choice element that the last step took, until a type is chosen.
    choice: Option<String>,
    value_set: Option<&'static str>,
}

impl Path {
    /// The alternatives of an expression on an element of that type.
    ///
    /// # Errors
    /// `Invalid` when one is no `FHIRPath`.
    pub(super) fn compile(root: &str, text: &str) -> Result<Vec<Self>, Problem> {
        alternatives(text).into_iter().map(|part| Self::one(root, part)).collect()
    }

    fn one(root: &str, text: &str) -> Result<Self, Problem> {
        let mut walk = Walk {
            schema: r4(),
            steps: Vec::new(),
            types: vec![root.to_owned()],
            choice: None,
            value_set: None,
        };
        if walk.read(root, text).is_some() {
            let system = walk.value_set.and_then(|set| r4().codes(set).next()).map(|(system, _)| system);
            return Ok(Self { how: How::Walk(walk.steps), system, types: walk.types, text: text.to_owned() });
        }
        let how = How::Evaluate(fhirpath::compile(text)?);
        Ok(Self { how, system: None, types: Vec::new(), text: text.to_owned() })
    }

    /// The members of a resource of which it needs one to find anything; `None` when that cannot be told.
    pub(super) fn first(&self) -> Option<&[String]> {
        match &self.how {
            How::Walk(steps) => match steps.first() {
                Some(Step::Child(names)) => Some(names),
                _ => None,
            },
            How::Evaluate(_) => None,
        }
    }

    /// Whether it is walked directly.
    #[cfg(test)]
    pub(super) fn is_direct(&self) -> bool {
        matches!(self.how, How::Walk(_))
    }

    /// Calls `visit` with each value; a fault of the expression finds nothing, as R4 wants it.
    pub(super) fn visit(&self, element: &Value, visit: &mut dyn FnMut(&Value)) {
        match &self.how {
            How::Walk(steps) => follow(element, steps, visit),
            How::Evaluate(expression) => {
                let focus = Collection::from_value(element);
                let Ok(found) = expression.evaluate(&focus, &Scope::new(r4(), moment().clone())) else {
                    return;
                };
                for item in found.iter() {
                    let value = item.node().map_or_else(|| Cow::Owned(item.to_value()), Cow::Borrowed);
                    visit(&value);
                }
            }
        }
    }
}

/// What is found by must not depend on when it is looked for: any moment is as good.
fn moment() -> &'static Zoned {
    static MOMENT: OnceLock<Zoned> = OnceLock::new();
    MOMENT.get_or_init(|| Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC))
}

fn follow(element: &Value, steps: &[Step], visit: &mut dyn FnMut(&Value)) {
    if let Value::Array(list) = element {
        list.iter().for_each(|item| follow(item, steps, visit));
        return;
    }
    let Some((step, rest)) = steps.split_first() else { return visit(element) };
    match step {
        Step::Child(names) => {
            if let Some(child) = names.iter().find_map(|name| child(element, name)) {
                follow(child, rest, visit);
            }
        }
        Step::RefersTo(rtype) if target_type(element) == Some(rtype) => follow(element, rest, visit),
        Step::Is(name, text) if child(element, name).and_then(Value::as_str) == Some(text) => {
            follow(element, rest, visit);
        }
        Step::RefersTo(_) | Step::Is(..) => {}
    }
}

/// The type that a reference names by its address, or by its `type` when it has no readable address.
fn target_type(reference: &Value) -> Option<&str> {
    let text = |name: &str| child(reference, name).and_then(Value::as_str);
    match text("reference").map(reference::parse) {
        Some(ReferenceForm::Local { rtype, .. } | ReferenceForm::Absolute { rtype: Some(rtype), .. }) => {
            Some(rtype)
        }
        _ => text("type"),
    }
}

impl Walk<'_> {
    /// Reads `Type.a.b`, `(Type.a as T).b`, `a.where(…)`; `None` for what is no plain walk.
    fn read(&mut self, root: &str, text: &str) -> Option<()> {
        let text = text.trim();
        if let Some(inner) = text.strip_prefix('(') {
            let close = closing(inner)?;
            let (inside, rest) = (&inner[..close], &inner[close + 1..]);
            match inside.rsplit_once(" as ") {
                Some((path, cast)) => {
                    self.read(root, path)?;
                    self.cast(cast.trim())?;
                }
                None => self.read(root, inside)?,
            }
            return if rest.is_empty() { Some(()) } else { self.dotted(rest.strip_prefix('.')?) };
        }
        match text.strip_prefix(root) {
            Some("") => Some(()),
            Some(rest) if rest.starts_with('.') => self.dotted(&rest[1..]),
            _ => self.dotted(text),
        }
    }

    fn dotted(&mut self, text: &str) -> Option<()> {
        for word in split(text, '.') {
            match word.split_once('(') {
                None => self.child(word)?,
                Some(("as" | "ofType", argument)) => self.cast(argument.strip_suffix(')')?)?,
                Some(("where", argument)) => self.filter(argument.strip_suffix(')')?)?,
                Some(_) => return None,
            }
        }
        Some(())
    }

    fn child(&mut self, name: &str) -> Option<()> {
        self.choice = None;
        let [parent] = self.types.as_slice() else { return None };
        let element = self.schema.definition(parent)?.elements.iter().find(|element| element.name == name)?;
        let types: Vec<String> = element.type_names.iter().map(|&name| name.to_owned()).collect();
        let names = if element.choice {
            self.choice = Some(name.to_owned());
            types.iter().map(|of| suffixed(name, of)).collect()
        } else {
            vec![name.to_owned()]
        };
        self.value_set = element.value_set;
        self.steps.push(Step::Child(names));
        self.types = types;
        Some(())
    }

    fn cast(&mut self, wanted: &str) -> Option<()> {
        let name = self.choice.take()?;
        if !self.types.iter().any(|known| known == wanted) {
            return None;
        }
        *self.steps.last_mut()? = Step::Child(vec![suffixed(&name, wanted)]);
        self.types = vec![wanted.to_owned()];
        Some(())
    }

    fn filter(&mut self, condition: &str) -> Option<()> {
        if let Some(rtype) = condition.strip_prefix("resolve() is ") {
            self.steps.push(Step::RefersTo(rtype.trim().to_owned()));
            return Some(());
        }
        let (name, text) = condition.split_once('=')?;
        let text = text.trim().strip_prefix('\'')?.strip_suffix('\'')?;
        let plain = |word: &str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !plain(name.trim()) || !plain(text) {
            return None;
        }
        self.steps.push(Step::Is(name.trim().to_owned(), text.to_owned()));
        Some(())
    }
}

/// `value` and `dateTime` as `valueDateTime`.
fn suffixed(name: &str, of: &str) -> String {
    let mut letters = of.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    name.chars().chain(first).chain(letters).collect()
}

/// Where the parenthesis that is already open closes.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1;
    for (n, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(n);
        }
    }
    None
}

/// The parts of a union, trimmed.
pub(super) fn alternatives(text: &str) -> Vec<&str> {
    split(text, '|').into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// Parts between separators that are in no parenthesis and no text.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0_usize, false);
    for (n, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '(' | '[' if !quoted => depth += 1,
            ')' | ']' if !quoted => depth = depth.saturating_sub(1),
            _ if c == separator && depth == 0 && !quoted => {
                parts.push(&text[start..n]);
                start = n + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use crate::json::json;

    use super::*;

    fn check(root: &str, text: &str, direct: bool, element: &Value, expected: &Value) {
        let paths = Path::compile(root, text).unwrap();
        assert!(paths.iter().all(|path| path.is_direct() == direct), "{text}");
        let mut found = Vec::new();
        paths.iter().for_each(|path| path.visit(element, &mut |value| found.push(value.clone())));
        assert_eq!(Value::from(found), *expected, "{text}");
    }

    #[test]
    fn plain_forms_are_walked() {
        let task = json!({"resourceType": "Task", "for": {"reference": "Group/1"}, "basedOn": [{"display": "a"}, {"display": "b"}]});
        check("Task", "Task.for.where(resolve() is Patient)", true, &task, &json!([]));
        check("Task", "Task.for.where(resolve() is Group)", true, &task, &json!([{"reference": "Group/1"}]));
        check("Task", "Task.basedOn.display", true, &task, &json!(["a", "b"]));
        let observation = json!({"resourceType": "Observation", "valueCodeableConcept": {"text": "t"}, "effectiveDateTime": "2026"});
        check(
            "Observation",
            "(Observation.value as string) | (Observation.value as CodeableConcept).text",
            true,
            &observation,
            &json!(["t"]),
        );
        check("Observation", "Observation.effective", true, &observation, &json!(["2026"]));
        check("Observation", "value.as(CodeableConcept).text", true, &observation, &json!(["t"]));
        let patient = json!({"resourceType": "Patient", "telecom": [{"system": "phone", "value": "1"}, {"system": "email", "value": "2"}]});
        check("Patient", "Patient.telecom.where(system='email').value", true, &patient, &json!(["2"]));
    }

    #[test]
    fn other_forms_are_evaluated() {
        let patient = json!({"resourceType": "Patient", "deceasedDateTime": "2026"});
        check(
            "Patient",
            "Patient.deceased.exists() and Patient.deceased != false",
            false,
            &patient,
            &json!([true]),
        );
    }

    #[test]
    fn codes_have_the_system_of_their_required_binding() {
        let system = |root: &str, text: &str| Path::compile(root, text).unwrap()[0].system;
        assert_eq!(system("Task", "Task.status"), Some("http://hl7.org/fhir/task-status"));
        assert_eq!(system("Task", "Task.code"), None);
    }

    #[test]
    fn a_fault_in_an_expression_is_told() {
        assert!(Path::compile("Task", "Task.for.where(").is_err());
    }
}
