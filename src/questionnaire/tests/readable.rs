//! What rules may see: everything that could be read, and nothing else.

use std::borrow::Cow;

use crate::json::{Value, json};

use super::{URL, compiled, context, definition, response};
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
    check(&json!([{ "linkId": "zzz", "item": [alert] }]), &json!([alert]));
}

#[test]
fn a_response_without_unreadable_answers_is_not_copied() {
    let terminology = Terminology::default();
    let response = response(&json!([answer("temp", "valueDecimal", json!(37))]));
    let questionnaire = compiled(&questionnaire());
    let validation = questionnaire.validate(&response, &context(&terminology));
    assert!(validation.is_valid() && matches!(validation.readable, Cow::Borrowed(_)));
}

fn nested() -> Value {
    definition(&json!([
        { "linkId": "g", "type": "group", "item": [
            { "linkId": "a", "type": "boolean" },
            { "linkId": "t", "type": "group", "item": [{ "linkId": "t.max", "type": "decimal" }] },
            { "linkId": "q", "type": "string", "item": [{ "linkId": "q.1", "type": "integer" }] },
            { "linkId": "many", "type": "integer", "repeats": true },
        ] },
        { "linkId": "r", "type": "group", "repeats": true, "item": [{ "linkId": "r.x", "type": "integer" }] },
        { "linkId": "h", "type": "group", "item": [{ "linkId": "h.b", "type": "boolean" }] },
    ]))
}

/// What rules see of these items: all of it, and the ways to read it.
fn placed(items: &Value) -> (Value, Vec<Value>, bool) {
    let terminology = Terminology::default();
    let response = response(items);
    let validation = compiled(&nested()).validate(&response, &context(&terminology));
    assert!(!validation.is_valid(), "{items}");
    let each = validation.readings.each.iter().map(|reading| reading["item"].clone()).collect();
    (validation.readable["item"].clone(), each, validation.readings.all)
}

fn within(group: &str, items: &[Value]) -> Value {
    json!({ "linkId": group, "item": items })
}

fn yes(link_id: &str) -> Value {
    answer(link_id, "valueBoolean", json!(true))
}

fn integer(link_id: &str, value: u8) -> Value {
    answer(link_id, "valueInteger", json!(value))
}

#[test]
fn an_answer_in_a_wrong_place_is_read_where_its_question_stands() {
    let moved =
        |items: Value, expected: Value| assert_eq!(placed(&items), (expected, vec![], true), "{items}");
    let max = answer("t.max", "valueDecimal", json!(39));
    let home = json!([
        within("g", &[yes("a"), within("t", std::slice::from_ref(&max))]),
        within("h", &[yes("h.b")])
    ]);
    // In another group, at the top, too high, too deep, and inside what nobody knows.
    moved(json!([within("g", &[yes("a")]), within("h", &[yes("h.b"), max.clone()])]), home.clone());
    moved(json!([within("g", &[yes("a")]), within("h", &[yes("h.b")]), max]), home.clone());
    moved(json!([within("g", &[yes("a"), max.clone()]), within("h", &[yes("h.b")])]), home.clone());
    moved(
        json!([within("g", &[within("t", &[max.clone(), yes("a")])]), within("h", &[yes("h.b")])]),
        home.clone(),
    );
    moved(
        json!([
            within("zzz", &[within("g", &[yes("a"), within("t", std::slice::from_ref(&max))])]),
            within("h", &[yes("h.b")])
        ]),
        home.clone(),
    );
    // A group within the item that it should be around.
    moved(
        json!([{ "linkId": "t.max", "answer": [{ "valueDecimal": 39, "item": [within("g", &[yes("a")])] }] }, within("h", &[yes("h.b")])]),
        home,
    );
    // In the nearest instance of a group that repeats.
    moved(
        json!([within("r", &[integer("r.x", 1)]), within("r", &[within("h", &[integer("r.x", 2)])])]),
        json!([within("r", &[integer("r.x", 1)]), within("r", &[integer("r.x", 2)]), { "linkId": "h" }]),
    );
}

#[test]
fn an_answer_below_a_question_is_in_its_answer() {
    let inner = integer("q.1", 4);
    let own = json!({ "linkId": "q", "answer": [{ "valueString": "x", "item": [inner] }] });
    let beside = json!({ "linkId": "q", "answer": [{ "valueString": "x" }], "item": [inner] });
    assert_eq!(placed(&json!([within("g", &[beside])])).0, json!([within("g", &[own])]));
    let alone = json!({ "linkId": "q", "answer": [{ "item": [inner] }] });
    assert_eq!(placed(&json!([inner])).0, json!([within("g", &[alone])]));
}

#[test]
fn a_question_answered_twice_is_read_in_every_way() {
    let no = answer("a", "valueBoolean", json!(false));
    let both = json!({ "linkId": "a", "answer": [{ "valueBoolean": false }, { "valueBoolean": true }] });
    let ways = vec![json!([within("g", std::slice::from_ref(&no))]), json!([within("g", &[yes("a")])])];
    for items in [
        json!([within("g", std::slice::from_ref(&both))]),
        json!([within("g", &[no.clone(), yes("a")])]),
        json!([within("g", std::slice::from_ref(&no)), within("g", &[yes("a")])]),
        json!([within("g", std::slice::from_ref(&no)), yes("a")]),
    ] {
        assert_eq!(
            placed(&items),
            (json!([within("g", std::slice::from_ref(&both))]), ways.clone(), true),
            "{items}"
        );
    }
    let same =
        json!([within("g", &[yes("a")]), within("g", &[yes("a"), integer("many", 1), integer("many", 1)])]);
    let joined = json!([within("g", &[yes("a"), integer("many", 1), integer("many", 1)])]);
    assert_eq!(placed(&same), (joined, vec![], true));
}

