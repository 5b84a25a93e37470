//! Whatever is sent, validation and extraction come to an end without a panic, and what is readable stays
//! readable.

use crate::json::{Value, json};
use proptest::prelude::*;

use super::{compiled, context, definition, response};
use crate::terminology::Terminology;

fn questionnaire() -> Value {
    let extract = json!([{ "url": "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-observationExtract", "valueBoolean": true }]);
    definition(&json!([
        { "linkId": "g", "type": "group", "repeats": true, "item": [
            { "linkId": "b", "type": "boolean", "required": true },
            { "linkId": "q", "type": "quantity", "code": [{ "code": "q" }], "extension": extract,
              "enableWhen": [{ "question": "b", "operator": "=", "answerBoolean": true }],
              "item": [{ "linkId": "n", "type": "integer", "required": true }] },
        ] },
        { "linkId": "c", "type": "open-choice", "repeats": true, "answerOption": [{ "valueCoding": { "system": "s", "code": "1" } }] },
    ]))
}

fn good() -> Value {
    response(&json!([
        { "linkId": "g", "item": [
            { "linkId": "b", "answer": [{ "valueBoolean": true }] },
            { "linkId": "q", "answer": [{ "valueQuantity": { "value": 38.5 }, "item": [
                { "linkId": "n", "answer": [{ "valueInteger": 3 }] }] }] },
        ] },
        { "linkId": "c", "answer": [{ "valueCoding": { "system": "s", "code": "1" } }, { "valueString": "autre" }] },
    ]))
}

/// JSON made of the words that a response is made of.
fn garbage() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec!["g", "b", "q", "n", "c", "zzz", "", "2026-02-30", "é\u{0}"])
            .prop_map(Value::from),
    ];
    let name = prop::sample::select(vec![
        "item",
        "answer",
        "linkId",
        "text",
        "valueBoolean",
        "valueQuantity",
        "valueCoding",
        "value",
        "_valueString",
        "extension",
        "url",
        "code",
    ]);
    leaf.prop_recursive(5, 48, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..4).prop_map(|members| {
                Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// Puts the new value at the n-th place of the tree.
fn mutate(value: &mut Value, n: &mut usize, new: &Value) {
    if *n == 0 {
        *value = new.clone();
    }
    *n = n.wrapping_sub(1);
    match value {
        _ if *n == usize::MAX => {}
        Value::Array(list) => list.iter_mut().for_each(|value| mutate(value, n, new)),
        Value::Object(members) => members.iter_mut().for_each(|(_, value)| mutate(value, n, new)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_mutation_of_a_response_makes_it_fail(place in any::<prop::sample::Index>(), new in garbage()) {
        let mut response = good();
        let mut n = place.index(count(&response));
        mutate(&mut response, &mut n, &new);
        let terminology = Terminology::default();
        let questionnaire = compiled(&questionnaire());
        let validation = questionnaire.validate(&response, &context(&terminology));
        // What was readable is readable: a second look removes nothing more.
        let readable = validation.readable.into_owned();
        let again = questionnaire.validate(&readable, &context(&terminology));
        prop_assert_eq!(&*again.readable, &readable);
        prop_assert!(questionnaire.extract(&response).len() <= count(&response));
    }
}

#[test]
fn single_values_stand_for_lists_of_one() {
    let items = json!({ "linkId": "c", "answer": { "valueCoding": { "system": "s", "code": "1" } } });
    super::check_response(
        &questionnaire(),
        &response(&items),
        &["error invalidType item", "error invalidType item[0].answer", "warning required"],
    );
}

#[test]
fn what_is_no_item_is_named_and_removed() {
    let response = response(&json!(["x", null, { "linkId": "c", "answer": "1" }]));
    let terminology = Terminology::default();
    let questionnaire = compiled(&questionnaire());
    let validation = questionnaire.validate(&response, &context(&terminology));
    assert_eq!(validation.readable["item"], json!([{ "linkId": "c" }]));
    assert_eq!(validation.issues.iter().filter(|issue| issue.detail == Some("invalidType")).count(), 4);
}

#[test]
fn thousands_of_instances_are_judged_each_and_issues_are_bounded() {
    let group = json!({ "linkId": "g", "item": [{ "linkId": "b", "answer": [{ "valueBoolean": "oui" }] }] });
    let response = response(&json!(vec![group; 5000]));
    let terminology = Terminology::default();
    let questionnaire = compiled(&questionnaire());
    let validation = questionnaire.validate(&response, &context(&terminology));
    assert_eq!(validation.issues.len(), 1001);
    assert_eq!(validation.issues[1000].diagnostics, "4000 more issues are not listed");
    assert!(
        validation.readable["item"]
            .as_array()
            .unwrap()
            .iter()
            .all(|group| group["item"][0].get("answer").is_none())
    );
}
