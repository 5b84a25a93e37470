//! Rubbish at the door: each kind gets its status and an `OperationOutcome` that says what is wrong; nothing
//! panics, and what was meant to be a response is kept.

use vigie::json::{Value, json};

use crate::process::Service;

fn response() -> Value {
    json!({
        "resourceType": "QuestionnaireResponse",
        "identifier": { "system": "https://hospital.example/reponse", "value": "bad-input" },
        "questionnaire": "https://vigie.example/fhir/Questionnaire/surveillance-hebdomadaire|1.0.0",
        "status": "completed",
        "subject": { "reference": "Patient/nobody" },
        "authored": "2026-01-12T09:30:00+01:00"
    })
}

/// The outcome's issues as one text, after checking that it is an outcome.
fn diagnostics(outcome: &Value) -> String {
    assert_eq!(outcome["resourceType"], "OperationOutcome", "{outcome:#}");
    let issues = outcome["issue"].as_array().unwrap();
    assert!(!issues.is_empty());
    let told = |issue: &Value| {
        let place = issue["expression"][0].as_str().unwrap_or_default();
        format!("{place}: {}", issue["diagnostics"].as_str().unwrap_or_default())
    };
    issues.iter().map(told).collect::<Vec<_>>().join("\n")
}

/// Where the outcome says that the refused bytes are kept.
fn kept_at(text: &str) -> String {
    let start = text.find("Binary/").unwrap_or_else(|| panic!("it does not say where it is kept: {text}"));
    text[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || "/-.".contains(*c)).collect()
}

async fn check(service: &Service, body: Vec<u8>, status: u16, says: &str) -> String {
    let (code, outcome) = service.send("POST", "/QuestionnaireResponse", body).await.unwrap();
    let text = diagnostics(&outcome);
    assert_eq!(code, status, "{text}");
    assert!(text.contains(says), "'{says}' is missing in: {text}");
    text
}

/// The same, and the very bytes can be read again where the outcome says.
async fn check_kept(service: &Service, body: Vec<u8>, status: u16, says: &str) {
    let text = check(service, body.clone(), status, says).await;
    let place = kept_at(&text);
    let (code, binary) = service.get(&format!("/{place}")).await;
    assert_eq!(code, 200, "{place}");
    assert_eq!(decode(binary["data"].as_str().unwrap()), body);
}

fn decode(data: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(data).unwrap()
}

