//! Two passes over the rules, each rule alone; then what could not be read or evaluated.

use serde_json::{Value, json};

use super::Facts;
use super::answer::{Answers, Words};
use super::evidence::{Answered, evidence};
use super::outcome::{Evaluation, Evidence, Outcome, Truth};
use super::protocol::{Protocol, Rule};
use super::scope::Surroundings;
use super::unreadable;
use crate::terminology::Level;

/// Why a condition is empty.
const MISSING: &str = "une réponse nécessaire manque";

/// Evaluate every rule of the protocol.
pub(super) fn evaluate(protocol: &Protocol, facts: &Facts<'_>) -> Evaluation {
    let answered = Answered {
        now: Answers::of(facts.response),
        before: facts.previous.map(Answers::of).unwrap_or_default(),
        words: Words::of(facts.questionnaire),
    };
    let mut results: Vec<Truth> = vec![Truth::NotRun; protocol.rules.len()];
    pass(protocol, facts, None, &mut results);
    let triggered = triggered(&protocol.rules, &results);
    pass(protocol, facts, Some(&triggered), &mut results);
    let mut outcomes: Vec<Outcome> =
        protocol.rules.iter().zip(results).map(|(rule, result)| outcome(rule, result, &answered)).collect();
    explain_aggregates(&protocol.rules, &mut outcomes);
    unreadable::add(&mut outcomes, facts.unreadable, !facts.in_progress);
    let fired = outcomes.iter().filter(|outcome| outcome.result == Truth::True);
    Evaluation { level: fired.map(|outcome| outcome.level).max().unwrap_or(Level::Vert), outcomes }
}

/// Run the rules of one pass: aggregate ones when there is something to aggregate, the others before.
fn pass(protocol: &Protocol, facts: &Facts<'_>, triggered: Option<&[Value]>, results: &mut [Truth]) {
    let surroundings = Surroundings::new(protocol, *facts, triggered);
    for (rule, result) in protocol.rules.iter().zip(results) {
        let waits = facts.in_progress && !rule.in_progress;
        if rule.aggregate == triggered.is_some() && !waits {
            *result = run(rule, &surroundings);
        }
    }
}

fn run<'a>(rule: &'a Rule, surroundings: &Surroundings<'a>) -> Truth {
    let Some(condition) = &rule.condition else { return Truth::False };
    let truth = match surroundings.evaluate(condition) {
        Ok(value) => value.truth(),
        Err(reason) => return Truth::NotEvaluable(reason),
    };
    match truth {
        Ok(Some(true)) => Truth::True,
        Ok(Some(false)) => Truth::False,
        Ok(None) => Truth::NotEvaluable(MISSING.to_owned()),
        Err(fault) => Truth::NotEvaluable(format!("condition sans réponse : {}", fault.message)),
    }
}

/// `%triggered` of the second pass: what fired in the first, in the order of the plan.
fn triggered(rules: &[Rule], results: &[Truth]) -> Vec<Value> {
    let fired = rules.iter().zip(results).filter(|(_, result)| **result == Truth::True);
    fired
        .map(|(rule, _)| {
            let mut one = json!({ "rule": rule.rule, "level": rule.level.code() });
            if let Some(symptom) = &rule.symptom {
                one["symptom"] = json!(symptom.code);
            }
            one
        })
        .collect()
}

fn outcome(rule: &Rule, result: Truth, answered: &Answered<'_>) -> Outcome {
    let gaps = matches!(result, Truth::NotEvaluable(_));
    let evidence = if result == Truth::NotRun { Vec::new() } else { evidence(rule, answered, gaps) };
    Outcome {
        action_id: rule.action_id.clone(),
        rule: rule.rule.clone(),
        level: rule.level,
        symptom: rule.symptom.clone(),
        title: rule.title.clone(),
        message: rule.message.clone(),
        result: name_gaps(result, &evidence),
        evidence,
        threshold: rule.threshold.clone(),
        source: rule.source.clone(),
        activities: rule.activities.clone(),
    }
}

/// Say which questions have no answer, where that is why nobody can tell.
fn name_gaps(result: Truth, evidence: &[Evidence]) -> Truth {
    let Truth::NotEvaluable(reason) = result else { return result };
    let gaps: Vec<String> =
        evidence.iter().filter(|one| one.answer.is_none()).map(|one| format!("« {} »", one.text)).collect();
    Truth::NotEvaluable(match (gaps.is_empty(), reason == MISSING) {
        (true, _) => reason,
        (false, true) => format!("sans réponse : {}", gaps.join(", ")),
        (false, false) => format!("{reason} ; sans réponse : {}", gaps.join(", ")),
    })
}

/// An aggregate rule that names no answers looked at those of every rule that fired before it.
fn explain_aggregates(rules: &[Rule], outcomes: &mut [Outcome]) {
    let mut seen: Vec<Evidence> = Vec::new();
    let fired =
        rules.iter().zip(outcomes.iter()).filter(|(rule, one)| !rule.aggregate && one.result == Truth::True);
    for evidence in fired.flat_map(|(_, outcome)| &outcome.evidence) {
        if !seen.contains(evidence) {
            seen.push(evidence.clone());
        }
    }
    for (rule, outcome) in rules.iter().zip(outcomes) {
        if rule.aggregate && rule.evidence.is_empty() && outcome.result == Truth::True {
            outcome.evidence.clone_from(&seen);
        }
    }
}
