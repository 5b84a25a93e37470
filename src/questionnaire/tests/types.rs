//! Item type × answer type, and the form of each value.

use crate::json::{Value, json};

use super::check;

/// Each answer type with a value of it.
fn answers() -> Vec<(&'static str, Value)> {
    vec![
        ("valueBoolean", json!(true)),
        ("valueDecimal", json!(1.5)),
        ("valueInteger", json!(1)),
        ("valueDate", json!("2026-11-22")),
        ("valueDateTime", json!("2026-11-22T08:00:00+01:00")),
        ("valueTime", json!("08:00:00")),
        ("valueString", json!("texte")),
        ("valueUri", json!("https://example.org/")),
        ("valueAttachment", json!({ "contentType": "image/png" })),
        ("valueCoding", json!({ "system": "s", "code": "a" })),
        ("valueQuantity", json!({ "value": 37.5 })),
        ("valueReference", json!({ "reference": "Practitioner/1" })),
    ]
}

/// Which answers an item of this type takes.
const ACCEPTED: [(&str, &[&str]); 14] = [
    ("boolean", &["valueBoolean"]),
    ("decimal", &["valueDecimal"]),
    ("integer", &["valueInteger"]),
    ("date", &["valueDate"]),
    ("dateTime", &["valueDateTime"]),
    ("time", &["valueTime"]),
    ("string", &["valueString"]),
    ("text", &["valueString"]),
    ("url", &["valueUri"]),
    ("choice", &["valueCoding"]),
    ("open-choice", &["valueCoding", "valueString"]),
    ("attachment", &["valueAttachment"]),
    ("reference", &["valueReference"]),
    ("quantity", &["valueQuantity"]),
];

#[test]
fn every_item_type_takes_its_answer_types_and_no_other() {
    for (kind, accepted) in ACCEPTED {
        let mut item = json!({ "linkId": "q", "type": kind });
        if kind.ends_with("choice") {
            item["answerOption"] = json!([{ "valueCoding": { "system": "s", "code": "a" } }]);
        }
        for (name, value) in answers() {
            let expected: &[&str] = if accepted.contains(&name) {
                &[]
            } else {
                &["error invalidAnswerType item[0].answer[0].value"]
            };
            check(&json!([item]), &json!([{ "linkId": "q", "answer": [{ name: value }] }]), expected);
        }
    }
}

#[test]
fn groups_and_displays_have_no_answer() {
    let items = json!([
        { "linkId": "g", "type": "group", "item": [{ "linkId": "q", "type": "string" }] },
        { "linkId": "d", "type": "display" },
    ]);
    let answer = json!([{ "valueString": "x" }]);
    check(
        &items,
        &json!([{ "linkId": "g", "answer": answer }, { "linkId": "d", "answer": answer }]),
        &[
            "error groupShouldNotHaveAnswers item[0].answer[0].value",
            "error displayAnswer item[1].answer[0].value",
        ],
    );
    check(&items, &json!([{ "linkId": "g", "item": [{ "linkId": "q" }] }, { "linkId": "d" }]), &[]);
}

fn check_form(kind: &str, name: &str, value: Value, readable: bool) {
    let expected: &[&str] = if readable { &[] } else { &["error invalidType item[0].answer[0].value"] };
    check(
        &json!([{ "linkId": "q", "type": kind }]),
        &json!([{ "linkId": "q", "answer": [{ name: value }] }]),
        expected,
    );
}

#[test]
fn a_value_has_the_form_of_its_type() {
    check_form("boolean", "valueBoolean", json!("true"), false);
    check_form("decimal", "valueDecimal", json!("38,5"), false);
    check_form("decimal", "valueDecimal", serde_json::from_str("3.850e1").unwrap(), true);
    check_form("integer", "valueInteger", serde_json::from_str("3.0").unwrap(), false);
    check_form("integer", "valueInteger", json!(3_000_000_000_i64), false);
    check_form("date", "valueDate", json!("2026-02-30"), false);
    check_form("date", "valueDate", json!("2026-02"), true);
    check_form("dateTime", "valueDateTime", json!("2026-11-22T08:00:00"), false);
    check_form("time", "valueTime", json!("8h30"), false);
    check_form("string", "valueString", json!("  "), false);
    check_form("quantity", "valueQuantity", json!({ "value": "38" }), false);
    check_form("quantity", "valueQuantity", json!({ "unit": "Cel" }), false);
}

