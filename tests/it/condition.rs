//! Writes under a condition (FHIR R4, conditional create, update, patch and delete): what is written met the condition, whoever writes
//! in between, and nothing that nobody asked for is written over.

use std::sync::Arc;

use vigie::interaction::{self, Answer, Echo, Kind, Patch};
use vigie::json::{Value, json};
use vigie::problem::{Category, Problem};

use crate::support::dying::meanwhile;
use crate::support::{App, Course, Kept, body};

const SYSTEM: &str = "https://test.example";

fn params(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

fn patient(id: Option<&str>, value: &str) -> Value {
    let mut patient = json!({"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": value}], "active": false});
    if let Some(id) = id {
        patient["id"] = json!(id);
    }
    patient
}

async fn update_where(app: &App, body: &Value, value: &str) -> Result<Answer, Problem> {
    let params = params("identifier", &format!("{SYSTEM}|{value}"));
    let rtype = body["resourceType"].as_str().unwrap();
    interaction::update_where(&app.context, rtype, &params, body.to_string().as_bytes(), None).await
}

async fn in_bundle(
    app: &App,
    kind: &str,
    method: &str,
    url: &str,
    resource: Option<Value>,
) -> Result<Value, Problem> {
    let mut entry = json!({"request": {"method": method, "url": url}});
    if let Some(resource) = resource {
        entry["resource"] = resource;
    }
    let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": [entry]}).to_string();
    let answer = interaction::bundle(&app.context, bundle.as_bytes(), Echo::Representation).await?;
    Ok(serde_json::from_slice(&answer).unwrap())
}

fn gendered() -> Value {
    json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "add"}, {"name": "path", "valueString": "Patient"},
        {"name": "name", "valueString": "gender"}, {"name": "value", "valueCode": "female"}]}]})
}

/// The writes under the condition that the Patient is not active, each of which would be seen on the record.
const WRITES: [&str; 6] =
    ["DELETE", "PUT", "PATCH", "DELETE in a transaction", "PUT in a transaction", "PATCH in a transaction"];

async fn written(app: &App, write: &str, value: &str) {
    let criteria = format!("identifier={SYSTEM}|{value}&active=false");
    let pairs = [params("identifier", &format!("{SYSTEM}|{value}")), params("active", "false")].concat();
    let mut body = patient(None, value);
    body["gender"] = json!("female");
    let url = format!("Patient?{criteria}");
    let ctx = &app.context;
    match write {
        "DELETE" => drop(interaction::delete_where(ctx, "Patient", &pairs, None).await.unwrap()),
        "PUT" => drop(
            interaction::update_where(ctx, "Patient", &pairs, body.to_string().as_bytes(), None)
                .await
                .unwrap(),
        ),
        "PATCH" => {
            let patch = Patch::FhirPath(gendered());
            if let Err(problem) = interaction::patch_where(ctx, "Patient", &pairs, &patch, None).await {
                assert_eq!(problem.category, Category::NotFound, "{problem}");
            }
        }
        "DELETE in a transaction" => drop(in_bundle(app, "transaction", "DELETE", &url, None).await.unwrap()),
        "PUT in a transaction" => drop(in_bundle(app, "transaction", "PUT", &url, Some(body)).await.unwrap()),
        _ => {
            let done = in_bundle(app, "transaction", "PATCH", &url, Some(gendered())).await;
            if let Err(problem) = done {
                assert_eq!(problem.category, Category::NotFound, "{problem}");
            }
        }
    }
}

/// After how many waits another client writes: every one of the first, then some.
fn places() -> impl Iterator<Item = usize> {
    (0..10).chain((10..400).step_by(17))
}

#[tokio::test]
async fn a_record_that_meets_the_condition_no_more_is_not_written() {
    for store in Kept::EACH {
        let Some(app) = App::bare_on(store).await else { continue };
        for write in WRITES {
            for waits in places() {
                let id = format!("{}-{waits}", write.replace(' ', "-"));
                app.put(&patient(Some(&id), &id)).await.unwrap();
                let mut active = patient(Some(&id), &id);
                active["active"] = json!(true);
                let other = async { drop(app.put(&active).await.unwrap()) };
                let ((), ended) = meanwhile(waits, written(&app, write, &id), other).await;
                let now = app.read(&format!("Patient/{id}")).await;
                assert_eq!(now["active"], true, "{store:?}: {write} after {waits} waits: {now:#}");
                assert_eq!(now["gender"], Value::Null, "{store:?}: {write} after {waits} waits: {now:#}");
                if ended {
                    break;
                }
                assert!(waits < 390, "{write} never ended first");
            }
        }
    }
}

