//! Whether worse answers could give a lower level: a search over pairs of responses that differ in one worse answer, judged by
//! the evaluator that judges submissions. It is the same for the same definitions, and bounded.
//!
//! - What is worse the Questionnaire says ([`Ladder`]): more of a choice with ordinal values, yes to a question that a rule
//!   about a symptom looks at. Of a number it says nothing: there must be one best value, from which the level never falls in
//!   either direction, whatever else was answered. Where a rule compares it with an earlier answer, its values lie around that
//!   answer, by the shares and differences that the rules are written with. Questions without such an order are left out.
//! - Each step is looked at with nothing else answered, everything else at its best, at its worst, with each value of each
//!   question that a rule looks at together with it, and with all of these at their worst; for rules over what fired, with
//!   other symptoms of their levels. Questions that a condition switches off lose their answers, those that it switches on
//!   are looked at with and without one.
//! - Each of this for every kind of treatment that the rules look for, and after a good and a bad week.

mod scene;
mod search;

use std::collections::BTreeSet;

use crate::json::Value;

use super::edition::{Form, Plan};
use crate::fhir::element;
use crate::judgement::{Evaluation, Truth};
use crate::problem::{Issue, Severity};
use crate::terminology::{Level, Terminology};
use search::Search;

/// Most counterexamples that are told one by one.
const TOLD_MAX: usize = 10;
/// Most evaluations of one protocol over one questionnaire: a second or two.
const EVALUATIONS_MAX: usize = 150_000;

/// A worse answer that gives a lower level.
pub(super) struct Lowered {
    link_id: String,
    before: Value,
    after: Value,
    scene: usize,
}

/// Every way found in which a worse answer gives a lower level, and what could not be looked at. Nothing is told of a
/// questionnaire that is not among `forms`: it is looked at when it is published.
pub(crate) fn lowered(plan: &Plan, forms: &[&Form], terminology: &Terminology) -> Vec<Issue> {
    lowered_within(plan, forms, terminology, EVALUATIONS_MAX)
}

fn lowered_within(plan: &Plan, forms: &[&Form], terminology: &Terminology, most: usize) -> Vec<Issue> {
    let mut issues = Vec::new();
    for form in forms {
        let mut search = Search::new(&plan.compiled, &form.compiled, terminology, most);
        search.run();
        let tell = Tell { plan, search: &search };
        let found = search.found.len();
        issues.extend(search.found.iter().take(TOLD_MAX).map(|one| tell.issue(one)));
        if found > TOLD_MAX {
            let more = format!("{} more worse answers give a lower level", found - TOLD_MAX);
            issues.push(Issue::error("business-rule", more).at("PlanDefinition.action"));
        }
        issues.extend(tell.unchecked());
        tracing::info!(
            plan = plan.canonical(),
            questionnaire = form.canonical(),
            questions = search.ladders.len(),
            evaluations = search.spent,
            found,
            "looked whether worse answers give a lower level"
        );
    }
    debug_assert!(issues.iter().all(|issue| issue.severity >= Severity::Error));
    issues
}

/// Puts counterexamples in words.
struct Tell<'a> {
    plan: &'a Plan,
    search: &'a Search<'a>,
}

impl Tell<'_> {
    fn issue(&self, one: &Lowered) -> Issue {
        let scene = &self.search.scenes[one.scene];
        let (before, after) = (self.search.judge(&one.before, scene), self.search.judge(&one.after, scene));
        let lost = lost(&before, &after);
        let reads = self.search.reads.iter().enumerate().filter(|(n, _)| lost.contains(n));
        let mut shown: BTreeSet<&str> =
            reads.flat_map(|(_, read)| read.texts.iter().map(String::as_str)).collect();
        shown.insert(&one.link_id);
        let answers = |response: &Value| -> String {
            let of = |link_id: &&str| answer(response, link_id).map(|answer| format!("'{link_id}' {answer}"));
            let changed = of(&one.link_id.as_str());
            let others = shown.iter().filter(|link_id| **link_id != one.link_id).filter_map(of);
            changed.into_iter().chain(others).collect::<Vec<_>>().join(", ")
        };
        let named = lost.iter().map(|n| {
            let outcome = &before.outcomes[*n];
            let told = if outcome.has_fired() { "fires" } else { "cannot be told" };
            format!("{} {told}", outcome.action.id)
        });
        let named: Vec<String> = named.collect();
        let diagnostics = format!(
            "under {} a worse answer to '{}' gives a lower level: {} with {}; {} with {} ({}). {} before and not after: worse answers must never give a lower level",
            self.plan.canonical(),
            one.link_id,
            before.level,
            answers(&one.before),
            after.level,
            answers(&one.after),
            scene.name,
            named.join(", "),
        );
        let place = lost.first().map_or_else(
            || "PlanDefinition.action".to_owned(),
            |n| self.place(&before.outcomes[*n].action.id),
        );
        Issue::error("business-rule", diagnostics).at(place)
    }

    fn place(&self, action: &str) -> String {
        let n = element::list(&self.plan.source, "action").position(|one| one["id"] == action);
        n.map_or_else(
            || "PlanDefinition.action".to_owned(),
            |n| format!("PlanDefinition.action[{n}].condition[0].expression.expression"),
        )
    }

    /// A bound that left something out is no proof.
    fn unchecked(&self) -> Option<Issue> {
        let left = &self.search.unchecked;
        let first = left.first()?;
        let diagnostics = format!(
            "the protocol is too large to be checked: after {} evaluations {} of {} questions, from '{first}' on, had not been looked at for worse answers that give a lower level; divide it",
            self.search.spent,
            left.len(),
            self.search.ladders.len(),
        );
        Some(Issue::error("too-costly", diagnostics).at("PlanDefinition.action"))
    }
}

/// The rules, by their place, that said more than the level after, and say it no longer.
fn lost(before: &Evaluation, after: &Evaluation) -> Vec<usize> {
    let says = |evaluation: &Evaluation, n: usize| match &evaluation.outcomes[n].result {
        Truth::True => evaluation.outcomes[n].action.level,
        Truth::NotEvaluable(_) => Level::Technique,
        Truth::False | Truth::NotRun => Level::Vert,
    };
    let both = before.outcomes.len().min(after.outcomes.len());
    (0..both)
        .filter(|n| before.outcomes[*n].action.id == after.outcomes[*n].action.id)
        .filter(|n| !matches!(before.outcomes[*n].action.level, Level::Technique))
        .filter(|n| says(before, *n) > after.level && says(after, *n) < says(before, *n))
        .collect()
}

/// What was answered to a question, in short.
fn answer(parent: &Value, link_id: &str) -> Option<String> {
    let inside = |holder: &Value| element::list(holder, "item").find_map(|item| answer(item, link_id));
    if parent["linkId"] == link_id {
        let each = element::list(parent, "answer").map(|one| {
            let value = one
                .as_object()
                .and_then(|members| members.iter().find(|(name, _)| name.starts_with("value")));
            value.map_or_else(String::new, |(_, value)| in_short(value))
        });
        return Some(each.collect::<Vec<_>>().join(" + "));
    }
    inside(parent).or_else(|| element::list(parent, "answer").find_map(inside))
}

fn in_short(value: &Value) -> String {
    match (value.get("code"), value.get("value")) {
        (_, Some(number)) => number.to_string(),
        (Some(code), None) => code.as_str().unwrap_or_default().to_owned(),
        (None, None) => value.to_string(),
    }
}

#[cfg(test)]
mod tests;
