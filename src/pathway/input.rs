//! What the derivation is given.

use crate::json::Value;
use jiff::Timestamp;

use super::element::{RULE_ACTION, extension_value, level_in};
use super::existing::{Existing, status};
use crate::clock::Ids;
use crate::fhir::datetime::instant;
use crate::fhir::element::str_at;
use crate::judgement::{Evaluation, Outcome, Truth};
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
    /// Whether nothing was left unread and no rule undecided: a person who looks at it all the same looks at what is around it,
    /// and the patient is not told that it could not be read.
    pub fully_read: bool,
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
    /// Alerts of an earlier version that nobody can tell about this time: highest level first.
    pub(super) held: Vec<Held<'a>>,
    pub(super) existing: Existing<'a>,
}

/// An alert that stays because its rule could not be evaluated this time, or because no protocol could.
pub(super) struct Held<'a> {
    /// The active Flag.
    pub(super) flag: &'a Value,
    /// Its rule, where the protocol still has it.
    pub(super) rule: Option<&'a Outcome>,
}

impl<'a> Held<'a> {
    /// What the Flag calls it.
    pub(super) fn name(&self) -> &'a str {
        let title = self.rule.map(|rule| rule.action.title.as_str());
        title.or_else(|| str_at(self.flag, "code.text")).unwrap_or("Alerte")
    }

    /// Its level.
    pub(super) fn level(&self) -> Level {
        level_in(&self.flag["code"]).unwrap_or(Level::Vert)
    }
}

impl<'a> Scene<'a> {
    pub(super) fn of(input: &'a Input<'a>, ids: &'a dyn Ids) -> Self {
        let mut alerts: Vec<(usize, &Outcome)> = input.evaluation.alerts().collect();
        alerts.sort_by_key(|(_, alert)| std::cmp::Reverse(alert.action.level));
        let existing = Existing::of(input.existing);
        let held = held(input, &existing);
        Self { input, ids, received: instant(input.received), alerts, held, existing }
    }

    /// Level of the response: what could not be evaluated this time does not lower it.
    pub(super) fn level(&self) -> Level {
        let held = self.held.first().map_or(Level::Vert, Held::level);
        self.input.evaluation.level.max(held)
    }

    /// The rules whose level and words hold: those that fired, and those that nobody can tell about this time.
    pub(super) fn holding(&self) -> impl Iterator<Item = &'a Outcome> + use<'a> {
        let fired = self.input.evaluation.outcomes.iter().filter(|outcome| outcome.has_fired());
        let held: Vec<&Outcome> = self.held.iter().filter_map(|held| held.rule).collect();
        fired.chain(held)
    }
}

/// Active alerts whose rule was not evaluated. Of a withdrawn response nothing holds, and what a protocol no longer has ends
/// with it; where no protocol judged at all, everything stays.
fn held<'a>(input: &Input<'a>, existing: &Existing<'a>) -> Vec<Held<'a>> {
    if input.withdrawn {
        return Vec::new();
    }
    let active = existing.of_type("Flag").filter(|flag| status(flag) == "active");
    let mut held: Vec<Held<'a>> = active
        .filter_map(|flag| {
            let action = extension_value(flag, RULE_ACTION, "valueString");
            let mut rules = input.evaluation.outcomes.iter();
            match rules.find(|rule| action == Some(&rule.action.id)) {
                Some(rule) if matches!(rule.result, Truth::NotEvaluable(_) | Truth::NotRun) => {
                    Some(Held { flag, rule: Some(rule) })
                }
                Some(_) => None,
                None => input.plan.is_none().then_some(Held { flag, rule: None }),
            }
        })
        .collect();
    held.sort_by_key(|held| std::cmp::Reverse(held.level()));
    held
}