#[test]
fn two_questions_answered_twice_are_read_in_four_ways_and_too_many_in_some() {
    let twice = |link_id: &str, name: &str, one: Value, other: Value| json!({ "linkId": link_id, "answer": [{ name: one }, { name: other }] });
    let a = twice("a", "valueBoolean", json!(false), json!(true));
    let b = twice("h.b", "valueBoolean", json!(false), json!(true));
    let (_, each, all) = placed(&json!([within("g", &[a]), within("h", &[b])]));
    let flags = |reading: &Value| {
        ["/0/item/0/answer/0/valueBoolean", "/1/item/0/answer/0/valueBoolean"]
            .map(|place| reading.pointer(place).cloned().unwrap())
    };
    let found: Vec<_> = each.iter().map(|one| flags(one).map(|flag| flag == json!(true))).collect();
    assert_eq!((found, all), (vec![[false, false], [true, false], [false, true], [true, true]], true));
    let many: Vec<Value> =
        (0..7).map(|_| within("r", &[twice("r.x", "valueInteger", json!(1), json!(2))])).collect();
    let (_, each, all) = placed(&many.into());
    assert_eq!((each.len(), all), (2, false));
}

#[test]
fn of_a_calculated_answer_and_what_its_calculation_gives_both_are_read() {
    let expression =
        "%resource.item.where(linkId = 'a').answer.value + %resource.item.where(linkId = 'b').answer.value";
    let url = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-calculatedExpression";
    let calculated =
        json!([{ "url": url, "valueExpression": { "language": "text/fhirpath", "expression": expression } }]);
    let questionnaire = definition(&json!([
        { "linkId": "a", "type": "integer" },
        { "linkId": "b", "type": "integer" },
        { "linkId": "score", "type": "integer", "extension": calculated },
    ]));
    let terminology = Terminology::default();
    let response = response(&json!([integer("a", 3), integer("b", 4), integer("score", 0)]));
    let validation = compiled(&questionnaire).validate(&response, &context(&terminology));
    let scores: Vec<_> = validation.readings.each.iter().map(|one| one["item"][2].clone()).collect();
    assert_eq!(scores, [integer("score", 0), integer("score", 7)]);
}

#[test]
fn an_answer_with_a_modifier_that_nobody_knows_is_told_and_stays() {
    let modifier = json!([{ "url": "https://example.org/negated", "valueBoolean": true }]);
    let answered = json!([{ "linkId": "temp", "modifierExtension": modifier, "answer": [{ "valueDecimal": 39, "modifierExtension": modifier }] }]);
    let mut response = response(&answered);
    response["modifierExtension"] = modifier.clone();
    let terminology = Terminology::default();
    let validation = compiled(&questionnaire()).validate(&response, &context(&terminology));
    assert_eq!(validation.readable["item"], answered);
    let places: Vec<_> = validation.issues.iter().filter_map(|issue| issue.expression.as_deref()).collect();
    let expected =
        ["QuestionnaireResponse", "QuestionnaireResponse.item[0]", "QuestionnaireResponse.item[0].answer[0]"];
    assert_eq!(places, expected.map(|place| format!("{place}.modifierExtension[0]")));
    assert!(!validation.is_valid());
}

#[test]
fn an_answer_to_another_version_is_put_where_its_question_stands_now() {
    let group = |link_id: &str, items: Value| json!({ "linkId": link_id, "type": "group", "item": items });
    let questionnaire = definition(&json!([
        group("base", json!([
            { "linkId": "toux", "type": "boolean" },
            { "linkId": "temp", "type": "decimal", "item": [{ "linkId": "temp.note", "type": "string" }] },
        ])),
        { "linkId": "libre", "type": "string" },
    ]));
    let questionnaire = compiled(&questionnaire);
    let (cough, note) =
        (answer("toux", "valueBoolean", json!(true)), answer("temp.note", "valueString", json!("x")));
    let given = |link_id: &str, items: Value| json!({ "linkId": link_id, "item": items });
    let check = |items: Value, expected: Value| {
        let mut before = [response(&items)];
        before[0]["questionnaire"] = json!(format!("{URL}|0.9.0"));
        let placed = questionnaire.placed(&before);
        assert_eq!(placed[0]["item"], expected, "{items}");
        assert_eq!(placed[0]["status"], before[0]["status"]);
        assert_eq!(matches!(placed, Cow::Borrowed(_)), items == expected);
    };
    let now = json!([given("base", json!([cough]))]);
    check(now.clone(), now.clone());
    // Out of every group, in a group that is no more, or in another one.
    check(json!([cough]), now);
    check(
        json!([given("autre", json!([cough, answer("vieux", "valueInteger", json!(1))]))]),
        json!([
            given("autre", json!([answer("vieux", "valueInteger", json!(1))])),
            given("base", json!([cough]))
        ]),
    );
    let temp =
        |items: Value| json!({ "linkId": "temp", "answer": [{ "valueDecimal": 38.2, "item": items }] });
    check(
        json!([given("base", json!([temp(json!([])), note]))]),
        json!([given("base", json!([temp(json!([note]))]))]),
    );
    // What is not asked any more stays beside what is.
    let old = answer("vieux", "valueInteger", json!(1));
    check(json!([given("base", json!([old])), cough]), json!([given("base", json!([old, cough]))]));
}
