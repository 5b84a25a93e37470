//! FHIRPath Patch (<https://hl7.org/fhir/R4/fhirpatch.html>): add, insert, delete, replace, move.

use crate::json::{Map, Value};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::meaning;
use super::whole::{self, Whole, with};
use crate::fhir::schema::{self, Element};
use crate::fhir::{element, structure};
use crate::fhirpath::{self, Collection, Scope};
use crate::problem::{Category, Issue, Problem};

/// Applies every operation in order; each sees what those before it made.
///
/// # Errors
/// `Malformed` when the Parameters are no patch, `Invalid` where they must be understood in a way that is not known here, and with the operation that cannot be applied. The resource is then
/// half changed, and of no use.
pub(super) fn apply(resource: &mut Value, parameters: &Value, now: Timestamp) -> Result<(), Problem> {
    if element::resource_type(parameters) != Some("Parameters") {
        return Err(malformed("the body of a FHIRPath Patch is a Parameters resource"));
    }
    let faults: Vec<Issue> = structure::check(parameters);
    if super::super::incoming::hinders(&faults) {
        return Err(Problem::with(Category::Malformed, faults));
    }
    meaning::plain_parameters(parameters)?;
    for (n, parameter) in element::list(parameters, "parameter").enumerate() {
        let place = format!("Parameters.parameter[{n}]");
        if parameter["name"] != "operation" {
            return Err(malformed("a FHIRPath Patch has no parameters but 'operation'").at(&place));
        }
        let operation = Operation { parts: element::list(parameter, "part").collect(), now };
        operation.apply(resource).map_err(|problem| problem.at(&place))?;
    }
    whole::prune(resource);
    Ok(())
}

/// One operation.
struct Operation<'a> {
    parts: Vec<&'a Value>,
    now: Timestamp,
}

