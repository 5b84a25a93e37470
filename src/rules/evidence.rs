//! The answers that explain what a rule did.

use super::answer::{Answers, Words, is_free_text, readable};
use super::outcome::Evidence;
use super::protocol::Rule;

/// What was answered, now and before, with the words of the questions.
pub(super) struct Answered<'a> {
    /// This response.
    pub(super) now: Answers<'a>,
    /// The previous one.
    pub(super) before: Answers<'a>,
    /// The Questionnaire.
    pub(super) words: Words<'a>,
}

/// The answers named by the rule. A question that was answered neither now nor before is named only
/// when nothing else explains the rule, or when `gaps` are what is to be explained.
pub(super) fn evidence(rule: &Rule, answered: &Answered<'_>, gaps: bool) -> Vec<Evidence> {
    let all: Vec<Evidence> = rule.evidence.iter().flat_map(|link_id| of_item(link_id, answered)).collect();
    let telling = |one: &Evidence| one.answer.is_some() || one.previous.is_some();
    if gaps || !all.iter().any(telling) { all } else { all.into_iter().filter(telling).collect() }
}

fn of_item(link_id: &str, answered: &Answered<'_>) -> Vec<Evidence> {
    let before = answered.before.get(link_id);
    let previous =
        |n: usize| before.get(n)?.value.and_then(|value| readable(value, link_id, &answered.words));
    let question =
        |own: Option<&str>| own.or_else(|| answered.words.question(link_id)).unwrap_or(link_id).to_owned();
    let found = answered.now.get(link_id);
    if found.is_empty() {
        return vec![Evidence {
            link_id: link_id.to_owned(),
            text: question(before.first().and_then(|item| item.text)),
            answer: None,
            previous: previous(0),
            place: "QuestionnaireResponse".to_owned(),
            free_text: before.first().and_then(|item| item.value).is_some_and(is_free_text),
        }];
    }
    let numbered = found.iter().enumerate();
    numbered
        .map(|(n, item)| Evidence {
            link_id: link_id.to_owned(),
            text: question(item.text),
            answer: item.value.and_then(|value| readable(value, link_id, &answered.words)),
            previous: previous(n),
            place: item.place.clone(),
            free_text: item.value.is_some_and(is_free_text),
        })
        .collect()
}
