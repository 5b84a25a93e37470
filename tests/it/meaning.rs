//! What says of itself that it must be understood to read the rest (`implicitRules`, `modifierExtension`): none is known here, so that
//! nothing that has one is taken as if it had none (FHIR R4, Resource; Extensibility, 2.4.2).

use vigie::interaction::{self, Echo};
use vigie::json::{Value, json};
use vigie::problem::{Category, Problem};

use crate::process::Service;
use crate::support::bundle::{bundle, entry, send};
use crate::support::{App, Course, Kept, example};

const RESPONSE: &str = "QuestionnaireResponse";
const RULES: &str = "https://rules.example/negated";

fn modifier() -> Value {
    json!([{"url": "https://m.example/not", "valueBoolean": true}])
}

/// A week with that at its root, or deep in it.
fn odd(course: &Course, n: usize) -> (Value, String) {
    let mut week = course.week("1");
    week["identifier"]["value"] = json!(format!("meaning-{n}"));
    let place = match n % 4 {
        0 => {
            week["implicitRules"] = json!(RULES);
            "QuestionnaireResponse.implicitRules"
        }
        1 => {
            week["contained"] = json!([{"resourceType": "Patient", "id": "p", "implicitRules": RULES}]);
            "QuestionnaireResponse.contained[0].implicitRules"
        }
        2 => {
            week["modifierExtension"] = modifier();
            "QuestionnaireResponse.modifierExtension[0]"
        }
        _ => {
            week["item"][0]["item"][0]["answer"][0]["modifierExtension"] = modifier();
            "QuestionnaireResponse.item[0].item[0].answer[0].modifierExtension[0]"
        }
    };
    (week, place.to_owned())
}

fn is_refused_at(problem: &Problem, place: &str) {
    assert_eq!(problem.category, Category::Invalid, "{problem}");
    let there = |issue: &&vigie::problem::Issue| issue.expression.as_deref() == Some(place);
    let issue = problem.issues.iter().find(there).unwrap_or_else(|| panic!("{place}: {problem}"));
    assert!(issue.diagnostics.contains("known here"), "{problem}");
    assert!(problem.to_string().contains("kept as Binary/"), "{problem}");
}

#[tokio::test]
async fn a_response_whose_meaning_is_not_known_is_refused_and_kept_alone_and_in_a_bundle() {
    for kept in Kept::EACH {
        let Some(app) = App::on(kept).await else { continue };
        let course = Course::start(&app, "folfox").await;
        app.at("2026-03-02T09:13:00+01:00");
        for n in 0..4 {
            let (week, place) = odd(&course, n);
            is_refused_at(&app.submit(&week).await.unwrap_err(), &place);
            let in_bundle = place.replace(RESPONSE, "Bundle.entry[0].resource");
            let (week, _) = odd(&course, n + 4);
            let sent = bundle("transaction", vec![entry("POST", RESPONSE, week)]);
            is_refused_at(&send(&app, &sent).await.unwrap_err(), &in_bundle);
            let (week, _) = odd(&course, n + 8);
            let sent = bundle("batch", vec![entry("POST", RESPONSE, week)]);
            let answer = send(&app, &sent).await.unwrap()["entry"][0]["response"].clone();
            assert_eq!(answer["status"], "422 Unprocessable Entity");
            assert!(
                answer.to_string().contains(&place) && answer.to_string().contains("kept as Binary/"),
                "{answer}"
            );
        }
        assert_eq!(app.count(&[RESPONSE, "Observation"]).await, [0, 0], "{kept:?}");
        let tasks = app.search("Task", &[("patient", &course.patient())]).await;
        assert!(tasks.iter().any(|task| task.to_string().contains("règles de lecture")), "{tasks:#?}");
        // Rules of the whole Bundle, and what changes an entry.
        let mut whole = bundle("transaction", vec![entry("POST", RESPONSE, course.week("1"))]);
        whole["implicitRules"] = json!(RULES);
        is_refused_at(&send(&app, &whole).await.unwrap_err(), "Bundle.implicitRules");
        for place in ["", "request"] {
            let mut changed = entry("POST", RESPONSE, course.week("2"));
            let at = if place.is_empty() { &mut changed } else { &mut changed[place] };
            at["modifierExtension"] = modifier();
            let problem = send(&app, &bundle("transaction", vec![changed])).await.unwrap_err();
            assert_eq!(problem.category, Category::Malformed);
            assert!(problem.to_string().contains("kept as Binary/"), "{problem}");
        }
        assert_eq!(app.count(&[RESPONSE]).await, [0]);
    }
}

