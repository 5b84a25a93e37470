//! Enablement: operators, behavior, ancestors, and every repeating instance for itself.

use crate::json::{Value, json};
use proptest::prelude::Strategy as _;

use super::check;

fn boolean(link_id: &str, value: bool) -> Value {
    json!({ "linkId": link_id, "answer": [{ "valueBoolean": value }] })
}

fn text(link_id: &str) -> Value {
    json!({ "linkId": link_id, "answer": [{ "valueString": "x" }] })
}

fn when(question: &str, operator: &str, name: &str, value: Value) -> Value {
    json!([{ "question": question, "operator": operator, name: value }])
}

/// A required text that is asked when `b` is true.
fn follow_up() -> Value {
    json!([
        { "linkId": "b", "type": "boolean" },
        { "linkId": "t", "type": "string", "required": true, "enableWhen": when("b", "=", "answerBoolean", json!(true)) },
    ])
}

#[test]
fn required_holds_only_when_enabled() {
    check(&follow_up(), &json!([boolean("b", true), text("t")]), &[]);
    check(&follow_up(), &json!([boolean("b", true)]), &["error required"]);
    check(&follow_up(), &json!([boolean("b", false)]), &[]);
    check(&follow_up(), &json!([]), &[]);
}

#[test]
fn an_answer_to_a_disabled_item_is_an_issue() {
    check(&follow_up(), &json!([boolean("b", false), text("t")]), &["error notEnabled item[1].answer[0]"]);
    check(&follow_up(), &json!([text("t")]), &["error notEnabled item[0].answer[0]"]);
    check(&follow_up(), &json!([boolean("b", false), { "linkId": "t" }]), &[]);
}

#[test]
fn a_disabled_group_asks_nothing_of_what_is_inside() {
    let items = json!([
        { "linkId": "b", "type": "boolean" },
        { "linkId": "g", "type": "group", "required": true, "enableWhen": when("b", "=", "answerBoolean", json!(true)), "item": [
            { "linkId": "t", "type": "string", "required": true }] },
    ]);
    check(&items, &json!([boolean("b", false)]), &[]);
    check(&items, &json!([boolean("b", false), { "linkId": "g" }]), &[]);
    check(
        &items,
        &json!([boolean("b", false), { "linkId": "g", "item": [text("t")] }]),
        &["error notEnabled item[1].item[0].answer[0]"],
    );
    check(&items, &json!([boolean("b", true)]), &["error required"]);
}

#[test]
fn what_depends_on_a_disabled_answer_is_disabled() {
    let items = json!([
        { "linkId": "b", "type": "boolean" },
        { "linkId": "c", "type": "boolean", "enableWhen": when("b", "=", "answerBoolean", json!(true)) },
        { "linkId": "t", "type": "string", "enableWhen": when("c", "=", "answerBoolean", json!(true)) },
    ]);
    check(&items, &json!([boolean("b", true), boolean("c", true), text("t")]), &[]);
    check(
        &items,
        &json!([boolean("b", false), boolean("c", true), text("t")]),
        &["error notEnabled item[1].answer[0]", "error notEnabled item[2].answer[0]"],
    );
}

#[test]
fn operators_ask_all_answers_of_the_question() {
    let items = |operator: &str, name: &str, value: Value| {
        json!([
            { "linkId": "n", "type": "integer", "repeats": true },
            { "linkId": "t", "type": "string", "required": true, "enableWhen": when("n", operator, name, value) },
        ])
    };
    let given = |numbers: &[i8]| json!([{ "linkId": "n", "answer": numbers.iter().map(|n| json!({ "valueInteger": n })).collect::<Vec<_>>() }]);
    let enabled: &[&str] = &["error required"];
    check(&items("=", "answerInteger", json!(2)), &given(&[1, 2]), enabled);
    check(&items("=", "answerInteger", json!(3)), &given(&[1, 2]), &[]);
    check(&items("!=", "answerInteger", json!(2)), &given(&[1, 2]), &[]);
    check(&items("!=", "answerInteger", json!(3)), &given(&[1, 2]), enabled);
    check(&items(">", "answerInteger", json!(1)), &given(&[1, 2]), enabled);
    check(&items(">", "answerInteger", json!(2)), &given(&[1, 2]), &[]);
    check(&items(">=", "answerInteger", json!(2)), &given(&[2]), enabled);
    check(&items("<", "answerInteger", json!(2)), &given(&[2]), &[]);
    check(&items("<=", "answerInteger", json!(2)), &given(&[2]), enabled);
    check(&items("exists", "answerBoolean", json!(true)), &given(&[1]), enabled);
    check(&items("exists", "answerBoolean", json!(true)), &json!([]), &[]);
    check(&items("exists", "answerBoolean", json!(false)), &json!([]), enabled);
    check(&items("exists", "answerBoolean", json!(false)), &given(&[1]), &[]);
}

#[test]
fn not_equal_to_an_unanswered_question_neither_demands_nor_refuses() {
    let items = json!([
        { "linkId": "b", "type": "boolean" },
        { "linkId": "t", "type": "string", "required": true, "enableWhen": when("b", "!=", "answerBoolean", json!(true)) },
    ]);
    check(&items, &json!([]), &[]);
    check(&items, &json!([text("t")]), &[]);
    check(&items, &json!([boolean("b", false)]), &["error required"]);
}

