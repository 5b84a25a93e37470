//! Amending responses: judged anew, nothing doubled, nothing silently taken back (issue 2, point 5).

use vigie::interaction::{self, Kind};
use vigie::json::{Value, json};
use vigie::problem::Category;

use crate::support::{App, Course, body};

async fn put(
    app: &App,
    id: &str,
    mut response: Value,
) -> Result<interaction::Answer, vigie::problem::Problem> {
    response["id"] = json!(id);
    app.put(&response).await
}

async fn submitted() -> (App, Course, String) {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    for (week, at) in [("1", "2026-03-02T09:13:00+01:00"), ("2", "2026-03-09T09:06:00+01:00")] {
        app.at(at);
        app.submit(&course.week(week)).await.unwrap();
    }
    app.at("2026-03-16T18:41:00+01:00");
    let id = app.submit(&course.week("3")).await.unwrap().id;
    (app, course, id)
}

async fn of_response(app: &App, rtype: &str, id: &str) -> Vec<Value> {
    let reference = format!("QuestionnaireResponse/{id}");
    let all = app.search(rtype, &[]).await;
    all.into_iter().filter(|one| one.to_string().contains(&reference)).collect()
}

#[tokio::test]
async fn an_amended_response_amends_observations_and_doubles_nothing() {
    let (app, course, id) = submitted().await;
    let before = of_response(&app, "Observation", &id).await;
    app.at("2026-03-16T19:06:00+01:00");
    let answer = put(&app, &id, course.week("3-amended")).await.unwrap();
    assert_eq!((answer.kind, answer.version), (Kind::Updated, 2));
    assert_eq!(body(&answer)["status"], "amended");
    let amended = of_response(&app, "Observation", &id).await;
    let of = |one: &Value| one["extension"].to_string();
    let mut items: Vec<String> = amended.iter().map(of).collect();
    items.sort();
    items.dedup();
    assert_eq!(items.len(), amended.len(), "one Observation for each answer");
    assert!(before.iter().all(|old| amended.iter().any(|one| one["id"] == old["id"])));
    assert!(amended.iter().any(|one| one["status"] == "amended"));
    assert_eq!(of_response(&app, "DiagnosticReport", &id).await.len(), 1);
    let tasks = of_response(&app, "Task", &id).await;
    let mut codes: Vec<&Value> = tasks.iter().map(|task| &task["code"]["coding"][0]["code"]).collect();
    codes.dedup();
    assert_eq!(codes.len(), tasks.len(), "one Task for each action");
    assert!(tasks.iter().any(|task| task["priority"] == "asap"));
}

#[tokio::test]
async fn the_same_amendment_again_changes_nothing() {
    let (app, course, id) = submitted().await;
    put(&app, &id, course.week("3-amended")).await.unwrap();
    let before = app.count(&["Observation", "Flag", "Task", "Communication", "Provenance"]).await;
    let again = put(&app, &id, course.week("3-amended")).await.unwrap();
    assert_eq!((again.kind, again.version), (Kind::Unchanged, 2));
    assert_eq!(app.count(&["Observation", "Flag", "Task", "Communication", "Provenance"]).await, before);
}

#[tokio::test]
async fn an_amendment_of_another_version_is_refused_with_both_versions_named() {
    let (app, course, id) = submitted().await;
    let mut response = course.week("3-amended");
    response["id"] = json!(id);
    let bytes = serde_json::to_vec(&response).unwrap();
    let update =
        |version| interaction::update(&app.context, "QuestionnaireResponse", &id, &bytes, Some(version));
    let problem = update(7).await.map(|_| ()).unwrap_err();
    assert_eq!(problem.category, Category::PreconditionFailed);
    assert!(
        problem.to_string().contains("version 1") && problem.to_string().contains("version 7"),
        "{problem}"
    );
    assert_eq!(update(1).await.unwrap().version, 2);
}

#[tokio::test]
async fn a_refused_amendment_leaves_the_response_and_its_alerts_as_they_were() {
    let (app, course, id) = submitted().await;
    let before = app.count(&["Observation", "DiagnosticReport"]).await;
    let mut response = course.week("3-amended");
    response["item"][0]["linkId"] = json!("nowhere");
    let problem = put(&app, &id, response).await.unwrap_err();
    assert_eq!(problem.category, Category::Invalid);
    assert_eq!(app.read(&format!("QuestionnaireResponse/{id}")).await["meta"]["versionId"], "1");
    assert_eq!(app.count(&["Observation", "DiagnosticReport"]).await, before);
    assert_eq!(app.search("Binary", &[]).await.len(), 2);
}

#[tokio::test]
async fn a_withdrawn_response_ends_its_alerts_and_a_person_looks_at_it() {
    let (app, course, id) = submitted().await;
    let mut response = course.week("3");
    response["status"] = json!("entered-in-error");
    app.at("2026-03-17T09:00:00+01:00");
    assert_eq!(put(&app, &id, response).await.unwrap().version, 2);
    let flags = of_response(&app, "Flag", &id).await;
    let active: Vec<&Value> = flags.iter().filter(|flag| flag["status"] == "active").collect();
    assert!(active.iter().all(|flag| flag["code"]["coding"][0]["code"] == "technique"), "{active:?}");
    assert_eq!(active.len(), 1);
    let observations = of_response(&app, "Observation", &id).await;
    assert!(!observations.is_empty() && observations.iter().all(|one| one["status"] == "entered-in-error"));
    let open: Vec<Value> = of_response(&app, "Task", &id)
        .await
        .into_iter()
        .filter(|task| task["status"] == "requested")
        .collect();
    assert!(open.iter().any(|task| task["code"]["coding"][0]["code"] == "relecture-humaine"), "{open:?}");
}

#[tokio::test]
async fn a_red_flag_on_an_unfinished_form_alerts_and_the_finished_one_doubles_nothing() {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    let mut response = course.week("1");
    response["status"] = json!("in-progress");
    response["item"][0]["item"][0]["answer"] = json!([{"valueBoolean": true}]);
    response["item"].as_array_mut().unwrap().truncate(1);
    let answer = app.submit(&response).await.unwrap();
    let flags = app.search("Flag", &[("status", "active")]).await.len();
    assert!(flags > 0);
    assert_eq!(app.count(&["Observation", "DiagnosticReport"]).await, [0, 0]);
    let mut finished = course.week("1");
    finished["item"][0]["item"][0]["answer"] = json!([{"valueBoolean": true}]);
    app.at("2026-03-02T09:20:00+01:00");
    put(&app, &answer.id, finished).await.unwrap();
    assert_eq!(app.search("Flag", &[("status", "active")]).await.len(), flags);
    assert_eq!(app.count(&["DiagnosticReport"]).await, [1]);
}
