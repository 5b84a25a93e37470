//! The persons and the establishment of a document, contained in its description as `PDSm` wants them.

use serde_json::{Value, json};

use super::codes::{ANNUAIRE, INSEE_CODE};
use super::codes::{BIRTH_GIVEN_NAMES, BIRTH_PLACE};
use super::subject::Identity;
use super::{Author, Custodian, Report, Subject};
use crate::fhir::identifier::Identifier;
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
        "gender": subject.sex,
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
pub(super) fn author(author: &Author) -> [Value; 2] {
    let mut role = json!({
        "resourceType": "PractitionerRole",
        "id": "author",
        "meta": {"profile": [format!("{ANNUAIRE}/as-practitionerrole")]},
        "practitioner": {"reference": "#practitioner"},
        "organization": {"reference": "#custodian"},
    });
    if !author.codes.is_empty() {
        role["code"] = Value::Array(author.codes.clone());
    }
    let mut person = json!({
        "resourceType": "Practitioner",
        "id": "practitioner",
        "name": [{"family": author.family, "given": author.given}],
    });
    if author.given.is_empty() {
        person["name"] = json!([{"family": author.family}]);
    }
    if let (Some(national), Some(rpps)) = (author.national_id(), &author.rpps) {
        role["identifier"] = json!([typed("IDNPS", PS_ID_NAT, &national)]);
        person["identifier"] = json!([typed("IDNPS", PS_ID_NAT, &national), typed("RPPS", RPPS, rpps)]);
    }
    [role, person]
}

/// The establishment that keeps the document (`#custodian`).
pub(super) fn custodian(custodian: &Custodian) -> Value {
    let mut organization = json!({"resourceType": "Organization", "id": "custodian", "name": custodian.name});
    if let Some(finess) = &custodian.finess {
        let national = format!("1{finess}");
        organization["identifier"] =
            json!([typed("IDNST", STRUCTURE_ID_NAT, &national), {"system": FINESS, "value": finess}]);
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
        Identity::Qualified { ins, kind } => {
            let mut identifier = typed(kind, &ins.system, &ins.value);
            identifier["use"] = json!(if *kind == "INS-NIA" { "temp" } else { "official" });
            identifier
        }
        Identity::Local(local) => of_hospital(local),
    }
}

fn identifiers(subject: &Subject) -> Vec<Value> {
    let mut identifiers = vec![identifier(subject)];
    if let (Identity::Qualified { .. }, Some(local)) = (&subject.identity, &subject.local) {
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
