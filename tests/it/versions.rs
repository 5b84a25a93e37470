//! A questionnaire changes while patients answer it: what a rule compares with must not get lost from one version to the next.

use vigie::json::{Value, json};
use vigie::problem::Category;

use crate::support::{App, Course, profiles};

const TIRED: &str = "base.fatigue";
const OXYGEN: &str = "base.spo2";

fn group<'v>(of: &'v mut Value, link_id: &str) -> &'v mut Vec<Value> {
    let groups = of["item"].as_array_mut().unwrap();
    let found = groups.iter_mut().find(|group| group["linkId"] == link_id).unwrap();
    found["item"].as_array_mut().unwrap()
}

/// Moves the questions, or the answers to them, out of their group to the end of the other one.
fn moved(mut of: Value) -> Value {
    for question in [TIRED, OXYGEN] {
        let base = group(&mut of, "base");
        let place = base.iter().position(|item| item["linkId"] == question).unwrap();
        let moved = base.remove(place);
        group(&mut of, "alerte").push(moved);
    }
    of
}

/// A quiet week but for this grade of tiredness, and this oxygen in percent.
fn week(course: &Course, day: &str, grade: &str, oxygen: Option<u8>) -> Value {
    let mut response = course.week("1");
    response["identifier"]["value"] = json!(day);
    response["authored"] = json!(format!("{day}T09:00:00+01:00"));
    let base = group(&mut response, "base");
    let place = |base: &[Value], question: &str| base.iter().position(|item| item["linkId"] == question);
    let tired = place(base, TIRED).unwrap();
    base[tired]["answer"][0]["valueCoding"]["code"] = json!(grade);
    base[tired]["answer"][0]["valueCoding"].as_object_mut().unwrap().remove("display");
    if let Some(known) = place(base, OXYGEN) {
        base.remove(known);
    }
    if let Some(percent) = oxygen {
        let quantity =
            json!({"value": percent, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"});
        base.push(json!({"linkId": OXYGEN, "answer": [{"valueQuantity": quantity}]}));
    }
    response
}

/// Publishes a version 0.9.0 of the questionnaire that asks two questions in the other group; its url.
async fn version_before(app: &App) -> String {
    let is_form = |one: &Value| one["resourceType"] == "Questionnaire";
    let mut before = moved(profiles().into_iter().find(is_form).unwrap());
    before["version"] = json!("0.9.0");
    before["id"] = json!("before");
    app.put(&before).await.unwrap();
    before["url"].as_str().unwrap().to_owned()
}

async fn rules(app: &App, course: &Course) -> Vec<String> {
    let flags = app.search("Flag", &[("subject", &course.patient()), ("status", "active")]).await;
    let codes = flags.iter().flat_map(|flag| flag["code"]["coding"].as_array().unwrap());
    codes.map(|coding| coding["code"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_answer_is_compared_with_the_one_before_wherever_the_version_before_asked_it() {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    let url = version_before(&app).await;

    app.at("2026-03-02T09:13:00+01:00");
    let mut first = moved(week(&course, "2026-03-02", "0", Some(98)));
    first["questionnaire"] = json!(format!("{url}|0.9.0"));
    let first_id = app.submit(&first).await.unwrap().id;
    app.at("2026-03-09T09:13:00+01:00");
    app.submit(&week(&course, "2026-03-09", "2", None)).await.unwrap();
    let told = rules(&app, &course).await;
    assert!(told.iter().any(|code| code == "R11"), "two grades worse than the week before: {told:?}");

    // Further back only what a rule looks for is read, and it was asked elsewhere, too.
    app.at("2026-03-16T09:13:00+01:00");
    app.submit(&week(&course, "2026-03-16", "2", Some(95))).await.unwrap();
    let told = rules(&app, &course).await;
    assert!(told.iter().any(|code| code == "R43"), "three below what is usual: {told:?}");
    let stored = app.read(&format!("QuestionnaireResponse/{first_id}")).await;
    assert_eq!(stored["item"], first["item"], "what was sent stays as it was sent");
}

#[tokio::test]
async fn what_does_not_say_which_questionnaire_it_answers_is_refused_and_still_alerts() {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    let mut response = course.week("1");
    response.as_object_mut().unwrap().remove("questionnaire");
    let chest =
        group(&mut response, "alerte").iter_mut().find(|item| item["linkId"] == "alerte.thorax").unwrap();
    chest["answer"][0]["valueBoolean"] = json!(true);
    let refused = app.submit(&response).await.unwrap_err();
    assert_eq!(refused.category, Category::Invalid, "{refused}");
    let told = rules(&app, &course).await;
    for code in ["R01", "rouge", "technique"] {
        assert!(told.iter().any(|told| told == code), "{code}: {told:?}");
    }
}

#[tokio::test]
async fn what_does_not_say_which_questionnaire_it_answers_is_compared_with_the_weeks_before() {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    for (day, grade) in [("2026-03-02", "0"), ("2026-03-09", "0")] {
        app.at(&format!("{day}T09:13:00+01:00"));
        app.submit(&week(&course, day, grade, None)).await.unwrap();
    }
    assert!(!rules(&app, &course).await.iter().any(|told| told == "R11"));
    app.at("2026-03-16T09:13:00+01:00");
    let mut response = week(&course, "2026-03-16", "2", None);
    response.as_object_mut().unwrap().remove("questionnaire");
    let refused = app.submit(&response).await.unwrap_err();
    assert_eq!(refused.category, Category::Invalid, "{refused}");
    let told = rules(&app, &course).await;
    for code in ["R11", "technique"] {
        assert!(told.iter().any(|told| told == code), "{code}: {told:?}");
    }
}

/// A version that nobody here knows: its answers are found by the version that the protocol looks at, in the week that is judged and
/// in those before.
#[tokio::test]
async fn an_unknown_version_is_judged_wherever_it_asks_and_whatever_the_weeks_before_asked_where() {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    let url = version_before(&app).await;
    for (day, oxygen) in [("2026-03-02", Some(98)), ("2026-03-09", None)] {
        app.at(&format!("{day}T09:13:00+01:00"));
        let mut response = week(&course, day, "0", oxygen);
        if oxygen.is_some() {
            response = moved(response);
            response["questionnaire"] = json!(format!("{url}|0.9.0"));
        }
        app.submit(&response).await.unwrap();
    }
    app.at("2026-03-16T09:13:00+01:00");
    let mut unknown = moved(week(&course, "2026-03-16", "2", Some(95)));
    unknown["questionnaire"] = json!(format!("{url}|9.9.9"));
    let refused = app.submit(&unknown).await.unwrap_err();
    assert_eq!(refused.category, Category::Invalid, "{refused}");
    let told = rules(&app, &course).await;
    for code in ["R11", "R43", "technique"] {
        assert!(told.iter().any(|told| told == code), "{code}: {told:?}");
    }
}
