//! Patches go the way of an update: checked as one, judged as one, in both languages.

use vigie::interaction::{self, Kind, Patch};
use vigie::json::{Value, json};
use vigie::problem::{Category, Problem};

use crate::process::Service;
use crate::support::{App, Course, body};

async fn patched(
    app: &App,
    reference: &str,
    patch: Value,
    if_match: Option<u64>,
) -> Result<interaction::Answer, Problem> {
    let (rtype, id) = reference.split_once('/').unwrap();
    interaction::patch(&app.context, rtype, id, &Patch::Json(patch), if_match).await
}

fn replaced(path: &str, kind: &str, value: Value) -> Value {
    json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": path},
        {"name": "value", (format!("value{kind}")): value}
    ]}]})
}

#[tokio::test]
async fn a_patch_makes_a_version_and_obeys_the_rules_of_its_type() {
    let app = App::bare().await;
    let patient = json!({"resourceType": "Patient", "id": "p", "active": true, "birthDate": "1979-03-28"});
    app.put(&patient).await.unwrap();
    let off = json!([{"op": "replace", "path": "/active", "value": false}]);
    let answer = patched(&app, "Patient/p", off.clone(), Some(1)).await.unwrap();
    assert_eq!((answer.kind, answer.version, &body(&answer)["active"]), (Kind::Updated, 2, &json!(false)));
    assert_eq!(patched(&app, "Patient/p", off.clone(), None).await.unwrap().kind, Kind::Unchanged);
    let refused = async |patch: Value, if_match| {
        patched(&app, "Patient/p", patch, if_match).await.unwrap_err().category
    };
    assert_eq!(refused(off.clone(), Some(1)).await, Category::PreconditionFailed);
    let bad_date = json!([{"op": "replace", "path": "/birthDate", "value": "2026-02-30"}]);
    assert_eq!(refused(bad_date, None).await, Category::Invalid);
    for (path, value) in [("/id", "q"), ("/resourceType", "Task")] {
        assert_eq!(
            refused(json!([{"op": "replace", "path": path, "value": value}]), None).await,
            Category::Invalid
        );
    }
    assert_eq!(patched(&app, "Patient/q", off.clone(), None).await.unwrap_err().category, Category::NotFound);
    interaction::delete(&app.context, "Patient", "p", None).await.unwrap();
    assert_eq!(patched(&app, "Patient/p", off, None).await.unwrap_err().category, Category::Gone);
}

#[tokio::test]
async fn a_patched_response_is_judged_anew() {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-01-12T10:00:00+01:00");
    let answer = app.submit(&course.week("1")).await.unwrap();
    let reference = format!("QuestionnaireResponse/{}", answer.id);
    let before = app.count(&["Provenance"]).await;
    let withdrawn =
        Patch::FhirPath(replaced("QuestionnaireResponse.status", "Code", json!("entered-in-error")));
    let patched = interaction::patch(&app.context, "QuestionnaireResponse", &answer.id, &withdrawn, None)
        .await
        .unwrap();
    assert_eq!(patched.version, 2);
    assert_eq!(app.read(&reference).await["status"], "entered-in-error");
    assert_ne!(app.count(&["Provenance"]).await, before, "what it became was written anew");
    for flag in app.search("Flag", &[]).await {
        assert_ne!(
            (&flag["status"], &flag["code"]["coding"][0]["code"]),
            (&json!("active"), &json!("rouge"))
        );
    }
}

#[tokio::test]
async fn an_active_definition_is_not_patched_but_may_retire() {
    let app = App::new().await;
    let plan = &app.search("PlanDefinition", &[("status", "active")]).await[0];
    let reference = format!("PlanDefinition/{}", plan["id"].as_str().unwrap());
    let titled = json!([{"op": "add", "path": "/title", "value": "Autre"}]);
    assert_eq!(patched(&app, &reference, titled, None).await.unwrap_err().category, Category::Conflict);
    let retired = json!([{"op": "replace", "path": "/status", "value": "retired"}]);
    assert_eq!(patched(&app, &reference, retired, None).await.unwrap().kind, Kind::Updated);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_languages_over_http_and_no_lost_patch_among_many() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    service.put(&json!({"resourceType": "Patient", "id": "p", "active": true})).await;
    let fhirpath = replaced("Patient.active", "Boolean", json!(false)).to_string().into_bytes();
    let (status, answer) = service.send("PATCH", "/Patient/p", fhirpath.clone()).await.unwrap();
    assert_eq!((status, &answer["active"]), (200, &json!(false)), "{answer:#}");
    let (status, answer) = service.send("PATCH", "/Patient?_id=p", fhirpath).await.unwrap();
    assert_eq!((status, &answer["meta"]["versionId"]), (200, &json!("2")));
    let json_patch = async |patch: Value| {
        let body = patch.to_string().into_bytes();
        service.send_as("PATCH", "/Patient/p", "application/json-patch+json", body).await.unwrap()
    };
    assert_eq!(json_patch(json!([{"op": "test", "path": "/active", "value": true}])).await.0, 422);
    assert_eq!(json_patch(json!({"op": "test"})).await.0, 400);
    let add = |n: usize| json!([{"op": "add", "path": "/identifier/-", "value": {"value": n.to_string()}}]);
    assert_eq!(
        json_patch(json!([{"op": "add", "path": "/identifier", "value": [{"value": "x"}]}])).await.0,
        200
    );
    let answers = futures_util::future::join_all((0..16).map(|n| json_patch(add(n)))).await;
    assert!(answers.iter().all(|(status, _)| *status == 200));
    let identifiers = service.get("/Patient/p").await.1["identifier"].as_array().unwrap().len();
    assert_eq!(identifiers, 17, "each of 16 patches at once is there");
}