#[tokio::test]
async fn rubbish_gets_a_clear_outcome_and_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));

    let whole = response().to_string().into_bytes();
    check_kept(&service, whole[..whole.len() / 2].to_vec(), 400, "line 1").await;
    let twice = String::from_utf8(whole.clone()).unwrap().replacen('{', "{\"status\":\"in-progress\",", 1);
    check_kept(&service, twice.into_bytes(), 400, "status").await;
    let deep =
        [b"{\"resourceType\":\"QuestionnaireResponse\",\"item\":".to_vec(), vec![b'['; 10_000]].concat();
    check_kept(&service, deep, 400, "deep").await;
    check_kept(&service, b"[]".to_vec(), 400, "object").await;
    check_kept(&service, vec![0xff, 0xfe, 0x00], 400, "UTF-8").await;

    check_kept(&service, whole.clone(), 422, "Patient/nobody").await;
    let mut unknown = response();
    unknown["questionnaire"] =
        json!("https://vigie.example/fhir/Questionnaire/surveillance-hebdomadaire|9.9.9");
    check_kept(&service, unknown.to_string().into_bytes(), 422, "9.9.9").await;
    let mut impossible = response();
    impossible["authored"] = json!("2026-02-30");
    check_kept(&service, impossible.to_string().into_bytes(), 422, "2026-02-30").await;

    let (code, outcome) =
        service.send_as("POST", "/QuestionnaireResponse", "text/html", whole.clone()).await.unwrap();
    assert_eq!(code, 415);
    let text = diagnostics(&outcome);
    assert!(text.contains("application/fhir+json"));
    assert_eq!(service.get(&format!("/{}", kept_at(&text))).await.0, 200, "it is a response all the same");
    let (code, outcome) =
        service.send_as("PUT", "/QuestionnaireResponse/a", "text/plain", b"hello".to_vec()).await.unwrap();
    assert_eq!((code, diagnostics(&outcome).contains("Binary/")), (415, false), "it is none");
    for (path, name, value, status) in [
        ("/QuestionnaireResponse", "prefer", "return=everything", 400),
        ("/QuestionnaireResponse", "accept", "text/html", 406),
        ("/QuestionnaireResponse?_format=html", "accept", "*/*", 406),
        ("/QuestionnaireResponse?identifier=%zz", "accept", "*/*", 400),
        ("/QuestionnaireResponse?identifier=a", "if-none-exist", "identifier=b", 400),
    ] {
        let headers = [("content-type", "application/fhir+json"), (name, value)];
        let answer = service.ask("POST", path, &headers, whole.clone()).await;
        assert_eq!(answer.status(), status, "{path} {name}");
        let text = answer.text().await.unwrap();
        assert_eq!(service.get(&format!("/{}", kept_at(&text))).await.0, 200, "{path} {name}: {text}");
    }

    let (code, outcome) =
        service.send("POST", "/QuestionnaireResponse", vec![b' '; 100 * 1024 * 1024]).await.unwrap();
    assert_eq!(code, 413);
    let text = diagnostics(&outcome);
    assert!(text.contains("5242880") && text.contains("nothing of this response is kept"), "{text}");
    let metrics = service.ask("GET", "/metrics", &[], vec![]).await.text().await.unwrap();
    assert!(metrics.contains("vigie_responses_not_kept_total{reason=\"too-large\"} 1"), "{metrics}");
    let (code, outcome) = service.send("POST", "/QuestionnaireResponse", Vec::new()).await.unwrap();
    assert_eq!(code, 400);
    let nothing = kept_at(&diagnostics(&outcome));
    let (code, binary) = service.get(&format!("/{nothing}")).await;
    assert_eq!((code, vigie::fhir::structure::check(&binary)), (200, vec![]), "{binary:#}");
    let (code, outcome) = service.send("POST", "/Medication", whole.clone()).await.unwrap();
    assert_eq!(code, 404);
    assert!(diagnostics(&outcome).contains("QuestionnaireResponse"));
    let (code, outcome) = service.send("POST", "/Patient/1", Vec::new()).await.unwrap();
    assert_eq!(code, 405);
    assert!(diagnostics(&outcome).contains("PUT"));

    let (code, outcome) = service.get("/Task?patinet=1").await;
    assert_eq!(code, 400);
    assert!(diagnostics(&outcome).contains("patient"), "{outcome:#}");
    let (code, _) = service.get("/livez").await;
    assert_eq!(code, 200);
}

#[tokio::test]
async fn what_is_asked_for_in_a_way_that_is_not_read_is_refused_and_not_guessed() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    for (path, status, says) in [
        ("/Patient?identifier=%zz", 400, "percent-encoding"),
        ("/Patient?identifier=%ff", 400, "percent-encoding"),
        ("/Patient?_count=-1", 400, "_count"),
        ("/Patient?_count=abc", 400, "_count"),
        ("/Patient?_sort=colour", 400, "_lastUpdated"),
        ("/Patient?_summary=short", 400, "_summary"),
        ("/Patient?_pretty=perhaps", 400, "_pretty"),
        ("/Patient?_cursor=abc", 400, "_cursor"),
        ("/Patient/%00", 404, "64 letters"),
        ("/Patient/x/_history/99999999999999999999999", 404, "numbered"),
        ("/metadata?_format=html", 406, "application/fhir+xml"),
        ("/$deliveries?_count=0", 400, "_count"),
        ("/_history?_count=0", 400, "a whole number from 1 on"),
        ("/Patient?_count=2&_count=500", 400, "_count is given twice, here as '500'"),
        ("/Patient?_summary=text&_summary=count", 400, "given twice"),
        ("/Patient?_format=json&_format=xml", 400, "_format is given twice"),
        ("/Patient/_history?_count=1&_count=2", 400, "given twice"),
        ("/_history?_since=2026&_since=2027", 400, "given twice"),
        ("/$deliveries?_count=1&_count=2", 400, "given twice"),
        ("/Task?patient=Patient/", 400, "'Patient/'"),
        ("/Task?patient=http://localhost/Patient/", 400, "'http://localhost/Patient/'"),
        ("/Task?patient=http://localhost/Patient", 400, "names no resource"),
        ("/Task?patient=http://localhost/Patient//_history/1", 400, "names no resource"),
        ("/Task?patient=Patient/a,Patient/", 400, "'Patient/'"),
        ("/Task?focus=http://localhost/Flag/", 400, "'http://localhost/Flag/'"),
    ] {
        let (code, outcome) = service.get(path).await;
        let text = diagnostics(&outcome);
        assert_eq!(code, status, "{path}: {text}");
        assert!(text.contains(says), "{path}: '{says}' is missing in: {text}");
    }
    let own = service.at("/Patient/");
    let (code, outcome) = service.get(&format!("/Task?patient={own}")).await;
    assert!(code == 400 && diagnostics(&outcome).contains(&format!("'{own}'")), "{outcome:#}");
    let headers = [("prefer", "handling=lenient"), ("accept", "application/fhir+json")];
    let lenient = service.ask("GET", "/Questionnaire?_count=0&_count=5", &headers, vec![]).await;
    let lenient: Value = serde_json::from_slice(&lenient.bytes().await.unwrap()).unwrap();
    assert!(lenient["entry"][0]["resource"].to_string().contains("given twice"), "{lenient:#}");
    let long = format!("/Patient/{}", "a".repeat(6_000));
    assert_eq!(service.get(&long).await.0, 404);
    let (code, bundle) = service.get("/Questionnaire?_count=0").await;
    assert_eq!((code, &bundle["total"], bundle.get("entry")), (200, &json!(1), None), "{bundle:#}");
    let (code, _) = service.get("/QuestionnaireResponse/%24validate").await;
    assert_eq!(code, 405, "the path is known, whatever is needlessly encoded in it");
}

