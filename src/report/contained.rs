//! The persons and the establishment of a document, contained in its description as `PDSm` wants them.

use crate::json::{Value, json};

use super::codes::{ANNUAIRE, INSEE_CODE};
use super::codes::{BIRTH_GIVEN_NAMES, BIRTH_PLACE};
use super::subject::Identity;
use super::{Organization, Professional, Report, Subject};
use crate::fhir::identifier::Identifier;
use crate::identity::{Channel, InsKind, ProfessionalId, ProfessionalKind, StructureId, StructureKind};
use crate::terminology::{FINESS, FR_IDENTIFIER_TYPE, PS_ID_NAT, RPPS, STRUCTURE_ID_NAT};

const COMMUNES: &str = "https://mos.esante.gouv.fr/NOS/TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM";
const V2_IDENTIFIER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";

/// The patient with the traits of the day of the document (`#patient`).
pub(super) fn patient(subject: &Subject) -> Value {
    let mut name = json!({"use": "official", "family": subject.birth_name, "given": [subject.first_name]});
    name["extension"] = json!([{"url": BIRTH_GIVEN_NAMES, "valueString": subject.given_names}]);
    let mut names = vec![name];
    names.extend(subject.used_name.as_ref().map(|used| json!({"use": "usual", "family": used})));
    let mut patient = json!({
        "resourceType": "Patient",
        "id": "patient",
        "identifier": identifiers(subject),
        "name": names,
        "gender": subject.sex.fhir(),
        "birthDate": subject.birth_date,
    });
    if let Some(code) = &subject.birth_place {
        let place = json!([{"url": INSEE_CODE, "valueCoding": {"system": COMMUNES, "code": code}}]);
        patient["extension"] = json!([{"url": BIRTH_PLACE, "valueAddress": {"extension": place}}]);
    }
    patient
}

/// The author in its role, its person and its establishment (`#author`, `#practitioner`); the profile of the role is the
/// one that `PDSm` accepts for authors.
pub(super) fn author(author: &Professional) -> [Value; 2] {
    let mut role = json!({
        "resourceType": "PractitionerRole",
        "id": "author",
        "meta": {"profile": [format!("{ANNUAIRE}/as-practitionerrole")]},
        "practitioner": {"reference": "#practitioner"},
        "organization": {"reference": "#custodian"},
    });
    if !author.codes.is_empty() {
        role["code"] = author.codes.clone().into();
    }
    let mut person = json!({
        "resourceType": "Practitioner",
        "id": "practitioner",
        "name": [{"family": author.family, "given": author.given}],
    });
    if author.given.is_empty() {
        person["name"] = json!([{"family": author.family}]);
    }
    if let Some(id) = &author.id {
        let national = typed(ProfessionalId::TYPE, PS_ID_NAT, id.value());
        role["identifier"] = json!([national]);
        person["identifier"] = json!([national]);
        if let (ProfessionalKind::Rpps, Some(all)) = (id.kind(), person["identifier"].as_array_mut()) {
            all.push(typed("RPPS", RPPS, id.number()));
        }
    }
    [role, person]
}

/// The establishment that keeps the document (`#custodian`).
pub(super) fn custodian(custodian: &Organization) -> Value {
    let mut organization = json!({"resourceType": "Organization", "id": "custodian", "name": custodian.name});
    if let Some(id) = &custodian.id {
        organization["identifier"] = json!([typed(StructureId::TYPE, STRUCTURE_ID_NAT, id.value())]);
        if let (StructureKind::Finess, Some(all)) = (id.kind(), organization["identifier"].as_array_mut()) {
            all.push(json!({"system": FINESS, "value": id.number()}));
        }
    }
    organization
}

/// All that a document or a submission set contains.
pub(super) fn all(report: &Report) -> Vec<Value> {
    let [role, person] = author(&report.author);
    vec![patient(&report.subject), role, person, custodian(&report.custodian)]
}

/// The number by which others know the patient, as an `Identifier`.
pub(super) fn identifier(subject: &Subject) -> Value {
    match &subject.identity {
        Identity::Qualified(ins) => {
            let system = format!("urn:oid:{}", ins.oid());
            let mut identifier = typed(ins.type_code(Channel::Fhir), &system, ins.value());
            identifier["use"] = json!(if ins.kind() == InsKind::Nia { "temp" } else { "official" });
            identifier
        }
        Identity::Local { number, .. } => of_hospital(number),
    }
}

fn identifiers(subject: &Subject) -> Vec<Value> {
    let mut identifiers = vec![identifier(subject)];
    if let (Some(_), Some(local)) = (subject.ins(), &subject.local) {
        identifiers.push(of_hospital(local));
    }
    identifiers
}

fn of_hospital(local: &Identifier) -> Value {
    json!({
        "type": {"coding": [{"system": V2_IDENTIFIER_TYPE, "code": "PI"}]},
        "system": local.system,
        "value": local.value,
    })
}

fn typed(kind: &str, system: &str, value: &str) -> Value {
    json!({"type": {"coding": [{"system": FR_IDENTIFIER_TYPE, "code": kind}]}, "system": system, "value": value})
}
