//! Rules on small plans: firing, not firing, not evaluable, and the two passes.

use crate::json::{Value, json};

use super::*;
use crate::judgement::{ActivityKind, Truth};
use crate::problem::Issue;
use crate::terminology::{ALERT_LEVEL, ALERT_RULE, BASE, Level, SYMPTOM, VARIABLE};

mod compiling;
mod history;
mod shipped;

fn url(name: &str) -> String {
    format!("{BASE}/StructureDefinition/{name}")
}

fn action(id: &str, level: &str, symptom: &str, expression: &str) -> Value {
    let rule = id.split('-').next().unwrap_or_default();
    json!({
        "id": id,
        "title": format!("Titre {id}"),
        "code": [
            { "coding": [{ "system": ALERT_RULE, "code": rule }] },
            { "coding": [{ "system": ALERT_LEVEL, "code": level }] },
            { "coding": [{ "system": SYMPTOM, "code": symptom }] },
        ],
        "condition": [{ "kind": "applicability",
            "expression": { "language": "text/fhirpath", "expression": expression } }],
    })
}

fn with(mut action: Value, extension: &str, kind: &str, value: impl Into<Value>) -> Value {
    let mut one = json!({ "url": url(extension) });
    one[format!("value{kind}")] = value.into();
    match action.get_mut("extension").and_then(Value::as_array_mut) {
        Some(list) => list.push(one),
        None => action["extension"] = json!([one]),
    }
    action
}

fn variable(name: &str, expression: &str) -> Value {
    json!({ "url": VARIABLE,
        "valueExpression": { "name": name, "language": "text/fhirpath", "expression": expression } })
}

fn plan(variables: &[Value], actions: &[Value]) -> Value {
    json!({
        "resourceType": "PlanDefinition",
        "extension": variables,
        "url": "https://example.org/PlanDefinition/p",
        "version": "1.0.0",
        "relatedArtifact": [{ "type": "depends-on", "resource": "https://example.org/Questionnaire/q|1.0.0" }],
        "action": actions,
    })
}

fn response(items: &[(&str, Value)]) -> Value {
    let item = |(link_id, answer): &(&str, Value)| json!({ "linkId": link_id, "answer": [answer] });
    json!({
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "authored": "2026-03-02T09:15:00+01:00",
        "item": items.iter().map(item).collect::<Vec<_>>(),
    })
}

fn facts(response: &Value) -> Facts<'_> {
    Facts {
        response,
        readings: None,
        questionnaire: None,
        previous: None,
        history: &[],
        careplans: &[],
        patient: None,
        in_progress: false,
        unreadable: &[],
        received: "2026-03-02T09:00:00Z".parse().unwrap(),
        explained: Explained::Every,
    }
}

fn integer(value: i64) -> Value {
    json!({ "valueInteger": value })
}

const VOMIT: &str = "%resource.item.where(linkId = 'vomi').answer.value >= 6";

fn results(evaluation: &Evaluation) -> Vec<(&str, &Truth)> {
    evaluation.outcomes.iter().map(|outcome| (outcome.action.id.as_str(), &outcome.result)).collect()
}

fn result<'a>(evaluation: &'a Evaluation, action_id: &str) -> &'a Truth {
    &evaluation.outcomes.iter().find(|outcome| outcome.action.id == action_id).unwrap().result
}

#[test]
fn a_rule_fires_does_not_fire_or_cannot_be_told() {
    let protocol = compile(&plan(&[], &[action("R30", "rouge", "vomissement", VOMIT)]), &[]).unwrap();
    let check = |items: &[(&str, Value)], level: Level, fires: Option<bool>| {
        let response = response(items);
        let evaluation = protocol.evaluate(&facts(&response));
        assert_eq!(evaluation.level, level, "{items:?}");
        let truth = match result(&evaluation, "R30") {
            Truth::True => Some(true),
            Truth::False => Some(false),
            _ => None,
        };
        assert_eq!(truth, fires, "{items:?}");
    };
    check(&[("vomi", integer(6))], Level::Rouge, Some(true));
    check(&[("vomi", integer(5))], Level::Vert, Some(false));
    check(&[], Level::Technique, None);
    check(&[("vomi", json!({ "valueString": "six" }))], Level::Technique, None);
}

