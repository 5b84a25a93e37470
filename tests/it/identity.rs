//! The right patient, the right treatment, the right week: what a response is judged with, and what contradicts it (hazards
//! H07, H09, H10, H13).

use vigie::json::{Value, json};
use vigie::problem::{Category, Problem};

use crate::support::{App, Course, example, profiles};

const AT: &str = "2026-03-09T09:00:00+01:00";

async fn started(course: &'static str) -> (App, Course) {
    let app = App::new().await;
    app.at(AT);
    let course = Course::start(&app, course).await;
    (app, course)
}

/// A quiet week of the course with this temperature, authored when it is sent.
fn fever(course: &Course, celsius: f64) -> Value {
    let mut response = course.week("1");
    response["authored"] = json!(AT);
    *answer(&mut response, "base.temp.max") = json!({"valueQuantity": {
        "value": celsius, "unit": "°C", "system": "http://unitsofmeasure.org", "code": "Cel"}});
    response
}

/// The first answer to a question.
fn answer<'a>(value: &'a mut Value, link_id: &str) -> &'a mut Value {
    fn find<'a>(value: &'a mut Value, link_id: &str) -> Option<&'a mut Value> {
        for item in value["item"].as_array_mut()? {
            if item["linkId"] == link_id {
                return Some(&mut item["answer"][0]);
            }
            if item["item"].is_array()
                && let Some(found) = find(item, link_id)
            {
                return Some(found);
            }
        }
        None
    }
    find(value, link_id).unwrap_or_else(|| panic!("no answer to {link_id}"))
}

/// Rules and levels of the active alerts of a patient.
async fn alerts(app: &App, patient: &str) -> Vec<String> {
    let flags = app.search("Flag", &[("subject", patient), ("status", "active")]).await;
    let codes = flags.iter().flat_map(|flag| flag["code"]["coding"].as_array().unwrap());
    codes.map(|coding| coding["code"].as_str().unwrap().to_owned()).collect()
}

fn says(list: &[String], code: &str) -> bool {
    list.iter().any(|found| found == code)
}

fn refused(answer: Result<vigie::interaction::Answer, Problem>, place: &str) {
    let problem = answer.expect_err("it should be refused");
    assert_eq!(problem.category, Category::Invalid, "{problem}");
    let at =
        |issue: &vigie::problem::Issue| issue.expression.as_deref().is_some_and(|at| at.starts_with(place));
    assert!(problem.issues.iter().any(at), "{problem:?}");
}

/// A second plan of care of the same patient.
fn plan(course: &Course, from: &str, id: &str) -> Value {
    let mut plan = example(&format!("{from}/careplan.json"));
    plan["id"] = json!(id);
    plan["subject"]["reference"] = json!(course.patient());
    plan
}

#[tokio::test]
async fn every_plan_of_care_of_a_patient_reaches_the_rules() {
    let (app, course) = started("folfox").await;
    app.put(&plan(&course, "pembrolizumab", "immuno")).await.unwrap();
    let mut response = fever(&course, 38.6);
    answer(&mut response, "base.toux")["valueCoding"]["code"] = json!("1");
    answer(&mut response, "base.toux")["valueCoding"].as_object_mut().unwrap().remove("display");
    app.submit(&response).await.unwrap();
    let alerts = alerts(&app, &course.patient()).await;
    assert!(says(&alerts, "R02"), "fever under chemotherapy: {alerts:?}");
    assert!(says(&alerts, "R42"), "cough under immunotherapy: {alerts:?}");
}

#[tokio::test]
async fn a_plan_that_was_ended_two_weeks_ago_still_counts() {
    let (app, course) = started("pembrolizumab").await;
    let mut ended = plan(&course, "folfox", "chimio");
    ended["status"] = json!("revoked");
    ended["period"]["end"] = json!("2026-02-23");
    app.put(&ended).await.unwrap();
    app.submit(&fever(&course, 38.6)).await.unwrap();
    let found = alerts(&app, &course.patient()).await;
    assert!(says(&found, "R02"), "{found:?}");
}

#[tokio::test]
async fn a_response_does_not_move_to_another_patient() {
    let (app, course) = started("folfox").await;
    let other = Course::start(&app, "capecitabine").await;
    let id = app.submit(&fever(&course, 38.6)).await.unwrap().id;
    let before = alerts(&app, &course.patient()).await;
    let mut moved = fever(&course, 36.6);
    moved["id"] = json!(id);
    moved["status"] = json!("amended");
    moved["subject"] = json!({"reference": other.patient()});
    refused(app.put(&moved).await, "QuestionnaireResponse.subject");
    assert_eq!(alerts(&app, &course.patient()).await, before, "the alerts of the first patient stand");
    assert!(says(&alerts(&app, &other.patient()).await, "technique"), "a person verifies who it is");
}

