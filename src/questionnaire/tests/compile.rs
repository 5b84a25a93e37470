//! Every fault of a definition, with its element.

use crate::json::{Value, json};

use super::definition;
use crate::problem::{Category, Issue};
use crate::terminology::Terminology;

const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";
const SDC: &str = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-";

fn faults(definition: &Value) -> Vec<Issue> {
    match super::super::compile(definition, &Terminology::default()) {
        Ok(_) => Vec::new(),
        Err(problem) => {
            assert_eq!(problem.category, Category::Invalid);
            problem.issues
        }
    }
}

/// The items give exactly these faults: place after `Questionnaire.`, and words of the message.
fn check(items: &Value, expected: &[(&str, &str)]) {
    let found = faults(&definition(items));
    let seen = found
        .iter()
        .map(|fault| format!("{}: {}", fault.expression.as_deref().unwrap_or_default(), fault.diagnostics));
    let seen: Vec<String> = seen.collect();
    assert_eq!(seen.len(), expected.len(), "{seen:#?}");
    for (place, words) in expected {
        let hit =
            |line: &&String| line.starts_with(&format!("Questionnaire.{place}:")) && line.contains(words);
        assert!(seen.iter().any(|line| hit(&line)), "{place} {words} in {seen:#?}");
    }
}

/// One item with these members.
fn item(kind: &str, members: &Value) -> Value {
    let mut item = json!({ "linkId": "q", "type": kind });
    for (name, value) in members.as_object().unwrap() {
        item[name] = value.clone();
    }
    json!([item])
}

fn extension(url: String, name: &str, value: Value) -> Value {
    json!({ "extension": [{ "url": url, name: value }] })
}

fn expression(url: &str, text: &str) -> Value {
    extension(url.to_owned(), "valueExpression", json!({ "language": "text/fhirpath", "expression": text }))
}

#[test]
fn a_plain_definition_has_no_fault() {
    check(&item("string", &json!({})), &[]);
    check(&json!([]), &[]);
}

#[test]
fn head_and_types_are_checked() {
    let found = faults(&json!({ "resourceType": "Patient" }));
    assert_eq!(found.len(), 2);
    check(&item("question", &json!({})), &[("item[0].type", "'question' is not one of: group")]);
    check(&json!([{ "type": "string" }]), &[("item[0].linkId", "needs a linkId")]);
}

#[test]
fn all_faults_are_said_at_once() {
    let items = json!([
        { "linkId": "a", "type": "string" },
        { "linkId": "a", "type": "string" },
        { "linkId": "g", "type": "group", "answerOption": [{ "valueInteger": 1 }], "initial": [{ "valueInteger": 1 }] },
    ]);
    check(
        &items,
        &[
            ("item[1].linkId", "'a' is used already at Questionnaire.item[0]"),
            ("item[2]", "que-1"),
            ("item[2].initial[0]", "no initial value"),
            ("item[2].answerOption[0]", "no option of an item of type group"),
        ],
    );
}

#[test]
fn conditions_must_fit_what_they_ask() {
    let with = |condition: Value| {
        json!([
            { "linkId": "b", "type": "boolean" },
            { "linkId": "g", "type": "group", "item": [{ "linkId": "i", "type": "integer" }] },
            { "linkId": "q", "type": "string", "enableWhen": [condition] },
        ])
    };
    let condition = |question: &str, operator: &str, name: &str, value: Value| json!({ "question": question, "operator": operator, name: value });
    let at = "item[2].enableWhen[0]";
    check(&with(condition("b", "=", "answerBoolean", json!(true))), &[]);
    check(
        &with(condition("zzz", "=", "answerBoolean", json!(true))),
        &[("item[2].enableWhen[0].question", "'zzz'")],
    );
    check(&with(condition("q", "exists", "answerBoolean", json!(true))), &[(at, "its own answer")]);
    check(&with(condition("b", "is", "answerBoolean", json!(true))), &[(at, "exists = != > < >= <=")]);
    check(&with(condition("b", ">", "answerBoolean", json!(true))), &[(at, "has no order")]);
    check(&with(condition("i", "exists", "answerInteger", json!(1))), &[(at, "needs answerBoolean")]);
    check(
        &with(condition("i", "=", "answerString", json!("1"))),
        &[(at, "does not fit a question of type integer")],
    );
    check(&with(condition("g", "=", "answerBoolean", json!(true))), &[(at, "no answer to compare")]);
    check(&with(condition("i", "=", "answerInteger", json!("1"))), &[(at, "cannot be read")]);
    check(&with(json!({})), &[(at, "operator ''"), (at, "answer[x]"), (at, "linkId")]);
}

