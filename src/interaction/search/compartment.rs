//! The compartment of a patient: what is about them (R4 `compartmentdefinition-patient.html`).
//!
//! R4 also counts what the patient wrote about somebody else, and leaves Task out; here the one who decides is whom a
//! resource is about, by the parameter that says it, and Task is in.

use crate::fhir::search::{Criterion, Modifier, Test, parameters};
use crate::interaction::{Context, read};
use crate::problem::{Category, Problem};

/// The types in it, and the parameter that names the patient.
pub const MEMBERS: &[(&str, &str)] = &[
    ("CarePlan", "patient"),
    ("Communication", "patient"),
    ("Consent", "patient"),
    ("DiagnosticReport", "patient"),
    ("DocumentReference", "patient"),
    ("Flag", "patient"),
    ("Observation", "patient"),
    ("Provenance", "patient"),
    ("QuestionnaireResponse", "patient"),
    ("Task", "patient"),
];

/// The criterion that keeps to the compartment.
///
/// # Errors
/// `NotFound` when the patient is not known or no such type is in a patient's compartment; `Gone`.
pub(super) async fn member(ctx: &Context, patient: &str, rtype: &str) -> Result<Criterion, Problem> {
    read::read(ctx, "Patient", patient).await?;
    of(patient, rtype).ok_or_else(|| {
        let names: Vec<_> = MEMBERS.iter().map(|(name, _)| *name).collect();
        let text = format!("{rtype} is not in the compartment of a patient: {}", names.join(", "));
        Problem::new(Category::NotFound, "not-found", text)
    })
}

pub(super) fn of(patient: &str, rtype: &str) -> Option<Criterion> {
    let (_, name) = MEMBERS.iter().find(|(name, _)| *name == rtype)?;
    let parameter = parameters(rtype).iter().find(|parameter| parameter.name == *name)?;
    let any = vec![Test::Reference(vec![format!("Patient/{patient}")])];
    Some(Criterion { parameter, modifier: Modifier::None, any })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_has_its_parameter() {
        assert!(MEMBERS.iter().all(|(rtype, _)| of("p", rtype).is_some()));
        assert!(of("p", "Questionnaire").is_none());
    }
}
