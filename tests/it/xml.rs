//! FHIR XML: what ships can be said in it without loss, a response in XML is judged as one in JSON, a refused one is
//! kept as it came, and every answer can be had in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vigie::fhir::{Document, Format, structure, xml};
use vigie::interaction;
use vigie::json::{Value, json};
use vigie::problem::{Category, Problem};

use crate::process::Service;
use crate::support::{App, Course, body, example, profiles};

fn written(resource: &Value) -> Vec<u8> {
    xml::write(resource).unwrap()
}

fn read(bytes: &[u8]) -> Value {
    let read = xml::read(bytes).unwrap_or_else(|fault| panic!("{fault}: {}", String::from_utf8_lossy(bytes)));
    assert_eq!(read.issues, []);
    read.resource
}

fn in_xml(bytes: &[u8]) -> Document<'_> {
    Document { bytes, format: Format::Xml }
}

#[test]
fn what_ships_comes_back_as_it_went() {
    let mut all = profiles();
    for name in ["folfox", "capecitabine", "ipilimumab-nivolumab", "pembrolizumab"] {
        all.extend(
            ["patient", "careplan", "week-1", "week-2"].map(|file| example(&format!("{name}/{file}.json"))),
        );
    }
    for resource in all {
        let text = written(&resource);
        assert_eq!(read(&text), resource);
        assert_eq!(written(&read(&text)), text);
    }
}

async fn folfox() -> (App, Course) {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    (app, course)
}

async fn submit(app: &App, bytes: &[u8]) -> Result<Value, Problem> {
    let answer = interaction::create(&app.context, "QuestionnaireResponse", in_xml(bytes), None).await?;
    Ok(body(&answer))
}

/// The `Binary` in which the bytes of a refused response are.
async fn kept(app: &App, problem: &Problem) -> Value {
    let text = problem.to_string();
    let place = text.find("Binary/").unwrap_or_else(|| panic!("nothing is kept: {text}"));
    app.read(text[place..].split([' ', ',']).next().unwrap()).await
}

#[tokio::test]
async fn a_response_in_xml_becomes_what_one_in_json_becomes() {
    let types = ["QuestionnaireResponse", "Observation", "Flag", "Task", "DiagnosticReport", "Binary"];
    let (first, course) = folfox().await;
    let response = course.week("3");
    let expected = body(&first.submit(&response).await.unwrap());
    let (second, _) = folfox().await;
    let found = submit(&second, &written(&response)).await.unwrap();
    assert_eq!(found["item"], expected["item"]);
    assert_eq!(second.count(&types).await, first.count(&types).await);
    assert!(second.count(&["Flag"]).await > vec![0]);
}

#[tokio::test]
async fn a_refused_response_in_xml_is_kept_as_it_came_and_what_can_be_read_is_judged() {
    let (app, course) = folfox().await;
    let text = String::from_utf8(written(&course.week("3"))).unwrap();
    let broken = &text[..text.len() - 10];
    let problem = submit(&app, broken.as_bytes()).await.unwrap_err();
    assert_eq!(problem.category, Category::Malformed);
    let binary = kept(&app, &problem).await;
    assert_eq!(binary["contentType"], "application/fhir+xml");
    assert_eq!(binary["data"], STANDARD.encode(broken));
    assert_eq!(app.count(&["Flag", "Task"]).await, [0, 1], "a person finds out whose it is");

    let strange = text.replacen("<item>", "\n<mood value=\"x\"/><item>", 1);
    let problem = submit(&app, strange.as_bytes()).await.unwrap_err();
    assert_eq!(problem.category, Category::Invalid);
    let issue = &problem.issues[0];
    assert!(issue.diagnostics.contains("no element mood, at line 3 column 1"), "{issue:?}");
    assert_eq!(issue.expression.as_deref(), Some("QuestionnaireResponse"));
    let binary = kept(&app, &problem).await;
    assert_eq!(binary["contentType"], "application/fhir+xml");
    assert_eq!(binary["data"], STANDARD.encode(&strange));
    assert!(app.count(&["Flag"]).await > vec![0], "the answers were readable, and call for somebody");
}