#[tokio::test]
async fn what_the_rules_read_beside_a_response_is_refused_too() {
    let app = App::new().await;
    Course::start(&app, "folfox").await;
    let plan = example("folfox/careplan.json");
    let mut negated = plan.clone();
    negated["activity"][0]["modifierExtension"] = modifier();
    let mut ruled = plan;
    ruled["implicitRules"] = json!(RULES);
    for (plan, place) in
        [(negated, "CarePlan.activity[0].modifierExtension[0]"), (ruled, "CarePlan.implicitRules")]
    {
        let problem = app.put(&plan).await.map(|_| ()).unwrap_err();
        assert_eq!(problem.category, Category::Invalid);
        assert_eq!(problem.issues[0].expression.as_deref(), Some(place), "{problem}");
        let sent = bundle(
            "transaction",
            vec![entry("PUT", &format!("CarePlan/{}", plan["id"].as_str().unwrap()), plan)],
        );
        let answer = interaction::bundle(&app.context, sent.to_string().as_bytes(), Echo::Minimal).await;
        assert_eq!(answer.unwrap_err().category, Category::Invalid);
    }
}

#[tokio::test]
async fn over_http_in_xml() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    let xml = "application/fhir+xml";
    for more in [
        format!("<implicitRules value=\"{RULES}\"/>"),
        "<modifierExtension url=\"https://m.example/not\"><valueBoolean value=\"true\"/></modifierExtension>"
            .to_owned(),
    ] {
        let response = format!(
            "<QuestionnaireResponse xmlns=\"http://hl7.org/fhir\">{more}\
             <questionnaire value=\"https://vigie.example/fhir/Questionnaire/surveillance-hebdomadaire|1.0.0\"/><status value=\"completed\"/>\
             <subject><reference value=\"Patient/nobody\"/></subject><authored value=\"2026-01-12T09:30:00+01:00\"/></QuestionnaireResponse>"
        );
        let transaction = format!(
            "<Bundle xmlns=\"http://hl7.org/fhir\"><type value=\"transaction\"/><entry><resource>{response}</resource><request>\
             <method value=\"POST\"/><url value=\"QuestionnaireResponse\"/></request></entry></Bundle>"
        );
        for (path, body) in [("/QuestionnaireResponse", response), ("/", transaction)] {
            let headers = [("content-type", xml), ("accept", xml)];
            let answer = service.ask("POST", path, &headers, body.into_bytes()).await;
            assert_eq!(answer.status(), 422);
            let text = answer.text().await.unwrap();
            assert!(text.contains("known here") && text.contains("kept as Binary/"), "{text}");
        }
    }
}

#[tokio::test]
async fn parameters_of_every_operation_say_nothing_that_must_be_understood() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    let patient = json!({"resourceType": "Patient", "id": "p", "gender": "female"});
    service.put(&patient).await;
    let text = |name: &str| json!({"name": name, "valueString": "x"});
    let operation = json!({"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Patient.gender"},
        {"name": "value", "valueCode": "male"}]});
    let day = |name: &str| json!({"name": name, "valueDate": "2026-03-01"});
    let response = json!({"name": "response", "resource": {"resourceType": RESPONSE, "status": "completed"}});
    let previous = json!({"name": "previous", "resource": {"resourceType": RESPONSE, "status": "completed"}});
    for (method, path, parameters) in [
        ("POST", "/$delivery-stop", vec![text("delivery"), text("by"), text("reason")]),
        ("POST", "/$delivery-resend", vec![text("delivery")]),
        ("POST", "/QuestionnaireResponse/$evaluate", vec![response, previous]),
        ("POST", "/Patient/$validate", vec![json!({"name": "resource", "resource": patient})]),
        ("POST", "/Patient/p/$period-report", vec![day("start"), day("end")]),
        ("POST", "/DocumentReference/d/$visibility", vec![text("reason")]),
        ("PATCH", "/Patient/p", vec![operation.clone()]),
    ] {
        let plain = json!({"resourceType": "Parameters", "parameter": parameters});
        let mut asked = vec![(plain.clone(), "Parameters.implicitRules".to_owned())];
        asked[0].0["implicitRules"] = json!(RULES);
        let mut modified = plain.clone();
        modified["parameter"][0]["modifierExtension"] = modifier();
        asked.push((modified, "Parameters.parameter[0].modifierExtension[0]".to_owned()));
        if path.ends_with("$evaluate") {
            let mut ruled = plain.clone();
            ruled["parameter"][1]["resource"]["implicitRules"] = json!(RULES);
            asked.push((ruled, "Parameters.parameter[1].resource.implicitRules".to_owned()));
        }
        if method == "PATCH" {
            let mut within = plain.clone();
            within["parameter"][0]["part"][2]["modifierExtension"] = modifier();
            asked.push((within, "Parameters.parameter[0].part[2].modifierExtension[0]".to_owned()));
        }
        for (body, place) in asked {
            let headers = [("content-type", "application/fhir+json")];
            let answer = service.ask(method, path, &headers, body.to_string().into_bytes()).await;
            let status = answer.status().as_u16();
            let told = answer.text().await.unwrap();
            assert_eq!(status, 422, "{path} {told}");
            assert!(told.contains(&place) && told.contains("known here"), "{path}: {told}");
        }
    }
    assert_eq!(service.get("/Patient/p").await.1["gender"], "female");
}