#[test]
fn several_conditions_need_a_behavior() {
    let condition = json!({ "question": "b", "operator": "=", "answerBoolean": true });
    let with = |behavior: Value| {
        let mut items = json!([{ "linkId": "b", "type": "boolean" }, { "linkId": "q", "type": "string", "enableWhen": [condition, condition] }]);
        if !behavior.is_null() {
            items[1]["enableBehavior"] = behavior;
        }
        items
    };
    check(&with(json!("any")), &[]);
    check(&with(Value::Null), &[("item[1]", "que-12")]);
    check(&with(json!("some")), &[("item[1].enableBehavior", "'some'")]);
}

#[test]
fn conditions_do_not_go_in_a_circle() {
    let exists =
        |question: &str| json!([{ "question": question, "operator": "exists", "answerBoolean": true }]);
    let items = json!([
        { "linkId": "a", "type": "string", "enableWhen": exists("b") },
        { "linkId": "b", "type": "string", "enableWhen": exists("a") },
    ]);
    check(&items, &[("item[0]", "depends on itself"), ("item[1]", "depends on itself")]);
}

#[test]
fn what_is_asked_one_within_the_other_has_an_end() {
    let conditions = |length: usize| -> Vec<Value> {
        let item = |n: usize| match n {
            0 => json!({ "linkId": "q0", "type": "boolean" }),
            _ => json!({ "linkId": format!("q{n}"), "type": "boolean",
                "enableWhen": [{ "question": format!("q{}", n - 1), "operator": "=", "answerBoolean": true }] }),
        };
        (0..length).map(item).collect()
    };
    check(&json!(conditions(257)), &[]);
    check(&json!(conditions(5_000)), &[("item[257]", "chain of more than 256 items")]);
    let backwards: Vec<Value> = conditions(258).into_iter().rev().collect();
    check(&json!(backwards), &[("item[0]", "chain of more than 256 items")]);
    let variables = |length: usize| {
        let named = |n: usize| {
            let before = if n == 0 { "1".to_owned() } else { format!("%v{} + 1", n - 1) };
            let mut extension = expression(&format!("{CORE}variable"), &before)["extension"][0].take();
            extension["valueExpression"]["name"] = json!(format!("v{n}"));
            extension
        };
        json!({ "extension": (0..length).map(named).collect::<Vec<_>>() })
    };
    check(&item("string", &variables(64)), &[]);
    check(
        &item("string", &variables(200)),
        &[("item[0].extension[64].valueExpression", "%v64 needs a chain of more than 64 variables")],
    );
}

#[test]
fn options_fit_their_item() {
    check(&item("choice", &json!({})), &[("item[0]", "a choice needs")]);
    let coding = json!([{ "valueCoding": { "system": "s", "code": "a" } }]);
    check(&item("choice", &json!({ "answerOption": coding })), &[]);
    check(
        &item("integer", &json!({ "answerOption": coding })),
        &[("item[0].answerOption[0]", "no option of an item of type integer")],
    );
    check(
        &item("choice", &json!({ "answerOption": [{ "valueCoding": {} }] })),
        &[("item[0].answerOption[0]", "needs a code")],
    );
    check(&item("choice", &json!({ "answerOption": [{}] })), &[("item[0].answerOption[0]", "value[x]")]);
    check(
        &item("choice", &json!({ "answerValueSet": "https://example.org/vs" })),
        &[("item[0].answerValueSet", "not known here")],
    );
    check(
        &item("string", &json!({ "answerOption": [{ "valueString": "a" }], "answerValueSet": "#missing" })),
        &[("item[0]", "que-4"), ("item[0].answerValueSet", "que-5"), ("item[0].answerValueSet", "#missing")],
    );
}