#[tokio::test]
async fn a_plan_of_care_of_somebody_else_is_refused_and_told() {
    let (app, course) = started("folfox").await;
    Course::start(&app, "capecitabine").await;
    let mut response = fever(&course, 36.6);
    let of_other = example("capecitabine/careplan.json")["id"].as_str().unwrap().to_owned();
    response["basedOn"] = json!([{"reference": format!("CarePlan/{of_other}")}]);
    refused(app.submit(&response).await, "QuestionnaireResponse.basedOn[0]");
    assert!(says(&alerts(&app, &course.patient()).await, "technique"));
}

#[tokio::test]
async fn a_merged_record_and_an_answer_by_another_patient_are_read_by_a_person() {
    let (app, course) = started("folfox").await;
    let other = Course::start(&app, "capecitabine").await;
    let mut by_other = fever(&course, 36.6);
    by_other["source"] = json!({"reference": other.patient()});
    app.submit(&by_other).await.unwrap();
    assert!(says(&alerts(&app, &course.patient()).await, "technique"));

    let mut merged = example("capecitabine/patient.json");
    merged["active"] = json!(false);
    merged["link"] = json!([{"other": {"reference": course.patient()}, "type": "replaced-by"}]);
    app.put(&merged).await.unwrap();
    app.submit(&fever(&other, 36.6)).await.unwrap();
    assert!(says(&alerts(&app, &other.patient()).await, "technique"));
}

#[tokio::test]
async fn a_clock_that_is_wrong_does_not_move_a_patient_out_of_a_treatment() {
    let (app, course) = started("folfox").await;
    let mut response = fever(&course, 38.6);
    response["authored"] = json!("2036-03-09T09:00:00+01:00");
    app.submit(&response).await.unwrap();
    let found = alerts(&app, &course.patient()).await;
    assert!(says(&found, "R02") && says(&found, "technique"), "{found:?}");
    let mut long_past = fever(&course, 38.6);
    long_past["authored"] = json!("1970-01-01T00:00:00Z");
    long_past["identifier"]["value"] = json!("another");
    app.submit(&long_past).await.unwrap();
    let flags = app.search("Flag", &[("subject", &course.patient())]).await;
    let technique = flags.iter().filter(|flag| flag.to_string().contains("30 jours"));
    assert_eq!(technique.count(), 1);
}

#[tokio::test]
async fn a_stopped_response_is_judged_as_whole() {
    let (app, course) = started("folfox").await;
    let mut response = fever(&course, 36.6);
    response["status"] = json!("stopped");
    answer(&mut response, "base.selles.nombre")["valueInteger"] = json!(5);
    app.submit(&response).await.unwrap();
    let found = alerts(&app, &course.patient()).await;
    assert!(says(&found, "R21"), "{found:?}");
}

#[tokio::test]
async fn what_is_refused_of_an_unfinished_response_is_told() {
    let (app, course) = started("folfox").await;
    let mut response = fever(&course, 36.6);
    response["status"] = json!("in-progress");
    *answer(&mut response, "alerte.thorax") = json!({"valueString": "oui, depuis ce matin"});
    refused(app.submit(&response).await, "QuestionnaireResponse.item[0]");
    assert!(says(&alerts(&app, &course.patient()).await, "technique"));
}

#[tokio::test]
async fn an_alert_or_a_task_does_not_move_to_another_patient() {
    let (app, course) = started("folfox").await;
    let other = Course::start(&app, "capecitabine").await;
    app.submit(&fever(&course, 38.6)).await.unwrap();
    for (rtype, parameter, name) in [("Flag", "subject", "subject"), ("Task", "patient", "for")] {
        let mut one = app.search(rtype, &[(parameter, &course.patient())]).await.remove(0);
        one[name]["reference"] = json!(other.patient());
        refused(app.put(&one).await, rtype);
    }
}

#[tokio::test]
async fn a_task_is_closed_by_a_person_with_a_coded_outcome_and_a_note() {
    let (app, course) = started("folfox").await;
    app.submit(&fever(&course, 38.6)).await.unwrap();
    let mut task = app.search("Task", &[("patient", &course.patient())]).await.remove(0);
    task["status"] = json!("completed");
    refused(app.put(&task).await, "Task.output");
    let person = app.search("Practitioner", &[]).await.remove(0);
    let person = json!({"reference": format!("Practitioner/{}", person["id"].as_str().unwrap())});
    task["owner"] = person.clone();
    task["output"] = json!([{"type": {"text": "Résultat"}, "valueCodeableConcept": {"coding": [{
        "system": "https://vigie.example/fhir/CodeSystem/task-outcome", "code": "urgences"}]}}]);
    refused(app.put(&task).await, "Task.note");
    task["note"] = json!([{"authorReference": person, "text": "Appelée à 9 h 10, adressée aux urgences."}]);
    let answer = app.put(&task).await.unwrap();
    assert_eq!(answer.version, 2);
}

