//! Two passes over the rules, each rule alone; then what could not be read or evaluated.

use std::cell::OnceCell;
use std::sync::Arc;

use crate::json::{Value, json};

use super::evidence::Answered;
use super::protocol::{Protocol, Rule};
use super::scope::Surroundings;
use super::unreadable;
use super::{Explained, Facts};
use crate::judgement::{Evaluation, Evidence, Outcome, Truth};
use crate::terminology::Level;

/// Why a condition is empty.
const MISSING: &str = "une réponse nécessaire manque";

/// Why nobody can tell, where there are too many ways to read a response.
const CONTRADICTIONS: &str = "trop de questions ont plusieurs réponses différentes";

/// Evaluate every rule of the protocol.
pub(super) fn evaluate(protocol: &Protocol, facts: &Facts<'_>) -> Evaluation {
    let answered = Answered::new(protocol, facts);
    let results = results(protocol, facts);
    let outcome = |(rule, result)| outcome(rule, result, facts.explained, &answered);
    let mut outcomes: Vec<Outcome> = protocol.rules.iter().zip(results).map(outcome).collect();
    explain_aggregates(&protocol.rules, &mut outcomes);
    unreadable::add(&mut outcomes, facts.unreadable, !facts.in_progress);
    Evaluation::of(outcomes)
}

/// What every rule says: the aggregate ones after the others, about what fired among those.
fn results(protocol: &Protocol, facts: &Facts<'_>) -> Vec<Truth> {
    let mut results: Vec<Truth> = vec![Truth::NotRun; protocol.rules.len()];
    let fired = OnceCell::new();
    let one = std::slice::from_ref(facts.response);
    let several = facts.readings.map(|readings| readings.each.as_slice()).filter(|each| !each.is_empty());
    let readings = several.unwrap_or(one);
    let read = |response| Surroundings::new(protocol, &Facts { response, ..*facts });
    let mut readings: Vec<Surroundings<'_>> = readings.iter().map(read).collect();
    pass(protocol, facts, &readings, false, &mut results);
    let fired = fired.get_or_init(|| triggered(&protocol.rules, &results));
    for reading in &mut readings {
        reading.trigger(fired);
    }
    pass(protocol, facts, &readings, true, &mut results);
    results
}

/// Run the rules of one pass, each alone.
fn pass<'a>(
    protocol: &'a Protocol,
    facts: &Facts<'_>,
    readings: &[Surroundings<'a>],
    aggregate: bool,
    results: &mut [Truth],
) {
    for (rule, result) in protocol.rules.iter().zip(results) {
        let waits = facts.in_progress && !rule.in_progress;
        if rule.aggregate == aggregate && !waits {
            let each = readings.iter().map(|reading| run(rule, reading));
            *result = each.reduce(|one, other| worse(rule, one, other)).unwrap_or(Truth::False);
            if facts.readings.is_some_and(|readings| !readings.all)
                && *result == Truth::False
                && rule.condition.is_some()
            {
                *result = Truth::NotEvaluable(CONTRADICTIONS.to_owned());
            }
        }
    }
}

/// What a rule says of two ways to read a response: it fires if it does in one of them, and one that says that nothing is
/// wrong only in both.
fn worse(rule: &Rule, one: Truth, other: Truth) -> Truth {
    let order = |truth: &Truth| match truth {
        Truth::NotRun => 0,
        Truth::False => 1,
        Truth::NotEvaluable(_) => 2,
        Truth::True => 3,
    };
    let calms = rule.action.level == Level::Vert;
    if (order(&other) > order(&one)) != calms { other } else { one }
}

fn run<'a>(rule: &'a Rule, surroundings: &Surroundings<'a>) -> Truth {
    let Some(condition) = &rule.condition else { return Truth::False };
    let truth = match surroundings.truth(condition) {
        Ok(truth) => truth,
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
            let mut one = json!({ "rule": rule.action.rule, "level": rule.action.level.code() });
            if let Some(symptom) = &rule.action.symptom {
                one["symptom"] = json!(symptom.code);
            }
            one
        })
        .collect()
}

fn outcome(rule: &Rule, result: Truth, explained: Explained, answered: &Answered<'_>) -> Outcome {
    let gaps = matches!(result, Truth::NotEvaluable(_));
    let is_explained = match result {
        Truth::NotRun => false,
        Truth::True | Truth::NotEvaluable(_) => true,
        // The rule of what cannot be read fires afterwards.
        Truth::False => {
            explained == Explained::Every || unreadable::is_rule(&rule.action.rule, rule.action.level)
        }
    };
    let evidence = if is_explained { answered.evidence(rule, gaps) } else { Vec::new() };
    Outcome { action: Arc::clone(&rule.action), result: name_gaps(result, &evidence), evidence }
}

/// Say which questions have no answer, where that is why nobody can tell.
fn name_gaps(result: Truth, evidence: &[Arc<Evidence>]) -> Truth {
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
    let explained: Vec<usize> = (0..rules.len())
        .filter(|n| rules[*n].aggregate && rules[*n].evidence.is_empty() && outcomes[*n].has_fired())
        .collect();
    if explained.is_empty() {
        return;
    }
    let mut seen: Vec<Arc<Evidence>> = Vec::new();
    let fired = rules.iter().zip(&*outcomes).filter(|(rule, one)| !rule.aggregate && one.has_fired());
    for evidence in fired.flat_map(|(_, outcome)| &outcome.evidence) {
        if !seen.contains(evidence) {
            seen.push(Arc::clone(evidence));
        }
    }
    for n in explained {
        outcomes[n].evidence.clone_from(&seen);
    }
}
