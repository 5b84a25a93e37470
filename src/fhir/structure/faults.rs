//! One fault at a time: each is found at its place, and the resource without it is clean.

use crate::json::{Value, json};

use super::check;
use crate::problem::Severity;

/// Every fault as `place code`, for a resource written out.
fn faults(resource: &Value) -> Vec<String> {
    let errors = check(resource).into_iter().filter(|issue| issue.severity >= Severity::Error);
    errors.map(|issue| format!("{} {}", issue.expression.unwrap_or_default(), issue.code)).collect()
}

/// The clean resource with the value at a pointer set (or taken out, with null) has exactly these faults.
fn find(clean: fn() -> Value, pointer: &str, value: Value, expected: &[&str]) {
    assert_eq!(faults(&clean()), [""; 0], "the resource without the fault");
    let mut resource = clean();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match resource.pointer_mut(parent).unwrap() {
        Value::Array(list) => list[name.parse::<usize>().unwrap()] = value,
        Value::Object(object) if value.is_null() => drop(object.remove(name)),
        Value::Object(object) => drop(object.insert(name.to_owned(), value)),
        _ => unreachable!("{pointer}"),
    }
    assert_eq!(faults(&resource), expected, "{pointer}");
}

fn patient() -> Value {
    json!({
        "resourceType": "Patient",
        "id": "p1",
        "meta": { "versionId": "1", "lastUpdated": "2026-11-02T10:00:00.000+01:00", "profile": ["https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-patient"] },
        "text": { "status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>PAT-TROIS DOMINIQUE</p></div>" },
        "extension": [{ "url": "http://h/x", "valueCode": "VALI" }],
        "identifier": [{ "use": "official", "system": "urn:oid:1.2.250.1.213.1.4.10", "value": "279035121518989" }],
        "active": true,
        "name": [{ "family": "PAT-TROIS", "given": ["DOMINIQUE", null], "_given": [null, { "extension": [{ "url": "http://h/x", "valueString": "x" }] }] }],
        "telecom": [{ "system": "phone", "value": "0600000000", "rank": 1 }],
        "gender": "female",
        "birthDate": "1979-03-28",
        "_birthDate": { "extension": [{ "url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": "1979-03-28T04:00:00+01:00" }] },
        "deceasedBoolean": false,
        "contact": [{ "name": { "text": "x" }, "period": { "start": "2026", "end": "2026-11" } }],
        "photo": [{ "contentType": "image/png", "data": "AAAA" }],
        "generalPractitioner": [{ "reference": "Practitioner/1", "type": "Practitioner" }],
        "managingOrganization": { "reference": "#o1" },
        "contained": [{ "resourceType": "Organization", "id": "o1", "name": "CHU" }]
    })
}

fn observation() -> Value {
    json!({
        "resourceType": "Observation",
        "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "8310-5" }] },
        "subject": { "reference": "Patient/1" },
        "effectiveDateTime": "2026-11-02T10:00:00+01:00",
        "valueQuantity": { "value": 38.50, "unit": "°C", "system": "http://unitsofmeasure.org", "code": "Cel" },
        "referenceRange": [{ "high": { "value": 37.5 } }]
    })
}

fn questionnaire() -> Value {
    json!({
        "resourceType": "Questionnaire",
        "status": "active",
        "item": [
            { "linkId": "g", "type": "group", "text": "Base", "item": [
                { "linkId": "a", "type": "choice", "answerOption": [{ "valueString": "x" }] },
                { "linkId": "b", "type": "integer", "maxLength": 3, "enableWhen": [{ "question": "a", "operator": "exists", "answerBoolean": true }] },
                { "linkId": "d", "type": "display", "text": "Note" }
            ]}
        ]
    })
}

fn response() -> Value {
    json!({
        "resourceType": "QuestionnaireResponse",
        "questionnaire": "https://vigie.example/fhir/Questionnaire/surveillance-hebdomadaire|1.0.0",
        "status": "completed",
        "subject": { "identifier": { "system": "urn:oid:1.2.250.1.213.1.4.10", "value": "279035121518989" } },
        "authored": "2026-11-02T10:00:00+01:00",
        "item": [{ "linkId": "base", "item": [{ "linkId": "base.vomi", "answer": [{ "valueInteger": 2 }] }] }]
    })
}

