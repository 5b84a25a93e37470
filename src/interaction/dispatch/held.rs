//! A document that must not go where it should: what a person has to see to, as a Task.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::fhir::datetime::instant;
use crate::identity::Reason;
use crate::terminology::TASK_CODE;

/// The Task of a document that is held back from that destination because the patient's identity is not qualified: each
/// reason, and what to do. It names the patient by reference only.
pub(super) fn task(
    destination: &str,
    patient: &str,
    document: &str,
    reasons: &[Reason],
    at: Timestamp,
) -> Value {
    let reasons: Vec<String> = reasons.iter().map(Reason::text).collect();
    let description = format!(
        "Le compte rendu n'a pas été envoyé à la destination « {destination} » : l'identité n'est pas qualifiée ({}). \
         Faire qualifier l'identité, puis corriger et signer à nouveau le compte rendu pour l'envoyer.",
        reasons.join(" ; ")
    );
    json!({
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "priority": "urgent",
        "code": {
            "coding": [{"system": TASK_CODE, "code": "relecture-humaine", "display": "Relecture humaine"}],
            "text": "Qualifier l'identité avant l'envoi du compte rendu",
        },
        "description": description,
        "focus": {"reference": document},
        "for": {"reference": patient},
        "authoredOn": instant(at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_why_and_what_to_do() {
        let at = "2026-03-09T14:20:00Z".parse().unwrap();
        let task =
            task("dmp", "Patient/p", "DocumentReference/d", &[Reason::NoMatricule, Reason::BirthPlace], at);
        let description = task["description"].as_str().unwrap();
        for text in ["« dmp »", &Reason::NoMatricule.text(), &Reason::BirthPlace.text(), "qualifier"] {
            assert!(description.contains(text), "{text}: {description}");
        }
        let issues = crate::fhir::structure::check(&task);
        assert!(issues.iter().all(|one| one.severity < crate::problem::Severity::Error), "{issues:?}");
    }
}
