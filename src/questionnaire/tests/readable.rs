//! What rules may see: everything that could be read, and nothing else.

use std::borrow::Cow;

use crate::json::{Value, json};

use super::{compiled, context, definition, response};
use crate::terminology::Terminology;

fn questionnaire() -> Value {
    let limit = |url: &str, value: u8| json!({ "url": format!("http://hl7.org/fhir/StructureDefinition/{url}"), "valueDecimal": value });
    definition(&json!([
        { "linkId": "temp", "type": "decimal", "extension": [limit("minValue", 34), limit("maxValue", 43)], "item": [
            { "linkId": "temp.note", "type": "string" }] },
        { "linkId": "grade", "type": "choice", "answerOption": [{ "valueCoding": { "system": "s", "code": "3" } }] },
        { "linkId": "alerte", "type": "boolean", "enableWhen": [{ "question": "temp", "operator": ">", "answerDecimal": 38 }] },
        { "linkId": "libre", "type": "string", "maxLength": 3, "text": "Autre chose ?" },
    ]))
}

fn check(items: &Value, expected: &Value) {
    let terminology = Terminology::default();
    let response = response(items);
    let validation = compiled(&questionnaire()).validate(&response, &context(&terminology));
    assert_eq!(validation.readable.get("item").unwrap_or(&json!([])), expected);
}

fn answer(link_id: &str, name: &str, value: Value) -> Value {
    json!({ "linkId": link_id, "answer": [{ name: value }] })
}

#[test]
fn what_cannot_be_read_goes_and_the_rest_stays() {
    let alert = answer("alerte", "valueBoolean", json!(true));
    let gone = |wrong: Value| check(&json!([wrong, alert]), &json!([{ "linkId": wrong["linkId"] }, alert]));
    gone(answer("temp", "valueDecimal", json!(385)));
    gone(answer("temp", "valueDecimal", json!("38,5")));
    gone(answer("temp", "valueString", json!("38.5")));
    gone(answer("grade", "valueCoding", json!({ "system": "s", "code": "9" })));
    check(&json!([answer("zzz", "valueBoolean", json!(true)), alert]), &json!([alert]));
}

#[test]
fn what_only_breaks_a_rule_of_form_stays() {
    let stays = |items: Value| check(&items, &items);
    stays(json!([{ "linkId": "libre", "text": "Autre ?", "answer": [{ "valueString": "long" }] }]));
    stays(json!([answer("grade", "valueCoding", json!({ "code": "3" }))]));
    stays(json!([answer("temp", "valueInteger", json!(39))]));
    stays(json!([answer("temp", "valueDecimal", json!(37)), answer("alerte", "valueBoolean", json!(true))]));
}

#[test]
fn a_readable_item_inside_an_unreadable_one_stays() {
    let note = answer("temp.note", "valueString", json!("x"));
    check(
        &json!([{ "linkId": "temp", "answer": [{ "valueString": "chaud", "item": [note] }] }]),
        &json!([{ "linkId": "temp", "answer": [{ "item": [note] }] }]),
    );
    let alert = answer("alerte", "valueBoolean", json!(true));
    check(&json!([{ "linkId": "zzz", "item": [alert] }]), &json!([{ "linkId": "zzz", "item": [alert] }]));
}

#[test]
fn a_response_without_unreadable_answers_is_not_copied() {
    let terminology = Terminology::default();
    let response = response(&json!([answer("temp", "valueDecimal", json!(37))]));
    let questionnaire = compiled(&questionnaire());
    let validation = questionnaire.validate(&response, &context(&terminology));
    assert!(validation.is_valid() && matches!(validation.readable, Cow::Borrowed(_)));
}
