//! The answers that explain what a rule did: each item is looked up and put in words once, however many rules name it.

use std::cell::OnceCell;
use std::sync::Arc;

use super::Facts;
use super::answer::{Answers, Words, beyond, is_free_text, readable};
use super::protocol::{Protocol, Rule};
use crate::judgement::Evidence;

/// What was answered, now and before, with the words of the questions.
pub(super) struct Answered<'a> {
    facts: Facts<'a>,
    /// Those of this response.
    now: OnceCell<Answers<'a>>,
    /// Those of the previous one.
    before: OnceCell<Answers<'a>>,
    /// The Questionnaire.
    words: Words<'a>,
    /// Link ids that explain rules, with the evidence that each gives once it was asked for.
    items: Vec<(&'a str, OnceCell<Vec<Arc<Evidence>>>)>,
}

impl<'a> Answered<'a> {
    /// Nothing is looked up before it is asked for.
    pub(super) fn new(protocol: &'a Protocol, facts: &Facts<'a>) -> Self {
        Self {
            facts: *facts,
            now: OnceCell::new(),
            before: OnceCell::new(),
            words: Words::of(facts.questionnaire),
            items: protocol.explaining.iter().map(|link_id| (link_id.as_str(), OnceCell::new())).collect(),
        }
    }

    /// The answers named by the rule. A question that was answered neither now nor before is named only
    /// when nothing else explains the rule, or when `gaps` are what is to be explained.
    pub(super) fn evidence(&self, rule: &Rule, gaps: bool) -> Vec<Arc<Evidence>> {
        let all = || rule.evidence.iter().flat_map(|item| self.of_item(*item));
        let telling = |one: &&Arc<Evidence>| one.answer.is_some() || one.previous.is_some();
        if gaps || !all().any(|one| telling(&one)) {
            all().cloned().collect()
        } else {
            all().filter(telling).cloned().collect()
        }
    }

    fn of_item(&self, item: usize) -> &[Arc<Evidence>] {
        let (link_id, known) = &self.items[item];
        known.get_or_init(|| self.explain(link_id).into_iter().map(Arc::new).collect())
    }

    fn explain(&self, link_id: &str) -> Vec<Evidence> {
        let now = self.now.get_or_init(|| Answers::of(self.facts.response));
        let before =
            self.before.get_or_init(|| self.facts.previous.map(Answers::of).unwrap_or_default()).get(link_id);
        let previous =
            |n: usize| before.get(n)?.value.and_then(|value| readable(value, link_id, &self.words));
        let question =
            |own: Option<&str>| own.or_else(|| self.words.question(link_id)).unwrap_or(link_id).to_owned();
        let found = now.get(link_id);
        if found.is_empty() {
            return vec![Evidence {
                link_id: link_id.to_owned(),
                text: question(before.first().and_then(|item| item.text)),
                answer: None,
                previous: previous(0),
                place: "QuestionnaireResponse".to_owned(),
                free_text: before.first().and_then(|item| item.value).is_some_and(is_free_text),
                beyond: None,
            }];
        }
        let numbered = found.iter().enumerate();
        numbered
            .map(|(n, item)| Evidence {
                link_id: link_id.to_owned(),
                text: question(item.text),
                answer: item.value.and_then(|value| readable(value, link_id, &self.words)),
                previous: previous(n),
                place: now.place(item),
                free_text: item.value.is_some_and(is_free_text),
                beyond: item.value.and_then(beyond),
            })
            .collect()
    }
}
