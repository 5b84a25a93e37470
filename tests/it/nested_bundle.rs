//! Responses in what holds resources and is refused: a Bundle in a Bundle, a Bundle or `Parameters` at the door of a type. Each is kept
//! as one in the entry of a refused Bundle is.

use vigie::interaction;
use vigie::json::{Value, json};
use vigie::problem::{Category, Problem};

use crate::process::Service;
use crate::support::bundle::{at, bundle, entry, patient, send};
use crate::support::{App, Course, Kept};

const RESPONSE: &str = "QuestionnaireResponse";
const ONE: &str = "urn:uuid:0b5cbf7c-3c1c-4a7e-9d0c-6d0b8a7e5f10";

/// The place of everything that is told to be kept, and the Binary it is kept as.
fn kept(problem: &Problem) -> Vec<(String, String)> {
    let told = problem.issues.iter().filter(|issue| issue.diagnostics.contains("kept as Binary/"));
    told.map(|issue| (issue.expression.clone().unwrap_or_default(), binary(&issue.diagnostics))).collect()
}

fn binary(text: &str) -> String {
    let start = text.find("Binary/").unwrap_or_else(|| panic!("it does not say where it is kept: {text}"));
    text[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || "/-".contains(*c)).collect()
}

/// Weeks of one course, each a response of its own.
struct Weeks<'a>(&'a Course, usize);

impl Weeks<'_> {
    fn next(&mut self) -> Value {
        self.1 += 1;
        let mut week = self.0.week("1");
        week["identifier"]["value"] = json!(format!("nested-{}", self.1));
        week
    }
}

#[tokio::test]
async fn responses_in_a_bundle_in_a_refused_bundle_are_kept_once() {
    for kind in Kept::EACH {
        let Some(app) = App::on(kind).await else { continue };
        let course = Course::start(&app, "folfox").await;
        app.at("2026-03-02T09:13:00+01:00");
        let mut weeks = Weeks(&course, 0);
        let document = |weeks: &mut Weeks<'_>| {
            let deeper = bundle("collection", vec![json!({"resource": weeks.next()})]);
            bundle(
                "document",
                vec![
                    json!({"resource": {"resourceType": "Composition"}}),
                    json!({"resource": weeks.next()}),
                    json!({"resource": deeper}),
                ],
            )
        };
        for outer in ["transaction", "collection"] {
            let sent =
                vec![entry("POST", "Patient", patient("a")), entry("POST", "Bundle", document(&mut weeks))];
            let whole = bundle(outer, sent);
            let mut seen = Vec::new();
            for _ in 0..2 {
                let problem = send(&app, &whole).await.unwrap_err();
                let kept = kept(&problem);
                let places: Vec<&str> = kept.iter().map(|(place, _)| place.as_str()).collect();
                let within = "Bundle.entry[1].resource.entry[1]";
                let deeper = "Bundle.entry[1].resource.entry[2].resource.entry[0]";
                assert_eq!(places, [within, deeper], "{outer}: {problem}");
                for (_, binary) in &kept {
                    let read = app.read(binary).await;
                    assert_eq!(read["securityContext"]["reference"], course.patient(), "{outer}");
                }
                seen.push(kept);
            }
            assert_eq!(seen[0], seen[1], "{outer}: the same sent twice is kept once");
        }
        // In a batch, whether its request can be read or not.
        let odd = entry("SEND", "Bundle", document(&mut weeks));
        let whole = bundle("batch", vec![entry("POST", "Bundle", document(&mut weeks)), odd]);
        let answer = send(&app, &whole).await.unwrap();
        for n in 0..2 {
            let told = answer["entry"][n]["response"]["outcome"].to_string();
            assert_eq!(told.matches("kept as Binary/").count(), 2, "{n}: {told}");
        }
        assert_eq!(app.count(&[RESPONSE]).await, [0]);
        let tasks = app.search("Task", &[("patient", &course.patient())]).await;
        assert!(tasks.iter().any(|task| task.to_string().contains("envoi groupé")), "{tasks:#?}");
    }
}

#[tokio::test]
async fn a_response_is_about_whom_its_own_bundle_says() {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    let mut weeks = Weeks(&course, 0);
    let mut other = weeks.next();
    other["subject"] = json!({"reference": ONE});
    // The name that the outer Bundle has for a patient is none in the inner one.
    let known = at(ONE, entry("PUT", &course.patient(), app.read(&course.patient()).await));
    let inner = bundle("collection", vec![json!({"resource": other})]);
    let problem =
        send(&app, &bundle("transaction", vec![known, entry("POST", "Bundle", inner)])).await.unwrap_err();
    let found = kept(&problem);
    assert_eq!(found.len(), 1, "{problem}");
    assert_eq!(app.read(&found[0].1).await["securityContext"], Value::Null, "{problem}");
}

