//! Every fault of a protocol, with its place.

use super::*;
use crate::terminology::{PERFORMER_ROLE, TASK_CODE};

fn faults(plan: &Value, activities: &[Value]) -> Vec<String> {
    let problem = compile(plan, activities).expect_err("this plan has faults");
    problem.issues.iter().map(|issue| issue.expression.clone().unwrap_or_default()).collect()
}

fn sound() -> Value {
    action("R30", "rouge", "vomissement", VOMIT)
}

fn task() -> Value {
    json!({
        "resourceType": "ActivityDefinition",
        "url": "u/appel",
        "version": "1.0.0",
        "kind": "Task",
        "code": { "coding": [{ "system": TASK_CODE, "code": "appel-telephonique", "display": "Appel" }] },
        "priority": "asap",
        "participant": [{ "type": "practitioner", "role": { "coding": [{ "system": PERFORMER_ROLE, "code": "idec" }] } }],
        "description": "Appeler.",
        "extension": [{ "url": url("handle-within"), "valueDuration": { "value": 4, "code": "h" } }],
    })
}

fn doing(canonical: &str) -> Value {
    let mut one = sound();
    one["action"] = json!([{ "definitionCanonical": canonical }]);
    one
}

#[test]
fn a_sound_plan_compiles_with_its_activities() {
    let protocol = compile(&plan(&[], &[doing("u/appel|1.0.0")]), &[task()]).unwrap();
    assert_eq!(protocol.canonical(), "https://example.org/PlanDefinition/p|1.0.0");
    assert_eq!(protocol.questionnaires(), ["https://example.org/Questionnaire/q|1.0.0"]);
    let response = response(&[("vomi", integer(6))]);
    let outcome = protocol.evaluate(&facts(&response)).outcomes.remove(0);
    let [activity] = outcome.action.activities.as_slice() else { panic!("one activity") };
    assert_eq!((activity.kind, activity.code.as_str()), (ActivityKind::Task, "appel-telephonique"));
    assert_eq!(activity.performers, ["idec"]);
    assert_eq!(activity.handle_within.map(|delay| delay.as_hours()), Some(4));
}

#[test]
fn all_faults_are_found_at_once() {
    let mut broken = plan(&[], &[json!({})]);
    broken["url"] = json!("");
    broken["relatedArtifact"] = json!([{ "type": "depends-on", "resource": "no-version" }]);
    assert_eq!(
        faults(&broken, &[]),
        [
            "PlanDefinition.url",
            "PlanDefinition.relatedArtifact[0].resource",
            "PlanDefinition.relatedArtifact",
            "PlanDefinition.action[0].id",
            "PlanDefinition.action[0].code",
            "PlanDefinition.action[0].code",
            "PlanDefinition.action[0].title",
            "PlanDefinition.action[0].condition",
        ]
        .map(str::to_owned)
    );
}

#[test]
fn each_fault_of_an_action_has_its_place() {
    let check = |action: Value, place: &str| {
        assert_eq!(faults(&plan(&[], &[action]), &[]), [format!("PlanDefinition.action[0].{place}")]);
    };
    let but = |pointer: &str, value: Value| {
        let mut one = sound();
        *one.pointer_mut(pointer).unwrap() = value;
        one
    };
    check(but("/code/1/coding/0/code", json!("violet")), "code");
    check(but("/code/1/coding/0/code", json!("silence")), "code");
    check(but("/condition/0/kind", json!("start")), "condition[0].kind");
    check(but("/condition/0/expression/language", json!("text/cql")), "condition[0].expression.language");
    let text = "condition[0].expression.expression";
    check(but("/condition/0/expression/expression", json!("1 +")), text);
    check(but("/condition/0/expression/expression", json!("%nobody = 1")), text);
    check(but("/condition/0/expression/expression", json!("%triggered.exists()")), text);
    check(with(sound(), "rule-aggregate", "Boolean", true), text);
    check(with(sound(), "rule-aggregate", "String", "yes"), "extension");
    check(with(sound(), "rule-evidence", "String", " "), "extension[0].value");
    check(with(sound(), "rule-inprogress", "Boolean", true), "extension[0].url");
    check(doing("u/appel|1.0.0"), "action[0].definition");
    let mut two = sound();
    two["condition"] = json!([two["condition"][0], two["condition"][0]]);
    check(two, "condition");
}

#[test]
fn an_action_id_is_used_once() {
    assert_eq!(faults(&plan(&[], &[sound(), sound()]), &[]), ["PlanDefinition.action[1].id"]);
}

