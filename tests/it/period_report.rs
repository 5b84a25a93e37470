//! The report of a period (issue 4, item 1): drafted once, kept up to date, signed, and about its own days only.

use vigie::interaction::{Answer, Kind};
use vigie::json::{Value, json};
use vigie::problem::{Category, Problem};

use crate::support::{App, Course, body};

const PATIENT: &str = "test-folfox";
const MADE: &[&str] = &["Binary", "DocumentReference"];

/// The first weeks of a course, and the day after them.
async fn weeks(count: usize) -> (App, Course) {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    for week in 1..=count {
        answer(&app, &course, week).await;
    }
    (app, course)
}

async fn answer(app: &App, course: &Course, week: usize) {
    let response = course.week(&week.to_string());
    app.at(response["authored"].as_str().expect("a time"));
    app.submit(&response).await.expect("a response");
}

fn signed(report: &Value) -> Value {
    let mut report = report.clone();
    report["status"] = json!("final");
    report["conclusion"] = json!("Bonne tolérance sur la période.");
    report["resultsInterpreter"] = json!([{"reference": "PractitionerRole/oncologue-test"}]);
    report
}

fn narrative(report: &Value) -> &str {
    report["text"]["div"].as_str().expect("a narrative")
}

fn faults(result: Result<Answer, Problem>) -> Vec<String> {
    let problem = result.expect_err("it should be refused");
    assert_eq!(problem.category, Category::Invalid, "{problem}");
    problem.issues.into_iter().map(|issue| issue.diagnostics).collect()
}

#[tokio::test]
async fn a_period_is_drafted_with_what_was_found_and_what_a_person_has_to_say_left_open() {
    let (app, _) = weeks(3).await;
    let answer = app.period_report(PATIENT, "2026-03-02", "2026-03-16").await.unwrap();
    assert_eq!(answer.kind, Kind::Created);
    let report = body(&answer);
    assert_eq!(
        (&report["status"], &report["resourceType"]),
        (&json!("preliminary"), &json!("DiagnosticReport"))
    );
    assert_eq!(report["effectivePeriod"], json!({"start": "2026-03-02", "end": "2026-03-16"}));
    assert!(report.get("conclusion").is_none() && report.get("resultsInterpreter").is_none());
    assert_eq!(report["basedOn"], json!([{"reference": "CarePlan/test-folfox"}]));
    let observed = app.search("Observation", &[("status:not", "entered-in-error")]).await;
    assert_eq!(report["result"].as_array().unwrap().len(), observed.len());
    let told = narrative(&report);
    for expected in
        ["projet, non signé", "2 réponses reçues sur 2 attendues", "À compléter", "FOLFOX", "2 mars 2026"]
    {
        assert!(told.contains(expected), "{expected} not in {told}");
    }
}

#[tokio::test]
async fn asked_again_it_is_the_same_draft_and_what_a_person_wrote_stays() {
    let (app, course) = weeks(2).await;
    app.at("2026-03-20T10:00:00+01:00");
    let first = app.period_report(PATIENT, "2026-03-02", "2026-03-20").await.unwrap();
    let again = app.period_report(PATIENT, "2026-03-02", "2026-03-20").await.unwrap();
    assert_eq!((again.kind, &again.id, again.version), (Kind::Found, &first.id, 1));
    let mut written = body(&first);
    written["conclusion"] = json!("À revoir en consultation.");
    app.put(&written).await.unwrap();
    let same = app.period_report(PATIENT, "2026-03-02", "2026-03-20").await.unwrap();
    assert_eq!((same.kind, same.version), (Kind::Found, 2), "nothing new was found");
    answer(&app, &course, 3).await;
    let later = app.period_report(PATIENT, "2026-03-02", "2026-03-20").await;
    assert!(later.is_err(), "the period is not over on the day of the third response");
    app.at("2026-03-20T11:00:00+01:00");
    let updated = app.period_report(PATIENT, "2026-03-02", "2026-03-20").await.unwrap();
    assert_eq!((updated.kind, &updated.id, updated.version), (Kind::Updated, &first.id, 3));
    let (before, after) = (body(&first), body(&updated));
    assert_eq!(after["conclusion"], "À revoir en consultation.");
    let count = |report: &Value| report["result"].as_array().unwrap().len();
    assert!(count(&after) > count(&before));
    let other = app.period_report(PATIENT, "2026-03-02", "2026-03-19").await.unwrap();
    assert_ne!(other.id, first.id, "another period is another report");
}