#[tokio::test]
async fn of_two_updates_under_one_condition_with_ids_of_their_own_one_creates() {
    for store in Kept::EACH {
        let Some(app) = App::bare_on(store).await else { continue };
        for waits in places() {
            let value = format!("same-{waits}");
            let (one, two) = (
                patient(Some(&format!("one-{waits}")), &value),
                patient(Some(&format!("two-{waits}")), &value),
            );
            let other = async { drop(update_where(&app, &two, &value).await) };
            let (_, ended) = meanwhile(waits, update_where(&app, &one, &value), other).await;
            let found = app.search("Patient", &[("identifier", &format!("{SYSTEM}|{value}"))]).await;
            assert_eq!(found.len(), 1, "{store:?}: after {waits} waits: {found:#?}");
            if ended {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_condition_without_match_writes_over_nothing() {
    for store in Kept::EACH {
        let Some(app) = App::bare_on(store).await else { continue };
        app.put(&patient(Some("taken"), "first")).await.unwrap();
        let second = patient(Some("taken"), "second");
        let problem = update_where(&app, &second, "second").await.unwrap_err();
        assert_eq!(problem.category, Category::Conflict);
        assert!(problem.to_string().contains("Patient/taken"), "{problem}");
        let url = format!("Patient?identifier={SYSTEM}|second");
        let problem = in_bundle(&app, "transaction", "PUT", &url, Some(second.clone())).await.unwrap_err();
        assert_eq!(problem.category, Category::Conflict);
        assert!(problem.to_string().contains("Bundle.entry[0].resource.id"), "{problem}");
        let answer = in_bundle(&app, "batch", "PUT", &url, Some(second.clone())).await.unwrap();
        assert_eq!(answer["entry"][0]["response"]["status"], "409 Conflict");
        let now = app.read("Patient/taken").await;
        assert_eq!(
            (&now["meta"]["versionId"], &now["identifier"][0]["value"]),
            (&json!("1"), &json!("first"))
        );
        // What is deleted is not there, and may come back.
        interaction::delete(&app.context, "Patient", "taken", None).await.unwrap();
        let answer = update_where(&app, &second, "second").await.unwrap();
        assert_eq!((answer.kind, answer.id.as_str(), answer.version), (Kind::Created, "taken", 3));
        let answer = update_where(&app, &second, "second").await.unwrap();
        assert_eq!(answer.kind, Kind::Unchanged);
    }
}

#[tokio::test]
async fn a_response_under_a_condition_is_amended_in_the_version_that_met_it_and_is_never_lost() {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    let mut response = course.week("1");
    let system = response["identifier"]["system"].as_str().unwrap().to_owned();
    let condition =
        params("identifier", &format!("{system}|{}", response["identifier"]["value"].as_str().unwrap()));
    let sent = async |response: &Value| {
        let bytes = response.to_string();
        interaction::update_where(&app.context, "QuestionnaireResponse", &condition, bytes.as_bytes(), None)
            .await
    };
    assert_eq!(sent(&response).await.unwrap().kind, Kind::Created);
    assert_eq!(sent(&response).await.unwrap().kind, Kind::Unchanged);
    response["status"] = json!("amended");
    assert_eq!(sent(&response).await.unwrap().version, 2);
    let mut other = course.week("2");
    let taken = app.search("QuestionnaireResponse", &[]).await[0]["id"].clone();
    other["id"] = taken;
    let condition = params("identifier", "https://nobody.example|1");
    let bytes = other.to_string();
    let answer =
        interaction::update_where(&app.context, "QuestionnaireResponse", &condition, bytes.as_bytes(), None)
            .await;
    let problem = answer.unwrap_err();
    assert_eq!(problem.category, Category::Conflict);
    assert!(problem.to_string().contains("kept as Binary/"), "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_32_updates_under_one_condition_at_once_one_creates_and_none_fails() {
    for store in Kept::EACH {
        let Some(app) = App::bare_on(store).await else { continue };
        let app = Arc::new(app);
        let tasks: Vec<_> = (0..32)
            .map(|n| {
                let app = Arc::clone(&app);
                tokio::spawn(async move {
                    let mut own = patient(None, "same");
                    own["multipleBirthInteger"] = json!(n);
                    update_where(&app, &own, "same").await.unwrap()
                })
            })
            .collect();
        let mut created = 0;
        for task in tasks {
            created += usize::from(task.await.unwrap().kind == Kind::Created);
        }
        assert_eq!(created, 1, "{store:?}");
        let found = app.search("Patient", &[]).await;
        assert_eq!((found.len(), &found[0]["meta"]["versionId"]), (1, &json!("32")), "{store:?}");
    }
}

#[tokio::test]
async fn what_a_search_left_elements_out_of_is_not_written_back() {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    let (path, elements) = (course.patient(), params("_elements", "identifier,active"));
    let asked = [elements, params("_id", path.trim_start_matches("Patient/"))].concat();
    let found = interaction::search(&app.context, "Patient", &asked).await.unwrap();
    let found: Value = serde_json::from_slice(&found.body).unwrap();
    let mut part = found["entry"][0]["resource"].clone();
    part["active"] = json!(false);
    let problem = app.put(&part).await.unwrap_err();
    assert_eq!(problem.category, Category::Invalid);
    assert!(problem.to_string().contains("SUBSETTED"), "{problem}");
    assert_eq!(app.read(&path).await["meta"]["versionId"], "1");
    let off = json!([{"op": "add", "path": "/active", "value": false}]);
    let id = path.trim_start_matches("Patient/");
    interaction::patch(&app.context, "Patient", id, &Patch::Json(off), None).await.unwrap();

    let first = app.submit(&course.week("1")).await.unwrap();
    let mut part = body(&first);
    part.as_object_mut().unwrap().remove("item");
    part["status"] = json!("amended");
    part["meta"]["tag"] =
        json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}]);
    let problem = app.put(&part).await.unwrap_err();
    assert_eq!(problem.category, Category::Invalid);
    assert!(problem.to_string().contains("kept as Binary/"), "{problem}");
}

#[tokio::test]
async fn a_response_whose_condition_does_not_hold_is_kept_once_unless_it_is_here_already() {
    const RESPONSE: &str = "QuestionnaireResponse";
    for kept in Kept::EACH {
        let Some(app) = App::on(kept).await else { continue };
        let course = Course::start(&app, "folfox").await;
        app.at("2026-03-02T09:13:00+01:00");
        let (one, two) = (course.week("1"), course.week("2"));
        let first = app.submit(&one).await.unwrap();
        app.submit(&two).await.unwrap();
        let ctx = &app.context;
        let mut third = one.clone();
        third["identifier"]["value"] = json!("third");
        let mut amended = one.clone();
        amended["id"] = json!(first.id);
        let stored = amended.clone();
        amended["status"] = json!("amended");
        let bytes = |resource: &Value| resource.to_string().into_bytes();
        let many = params("questionnaire", one["questionnaire"].as_str().unwrap());
        let vague = format!("questionnaire={}", one["questionnaire"].as_str().unwrap());
        for n in 0..2 {
            let done = [
                interaction::create(ctx, RESPONSE, &bytes(&third), Some(&vague)).await,
                interaction::update(ctx, RESPONSE, &first.id, &bytes(&amended), Some(7)).await,
                interaction::update_where(ctx, RESPONSE, &many, &bytes(&third), None).await,
            ];
            for done in done {
                let problem = done.map(|_| ()).unwrap_err();
                assert_eq!(problem.category, Category::PreconditionFailed, "{problem}");
                assert!(problem.to_string().contains("kept as Binary/"), "{kept:?} {n}: {problem}");
            }
            let url = format!("{RESPONSE}/{}", first.id);
            let mut entry =
                json!({"resource": amended, "request": {"method": "PUT", "url": url, "ifMatch": "W/\"7\""}});
            entry["resource"]["status"] = json!("amended");
            let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [entry]}).to_string();
            let answer = interaction::bundle(ctx, bundle.as_bytes(), Echo::Minimal).await.unwrap();
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.contains("412") && answer.contains("kept as Binary/"), "{answer}");
        }
        assert_eq!(app.count(&[RESPONSE, "Binary"]).await, [2, 4], "{kept:?}: two of them, each once");
        // Who did not get the answer asks again.
        let again = interaction::update(ctx, RESPONSE, &first.id, &bytes(&stored), Some(7)).await;
        let problem = again.map(|_| ()).unwrap_err();
        assert!(!problem.to_string().contains("Binary/"), "{problem}");
        assert_eq!(app.count(&["Binary"]).await, [4]);
    }
}