fn bundle() -> Value {
    json!({
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{
            "fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
            "resource": { "resourceType": "Flag", "status": "active", "code": { "text": "x" }, "subject": { "reference": "Patient?identifier=a%7Cb" } },
            "request": { "method": "POST", "url": "Flag" }
        }]
    })
}

#[test]
fn names_and_shapes() {
    find(patient, "/birthdate", json!("1979"), &["Patient.birthdate structure"]);
    find(patient, "/contact/0/nme", json!("x"), &["Patient.contact[0].nme structure"]);
    find(patient, "/_contact", json!([{ "id": "x" }]), &["Patient.contact structure"]);
    find(patient, "/deceasedString", json!("no"), &["Patient.deceasedString structure"]);
    find(patient, "/deceasedDateTime", json!("2026"), &["Patient.deceased structure"]);
    find(patient, "/name", json!({ "family": "PAT-TROIS" }), &["Patient.name structure"]);
    find(patient, "/gender", json!(["female"]), &["Patient.gender structure"]);
    find(patient, "/contact/0/name", json!("x"), &["Patient.contact[0].name structure"]);
    find(patient, "/telecom", json!([]), &["Patient.telecom structure"]);
    find(patient, "/telecom/0", json!({}), &["Patient.telecom[0] invariant"]);
    find(patient, "/telecom/0", json!({ "id": "t" }), &["Patient.telecom[0] invariant"]);
    find(patient, "/name/0/given", json!(["DOMINIQUE"]), &["Patient.name[0].given structure"]);
    find(patient, "/name/0/given/0", Value::Null, &["Patient.name[0].given[0] structure"]);
    find(patient, "/name/0/_given/1", json!("x"), &["Patient.name[0].given[1] structure"]);
    find(
        patient,
        "/_birthDate",
        json!({ "id": "b", "valueString": "x" }),
        &["Patient.birthDate.valueString structure"],
    );
    find(patient, "/resourceType", json!("Patiente"), &["Patiente structure"]);
    find(patient, "/resourceType", json!("DomainResource"), &["DomainResource structure"]);
}

#[test]
fn missing_elements() {
    find(observation, "/status", Value::Null, &["Observation.status required"]);
    find(observation, "/code", Value::Null, &["Observation.code required"]);
    find(
        questionnaire,
        "/item/0/item/0/linkId",
        Value::Null,
        &["Questionnaire.item[0].item[0].linkId required"],
    );
    find(
        questionnaire,
        "/item/0/item/1/enableWhen/0/answerBoolean",
        Value::Null,
        &["Questionnaire.item[0].item[1].enableWhen[0].answer required"],
    );
    find(patient, "/extension/0/url", Value::Null, &["Patient.extension[0].url required"]);
    find(patient, "/text/div", Value::Null, &["Patient.text.div required"]);
}

#[test]
fn forms_of_values() {
    find(patient, "/birthDate", json!("2026-02-30"), &["Patient.birthDate value"]);
    find(patient, "/birthDate", json!("1979-03-28T00:00:00Z"), &["Patient.birthDate value"]);
    find(patient, "/active", json!("true"), &["Patient.active value"]);
    find(patient, "/id", json!("p_1"), &["Patient.id value"]);
    find(patient, "/meta/lastUpdated", json!("2026-11-02"), &["Patient.meta.lastUpdated value"]);
    find(patient, "/telecom/0/rank", json!(0), &["Patient.telecom[0].rank value"]);
    find(patient, "/photo/0/data", json!("AAA"), &["Patient.photo[0].data value"]);
    find(patient, "/identifier/0/system", json!("urn:oid:1.2.x"), &["Patient.identifier[0].system value"]);
    find(patient, "/name/0/family", json!(""), &["Patient.name[0].family value"]);
    find(observation, "/effectiveDateTime", json!("2026-11-02T10:00:00"), &["Observation.effective value"]);
    find(observation, "/valueQuantity/value", json!("38.5"), &["Observation.value.value value"]);
    find(
        response,
        "/item/0/item/0/answer/0/valueInteger",
        json!(2.0),
        &["QuestionnaireResponse.item[0].item[0].answer[0].value value"],
    );
    find(response, "/questionnaire", json!("a b"), &["QuestionnaireResponse.questionnaire value"]);
}

