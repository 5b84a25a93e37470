//! A compiled PlanDefinition: made by `compile` only, so every expression in it compiles and every
//! variable it uses is defined.

use std::sync::Arc;

use super::bound::Bound;
use crate::json::Picks;
use crate::judgement::Action;

/// A PlanDefinition and each ActivityDefinition it names, compiled.
#[derive(Clone)]
pub struct Protocol {
    pub(super) url: String,
    pub(super) version: String,
    pub(super) title: Option<String>,
    pub(super) questionnaires: Vec<String>,
    pub(super) variables: Vec<Variable>,
    pub(super) rules: Vec<Rule>,
    /// What its expressions can see of the items of earlier responses; everything without.
    pub(super) history: Option<Picks>,
    /// Link ids of the answers that explain rules, each once.
    pub(super) explaining: Vec<String>,
}

/// A variable of the plan; it uses none that comes after it.
#[derive(Clone)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) expression: Bound,
}

/// One outcome of one rule: an action of the plan.
#[derive(Clone)]
pub(super) struct Rule {
    pub(super) action: Arc<Action>,
    /// Places in [`Protocol::explaining`].
    pub(super) evidence: Vec<usize>,
    /// None only for the rule of what cannot be read or evaluated, which may go without.
    pub(super) condition: Option<Bound>,
    pub(super) in_progress: bool,
    pub(super) aggregate: bool,
}

impl Protocol {
    /// Canonical address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// `url|version`.
    #[must_use]
    pub fn canonical(&self) -> String {
        format!("{}|{}", self.url, self.version)
    }

    /// Title, as the author wrote it.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// Which items its expressions can see of [`Facts::history`](super::Facts), where not all; of
    /// [`Facts::previous`](super::Facts) they see everything.
    #[must_use]
    pub(crate) const fn history(&self) -> Option<&Picks> {
        self.history.as_ref()
    }

    /// Canonicals (`url|version`) of the Questionnaires it evaluates.
    #[must_use]
    pub fn questionnaires(&self) -> &[String] {
        &self.questionnaires
    }
}

impl std::fmt::Debug for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Protocol {}|{} of {} rules", self.url, self.version, self.rules.len())
    }
}
