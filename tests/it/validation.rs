//! `$validate` tells what a write would be told, of every type that clients write, and stores nothing (FHIR R4,
//! `Resource-validate`).

use vigie::interaction;
use vigie::json::{Value, json};
use vigie::problem::{Category, Issue, Problem, Severity};
use vigie::store::DeliveryFilter;

use crate::support::{App, Course, example, signed};

/// A patient with a week behind, and the report that it became.
async fn stage() -> (App, Course, Value) {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    app.submit(&course.week("1")).await.unwrap();
    let report = app.search("DiagnosticReport", &[]).await.remove(0);
    (app, course, report)
}

async fn validate(app: &App, place: &str, body: &Value) -> Result<Vec<Issue>, Problem> {
    let (rtype, id) = place.split_once('/').map_or((place, None), |(rtype, id)| (rtype, Some(id)));
    interaction::validate(&app.context, rtype, id, &body.to_string().into_bytes()).await
}

/// Places of what hinders.
fn faults(issues: &[Issue]) -> Vec<&str> {
    let hinders = |issue: &&Issue| issue.severity >= Severity::Error;
    issues.iter().filter(hinders).map(|issue| issue.expression.as_deref().unwrap_or_default()).collect()
}

async fn everything(app: &App) -> (Vec<usize>, usize, u64) {
    let count = app
        .count(&[
            "Patient",
            "Task",
            "Flag",
            "Observation",
            "DiagnosticReport",
            "DocumentReference",
            "Binary",
            "Provenance",
        ])
        .await;
    let deliveries = app.context.store.deliveries(&DeliveryFilter::default()).await.unwrap().len();
    (count, deliveries, app.context.store.stream("definitions").await.unwrap())
}

#[tokio::test]
async fn every_type_is_judged_as_a_create_and_as_an_update() {
    let (app, _, _) = stage().await;
    let before = everything(&app).await;
    let patient = json!({"resourceType": "Patient", "id": "p", "gender": "female"});
    let fine = validate(&app, "Patient", &patient).await.unwrap();
    assert!(faults(&fine).is_empty(), "{fine:?}");
    let wrong = json!({"resourceType": "Patient", "id": "p", "gender": "lady", "colour": "red"});
    let found = validate(&app, "Patient", &wrong).await.unwrap();
    assert_eq!(faults(&found).len(), 2, "{found:?}");
    let wrapped =
        json!({"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": wrong}]});
    assert_eq!(validate(&app, "Patient", &wrapped).await.unwrap(), found);
    assert!(faults(&validate(&app, "Patient/p", &patient).await.unwrap()).is_empty());
    assert_eq!(faults(&validate(&app, "Patient/q", &patient).await.unwrap()), ["Patient.id"]);
    let nowhere = json!({"resourceType": "Flag", "status": "active", "code": {"text": "x"},
        "subject": {"reference": "Patient/nobody"}});
    assert_eq!(faults(&validate(&app, "Flag", &nowhere).await.unwrap()), ["Flag.subject"]);
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn a_task_is_held_against_what_is_stored() {
    let (app, course, _) = stage().await;
    app.at("2026-03-09T09:13:00+01:00");
    app.submit(&course.week("2")).await.unwrap();
    let mut task = app.search("Task", &[("status", "requested")]).await.remove(0);
    let place = format!("Task/{}", task["id"].as_str().unwrap());
    assert!(faults(&validate(&app, &place, &task).await.unwrap()).is_empty());
    task["status"] = json!("completed");
    let found = validate(&app, &place, &task).await.unwrap();
    assert!(!faults(&found).is_empty(), "a Task is not closed without a person and an outcome");
    assert_eq!(app.read(&place).await["status"], "requested");
}

#[tokio::test]
async fn a_definition_is_compiled_and_not_published() {
    let (app, _, _) = stage().await;
    let before = everything(&app).await;
    let mut questionnaire = example("../../profiles/Questionnaire/surveillance-hebdomadaire.json");
    questionnaire["version"] = json!("9.0.0");
    let found = validate(&app, "Questionnaire", &questionnaire).await.unwrap();
    assert!(faults(&found).is_empty(), "{found:?}");
    questionnaire["item"][0]["enableWhen"] =
        json!([{"question": "nothing", "operator": "exists", "answerBoolean": true}]);
    let found = validate(&app, "Questionnaire", &questionnaire).await.unwrap();
    assert!(faults(&found)[0].starts_with("Questionnaire.item[0]"), "{found:?}");
    assert_eq!(everything(&app).await, before);
    assert_eq!(app.search("Questionnaire", &[("version", "9.0.0")]).await, [Value::Null; 0]);
}

