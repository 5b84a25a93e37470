//! A week that comes late, is amended or withdrawn changes what later weeks should have said: nobody is left to find that out.

use vigie::json::{Value, json};

use crate::support::{App, Course};

/// A week of the course in which fatigue has this grade.
pub(crate) fn week(course: &Course, number: &str, fatigue: &str) -> Value {
    let mut response = course.week(number);
    for page in response["item"].as_array_mut().unwrap() {
        let items = page["item"].as_array_mut().unwrap();
        // What is asked of a grade is not asked of another.
        items.retain(|item| item["linkId"] != "base.fatigue.jour");
        for asked in items.iter_mut().filter(|item| item["linkId"] == "base.fatigue") {
            let coding = &mut asked["answer"][0]["valueCoding"];
            coding["code"] = json!(fatigue);
            coding.as_object_mut().unwrap().remove("display");
        }
    }
    response
}

async fn folfox() -> (App, Course) {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    (app, course)
}

/// Submits a week; its id.
async fn post(app: &App, at: &str, response: &Value) -> String {
    app.at(at);
    app.submit(response).await.unwrap().id
}

async fn put(app: &App, at: &str, id: &str, mut response: Value) {
    app.at(at);
    response["id"] = json!(id);
    app.put(&response).await.unwrap();
}

/// What the open Tasks about a response say of being looked at again.
async fn told(app: &App, id: &str) -> Vec<String> {
    let focus = format!("QuestionnaireResponse/{id}");
    let tasks = app.search("Task", &[("focus", &focus), ("status", "requested")]).await;
    let told = tasks.iter().filter_map(|task| task["description"].as_str());
    told.filter(|text| text.contains("a été analysée avant que celle-ci")).map(str::to_owned).collect()
}

/// What the patient is told of a response now.
async fn said(app: &App, id: &str) -> String {
    let all = app.search("Communication", &[("status", "in-progress")]).await;
    let about = format!("QuestionnaireResponse/{id}");
    let of_it = all.iter().filter(|one| one["about"][0]["reference"] == about.as_str());
    of_it.map(|one| one["payload"].to_string()).collect()
}

const WEEK_1: &str = "2026-03-02T09:13:00+01:00";
const WEEK_2: &str = "2026-03-09T09:13:00+01:00";
const WEEK_3: &str = "2026-03-16T19:13:00+01:00";
const LATER: &str = "2026-03-17T10:00:00+01:00";

#[tokio::test]
async fn a_late_week_with_which_the_next_would_say_more_is_looked_at_by_a_person() {
    let (app, course) = folfox().await;
    post(&app, WEEK_1, &week(&course, "1", "2")).await;
    let third = post(&app, WEEK_3, &week(&course, "3", "2")).await;
    let before = app.read(&format!("QuestionnaireResponse/{third}")).await;
    let late = post(&app, LATER, &week(&course, "2", "0")).await;
    let told = told(&app, &late).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("La réponse du 16/03/2026"), "{told:?}");
    assert!(told[0].contains("Aggravation rapide : fatigue (R11, orange)"), "{told:?}");
    assert_eq!(app.read(&format!("QuestionnaireResponse/{third}")).await, before);
    // It was read, to its last answer: the patient is told to call, and nothing beside it.
    let said = said(&app, &late).await;
    assert!(said.contains("Appelez tout de suite") && !said.contains("pas pu lire"), "{said}");
}

#[tokio::test]
async fn the_patient_is_not_told_that_a_late_week_could_not_be_read() {
    let (app, course) = folfox().await;
    post(&app, WEEK_1, &week(&course, "1", "2")).await;
    post(&app, WEEK_3, &week(&course, "3", "2")).await;
    let mut calm = week(&course, "1", "0");
    calm["authored"] = json!(WEEK_2);
    calm.as_object_mut().unwrap().remove("identifier");
    let late = post(&app, LATER, &calm).await;
    assert_eq!(told(&app, &late).await.len(), 1);
    let said = said(&app, &late).await;
    assert!(said.contains("Nous avons bien reçu votre réponse, l'équipe va la relire"), "{said}");
    assert!(!said.contains("pas pu lire"), "{said}");
}

#[tokio::test]
async fn a_late_week_that_changes_nothing_or_only_which_rule_says_the_same_asks_for_nothing() {
    // With week 2 the fatigue of week 3 is new, and no longer persistent: both are jaune.
    for fatigue in ["1", "2"] {
        let (app, course) = folfox().await;
        post(&app, WEEK_1, &week(&course, "1", "2")).await;
        post(&app, WEEK_3, &week(&course, "3", "2")).await;
        let late = post(&app, LATER, &week(&course, "2", fatigue)).await;
        assert_eq!(told(&app, &late).await, Vec::<String>::new(), "{fatigue}");
    }
}