#[tokio::test]
async fn responses_at_the_wrong_door_in_something_else_are_kept() {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    let mut weeks = Weeks(&course, 0);
    for (rtype, category) in
        [(RESPONSE, Category::Malformed), ("Patient", Category::Malformed), ("Bundle", Category::NotFound)]
    {
        for form in ["Bundle", "Parameters"] {
            let mut whole = || match form {
                "Bundle" => bundle("collection", vec![json!({"resource": weeks.next()})]),
                _ => {
                    json!({"resourceType": form, "parameter": [{"name": "response", "resource": weeks.next()}]})
                }
            };
            let (first, second) = (whole().to_string(), whole().to_string());
            let created = interaction::create(&app.context, rtype, first.as_bytes(), None).await;
            let updated = interaction::update(&app.context, rtype, "x", second.as_bytes(), None).await;
            for problem in [created.map(|_| ()).unwrap_err(), updated.map(|_| ()).unwrap_err()] {
                assert_eq!(problem.category, category, "{rtype} {form}: {problem}");
                let found = kept(&problem);
                assert_eq!(found.len(), 1, "{rtype} {form}: {problem}");
                app.read(&found[0].1).await;
            }
        }
    }
    let alone = weeks.next().to_string();
    let problem =
        interaction::create(&app.context, "Bundle", alone.as_bytes(), None).await.map(|_| ()).unwrap_err();
    assert_eq!(kept(&problem).len(), 1, "{problem}");
    assert_eq!(app.count(&[RESPONSE]).await, [0]);
}

#[tokio::test]
async fn a_bundle_of_another_type_of_bytes_at_the_door_of_responses_is_looked_into() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    let response = json!({"resourceType": RESPONSE, "status": "completed", "subject": {"reference": "Patient/nobody"},
        "identifier": {"system": "https://h.example", "value": "d"}, "authored": "2026-01-12T09:30:00+01:00",
        "questionnaire": "https://vigie.example/fhir/Questionnaire/surveillance-hebdomadaire|1.0.0"});
    let whole = bundle("collection", vec![json!({"resource": response})]).to_string();
    for (kind, status) in [("text/plain", 415), ("application/fhir+json", 400)] {
        let headers = [("content-type", kind)];
        let answer =
            service.ask("POST", "/QuestionnaireResponse", &headers, whole.clone().into_bytes()).await;
        assert_eq!(answer.status(), status);
        let told = answer.text().await.unwrap();
        assert_eq!(told.matches("kept as Binary/").count(), 1, "{told}");
        assert_eq!(service.get(&format!("/{}", binary(&told))).await.0, 200);
    }
}

/// A path with a slash too many, of a type that is not taken, by a method that is not served there, in a request that is refused
/// before its body is read: the answer is the same as without a response, and says where that is kept.
#[tokio::test]
async fn a_response_that_is_sent_astray_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    let response = |value: &str| {
        json!({"resourceType": RESPONSE, "status": "completed", "subject": {"reference": "Patient/nobody"},
        "identifier": {"system": "https://h.example", "value": value}, "authored": "2026-01-12T09:30:00+01:00",
        "questionnaire": "https://vigie.example/fhir/Questionnaire/surveillance-hebdomadaire|1.0.0"})
    };
    let json = ("content-type", "application/fhir+json");
    for (n, (method, path, headers, status)) in [
        ("POST", "/Bundle", vec![json], 404),
        ("POST", "/QuestionnaireResponse/", vec![json], 404),
        ("POST", "/fhir/QuestionnaireResponse", vec![json], 404),
        ("PUT", "/somewhere/else", vec![], 404),
        ("POST", "/QuestionnaireResponse/1", vec![json], 405),
        ("POST", "/Patient", vec![json, ("prefer", "return=everything")], 400),
        ("POST", "/Patient", vec![("content-type", "text/plain")], 415),
        ("PUT", "/Patient/1?_pretty=perhaps", vec![json], 400),
    ]
    .into_iter()
    .enumerate()
    {
        let alone = response(&format!("alone-{n}"));
        let beside = bundle("collection", vec![json!({"resource": response(&format!("beside-{n}"))})]);
        for (sent, kept) in [(alone, 1), (beside, 1), (patient("a"), 0)] {
            let answer = service.ask(method, path, &headers, sent.to_string().into_bytes()).await;
            assert_eq!(answer.status(), status, "{method} {path}");
            let told = answer.text().await.unwrap();
            assert_eq!(told.matches("kept as Binary/").count(), kept, "{method} {path}: {told}");
            if kept > 0 {
                assert_eq!(service.get(&format!("/{}", binary(&told))).await.0, 200);
            }
        }
        let answer = service.ask(method, path, &headers, b"no resource".to_vec()).await;
        assert_eq!(answer.status(), status, "{method} {path}");
    }
}
