//! One validation under way: what is looked at, what was found, and whether each item is enabled
//! (`enableWhen` per instance, nearest common ancestor; `enableWhenExpression`, empty is false).

use std::collections::HashSet;

use serde_json::Value;

use super::enable_when::{Behavior, EnableWhen};
use super::environment::Environment;
use super::extension;
use super::finding::{EXECUTION, Finding};
use super::item::{AnswerType, ItemType};
use super::tree::Tree;
use super::{Context, Questionnaire};
use crate::fhirpath::Fault;
use crate::problem::Issue;

/// Whether an item may be answered, from no to yes. `Unknown` neither demands nor refuses an answer: a
/// condition that cannot be evaluated, and `!=` on an unanswered question, on which form fillers disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Enabled {
    No,
    Unknown,
    Yes,
}

/// The state of one validation.
pub(crate) struct Session<'a> {
    pub(crate) questionnaire: &'a Questionnaire,
    pub(crate) tree: &'a Tree<'a>,
    pub(crate) context: &'a Context<'a>,
    pub(crate) environment: Option<Environment<'a>>,
    /// Whether the status says that nothing is to come.
    pub(crate) complete: bool,
    pub(crate) issues: Vec<Issue>,
    /// Addresses of the answers and items that rules must not see.
    pub(crate) removed: HashSet<*const Value>,
    enabled: Vec<Option<Enabled>>,
}

impl From<bool> for Enabled {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

impl<'a> Session<'a> {
    pub(crate) fn new(questionnaire: &'a Questionnaire, tree: &'a Tree<'a>, response: &'a Value, context: &'a Context<'a>) -> Self {
        let environment = questionnaire
            .has_expressions
            .then(|| Environment::new(questionnaire, tree, response, context));
        Self {
            questionnaire,
            tree,
            context,
            environment,
            complete: !matches!(extension::text(response, "status"), Some("in-progress" | "stopped" | "entered-in-error")),
            issues: Vec::new(),
            removed: HashSet::new(),
            enabled: vec![None; tree.nodes.len()],
        }
    }

    /// Notes a finding about an item.
    pub(crate) fn report(&mut self, item: usize, place: String, finding: Finding) {
        let item = &self.questionnaire.items[item];
        self.issues.push(finding.issue(&item.link_id, item.text.as_deref(), place));
    }

    /// Hides an answer or item from the rules.
    pub(crate) fn remove(&mut self, value: &Value) {
        self.removed.insert(std::ptr::from_ref(value));
    }

    /// Notes that an expression could not be evaluated.
    pub(crate) fn execution(&mut self, item: Option<usize>, place: String, what: &str, fault: &Fault) {
        let english = format!("the {what} could not be evaluated: {fault}");
        let finding = Finding::new(EXECUTION, english, "une règle du questionnaire n'a pas pu être évaluée");
        match item {
            Some(item) => self.report(item, place, finding),
            None => self.issues.push(finding.issue("(questionnaire)", self.questionnaire.title.as_deref(), place)),
        }
    }

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
    pub(crate) fn item_enabled(&mut self, item: usize, owner: Option<usize>, answer: Option<usize>, own: Option<usize>) -> Enabled {
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
        let tree = self.tree;
        let common = condition.common.and_then(|common| tree.around(common, owner, answer));
        let mut given = 0;
        let mut fulfilled = false;
        let mut ask = |value: &Value| {
            given += 1;
            let found = extension::value_of(value, "value")
                .and_then(|(name, value)| Some((AnswerType::parse(&name["value".len()..])?, value)));
            fulfilled |= found.is_some_and(|(kind, value)| condition.holds(kind, value));
        };
        match common {
            Some((node, through)) if condition.common == Some(condition.target) => {
                let answers = tree.nodes[node].answers;
                let own = through.map_or(answers, |n| answers.get(n..=n).unwrap_or_default());
                own.iter().for_each(&mut ask);
            }
            _ => {
                let span = tree.below(common.map(|(node, _)| node));
                for target in tree.of(condition.target, &span) {
                    if !same_answer(tree, *target, common) || self.node_enabled(*target) == Enabled::No {
                        continue;
                    }
                    if self.questionnaire.items[condition.target].kind == ItemType::Group {
                        ask(&Value::Null);
                    }
                    tree.nodes[*target].answers.iter().for_each(&mut ask);
                }
            }
        }
        if let Some(expected) = condition.exists() {
            return Enabled::from((given > 0) == expected);
        }
        if !condition.is_negated() {
            return Enabled::from(fulfilled);
        }
        if given == 0 { Enabled::Unknown } else { Enabled::from(!fulfilled) }
    }
}

/// Whether a node is below the same answer of the common ancestor, where that is a question.
fn same_answer(tree: &Tree<'_>, mut node: usize, common: Option<(usize, Option<usize>)>) -> bool {
    let Some((common, Some(answer))) = common else { return true };
    while let Some(owner) = tree.nodes[node].owner {
        if owner == common {
            return tree.nodes[node].owner_answer == Some(answer);
        }
        node = owner;
    }
    true
}
