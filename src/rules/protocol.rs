//! A compiled PlanDefinition: made by `compile` only, so every expression in it compiles and every
//! variable it uses is defined.

use super::activity::Activity;
use super::outcome::Coding;
use crate::fhirpath::Expression;
use crate::terminology::Level;

/// A PlanDefinition and each ActivityDefinition it names, compiled.
#[derive(Clone)]
pub struct Protocol {
    pub(super) url: String,
    pub(super) version: String,
    pub(super) title: Option<String>,
    pub(super) questionnaires: Vec<String>,
    pub(super) variables: Vec<Variable>,
    pub(super) rules: Vec<Rule>,
}

/// A variable of the plan; it uses none that comes after it.
#[derive(Clone)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) expression: Expression,
}

/// One outcome of one rule: an action of the plan.
#[derive(Clone)]
pub(super) struct Rule {
    pub(super) action_id: String,
    pub(super) rule: String,
    pub(super) level: Level,
    pub(super) symptom: Option<Coding>,
    pub(super) title: String,
    pub(super) message: String,
    pub(super) threshold: Option<String>,
    pub(super) source: Option<String>,
    pub(super) evidence: Vec<String>,
    /// None only for the rule of what cannot be read or evaluated, which may go without.
    pub(super) condition: Option<Expression>,
    pub(super) in_progress: bool,
    pub(super) aggregate: bool,
    pub(super) activities: Vec<Activity>,
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
