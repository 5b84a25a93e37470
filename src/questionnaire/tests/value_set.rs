//! Options and units from loaded value sets.

use crate::json::{Value, json};

use super::{context, definition, line, response};
use crate::terminology::Terminology;

const SET: &str = "https://example.org/ValueSet/oui-non";
const OPEN: &str = "https://example.org/ValueSet/unknown-content";
const UNITS: &str = "https://example.org/ValueSet/units";

fn terminology() -> Terminology {
    let set = |url: &str, include: Value| json!({ "resourceType": "ValueSet", "url": url, "compose": { "include": [include] } });
    let concepts = |system: &str, codes: &[&str]| {
        let concepts: Vec<Value> = codes.iter().map(|code| json!({ "code": code })).collect();
        json!({ "system": system, "concept": concepts })
    };
    Terminology::load(&[
        set(SET, concepts("s", &["oui", "non"])),
        set(UNITS, concepts("http://unitsofmeasure.org", &["Cel"])),
        set(
            OPEN,
            json!({ "system": "http://snomed.info/sct", "filter": [{ "property": "concept", "op": "is-a", "value": "1" }] }),
        ),
    ])
}

fn check(item: Value, answer: &Value, expected: &[&str]) {
    let terminology = terminology();
    let definition = definition(&json!([item]));
    let questionnaire = super::super::compile(&definition, &terminology).unwrap();
    let response = response(&json!([{ "linkId": "q", "answer": [answer] }]));
    let validation = questionnaire.validate(&response, &context(&terminology));
    let found: Vec<String> = validation.issues.iter().map(line).collect();
    assert_eq!(found, expected, "{answer}");
}

fn choice(set: &str) -> Value {
    json!({ "linkId": "q", "type": "choice", "answerValueSet": set })
}

#[test]
fn an_answer_is_a_member_of_the_value_set() {
    let coding = |coding: Value| json!({ "valueCoding": coding });
    check(choice(SET), &coding(json!({ "system": "s", "code": "oui" })), &[]);
    check(choice(SET), &coding(json!({ "code": "oui" })), &["warning invalidCoding item[0].answer[0].value"]);
    let refused = ["error invalidAnswerOption item[0].answer[0].value"];
    check(choice(SET), &coding(json!({ "system": "t", "code": "oui" })), &refused);
    check(choice(SET), &coding(json!({ "system": "s", "code": "bof" })), &refused);
}

#[test]
fn what_cannot_be_looked_up_is_a_warning() {
    let answer = json!({ "valueCoding": { "system": "http://snomed.info/sct", "code": "2" } });
    check(choice(OPEN), &answer, &["warning tsError item[0].answer[0].value"]);
}

#[test]
fn a_unit_is_a_member_of_its_value_set() {
    let url = "http://hl7.org/fhir/StructureDefinition/questionnaire-unitValueSet";
    let item =
        json!({ "linkId": "q", "type": "quantity", "extension": [{ "url": url, "valueCanonical": UNITS }] });
    let quantity = |code: &str| json!({ "valueQuantity": { "value": 1, "system": "http://unitsofmeasure.org", "code": code } });
    check(item.clone(), &quantity("Cel"), &[]);
    check(item, &quantity("kg"), &["error invalidUnitValueSet item[0].answer[0].value"]);
}

#[test]
fn an_expression_may_ask_for_membership() {
    let url = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-enableWhenExpression";
    let text = format!("%resource.item.where(linkId = 'q').answer.value.memberOf('{SET}')");
    let language = "text/fhirpath";
    let item = json!({ "linkId": "t", "type": "string", "required": true, "extension": [
        { "url": url, "valueExpression": { "language": language, "expression": text } }] });
    let terminology = terminology();
    let definition = definition(&json!([choice(SET), item]));
    let questionnaire = super::super::compile(&definition, &terminology).unwrap();
    let answer = json!({ "valueCoding": { "system": "s", "code": "oui" } });
    let response = response(&json!([{ "linkId": "q", "answer": [answer] }]));
    let found: Vec<String> =
        questionnaire.validate(&response, &context(&terminology)).issues.iter().map(line).collect();
    assert_eq!(found, ["error required"]);
}