#[tokio::test]
async fn signed_it_becomes_a_document_once_and_is_then_answered_as_it_stands() {
    let (app, _) = weeks(3).await;
    let draft = body(&app.period_report(PATIENT, "2026-03-02", "2026-03-16").await.unwrap());
    let stored = body(&app.put(&signed(&draft)).await.unwrap());
    assert_eq!(stored["presentedForm"].as_array().unwrap().len(), 2);
    assert_eq!(app.count(MADE).await, [2, 1]);
    let described = app.search("DocumentReference", &[]).await.remove(0);
    assert_eq!(described["context"]["period"], json!({"start": "2026-03-02", "end": "2026-03-16"}));
    let told = narrative(&stored);
    assert!(told.contains("Bonne tolérance sur la période.") && !told.contains("projet"), "{told}");
    let again = app.period_report(PATIENT, "2026-03-02", "2026-03-16").await.unwrap();
    assert_eq!((again.kind, body(&again)), (Kind::Found, stored));
    assert!(again.outcome[0].diagnostics.contains("signed"));
    assert_eq!(app.count(MADE).await, [2, 1]);
}

#[tokio::test]
async fn a_report_is_about_its_own_days_however_it_was_put_together() {
    let (app, _) = weeks(4).await;
    let by_hand = json!({"resourceType": "DiagnosticReport", "id": "a-la-main", "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "85208-7"}]},
        "subject": {"reference": "Patient/test-folfox"}, "conclusion": "Deux semaines.",
        "effectivePeriod": {"start": "2026-03-09", "end": "2026-03-22"},
        "resultsInterpreter": [{"reference": "PractitionerRole/oncologue-test"}]});
    let stored = body(&app.put(&by_hand).await.unwrap());
    let told = narrative(&stored);
    let weeks: Vec<&str> = ["2 mars 2026", "9 mars 2026", "16 mars 2026", "23 mars 2026"]
        .into_iter()
        .filter(|day| told.contains(&format!("<td>{day}</td>")))
        .collect();
    assert_eq!(weeks, ["9 mars 2026", "16 mars 2026"], "{told}");
    assert!(told.contains("2 réponses reçues sur 2 attendues"), "{told}");
}

#[tokio::test]
async fn a_weekly_report_keeps_its_six_weeks() {
    let (app, _) = weeks(2).await;
    let weekly = app.search("DiagnosticReport", &[("_sort", "-issued")]).await.remove(0);
    let stored = body(&app.put(&signed(&weekly)).await.unwrap());
    let told = narrative(&stored);
    assert!(told.contains("Derniers grades") && !told.contains("Semaines couvertes"), "{told}");
}

#[tokio::test]
async fn a_period_that_cannot_be_reported_is_refused_with_its_reason() {
    let (app, _) = weeks(1).await;
    app.at("2026-06-01T10:00:00+02:00");
    let check = async |start: &str, end: &str, expected: &str| {
        let told = faults(app.period_report(PATIENT, start, end).await);
        assert!(told.len() == 1 && told[0].contains(expected), "{start} {end}: {told:?}");
    };
    check("2026-03-09", "2026-03-02", "before it starts").await;
    check("2026-03-09", "2026-06-02", "today is 2026-06-01").await;
    check("2025-01-01", "2026-03-02", "at most 53 weeks").await;
    check("2026-03", "2026-03-09", "start of the period does not say its day").await;
    check("2026-03-02", "", "'end' must be given once").await;
    let reports = app.count(&["DiagnosticReport"]).await;
    let unknown = app.period_report("nobody", "2026-03-02", "2026-03-09").await.unwrap_err();
    assert_eq!(unknown.category, Category::NotFound);
    assert_eq!(app.count(&["DiagnosticReport"]).await, reports, "nothing was stored");
}