#[tokio::test]
async fn the_same_rubbish_twice_is_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    let body = response().to_string().into_bytes();
    let first = kept_at(&check(&service, body.clone(), 422, "Patient/nobody").await);
    let second = kept_at(&check(&service, body, 422, "Patient/nobody").await);
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_service_beyond_loopback_does_not_start() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_vigie"))
        .arg("serve")
        .env("VIGIE_LISTEN", "0.0.0.0:0")
        .env("VIGIE_DATABASE", "sqlite:")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("beyond loopback") && said.contains("sqlite:PATH"), "{said}");
}

#[tokio::test]
async fn a_service_without_its_definitions_says_where_they_are_looked_for() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_vigie"))
        .arg("serve")
        .env("VIGIE_LISTEN", "127.0.0.1:0")
        .env("VIGIE_PROFILES", "/nowhere")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("/nowhere is no folder") && said.contains("VIGIE_PROFILES"), "{said}");
}

#[tokio::test]
async fn a_patch_of_a_few_lines_does_not_end_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    let patient = json!({"resourceType": "Patient", "id": "p", "name": [{"family": "TEST"}]});
    service.put(&patient).await;
    let doubled: Vec<Value> =
        (0..40).map(|n| json!({"op": "copy", "from": "", "path": format!("/b{n}")})).collect();
    let ten = (0..10).fold(json!({}), |inner, _| json!({ "c": inner }));
    let deeper: Vec<Value> =
        (0..400).map(|n| json!({"op": "add", "path": "/c".repeat(10 * n + 1), "value": ten})).collect();
    for (patch, words) in [(doubled, "the copies of one patch"), (deeper, "64 levels")] {
        let body = json!(patch).to_string().into_bytes();
        let headers = [("content-type", "application/json-patch+json")];
        let answer = service.ask("PATCH", "/Patient/p", &headers, body).await;
        assert_eq!(answer.status(), 422);
        let said = answer.text().await.unwrap();
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(service.get("/Patient/p").await.1["meta"]["versionId"], "1");
}

#[tokio::test]
async fn sigterm_ends_the_service_well() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    assert_eq!(service.get("/readyz").await.0, 200);
    assert!(service.terminate().success());
}

#[tokio::test]
async fn what_cannot_be_unpacked_is_told_to_be_lost_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    for (path, coding, status) in [
        ("/QuestionnaireResponse", "deflate", 415),
        ("/QuestionnaireResponse", "gzip", 400),
        ("/", "deflate", 415),
        ("/", "zstd", 400),
    ] {
        let headers = [("content-type", "application/fhir+json"), ("content-encoding", coding)];
        let answer = service.ask("POST", path, &headers, b"no packed bytes".to_vec()).await;
        assert_eq!(answer.status(), status, "{path} {coding}");
        let text = answer.text().await.unwrap();
        assert!(text.contains(coding) && text.contains("nothing of"), "{path} {coding}: {text}");
    }
    let metrics = service.ask("GET", "/metrics", &[], vec![]).await.text().await.unwrap();
    for reason in ["unknown-coding", "broken", "bundle-unknown-coding", "bundle-broken"] {
        let counted = format!("vigie_responses_not_kept_total{{reason=\"{reason}\"}} 1");
        assert!(metrics.contains(&counted), "{reason}: {metrics}");
    }
}