/// One request; status, media type and body.
async fn ask(
    service: &Service,
    method: &str,
    path: &str,
    accept: &str,
    sent: Option<(&str, Vec<u8>)>,
) -> (u16, String, Vec<u8>) {
    let mut request =
        reqwest::Client::new().request(method.parse().unwrap(), service.at(path)).header("accept", accept);
    if let Some((kind, bytes)) = sent {
        request = request.header("content-type", kind).body(bytes);
    }
    let answer = request.send().await.unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (answer.status().as_u16(), kind, answer.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn every_answer_can_be_had_in_xml() {
    const XML: &str = "application/fhir+xml; charset=utf-8";
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    let organization =
        json!({"resourceType": "Organization", "id": "o", "name": "Hôpital\nde jour", "active": true});
    for (n, kind) in ["application/fhir+xml", "application/xml", "text/xml; charset=utf-8"].iter().enumerate()
    {
        let sent = Some((*kind, written(&organization)));
        let (status, found, bytes) = ask(&service, "PUT", "/Organization/o", "application/xml", sent).await;
        assert_eq!((status, found.as_str()), (if n == 0 { 201 } else { 200 }, XML));
        assert_eq!(read(&bytes)["name"], organization["name"]);
    }
    for (path, accept, expected) in [
        ("/Organization/o", "application/fhir+xml", 200),
        ("/Organization/o?_format=xml", "application/json", 200),
        ("/Organization/o?_format=application/fhir%2Bxml", "*/*", 200),
        ("/Organization/o/_history/1", "text/xml", 200),
        ("/Organization?active=true", "application/fhir+xml", 200),
        ("/metadata", "application/fhir+xml", 200),
        ("/Organization/nobody", "application/fhir+xml", 404),
        ("/Organization?nonsense=1", "application/fhir+xml", 400),
        ("/Nonsense", "application/fhir+xml", 404),
    ] {
        let (status, kind, bytes) = ask(&service, "GET", path, accept, None).await;
        assert_eq!((status, kind.as_str()), (expected, XML), "{path}");
        assert_eq!(structure::check(&read(&bytes)), [], "{path}");
    }
    let (status, kind, _) = ask(&service, "GET", "/Organization/o", "text/html", None).await;
    assert_eq!((status, kind.starts_with("application/fhir+json")), (406, true));
    let doctype = b"<!DOCTYPE Organization><Organization xmlns=\"http://hl7.org/fhir\"/>".to_vec();
    let sent = Some(("application/fhir+xml", doctype));
    let (status, _, bytes) = ask(&service, "PUT", "/Organization/o", "application/fhir+xml", sent).await;
    assert_eq!((status, read(&bytes)["resourceType"].as_str()), (400, Some("OperationOutcome")));
}

#[tokio::test]
async fn a_batch_in_xml_does_what_it_does_in_json_and_is_answered_in_the_form_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    let document = "<Patient xmlns=\"http://hl7.org/fhir\"><active value=\"true\"/></Patient>";
    let patch = json!([{"op": "replace", "path": "/active", "value": false}]).to_string();
    let put = |resource: Value| {
        let url =
            format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        json!({"resource": resource, "request": {"method": "PUT", "url": url}})
    };
    let binary = json!({"resourceType": "Binary", "id": "b", "contentType": "application/fhir+xml",
        "data": STANDARD.encode(document)});
    let patching = json!({"resourceType": "Binary", "contentType": "application/json-patch+json",
        "data": STANDARD.encode(patch)});
    for kind in ["batch", "transaction"] {
        let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": [
            put(binary.clone()),
            put(json!({"resourceType": "Patient", "id": kind, "active": true,
                "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"> a\n <b>b</b></div>"}})),
            {"request": {"method": "GET", "url": "Binary/b"}},
        ]});
        let sent = written(&bundle);
        let headers = [("content-type", "application/fhir+xml"), ("accept", "application/fhir+xml")];
        let answer = service.ask("POST", "/", &headers, sent.clone()).await;
        assert_eq!(
            (answer.status(), &answer.headers()["content-type"]),
            (reqwest::StatusCode::OK, &"application/fhir+xml; charset=utf-8".parse().unwrap())
        );
        let answer = read(&answer.bytes().await.unwrap());
        assert_eq!(answer["type"], format!("{kind}-response"));
        assert_eq!(
            answer["entry"][2]["resource"]["data"], binary["data"],
            "the document within stays as it is"
        );
        assert_eq!(answer["entry"][1]["resource"]["text"], bundle["entry"][1]["resource"]["text"]);
        // The same again, in XML and answered in JSON.
        let headers = [("content-type", "text/xml"), ("accept", "application/json")];
        let again = service.ask("POST", "/", &headers, sent).await;
        assert_eq!(again.headers()["content-type"], "application/fhir+json; charset=utf-8");
        let again: Value = serde_json::from_slice(&again.bytes().await.unwrap()).unwrap();
        assert_eq!(again["entry"][1]["response"]["status"], "200 OK");
        assert_eq!(again["entry"][1]["resource"]["meta"]["versionId"], "1", "nothing was changed by the way");
    }
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        {"resource": patching, "request": {"method": "PATCH", "url": "Patient/batch"}},
        {"resource": {"resourceType": "Patient", "gender": "unheard-of"}, "request": {"method": "POST", "url": "Patient"}},
    ]});
    let headers = [("content-type", "application/fhir+xml"), ("accept", "application/fhir+xml")];
    let answer = service.ask("POST", "/", &headers, written(&bundle)).await;
    let answer = read(&answer.bytes().await.unwrap());
    assert_eq!(answer["entry"][0]["resource"]["active"], false);
    assert_eq!(answer["entry"][1]["response"]["status"], "422 Unprocessable Entity");
    assert_eq!(
        answer["entry"][1]["response"]["outcome"]["issue"][0]["expression"],
        json!(["Patient.gender"])
    );
}
