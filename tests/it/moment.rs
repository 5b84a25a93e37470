//! When a response was answered: one that does not say so, and one that says a moment that has not come.

use vigie::json::{Value, json};
use vigie::problem::Category;

use crate::support::{App, Course};

async fn folfox() -> (App, Course) {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    (app, course)
}

async fn tasks(app: &App) -> usize {
    app.search("Task", &[]).await.len()
}

/// A response that is refused: of a version of the questionnaire that nobody knows.
fn refused(course: &Course) -> Value {
    let mut response = course.week("1");
    response["questionnaire"] =
        json!("https://vigie.example/fhir/Questionnaire/surveillance-hebdomadaire|9.9.9");
    response
}

#[tokio::test]
async fn a_refused_response_without_a_moment_is_told_once_a_day() {
    let (app, course) = folfox().await;
    let mut response = refused(&course);
    response.as_object_mut().unwrap().remove("authored");
    let check = async |at: &str, told: bool| {
        app.at(at);
        let before = tasks(&app).await;
        assert_eq!(app.submit(&response).await.map(|_| ()).unwrap_err().category, Category::Invalid);
        assert_eq!(tasks(&app).await > before, told, "{at}");
    };
    check("2026-03-02T09:13:00+01:00", true).await;
    check("2026-03-02T09:14:00+01:00", false).await;
    check("2026-03-02T23:59:00+01:00", false).await;
    // The day is that of the patient, and not of UTC.
    check("2026-03-03T00:01:00+01:00", true).await;
    check("2026-03-03T09:00:00+01:00", false).await;
    check("2026-03-09T09:13:00+01:00", true).await;
}

#[tokio::test]
async fn a_refused_response_that_says_when_it_was_answered_is_told_once() {
    let (app, course) = folfox().await;
    let response = refused(&course);
    for (at, expected) in [("2026-03-02T09:13:00+01:00", 1), ("2026-03-09T09:13:00+01:00", 1)] {
        app.at(at);
        assert!(app.submit(&response).await.is_err());
        assert_eq!(tasks(&app).await, expected, "{at}");
    }
}

#[tokio::test]
async fn bytes_of_which_nothing_can_be_read_are_told_once_a_day() {
    let (app, _) = folfox().await;
    for (at, expected) in
        [("2026-03-02T09:13:00Z", 1), ("2026-03-02T10:13:00Z", 1), ("2026-03-03T10:13:00Z", 2)]
    {
        app.at(at);
        let bytes = br#"{"resourceType": "QuestionnaireResponse", "status": "comp"#;
        let posted =
            vigie::interaction::create(&app.context, "QuestionnaireResponse", &bytes[..], None).await;
        assert!(posted.is_err());
        assert_eq!(tasks(&app).await, expected, "{at}");
    }
}

/// A week that says it was answered on another day than it came.
fn dated(course: &Course, week: &str, authored: &str) -> Value {
    let mut response = course.week(week);
    response["authored"] = json!(authored);
    response
}

async fn of_response(app: &App, rtype: &str, id: &str) -> Vec<Value> {
    let reference = format!("QuestionnaireResponse/{id}");
    let all = app.search(rtype, &[]).await;
    all.into_iter().filter(|one| one.to_string().contains(&reference)).collect()
}

#[tokio::test]
async fn a_moment_to_come_is_kept_as_it_was_said_and_nothing_follows_from_it() {
    for authored in ["2036-03-02T09:00:00+01:00", "9999-12-31"] {
        let (app, course) = folfox().await;
        let id = app.submit(&dated(&course, "1", authored)).await.unwrap().id;
        let stored = app.read(&format!("QuestionnaireResponse/{id}")).await;
        assert_eq!(stored["authored"], authored);
        let observed = of_response(&app, "Observation", &id).await;
        assert!(!observed.is_empty());
        for one in &observed {
            let at = one["effectiveDateTime"].as_str().unwrap();
            assert!(at.starts_with("2026-03-02T08:13"), "{authored}: {at}");
        }
        let report = of_response(&app, "DiagnosticReport", &id).await.remove(0);
        assert_eq!(report["effectivePeriod"]["end"], "2026-03-02T08:13:00.000Z");
        let told = of_response(&app, "Task", &id).await;
        let told = told.iter().find(|task| task["description"].to_string().contains("dans le futur"));
        assert!(told.unwrap()["description"].to_string().contains("compte à sa réception"));
    }
}

