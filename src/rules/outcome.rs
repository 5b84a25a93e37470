//! What the rules say about one response.

use super::activity::Activity;
use crate::terminology::Level;

/// What every rule did, and the level of the response.
#[derive(Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// The highest level among the rules that fired; vert when none did.
    pub level: Level,
    /// One for each rule, in the order of the plan; R90 last when the plan itself has no R90.
    pub outcomes: Vec<Outcome>,
}

/// What one rule did.
#[derive(Clone, PartialEq, Eq)]
pub struct Outcome {
    /// `PlanDefinition.action.id`.
    pub action_id: String,
    /// Code of `CodeSystem/alert-rule`.
    pub rule: String,
    /// Level when it fires.
    pub level: Level,
    /// The symptom it is about.
    pub symptom: Option<Coding>,
    /// Short title, French.
    pub title: String,
    /// What the team reads, French.
    pub message: String,
    /// What happened.
    pub result: Truth,
    /// The answers named by the rule, as they are in this response and in the previous one.
    pub evidence: Vec<Evidence>,
    /// Readable threshold, French.
    pub threshold: Option<String>,
    /// Where the rule comes from.
    pub source: Option<String>,
    /// What to do and what to say.
    pub activities: Vec<Activity>,
}

/// Result of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    /// It fires.
    True,
    /// It does not.
    False,
    /// Nobody can tell; why, in French, without any answer in it.
    NotEvaluable(String),
    /// Not asked: the response is in progress and the rule waits for the completed one.
    NotRun,
}

/// A code with its display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coding {
    /// Code.
    pub code: String,
    /// French display.
    pub display: Option<String>,
}

/// One answer that explains a rule.
#[derive(Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Link id of the item.
    pub link_id: String,
    /// The question.
    pub text: String,
    /// The answer, readable in French; none when there is no answer.
    pub answer: Option<String>,
    /// The answer of the previous response.
    pub previous: Option<String>,
    /// `FHIRPath` of the answer; of the response where there is no answer.
    pub place: String,
    /// Whether the person wrote it in free words.
    pub free_text: bool,
}

impl std::fmt::Debug for Evaluation {
    /// Level and rules; answers are a patient's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.level, self.outcomes)
    }
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.action_id, self.result)
    }
}
