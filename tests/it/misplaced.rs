//! Answers in a wrong place, and questions answered twice: refused, kept, and judged all the same. An answer is judged where
//! its question stands, and of two answers to one question the worse one counts.

use vigie::interaction;
use vigie::json::{Value, json};

use crate::support::{App, Course};

/// A quiet week of the example on FOLFOX, its two groups of items to be changed.
async fn quiet() -> (App, Course, Value) {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    let week = course.week("1");
    (app, course, week)
}

fn position(items: &Value, link_id: &str) -> usize {
    let found = items.as_array().unwrap().iter().position(|item| item["linkId"] == link_id);
    found.unwrap_or_else(|| panic!("no {link_id}"))
}

fn items(group: &mut Value) -> &mut Vec<Value> {
    group["item"].as_array_mut().unwrap()
}

/// What a rule does with the response, asked by `$evaluate`; the response is refused.
async fn results(app: &App, response: &Value) -> Vec<(String, String)> {
    let bytes = interaction::evaluate(&app.context, response.to_string().as_bytes()).await.unwrap();
    let found: Value = serde_json::from_slice(&bytes).unwrap();
    let parameters = found["parameter"].as_array().unwrap();
    let named = |parts: &[Value], name: &str| parts.iter().find(|one| one["name"] == name).cloned().unwrap();
    assert_eq!(named(parameters, "accepted")["valueBoolean"], false);
    let rules = parameters.iter().filter(|one| one["name"] == "rule");
    rules
        .map(|rule| {
            let parts = rule["part"].as_array().unwrap();
            let text = |name: &str, kind: &str| named(parts, name)[kind].as_str().unwrap().to_owned();
            (text("action", "valueString"), text("result", "valueCode"))
        })
        .collect()
}

fn of<'a>(results: &'a [(String, String)], action: &str) -> &'a str {
    &results.iter().find(|(known, _)| known == action).unwrap_or_else(|| panic!("no {action}")).1
}

fn fever() -> Value {
    json!({ "value": 38.9, "unit": "°C", "system": "http://unitsofmeasure.org", "code": "Cel" })
}

#[tokio::test]
async fn a_fever_in_a_wrong_group_fires_its_rule_and_raises_the_flag() {
    let (app, course, mut week) = quiet().await;
    let base = &mut week["item"][1];
    let at = position(&base["item"], "base.temp");
    let mut temp = items(base).remove(at);
    temp["item"][0]["answer"] = json!([{ "valueQuantity": fever() }]);
    items(&mut week["item"][0]).push(temp);
    let found = results(&app, &week).await;
    assert_eq!(of(&found, "R02"), "fired", "{found:?}");
    assert_eq!(of(&found, "R90"), "fired");
    app.submit(&week).await.unwrap_err();
    let flags = app.search("Flag", &[("subject", &course.patient())]).await;
    assert!(flags.iter().any(|flag| flag.to_string().contains("rouge")), "{flags:?}");
}

#[tokio::test]
async fn answers_at_the_top_or_within_something_unknown_are_judged() {
    let (app, _, week) = quiet().await;
    let mut flat = week.clone();
    let groups = flat["item"].take();
    let inside =
        groups.as_array().unwrap().iter().flat_map(|group| group["item"].as_array().unwrap().clone());
    flat["item"] = inside.collect::<Vec<_>>().into();
    let at = position(&flat["item"], "alerte.thorax");
    flat["item"][at]["answer"] = json!([{ "valueBoolean": true }]);
    let found = results(&app, &flat).await;
    assert_eq!(of(&found, "R01-thorax"), "fired");
    assert_eq!(of(&found, "R01-souffle"), "not-fired", "it was answered");
    let mut wrapped = week;
    let at = position(&wrapped["item"][0]["item"], "alerte.thorax");
    wrapped["item"][0]["item"][at]["answer"] = json!([{ "valueBoolean": true }]);
    let groups = wrapped["item"].take();
    wrapped["item"] = json!([{ "linkId": "page-1", "item": groups }]);
    assert_eq!(of(&results(&app, &wrapped).await, "R01-thorax"), "fired");
}

#[tokio::test]
async fn of_two_answers_to_one_question_the_worse_counts() {
    let (app, _, week) = quiet().await;
    let at = position(&week["item"][0]["item"], "alerte.thorax");
    let (no, yes) = (json!({ "valueBoolean": false }), json!({ "valueBoolean": true }));
    for answers in [[&no, &yes], [&yes, &no]] {
        let mut twice = week.clone();
        twice["item"][0]["item"][at]["answer"] = json!(answers);
        let found = results(&app, &twice).await;
        assert_eq!(of(&found, "R01-thorax"), "fired", "{answers:?}");
        assert_eq!(of(&found, "R90"), "fired");
        assert_eq!(of(&found, "R00"), "not-fired");
    }
    // The whole page a second time, and the same question in another group.
    let mut again = week.clone();
    let mut page = again["item"][0].clone();
    page["item"][at]["answer"] = json!([yes]);
    items(&mut again["item"][1]).push(page["item"][at].clone());
    assert_eq!(of(&results(&app, &again).await, "R01-thorax"), "fired");
    let mut again = week;
    again["item"].as_array_mut().unwrap().push(page);
    assert_eq!(of(&results(&app, &again).await, "R01-thorax"), "fired");
}

#[tokio::test]
async fn where_too_many_questions_are_answered_twice_no_rule_is_said_not_to_fire() {
    let (app, _, week) = quiet().await;
    let mut twice = week;
    for item in items(&mut twice["item"][0]) {
        item["answer"] = json!([{ "valueBoolean": false }, { "valueBoolean": true }]);
    }
    let found = results(&app, &twice).await;
    assert_eq!(of(&found, "R01-thorax"), "fired");
    assert_eq!(of(&found, "R02"), "not-evaluable");
    assert!(found.iter().all(|(_, result)| result != "not-fired"), "{found:?}");
}
