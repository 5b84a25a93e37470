//! Which rules fired and why: each `Flag` with the trace that its `Provenance` keeps.

use std::collections::BTreeMap;

use crate::json::Value;

use super::element::{names, own_extension, own_url, part, text, value_text, wording_of};
use super::{Level, Missing, french};
use crate::fhir::element::{code_of, list, local_reference};
use crate::terminology::{self, ALERT_LEVEL, ALERT_RULE};

/// A rule that fired, and why.
#[derive(Clone, PartialEq, Eq)]
pub struct Alert {
    /// How serious.
    pub level: Level,
    /// Number of the rule (`R32`), where known.
    pub rule: Option<String>,
    /// What the rule says, in French.
    pub title: String,
    /// The answers that explain it.
    pub evidence: Vec<Evidence>,
    /// The threshold, in French.
    pub threshold: Option<String>,
    /// Where the rule comes from.
    pub source: Option<String>,
    /// The day, `YYYY-MM-DD`, if known.
    pub on: Option<String>,
    /// An amended response took the alert back.
    pub withdrawn: bool,
    /// `Flag/id`.
    pub reference: String,
    /// What was asked for because of it and what came of that, a sentence each, in French.
    pub done: Vec<String>,
}

/// An answer that explains an alert.
#[derive(Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The question.
    pub question: String,
    /// The answer, if there is one.
    pub answer: Option<String>,
    /// The answer of the response before, if there was one.
    pub previous: Option<String>,
}

/// The alerts, the most serious first, then the latest.
pub(super) fn read(flags: &[&Value], provenances: &[&Value]) -> Vec<Alert> {
    let mut alerts: Vec<Alert> = flags
        .iter()
        .filter(|flag| text(flag, "status") != Some("entered-in-error"))
        .filter_map(|flag| alert(flag, provenances))
        .collect();
    alerts.sort_by(|one, other| {
        let key = |alert: &Alert| (rank(&alert.level), alert.on.clone());
        key(other).cmp(&key(one))
    });
    alerts
}

/// The rules that could not be evaluated, with the reason; of an amended response only the last evaluation counts.
pub(super) fn not_evaluable(provenances: &[&Value]) -> Vec<Missing> {
    let mut last: BTreeMap<&str, (Option<&str>, &Value)> = BTreeMap::new();
    for provenance in provenances.iter().copied().filter(|provenance| has_trace(provenance)) {
        let recorded = text(provenance, "recorded");
        let kept = last.entry(source(provenance)).or_insert((recorded, provenance));
        if kept.0 < recorded {
            *kept = (recorded, provenance);
        }
    }
    let mut evaluations: Vec<(Option<&str>, &Value)> = last.into_values().collect();
    evaluations.sort_by_key(|(recorded, _)| *recorded);
    evaluations.into_iter().flat_map(|(recorded, provenance)| undecided(recorded, provenance)).collect()
}

fn undecided(recorded: Option<&str>, provenance: &Value) -> Vec<Missing> {
    let on = recorded.and_then(french::day).map(|day| day.to_string());
    let missing = |trace: &Value| Missing {
        what: part(trace, "title").or_else(|| part(trace, "rule")).unwrap_or("Règle").to_owned(),
        reason: part(trace, "reason").unwrap_or("non évaluable").to_owned(),
        on: on.clone(),
    };
    traces(provenance, "not-evaluable").map(missing).collect()
}

/// The response that was evaluated, without its version; its own id for a provenance that names none.
fn source(provenance: &Value) -> &str {
    let named = list(provenance, "entity").find(|entity| text(entity, "role") == Some("source"));
    let reference = named.and_then(|entity| text(entity, "what.reference"));
    let unversioned = reference.and_then(|reference| reference.split("/_history/").next());
    unversioned.or_else(|| text(provenance, "id")).unwrap_or_default()
}

fn has_trace(provenance: &Value) -> bool {
    own_extension(provenance, "rule-trace").is_some()
}

/// How serious a level is, beside the others; an unknown one is shown first rather than hidden.
pub(super) fn rank(level: &Level) -> u8 {
    level.code.parse::<terminology::Level>().map_or(u8::MAX, terminology::Level::rank)
}

/// The level that a concept says.
pub(super) fn level_of(concept: &Value) -> Option<Level> {
    let code = code_of(concept, ALERT_LEVEL)?;
    let known = code.parse::<terminology::Level>().ok();
    Some(Level { code: code.to_owned(), display: known.map_or(code, |known| known.display()).to_owned() })
}

fn alert(flag: &Value, provenances: &[&Value]) -> Option<Alert> {
    let level = level_of(flag.get("code")?)?;
    let reference = local_reference(flag)?;
    let action = own_extension(flag, "rule-action").and_then(value_text);
    let rule = flag.get("code").and_then(|code| code_of(code, ALERT_RULE));
    let about = |provenance: &&&Value| {
        list(provenance, "target")
            .any(|target| text(target, "reference").is_some_and(|to| names(to, &reference)))
    };
    let same = |trace: &&Value| match action {
        Some(action) => part(trace, "action") == Some(action),
        None => part(trace, "rule") == rule,
    };
    // The last trace is the one that holds: an amended response explains the alert anew.
    let trace = provenances
        .iter()
        .filter(about)
        .flat_map(|provenance| {
            traces(provenance, "fired").map(move |trace| (text(provenance, "recorded"), trace))
        })
        .filter(|(_, trace)| same(trace))
        .max_by_key(|(recorded, _)| *recorded)
        .map(|(_, trace)| trace);
    let of_trace = |name| trace.and_then(|trace| part(trace, name)).map(str::to_owned);
    Some(Alert {
        level,
        rule: rule.map(str::to_owned),
        title: of_trace("title").or_else(|| wording_of(flag, "code").map(str::to_owned)).unwrap_or_default(),
        evidence: trace.map(evidence).unwrap_or_default(),
        threshold: of_trace("threshold"),
        source: of_trace("source"),
        on: text(flag, "period.start").and_then(french::day).map(|day| day.to_string()),
        withdrawn: own_extension(flag, "superseded").is_some(),
        reference,
        done: Vec::new(),
    })
}

