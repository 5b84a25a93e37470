//! An expression of a plan whose names are resolved: where each `%name` gets its value is known when the plan compiles.

use super::expression::TRIGGERED;
use super::protocol::Variable;
use crate::fhirpath::Expression;

/// An expression and where its variables come from.
#[derive(Clone)]
pub(super) struct Bound {
    pub(super) expression: Expression,
    /// For each of [`Expression::variables`], unless it is left to `FHIRPath`.
    pub(super) origins: Vec<Option<Origin>>,
}

/// Where a variable comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The last answered response before this one.
    Previous,
    /// Every earlier response.
    History,
    /// The plans of care.
    Careplan,
    /// The patient.
    Patient,
    /// What fired in the first pass.
    Triggered,
    /// The variable of the plan at this place.
    Plan(usize),
}

impl Bound {
    /// Resolve the names of an expression that sees these variables of the plan; the others are left to `FHIRPath`.
    pub(super) fn of(expression: Expression, variables: &[Variable]) -> Self {
        let origins = expression.variables().iter().map(|name| Origin::of(name, variables)).collect();
        Self { expression, origins }
    }

    /// The places of the variables of the plan that it names.
    pub(super) fn plan(&self) -> impl Iterator<Item = usize> {
        self.origins.iter().filter_map(|origin| match origin {
            Some(Origin::Plan(index)) => Some(*index),
            _ => None,
        })
    }
}

impl Origin {
    fn of(name: &str, variables: &[Variable]) -> Option<Self> {
        Some(match name {
            "previous" => Self::Previous,
            "history" => Self::History,
            "careplan" => Self::Careplan,
            "patient" => Self::Patient,
            TRIGGERED => Self::Triggered,
            _ => Self::Plan(variables.iter().position(|variable| variable.name == name)?),
        })
    }
}
