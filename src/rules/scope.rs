//! What the expressions of one evaluation see: the given variables, and the variables of the plan,
//! each evaluated once and only when a rule uses it.

use std::cell::OnceCell;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};
use serde_json::Value;

use super::Facts;
use super::expression::TRIGGERED;
use super::protocol::{Protocol, Variable};
use crate::fhir::datetime::PartialDateTime;
use crate::fhir::schema;
use crate::fhirpath::{Collection, Expression, Scope};

/// The surroundings of every rule of one pass.
pub(super) struct Surroundings<'a> {
    facts: Facts<'a>,
    now: Zoned,
    variables: &'a [Variable],
    values: Vec<OnceCell<Result<Collection<'a>, String>>>,
    triggered: Option<&'a [Value]>,
}

impl<'a> Surroundings<'a> {
    /// Of this protocol and these facts; `triggered` in the second pass only.
    pub(super) fn new(protocol: &'a Protocol, facts: Facts<'a>, triggered: Option<&'a [Value]>) -> Self {
        let variables = protocol.variables.as_slice();
        let values = variables.iter().map(|_| OnceCell::new()).collect();
        Self { now: moment(&facts), facts, variables, values, triggered }
    }

    /// Evaluate an expression of a rule over the response.
    ///
    /// # Errors
    /// Why it has no value, in French.
    pub(super) fn evaluate(&self, expression: &'a Expression) -> Result<Collection<'a>, String> {
        self.evaluate_before(expression, self.variables.len())
    }

    /// Evaluate with the first `reach` variables of the plan in reach: each sees those before it, so
    /// this always ends.
    fn evaluate_before(&self, expression: &'a Expression, reach: usize) -> Result<Collection<'a>, String> {
        let mut scope = Scope::new(schema::r4(), self.now.clone());
        scope.set("resource", Collection::from_value(self.facts.response));
        for name in expression.variables() {
            if let Some(value) = self.variable(name, reach)? {
                scope.set(name.as_str(), value);
            }
        }
        let focus = Collection::from_value(self.facts.response);
        expression
            .evaluate(&focus, &scope)
            .map_err(|fault| format!("expression sans réponse : {}", fault.message))
    }

    fn variable(&self, name: &str, reach: usize) -> Result<Option<Collection<'a>>, String> {
        let optional =
            |value: Option<&'a Value>| value.map_or_else(Collection::empty, Collection::from_value);
        let given = match name {
            "previous" => optional(self.facts.previous),
            "history" => Collection::from_values(self.facts.history),
            "careplan" => Collection::from_values(self.facts.careplans),
            "patient" => optional(self.facts.patient),
            TRIGGERED => match self.triggered {
                Some(triggered) => Collection::from_values(triggered),
                None => return Ok(None),
            },
            _ => return self.of_plan(name, reach),
        };
        Ok(Some(given))
    }

    fn of_plan(&self, name: &str, reach: usize) -> Result<Option<Collection<'a>>, String> {
        let Some(index) = self.variables[..reach].iter().position(|variable| variable.name == name) else {
            return Ok(None);
        };
        let value =
            self.values[index].get_or_init(|| self.evaluate_before(&self.variables[index].expression, index));
        value.clone().map(Some).map_err(|reason| format!("la variable %{name} n'a pas de valeur ({reason})"))
    }
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
