//! The trace of every rule, as extensions `rule-trace` of the Provenance.

use crate::json::Value;

use super::element::{Element, RULE_TRACE, extension};
use crate::judgement::{Evidence, Outcome, Truth};

/// What every rule did: in full for those that fired or could not be evaluated, by id for the others.
pub(super) fn trace(rules: &[Outcome]) -> Vec<Value> {
    let mut traces: Vec<Value> = rules.iter().filter_map(full).collect();
    traces.extend(compact(rules, &Truth::False, "not-fired"));
    traces.extend(compact(rules, &Truth::NotRun, "not-run"));
    traces
}

fn full(rule: &Outcome) -> Option<Value> {
    let (result, reason) = match &rule.result {
        Truth::True => ("fired", None),
        Truth::NotEvaluable(reason) => ("not-evaluable", Some(reason.as_str())),
        Truth::False | Truth::NotRun => return None,
    };
    let action = &rule.action;
    let mut parts = vec![
        extension("action", "valueString", action.id.clone()),
        extension("rule", "valueCode", action.rule.clone()),
        extension("level", "valueCode", action.level.code()),
        extension("result", "valueCode", result),
    ];
    let symptom = action.symptom.as_ref();
    parts.extend(symptom.map(|symptom| extension("symptom", "valueCode", symptom.code.clone())));
    parts.extend(text("title", Some(&action.title)));
    parts.extend(text("reason", reason));
    parts.extend(text("threshold", action.threshold.as_deref()));
    parts.extend(text("source", action.source.as_deref()));
    parts.extend(rule.evidence.iter().map(|one| evidence(one)));
    Some(complex(RULE_TRACE, parts))
}

fn evidence(evidence: &Evidence) -> Value {
    let parts: Vec<Value> = [
        text("linkId", Some(&evidence.link_id)),
        text("text", Some(&evidence.text)),
        text("answer", evidence.answer.as_deref()),
        text("previous", evidence.previous.as_deref()),
        text("place", Some(&evidence.place)),
    ]
    .into_iter()
    .flatten()
    .collect();
    complex("evidence", parts)
}

/// A string part; FHIR has no empty strings.
fn text(url: &'static str, value: Option<&str>) -> Option<Value> {
    value.filter(|value| !value.is_empty()).map(|value| extension(url, "valueString", value.to_owned()))
}

fn compact(rules: &[Outcome], result: &Truth, code: &'static str) -> Option<Value> {
    let mut parts = vec![extension("result", "valueCode", code)];
    let of_result = rules.iter().filter(|rule| rule.result == *result);
    parts.extend(of_result.map(|rule| extension("action", "valueString", rule.action.id.clone())));
    (parts.len() > 1).then(|| complex(RULE_TRACE, parts))
}

fn complex(url: &'static str, parts: Vec<Value>) -> Value {
    Element::new(2).with("url", url).with("extension", parts).into()
}
