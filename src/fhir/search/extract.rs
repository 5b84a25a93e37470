//! What a resource is found by: the values at the paths of its type's parameters.

use serde_json::Value;

use super::{Column, Kind, Parameter, instant, parameters};
use crate::fhir::reference::{self, ReferenceForm};

/// One value to index.
#[derive(Clone, PartialEq)]
pub struct Entry {
    /// Under this parameter.
    pub parameter: &'static Parameter,
    /// The value.
    pub found: Found,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entry({})", self.parameter.name)
    }
}

/// A value as it is compared.
#[derive(Clone, PartialEq, Eq)]
pub enum Found {
    /// A code or an identifier; the system is empty where there is none.
    Token {
        /// Of the code.
        system: String,
        /// The code, or an identifier's value.
        code: String,
    },
    /// `Patient/1` without version, or an absolute address.
    Reference(String),
    /// The address of a definition.
    Canonical {
        /// Without the version.
        url: String,
        /// Empty where there is none.
        version: String,
    },
    /// Microseconds since 1970, the end excluded.
    Date {
        /// First microsecond; the least number for an open beginning.
        low: i64,
        /// First microsecond after; the greatest number for an open end.
        high: i64,
    },
    /// As it is written.
    Text(String),
    /// As it is written.
    Uri(String),
}

/// Everything that a resource is found by, `_id` and `_lastUpdated` apart: a store has these already.
///
/// What has no readable value is not indexed; structure checks are made before.
#[must_use]
pub fn index(resource: &Value) -> Vec<Entry> {
    let rtype = resource.get("resourceType").and_then(Value::as_str).unwrap_or_default();
    let mut entries = Vec::new();
    for parameter in parameters(rtype) {
        if matches!(parameter.column, Some(Column::Id | Column::LastUpdated)) {
            continue;
        }
        let first = entries.len();
        for path in parameter.paths.split(" | ") {
            walk(resource, path, &mut |element| read(parameter, element, &mut entries));
        }
        drop_repeats(&mut entries, first);
    }
    entries
}

fn drop_repeats(entries: &mut Vec<Entry>, first: usize) {
    let mut n = first;
    while n < entries.len() {
        if entries[first..n].iter().any(|earlier| earlier.found == entries[n].found) {
            entries.swap_remove(n);
        } else {
            n += 1;
        }
    }
}

fn walk(element: &Value, path: &str, visit: &mut dyn FnMut(&Value)) {
    if let Value::Array(list) = element {
        list.iter().for_each(|item| walk(item, path, visit));
    } else if path.is_empty() {
        visit(element);
    } else {
        let (name, rest) = path.split_once('.').unwrap_or((path, ""));
        if let Some(child) = element.get(name) {
            walk(child, rest, visit);
        }
    }
}

fn read(parameter: &'static Parameter, element: &Value, entries: &mut Vec<Entry>) {
    let mut add = |found| entries.push(Entry { parameter, found });
    match parameter.kind {
        Kind::Token => tokens(parameter, element, &mut add),
        Kind::Reference => {
            if let Some(target) = reference_target(parameter, element) {
                add(Found::Reference(target));
            }
        }
        Kind::Canonical => {
            if let Some(text) = element.as_str() {
                let (url, version) = text.split_once('|').unwrap_or((text, ""));
                add(Found::Canonical { url: url.to_owned(), version: version.to_owned() });
            }
        }
        Kind::Date => {
            if let Some((low, high)) = instant::of(element) {
                add(Found::Date { low, high });
            }
        }
        Kind::String => texts(element, &mut add),
        Kind::Uri => {
            if let Some(text) = element.as_str() {
                add(Found::Uri(text.to_owned()));
            }
        }
    }
}