#[test]
fn a_faulting_rule_leaves_the_others_and_is_technique() {
    let twice = "%resource.item.answer.value.single() > 1";
    let actions = [action("R20", "orange", "diarrhee", twice), action("R30", "rouge", "vomissement", VOMIT)];
    let protocol = compile(&plan(&[], &actions), &[]).unwrap();
    let response = response(&[("vomi", integer(7)), ("selles", integer(1))]);
    let evaluation = protocol.evaluate(&facts(&response));
    assert_eq!(evaluation.level, Level::Rouge);
    assert!(matches!(result(&evaluation, "R20"), Truth::NotEvaluable(_)));
    assert_eq!(result(&evaluation, "R30"), &Truth::True);
    let technique = evaluation.outcomes.last().unwrap();
    assert_eq!((technique.action.rule.as_str(), &technique.result), ("R90", &Truth::True));
    assert!(technique.action.message.contains("Non évaluable : R20 ("), "{}", technique.action.message);
}

#[test]
fn an_unreadable_item_beside_a_red_one_is_rouge_and_technique() {
    let protocol = compile(&plan(&[], &[action("R30", "rouge", "vomissement", VOMIT)]), &[]).unwrap();
    let response = response(&[("vomi", integer(6))]);
    let issues = [
        Issue::error("value", "temp is 385").text("Température : 385 n'est pas plausible"),
        Issue::warning("informational", "not used"),
    ];
    let evaluation = protocol.evaluate(&Facts { unreadable: &issues, ..facts(&response) });
    assert_eq!(evaluation.level, Level::Rouge);
    assert_eq!(result(&evaluation, "R90-technique"), &Truth::True);
    let message = &evaluation.outcomes.last().unwrap().action.message;
    assert_eq!(message, "Illisible, manquant ou à vérifier : Température : 385 n'est pas plausible.");
}

#[test]
fn the_plan_may_say_what_r90_does() {
    let mut r90 = action("R90", "technique", "x", VOMIT);
    r90.as_object_mut().unwrap().remove("condition");
    r90["description"] = json!("À relire.");
    let protocol = compile(&plan(&[], &[r90, action("R30", "rouge", "vomissement", VOMIT)]), &[]).unwrap();
    let missing = response(&[]);
    let evaluation = protocol.evaluate(&facts(&missing));
    assert_eq!(evaluation.outcomes.len(), 2);
    assert_eq!(result(&evaluation, "R90"), &Truth::True);
    assert!(evaluation.outcomes[0].action.message.starts_with("À relire. Non évaluable : R30"));
    let whole = response(&[("vomi", integer(0))]);
    assert_eq!(result(&protocol.evaluate(&facts(&whole)), "R90"), &Truth::False);
}

#[test]
fn variables_are_evaluated_for_their_users_only() {
    let variables = [
        variable("bad", "%resource.item.single().linkId"),
        variable("worse", "%bad & 'x'"),
        variable("good", "%resource.item.where(linkId = 'vomi').answer.value"),
    ];
    let actions = [
        action("R1", "jaune", "a", "%worse = 'x'"),
        action("R2", "jaune", "b", "%good >= 2"),
        action("R3", "jaune", "c", "%resource.item.exists()"),
    ];
    let protocol = compile(&plan(&variables, &actions), &[]).unwrap();
    let response = response(&[("vomi", integer(2)), ("selles", integer(0))]);
    let evaluation = protocol.evaluate(&facts(&response));
    let Truth::NotEvaluable(reason) = result(&evaluation, "R1") else { panic!("{evaluation:?}") };
    assert!(reason.contains("%worse") && reason.contains("%bad"), "{reason}");
    assert_eq!((result(&evaluation, "R2"), result(&evaluation, "R3")), (&Truth::True, &Truth::True));
}