#[test]
fn an_answer_has_exactly_one_value() {
    let items = json!([{ "linkId": "q", "type": "integer" }]);
    let answer = |answer: Value| json!([{ "linkId": "q", "answer": [answer] }]);
    check(&items, &answer(json!({})), &["error invalidAnswerType item[0].answer[0]"]);
    check(&items, &answer(json!(7)), &["error invalidType item[0].answer[0]"]);
    check(
        &items,
        &answer(json!({ "valueInteger": 1, "valueString": "1" })),
        &["error invalidType item[0].answer[0].value"],
    );
    check(&items, &answer(json!({ "valueAge": {} })), &["error invalidAnswerType item[0].answer[0].value"]);
}

#[test]
fn an_answer_may_say_why_it_has_no_value() {
    let reason = json!([{ "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "asked-declined" }]);
    let items = json!([{ "linkId": "q", "type": "quantity", "required": true }]);
    for answer in [json!({ "extension": reason }), json!({ "valueQuantity": { "extension": reason } })] {
        check(&items, &json!([{ "linkId": "q", "answer": [answer] }]), &[]);
    }
}

#[test]
fn a_choice_may_offer_numbers_and_texts() {
    let items = json!([{ "linkId": "q", "type": "choice", "answerOption": [{ "valueInteger": 1 }, { "valueInteger": 2 }] }]);
    let answer = |answer: Value| json!([{ "linkId": "q", "answer": [answer] }]);
    check(&items, &answer(json!({ "valueInteger": 2 })), &[]);
    check(
        &items,
        &answer(json!({ "valueInteger": 3 })),
        &["error invalidAnswerOption item[0].answer[0].value"],
    );
    check(
        &items,
        &answer(json!({ "valueCoding": { "code": "1" } })),
        &["error invalidAnswerType item[0].answer[0].value"],
    );
}

#[test]
fn an_exclusive_option_stands_alone() {
    let url = "http://hl7.org/fhir/StructureDefinition/questionnaire-optionExclusive";
    let items = json!([{ "linkId": "q", "type": "choice", "repeats": true, "answerOption": [
        { "valueCoding": { "system": "s", "code": "a" } },
        { "valueCoding": { "system": "s", "code": "none" }, "extension": [{ "url": url, "valueBoolean": true }] },
    ] }]);
    let coding = |code: &str| json!({ "valueCoding": { "system": "s", "code": code } });
    check(&items, &json!([{ "linkId": "q", "answer": [coding("none")] }]), &[]);
    check(
        &items,
        &json!([{ "linkId": "q", "answer": [coding("a"), coding("none")] }]),
        &["error exclusiveAnswerOption item[0].answer[1]"],
    );
}

#[test]
fn form_fillers_may_send_the_ordinal_in_the_coding() {
    let items = json!([{ "linkId": "q", "type": "choice", "answerOption": [
        { "valueCoding": { "system": "s", "code": "2", "display": "Forte" } }] }]);
    let coding = json!({ "system": "s", "code": "2", "display": "Forte", "extension": [
        { "url": "http://hl7.org/fhir/StructureDefinition/ordinalValue", "valueDecimal": 2 }] });
    let mut response = super::response(&json!([{ "linkId": "q", "answer": [{ "valueCoding": coding }] }]));
    response["meta"] = json!({ "profile": ["http://hl7.org/fhir/4.0/StructureDefinition/QuestionnaireResponse"],
        "tag": [{ "code": "lformsVersion: 38.0.0" }] });
    super::check_response(&super::definition(&items), &response, &[]);
}

#[test]
fn a_quantity_that_says_more_or_less_than_a_number_cannot_be_read() {
    let item = json!([{ "linkId": "q", "type": "quantity" }]);
    for comparator in ["<", "<=", ">=", ">"] {
        let answer = json!({ "valueQuantity": { "value": 37, "comparator": comparator } });
        let response = json!([{ "linkId": "q", "answer": [answer] }]);
        check(&item, &response, &["error invalidType item[0].answer[0].value"]);
    }
}
