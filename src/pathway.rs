//! What a response becomes: Observations, Flags, Tasks, a Communication, a Provenance and the
//! preliminary DiagnosticReport, out of the outcomes of the rules (FHIR R4; `TLSVObservation` for the
//! Observations, SDC observation extraction for their amendment).
//!
//! Pure: time and ids are handed in, and the same input gives the same bytes. Nothing is ever made
//! twice for one response: with the resources of the earlier version in [`Input::existing`], what
//! still holds keeps its id, what no longer holds is ended with a trace, and only what is new is new.
//!
//! Extensions written (all under `{BASE}/StructureDefinition/`):
//! - `derived-item` (valueString) on Observation: link id of the answer, `#n` for a later instance;
//! - `source-response` (valueReference) on Flag and DiagnosticReport: the response they come from;
//! - `rule-action` (valueString) on Flag: id of the `PlanDefinition.action`;
//! - `superseded` (valueInstant) on Flag: when an amended response ended it;
//! - `rule-trace` on Provenance, see [`derive()`].

mod communication;
mod derived;
mod diagnostic_report;
mod element;
mod existing;
mod flag;
mod french;
mod input;
mod narrative;
mod observation;
mod provenance;
mod task;
mod task_told;
mod task_wanted;
mod trace;

#[cfg(test)]
mod tests;

use crate::clock::Ids;
use crate::judgement::Extract;

pub use derived::{Change, Derived, DerivedResource};
pub use input::Input;

/// Derive every resource that the response becomes; `extracts` are the answers that become Observations.
///
/// An in-progress response becomes alerts only: no Observation, no DiagnosticReport, and no message
/// when nothing fired. Each call gives one Provenance, whose `rule-trace` extensions tell what every
/// rule did: one for each rule that fired or was not evaluable, with `action`, `rule`, `level`, `symptom`,
/// `result` (`fired`, `not-evaluable`), `title`, `reason`, `threshold`, `source` and for each answer
/// used an `evidence` (`linkId`, `text`, `answer`, `previous`, `place`); then one that lists every
/// `action` with `result` `not-fired`, and one with `not-run`. A second Provenance names what an
/// amendment ended.
///
/// On amendment a Task that a person has not finished is cancelled when nothing asks for it any more,
/// except one of level rouge: that one stays open with a note, because only a person closes it. An
/// alert whose rule could not be evaluated this time stays as it was.
#[must_use]
pub fn derive(input: &Input<'_>, extracts: Vec<Extract>, ids: &dyn Ids) -> Derived {
    let scene = input::Scene::of(input, ids);
    let mut derived = Derived::default();
    let observations = observation::derive(&scene, extracts, &mut derived);
    let flags = flag::derive(&scene, &mut derived);
    let tasks = task::derive(&scene, &flags, &mut derived);
    let report = diagnostic_report::derive(&scene, observations, &tasks, &mut derived);
    communication::derive(&scene, report.as_deref(), &mut derived);
    provenance::derive(&scene, &flags, &tasks, report.as_deref(), &mut derived);
    derived
}

/// Derive what a refused response becomes whose patient nobody here is known to be, with [`Input::subject`] `null`: the Tasks that
/// its alerts ask for, about nobody, and their Provenance. Flags, a message and a report would need somebody.
#[must_use]
pub fn derive_unattributed(input: &Input<'_>, ids: &dyn Ids) -> Derived {
    let scene = input::Scene::of(input, ids);
    let (mut derived, flags) = (Derived::default(), flag::Flags::default());
    let tasks = task::derive(&scene, &flags, &mut derived);
    provenance::derive(&scene, &flags, &tasks, None, &mut derived);
    derived
}