#[test]
fn a_contained_value_set_gives_the_options() {
    let mut definition = definition(&item("choice", &json!({ "answerValueSet": "#oui-non" })));
    definition["contained"] = json!([{ "resourceType": "ValueSet", "id": "oui-non", "compose": { "include": [
        { "system": "s", "concept": [{ "code": "oui", "display": "Oui" }, { "code": "non" }] }] } }]);
    let answer = |code: &str| {
        super::response(
            &json!([{ "linkId": "q", "answer": [{ "valueCoding": { "system": "s", "code": code } }] }]),
        )
    };
    super::check_response(&definition, &answer("oui"), &[]);
    super::check_response(
        &definition,
        &answer("bof"),
        &["error invalidAnswerOption item[0].answer[0].value"],
    );
}

#[test]
fn limits_fit_their_item_and_one_another() {
    let limit = |url: &str, name: &str, value: Value| json!({ "url": format!("{CORE}{url}"), name: value });
    let at = "item[0].extension[0]";
    check(
        &item("integer", &json!({ "extension": [limit("minValue", "valueDate", json!("2026"))] })),
        &[(at, "no limit for an item of type integer")],
    );
    check(
        &item("decimal", &json!({ "extension": [limit("minValue", "valueDecimal", json!("1"))] })),
        &[(at, "cannot be read")],
    );
    check(
        &item(
            "decimal",
            &json!({ "extension": [limit("minValue", "valueDecimal", json!(2)), limit("maxValue", "valueDecimal", json!(1))] }),
        ),
        &[("item[0]", "minimum 2 is greater than the maximum 1")],
    );
    check(
        &item(
            "string",
            &json!({ "maxLength": 1, "extension": [limit("minLength", "valueInteger", json!(2))] }),
        ),
        &[("item[0]", "minLength 2 is greater than maxLength 1")],
    );
    check(&item("date", &json!({ "maxLength": 1 })), &[("item[0]", "does not go with type date")]);
    check(
        &item("string", &json!({ "extension": [limit("regex", "valueString", json!("a(b"))] })),
        &[("item[0].extension[0].valueString", "does not compile")],
    );
    let occurs = |min: i8, max: i8| {
        json!([
            limit("questionnaire-minOccurs", "valueInteger", json!(min)),
            limit("questionnaire-maxOccurs", "valueInteger", json!(max))
        ])
    };
    check(
        &item("string", &json!({ "repeats": true, "extension": occurs(3, 2) })),
        &[("item[0]", "minOccurs 3")],
    );
    check(&item("string", &json!({ "extension": occurs(0, 2) })), &[("item[0]", "needs repeats")]);
    check(&item("string", &json!({ "repeats": true, "extension": occurs(-1, 2) })), &[(at, "from 0 on")]);
}

#[test]
fn expressions_compile_and_name_only_what_is_in_scope() {
    let url = format!("{SDC}enableWhenExpression");
    let at = "item[0].extension[0].valueExpression";
    check(&item("string", &expression(&url, "%patient.exists() and %resource.item.exists()")), &[]);
    check(
        &item("string", &expression(&url, "%encounter.exists()")),
        &[(at, "%encounter is not defined here")],
    );
    assert!(!faults(&definition(&item("string", &expression(&url, "1 +")))).is_empty());
    let cql = json!({ "language": "text/cql", "expression": "true" });
    check(&item("string", &extension(url.clone(), "valueExpression", cql)), &[(at, "text/cql")]);
    check(
        &item("string", &extension(url, "valueExpression", json!({ "language": "text/fhirpath" }))),
        &[(at, "needs an expression")],
    );
}

