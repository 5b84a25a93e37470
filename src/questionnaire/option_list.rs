//! Reading the options of an item: `answerOption`, a value set by address, or a contained one
//! (que-4, que-5; `answerConstraint` of R5 as an extension).

use crate::json::{Value, json};

use super::extension::{self, ANSWER_CONSTRAINT, list, text};
use super::item::{AnswerType, ItemType};
use super::options::{AnswerOption, Openness, Options};
use crate::problem::Issue;
use crate::terminology::Terminology;

/// The options of one item; `None` when any answer of its type will do.
pub(crate) fn read(
    questionnaire: &Value,
    element: &Value,
    at: &str,
    kind: ItemType,
    terminology: &Terminology,
    faults: &mut Vec<Issue>,
) -> Option<Box<Options>> {
    let mut fault = |code, message: String, at: String| faults.push(Issue::error(code, message).at(at));
    let written = list(element, "answerOption");
    let address = text(element, "answerValueSet");
    if !written.is_empty() && address.is_some() {
        fault(
            "business-rule",
            "answerOption and answerValueSet exclude each other (que-4)".to_owned(),
            at.to_owned(),
        );
    }
    if address.is_some() && !kind.is_choice() {
        let message = format!("answerValueSet does not go with type {} (que-5)", kind.code());
        fault("business-rule", message, format!("{at}.answerValueSet"));
    }
    if kind.is_choice() && written.is_empty() && address.is_none() {
        fault("business-rule", "a choice needs answerOption or answerValueSet".to_owned(), at.to_owned());
    }
    let mut options = Vec::new();
    for (position, element) in written.iter().enumerate() {
        let at = format!("{at}.answerOption[{position}]");
        if !list(element, "modifierExtension").is_empty() {
            fault("extension", "modifier extensions are not supported here".to_owned(), at.clone());
        }
        match AnswerOption::read(element) {
            None => {
                fault("required", "an option needs a value[x] of a type that answers have".to_owned(), at)
            }
            Some(option) if !kind.allows_option(option.kind) => {
                let message =
                    format!("value{} is no option of an item of type {}", option.kind.suffix(), kind.code());
                fault("business-rule", message, at);
            }
            Some(option) if option.kind == AnswerType::Coding && text(&option.value, "code").is_none() => {
                fault("required", "an option needs a code".to_owned(), at);
            }
            Some(option) => options.push(option),
        }
    }
    let value_set = address.and_then(|address| {
        let known = match address.strip_prefix('#') {
            Some(id) => contained(questionnaire, id).map(|found| options.extend(found)).map(|()| None),
            None => terminology.knows(address).then(|| Some(address.to_owned())),
        };
        if known.is_none() {
            let message = format!("value set {address} is not known here");
            fault("not-found", message, format!("{at}.answerValueSet"));
        }
        known.flatten()
    });
    let openness = openness(element, kind);
    let none = options.is_empty() && value_set.is_none();
    (!none).then(|| Box::new(Options { list: options, value_set, openness }))
}

fn openness(element: &Value, kind: ItemType) -> Openness {
    match extension::value(element, ANSWER_CONSTRAINT).and_then(Value::as_str) {
        Some("optionsOnly") => Openness::Closed,
        Some("optionsOrType") => Openness::OrType,
        Some("optionsOrString") => Openness::OrString,
        _ if kind == ItemType::OpenChoice => Openness::OrString,
        _ => Openness::Closed,
    }
}

/// The concepts of a contained value set, from its expansion or its enumerated composition.
fn contained(questionnaire: &Value, id: &str) -> Option<Vec<AnswerOption>> {
    let set = list(questionnaire, "contained").iter().find(|resource| {
        text(resource, "id") == Some(id) && text(resource, "resourceType") == Some("ValueSet")
    })?;
    let mut found = Vec::new();
    if let Some(expansion) = set.get("expansion") {
        flatten(list(expansion, "contains"), None, &mut found);
    } else {
        for include in list(set.get("compose")?, "include") {
            if list(include, "concept").is_empty() {
                return None;
            }
            flatten(list(include, "concept"), text(include, "system"), &mut found);
        }
    }
    (!found.is_empty()).then_some(found)
}

fn flatten(concepts: &[Value], system: Option<&str>, found: &mut Vec<AnswerOption>) {
    for concept in concepts {
        let mut coding = json!({});
        if let Some(system) = text(concept, "system").or(system) {
            coding["system"] = json!(system);
        }
        for name in ["code", "display", "extension"] {
            if let Some(value) = concept.get(name) {
                coding[name] = value.clone();
            }
        }
        if coding.get("code").is_some() {
            found.extend(AnswerOption::read(&json!({ "valueCoding": coding })));
        }
        flatten(list(concept, "contains"), system, found);
    }
}
