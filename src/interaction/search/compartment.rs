//! The compartment of a patient (R4 `compartmentdefinition-patient.html`): what is about them, and what they wrote or
//! were sent.
//!
//! R4 has no Task in it; here it is in, by the patient that it is for, as in R5.

use crate::fhir::search::{Column, Criterion, Modifier, Parameter, Test, parameters};
use crate::interaction::{Context, read};
use crate::problem::{Category, Problem};

/// The types in it, and the parameters that name the patient: each that the `CompartmentDefinition` has for it.
pub const MEMBERS: &[(&str, &[&str])] = &[
    ("AuditEvent", &["patient"]),
    ("CarePlan", &["patient", "performer"]),
    ("Communication", &["subject", "sender", "recipient"]),
    ("Consent", &["patient"]),
    ("DiagnosticReport", &["subject"]),
    ("DocumentReference", &["subject", "author"]),
    ("Flag", &["patient"]),
    ("Observation", &["subject", "performer"]),
    ("Patient", &["link"]),
    ("Provenance", &["patient"]),
    ("QuestionnaireResponse", &["subject", "author"]),
    ("Task", &["patient"]),
];

/// The criterion that keeps to the compartment.
///
/// # Errors
/// `NotFound` when the patient is not known or no such type is in a patient's compartment; `Gone`.
pub(super) async fn member(ctx: &Context, patient: &str, rtype: &str) -> Result<Criterion, Problem> {
    read::read(ctx, "Patient", patient).await?;
    of(&[format!("Patient/{patient}")], rtype).ok_or_else(|| {
        let names: Vec<_> = MEMBERS.iter().map(|(name, _)| *name).collect();
        let text = format!("{rtype} is not in the compartment of a patient: {}", names.join(", "));
        Problem::new(Category::NotFound, "not-found", text)
    })
}

/// The same for the records of one person, each as `Patient/id`.
pub(super) fn of(patients: &[String], rtype: &str) -> Option<Criterion> {
    let (_, names) = MEMBERS.iter().find(|(name, _)| *name == rtype)?;
    let known = |name: &&str| parameters(rtype).iter().find(|parameter| parameter.name == *name);
    let by: Vec<&'static Parameter> = names.iter().filter_map(known).collect();
    let (parameter, any) = match by[..] {
        [] => return None,
        [only] => (only, vec![Test::Reference(patients.to_vec())]),
        _ => {
            let id = parameters(rtype).iter().find(|parameter| parameter.column == Some(Column::Id))?;
            let member = |target: &String| Test::Member { target: target.clone(), by: by.clone() };
            (id, patients.iter().map(member).collect())
        }
    };
    Some(Criterion { parameter, modifier: Modifier::None, any })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_has_its_parameters() {
        for (rtype, names) in MEMBERS {
            assert!(of(&["Patient/p".to_owned()], rtype).is_some(), "{rtype}");
            for name in *names {
                let parameter = parameters(rtype).iter().find(|parameter| parameter.name == *name);
                assert!(parameter.is_some_and(|parameter| parameter.refers_to("Patient")), "{rtype}.{name}");
            }
        }
        assert!(of(&["Patient/p".to_owned()], "Questionnaire").is_none());
    }
}
