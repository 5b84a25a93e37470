//! What a response was found to say: what each rule did with it and why, and which answers become Observations (FHIR R4
//! PlanDefinition, <https://hl7.org/fhir/R4/plandefinition.html>; SDC observation-based extraction).
//!
//! Values only. [`questionnaire`](crate::questionnaire) and [`rules`](crate::rules) make them,
//! [`pathway`](crate::pathway) takes them, and none of the three knows another. What a rule always says is compiled once
//! and shared ([`Action`]); an [`Outcome`] adds what it did with one response.

mod action;
mod extract;
mod outcome;
mod readings;

pub use action::{Action, Activity, ActivityKind, Priority, Symptom};
pub use extract::Extract;
pub use outcome::{Evaluation, Evidence, Outcome, Truth};
pub use readings::Readings;
