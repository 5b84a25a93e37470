//! Responses in a Bundle that is refused, whatever for: kept as one that came alone is, once, judged, and told to a person.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vigie::interaction::{self, Echo};
use vigie::json::{Value, json};
use vigie::problem::{Category, Problem, Severity};

use crate::process::Service;
use crate::support::bundle::{at, bundle, entry, patient, send};
use crate::support::{App, Course, Kept};

const RESPONSE: &str = "QuestionnaireResponse";
const ONE: &str = "urn:uuid:0b5cbf7c-3c1c-4a7e-9d0c-6d0b8a7e5f10";

async fn scenes() -> Vec<(App, Course)> {
    let mut scenes = Vec::new();
    for kept in Kept::EACH {
        let Some(app) = App::on(kept).await else { continue };
        let course = Course::start(&app, "folfox").await;
        app.at("2026-03-02T09:13:00+01:00");
        scenes.push((app, course));
    }
    scenes
}

/// A week in which the patient says that the chest hurts: rouge.
fn red(course: &Course) -> Value {
    let mut week = course.week("1");
    redden(&mut week);
    week
}

fn redden(value: &mut Value) {
    for item in value.get_mut("item").and_then(Value::as_array_mut).into_iter().flatten() {
        if item["linkId"] == "alerte.thorax" {
            item["answer"] = json!([{"valueBoolean": true}]);
        }
        redden(item);
    }
}

/// Where the problem says that bytes are kept, with the entry it says so of.
fn places(problem: &Problem) -> Vec<(String, Option<String>)> {
    let told = problem.issues.iter().filter(|issue| issue.diagnostics.contains("kept as Binary/"));
    told.map(|issue| {
        assert_eq!(issue.severity, Severity::Information);
        (place_in(&issue.diagnostics), issue.expression.clone())
    })
    .collect()
}

fn place_in(text: &str) -> String {
    let start = text.find("Binary/").unwrap_or_else(|| panic!("it does not say where it is kept: {text}"));
    text[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || "/-".contains(*c)).collect()
}