#[tokio::test]
async fn a_final_report_with_an_impossible_period_makes_no_document() {
    let (app, _) = weeks(2).await;
    let draft = body(&app.period_report(PATIENT, "2026-03-02", "2026-03-09").await.unwrap());
    let check = async |period: Value, expected: &str| {
        let mut report = signed(&draft);
        report["effectivePeriod"] = period;
        let told = faults(app.put(&report).await);
        assert!(told.iter().any(|told| told.contains(expected)), "{told:?}");
    };
    check(json!({"end": "2026-03-09"}), "start of the period is missing").await;
    check(json!({"start": "2026-03-02", "end": "2026-12-31"}), "today is 2026-03-09").await;
    assert_eq!(app.count(MADE).await, [0, 0]);
}

#[tokio::test]
async fn asked_by_several_at_once_it_is_drafted_once() {
    let (app, _) = weeks(2).await;
    let ask = || app.period_report(PATIENT, "2026-03-02", "2026-03-09");
    let answers = tokio::join!(ask(), ask(), ask(), ask());
    let answers = [answers.0, answers.1, answers.2, answers.3].map(Result::unwrap);
    assert_eq!(answers.iter().filter(|answer| answer.kind == Kind::Created).count(), 1);
    assert!(answers.iter().all(|answer| answer.id == answers[0].id && answer.version == 1));
}

#[tokio::test]
async fn a_period_that_was_taken_back_is_drafted_anew() {
    let (app, _) = weeks(2).await;
    let mut draft = body(&app.period_report(PATIENT, "2026-03-02", "2026-03-09").await.unwrap());
    draft["status"] = json!("cancelled");
    app.put(&draft).await.unwrap();
    let anew = app.period_report(PATIENT, "2026-03-02", "2026-03-09").await.unwrap();
    assert_eq!(anew.kind, Kind::Created);
    assert_ne!(draft["id"], json!(anew.id));
}

#[tokio::test]
async fn a_week_whose_answer_was_refused_is_in_the_report_with_the_reason() {
    let (app, course) = weeks(1).await;
    let mut refused = course.week("2");
    refused["questionnaire"] =
        json!("https://vigie.example/fhir/Questionnaire/surveillance-hebdomadaire|9.9.9");
    app.at("2026-03-09T09:10:00+01:00");
    app.submit(&refused).await.unwrap_err();
    app.at("2026-03-16T10:00:00+01:00");
    let report = body(&app.period_report(PATIENT, "2026-03-02", "2026-03-15").await.unwrap());
    let told = narrative(&report);
    assert!(told.contains("<td>reçue, refusée ; non lue : "), "{told}");
    assert!(
        told.contains("Ce questionnaire, ou cette version, n'est pas connu du service")
            || told.contains("Ce questionnaire, ou cette version, n&#39;est pas connu du service"),
        "{told}"
    );
    assert!(told.contains("1 réponses reçues sur 2 attendues"), "{told}");
    // Signed, its document can be made of it.
    assert_eq!(body(&app.put(&signed(&report)).await.unwrap())["presentedForm"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_week_whose_answer_was_withdrawn_is_told_as_that() {
    let (app, course) = weeks(1).await;
    let mut second = course.week("2");
    app.at("2026-03-09T09:13:00+01:00");
    second["id"] = json!(app.submit(&second).await.unwrap().id);
    second["status"] = json!("entered-in-error");
    app.at("2026-03-10T10:00:00+01:00");
    app.put(&second).await.unwrap();
    app.at("2026-03-16T10:00:00+01:00");
    let report = body(&app.period_report(PATIENT, "2026-03-02", "2026-03-15").await.unwrap());
    let told = narrative(&report);
    assert!(told.contains("<td>9 mars 2026</td><td>annulée par son émetteur</td><td>–</td>"), "{told}");
    assert!(told.contains("1 réponses reçues sur 2 attendues"), "{told}");
    assert_eq!(body(&app.put(&signed(&report)).await.unwrap())["presentedForm"].as_array().unwrap().len(), 2);
}
