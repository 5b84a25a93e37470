//! What the expressions of one evaluation see: the given variables, and the variables of the plan,
//! each evaluated once and only when a rule uses it.

use std::cell::OnceCell;

use crate::json::Value;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};

use super::Facts;
use super::bound::{Bound, Origin};
use super::protocol::{self, Protocol};
use crate::fhir::datetime::PartialDateTime;
use crate::fhir::schema;
use crate::fhirpath::{Collection, Fault, Scope, Variable};

/// The surroundings of every rule of one evaluation, in both passes.
pub(super) struct Surroundings<'a> {
    /// What every expression sees.
    scope: Scope<'a>,
    focus: Collection<'a>,
    previous: Variable<'a>,
    history: Variable<'a>,
    careplan: Variable<'a>,
    patient: Variable<'a>,
    triggered: Option<Variable<'a>>,
    variables: &'a [protocol::Variable],
    values: Vec<OnceCell<Result<Variable<'a>, String>>>,
}

impl<'a> Surroundings<'a> {
    /// Of this protocol and these facts, in the first pass.
    pub(super) fn new(protocol: &'a Protocol, facts: &Facts<'a>) -> Self {
        let optional = |value: Option<&'a Value>| -> Variable<'a> {
            value.map_or_else(Collection::empty, Collection::from_value).into()
        };
        let focus = Collection::from_value(facts.response);
        Self {
            scope: Scope::new(schema::r4(), moment(facts)).with("resource", focus.clone()),
            focus,
            previous: optional(facts.previous),
            history: Collection::from_values(facts.history).into(),
            careplan: Collection::from_values(facts.careplans).into(),
            patient: optional(facts.patient),
            triggered: None,
            variables: &protocol.variables,
            values: protocol.variables.iter().map(|_| OnceCell::new()).collect(),
        }
    }

    /// Begin the second pass: this is what fired in the first.
    pub(super) fn trigger(&mut self, triggered: &'a [Value]) {
        self.triggered = Some(Collection::from_values(triggered).into());
    }

    /// Evaluate an expression of the plan over the response. A variable sees those before it only, so this always ends.
    ///
    /// # Errors
    /// Why it has no value, in French.
    fn evaluate(&self, bound: &'a Bound) -> Result<Collection<'a>, String> {
        self.prepare(bound)?;
        bound
            .expression
            .evaluate_given(&self.focus, &self.scope, &|place| self.variable(bound.origins[place]?))
            .map_err(|fault| no_answer(&fault))
    }

    /// What an expression of the plan says about the response.
    ///
    /// # Errors
    /// Why it has no value, in French; within, why its value is neither true nor false nor nothing.
    pub(super) fn truth(&self, bound: &'a Bound) -> Result<Result<Option<bool>, Fault>, String> {
        self.prepare(bound)?;
        bound
            .expression
            .truth_given(&self.focus, &self.scope, &|place| self.variable(bound.origins[place]?))
            .map_err(|fault| no_answer(&fault))
    }

    /// Evaluates the variables of the plan that it names: none of them may be without a value.
    fn prepare(&self, bound: &'a Bound) -> Result<(), String> {
        for origin in &bound.origins {
            if let Some(Origin::Plan(index)) = origin {
                self.of_plan(*index)?;
            }
        }
        Ok(())
    }

    /// The value of a variable of the plan, evaluated when it is first asked for.
    fn of_plan(&self, index: usize) -> Result<&Variable<'a>, String> {
        let protocol::Variable { name, expression } = &self.variables[index];
        let value = self.values[index].get_or_init(|| self.evaluate(expression).map(Variable::from));
        value.as_ref().map_err(|reason| format!("la variable %{name} n'a pas de valeur ({reason})"))
    }

    fn variable(&self, origin: Origin) -> Option<&Variable<'a>> {
        match origin {
            Origin::Previous => Some(&self.previous),
            Origin::History => Some(&self.history),
            Origin::Careplan => Some(&self.careplan),
            Origin::Patient => Some(&self.patient),
            Origin::Triggered => self.triggered.as_ref(),
            Origin::Plan(index) => self.of_plan(index).ok(),
        }
    }
}

fn no_answer(fault: &Fault) -> String {
    format!("expression sans réponse : {}", fault.message)
}

/// How far the clock of a sender may run ahead.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(1);

/// The moment of the answer, in its own offset; of reception (Paris time) where the response says none, or one that had not
/// come yet: a clock that is wrong must not move a patient out of the weeks of a treatment.
fn moment(facts: &Facts<'_>) -> Zoned {
    let paris = || TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC);
    let authored = facts.response["authored"].as_str().and_then(PartialDateTime::parse);
    match authored.and_then(|authored| authored.lower().zip(Some(authored.offset()))) {
        Some((at, offset)) if at.duration_since(facts.received) <= AHEAD_MAX => {
            at.to_zoned(offset.map_or_else(paris, |offset| offset.to_time_zone()))
        }
        _ => facts.received.to_zoned(paris()),
    }
}
