//! Expressions over a response: enablement, variables, calculations, constraints.

use crate::json::{Value, json};

use super::{check, check_response, compiled, context, definition, line, response};
use crate::terminology::Terminology;

const SDC: &str = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-";

fn expression(url: &str, text: &str) -> Value {
    json!({ "url": format!("{SDC}{url}"), "valueExpression": { "language": "text/fhirpath", "expression": text } })
}

fn variable(name: &str, text: &str) -> Value {
    json!({ "url": "http://hl7.org/fhir/StructureDefinition/variable",
        "valueExpression": { "name": name, "language": "text/fhirpath", "expression": text } })
}

fn integer(link_id: &str, value: i32) -> Value {
    json!({ "linkId": link_id, "answer": [{ "valueInteger": value }] })
}

/// `a`, and `t` that is enabled by an expression.
fn enabled_by(text: &str) -> Value {
    json!([
        { "linkId": "a", "type": "integer" },
        { "linkId": "t", "type": "integer", "required": true, "extension": [expression("enableWhenExpression", text)] },
    ])
}

const A: &str = "%resource.item.where(linkId = 'a').answer.value";

#[test]
fn an_expression_enables_and_empty_is_false() {
    let items = enabled_by(&format!("{A} > 2"));
    check(&items, &json!([integer("a", 3), integer("t", 1)]), &[]);
    check(&items, &json!([integer("a", 3)]), &["error required"]);
    check(&items, &json!([integer("a", 2), integer("t", 1)]), &["error notEnabled item[1].answer[0]"]);
    check(&items, &json!([integer("t", 1)]), &["error notEnabled item[0].answer[0]"]);
    check(&items, &json!([]), &[]);
}

#[test]
fn an_expression_that_fails_neither_demands_nor_refuses() {
    let items = json!([
        { "linkId": "a", "type": "integer", "repeats": true },
        { "linkId": "t", "type": "integer", "required": true, "extension": [expression("enableWhenExpression", &format!("{A} > 2"))] },
    ]);
    let two = json!({ "linkId": "a", "answer": [{ "valueInteger": 1 }, { "valueInteger": 3 }] });
    check(&items, &json!([two]), &["warning invariantExecution"]);
    check(&items, &json!([two, integer("t", 1)]), &["warning invariantExecution item[1]"]);
}

#[test]
fn the_launch_context_is_seen_and_may_be_empty() {
    let questionnaire =
        compiled(&definition(&enabled_by("%patient.gender = 'female' and %careplan.exists()")));
    let (patient, careplan) =
        (json!({ "resourceType": "Patient", "gender": "female" }), json!({ "resourceType": "CarePlan" }));
    let terminology = Terminology::default();
    let response = response(&json!([]));
    let mut context = context(&terminology);
    assert!(questionnaire.validate(&response, &context).is_valid());
    (context.patient, context.careplans) = (Some(&patient), std::slice::from_ref(&careplan));
    let issues: Vec<_> = questionnaire.validate(&response, &context).issues.iter().map(line).collect();
    assert_eq!(issues, ["error required"]);
}

#[test]
fn today_is_the_day_of_the_answers() {
    let items = enabled_by("today() = @2026-11-22");
    check(&items, &json!([]), &["error required"]);
}

#[test]
fn variables_are_seen_from_inside_and_the_innermost_counts() {
    let items = json!([{ "linkId": "g", "type": "group", "repeats": true,
        "extension": [variable("own", "%context.item.where(linkId = 'n').answer.value"), variable("double", "%own * 2")],
        "item": [
            { "linkId": "n", "type": "integer" },
            { "linkId": "t", "type": "integer", "required": true, "extension": [expression("enableWhenExpression", "%double > %least")] },
        ] }]);
    let mut definition = definition(&items);
    definition["extension"] = json!([variable("least", "10"), variable("own", "0")]);
    let group = |items: Value| json!({ "linkId": "g", "item": items });
    let answers = json!([
        group(json!([integer("n", 6)])),
        group(json!([integer("n", 5)])),
        group(json!([integer("n", 5), integer("t", 1)]))
    ]);
    check_response(
        &definition,
        &response(&answers),
        &["error required item[0]", "error notEnabled item[2].item[1].answer[0]"],
    );
}

fn score() -> Value {
    json!([
        { "linkId": "a", "type": "integer" },
        { "linkId": "s", "type": "decimal", "readOnly": true, "extension": [expression("calculatedExpression", &format!("{A} / 3"))] },
    ])
}

#[test]
fn a_calculated_answer_is_recomputed() {
    let given = |text: &str| json!({ "linkId": "s", "answer": [{ "valueDecimal": serde_json::from_str::<Value>(text).unwrap() }] });
    check(&score(), &json!([integer("a", 6), given("2.0")]), &[]);
    check(&score(), &json!([integer("a", 1), given("0.3333333333333333")]), &[]);
    check(&score(), &json!([integer("a", 6), given("2.1")]), &["error calculatedMismatch item[1].answer[0]"]);
    check(&score(), &json!([given("2")]), &["error calculatedMismatch item[0].answer[0]"]);
    check(&score(), &json!([integer("a", 6)]), &["warning calculatedMismatch"]);
    check(&score(), &json!([]), &[]);
}

fn constrained(url: &str, severity: &str, text: &str) -> Value {
    let body = if url == "targetConstraint" {
        json!({ "url": "expression", "valueExpression": { "language": "text/fhirpath", "expression": text } })
    } else {
        json!({ "url": "expression", "valueString": text })
    };
    json!({ "url": format!("http://hl7.org/fhir/StructureDefinition/{url}"), "extension": [
        { "url": "key", "valueId": "k1" }, { "url": "severity", "valueCode": severity },
        { "url": "human", "valueString": "La valeur doit dépasser 2." }, body] })
}

#[test]
fn a_constraint_must_not_be_false() {
    for url in ["questionnaire-constraint", "targetConstraint"] {
        let items = |severity: &str| json!([{ "linkId": "a", "type": "integer", "extension": [constrained(url, severity, "answer.value > 2")] }]);
        check(&items("error"), &json!([integer("a", 3)]), &[]);
        check(&items("error"), &json!([]), &[]);
        check(&items("error"), &json!([integer("a", 2)]), &["error invariant item[0]"]);
        check(&items("warning"), &json!([integer("a", 2)]), &["warning invariant item[0]"]);
    }
}

#[test]
fn a_constraint_of_the_questionnaire_sees_the_whole_response() {
    let mut definition = definition(&json!([{ "linkId": "a", "type": "integer" }]));
    definition["extension"] = json!([constrained("targetConstraint", "error", &format!("{A} > 2"))]);
    check_response(&definition, &response(&json!([integer("a", 3)])), &[]);
    let mut wrong = response(&json!([integer("a", 2)]));
    check_response(&definition, &wrong, &["error invariant"]);
    wrong["status"] = json!("in-progress");
    check_response(&definition, &wrong, &["warning invariant"]);
}

#[test]
fn a_constraint_that_cannot_be_evaluated_is_named() {
    let items = json!([{ "linkId": "a", "type": "integer", "repeats": true, "extension": [constrained("targetConstraint", "error", "answer.value > 2")] }]);
    let two = json!({ "linkId": "a", "answer": [{ "valueInteger": 3 }, { "valueInteger": 4 }] });
    check(&items, &json!([two]), &["warning invariantExecution item[0]"]);
}