#[test]
fn previous_history_and_care_plan_are_empty_when_there_is_none() {
    let actions = [
        action("R1", "jaune", "a", "%previous.exists() and %previous.item.answer.value = 1"),
        action("R2", "jaune", "b", "%history.count() = 2"),
        action("R3", "jaune", "c", "%careplan.exists() or %patient.exists()"),
    ];
    let protocol = compile(&plan(&[], &actions), &[]).unwrap();
    let now = response(&[("vomi", integer(2))]);
    let before = [response(&[("vomi", integer(1))]), response(&[("vomi", integer(0))])];
    let fired = |facts: Facts<'_>| {
        let evaluation = protocol.evaluate(&facts);
        let fired = evaluation.outcomes.iter().filter(|outcome| outcome.result == Truth::True);
        fired.map(|outcome| outcome.action.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(fired(facts(&now)), Vec::<String>::new());
    let known = Facts {
        previous: before.first(),
        history: &before,
        careplans: std::slice::from_ref(&now),
        ..facts(&now)
    };
    assert_eq!(fired(known), ["R1", "R2", "R3"]);
}

#[test]
fn aggregates_see_what_fired_with_its_level_and_symptom() {
    let three = "%triggered.where(level = 'jaune').symptom.distinct().count() >= 3";
    let mut actions: Vec<Value> = ["nausee", "bouche", "douleur", "douleur"]
        .iter()
        .enumerate()
        .map(|(n, symptom)| {
            action(&format!("R{n}"), "jaune", symptom, &format!("%resource.item.answer.value > {n}"))
        })
        .collect();
    actions.insert(0, with(action("R15", "orange", "x", three), "rule-aggregate", "Boolean", true));
    let protocol = compile(&plan(&[], &actions), &[]).unwrap();
    let check = |value: i64, level: Level| {
        let response = response(&[("vomi", integer(value))]);
        assert_eq!(protocol.evaluate(&facts(&response)).level, level, "{value}");
    };
    check(0, Level::Vert);
    check(2, Level::Jaune);
    check(3, Level::Orange);
}

#[test]
fn an_aggregate_is_explained_by_the_answers_of_what_fired() {
    let aggregate =
        with(action("R16", "rouge", "x", "%triggered.exists()"), "rule-aggregate", "Boolean", true);
    let rule = with(action("R30", "orange", "vomissement", VOMIT), "rule-evidence", "String", "vomi");
    let protocol = compile(&plan(&[], &[aggregate, rule]), &[]).unwrap();
    let check = |vomits: i64, expected: &[&str]| {
        let response = response(&[("vomi", integer(vomits))]);
        let outcome = protocol.evaluate(&facts(&response)).outcomes.remove(0);
        let told: Vec<_> = outcome.evidence.iter().filter_map(|one| one.answer.as_deref()).collect();
        assert_eq!(told, expected, "{vomits}");
    };
    check(6, &["6"]);
    check(5, &[]);
}

#[test]
fn an_unfinished_response_runs_marked_rules_only_and_what_is_missing_may_come() {
    let red = "%resource.item.where(linkId = 'alerte').answer.value = true";
    let actions = [
        with(action("R01", "rouge", "a", red), "rule-in-progress", "Boolean", true),
        action("R30", "rouge", "vomissement", VOMIT),
    ];
    let protocol = compile(&plan(&[], &actions), &[]).unwrap();
    let check = |items: &[(&str, Value)], level: Level, expected: &Truth| {
        let response = response(items);
        let unfinished = Facts { in_progress: true, ..facts(&response) };
        let evaluation = protocol.evaluate(&unfinished);
        assert_eq!(evaluation.level, level, "{items:?}");
        assert_eq!(results(&evaluation)[1], ("R30", &Truth::NotRun));
        assert_eq!(evaluation.outcomes.len(), 2, "no R90");
        assert_eq!(std::mem::discriminant(result(&evaluation, "R01")), std::mem::discriminant(expected));
    };
    check(&[("alerte", json!({ "valueBoolean": true }))], Level::Rouge, &Truth::True);
    check(&[("vomi", integer(9))], Level::Vert, &Truth::NotEvaluable(String::new()));
}

#[test]
fn what_cannot_be_read_of_an_unfinished_response_is_technique_and_names_no_gap() {
    let protocol = compile(&plan(&[], &[action("R30", "rouge", "vomissement", VOMIT)]), &[]).unwrap();
    let issues = [Issue::error("value", "temp is 385").text("Température : 385 n'est pas plausible")];
    let response = response(&[]);
    let unfinished = Facts { in_progress: true, unreadable: &issues, ..facts(&response) };
    let evaluation = protocol.evaluate(&unfinished);
    assert_eq!(evaluation.level, Level::Technique);
    let message = &evaluation.outcomes.last().unwrap().action.message;
    assert_eq!(message, "Illisible, manquant ou à vérifier : Température : 385 n'est pas plausible.");
}

#[test]
fn now_is_the_moment_of_the_answer_in_its_own_offset() {
    let check = |authored: &str, today: &str| {
        let actions = [action("R1", "jaune", "a", &format!("today() = @{today}"))];
        let protocol = compile(&plan(&[], &actions), &[]).unwrap();
        let mut response = response(&[]);
        response["authored"] = json!(authored);
        assert_eq!(protocol.evaluate(&facts(&response)).level, Level::Jaune, "{authored}");
    };
    check("2026-02-28T23:30:00+01:00", "2026-02-28");
    check("2026-02-28T23:30:00-05:00", "2026-02-28");
    check("not a date", "2026-03-02");
}

#[test]
fn evidence_tells_question_answer_previous_and_place() {
    let rule = with(action("R30", "rouge", "vomissement", VOMIT), "rule-evidence", "String", "vomi");
    let rule = with(rule, "rule-threshold", "String", "6 ou plus");
    let protocol = compile(&plan(&[], &[with(rule, "rule-evidence", "String", "libre")]), &[]).unwrap();
    let questionnaire = json!({ "item": [{ "linkId": "vomi", "text": "Nombre de vomissements" }] });
    let (now, before) = (response(&[("vomi", integer(7))]), response(&[("vomi", integer(2))]));
    let known = Facts { questionnaire: Some(&questionnaire), previous: Some(&before), ..facts(&now) };
    let outcome = protocol.evaluate(&known).outcomes.remove(0);
    assert_eq!(outcome.action.threshold.as_deref(), Some("6 ou plus"));
    let [evidence] = outcome.evidence.as_slice() else { panic!("one answer explains it") };
    assert_eq!(evidence.text, "Nombre de vomissements");
    assert_eq!((evidence.answer.as_deref(), evidence.previous.as_deref()), (Some("7"), Some("2")));
    assert_eq!(evidence.place, "QuestionnaireResponse.item[0].answer[0]");
}

#[test]
fn only_where_every_rule_is_explained_are_those_that_did_not_fire() {
    let rule = |id: &str, level: &str, expression: &str| {
        with(action(id, level, "vomissement", expression), "rule-evidence", "String", "vomi")
    };
    let actions =
        [rule("R30", "rouge", VOMIT), rule("R31", "jaune", "{}"), rule("R90", "technique", "false")];
    let protocol = compile(&plan(&[], &actions), &[]).unwrap();
    let check = |vomits: i64, expected: [usize; 3]| {
        let response = response(&[("vomi", integer(vomits))]);
        let explained = |explained: Explained| {
            let outcomes = protocol.evaluate(&Facts { explained, ..facts(&response) }).outcomes;
            [0, 1, 2].map(|n| outcomes[n].evidence.len())
        };
        assert_eq!(explained(Explained::Telling), expected, "{vomits}");
        assert_eq!(explained(Explained::Every), [1, 1, 1], "{vomits}");
    };
    check(6, [1, 1, 1]);
    check(5, [0, 1, 1]);
}

#[test]
fn what_cannot_be_told_names_the_questions_without_answer() {
    let rule = with(action("R30", "rouge", "vomissement", VOMIT), "rule-evidence", "String", "vomi");
    let protocol = compile(&plan(&[], &[rule]), &[]).unwrap();
    let response = response(&[]);
    let evaluation = protocol.evaluate(&facts(&response));
    let expected = Truth::NotEvaluable("sans réponse : « vomi »".to_owned());
    assert_eq!(result(&evaluation, "R30"), &expected);
}

#[test]
fn a_response_that_no_protocol_reads_is_technique() {
    assert!(technique(&[]).is_none());
    let outcome = technique(&[Issue::error("not-found", "the questionnaire is not known here")]).unwrap();
    assert_eq!((outcome.action.level, &outcome.result), (Level::Technique, &Truth::True));
    assert!(outcome.action.message.contains("référence à une ressource inconnue"));
}