#[test]
fn required_codes() {
    find(patient, "/gender", json!("femme"), &["Patient.gender code-invalid"]);
    find(patient, "/telecom/0/system", json!("mobile"), &["Patient.telecom[0].system code-invalid"]);
    find(observation, "/status", json!("done"), &["Observation.status code-invalid"]);
    find(
        questionnaire,
        "/item/0/item/1/type",
        json!("number"),
        &["Questionnaire.item[0].item[1].type code-invalid", "Questionnaire.item[0].item[1] invariant"],
    );
    find(response, "/status", json!("complete"), &["QuestionnaireResponse.status code-invalid"]);
    let condition = || {
        json!({ "resourceType": "Condition", "subject": { "reference": "Patient/1" }, "clinicalStatus": { "coding": [
            { "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active" }] } })
    };
    find(
        condition,
        "/clinicalStatus/coding/0/code",
        json!("actif"),
        &["Condition.clinicalStatus code-invalid"],
    );
}

#[test]
fn references() {
    find(
        patient,
        "/generalPractitioner/0/reference",
        json!("Dr House"),
        &["Patient.generalPractitioner[0] value"],
    );
    find(
        patient,
        "/generalPractitioner/0/reference",
        json!("Practitioners/1"),
        &["Patient.generalPractitioner[0] value"],
    );
    find(
        patient,
        "/generalPractitioner/0",
        json!({ "reference": "Patient/1" }),
        &["Patient.generalPractitioner[0] value"],
    );
    find(
        patient,
        "/generalPractitioner/0/type",
        json!("Organization"),
        &["Patient.generalPractitioner[0] value"],
    );
    find(
        patient,
        "/generalPractitioner/0/type",
        json!("Docteur"),
        &["Patient.generalPractitioner[0] code-invalid"],
    );
    find(observation, "/subject", json!({ "type": "Flag", "display": "x" }), &["Observation.subject value"]);
    find(observation, "/subject/reference", json!("#p"), &["Observation.subject invariant"]);
    find(
        bundle,
        "/entry/0/resource/subject/reference",
        json!("Flag?identifier=a"),
        &["Bundle.entry[0].resource.subject value"],
    );
}

#[test]
fn contained_resources() {
    find(
        patient,
        "/managingOrganization/reference",
        json!("#o2"),
        &["Patient.managingOrganization invariant", "Patient.contained[0] invariant"],
    );
    find(patient, "/managingOrganization", Value::Null, &["Patient.contained[0] invariant"]);
    find(
        patient,
        "/contained/0/id",
        Value::Null,
        &["Patient.managingOrganization invariant", "Patient.contained[0] required"],
    );
    find(patient, "/contained/0/meta", json!({ "versionId": "1" }), &["Patient.contained[0] invariant"]);
    find(
        patient,
        "/contained/0/meta",
        json!({ "security": [{ "code": "R" }] }),
        &["Patient.contained[0] invariant"],
    );
    find(
        patient,
        "/contained/0/contained",
        json!([{ "resourceType": "Flag" }]),
        &[
            "Patient.contained[0].contained[0].status required",
            "Patient.contained[0].contained[0].code required",
            "Patient.contained[0].contained[0].subject required",
            "Patient.contained[0].contained[0] required",
            "Patient.contained[0] invariant",
        ],
    );
    find(
        patient,
        "/managingOrganization/type",
        json!("Practitioner"),
        &["Patient.managingOrganization value"],
    );
}

