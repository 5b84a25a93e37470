//! Finalising reports: the document and its deliveries, once (issue 2, point 6).

use vigie::interaction::{self, Kind};
use vigie::json::{Value, json};
use vigie::problem::Category;
use vigie::store::{DeliveryFilter, DeliveryRecord};

use crate::support::{App, Course, body};

const MADE: &[&str] = &["Binary", "DocumentReference"];

/// The preliminary report of the first week.
async fn preliminary() -> (App, Value) {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    app.submit(&course.week("1")).await.unwrap();
    let report = app.search("DiagnosticReport", &[]).await.remove(0);
    app.at("2026-03-03T10:00:00+01:00");
    (app, report)
}

fn signed(report: &Value) -> Value {
    let mut report = report.clone();
    report["status"] = json!("final");
    report["conclusion"] = json!("Bonne tolérance. Poursuite du traitement.");
    report["resultsInterpreter"] = json!([{"reference": "PractitionerRole/oncologue-test"}]);
    report
}

async fn deliveries(app: &App) -> Vec<DeliveryRecord> {
    app.context
        .store
        .deliveries(&DeliveryFilter { payload: true, ..DeliveryFilter::default() })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_final_report_makes_its_document_and_one_delivery_for_each_destination() {
    let (app, report) = preliminary().await;
    let answer = app.put(&signed(&report)).await.unwrap();
    assert_eq!(answer.kind, Kind::Updated);
    let stored = body(&answer);
    let pdf = app.read(stored["presentedForm"][0]["url"].as_str().unwrap()).await;
    assert_eq!(pdf["contentType"], "application/pdf");
    let cda = app.read(stored["presentedForm"][1]["url"].as_str().unwrap()).await;
    assert_eq!(cda["contentType"], "text/xml");
    let described = app.search("DocumentReference", &[]).await.remove(0);
    assert_eq!(described["content"].as_array().unwrap().len(), 1, "MHD allows one content");
    let mut presented = stored["presentedForm"][1].clone();
    // Who searches is told the full address (ITI-67).
    let base = &app.context.settings.base_url;
    presented["url"] = json!(format!("{base}/{}", presented["url"].as_str().unwrap()));
    assert_eq!(described["content"][0]["attachment"], presented, "the CDA");
    assert!(pdf["data"].as_str().unwrap().starts_with("JVBERi"), "the bytes of a PDF");
    assert_eq!(app.count(MADE).await, [2, 1]);
    let mut sent: Vec<(String, String)> = deliveries(&app)
        .await
        .into_iter()
        .map(|record| (record.delivery.destination, record.delivery.patient))
        .collect();
    sent.sort();
    assert_eq!(
        sent,
        [("dmp", "Patient/test-folfox"), ("dpi", "Patient/test-folfox")].map(|(d, p)| (d.into(), p.into()))
    );
}

#[tokio::test]
async fn the_same_final_report_again_makes_nothing() {
    let (app, report) = preliminary().await;
    let first = app.put(&signed(&report)).await.unwrap();
    app.at("2026-03-03T11:00:00+01:00");
    let again = app.put(&signed(&report)).await.unwrap();
    assert_eq!((again.kind, again.version, &again.body), (Kind::Unchanged, first.version, &first.body));
    let sent_back = app.put(&body(&first)).await.unwrap();
    assert_eq!(sent_back.kind, Kind::Unchanged);
    assert_eq!(app.count(MADE).await, [2, 1]);
    assert_eq!(deliveries(&app).await.len(), 2);
}

#[tokio::test]
async fn a_correction_replaces_the_document_and_is_sent() {
    let (app, report) = preliminary().await;
    let mut corrected = body(&app.put(&signed(&report)).await.unwrap());
    corrected["status"] = json!("corrected");
    corrected["conclusion"] = json!("Bonne tolérance. Dose réduite.");
    app.at("2026-03-04T10:00:00+01:00");
    app.put(&corrected).await.unwrap();
    let current = app.search("DocumentReference", &[("status", "current")]).await;
    let superseded = app.search("DocumentReference", &[("status", "superseded")]).await;
    assert_eq!((current.len(), superseded.len()), (1, 1));
    let relation = &current[0]["relatesTo"][0];
    assert_eq!(relation["code"], "replaces");
    assert_eq!(
        relation["target"]["reference"],
        format!("DocumentReference/{}", superseded[0]["id"].as_str().unwrap())
    );
    assert_eq!(deliveries(&app).await.len(), 4);
}

#[tokio::test]
async fn a_report_without_author_or_conclusion_stays_preliminary_and_says_what_is_missing() {
    let (app, report) = preliminary().await;
    let mut unsigned = signed(&report);
    unsigned.as_object_mut().unwrap().remove("resultsInterpreter");
    unsigned.as_object_mut().unwrap().remove("conclusion");
    let problem = app.put(&unsigned).await.unwrap_err();
    assert_eq!(problem.category, Category::Invalid);
    let places: Vec<_> = problem.issues.iter().filter_map(|issue| issue.expression.as_deref()).collect();
    assert_eq!(places, ["DiagnosticReport.conclusion", "DiagnosticReport.resultsInterpreter"]);
    assert_eq!(app.count(MADE).await, [0, 0]);
    assert!(deliveries(&app).await.is_empty());
}

#[tokio::test]
async fn a_delivery_is_stopped_with_a_reason_and_sent_again_as_it_was() {
    let (app, report) = preliminary().await;
    app.put(&signed(&report)).await.unwrap();
    let before = deliveries(&app).await.remove(0).delivery;
    let without_reason = interaction::stop(&app.context, &before.id, "ide-1", " ").await;
    assert_eq!(without_reason.unwrap_err().category, Category::Malformed);
    let told = interaction::stop(&app.context, &before.id, "ide-1", "mauvais patient").await.unwrap();
    assert!(String::from_utf8(told).unwrap().contains("\"stopped\""));
    let told = interaction::resend(&app.context, &before.id).await.unwrap();
    assert!(String::from_utf8(told).unwrap().contains("\"pending\""));
    let after = deliveries(&app).await.into_iter().find(|record| record.delivery.id == before.id).unwrap();
    assert_eq!(after.delivery.payload, before.payload);
    assert_eq!(interaction::resend(&app.context, "nothing").await.unwrap_err().category, Category::NotFound);
}

#[tokio::test]
async fn a_final_report_is_not_taken_back_and_does_not_move_to_another_patient() {
    let (app, report) = preliminary().await;
    let other = Course::start(&app, "capecitabine").await;
    let mut moved = signed(&report);
    moved["subject"] = json!({"reference": other.patient()});
    assert_eq!(app.put(&moved).await.unwrap_err().category, Category::Invalid);
    assert_eq!(app.count(MADE).await, [0, 0]);
    let stored = body(&app.put(&signed(&report)).await.unwrap());
    for status in ["preliminary", "registered", "cancelled", "entered-in-error"] {
        let mut back = stored.clone();
        back["status"] = json!(status);
        let problem = app.put(&back).await.unwrap_err();
        assert_eq!(problem.category, Category::Invalid, "{status}: {problem}");
    }
    assert_eq!(
        app.read(&format!("DiagnosticReport/{}", stored["id"].as_str().unwrap())).await["status"],
        "final"
    );
    assert_eq!(app.count(MADE).await, [2, 1]);
}

#[tokio::test]
async fn a_report_finalised_by_several_at_once_is_made_once() {
    let (app, report) = preliminary().await;
    let signed = signed(&report);
    let answers = tokio::join!(app.put(&signed), app.put(&signed), app.put(&signed), app.put(&signed));
    let answers = [answers.0, answers.1, answers.2, answers.3].map(Result::unwrap);
    assert_eq!(answers.iter().filter(|answer| answer.kind == Kind::Updated).count(), 1);
    assert!(answers.iter().all(|answer| answer.version == answers[0].version));
    assert_eq!(app.count(MADE).await, [2, 1]);
    assert_eq!(deliveries(&app).await.len(), 2);
}

#[tokio::test]
async fn a_long_and_odd_conclusion_is_set_or_refused_and_nothing_is_half_written() {
    let (app, report) = preliminary().await;
    let odd = "א‏ مرحبا 👩🏽‍⚕️ 漢字 \u{202e}txet\u{202c} #let x = 1 $ @ <b> \\ ` * _ \u{0}".replace('\u{0}', "");
    let mut signed = signed(&report);
    signed["conclusion"] = json!(format!("{odd}\n\n").repeat(600));
    let answer = app.put(&signed).await;
    let expected = match answer {
        Ok(_) => [2, 1],
        Err(problem) => {
            assert_eq!(problem.category, Category::Invalid, "{problem}");
            [0, 0]
        }
    };
    assert_eq!(app.count(MADE).await, expected);
    assert_eq!(deliveries(&app).await.len(), expected[1] * 2);
}

#[tokio::test]
async fn without_destinations_the_document_is_made_and_kept() {
    let (mut app, report) = preliminary().await;
    app.context.settings.destinations.clear();
    app.put(&signed(&report)).await.unwrap();
    assert_eq!(app.count(MADE).await, [2, 1]);
    assert_eq!(deliveries(&app).await.len(), 0);
}

#[tokio::test]
async fn an_author_that_is_nobody_here_or_has_no_name_signs_nothing() {
    let (app, report) = preliminary().await;
    app.put(&json!({"resourceType": "Practitioner", "id": "sans-nom", "active": true})).await.unwrap();
    for reference in ["Practitioner/sans-nom", "Practitioner/personne", "Organization/personne"] {
        let mut signed = signed(&report);
        signed["resultsInterpreter"] = json!([{"reference": reference}]);
        signed.as_object_mut().unwrap().remove("performer");
        let problem = app.put(&signed).await.unwrap_err();
        assert_eq!(problem.category, Category::Invalid, "{reference}: {problem}");
    }
    assert_eq!(app.count(MADE).await, [0, 0]);
}

#[tokio::test]
async fn nobody_signs_a_report_that_was_redrafted_meanwhile() {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    let response = body(&app.submit(&course.week("1")).await.unwrap());
    let report = app.search("DiagnosticReport", &[]).await.remove(0);
    // While she reads it, the patient tells of a fever.
    app.at("2026-03-02T10:00:00+01:00");
    let mut amended = response.clone();
    amended["status"] = json!("amended");
    amended["item"][0]["item"][1]["answer"] = json!([{ "valueBoolean": true }]);
    app.put(&amended).await.unwrap();
    let redrafted = app.search("DiagnosticReport", &[]).await.remove(0);
    assert_ne!(report["meta"]["versionId"], redrafted["meta"]["versionId"]);
    let problem = app.put(&signed(&report)).await.unwrap_err();
    assert_eq!(problem.category, Category::Conflict);
    let told = problem.to_string();
    assert!(told.contains("is at version 2, and meta.versionId says that version 1 was signed"), "{told}");
    assert_eq!(problem.issues[0].expression.as_deref(), Some("DiagnosticReport.meta.versionId"));
    assert_eq!(app.count(MADE).await, [0, 0]);

    let mut unsaid = signed(&report);
    unsaid.as_object_mut().unwrap().remove("meta");
    let bytes = unsaid.to_string().into_bytes();
    let id = report["id"].as_str().unwrap();
    let problem = interaction::update(&app.context, "DiagnosticReport", id, &bytes[..], Some(1))
        .await
        .map(drop)
        .unwrap_err();
    assert_eq!(problem.category, Category::PreconditionFailed);
    assert_eq!(app.put(&signed(&redrafted)).await.unwrap().kind, Kind::Updated);
    assert_eq!(app.count(MADE).await, [2, 1]);
}