#[test]
fn a_variable_uses_only_those_before_it() {
    let check = |variables: &[Value], expected: &[&str]| {
        assert_eq!(faults(&plan(variables, &[sound()]), &[]), expected);
    };
    let place = |n: usize, rest: &str| format!("PlanDefinition.extension[{n}].value.{rest}");
    check(&[variable("a", "%b"), variable("b", "1")], &[&place(0, "expression")]);
    check(&[variable("a", "%a + 1")], &[&place(0, "expression")]);
    check(&[variable("a", "%triggered")], &[&place(0, "expression")]);
    check(&[variable("previous", "1")], &[&place(0, "name")]);
    check(&[variable("a", "1"), variable("a", "2")], &[&place(1, "name")]);
    check(&[variable("a", "(")], &[&place(0, "expression")]);
}

#[test]
fn a_variable_that_does_not_compile_is_no_fault_of_its_users() {
    let actions = [action("R1", "jaune", "a", "%a = 1")];
    assert_eq!(
        faults(&plan(&[variable("a", "(")], &actions), &[]),
        ["PlanDefinition.extension[0].value.expression"]
    );
}

#[test]
fn each_fault_of_an_activity_has_its_place() {
    let check = |pointer: &str, value: Value, element: &str| {
        let mut broken = task();
        *broken.pointer_mut(pointer).unwrap() = value;
        let expected = format!("ActivityDefinition.where(url='u/appel').{element}");
        assert_eq!(faults(&plan(&[], &[doing("u/appel|1.0.0")]), &[broken]), [expected], "{pointer}");
    };
    check("/kind", json!("MedicationRequest"), "kind");
    check("/code", json!({}), "code");
    check("/priority", json!("soon"), "priority");
    check("/extension", json!([]), "extension");
    check("/extension/0/url", json!(url("acknowledge-within")), "extension");
    let mut mute = task();
    mute["kind"] = json!("CommunicationRequest");
    mute["description"] = json!(" ");
    let expected = ["ActivityDefinition.where(url='u/appel').description"];
    assert_eq!(faults(&plan(&[], &[doing("u/appel")]), &[mute]), expected);
}

#[test]
fn an_element_that_no_answer_can_have_is_refused_in_conditions_and_variables() {
    let check = |variables: &[Value], expression: &str, expected: &[&str]| {
        let plan = plan(variables, &[action("R30", "rouge", "vomissement", expression)]);
        let places = if expected.is_empty() {
            compile(&plan, &[]).map(|_| Vec::new()).unwrap()
        } else {
            faults(&plan, &[])
        };
        assert_eq!(places, expected, "{expression}");
    };
    let condition = "PlanDefinition.action[0].condition[0].expression.expression";
    check(&[], VOMIT, &[]);
    check(&[], "%resource.itm.exists()", &[condition]);
    check(&[], "%resource.item.where(linkID = 'vomi').exists() and true", &[condition]);
    check(&[], "%resource.item.answer.value.ofType(Flag).exists()", &[condition]);
    check(&[], "%previous.exists() and %previous.items.exists()", &[condition]);
    check(&[], "%history.item.answers.exists()", &[condition]);
    check(&[], "%careplan.activity.details.exists()", &[condition]);
    check(&[], "%patient.birthdate.exists()", &[condition]);
    let of_plan =
        [variable("vomi", "%resource.item.where(linkId = 'vomi')"), variable("n", "%vomi.anwser.value")];
    check(&of_plan, "%n >= 6", &["PlanDefinition.extension[1].value.expression"]);
    let types_feed_the_next = [variable("vomi", "%resource.item.where(linkId = 'vomi')")];
    check(&types_feed_the_next, "%vomi.anwser.exists()", &[condition]);
    check(&types_feed_the_next, "%vomi.answer.value >= 6", &[]);
}

#[test]
fn variables_that_need_one_another_have_an_end() {
    let chain = |length: usize| -> Vec<Value> {
        let before = |n: usize| if n == 0 { "1".to_owned() } else { format!("%v{} + 1", n - 1) };
        (0..length).map(|n| variable(&format!("v{n}"), &before(n))).collect()
    };
    assert!(compile(&plan(&chain(64), &[sound()]), &[]).is_ok());
    assert_eq!(
        faults(&plan(&chain(200), &[sound()]), &[]),
        ["PlanDefinition.extension[64].value.expression"]
    );
}
