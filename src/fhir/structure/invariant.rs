//! The invariants of the standard (<https://hl7.org/fhir/R4/conformance-rules.html#constraints>).
//!
//! Each is stated in `FHIRPath` and evaluated so, but for those that the walk checks by itself and the few that
//! stand on nearly every element, which are spelled out here and tested against their `FHIRPath`.

use std::cmp::Ordering;

use crate::json::Value;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::place::Step;
use super::walk::Walk;
use crate::fhir::datetime::PartialDateTime;
use crate::fhir::element;
use crate::fhir::schema::{Definition, Invariant};
use crate::fhirpath::{Collection, Fault, Scope};
use crate::problem::Issue;

#[cfg(test)]
mod tests;

/// Where no answer means no: they compare an optional Boolean with true.
///
/// Elsewhere an empty result breaks nothing: bdl-8 has none for an entry without `fullUrl`, ras-2 none without
/// a probability, rng-2 none for units that cannot be compared.
const EMPTY_IS_FALSE: &[&str] = &["grp-1", "que-13", "vsd-9"];

/// How an invariant is judged.
enum Judge {
    /// The walk has said it, or it is good practice only (dom-6).
    Elsewhere,
    /// Spelled out.
    Native(fn(&Value) -> bool),
    /// By its expression.
    Expression,
}

fn judge(key: &str) -> Judge {
    match key {
        "ele-1" | "dom-2" | "dom-3" | "dom-4" | "dom-5" | "dom-6" | "ref-1" | "txt-1" | "txt-2" => {
            Judge::Elsewhere
        }
        "att-1" => Judge::Native(|v| !has(v, "data") || has(v, "contentType")),
        "cpt-2" => Judge::Native(|v| !has(v, "value") || has(v, "system")),
        "ext-1" => Judge::Native(|v| has(v, "extension") != has_value(v)),
        "per-1" => Judge::Native(period),
        "que-7" => Judge::Native(existence),
        "qrs-1" => Judge::Native(|v| !(has(v, "answer") && has(v, "item"))),
        "qty-3" => Judge::Native(|v| !has(v, "code") || has(v, "system")),
        _ if key.ends_with("-0") => Judge::Native(computable_name),
        _ => Judge::Expression,
    }
}

/// Judges every invariant of a type on one element.
pub(super) fn check<'a>(walk: &mut Walk<'a>, definition: &'static Definition, value: &'a Value) {
    for invariant in &definition.invariants {
        match judge(invariant.key) {
            Judge::Elsewhere => {}
            Judge::Native(holds) => {
                if !holds(value) {
                    broken(walk, invariant);
                }
            }
            Judge::Expression => match invariant.element {
                None => evaluate(walk, definition.name, invariant, value),
                Some(name) => each(walk, definition, invariant, name, value),
            },
        }
    }
}

/// An invariant that the standard states on a child element: judged on each of its values.
fn each<'a>(
    walk: &mut Walk<'a>,
    definition: &Definition,
    invariant: &'static Invariant,
    name: &'static str,
    value: &'a Value,
) {
    let Some(child) = definition.elements.iter().find(|element| element.name == name) else { return };
    walk.place.enter(Step::Name(name));
    for (index, value) in element::list(value, name).enumerate() {
        if child.many {
            walk.place.enter(Step::Index(index));
        }
        evaluate(walk, child.type_names.first().copied().unwrap_or_default(), invariant, value);
        if child.many {
            walk.place.leave();
        }
    }
    walk.place.leave();
}

fn evaluate<'a>(walk: &mut Walk<'a>, kind: &'static str, invariant: &'static Invariant, value: &'a Value) {
    let scope = Scope::new(walk.schema, Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC))
        .with("resource", Collection::from_value(walk.resource))
        .with("rootResource", Collection::from_value(walk.container));
    let truth = match invariant.compiled() {
        Ok(expression) => expression
            .evaluate(&Collection::from_element(value, kind), &scope)
            .and_then(|found| found.truth()),
        Err(problem) => Err(Fault { message: problem.to_string() }),
    };
    match truth {
        Ok(Some(true)) => {}
        Ok(None) if !EMPTY_IS_FALSE.contains(&invariant.key) => {}
        Ok(_) => broken(walk, invariant),
        // What is broken beneath has been said; it is also why the rule has no answer.
        Err(_) if super::has_error(&walk.issues) => {}
        Err(fault) => {
            let what = format!("{} could not be judged: {fault}", invariant.key);
            walk.note(Issue::warning("incomplete", what), |place| place.path());
        }
    }
}

fn broken(walk: &mut Walk<'_>, invariant: &Invariant) {
    let what = format!("{}: {}", invariant.key, invariant.human);
    let issue =
        if invariant.is_error { Issue::error("invariant", what) } else { Issue::warning("invariant", what) };
    walk.note(issue, |place| place.path());
}

fn has(value: &Value, name: &str) -> bool {
    value.get(name).is_some() || value.get(format!("_{name}")).is_some()
}

fn has_value(value: &Value) -> bool {
    value
        .as_object()
        .is_some_and(|object| object.keys().any(|key| key.trim_start_matches('_').starts_with("value")))
}

/// `matches` looks anywhere in the name, so this is what the rule about names of definitions comes to.
fn computable_name(value: &Value) -> bool {
    value.get("name").and_then(Value::as_str).is_none_or(|name| name.bytes().any(|b| b.is_ascii_uppercase()))
}

/// Whether an answer is there is asked with true or false: `answer is Boolean` means the FHIR type here.
fn existence(value: &Value) -> bool {
    let asked = value.get("operator").and_then(Value::as_str) == Some("exists");
    let keys = value.as_object().into_iter().flat_map(|object| object.keys());
    !asked || keys.filter(|key| key.starts_with("answer")).all(|key| key == "answerBoolean")
}

/// start is not after end, where both are there and can be told apart. A day has no offset: beside a time it is compared with
/// the day of the time as it is written, as `FHIRPath` does. A whole second beside a part of it stays open here; `FHIRPath`
/// takes it for the beginning of the second.
fn period(value: &Value) -> bool {
    let text = |name| value.get(name).and_then(Value::as_str);
    let (Some(start), Some(end)) = (text("start"), text("end")) else { return true };
    let day = |text| str::split(text, 'T').next().unwrap_or(text);
    let (start, end) =
        if start.contains('T') == end.contains('T') { (start, end) } else { (day(start), day(end)) };
    match (PartialDateTime::parse(start), PartialDateTime::parse(end)) {
        (Some(start), Some(end)) => start.compare(&end) != Some(Ordering::Greater),
        _ => true,
    }
}