fn traces<'a>(provenance: &'a Value, result: &'a str) -> impl Iterator<Item = &'a Value> {
    let url = own_url("rule-trace");
    list(provenance, "extension")
        .filter(move |extension| text(extension, "url") == Some(url.as_str()))
        .filter(move |trace| part(trace, "result") == Some(result))
}

fn evidence(trace: &Value) -> Vec<Evidence> {
    list(trace, "extension")
        .filter(|extension| text(extension, "url") == Some("evidence"))
        .map(|evidence| Evidence {
            question: part(evidence, "text")
                .or_else(|| part(evidence, "linkId"))
                .unwrap_or_default()
                .to_owned(),
            answer: part(evidence, "answer").map(str::to_owned),
            previous: part(evidence, "previous").map(str::to_owned),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    fn flag(id: &str, level: &str, action: &str) -> Value {
        json!({"resourceType": "Flag", "id": id, "status": "active",
            "extension": [{"url": own_url("rule-action"), "valueString": action}],
            "code": {"text": action, "coding": [
                {"system": ALERT_LEVEL, "code": level}, {"system": ALERT_RULE, "code": "R1"}]},
            "period": {"start": "2026-03-02T08:00:00Z"}})
    }

    fn trace(action: &str, result: &str, threshold: &str) -> Value {
        json!({"url": own_url("rule-trace"), "extension": [
            {"url": "action", "valueString": action}, {"url": "result", "valueCode": result},
            {"url": "title", "valueString": action}, {"url": "reason", "valueString": "réponse absente"},
            {"url": "threshold", "valueString": threshold},
            {"url": "evidence", "extension": [
                {"url": "text", "valueString": "Température"}, {"url": "answer", "valueString": "38,6 °C"}]}]})
    }

    fn provenance(target: &str, recorded: &str, traces: Vec<Value>) -> Value {
        json!({"resourceType": "Provenance", "recorded": recorded, "target": [{"reference": target}], "extension": traces})
    }

    #[test]
    fn the_most_serious_alert_comes_first_with_its_last_reason() {
        let (yellow, red) = (flag("1", "jaune", "a"), flag("2", "rouge", "b"));
        let early = provenance("Flag/2", "2026-03-02T08:00:00Z", vec![trace("b", "fired", "≥ 38")]);
        let late =
            provenance("Flag/2/_history/1", "2026-03-02T09:00:00Z", vec![trace("b", "fired", "≥ 38,5")]);
        let alerts = read(&[&yellow, &red], &[&late, &early]);
        assert_eq!(
            alerts.iter().map(|alert| alert.level.code.as_str()).collect::<Vec<_>>(),
            ["rouge", "jaune"]
        );
        assert_eq!(alerts[0].threshold.as_deref(), Some("≥ 38,5"));
        assert_eq!(alerts[0].evidence[0].answer.as_deref(), Some("38,6 °C"));
        assert_eq!((alerts[1].threshold.as_deref(), alerts[1].evidence.len()), (None, 0));
    }

    #[test]
    fn what_could_not_be_evaluated_is_told_with_its_reason() {
        let provenance =
            provenance("Flag/1", "2026-03-02T08:00:00Z", vec![trace("fièvre", "not-evaluable", "")]);
        let missing = not_evaluable(&[&provenance]);
        assert_eq!((missing[0].what.as_str(), missing[0].reason.as_str()), ("fièvre", "réponse absente"));
        assert_eq!(missing[0].on.as_deref(), Some("2026-03-02"));
    }

    #[test]
    fn an_amended_response_is_not_blamed_for_what_it_has_mended() {
        let of_response = |id: &str, version: u32, recorded: &str, traces: Vec<Value>| {
            let mut made = provenance("Flag/1", recorded, traces);
            let what = format!("QuestionnaireResponse/{id}/_history/{version}");
            made["entity"] = json!([{"role": "source", "what": {"reference": what}}]);
            made
        };
        let first = of_response("r", 1, "2026-03-02T08:00:00Z", vec![trace("fièvre", "not-evaluable", "")]);
        let second = of_response("r", 2, "2026-03-02T09:00:00Z", vec![trace("fièvre", "fired", "")]);
        let other = of_response("s", 1, "2026-03-09T09:00:00Z", vec![trace("poids", "not-evaluable", "")]);
        let missing = not_evaluable(&[&second, &first, &other]);
        assert_eq!(missing.iter().map(|one| one.what.as_str()).collect::<Vec<_>>(), ["poids"]);
    }

    #[test]
    fn an_alert_entered_in_error_is_not_reported() {
        let mut flag = flag("1", "orange", "a");
        flag["status"] = json!("entered-in-error");
        assert!(read(&[&flag], &[]).is_empty());
    }
}
