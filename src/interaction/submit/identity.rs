//! Whether a response is about whom it says: what contradicts its subject is refused (and kept), what makes it doubtful is
//! read by a person.

use crate::json::Value;

use super::RESPONSE;
use crate::fhir::element;
use crate::fhir::reference::{self, ReferenceForm};
use crate::interaction::update::Before;
use crate::interaction::{Context, incoming, read};
use crate::problem::{Issue, Problem};

/// What contradicts the subject: an earlier version about somebody else, or a plan of care of somebody else. `careplans`
/// are known to be the patient's.
///
/// # Errors
/// Those of the store.
pub(super) async fn issues(
    ctx: &Context,
    response: &Value,
    patient: Option<&Value>,
    careplans: &[Value],
    before: &Before,
) -> Result<Vec<Issue>, Problem> {
    let Some(patient) = patient.and_then(element::local_reference) else { return Ok(Vec::new()) };
    let mut issues = Vec::new();
    let first = before.resource.as_ref().and_then(incoming::patient);
    if first.is_some_and(|first| first != patient) {
        issues.push(other_subject());
    }
    for (n, named) in element::list(response, "basedOn").enumerate() {
        let Some(ReferenceForm::Local { rtype: "CarePlan", id, .. }) =
            element::str_at(named, "reference").map(reference::parse)
        else {
            continue;
        };
        if careplans.iter().any(|own| element::id(own) == Some(id)) {
            continue;
        }
        let careplan = read::current(ctx, "CarePlan", id).await?;
        let of = careplan.as_ref().and_then(incoming::patient);
        if of.is_some_and(|of| of != patient) {
            issues.push(other_careplan(n));
        }
    }
    Ok(issues)
}

/// What makes it doubtful that the record is the right one, though nothing contradicts it.
pub(super) fn doubts(response: &Value, patient: Option<&Value>) -> Vec<Issue> {
    let Some(patient) = patient else { return Vec::new() };
    let replaced = element::list(patient, "link").any(|link| link["type"] == "replaced-by");
    let mut doubts = Vec::new();
    if replaced || patient["active"] == false {
        doubts.push(inactive(replaced));
    }
    if patient["deceasedBoolean"] == true || patient.get("deceasedDateTime").is_some() {
        doubts.push(deceased());
    }
    let own = element::local_reference(patient);
    let answered_by = element::str_at(response, "source.reference");
    if answered_by.is_some_and(|by| by.starts_with("Patient/") && Some(by) != own.as_deref()) {
        doubts.push(answered_by_other());
    }
    doubts
}

fn other_subject() -> Issue {
    Issue::error(
        "business-rule",
        "this response is about another patient than its earlier version; a response about somebody else is a new one, \
         and the wrong one is set entered-in-error",
    )
    .at(format!("{RESPONSE}.subject"))
    .text("La réponse modifiée désigne un autre patient que la première : vérifier l'identité.")
}

fn other_careplan(n: usize) -> Issue {
    Issue::error("business-rule", "this CarePlan is of another patient than the subject of the response")
        .at(format!("{RESPONSE}.basedOn[{n}]"))
        .text("Le plan de soins cité est celui d'un autre patient : vérifier l'identité.")
}

fn inactive(replaced: bool) -> Issue {
    let what = if replaced { "is replaced by another one" } else { "is not active" };
    Issue::error("business-rule", format!("the Patient {what}: the team may not look at this record"))
        .at(format!("{RESPONSE}.subject"))
        .text("Le dossier du patient est inactif ou remplacé par un autre : vérifier l'identité et le dossier suivi.")
}

fn deceased() -> Issue {
    Issue::error(
        "business-rule",
        "the Patient is recorded as deceased: the record, or the death, may be another person's",
    )
    .at(format!("{RESPONSE}.subject"))
    .text(
        "Le dossier indique que le patient est décédé : vérifier l'identité et le dossier avant tout appel.",
    )
}

fn answered_by_other() -> Issue {
    Issue::error("business-rule", "the source is a Patient, and not the subject of the response")
        .at(format!("{RESPONSE}.source"))
        .text("La personne qui a répondu est un autre patient : vérifier l'identité.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn a_record_that_nobody_looks_at_and_an_answer_by_another_patient_are_doubtful() {
        let check = |patient: Value, source: &str, expected: usize| {
            let response = json!({"source": {"reference": source}});
            assert_eq!(doubts(&response, Some(&patient)).len(), expected, "{patient} {source}");
        };
        let patient = json!({"resourceType": "Patient", "id": "a"});
        check(patient.clone(), "Patient/a", 0);
        check(patient.clone(), "RelatedPerson/b", 0);
        check(patient, "Patient/b", 1);
        check(json!({"resourceType": "Patient", "id": "a", "active": true}), "Patient/a", 0);
        check(json!({"resourceType": "Patient", "id": "a", "active": false}), "Patient/a", 1);
        check(json!({"resourceType": "Patient", "id": "a", "deceasedBoolean": false}), "Patient/a", 0);
        check(json!({"resourceType": "Patient", "id": "a", "deceasedBoolean": true}), "Patient/a", 1);
        check(json!({"resourceType": "Patient", "id": "a", "deceasedDateTime": "2026"}), "Patient/a", 1);
        let merged = json!({"resourceType": "Patient", "id": "a",
            "link": [{"type": "replaced-by", "other": {"reference": "Patient/b"}}]});
        check(merged, "Patient/a", 1);
    }
}
