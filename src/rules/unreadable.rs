//! What cannot be read or evaluated becomes the outcome R90 of level *technique*: missing or
//! unreadable never counts as nothing to report.

use std::borrow::Cow;
use std::sync::Arc;

use crate::judgement::{Action, Outcome, Truth};
use crate::problem::{Issue, Severity};
use crate::terminology::{Level, UNREADABLE as RULE};

const TITLE: &str = "Réponse incomplètement lue ou évaluée";
/// Faults that are said one by one; how many more there are is said, too.
const SAID_MAX: usize = 30;

/// The outcome of a response that no protocol could look at; none when nothing is wrong.
#[must_use]
pub fn technique(issues: &[Issue]) -> Option<Outcome> {
    let mut outcomes = Vec::new();
    add(&mut outcomes, issues, true);
    outcomes.pop()
}

/// Whether this is the rule of what cannot be read or evaluated.
pub(super) fn is_rule(rule: &str, level: Level) -> bool {
    rule == RULE && level == Level::Technique
}

/// Make R90 fire, naming what could not be read and, when it is `whole`, which rules could not be
/// evaluated: of a response that is still being filled in, what is missing may come. It uses the R90
/// of the plan, with its activities, or is added as the last outcome.
pub(super) fn add(outcomes: &mut Vec<Outcome>, issues: &[Issue], whole: bool) {
    let evaluated: &[Outcome] = if whole { outcomes } else { &[] };
    let Some(reasons) = reasons(evaluated, issues) else { return };
    let place = outcomes.iter().position(|outcome| is_rule(&outcome.action.rule, outcome.action.level));
    let place = place.unwrap_or_else(|| {
        outcomes.push(built_in());
        outcomes.len() - 1
    });
    let outcome = &mut outcomes[place];
    outcome.result = Truth::True;
    // A copy of the rule of the plan: no other response is told these reasons.
    let message = &mut Arc::make_mut(&mut outcome.action).message;
    if !message.is_empty() {
        message.push(' ');
    }
    message.push_str(&reasons);
}

fn reasons(outcomes: &[Outcome], issues: &[Issue]) -> Option<String> {
    let mut unread: Vec<_> = issues
        .iter()
        .filter(|issue| issue.severity >= Severity::Error)
        .map(|issue| match issue.in_french() {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim_end_matches('.')),
            owned => owned,
        })
        .collect();
    let more = unread.len().saturating_sub(SAID_MAX);
    unread.truncate(SAID_MAX);
    if more > 0 {
        unread.push(format!("et {more} autres").into());
    }
    let mut unknown: Vec<(&str, Vec<&str>)> = Vec::new();
    for outcome in outcomes {
        let Truth::NotEvaluable(reason) = &outcome.result else { continue };
        match unknown.iter_mut().find(|(known, _)| known == reason) {
            Some((_, rules)) if rules.contains(&outcome.action.rule.as_str()) => {}
            Some((_, rules)) => rules.push(&outcome.action.rule),
            None => unknown.push((reason, vec![&outcome.action.rule])),
        }
    }
    let unknown: Vec<String> =
        unknown.iter().map(|(reason, rules)| format!("{} ({reason})", rules.join(", "))).collect();
    let parts: Vec<String> = [
        (!unread.is_empty()).then(|| format!("Illisible, manquant ou à vérifier : {}.", unread.join(" ; "))),
        (!unknown.is_empty()).then(|| format!("Non évaluable : {}.", unknown.join(" ; "))),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn built_in() -> Outcome {
    let action = Action {
        id: format!("{RULE}-technique"),
        rule: RULE.to_owned(),
        level: Level::Technique,
        symptom: None,
        title: TITLE.to_owned(),
        message: String::new(),
        threshold: None,
        source: None,
        activities: Vec::new(),
    };
    Outcome { action: Arc::new(action), result: Truth::False, evidence: Vec::new() }
}