#[cfg(feature = "pdf")]
#[tokio::test]
async fn a_report_is_set_and_not_signed() {
    let (app, _, report) = stage().await;
    let before = everything(&app).await;
    let place = format!("DiagnosticReport/{}", report["id"].as_str().unwrap());
    let mut hasty = report.clone();
    hasty["status"] = json!("final");
    let found = validate(&app, &place, &hasty).await.unwrap();
    let refused = app.put(&hasty).await.unwrap_err();
    assert_eq!(found, refused.issues, "what the signature itself is told");
    let report = signed(&report, "final", "Bonne tolérance.");
    let found = validate(&app, &place, &report).await.unwrap();
    assert!(faults(&found).is_empty(), "{found:?}");
    assert_eq!(everything(&app).await, before);
    assert_eq!(app.read(&place).await["status"], "preliminary");

    app.put(&report).await.unwrap();
    let before = everything(&app).await;
    let mut withdrawn = app.read(&place).await;
    withdrawn["status"] = json!("entered-in-error");
    let found = validate(&app, &place, &withdrawn).await.unwrap();
    assert!(!faults(&found).is_empty(), "a withdrawal says why");
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn an_amended_response_is_judged_as_one() {
    let (app, course, _) = stage().await;
    let stored = app.search("QuestionnaireResponse", &[]).await.remove(0);
    let place = format!("QuestionnaireResponse/{}", stored["id"].as_str().unwrap());
    let before = everything(&app).await;
    assert!(faults(&validate(&app, &place, &stored).await.unwrap()).is_empty());
    let mut other = stored.clone();
    other["id"] = json!("another");
    assert_eq!(faults(&validate(&app, &place, &other).await.unwrap()), ["QuestionnaireResponse.id"]);
    assert!(faults(&validate(&app, "QuestionnaireResponse", &course.week("2")).await.unwrap()).is_empty());
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn a_mode_says_which_write_is_meant() {
    let (app, course, _) = stage().await;
    let before = everything(&app).await;
    let asked = |mode: &str| json!({"resourceType": "Parameters", "parameter": [{"name": "mode", "valueCode": mode}]});
    let found = validate(&app, &course.patient(), &asked("delete")).await.unwrap();
    assert!(!faults(&found).is_empty(), "a patient with a history stays");
    assert_eq!(everything(&app).await, before);
    for (place, mode) in [("Patient", "delete"), ("Patient", "update"), ("Patient/p", "profile")] {
        let problem = validate(&app, place, &asked(mode)).await.unwrap_err();
        assert_eq!(problem.category, Category::Malformed, "{place} {mode}: {problem}");
    }
    let mut profiled = asked("create");
    profiled["parameter"].as_array_mut().unwrap().extend([
        json!({"name": "resource", "resource": {"resourceType": "Patient"}}),
        json!({"name": "profile", "valueUri": "https://profiles.example/one"}),
    ]);
    let found = validate(&app, "Patient", &profiled).await.unwrap();
    let warned = found
        .iter()
        .any(|one| one.severity == Severity::Warning && one.diagnostics.contains("profiles.example/one"));
    assert!(warned && faults(&found).is_empty(), "{found:?}");
}

#[tokio::test]
async fn what_only_this_service_writes_and_what_is_unreadable_is_no_question() {
    let (app, ..) = stage().await;
    let category = |result: Result<Vec<Issue>, Problem>| result.unwrap_err().category;
    assert_ne!(
        category(validate(&app, "AuditEvent", &json!({"resourceType": "AuditEvent"})).await),
        Category::Internal
    );
    assert_eq!(
        category(validate(&app, "Patient", &json!({"resourceType": "Task"})).await),
        Category::Malformed
    );
    let unreadable = interaction::validate(&app.context, "Patient", None, b"{\"resourceType\":").await;
    assert_eq!(category(unreadable), Category::Malformed);
}
