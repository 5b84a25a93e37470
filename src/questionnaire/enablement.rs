//! Whether each item is enabled: `enableWhen` per instance, asking within the nearest common ancestor;
//! `enableWhenExpression`, where empty is false; and everything around it.

use crate::json::Value;

use super::enable_when::{Behavior, EnableWhen};
use super::extension;
use super::item::{AnswerType, ItemType};
use super::session::Session;
use super::tree::Tree;

/// Whether an item may be answered, from no to yes. `Unknown` neither demands nor refuses an answer: a
/// condition that cannot be evaluated, and `!=` on an unanswered question, on which form fillers disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Enabled {
    No,
    Unknown,
    Yes,
}

/// Within which instance a condition is asked: a node, and one of its answers where it is a question;
/// `None` for the whole response.
pub(crate) type Common = Option<(usize, Option<usize>)>;

impl From<bool> for Enabled {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

impl Session<'_> {
    /// Whether a node of the response is enabled, with everything around it.
    pub(crate) fn node_enabled(&mut self, node: usize) -> Enabled {
        if !self.questionnaire.conditional {
            return Enabled::Yes;
        }
        if let Some(known) = self.enabled[node] {
            return known;
        }
        // Circles are refused when a Questionnaire is compiled; misplaced items could still make one.
        self.enabled[node] = Some(Enabled::Unknown);
        let found = &self.tree.nodes[node];
        let (owner, answer) = (found.owner, found.owner_answer);
        let enabled = match found.item {
            Some(item) => self.item_enabled(item, owner, answer, Some(node)),
            None => owner.map_or(Enabled::Yes, |owner| self.node_enabled(owner)),
        };
        self.enabled[node] = Some(enabled);
        enabled
    }

    /// Whether an item is enabled in an instance of its parent, present or not.
    pub(crate) fn item_enabled(
        &mut self,
        item: usize,
        owner: Option<usize>,
        answer: Option<usize>,
        own: Option<usize>,
    ) -> Enabled {
        let around = owner.map_or(Enabled::Yes, |owner| self.node_enabled(owner));
        let questionnaire = self.questionnaire;
        let compiled = &questionnaire.items[item];
        if around == Enabled::No || !compiled.is_conditional() {
            return around;
        }
        let mut each = compiled.enable_when.iter().map(|condition| self.condition(condition, owner, answer));
        let conditions = match compiled.behavior {
            _ if compiled.enable_when.is_empty() => Enabled::Yes,
            Behavior::All => each.min().unwrap_or(Enabled::Yes),
            Behavior::Any => each.by_ref().max().unwrap_or(Enabled::Yes),
        };
        around.min(conditions).min(self.expression(item, owner, own))
    }

    fn expression(&mut self, item: usize, owner: Option<usize>, own: Option<usize>) -> Enabled {
        let questionnaire = self.questionnaire;
        let Some(expression) = &questionnaire.items[item].enable_expression else { return Enabled::Yes };
        let Some(environment) = &mut self.environment else { return Enabled::Unknown };
        match environment.evaluate(expression, Some(item), own, owner).and_then(|result| result.truth()) {
            Ok(truth) => Enabled::from(truth == Some(true)),
            Err(fault) => {
                let place = self.tree.instance_place(own.or(owner), None);
                self.execution(Some(item), place, "enableWhenExpression", &fault);
                Enabled::Unknown
            }
        }
    }

    fn condition(&mut self, condition: &EnableWhen, owner: Option<usize>, answer: Option<usize>) -> Enabled {
        let common = condition.common.and_then(|common| self.tree.around(common, owner, answer));
        let key = (std::ptr::from_ref(condition), common);
        if let Some(known) = self.asked.get(&key) {
            return *known;
        }
        let enabled = self.ask(condition, common);
        self.asked.insert(key, enabled);
        enabled
    }

    fn ask(&mut self, condition: &EnableWhen, common: Common) -> Enabled {
        let tree = self.tree;
        let mut asked = Asked { condition, given: 0, fulfilled: false };
        match common {
            Some((node, through)) if condition.common == Some(condition.target) => {
                let answers = tree.nodes[node].answers;
                asked.all(through.map_or(answers, |n| answers.get(n..=n).unwrap_or_default()));
            }
            _ => {
                let span = tree.below(common.map(|(node, _)| node));
                for target in tree.of(condition.target, &span) {
                    if !same_answer(tree, *target, common) || self.node_enabled(*target) == Enabled::No {
                        continue;
                    }
                    if self.questionnaire.items[condition.target].kind == ItemType::Group {
                        asked.given += 1;
                    }
                    asked.all(tree.nodes[*target].answers);
                }
            }
        }
        asked.enabled()
    }
}

/// The answers to the question of a condition, as far as they were seen.
struct Asked<'c> {
    condition: &'c EnableWhen,
    given: usize,
    fulfilled: bool,
}

impl Asked<'_> {
    fn all(&mut self, answers: &[Value]) {
        self.given += answers.len();
        self.fulfilled |= answers.iter().any(|answer| {
            extension::value_of(answer, "value")
                .and_then(|(name, value)| Some((AnswerType::parse(&name["value".len()..])?, value)))
                .is_some_and(|(kind, value)| self.condition.holds(kind, value))
        });
    }

    fn enabled(&self) -> Enabled {
        if let Some(expected) = self.condition.exists() {
            return Enabled::from((self.given > 0) == expected);
        }
        match (self.condition.is_negated(), self.given) {
            (false, _) => Enabled::from(self.fulfilled),
            (true, 0) => Enabled::Unknown,
            (true, _) => Enabled::from(!self.fulfilled),
        }
    }
}

/// Whether a node is below the same answer of the common ancestor, where that is a question.
fn same_answer(tree: &Tree<'_>, mut node: usize, common: Common) -> bool {
    let Some((common, Some(answer))) = common else { return true };
    while let Some(owner) = tree.nodes[node].owner {
        if owner == common {
            return tree.nodes[node].owner_answer == Some(answer);
        }
        node = owner;
    }
    true
}
