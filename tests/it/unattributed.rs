//! Responses that are about nobody alone: refused and kept, and told to a person by a Task without patient, in French (promise 2).

use vigie::fhir::structure;
use vigie::interaction;
use vigie::json::{Value, json};
use vigie::problem::{Category, Problem, Severity};

use crate::support::{App, Course, Kept};

const INS: &str = "279035121518989";
const TEST: &str = "urn:oid:1.2.250.1.213.1.4.10";

async fn started(kept: Kept) -> Option<(App, Course)> {
    let app = App::on(kept).await?;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    Some((app, course))
}

/// The Task that is about nobody; there is exactly one.
async fn the_task(app: &App) -> Value {
    let tasks = app.search("Task", &[("patient:missing", "true")]).await;
    assert_eq!(tasks.len(), 1, "{tasks:#?}");
    assert_eq!(structure::check(&tasks[0]), []);
    tasks[0].clone()
}

/// Where a refused response is kept.
fn kept_at(problem: &Problem) -> String {
    let told = problem.issues.iter().find(|issue| issue.severity == Severity::Information).unwrap();
    assert!(told.diagnostics.contains("a Task without patient"), "{problem}");
    let place = told.diagnostics.split_whitespace().find(|word| word.starts_with("Binary/")).unwrap();
    place.trim_end_matches(',').to_owned()
}

fn redden(value: &mut Value) {
    for item in value["item"].as_array_mut().into_iter().flatten() {
        if item["linkId"] == "alerte.thorax" {
            item["answer"] = json!([{"valueBoolean": true}]);
        }
        redden(item);
    }
}

#[tokio::test]
async fn a_response_by_an_ins_that_two_records_have_is_a_task_that_names_both() {
    for kept in Kept::EACH {
        let Some((app, course)) = started(kept).await else { continue };
        for id in ["one", "two"] {
            let patient =
                json!({"resourceType": "Patient", "id": id, "identifier": [{"system": TEST, "value": INS}]});
            app.put(&patient).await.unwrap();
        }
        let mut response = course.week("1");
        response["subject"] = json!({"identifier": {"system": TEST, "value": INS}});
        response.as_object_mut().unwrap().remove("source");
        response.as_object_mut().unwrap().remove("basedOn");
        let problem = app.submit(&response).await.map(|_| ()).unwrap_err();
        assert_eq!(problem.category, Category::Invalid);
        let task = the_task(&app).await;
        assert_eq!((&task["focus"]["reference"], &task["for"]), (&json!(kept_at(&problem)), &Value::Null));
        assert_eq!((&task["status"], &task["priority"]), (&json!("requested"), &json!("asap")));
        let why = task["description"].as_str().unwrap();
        assert!(why.contains("Patient/one, Patient/two") && !why.contains(INS), "{why}");
        let again = app.submit(&response).await.map(|_| ()).unwrap_err();
        assert_eq!(kept_at(&again), kept_at(&problem), "the same bytes again are one Task");
        the_task(&app).await;
        assert_eq!(
            app.count(&["QuestionnaireResponse", "Flag", "Communication"]).await,
            [0, 0, 0],
            "{kept:?}"
        );
    }
}

#[tokio::test]
async fn what_a_stranger_answers_is_judged_as_far_as_it_can_be() {
    for kept in Kept::EACH {
        let Some((app, course)) = started(kept).await else { continue };
        let mut response = course.week("1");
        response["subject"] = json!({"reference": "Patient/nobody"});
        redden(&mut response);
        app.submit(&response).await.map(|_| ()).unwrap_err();
        let tasks = app.search("Task", &[("patient:missing", "true")]).await;
        assert!(tasks.iter().any(|task| task["priority"] == "stat"), "{kept:?}: {tasks:#?}");
        assert!(
            tasks.iter().any(|task| task["code"]["coding"][0]["code"] == "relecture-humaine"),
            "{tasks:#?}"
        );
        let told = app.search("Provenance", &[]).await;
        assert!(
            told.iter().any(|one| one["target"].as_array().map(Vec::len) == Some(tasks.len())),
            "{told:#?}"
        );
    }
}

#[tokio::test]
async fn bytes_of_which_nothing_can_be_read_are_a_task_in_french() {
    for kept in Kept::EACH {
        let Some((app, _)) = started(kept).await else { continue };
        let bytes = br#"{"resourceType": "QuestionnaireResponse", "status": "comp"#;
        let mut places = Vec::new();
        for _ in 0..2 {
            let answer = interaction::create(&app.context, "QuestionnaireResponse", bytes, None).await;
            places.push(kept_at(&answer.map(|_| ()).unwrap_err()));
        }
        let task = the_task(&app).await;
        assert_eq!(places, [task["focus"]["reference"].as_str().unwrap(); 2]);
        let why = task["description"].as_str().unwrap();
        assert!(why.contains("contenu inattendu ou mal formé") && !why.contains("line"), "{why}");
    }
}

#[tokio::test]
async fn faults_of_structure_are_told_in_french_and_kept_in_english() {
    let (app, course) = started(Kept::Embedded).await.unwrap();
    let mut response = course.week("1");
    response["colour"] = json!("blue");
    response["authored"] = json!("tomorrow");
    let problem = app.submit(&response).await.map(|_| ()).unwrap_err();
    let tasks = app.search("Task", &[("patient", &course.patient())]).await;
    let why = tasks[0]["description"].as_str().unwrap();
    assert!(why.contains("contenu inattendu ou mal formé (QuestionnaireResponse.colour)"), "{why}");
    assert!(why.contains("(QuestionnaireResponse.authored)"), "{why}");
    let english = problem.issues.iter().filter(|issue| issue.severity == Severity::Error);
    for issue in english.filter(|issue| issue.text.is_none()) {
        assert!(!why.contains(&issue.diagnostics), "{why}");
    }
    let place = tasks[0]["focus"]["reference"].as_str().unwrap();
    let outcome = app.read(&format!("{place}-outcome")).await;
    assert_eq!(outcome["contentType"], "application/fhir+json");
}
