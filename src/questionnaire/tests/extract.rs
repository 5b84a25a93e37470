//! Answers as Observations.

use crate::json::{Value, json};

use super::{compiled, definition, response};

const SDC: &str = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-";

fn item(kind: &str, more: &[Value]) -> Value {
    let mut extensions = vec![json!({ "url": format!("{SDC}observationExtract"), "valueBoolean": true })];
    extensions.extend_from_slice(more);
    json!({ "linkId": "q", "text": "Question", "type": kind, "repeats": true, "code": [{ "system": "s", "code": "q" }], "extension": extensions })
}

fn check(item: &Value, answers: &Value, expected: &[(&str, Value)]) {
    let questionnaire = compiled(&definition(&json!([item])));
    let extracts = questionnaire.extract(&response(&json!([{ "linkId": "q", "answer": answers }])));
    let found: Vec<(String, Value)> = extracts
        .iter()
        .map(|extract| extract.observation.as_object().unwrap().iter().next_back().unwrap())
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect();
    let expected: Vec<(String, Value)> =
        expected.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_answer_type_has_its_value() {
    let quantity = json!({ "value": 38.5, "unit": "°C" });
    for (kind, name, value, as_name, as_value) in [
        ("boolean", "valueBoolean", json!(true), "valueBoolean", json!(true)),
        ("integer", "valueInteger", json!(3), "valueInteger", json!(3)),
        ("decimal", "valueDecimal", json!(1.5), "valueQuantity", json!({ "value": 1.5 })),
        ("quantity", "valueQuantity", quantity.clone(), "valueQuantity", quantity),
        ("date", "valueDate", json!("2026-11-22"), "valueDateTime", json!("2026-11-22")),
        ("time", "valueTime", json!("08:00:00"), "valueTime", json!("08:00:00")),
        ("text", "valueString", json!("x"), "valueString", json!("x")),
    ] {
        check(&item(kind, &[]), &json!([{ name: value }]), &[(as_name, as_value)]);
    }
}

#[test]
fn the_only_unit_of_an_item_completes_its_answers() {
    let unit = json!({ "url": "http://hl7.org/fhir/StructureDefinition/questionnaire-unit", "valueCoding": { "system": "http://unitsofmeasure.org", "code": "kg", "display": "kg" } });
    let kg = |value: Value| {
        (
            "valueQuantity",
            json!({ "value": value, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg" }),
        )
    };
    check(
        &item("decimal", std::slice::from_ref(&unit)),
        &json!([{ "valueDecimal": 61.2 }]),
        &[kg(json!(61.2))],
    );
    check(&item("integer", std::slice::from_ref(&unit)), &json!([{ "valueInteger": 61 }]), &[kg(json!(61))]);
    check(&item("quantity", &[unit]), &json!([{ "valueQuantity": { "value": 61 } }]), &[kg(json!(61))]);
}

fn graded() -> Value {
    let mut graded = item("choice", &[]);
    let ordinal =
        json!([{ "url": "http://hl7.org/fhir/StructureDefinition/ordinalValue", "valueDecimal": 3 }]);
    graded["answerOption"] = json!([
        { "valueCoding": { "system": "s", "code": "3", "display": "Forte", "extension": ordinal } },
        { "valueCoding": { "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "asked-declined", "display": "Je préfère ne pas répondre" } },
    ]);
    graded
}

#[test]
fn a_grade_keeps_its_coding_with_the_ordinal() {
    let questionnaire = compiled(&definition(&json!([graded()])));
    let extracts = questionnaire.extract(&response(
        &json!([{ "linkId": "q", "answer": [{ "valueCoding": { "system": "s", "code": "3" } }] }]),
    ));
    assert_eq!(extracts.len(), 1);
    assert_eq!((extracts[0].link_id.as_str(), extracts[0].instance, extracts[0].grade), ("q", 0, Some(3)));
    assert_eq!(
        extracts[0].observation["code"],
        json!({ "coding": [{ "system": "s", "code": "q" }], "text": "Question" })
    );
    assert_eq!(
        extracts[0].observation["valueCodeableConcept"]["coding"][0],
        graded()["answerOption"][0]["valueCoding"]
    );
    assert_eq!(questionnaire.ordinal("q", &json!({ "system": "s", "code": "3" })), Some(3.into()));
}

#[test]
fn a_declined_answer_says_why_there_is_no_value() {
    let option = graded()["answerOption"][1]["valueCoding"].clone();
    let expected = json!({ "coding": [option], "text": "Je préfère ne pas répondre" });
    check(&graded(), &json!([{ "valueCoding": option }]), &[("dataAbsentReason", expected)]);
    let reason = json!([{ "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "asked-unknown" }]);
    let expected = json!({ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "asked-unknown" }] });
    check(
        &item("integer", &[]),
        &json!([{ "_valueInteger": { "extension": reason } }]),
        &[("dataAbsentReason", expected)],
    );
}

#[test]
fn every_answer_is_an_instance_and_unreadable_ones_are_passed_over() {
    let questionnaire = compiled(&definition(&json!([item("integer", &[])])));
    let answers = json!([{ "valueInteger": 1 }, { "valueInteger": "x" }, { "valueInteger": 3 }]);
    let extracts = questionnaire.extract(&response(&json!([{ "linkId": "q", "answer": answers }])));
    let instances: Vec<_> = extracts.iter().map(|extract| extract.instance).collect();
    assert_eq!(instances, [0, 2]);
}

#[test]
fn the_category_is_that_of_the_item_or_survey() {
    let vital = json!({ "coding": [{ "code": "vital-signs" }] });
    let category =
        json!({ "url": format!("{SDC}observation-extract-category"), "valueCodeableConcept": vital });
    for (more, expected) in [(vec![category], "vital-signs"), (vec![], "survey")] {
        let questionnaire = compiled(&definition(&json!([item("integer", &more)])));
        let extracts =
            questionnaire.extract(&response(&json!([{ "linkId": "q", "answer": [{ "valueInteger": 1 }] }])));
        assert_eq!(extracts[0].observation["category"][0]["coding"][0]["code"], json!(expected));
    }
}