impl Operation<'_> {
    fn part(&self, name: &str) -> Option<&Value> {
        self.parts.iter().copied().find(|part| part["name"] == name)
    }

    fn text(&self, name: &str) -> Result<&str, Problem> {
        let members = self.part(name).and_then(Value::as_object);
        let part = members.and_then(|members| {
            members.iter().find(|(key, _)| key.starts_with("value")).and_then(|(_, value)| value.as_str())
        });
        part.ok_or_else(|| malformed(format!("the part '{name}' is missing or is no text")))
    }

    fn number(&self, name: &str) -> Result<usize, Problem> {
        let number = self.part(name).and_then(|part| part["valueInteger"].as_u64());
        number
            .and_then(|number| usize::try_from(number).ok())
            .ok_or_else(|| malformed(format!("the part '{name}' is missing or is no valueInteger from 0 on")))
    }

    fn apply(&self, resource: &mut Value) -> Result<(), Problem> {
        match self.text("type")? {
            "add" => self.add(resource),
            "insert" => {
                let (list, length) = self.list(resource)?;
                let index = self.number("index")?;
                if index > length {
                    return Err(invalid(format!(
                        "there are {length} elements: index {index} is beyond them"
                    )));
                }
                let value = self.value(resource, &list)?;
                whole::add(resource, &with(&list, index), value)
            }
            "delete" => match self.single(resource)? {
                Some(place) => {
                    whole::remove(resource, &place)?;
                    without_empty(resource, &place);
                    Ok(())
                }
                None => Ok(()),
            },
            "replace" => {
                let place = self.single(resource)?.ok_or_else(|| invalid("nothing is at the path"))?;
                self.replace(resource, &place)
            }
            "move" => {
                let (list, length) = self.list(resource)?;
                let (from, to) = (self.number("source")?, self.number("destination")?);
                if from >= length || to >= length {
                    return Err(invalid(format!("there are {length} elements: from 0 to {}", length - 1)));
                }
                let moved = whole::remove(resource, &with(&list, from))?;
                whole::add(resource, &with(&list, to), moved)
            }
            other => Err(malformed(format!("'{other}' is none of add, insert, delete, replace, move"))),
        }
    }

    /// Adds an element: to the end of its list, where it is one.
    fn add(&self, resource: &mut Value) -> Result<(), Problem> {
        let parent = self.single(resource)?.ok_or_else(|| invalid("nothing is at the path"))?;
        let name = self.text("name")?;
        let target = child(resource, &parent, name)?;
        let kind = self.part("value").and_then(Whole::of).map(|(kind, _)| kind.to_owned());
        let key = match (target.choice, kind) {
            (true, Some(kind)) => format!("{}{kind}", target.name),
            _ => target.name.to_owned(),
        };
        let mut place = parent;
        place.push(key);
        let value = self.value(resource, &place)?;
        if !target.many {
            if target.choice || resource.pointer(&text_of(&place)).is_some() {
                self.refuse_second(resource, &place, &target)?;
            }
            return whole::add(resource, &place, value);
        }
        place.push("-".to_owned());
        whole::add(resource, &place, value)
    }

    /// An element that may be there once, and is.
    fn refuse_second(&self, resource: &Value, place: &[String], target: &Element) -> Result<(), Problem> {
        let Some((_, parent)) = place.split_last() else { return Ok(()) };
        let there = resource.pointer(&text_of(parent)).and_then(Value::as_object).is_some_and(|members| {
            let is_it = |key: &str| {
                key.strip_prefix(target.name).is_some_and(|rest| {
                    rest.is_empty() || (target.choice && rest.starts_with(|c: char| c.is_ascii_uppercase()))
                })
            };
            members.keys().any(is_it)
        });
        if there { Err(invalid(format!("{} is there already: replace it", target.name))) } else { Ok(()) }
    }

    /// Puts another value there; the type of a choice may change with it.
    fn replace(&self, resource: &mut Value, place: &[String]) -> Result<(), Problem> {
        let value = self.value(resource, place)?;
        let (Some((key, parent)), Some((kind, _))) =
            (place.split_last(), self.part("value").and_then(Whole::of))
        else {
            whole::remove(resource, place)?;
            return whole::add(resource, place, value);
        };
        let choice = key_of(resource, parent, key).filter(|target| target.choice);
        let renamed = choice.map_or_else(|| key.clone(), |target| format!("{}{kind}", target.name));
        whole::remove(resource, place)?;
        let mut to = parent.to_vec();
        to.push(renamed);
        whole::add(resource, &to, value)
    }

    /// The value of the operation: `value[x]`, or `part` for an element that has no datatype of its own.
    fn value(&self, resource: &Value, place: &[String]) -> Result<Whole, Problem> {
        let part = self.part("value").ok_or_else(|| malformed("the part 'value' is missing"))?;
        if let Some((_, value)) = Whole::of(part) {
            return Ok(value);
        }
        let named: Vec<String> =
            place.iter().filter(|token| token.parse::<usize>().is_err()).cloned().collect();
        let path = type_of(resource, place).unwrap_or_else(|| named.join("."));
        built(part, &path).map(Whole::plain)
    }

    /// Where the path leads: to one element, or to none.
    fn single(&self, resource: &Value) -> Result<Option<Vec<String>>, Problem> {
        let mut found = self.found(resource)?;
        if found.len() > 1 {
            return Err(invalid(format!("the path leads to {} elements; one is meant", found.len())));
        }
        Ok(found.pop())
    }

    /// The list that the path leads to, and its length.
    fn list(&self, resource: &Value) -> Result<(Vec<String>, usize), Problem> {
        let found = self.found(resource)?;
        let mut lists: Vec<&[String]> =
            found.iter().filter_map(|place| place.split_last()).map(|(_, list)| list).collect();
        lists.dedup();
        if let [list] = lists[..]
            && let Some(Value::Array(elements)) = resource.pointer(&text_of(list))
        {
            return Ok((list.to_vec(), elements.len()));
        }
        Err(invalid("the path does not lead to one list with elements"))
    }

    fn found(&self, resource: &Value) -> Result<Vec<Vec<String>>, Problem> {
        let text = self.text("path")?;
        let expression = fhirpath::compile(text)?;
        let focus = Collection::from_value(resource);
        let scope = Scope::new(schema::r4(), self.now.to_zoned(TimeZone::UTC));
        let found = expression.evaluate(&focus, &scope).map_err(|fault| invalid(fault.message))?;
        let mut places = Vec::new();
        for item in found.iter() {
            let node = item
                .node()
                .ok_or_else(|| invalid("the path leads to a computed value, not to an element"))?;
            let mut place = Vec::new();
            if !locate(resource, node, &mut place) {
                return Err(invalid("the path does not lead to an element of the resource"));
            }
            places.push(place);
        }
        Ok(places)
    }
}

/// Finds an element by where it lies in memory: evaluation borrows, so it is the very same.
fn locate(value: &Value, wanted: &Value, place: &mut Vec<String>) -> bool {
    if std::ptr::eq(value, wanted) {
        return true;
    }
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, member)| (name.to_owned(), member)).collect(),
        Value::Array(elements) => {
            elements.iter().enumerate().map(|(n, element)| (n.to_string(), element)).collect()
        }
        _ => return false,
    };
    for (token, child) in children {
        place.push(token);
        if locate(child, wanted, place) {
            return true;
        }
        place.pop();
    }
    false
}