#[tokio::test]
async fn a_patient_is_meant_by_an_identifier_with_its_system_and_no_other_case() {
    let (app, course) = started("folfox").await;
    let identifier = example("folfox/patient.json")["identifier"][0].clone();
    let (system, value) = (identifier["system"].as_str().unwrap(), identifier["value"].as_str().unwrap());
    for subject in [
        json!({"reference": format!("Patient?identifier={value}")}),
        json!({"reference": format!("Patient?identifier=|{value}")}),
        json!({"identifier": {"value": value}}),
        json!({"identifier": {"system": system, "value": format!("{value}0")}}),
    ] {
        let mut response = fever(&course, 38.6);
        response["subject"] = subject;
        refused(app.submit(&response).await, "QuestionnaireResponse.subject");
    }
    assert_eq!(alerts(&app, &course.patient()).await, Vec::<String>::new());
    let mut response = fever(&course, 38.6);
    response["subject"] = json!({"identifier": {"system": system, "value": value}});
    app.submit(&response).await.unwrap();
    assert!(says(&alerts(&app, &course.patient()).await, "R02"));
}

#[tokio::test]
async fn an_identifier_that_contradicts_the_reference_beside_it_is_read_by_a_person() {
    let (app, course) = started("folfox").await;
    let own = example("folfox/patient.json")["identifier"][0].clone();
    let mut response = fever(&course, 38.6);
    response["subject"]["identifier"] = own.clone();
    app.submit(&response).await.unwrap();
    let told = alerts(&app, &course.patient()).await;
    assert!(says(&told, "R02") && !says(&told, "technique"), "{told:?}");

    let mut next = fever(&course, 38.6);
    next["identifier"]["value"] = json!("next");
    next["subject"]["identifier"] = own;
    next["subject"]["identifier"]["value"] = json!("of-somebody-else");
    app.submit(&next).await.unwrap();
    let told = alerts(&app, &course.patient()).await;
    assert!(
        says(&told, "R02") && says(&told, "technique"),
        "judged, and a person verifies who it is: {told:?}"
    );
    let tasks = app.search("Task", &[("patient", &course.patient()), ("code", "relecture-humaine")]).await;
    let why = tasks[0]["description"].as_str().unwrap();
    assert!(why.contains("L'identifiant donné avec le patient n'est pas celui du dossier"), "{why}");
}

#[tokio::test]
async fn of_two_records_of_one_person_the_one_that_is_followed_is_meant() {
    let (app, course) = started("folfox").await;
    let mut old = example("folfox/patient.json");
    old["id"] = json!("old-record");
    app.put(&old).await.unwrap();
    let mut response = fever(&course, 38.6);
    response["subject"] = json!({"identifier": old["identifier"][0]});
    refused(app.submit(&response).await, "QuestionnaireResponse.subject");
    old["active"] = json!(false);
    old["link"] = json!([{"other": {"reference": course.patient()}, "type": "replaced-by"}]);
    app.put(&old).await.unwrap();
    app.submit(&response).await.unwrap();
    assert!(says(&alerts(&app, &course.patient()).await, "R02"));
    assert_eq!(alerts(&app, "Patient/old-record").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_protocol_that_was_chosen_among_several_without_a_word_is_told() {
    let (app, course) = started("folfox").await;
    let mut other = profiles().into_iter().find(|one| one["resourceType"] == "PlanDefinition").unwrap();
    other["id"] = json!("other");
    other["url"] = json!(format!("{}-autre", other["url"].as_str().unwrap()));
    app.put(&other).await.unwrap();
    app.submit(&fever(&course, 36.6)).await.unwrap();
    assert!(!says(&alerts(&app, &course.patient()).await, "technique"), "the plan of care names one");
    let mut unnamed = example("folfox/careplan.json");
    unnamed.as_object_mut().unwrap().remove("instantiatesCanonical");
    app.put(&unnamed).await.unwrap();
    let mut next = fever(&course, 36.6);
    next["identifier"]["value"] = json!("next");
    app.submit(&next).await.unwrap();
    let tasks = app.search("Task", &[("patient", &course.patient()), ("status", "requested")]).await;
    let told =
        |task: &Value| task["description"].as_str().is_some_and(|why| why.contains("Deux protocoles actifs"));
    assert!(tasks.iter().any(told), "{tasks:#?}");
}