#[tokio::test]
async fn an_amended_week_with_which_the_next_would_say_more_stays_to_be_looked_at() {
    let (app, course) = folfox().await;
    post(&app, WEEK_1, &week(&course, "1", "2")).await;
    let second = post(&app, WEEK_2, &week(&course, "2", "2")).await;
    let third = post(&app, WEEK_3, &week(&course, "3", "2")).await;
    let mut amended = week(&course, "2", "0");
    amended["status"] = json!("amended");
    put(&app, LATER, &second, amended.clone()).await;
    assert_eq!(told(&app, &second).await.len(), 1);
    // Whatever else is amended, the third week goes on saying less than it should.
    amended["language"] = json!("fr");
    put(&app, "2026-03-17T11:00:00+01:00", &second, amended.clone()).await;
    assert_eq!(told(&app, &second).await.len(), 1);
    // Judged anew, it says it itself.
    let mut again = week(&course, "3", "2");
    again["status"] = json!("amended");
    put(&app, "2026-03-17T12:00:00+01:00", &third, again).await;
    amended["language"] = json!("fr-FR");
    put(&app, "2026-03-17T13:00:00+01:00", &second, amended).await;
    assert_eq!(told(&app, &second).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_withdrawn_week_without_which_the_next_would_say_more_is_told_with_it() {
    let (app, course) = folfox().await;
    post(&app, WEEK_1, &week(&course, "1", "0")).await;
    let second = post(&app, WEEK_2, &week(&course, "2", "2")).await;
    post(&app, WEEK_3, &week(&course, "3", "2")).await;
    let mut withdrawn = week(&course, "2", "2");
    withdrawn["status"] = json!("entered-in-error");
    put(&app, LATER, &second, withdrawn).await;
    let told = told(&app, &second).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("Réponse annulée"), "{told:?}");
    let said = said(&app, &second).await;
    assert!(said.contains("Votre réponse a été annulée, l'équipe est prévenue"), "{said}");
    assert!(!said.contains("pas pu lire"), "{said}");
    assert!(told[0].contains("Aggravation rapide : fatigue (R11, orange)"), "{told:?}");
}

#[tokio::test]
async fn a_refused_late_week_changes_no_history() {
    let (app, course) = folfox().await;
    post(&app, WEEK_1, &week(&course, "1", "2")).await;
    post(&app, WEEK_3, &week(&course, "3", "2")).await;
    let mut late = week(&course, "2", "0");
    late["item"][0]["linkId"] = json!("nowhere");
    app.at(LATER);
    app.submit(&late).await.unwrap_err();
    let tasks = app.search("Task", &[]).await;
    assert!(!tasks.iter().any(|task| task.to_string().contains("a été analysée avant que celle-ci")));
}

#[tokio::test]
async fn a_withdrawn_response_that_is_sent_again_is_not_answered_as_if_it_held() {
    let (app, course) = folfox().await;
    let first = post(&app, WEEK_1, &week(&course, "1", "2")).await;
    let mut withdrawn = week(&course, "1", "2");
    withdrawn["status"] = json!("entered-in-error");
    put(&app, "2026-03-02T10:00:00+01:00", &first, withdrawn.clone()).await;
    app.at("2026-03-02T11:00:00+01:00");
    let before = app.search("Task", &[("status", "requested")]).await.len();
    for _ in 0..2 {
        let problem = app.submit(&week(&course, "1", "2")).await.map(|_| ()).unwrap_err();
        assert_eq!(problem.category, vigie::problem::Category::Conflict);
        assert!(problem.to_string().contains("withdrawn since"), "{problem}");
        let tasks = app.search("Task", &[("status", "requested")]).await;
        assert!(tasks.len() > before, "a person is told");
        let again = tasks.iter().filter(|task| task.to_string().contains("annulée, puis envoyée de nouveau"));
        assert_eq!(again.count(), 1, "once");
    }
    // Put to its place, it holds again, and so do its alerts.
    put(&app, "2026-03-02T12:00:00+01:00", &first, week(&course, "1", "2")).await;
    let flags = app.search("Flag", &[("status", "active")]).await;
    assert!(flags.iter().any(|flag| flag.to_string().contains(&format!("QuestionnaireResponse/{first}"))));
}
