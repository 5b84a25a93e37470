//! One validation under way: what is looked at, and what was found.

use std::collections::{HashMap, HashSet};

use crate::json::Value;

use super::enable_when::EnableWhen;
use super::enablement::{Common, Enabled};
use super::environment::Environment;
use super::extension;
use super::finding::{EXECUTION, Finding};
use super::tree::Tree;
use super::{Context, Questionnaire};
use crate::fhirpath::Fault;
use crate::problem::Issue;

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
    /// What calculations give where the answers to them say otherwise, by node.
    pub(crate) recalculated: HashMap<usize, Value>,
    /// Issues beyond the limit, which are only counted.
    pub(super) unsaid: usize,
    pub(super) enabled: Vec<Option<Enabled>>,
    /// Conditions that were asked already, by instance.
    pub(super) asked: HashMap<(*const EnableWhen, Common), Enabled>,
}

/// What rules see otherwise than it was written.
#[derive(Default)]
pub(crate) struct Amended {
    /// Addresses of the answers and items that they must not see.
    pub(crate) removed: HashSet<*const Value>,
    /// Answers that they see besides those that were given, by node.
    pub(crate) recalculated: HashMap<usize, Value>,
}

/// Most issues that are said one by one; a response that has more was not made by a form.
const ISSUES_MAX: usize = 1000;

impl<'a> Session<'a> {
    pub(crate) fn new(
        questionnaire: &'a Questionnaire,
        tree: &'a Tree<'a>,
        response: &'a Value,
        context: &'a Context<'a>,
    ) -> Self {
        let environment =
            questionnaire.has_expressions.then(|| Environment::new(questionnaire, tree, response, context));
        Self {
            questionnaire,
            tree,
            context,
            environment,
            complete: !matches!(
                extension::text(response, "status"),
                Some("in-progress" | "stopped" | "entered-in-error")
            ),
            issues: Vec::new(),
            removed: HashSet::new(),
            recalculated: HashMap::new(),
            unsaid: 0,
            enabled: vec![None; tree.nodes.len()],
            asked: HashMap::new(),
        }
    }

    /// Notes an issue.
    pub(crate) fn note(&mut self, issue: Issue) {
        if self.issues.len() < ISSUES_MAX {
            self.issues.push(issue);
        } else {
            self.unsaid += 1;
        }
    }

    /// All issues, the last one saying how many more there are, and what rules see otherwise than it was written.
    pub(crate) fn into_issues(mut self) -> (Vec<Issue>, Amended) {
        if self.unsaid > 0 {
            let english = format!("{} more issues are not listed", self.unsaid);
            self.issues.push(Issue::error("too-costly", english).at("QuestionnaireResponse"));
        }
        (self.issues, Amended { removed: self.removed, recalculated: self.recalculated })
    }

    /// Notes a finding about an item.
    pub(crate) fn report(&mut self, item: usize, place: String, finding: Finding) {
        let item = &self.questionnaire.items[item];
        let issue = finding.issue(&item.link_id, item.text.as_deref(), place);
        self.note(issue);
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
            None => self.note(finding.issue("(questionnaire)", self.questionnaire.title.as_deref(), place)),
        }
    }
}
