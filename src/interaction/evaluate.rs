//! `QuestionnaireResponse/$evaluate`: what a submission would create, and the trace of each rule; nothing is stored.

use super::{Context, Library};
use crate::problem::Problem;
use jiff::Timestamp;
use serde_json::Value;

/// What `evaluate_with` looks at: nothing else enters its result.
#[derive(Clone)]
pub struct Question {
    /// The response to judge.
    pub response: Value,
    /// Earlier responses of the same patient, in any order.
    pub previous: Vec<Value>,
    /// The patient, if known.
    pub patient: Option<Value>,
    /// The active `CarePlan`, if known.
    pub careplan: Option<Value>,
    /// When it was received; with the response it decides the ids.
    pub received_at: Timestamp,
}

/// Judges a `QuestionnaireResponse`, alone or in `Parameters` (`response`, `previous`*, `patient`, `careplan`,
/// `questionnaire`, `plan`); what is not handed in is read from the store. Returns a `Bundle`.
///
/// # Errors
/// `Malformed` when the body cannot be read, `Invalid` when the response does not validate.
pub async fn evaluate(_ctx: &Context, _body: &[u8]) -> Result<Vec<u8>, Problem> {
    Err(Problem::internal("not built yet"))
}

/// The same without a store, for the command line: a pure function of its arguments.
///
/// # Errors
/// `Invalid` when the questionnaire is not in the library.
pub fn evaluate_with(_library: &Library, _question: &Question) -> Result<Value, Problem> {
    Err(Problem::internal("not built yet"))
}
