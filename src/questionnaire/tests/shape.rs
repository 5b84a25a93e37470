//! Link ids, nesting, order, texts, and how often an item occurs.

use crate::json::{Value, json};

use super::{check, check_response, definition, response};

fn items() -> Value {
    json!([
        { "linkId": "g", "text": "Groupe", "type": "group", "item": [
            { "linkId": "a", "text": "Première question", "type": "string" },
            { "linkId": "b", "type": "string", "item": [{ "linkId": "b.1", "type": "string" }] },
        ] },
        { "linkId": "c", "type": "string" },
    ])
}

fn text(link_id: &str) -> Value {
    json!({ "linkId": link_id, "answer": [{ "valueString": "x" }] })
}

#[test]
fn a_response_in_shape_has_no_issue() {
    let nested = json!({ "linkId": "b", "answer": [{ "valueString": "x", "item": [text("b.1")] }] });
    check(&items(), &json!([{ "linkId": "g", "item": [text("a"), nested] }, text("c")]), &[]);
}

#[test]
fn link_ids_must_be_known_and_in_their_place() {
    check(&items(), &json!([text("zzz")]), &["error invalidLinkId item[0].linkId"]);
    check(&items(), &json!([{ "answer": [] }]), &["error invalidLinkId item[0].linkId"]);
    check(&items(), &json!([text("a")]), &["error invalidLinkId item[0]"]);
    check(
        &items(),
        &json!([{ "linkId": "g", "item": [text("c")] }]),
        &["error invalidLinkId item[0].item[0]"],
    );
}

#[test]
fn items_of_a_question_are_in_its_answer() {
    let wrong = json!({ "linkId": "b", "item": [text("b.1")], "answer": [{ "valueString": "x" }] });
    check(
        &items(),
        &json!([{ "linkId": "g", "item": [wrong] }]),
        &["error invalidType item[0].item[0].item[0]"],
    );
}

#[test]
fn another_order_or_text_is_a_warning() {
    check(
        &items(),
        &json!([text("c"), { "linkId": "g", "item": [text("a")] }]),
        &["warning outOfOrder item[1]"],
    );
    let other = json!({ "linkId": "a", "text": "Autre question", "answer": [{ "valueString": "x" }] });
    check(
        &items(),
        &json!([{ "linkId": "g", "item": [other] }]),
        &["warning textMismatch item[0].item[0].text"],
    );
    let same = json!({ "linkId": "a", "text": "Première question", "answer": [{ "valueString": "x" }] });
    check(&items(), &json!([{ "linkId": "g", "text": "Groupe", "item": [same] }]), &[]);
}

#[test]
fn what_does_not_repeat_occurs_once() {
    let twice = json!({ "linkId": "c", "answer": [{ "valueString": "x" }, { "valueString": "y" }] });
    check(&items(), &json!([twice]), &["error repeats item[0].answer[1]"]);
    check(&items(), &json!([text("c"), text("c")]), &["error repeats item[1]"]);
    let group = json!({ "linkId": "g", "item": [text("a")] });
    check(&items(), &json!([group, group]), &["error repeats item[1]"]);
}

#[test]
fn occurrences_have_a_minimum_and_a_maximum() {
    let count = |url: &str, count: u8| json!({ "url": format!("http://hl7.org/fhir/StructureDefinition/questionnaire-{url}"), "valueInteger": count });
    let items = json!([{ "linkId": "q", "type": "integer", "repeats": true, "extension": [count("minOccurs", 2), count("maxOccurs", 3)] }]);
    let answers = |count: usize| json!([{ "linkId": "q", "answer": (0..count).map(|n| json!({ "valueInteger": n })).collect::<Vec<_>>() }]);
    check(&items, &answers(2), &[]);
    check(&items, &answers(3), &[]);
    check(&items, &answers(1), &["error minCount item[0]"]);
    check(&items, &answers(4), &["error maxCount item[0]"]);
    check(&items, &json!([]), &["error minCount"]);
    let one = json!({ "linkId": "q", "answer": [{ "valueInteger": 1 }] });
    check(&items, &json!([one, one]), &["warning repeats item[1]"]);
}

#[test]
fn required_is_asked_of_every_instance_of_a_group() {
    let items = json!([{ "linkId": "g", "type": "group", "repeats": true, "item": [
        { "linkId": "a", "type": "string", "required": true }, { "linkId": "b", "type": "string" }] }]);
    let with = |names: &[&str]| json!({ "linkId": "g", "item": names.iter().map(|name| text(name)).collect::<Vec<_>>() });
    check(&items, &json!([with(&["a"]), with(&["b"]), with(&["a", "b"])]), &["error required item[1]"]);
    check(
        &items,
        &json!([{ "linkId": "g", "item": [{ "linkId": "a", "answer": [] }] }]),
        &["error required item[0].item[0]"],
    );
}

#[test]
fn an_absent_optional_group_with_required_items_is_a_warning() {
    let items = json!([{ "linkId": "g", "type": "group", "item": [{ "linkId": "a", "type": "string", "required": true }] }]);
    check(&items, &json!([]), &["warning required"]);
    let mut required = items.clone();
    required[0]["required"] = json!(true);
    check(&required, &json!([]), &["error required"]);
    check(&required, &json!([{ "linkId": "g" }]), &["error required item[0]", "error required item[0]"]);
}

#[test]
fn the_response_names_the_questionnaire_it_is_checked_against() {
    let items = json!([{ "linkId": "c", "type": "string" }]);
    let mut other = response(&json!([text("c")]));
    for canonical in [
        "https://vigie.example/fhir/Questionnaire/other|1.0.0",
        "https://vigie.example/fhir/Questionnaire/test|2.0.0",
    ] {
        other["questionnaire"] = json!(canonical);
        check_response(&definition(&items), &other, &["error questionnaireNotFound questionnaire"]);
    }
    other["questionnaire"] = json!("https://vigie.example/fhir/Questionnaire/test");
    check_response(&definition(&items), &other, &[]);
}

#[test]
fn drafts_and_what_is_out_of_use_are_named() {
    let response = response(&json!([text("c")]));
    for (status, expected) in [
        ("draft", "warning questionnaireDraft questionnaire"),
        ("retired", "warning questionnaireRetired questionnaire"),
    ] {
        let mut definition = definition(&json!([{ "linkId": "c", "type": "string" }]));
        definition["status"] = json!(status);
        check_response(&definition, &response, &[expected]);
    }
    let mut definition = definition(&json!([{ "linkId": "c", "type": "string" }]));
    definition["effectivePeriod"] = json!({ "start": "2026-11-22", "end": "2026-11-22" });
    check_response(&definition, &response, &[]);
    definition["effectivePeriod"] = json!({ "end": "2026-11-21" });
    check_response(&definition, &response, &["warning questionnaireInactive questionnaire"]);
}

#[test]
fn messages_name_the_question_in_french_and_the_link_id_in_english() {
    let items = json!([{ "linkId": "base.temp", "text": "Température", "type": "decimal" }]);
    let found = super::issues_of(
        &super::compiled(&definition(&items)),
        &response(&json!([{ "linkId": "base.temp", "answer": [{ "valueDecimal": "38,5" }] }])),
    );
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].text.as_deref(),
        Some("« Température » : la réponse est illisible, il faut un nombre.")
    );
    assert_eq!(
        found[0].diagnostics,
        r#"item 'base.temp': valueDecimal "38,5" cannot be read; it must be a JSON number of 28 digits at most"#
    );
}
