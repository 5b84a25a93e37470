//! The trace of every rule, as extensions `rule-trace` of the Provenance.

use serde_json::{Value, json};

use super::element::{extension_url, part};
use super::input::{Evidence, RuleOutcome, RuleResult};

/// What every rule did: in full for those that fired or could not be evaluated, by id for the others.
pub(super) fn trace(rules: &[RuleOutcome]) -> Vec<Value> {
    let mut traces: Vec<Value> = rules.iter().filter_map(full).collect();
    traces.extend(compact(rules, &RuleResult::NotFired, "not-fired"));
    traces.extend(compact(rules, &RuleResult::NotRun, "not-run"));
    traces
}

fn full(rule: &RuleOutcome) -> Option<Value> {
    let (result, reason) = match &rule.result {
        RuleResult::Fired => ("fired", None),
        RuleResult::NotEvaluable(reason) => ("not-evaluable", Some(reason.as_str())),
        RuleResult::NotFired | RuleResult::NotRun => return None,
    };
    let mut parts = vec![
        part("action", "String", rule.action_id.as_str()),
        part("rule", "Code", rule.rule.as_str()),
        part("level", "Code", rule.level.code()),
        part("result", "Code", result),
    ];
    let symptom = rule.symptom.as_ref().map(|symptom| part("symptom", "Code", symptom.code.as_str()));
    parts.extend(symptom);
    parts.extend(text("title", Some(&rule.title)));
    parts.extend(text("reason", reason));
    parts.extend(text("threshold", rule.threshold.as_deref()));
    parts.extend(text("source", rule.source.as_deref()));
    parts.extend(rule.evidence.iter().map(evidence));
    Some(json!({ "url": extension_url("rule-trace"), "extension": parts }))
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
    json!({ "url": "evidence", "extension": parts })
}

/// A string part; FHIR has no empty strings.
fn text(url: &str, value: Option<&str>) -> Option<Value> {
    value.filter(|value| !value.is_empty()).map(|value| part(url, "String", value))
}

fn compact(rules: &[RuleOutcome], result: &RuleResult, code: &str) -> Option<Value> {
    let mut parts = vec![part("result", "Code", code)];
    let of_result = rules.iter().filter(|rule| rule.result == *result);
    parts.extend(of_result.map(|rule| part("action", "String", rule.action_id.as_str())));
    (parts.len() > 1).then(|| json!({ "url": extension_url("rule-trace"), "extension": parts }))
}