#[test]
fn several_conditions_are_all_or_any() {
    let items = |behavior: &str| {
        let each = |question: &str| json!({ "question": question, "operator": "=", "answerBoolean": true });
        json!([
            { "linkId": "a", "type": "boolean" },
            { "linkId": "b", "type": "boolean" },
            { "linkId": "t", "type": "string", "enableBehavior": behavior, "enableWhen": [each("a"), each("b")] },
        ])
    };
    let refused: &[&str] = &["error notEnabled item[2].answer[0]"];
    check(&items("all"), &json!([boolean("a", true), boolean("b", true), text("t")]), &[]);
    check(&items("all"), &json!([boolean("a", true), boolean("b", false), text("t")]), refused);
    check(&items("any"), &json!([boolean("a", true), boolean("b", false), text("t")]), &[]);
    check(&items("any"), &json!([boolean("a", false), boolean("b", false), text("t")]), refused);
}

#[test]
fn each_instance_of_a_repeating_group_decides_for_itself() {
    let items = json!([{ "linkId": "g", "type": "group", "repeats": true, "item": [
        { "linkId": "b", "type": "boolean" },
        { "linkId": "inner", "type": "group", "item": [
            { "linkId": "t", "type": "string", "required": true, "enableWhen": when("b", "=", "answerBoolean", json!(true)) }] },
    ] }]);
    let inner = |items: Value| json!({ "linkId": "inner", "item": items });
    let answers = json!([
        { "linkId": "g", "item": [boolean("b", true), inner(json!([text("t")]))] },
        { "linkId": "g", "item": [boolean("b", false), inner(json!([text("t")]))] },
        { "linkId": "g", "item": [boolean("b", true), inner(json!([]))] },
        { "linkId": "g", "item": [boolean("b", false), inner(json!([]))] },
    ]);
    check(
        &items,
        &answers,
        &["error notEnabled item[1].item[1].item[0].answer[0]", "error required item[2].item[1]"],
    );
}

#[test]
fn a_question_in_a_repeating_group_is_asked_from_outside_across_all_instances() {
    let items = json!([
        { "linkId": "g", "type": "group", "repeats": true, "item": [{ "linkId": "b", "type": "boolean" }] },
        { "linkId": "t", "type": "string", "enableWhen": when("b", "=", "answerBoolean", json!(true)) },
    ]);
    let group = |value: bool| json!({ "linkId": "g", "item": [boolean("b", value)] });
    check(&items, &json!([group(false), group(true), text("t")]), &[]);
    check(&items, &json!([group(false), group(false), text("t")]), &["error notEnabled item[2].answer[0]"]);
}

#[test]
fn items_under_an_answer_ask_that_answer_alone() {
    let items = json!([{ "linkId": "n", "type": "integer", "repeats": true, "item": [
        { "linkId": "t", "type": "string", "required": true, "enableWhen": when("n", "=", "answerInteger", json!(2)) }] }]);
    let with = |number: u8, nested: Value| json!({ "valueInteger": number, "item": nested });
    let answers = |answers: Value| json!([{ "linkId": "n", "answer": answers }]);
    check(&items, &answers(json!([with(2, json!([text("t")])), with(1, json!([]))])), &[]);
    check(
        &items,
        &answers(json!([with(1, json!([text("t")])), with(2, json!([]))])),
        &["error required item[0].answer[1]", "error notEnabled item[0].answer[0].item[0].answer[0]"],
    );
}

#[test]
fn the_order_of_answers_does_not_matter() {
    let reversed = json!([text("t"), boolean("b", true)]);
    check(&follow_up(), &reversed, &["warning outOfOrder item[1]"]);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    /// Three questions, each asked when another is true, in any order and with any answers.
    #[test]
    fn enablement_is_independent_of_the_order_of_answers(
        order in proptest::sample::subsequence(vec![0_usize, 1, 2, 3], 0..=4).prop_shuffle(),
        values in proptest::array::uniform4(proptest::bool::ANY),
    ) {
        let on = |question: &str| when(question, "=", "answerBoolean", json!(true));
        let items = json!([
            { "linkId": "a", "type": "boolean", "required": true, "enableWhen": on("b") },
            { "linkId": "b", "type": "boolean", "required": true, "enableWhen": on("c") },
            { "linkId": "c", "type": "boolean", "required": true, "enableWhen": on("d") },
            { "linkId": "d", "type": "boolean", "required": true },
        ]);
        let names = ["a", "b", "c", "d"];
        let mut sorted = order.clone();
        sorted.sort_unstable();
        let told = |order: &[usize]| {
            let answers: Vec<Value> = order.iter().map(|n| boolean(names[*n], values[*n])).collect();
            let issues = super::issues_of(&super::compiled(&super::definition(&items)), &super::response(&json!(answers)));
            let mut told: Vec<String> =
                issues.into_iter().filter(|issue| issue.detail != Some("outOfOrder")).map(|issue| issue.diagnostics).collect();
            told.sort_unstable();
            told
        };
        proptest::prop_assert_eq!(told(&order), told(&sorted));
    }
}
