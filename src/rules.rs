//! Rules over a response: a PlanDefinition compiled once, evaluated as often as needed (FHIR R4
//! PlanDefinition applicability conditions, <https://hl7.org/fhir/R4/plandefinition.html>).
//!
//! - Each rule runs alone: a fault in one leaves the others as they are.
//! - The result is tri-state. An empty condition is *not evaluable*, never false, and what is not
//!   evaluable or not readable becomes the outcome R90 of level *technique*.
//! - Of several ways to read a response, the worse counts.
//! - `now()` and `today()` are the moment of the answer, so that the same response, history and
//!   protocol always give the same outcomes.

mod activity;
mod answer;
mod bound;
mod compile;
mod evaluate;
mod evidence;
mod expression;
mod fault;
mod protocol;
mod reading;
mod scope;
mod unreadable;

#[cfg(test)]
mod tests;

use crate::json::Value;
use jiff::Timestamp;

use crate::judgement::{Activity, Evaluation, Readings};
use crate::problem::{Issue, Problem};

pub use compile::compile;
pub use protocol::Protocol;
pub(crate) use reading::Read;
pub use unreadable::technique;

/// Compile one ActivityDefinition that no rule names.
///
/// # Errors
/// `Invalid`, with every fault and its element path.
pub fn activity(definition: &Value) -> Result<Activity, Problem> {
    let mut faults = fault::Faults::default();
    let compiled = activity::compile(definition, &mut faults);
    faults.into_result()?;
    compiled.ok_or_else(|| Problem::internal("an activity without a fault does not compile"))
}

/// What is known about a response when the rules look at it.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The response, without the answers that could not be read: `%resource`.
    pub response: &'a Value,
    /// The ways to read it, where a question that has one answer was given several: then the rules run on each of them,
    /// and `response`, with all answers, explains them.
    pub readings: Option<&'a Readings>,
    /// Its Questionnaire, for the words of questions and options that the response leaves out.
    pub questionnaire: Option<&'a Value>,
    /// The last answered response of the same Questionnaire before this one: `%previous`.
    pub previous: Option<&'a Value>,
    /// Every earlier response, newest first: `%history`.
    pub history: &'a [Value],
    /// Every CarePlan that says what the patient is, or lately was, treated with: `%careplan`.
    pub careplans: &'a [Value],
    /// The patient: `%patient`.
    pub patient: Option<&'a Value>,
    /// Whether the response is still being filled in: then only rules marked for that run, and what
    /// they cannot tell is traced, not alerted.
    pub in_progress: bool,
    /// What the validation of the response found.
    pub unreadable: &'a [Issue],
    /// When the response arrived: the moment of evaluation where the response says none.
    pub received: Timestamp,
    /// Which rules are explained by answers.
    pub explained: Explained,
}

/// Which rules get the answers that explain them, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explained {
    /// Those that fired, and those that nobody can tell about: all that what follows from a response tells of.
    Telling,
    /// Those too that did not fire.
    Every,
}

impl Protocol {
    /// Evaluate every rule, in the order of the plan, then the aggregate rules over what fired.
    ///
    /// Never fails: what cannot be evaluated is an outcome that says why.
    #[must_use]
    pub fn evaluate(&self, facts: &Facts<'_>) -> Evaluation {
        evaluate::evaluate(self, facts)
    }
}