/// The type of the element at a place: a type name, or the path of a backbone element.
fn type_of(resource: &Value, place: &[String]) -> Option<String> {
    let mut current = resource;
    let mut name = element::resource_type(resource)?.to_owned();
    for token in place {
        if let Ok(index) = token.parse::<usize>() {
            current = current.get(index).unwrap_or(&Value::Null);
            continue;
        }
        let definition = schema::r4().definition(&name)?;
        let key = definition.key(token)?;
        current = current.get(token).unwrap_or(&Value::Null);
        name = match current.get("resourceType").and_then(Value::as_str) {
            Some(contained) => contained.to_owned(),
            None => definition.elements.get(key.element)?.types.get(key.kind)?.name.to_owned(),
        };
    }
    Some(name)
}

fn key_of(resource: &Value, parent: &[String], key: &str) -> Option<&'static Element> {
    let definition = schema::r4().definition(&type_of(resource, parent)?)?;
    let found = definition.key(key)?;
    definition.elements.get(found.element)
}

/// The element that a type has under a name.
fn child(resource: &Value, parent: &[String], name: &str) -> Result<Element, Problem> {
    let kind = type_of(resource, parent).unwrap_or_default();
    named(&kind, name).ok_or_else(|| invalid(format!("{kind} has no element {name}")))
}

fn named(kind: &str, name: &str) -> Option<Element> {
    let definition = schema::r4().definition(kind)?;
    let plain = name.strip_suffix("[x]").unwrap_or(name);
    if let Some(element) = definition.elements.iter().find(|element| element.name == plain) {
        return Some(element.clone());
    }
    // As JSON spells a choice: the type is in the name already.
    let key = definition.key(name)?;
    let mut element = definition.elements.get(key.element)?.clone();
    element.choice = true;
    Some(element)
}

/// An element made of parts, each named after one of its children.
fn built(part: &Value, kind: &str) -> Result<Value, Problem> {
    let mut element = Value::Object(Map::new());
    for inner in element::list(part, "part") {
        let name = inner["name"].as_str().unwrap_or_default();
        let target = named(kind, name).ok_or_else(|| invalid(format!("{kind} has no element {name}")))?;
        let (key, value) = match Whole::of(inner) {
            Some((suffix, value)) if target.choice => (format!("{}{suffix}", target.name), value),
            Some((_, value)) => (target.name.to_owned(), value),
            None => {
                let inner_kind = target.types.first().map_or("", |kind| kind.name);
                (target.name.to_owned(), Whole::plain(built(inner, inner_kind)?))
            }
        };
        let place = if target.many { vec![key, "-".to_owned()] } else { vec![key] };
        whole::add(&mut element, &place, value)?;
    }
    if element.as_object().is_none_or(Map::is_empty) {
        Err(malformed("the part 'value' says nothing"))
    } else {
        Ok(element)
    }
}

/// FHIR has no empty lists.
fn without_empty(resource: &mut Value, place: &[String]) {
    if let Some((_, list)) = place.split_last()
        && resource.pointer(&text_of(list)).and_then(Value::as_array).is_some_and(Vec::is_empty)
        && let Some((name, parent)) = list.split_last()
        && let Some(Value::Object(members)) = resource.pointer_mut(&text_of(parent))
    {
        members.remove(name);
    }
}

pub(super) fn text_of(place: &[String]) -> String {
    place.iter().map(|token| format!("/{}", token.replace('~', "~0").replace('/', "~1"))).collect()
}

fn invalid(text: impl Into<String>) -> Problem {
    Problem::new(Category::Invalid, "processing", text)
}

fn malformed(text: impl Into<String>) -> Problem {
    Problem::new(Category::Malformed, "structure", text)
}

#[cfg(test)]
mod tests {
    use crate::json::json;

    use super::*;

    fn patched(operation: &[Value]) -> Result<Value, Problem> {
        let mut resource = json!({
            "resourceType": "Patient",
            "id": "p",
            "active": true,
            "name": [{"use": "official", "family": "PAT-TROIS", "given": ["A", "B", "C"]}, {"use": "nickname", "text": "x"}],
            "maritalStatus": {"text": "x"},
            "deceasedBoolean": false
        });
        let parameters =
            json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": operation}]});
        apply(&mut resource, &parameters, Timestamp::UNIX_EPOCH).map(|()| resource)
    }

