//! What the rules did with one response.

use std::fmt;
use std::sync::Arc;

use super::action::Action;
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
    /// The rule, shared with the protocol and every other outcome of it.
    pub action: Arc<Action>,
    /// What happened.
    pub result: Truth,
    /// The answers named by the rule, as they are in this response and in the previous one; shared with the other rules
    /// that name them.
    pub evidence: Vec<Arc<Evidence>>,
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

/// One answer that explains a rule.
#[derive(Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Link id of the item.
    pub link_id: String,
    /// The question.
    pub text: String,
    /// The answer, readable in French; none when there is no answer.
    pub answer: Option<String>,
    /// The answer of the previous response, readable.
    pub previous: Option<String>,
    /// `FHIRPath` of the answer, such as `QuestionnaireResponse.item[0].answer[0]`; of the response where there is no
    /// answer.
    pub place: String,
    /// Whether the person wrote it in free words: kept out of Tasks, which carry no identity.
    pub free_text: bool,
    /// What the readable answer does not show and yet tells it from another one: which content is attached, what is referred to.
    pub beyond: Option<String>,
}

impl Evaluation {
    /// The evaluation with these outcomes.
    #[must_use]
    pub fn of(outcomes: Vec<Outcome>) -> Self {
        let fired = outcomes.iter().filter(|outcome| outcome.has_fired());
        let level = fired.map(|outcome| outcome.action.level).max().unwrap_or(Level::Vert);
        Self { level, outcomes }
    }

    /// Rules that fired at a level that somebody must see, in the order of the plan, with their place in it.
    pub fn alerts(&self) -> impl Iterator<Item = (usize, &Outcome)> {
        self.outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_alert())
    }

    /// Rules that nobody can tell about, with the reason.
    pub fn not_evaluable(&self) -> impl Iterator<Item = (&Outcome, &str)> {
        self.outcomes.iter().filter_map(|outcome| match &outcome.result {
            Truth::NotEvaluable(reason) => Some((outcome, reason.as_str())),
            _ => None,
        })
    }
}

impl Outcome {
    /// Whether the rule fired.
    #[must_use]
    pub fn has_fired(&self) -> bool {
        self.result == Truth::True
    }

    /// Whether the rule fired at a level that somebody must see.
    #[must_use]
    pub fn is_alert(&self) -> bool {
        self.has_fired() && !matches!(self.action.level, Level::Vert | Level::Silence)
    }
}

impl fmt::Debug for Evaluation {
    /// Level and rules; answers are a patient's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.level, self.outcomes)
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.action.id, self.result)
    }
}
