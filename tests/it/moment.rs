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