    fn part(name: &str, kind: &str, value: Value) -> Value {
        json!({"name": name, (format!("value{kind}")): value})
    }

    fn operation(kind: &str, path: &str, more: Vec<Value>) -> Vec<Value> {
        let mut parts = vec![part("type", "Code", json!(kind)), part("path", "String", json!(path))];
        parts.extend(more);
        parts
    }

    fn check(operation: &[Value], pointer: &str, expected: Option<Value>) {
        let resource = patched(operation).unwrap();
        assert_eq!(resource.pointer(pointer), expected.as_ref(), "{operation:?}");
    }

    #[test]
    fn each_operation_does_what_it_says() {
        let name = |name: &str| part("name", "String", json!(name));
        let value = |kind: &str, value: Value| part("value", kind, value);
        let index = |name: &str, n: u64| part(name, "Integer", json!(n));
        check(
            &operation("add", "Patient", vec![name("birthDate"), value("Date", json!("1979-03-28"))]),
            "/birthDate",
            Some(json!("1979-03-28")),
        );
        check(
            &operation(
                "add",
                "Patient",
                vec![name("identifier"), value("Identifier", json!({"value": "1"}))],
            ),
            "/identifier",
            Some(json!([{"value": "1"}])),
        );
        check(
            &operation(
                "add",
                "Patient.name.where(use='nickname')",
                vec![name("given"), value("String", json!("D"))],
            ),
            "/name/1/given",
            Some(json!(["D"])),
        );
        check(
            &operation(
                "insert",
                "Patient.name[0].given",
                vec![value("String", json!("D")), index("index", 1)],
            ),
            "/name/0/given",
            Some(json!(["A", "D", "B", "C"])),
        );
        check(&operation("delete", "Patient.name.where(use='nickname')", vec![]), "/name/1", None);
        check(&operation("delete", "Patient.birthDate", vec![]), "/birthDate", None);
        check(&operation("delete", "Patient.maritalStatus.text", vec![]), "/maritalStatus", None);
        check(
            &operation("replace", "Patient.active", vec![value("Boolean", json!(false))]),
            "/active",
            Some(json!(false)),
        );
        check(
            &operation("replace", "Patient.name[0].given[2]", vec![value("String", json!("Z"))]),
            "/name/0/given/2",
            Some(json!("Z")),
        );
        check(
            &operation("move", "Patient.name[0].given", vec![index("source", 2), index("destination", 0)]),
            "/name/0/given",
            Some(json!(["C", "A", "B"])),
        );
    }

    #[test]
    fn a_choice_takes_the_type_of_its_value() {
        let at = part("value", "DateTime", json!("2026-01-12"));
        let replaced = patched(&operation("replace", "Patient.deceased", vec![at.clone()])).unwrap();
        assert_eq!(replaced["deceasedDateTime"], "2026-01-12");
        assert!(replaced.get("deceasedBoolean").is_none());
        let second = operation("add", "Patient", vec![part("name", "String", json!("deceased")), at]);
        assert!(patched(&second).unwrap_err().to_string().contains("already"));
    }

    #[test]
    fn an_element_without_a_datatype_is_made_of_parts() {
        let value = json!({"name": "value", "part": [
            {"name": "relationship", "valueCodeableConcept": {"text": "mother"}},
            {"name": "name", "valueHumanName": {"text": "X"}}
        ]});
        let parts = operation("add", "Patient", vec![part("name", "String", json!("contact")), value]);
        check(
            &parts,
            "/contact",
            Some(json!([{"relationship": [{"text": "mother"}], "name": {"text": "X"}}])),
        );
    }

    #[test]
    fn what_cannot_be_applied_is_named() {
        let told = |operation: &[Value]| patched(operation).unwrap_err().to_string();
        let value = part("value", "String", json!("x"));
        assert!(told(&operation("delete", "Patient.name", vec![])).contains("2 elements"));
        assert!(
            told(&operation("replace", "Patient.birthDate", vec![value.clone()])).contains("nothing is at")
        );
        let colour = operation("add", "Patient", vec![part("name", "String", json!("colour")), value]);
        assert!(told(&colour).contains("no element colour"));
        assert!(told(&operation("jump", "Patient", vec![])).contains("none of add"));
        assert!(told(&operation("delete", "Patient.name.(", vec![])).contains("1:"));
        assert!(told(&operation("delete", "1 + 1", vec![])).contains("computed"));
    }
}