fn decoded(binary: &Value) -> Vec<u8> {
    STANDARD.decode(binary["data"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_response_beside_what_is_refused_is_kept_and_judged_once() {
    for (app, course) in scenes().await {
        let response = red(&course);
        let mut odd = patient("a");
        odd["gender"] = json!("unheard-of");
        let mut stale = entry("PUT", "Patient/new", json!({"resourceType": "Patient", "id": "new"}));
        stale["request"]["ifMatch"] = json!("W/\"4\"");
        let mut vague = entry("POST", "Flag", json!({"resourceType": "Flag"}));
        vague["request"]["ifNoneExist"] = json!("status=active");
        let flag = json!({"resourceType": "Flag", "status": "active", "code": {"text": "x"}, "subject": {"reference": course.patient()}});
        for id in ["one", "two"] {
            let mut flag = flag.clone();
            flag["id"] = json!(id);
            app.put(&flag).await.unwrap();
        }
        let mut kept = Vec::new();
        for (wrong, category) in [
            (entry("POST", "Patient", odd), Category::Invalid),
            (stale, Category::PreconditionFailed),
            (vague, Category::PreconditionFailed),
            (entry("SEND", "Flag", flag), Category::Malformed),
        ] {
            let sent = bundle("transaction", vec![entry("POST", RESPONSE, response.clone()), wrong]);
            let problem = send(&app, &sent).await.unwrap_err();
            assert_eq!(problem.category, category, "{problem}");
            let places = places(&problem);
            assert_eq!(places.len(), 1, "{problem}");
            assert_eq!(places[0].1.as_deref(), Some("Bundle.entry[0]"));
            kept.push(places[0].0.clone());
        }
        kept.dedup();
        assert_eq!(kept.len(), 1, "the same response, however often");
        let binary = app.read(&kept[0]).await;
        assert_eq!(serde_json::from_slice::<Value>(&decoded(&binary)).unwrap(), response);
        assert_eq!(binary["securityContext"]["reference"], course.patient());
        let tasks = app.search("Task", &[("patient", &course.patient())]).await;
        assert!(tasks.iter().any(|task| task["priority"] == "stat"), "its answers are judged: {tasks:#?}");
        assert!(tasks.iter().any(|task| task.to_string().contains("envoi groupé")), "{tasks:#?}");
        assert_eq!(
            app.count(&[RESPONSE, "Binary"]).await,
            [0, 2],
            "nothing else of the transactions is stored"
        );
        // Sent again without what was wrong it is taken.
        let sent = bundle("transaction", vec![entry("POST", RESPONSE, response)]);
        send(&app, &sent).await.unwrap();
        assert_eq!(app.count(&[RESPONSE, "Binary"]).await, [1, 2]);
    }
}

#[tokio::test]
async fn a_response_whose_identifier_is_taken_is_kept_with_the_one_beside_it() {
    for (app, course) in scenes().await {
        let first = course.week("1");
        app.submit(&first).await.unwrap();
        let mut other = first.clone();
        other["status"] = json!("amended");
        let sent = vec![entry("POST", RESPONSE, other), entry("POST", RESPONSE, course.week("2"))];
        let problem = send(&app, &bundle("transaction", sent)).await.unwrap_err();
        assert_eq!(problem.category, Category::Conflict, "{problem}");
        let at: Vec<_> = places(&problem).into_iter().map(|(_, at)| at.unwrap()).collect();
        assert_eq!(at, ["Bundle.entry[0]", "Bundle.entry[1]"], "{problem}");
        // A repeat of what was taken is not told to a person.
        let flag = entry("POST", "Flag", json!({"resourceType": "Flag"}));
        let sent = vec![entry("POST", RESPONSE, first), flag];
        let problem = send(&app, &bundle("transaction", sent)).await.unwrap_err();
        assert_eq!(places(&problem), []);
        let told = "Bundle.entry[0]: nothing is lost: this response was received before";
        assert!(problem.to_string().contains(told), "{problem}");
        assert_eq!(app.count(&[RESPONSE, "Binary"]).await, [1, 4]);
    }
}

#[tokio::test]
async fn a_response_about_whom_the_bundle_names_is_about_who_is_here_and_else_about_nobody() {
    for (app, course) in scenes().await {
        let mut response = red(&course);
        response["subject"] = json!({"reference": ONE});
        for name in ["source", "basedOn"] {
            response.as_object_mut().unwrap().remove(name);
        }
        let (_, id) = course.patient().split_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let stored = app.read(&course.patient()).await;
        let flag = entry("POST", "Flag", json!({"resourceType": "Flag", "status": "active"}));
        let known = at(ONE, entry("PUT", &format!("Patient/{id}"), stored));
        let sent = vec![entry("POST", RESPONSE, response.clone()), known.clone(), flag.clone()];
        let problem = send(&app, &bundle("transaction", sent)).await.unwrap_err();
        let binary = app.read(&places(&problem)[0].0).await;
        assert_eq!(binary["securityContext"]["reference"], course.patient(), "{problem}");

        // The record itself is refused, or new: nobody knows whom it is about.
        response["identifier"]["value"] = json!("another");
        let mut odd = known;
        odd["resource"]["gender"] = json!("unheard-of");
        let new = at(ONE, entry("POST", "Patient", patient("a")));
        let mut seen = Vec::new();
        for beside in [odd, new] {
            let sent = vec![entry("POST", RESPONSE, response.clone()), beside, flag.clone()];
            let problem = send(&app, &bundle("transaction", sent)).await.unwrap_err();
            let place = places(&problem)[0].0.clone();
            assert_eq!(app.read(&place).await["securityContext"], Value::Null, "{problem}");
            seen.push(place);
        }
        assert_eq!(seen[0], seen[1]);
        // Of another server, with an id that is known here.
        let mut response = red(&course);
        response["identifier"]["value"] = json!("third");
        let foreign = at("http://other/fhir/QuestionnaireResponse/1", entry("SEND", RESPONSE, response));
        for kind in ["transaction", "batch", "collection"] {
            let text = match send(&app, &bundle(kind, vec![foreign.clone()])).await {
                Ok(answer) => answer.to_string(),
                Err(problem) => problem.to_string(),
            };
            assert_eq!(app.read(&place_in(&text)).await["securityContext"], Value::Null, "{kind}: {text}");
        }
    }
}

#[tokio::test]
async fn a_bundle_of_another_type_or_a_response_at_the_wrong_door_is_refused_and_its_responses_are_kept() {
    for (app, course) in scenes().await {
        let here = app.count(&["Binary"]).await[0];
        let mut number = 0;
        let mut fresh = || {
            number += 1;
            let mut week = course.week("1");
            week["identifier"]["value"] = json!(format!("door-{number}"));
            week
        };
        for kind in ["collection", "message", "document", "searchset", "odd"] {
            let entries = vec![
                json!({"resource": fresh()}),
                json!({"resource": fresh()}),
                json!({"resource": patient("a")}),
            ];
            let problem = send(&app, &bundle(kind, entries)).await.unwrap_err();
            assert_eq!(
                (problem.category, places(&problem).len()),
                (Category::Malformed, 2),
                "{kind}: {problem}"
            );
        }
        let problem = send(&app, &fresh()).await.unwrap_err();
        assert_eq!((problem.category, places(&problem).len()), (Category::Malformed, 1), "{problem}");
        let bytes = fresh().to_string();
        let problem = interaction::create(&app.context, "Patient", bytes.as_bytes(), None)
            .await
            .map(|_| ())
            .unwrap_err();
        assert_eq!((problem.category, places(&problem).len()), (Category::Malformed, 1), "{problem}");
        for kind in ["batch", "transaction"] {
            let sent = bundle(kind, vec![entry("POST", "Patient", fresh())]).to_string();
            let text = match interaction::bundle(&app.context, sent.as_bytes(), Echo::Minimal).await {
                Ok(answer) => String::from_utf8(answer).unwrap(),
                Err(problem) => problem.to_string(),
            };
            app.read(&place_in(&text)).await;
        }
        assert_eq!(app.count(&["Binary"]).await[0], here + 28);
        let problem =
            send(&app, &bundle("collection", vec![json!({"resource": patient("a")})])).await.unwrap_err();
        assert_eq!(places(&problem), []);
        assert_eq!(app.count(&[RESPONSE]).await, [0]);
    }
}

#[tokio::test]
async fn what_cannot_be_taken_apart_is_kept_whole_and_once() {
    for (app, course) in scenes().await {
        let sent = bundle("transaction", vec![entry("POST", RESPONSE, course.week("1"))]).to_string();
        let many: Vec<Value> = (0..2_001)
            .map(|n| {
                entry(
                    "POST",
                    if n == 7 { RESPONSE } else { "Patient" },
                    json!({"resourceType": if n == 7 { RESPONSE } else { "Patient" }}),
                )
            })
            .collect();
        let broken = [sent[..sent.len() - 9].to_owned(), bundle("batch", many).to_string()];
        for (n, body) in broken.iter().enumerate() {
            let mut seen = Vec::new();
            for _ in 0..2 {
                let answer = interaction::bundle(&app.context, body.as_bytes(), Echo::Minimal).await;
                let problem = answer.unwrap_err();
                assert_eq!(problem.category, [Category::Malformed, Category::TooLarge][n]);
                seen.push(places(&problem)[0].0.clone());
            }
            assert_eq!(seen[0], seen[1]);
            assert_eq!(decoded(&app.read(&seen[0]).await), body.as_bytes());
            let tasks = app.search("Task", &[("focus", &seen[0])]).await;
            assert_eq!((tasks.len(), &tasks[0]["for"]), (1, &Value::Null));
        }
        let other = interaction::bundle(&app.context, b"{\"resourceType\":\"Bund", Echo::Minimal).await;
        assert_eq!(places(&other.unwrap_err()), [], "it holds none");
    }
}

#[tokio::test]
async fn over_http_in_json_in_xml_and_under_a_wrong_type() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    let response = |value: &str| {
        format!(
            "<QuestionnaireResponse xmlns=\"http://hl7.org/fhir\"><identifier><system value=\"https://h.example\"/><value value=\"{value}\"/></identifier>\
             <questionnaire value=\"https://vigie.example/fhir/Questionnaire/surveillance-hebdomadaire|1.0.0\"/><status value=\"completed\"/>\
             <subject><reference value=\"Patient/nobody\"/></subject><authored value=\"2026-01-12T09:30:00+01:00\"/></QuestionnaireResponse>"
        )
    };
    let whole = |value: &str, more: &str| {
        format!(
            "<Bundle xmlns=\"http://hl7.org/fhir\"><type value=\"transaction\"/><entry><resource>{}</resource><request><method value=\"POST\"/>\
             <url value=\"QuestionnaireResponse\"/></request></entry>{more}</Bundle>",
            response(value)
        )
    };
    let (xml, json) = ("application/fhir+xml", "application/fhir+json");
    let alone = json!({"resourceType": RESPONSE, "status": "completed", "identifier": {"system": "https://h.example", "value": "d"},
        "questionnaire": "https://vigie.example/fhir/Questionnaire/surveillance-hebdomadaire|1.0.0",
        "subject": {"reference": "Patient/nobody"}, "authored": "2026-01-12T09:30:00+01:00"});
    let flag = entry("POST", "Flag", json!({"resourceType": "Flag"}));
    let fine = bundle("transaction", vec![entry("POST", RESPONSE, alone), flag]).to_string();
    for (path, kind, prefer, body, status) in [
        ("/", xml, "return=minimal", whole("a", "<colour/>"), 422),
        ("/", xml, "return=minimal", whole("b", "<entry>"), 400),
        ("/", xml, "return=minimal", whole("c", ""), 422),
        ("/", json, "return=minimal", fine.clone(), 422),
        ("/", json, "return=everything", fine.replace("\"d\"", "\"e\""), 400),
        ("/", "text/plain", "return=minimal", fine.replace("\"d\"", "\"f\""), 415),
        ("/?_format=html", json, "return=minimal", fine.replace("\"d\"", "\"g\""), 406),
        ("/?colour=blue", json, "return=minimal", fine.replace("\"d\"", "\"h\""), 400),
    ] {
        let headers = [("content-type", kind), ("prefer", prefer), ("accept", json)];
        let mut seen = Vec::new();
        for _ in 0..2 {
            let answer = service.ask("POST", path, &headers, body.clone().into_bytes()).await;
            assert_eq!(answer.status(), status, "{path} {kind}");
            let told = answer.text().await.unwrap();
            let place = place_in(&told);
            let (code, binary) = service.get(&format!("/{place}")).await;
            assert_eq!(code, 200, "{told}");
            assert!(String::from_utf8(decoded(&binary)).unwrap().contains(RESPONSE));
            seen.push(place);
        }
        assert_eq!(seen[0], seen[1], "{path} {kind}");
    }
    let (code, tasks) = service.get("/Task?patient:missing=true&_summary=count").await;
    assert_eq!((code, &tasks["total"]), (200, &json!(8)));
    let (code, outcome) = service.send("POST", "/", vec![b' '; 6 * 1024 * 1024]).await.unwrap();
    assert_eq!(code, 413);
    assert!(outcome.to_string().contains("nothing of what the Bundle holds is kept"), "{outcome:#}");
    let metrics = service.ask("GET", "/metrics", &[], vec![]).await.text().await.unwrap();
    assert!(metrics.contains("vigie_responses_not_kept_total{reason=\"bundle-too-large\"} 1"), "{metrics}");
}
