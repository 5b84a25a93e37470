//! Whether a response is about whom it says: what contradicts its subject is refused (and kept), what makes it doubtful is
//! read by a person.

use crate::json::Value;

use super::RESPONSE;
use crate::fhir::element;
use crate::fhir::identifier::Identifier;
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

/// What makes it doubtful that the record is the right one, though nothing contradicts it. `others` are the records that were
/// merged with it, whose numbers are the same person's.
pub(crate) fn doubts(response: &Value, patient: Option<&Value>, others: &[Value]) -> Vec<Issue> {
    let Some(patient) = patient else { return Vec::new() };
    let replaced = element::list(patient, "link").any(|link| link["type"] == "replaced-by");
    let mut doubts = Vec::new();
    if response.get("subject").is_some_and(|subject| has_another_identifier(subject, patient, others)) {
        doubts.push(other_identifier());
    }
    if replaced || patient["active"] == false {
        doubts.push(inactive(replaced));
    }
    if patient["deceasedBoolean"] == true || patient.get("deceasedDateTime").is_some() {
        doubts.push(deceased());
    }
    for (name, text) in PEOPLE {
        if response.get(name).is_some_and(|by| is_another(by, patient, others)) {
            doubts.push(other_person(name, text));
        }
    }
    doubts
}

/// Whether this names a Patient, and not that person: by reference or by identifier.
fn is_another(by: &Value, patient: &Value, others: &[Value]) -> bool {
    let known: Vec<String> =
        std::iter::once(patient).chain(others).filter_map(element::local_reference).collect();
    match element::str_at(by, "reference") {
        Some(by) if !known.is_empty() && known.iter().all(|known| known != by) => by.starts_with("Patient/"),
        _ => has_another_identifier(by, patient, others),
    }
}

/// Whether a reference has an identifier, that Patient only others from the same system, and no other record of the person this
/// one: the reference alone may be the wrong one.
fn has_another_identifier(by: &Value, patient: &Value, others: &[Value]) -> bool {
    let Some(by) = by.get("identifier").and_then(Identifier::of) else { return false };
    let of = |record| element::list(record, "identifier").filter_map(Identifier::of);
    let own: Vec<Identifier> = of(patient).collect();
    let is_elsewhere = || others.iter().any(|other| of(other).any(|one| one == by));
    !by.system.is_empty()
        && own.iter().any(|own| own.system == by.system)
        && !own.contains(&by)
        && !is_elsewhere()
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

fn other_identifier() -> Issue {
    Issue::error(
        "business-rule",
        "the subject has an identifier that is not the one of the Patient that its reference names, who has another of that \
         system: one of the two is of somebody else",
    )
    .at(format!("{RESPONSE}.subject.identifier"))
    .text("L'identifiant donné avec le patient n'est pas celui du dossier désigné : vérifier l'identité.")
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

/// Who answered and who wrote it down, and what is said when that is another Patient.
const PEOPLE: [(&str, &str); 2] = [
    ("source", "La personne qui a répondu est un autre patient : vérifier l'identité."),
    ("author", "La réponse a été saisie par un autre patient : vérifier l'identité."),
];

fn other_person(name: &str, text: &str) -> Issue {
    Issue::error("business-rule", format!("the {name} is a Patient, and not the subject of the response"))
        .at(format!("{RESPONSE}.{name}"))
        .text(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn an_author_is_told_by_an_identifier_too() {
        let named = |system: &str, value: &str| json!({"system": system, "value": value});
        let patient = json!({"resourceType": "Patient", "id": "a", "identifier": [named("ins", "1"), named("ipp", "2"), named("ipp", "3")]});
        let check = |system: &str, value: &str, expected: usize| {
            let response = json!({"author": {"type": "Patient", "identifier": named(system, value)}});
            assert_eq!(doubts(&response, Some(&patient), &[]).len(), expected, "{system} {value}");
        };
        check("ins", "1", 0);
        check("ipp", "3", 0);
        check("rpps", "9", 0);
        check("ins", "2", 1);
        check("ipp", "1", 1);
    }

    #[test]
    fn an_identifier_beside_a_reference_must_be_of_the_same_record() {
        let named = |system: &str, value: &str| json!({"system": system, "value": value});
        let patient = json!({"resourceType": "Patient", "id": "a", "identifier": [named("ins", "1"), named("ipp", "2"), named("ipp", "3")]});
        let check = |system: &str, value: &str, expected: usize| {
            for name in ["subject", "author", "source"] {
                let by = json!({"reference": "Patient/a", "identifier": named(system, value)});
                let found = doubts(&json!({name: by}), Some(&patient), &[]);
                assert_eq!(found.len(), expected, "{name} {system} {value}");
            }
        };
        check("ins", "1", 0);
        check("ipp", "3", 0);
        check("elsewhere", "9", 0);
        check("ins", "2", 1);
        check("ipp", "1", 1);
    }

    #[test]
    fn a_record_that_nobody_looks_at_and_an_answer_by_another_patient_are_doubtful() {
        let check = |patient: Value, by: &str, expected: usize| {
            for name in ["source", "author"] {
                let response = json!({name: {"reference": by}});
                let found = doubts(&response, Some(&patient), &[]);
                assert_eq!(found.len(), expected, "{patient} {name} {by}");
            }
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

    #[test]
    fn the_other_records_of_the_person_are_nobody_else() {
        let named = |value: &str| json!([{"system": "ipp", "value": value}]);
        let record = |id: &str, number: &str| json!({"resourceType": "Patient", "id": id, "identifier": named(number)});
        let (patient, others) = (record("a", "1"), [record("b", "2")]);
        let check = |reference: &str, number: &str, expected: usize| {
            let by = json!({"reference": reference, "identifier": named(number)[0]});
            for name in ["author", "source"] {
                let found = doubts(&json!({name: by}), Some(&patient), &others);
                assert_eq!(found.len(), expected, "{name} {reference} {number}");
            }
        };
        check("Patient/a", "2", 0);
        check("Patient/b", "1", 0);
        check("Patient/b", "3", 1);
        check("Patient/c", "1", 1);
    }
}