#[test]
fn narratives() {
    let div = |inner: &str| json!(format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{inner}</div>"));
    find(patient, "/text/div", div("<script>x()</script>"), &["Patient.text.div invariant"]);
    find(patient, "/text/div", div("<p onload=\"x()\">a</p>"), &["Patient.text.div invariant"]);
    find(patient, "/text/div", div(" "), &["Patient.text.div invariant"]);
    find(patient, "/text/div", json!("<p>a</p>"), &["Patient.text.div invariant"]);
}

#[test]
fn invariants_spelled_out() {
    find(
        patient,
        "/extension/0/extension",
        json!([{ "url": "u", "valueCode": "x" }]),
        &["Patient.extension[0] invariant"],
    );
    find(patient, "/extension/0/valueCode", Value::Null, &["Patient.extension[0] invariant"]);
    find(patient, "/telecom/0/system", Value::Null, &["Patient.telecom[0] invariant"]);
    find(patient, "/photo/0/contentType", Value::Null, &["Patient.photo[0] invariant"]);
    find(patient, "/contact/0/period/end", json!("2025"), &["Patient.contact[0].period invariant"]);
    find(observation, "/valueQuantity/system", Value::Null, &["Observation.value invariant"]);
    find(
        response,
        "/item/0/answer",
        json!([{ "valueInteger": 1 }]),
        &["QuestionnaireResponse.item[0] invariant"],
    );
}

#[test]
fn invariants_in_fhirpath() {
    find(patient, "/contact/0/name", Value::Null, &["Patient.contact[0] invariant"]);
    find(observation, "/dataAbsentReason", json!({ "text": "x" }), &["Observation invariant"]);
    find(
        observation,
        "/referenceRange/0",
        json!({ "type": { "text": "x" } }),
        &["Observation.referenceRange[0] invariant"],
    );
    find(questionnaire, "/item/0/item/1/linkId", json!("a"), &["Questionnaire invariant"]);
    find(questionnaire, "/item/0/item", Value::Null, &["Questionnaire.item[0] invariant"]);
    find(questionnaire, "/item/0/item/2/required", json!(true), &["Questionnaire.item[0].item[2] invariant"]);
    find(
        questionnaire,
        "/item/0/item/0/answerValueSet",
        json!("http://h/v"),
        &["Questionnaire.item[0].item[0] invariant"],
    );
    find(
        questionnaire,
        "/item/0/item/1/enableWhen/0/answerBoolean",
        json!("x"),
        &["Questionnaire.item[0].item[1].enableWhen[0].answer value"],
    );
    find(bundle, "/entry/0/request", Value::Null, &["Bundle invariant"]);
    find(bundle, "/total", json!(1), &["Bundle invariant"]);
}

#[test]
fn an_organization_has_no_home_address() {
    let organization = || json!({ "resourceType": "Organization", "name": "CHU", "address": [{ "use": "work", "city": "Lyon" }] });
    find(organization, "/address/0/use", json!("home"), &["Organization.address[0] invariant"]);
    find(organization, "/name", Value::Null, &["Organization invariant"]);
}

#[test]
fn every_fault_is_told_at_once() {
    let resource = json!({ "resourceType": "Observation", "status": "done", "valueQuantity": { "value": "1" }, "colour": "red" });
    assert_eq!(
        faults(&resource),
        [
            "Observation.status code-invalid",
            "Observation.value.value value",
            "Observation.colour structure",
            "Observation.code required",
        ]
    );
}

#[test]
fn what_is_no_resource_is_a_fault() {
    assert_eq!(faults(&json!(1)), ["Resource structure"]);
    assert_eq!(faults(&json!({})), ["Resource required"]);
    assert_eq!(faults(&json!({ "resourceType": 1 })), ["Resource required"]);
}

#[test]
fn an_issue_says_what_would_be_right() {
    let said = |resource: Value| check(&resource).remove(0).diagnostics;
    assert!(
        said(json!({ "resourceType": "Patient", "gender": "femme" }))
            .ends_with("administrative-gender: male, female, other, unknown")
    );
    assert!(said(json!({ "resourceType": "Patient", "birthdate": "1979" })).ends_with("near: birthDate"));
    assert!(said(json!({ "resourceType": "QuestionaireResponse" })).ends_with("near: QuestionnaireResponse"));
}