#[test]
fn a_variable_is_seen_by_what_follows_it_and_by_what_is_inside() {
    let variable = |name: &str, text: &str| json!({ "url": format!("{CORE}variable"), "valueExpression": { "name": name, "language": "text/fhirpath", "expression": text } });
    let uses = |text: &str| json!({ "url": format!("{SDC}enableWhenExpression"), "valueExpression": { "language": "text/fhirpath", "expression": text } });
    let group = |own: Value, inner: Value, next: Value| {
        json!([
            { "linkId": "g", "type": "group", "extension": own, "item": [{ "linkId": "i", "type": "string", "extension": inner }] },
            { "linkId": "n", "type": "string", "extension": next },
        ])
    };
    check(
        &group(json!([variable("a", "1"), variable("b", "%a + 1")]), json!([uses("%b > 1")]), json!([])),
        &[],
    );
    check(
        &group(json!([variable("b", "%a + 1"), variable("a", "1")]), json!([]), json!([])),
        &[("item[0].extension[0].valueExpression", "%a is not defined here")],
    );
    check(
        &group(json!([variable("a", "1")]), json!([]), json!([uses("%a > 1")])),
        &[("item[1].extension[0].valueExpression", "%a is not defined here")],
    );
}

#[test]
fn calculations_do_not_go_in_a_circle() {
    let url = format!("{SDC}calculatedExpression");
    let of = |link_id: &str, text: &str| {
        let mut item = expression(&url, text);
        item["linkId"] = json!(link_id);
        item["type"] = json!("integer");
        item
    };
    let answer = |link_id: &str| format!("%resource.item.where(linkId = '{link_id}').answer.value + 1");
    check(&json!([of("a", &answer("c")), of("b", &answer("a")), { "linkId": "c", "type": "integer" }]), &[]);
    check(
        &json!([of("a", &answer("b")), of("b", &answer("a"))]),
        &[("item[0]", "its own result"), ("item[1]", "its own result")],
    );
}

#[test]
fn what_changes_the_meaning_is_refused_and_what_renders_is_not() {
    let modifier =
        json!({ "modifierExtension": [{ "url": "https://example.org/negated", "valueBoolean": true }] });
    check(&item("string", &modifier), &[("item[0].modifierExtension[0]", "https://example.org/negated")]);
    check(
        &item(
            "string",
            &extension(format!("{CORE}rendering-criticalExtension"), "valueBoolean", json!(true)),
        ),
        &[("item[0].extension[0]", "critical for rendering")],
    );
    check(
        &item("string", &extension(format!("{CORE}questionnaire-itemControl"), "valueString", json!("x"))),
        &[],
    );
}

#[test]
fn displays_and_extraction_have_their_rules() {
    check(
        &item("display", &json!({ "required": true, "item": [{ "linkId": "i", "type": "string" }] })),
        &[("item[0]", "que-1"), ("item[0]", "no required")],
    );
    let extract = extension(format!("{SDC}observationExtract"), "valueBoolean", json!(true));
    check(&item("string", &extract), &[("item[0]", "needs a question with a code")]);
    check(
        &item("integer", &json!({ "initial": [{ "valueString": "1" }] })),
        &[("item[0].initial[0]", "starts with valueInteger")],
    );
    check(
        &item("integer", &json!({ "initial": [{ "valueInteger": 1 }, { "valueInteger": 2 }] })),
        &[("item[0].initial[0]", "que-13")],
    );
}

#[test]
fn the_shipped_questionnaire_compiles() {
    let text = include_str!("../../../profiles/Questionnaire/surveillance-hebdomadaire.json");
    let definition: Value = serde_json::from_str(text).unwrap();
    let questionnaire = super::compiled(&definition);
    assert!(questionnaire.required_items().any(|link_id| link_id == "alerte.thorax"));
    assert_eq!(questionnaire.item_text("alerte"), Some("Signes d'alerte"));
}

#[test]
fn an_element_that_no_answer_can_have_is_refused_in_every_expression() {
    let urls = [format!("{SDC}calculatedExpression"), format!("{SDC}enableWhenExpression")];
    for url in urls {
        check(
            &item("string", &expression(&url, "%resource.itm.exists()")),
            &[("item[0].extension[0].valueExpression", "\"itm\"")],
        );
        check(&item("string", &expression(&url, "%resource.item.exists()")), &[]);
    }
    let mut variable = expression(&format!("{CORE}variable"), "%resource.item");
    variable["extension"][0]["valueExpression"]["name"] = json!("all");
    let user = expression(&format!("{SDC}enableWhenExpression"), "%all.anwser.exists()");
    variable["extension"].as_array_mut().unwrap().push(user["extension"][0].clone());
    check(&item("string", &variable), &[("item[0].extension[1].valueExpression", "\"anwser\"")]);
}
