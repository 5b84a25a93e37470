//! What the derivation is given.

use crate::json::Value;
use jiff::Timestamp;

use super::existing::Existing;
use crate::clock::Ids;
use crate::fhir::datetime::instant;
use crate::judgement::{Evaluation, Outcome};
use crate::problem::Issue;
use crate::terminology::Level;

/// One evaluated response and what surrounds it.
#[derive(Clone)]
pub struct Input<'a> {
    /// `QuestionnaireResponse/x`, or `Binary/x` when the response was refused and kept as bytes.
    pub source: &'a str,
    /// Version of the source that was evaluated.
    pub source_version: Option<u64>,
    /// Reference to the last answered response before this one, if the rules saw one.
    pub previous: Option<&'a str>,
    /// Reference to the patient, as every derived resource carries it; `null` in [`super::derive_unattributed`] alone.
    pub subject: &'a Value,
    /// Reference to the person who answered (the patient, a carer), if the response says so.
    pub answered_by: Option<&'a Value>,
    /// `CarePlan/x`.
    pub care_plan: Option<&'a str>,
    /// Reference to who owns the Tasks, only if somebody decided that.
    pub owner: Option<&'a Value>,
    /// Canonical of the PlanDefinition, with `|version`.
    pub plan: Option<&'a str>,
    /// `QuestionnaireResponse.authored`, as written.
    pub authored: Option<&'a str>,
    /// When the response arrived.
    pub received: Timestamp,
    /// Whether the response is still being filled in, or was refused: it becomes alerts only.
    pub in_progress: bool,
    /// Whether the response should never have been (`entered-in-error`): what it became ends with it.
    pub withdrawn: bool,
    /// What every rule did, in the order of the protocol, and the level.
    pub evaluation: &'a Evaluation,
    /// What the validation of the response found.
    pub issues: &'a [Issue],
    /// Telephone number of the service, day and night, as the patient reads it.
    pub telephone: Option<&'a str>,
    /// Current versions of everything that earlier versions of the same response became.
    pub existing: &'a [Value],
}

/// The input, with what every part of the derivation needs of it.
pub(super) struct Scene<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) ids: &'a dyn Ids,
    /// The instant of reception, as it is written.
    pub(super) received: String,
    /// Rules that fired at a level that somebody must see, with their place among the outcomes: highest level first.
    pub(super) alerts: Vec<(usize, &'a Outcome)>,
    pub(super) existing: Existing<'a>,
}

impl<'a> Scene<'a> {
    pub(super) fn of(input: &'a Input<'a>, ids: &'a dyn Ids) -> Self {
        let mut alerts: Vec<(usize, &Outcome)> = input.evaluation.alerts().collect();
        alerts.sort_by_key(|(_, alert)| std::cmp::Reverse(alert.action.level));
        let existing = Existing::of(input.existing);
        Self { input, ids, received: instant(input.received), alerts, existing }
    }

    /// Level of the response.
    pub(super) fn level(&self) -> Level {
        self.input.evaluation.level
    }
}