#[tokio::test]
async fn a_response_of_a_moment_to_come_is_the_week_before_the_next() {
    let (app, course) = folfox().await;
    let first = app.submit(&dated(&course, "1", "2036-03-02T09:00:00+01:00")).await.unwrap().id;
    // Amended later, it still counts from when it came.
    app.at("2026-03-10T10:00:00+01:00");
    let mut amended = dated(&course, "1", "2036-03-02T09:00:00+01:00");
    amended["status"] = json!("amended");
    amended["id"] = json!(first);
    app.put(&amended).await.unwrap();
    app.at("2026-03-10T11:00:00+01:00");
    let second = app.submit(&course.week("2")).await.unwrap().id;
    let traces = of_response(&app, "Provenance", &second).await;
    let previous = format!("QuestionnaireResponse/{first}");
    let names = |trace: &Value| {
        let entities = trace["entity"].as_array().unwrap();
        entities.iter().any(|one| one["what"]["reference"] == previous.as_str())
    };
    assert!(traces.iter().any(names), "week 2 was authored on 9 March, after week 1 had come: {traces:?}");
}

#[tokio::test]
async fn a_response_without_a_moment_counts_from_when_it_first_came() {
    let (app, course) = folfox().await;
    let mut undated = course.week("1");
    undated.as_object_mut().unwrap().remove("authored");
    let first = app.submit(&undated).await.unwrap().id;
    let moments = async || {
        let observed = of_response(&app, "Observation", &first).await;
        let report = of_response(&app, "DiagnosticReport", &first).await.remove(0);
        let said: Vec<Value> = observed.iter().map(|one| one["effectiveDateTime"].clone()).collect();
        (said, report["effectivePeriod"].clone())
    };
    let before = moments().await;
    assert!(before.0.len() > 1 && before.0.iter().all(|at| *at == "2026-03-02T08:13:00Z"), "{before:?}");
    app.at("2026-03-10T10:00:00+01:00");
    (undated["status"], undated["id"]) = (json!("amended"), json!(first));
    app.put(&undated).await.unwrap();
    assert_eq!(moments().await, before, "nothing moves to another week");
    let stored = app.read(&format!("QuestionnaireResponse/{first}")).await;
    assert!(stored.get("authored").is_none(), "what is stored says what was said");
    app.at("2026-03-10T11:00:00+01:00");
    let second = app.submit(&course.week("2")).await.unwrap().id;
    let previous = format!("QuestionnaireResponse/{first}");
    let traces = of_response(&app, "Provenance", &second).await;
    assert!(traces.iter().any(|trace| trace["entity"].to_string().contains(&previous)), "{traces:?}");
    let report = app.period_report("test-folfox", "2026-03-02", "2026-03-08").await.unwrap();
    let told = crate::support::body(&report)["text"]["div"].as_str().unwrap().to_owned();
    assert!(told.contains("1 réponses reçues sur 1 attendues"), "{told}");
}

#[tokio::test]
async fn a_report_counts_a_response_of_a_moment_to_come_in_the_week_it_came_in() {
    let (app, course) = folfox().await;
    app.submit(&dated(&course, "1", "2036-03-02T09:00:00+01:00")).await.unwrap();
    app.at("2026-03-10T10:00:00+01:00");
    let report = app.period_report("test-folfox", "2026-03-02", "2026-03-08").await.unwrap();
    let told = crate::support::body(&report)["text"]["div"].as_str().unwrap().to_owned();
    assert!(told.contains("1 réponses reçues sur 1 attendues"), "{told}");
}