/// Codes, booleans, `Coding`, `CodeableConcept`, `Identifier` and `ContactPoint`, told apart by their shape.
fn tokens(parameter: &Parameter, element: &Value, add: &mut dyn FnMut(Found)) {
    let text = |name: &str| element.get(name).and_then(Value::as_str);
    let plain = match element {
        Value::String(code) => Some(code.clone()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    };
    if let Some(code) = plain {
        add(Found::Token { system: parameter.system.unwrap_or_default().to_owned(), code });
    } else if let Some(Value::Array(codings)) = element.get("coding") {
        codings.iter().for_each(|coding| tokens(parameter, coding, add));
    } else if let Some(code) = text("code").or_else(|| text("value")) {
        let system = text("system").unwrap_or_default().to_owned();
        add(Found::Token { system, code: code.to_owned() });
    }
}

/// The target of a literal reference of a type that the parameter takes; a version is dropped.
fn reference_target(parameter: &Parameter, element: &Value) -> Option<String> {
    let text = element.get("reference")?.as_str()?;
    let fits = |rtype: &str| parameter.targets.is_empty() || parameter.targets.contains(&rtype);
    match reference::parse(text) {
        ReferenceForm::Local { rtype, id, .. } if fits(rtype) => Some(format!("{rtype}/{id}")),
        ReferenceForm::Absolute { base, rtype: Some(rtype), id: Some(id), .. } if fits(rtype) => {
            Some(format!("{base}/{rtype}/{id}"))
        }
        ReferenceForm::Absolute { url, rtype: None, .. } if parameter.targets.is_empty() => {
            Some(url.to_owned())
        }
        ReferenceForm::Urn(urn) => Some(urn.to_owned()),
        _ => None,
    }
}

/// Texts, and the parts of `HumanName` and `Address`.
fn texts(element: &Value, add: &mut dyn FnMut(Found)) {
    const PARTS: [&str; 11] = [
        "text",
        "family",
        "given",
        "prefix",
        "suffix",
        "line",
        "city",
        "district",
        "state",
        "postalCode",
        "country",
    ];
    if let Some(text) = element.as_str() {
        add(Found::Text(text.to_owned()));
        return;
    }
    for part in PARTS {
        if let Some(value) = element.get(part) {
            walk(value, "", &mut |text| {
                if let Some(text) = text.as_str() {
                    add(Found::Text(text.to_owned()));
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(resource: &Value, expected: &[&str]) {
        let mut found: Vec<_> = index(resource).iter().map(show).collect();
        found.sort();
        assert_eq!(found, expected);
    }

    fn show(entry: &Entry) -> String {
        let value = match &entry.found {
            Found::Token { system, code } => format!("{system}|{code}"),
            Found::Canonical { url, version } => format!("{url}|{version}"),
            Found::Date { low, high } => format!("{low}..{high}"),
            Found::Reference(text) | Found::Text(text) | Found::Uri(text) => text.clone(),
        };
        format!("{}={value}", entry.parameter.name)
    }

    #[test]
    fn a_task_is_found_by_what_the_team_asks_for() {
        let task = json!({
            "resourceType": "Task", "status": "requested", "intent": "order", "priority": "urgent",
            "code": {"coding": [{"system": "urn:codes", "code": "appel"}]},
            "for": {"reference": "Patient/p1/_history/3"},
            "owner": {"reference": "https://dpi.example/fhir/Practitioner/7"},
            "focus": {"reference": "QuestionnaireResponse/q1"},
            "authoredOn": "1970-01-01T00:00:01Z"
        });
        check(
            &task,
            &[
                "authored-on=1000000..2000000",
                "code=urn:codes|appel",
                "focus=QuestionnaireResponse/q1",
                "intent=http://hl7.org/fhir/task-intent|order",
                "owner=https://dpi.example/fhir/Practitioner/7",
                "patient=Patient/p1",
                "priority=http://hl7.org/fhir/request-priority|urgent",
                "status=http://hl7.org/fhir/task-status|requested",
                "subject=Patient/p1",
            ],
        );
    }

    #[test]
    fn a_patient_parameter_takes_patients_only() {
        let flag = json!({"resourceType": "Flag", "subject": {"reference": "Group/g"}});
        check(&flag, &["subject=Group/g"]);
    }

    #[test]
    fn a_canonical_is_split_and_repeats_are_dropped() {
        let response = json!({
            "resourceType": "QuestionnaireResponse", "questionnaire": "https://q.example/a|1.0.0",
            "basedOn": [{"reference": "CarePlan/c"}, {"reference": "CarePlan/c"}]
        });
        check(&response, &["based-on=CarePlan/c", "questionnaire=https://q.example/a|1.0.0"]);
    }

    #[test]
    fn a_name_is_found_by_each_of_its_parts() {
        let patient = json!({"resourceType": "Patient", "active": true,
            "name": [{"family": "PAT-TROIS", "given": ["DOMINIQUE", "ANNE"]}]});
        check(
            &patient,
            &[
                "active=|true",
                "family=PAT-TROIS",
                "given=ANNE",
                "given=DOMINIQUE",
                "name=ANNE",
                "name=DOMINIQUE",
                "name=PAT-TROIS",
            ],
        );
    }
}
