//! How a request may be worded: parameters without a value, stars, headers in several lines, and the form of the answer told by a
//! form (R4 3.1.1, 3.1.0.1; RFC 9110).

use vigie::json::{Value, json};

use crate::process::Service;

async fn service(folder: &tempfile::TempDir) -> Service {
    let service = Service::start(&folder.path().join("store.sqlite"));
    for resource in [
        json!({"resourceType": "Patient", "id": "p"}),
        json!({"resourceType": "Practitioner", "id": "n"}),
        json!({"resourceType": "Task", "id": "t", "status": "requested", "intent": "order", "for": {"reference": "Patient/p"},
            "owner": {"reference": "Practitioner/n"}}),
        json!({"resourceType": "Flag", "id": "f", "status": "active", "code": {"text": "x"}, "subject": {"reference": "Patient/p"}}),
        json!({"resourceType": "Provenance", "id": "v", "target": [{"reference": "Task/t"}], "recorded": "2026-01-01T00:00:00Z",
            "agent": [{"who": {"reference": "Practitioner/n"}}]}),
    ] {
        service.put(&resource).await;
    }
    service
}

/// The entries as `mode Type/id`, sorted, and the address of the bundle itself.
async fn found(service: &Service, path: &str, headers: &[(&str, &str)]) -> (Vec<String>, String) {
    let answer = service.ask("GET", path, headers, Vec::new()).await;
    let status = answer.status();
    let bundle: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(status, 200, "{path}: {bundle:#}");
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let shown = |entry: &Value| {
        let resource = &entry["resource"];
        format!(
            "{} {}/{}",
            text(&entry["search"]["mode"]),
            text(&resource["resourceType"]),
            text(&resource["id"])
        )
    };
    let mut all: Vec<_> = bundle["entry"].as_array().into_iter().flatten().map(shown).collect();
    all.sort();
    (all, text(&bundle["link"][0]["url"]).replace(&service.at(""), ""))
}

#[tokio::test]
async fn a_parameter_without_a_value_is_passed_over_and_a_condition_with_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    for prefer in ["handling=strict", "handling=lenient"] {
        let path = "/Task?status=requested&code=&_format=&_pretty=&_sort=&nom=";
        let (all, own) = found(&service, path, &[("prefer", prefer)]).await;
        assert_eq!(all, ["match Task/t", "outcome OperationOutcome/-"]);
        assert_eq!(own, "/Task?status=requested");
    }
    let task = json!({"resourceType": "Task", "status": "requested", "intent": "order"}).to_string();
    let (status, outcome) =
        service.send("PUT", "/Task?status=requested&patient=", task.clone().into()).await.unwrap();
    assert_eq!(status, 400, "{outcome:#}");
    assert_eq!(service.send("DELETE", "/Task?patient=&status=requested", Vec::new()).await.unwrap().0, 400);
    assert_eq!(service.get("/Task/t").await.0, 200);
    assert_eq!(service.get("/Task?_cursor=").await.0, 400, "that is no page of any search");
}

#[tokio::test]
async fn a_star_brings_what_is_referred_to_and_what_refers() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    for (path, expected) in [
        ("/Task?_include=*", vec!["include Patient/p", "include Practitioner/n", "match Task/t"]),
        ("/Task?_revinclude=*", vec!["include Provenance/v", "match Task/t"]),
        ("/Task?_revinclude=Provenance:*", vec!["include Provenance/v", "match Task/t"]),
        ("/Patient?_id=p&_revinclude=*", vec!["include Flag/f", "include Task/t", "match Patient/p"]),
        (
            "/Patient?_id=p&_revinclude=*&_include:iterate=*&_revinclude:iterate=Provenance:target",
            vec![
                "include Flag/f",
                "include Practitioner/n",
                "include Provenance/v",
                "include Task/t",
                "match Patient/p",
            ],
        ),
    ] {
        assert_eq!(found(&service, path, &[]).await.0, expected, "{path}");
    }
    for path in ["/Task?_revinclude:iterate=*", "/Task?_include=Flag:*", "/Task?_include=Task:nom"] {
        assert_eq!(service.get(path).await.0, 400, "{path}");
    }
    let (all, own) =
        found(&service, "/Task?_include=Task:nom&_include=Task:owner", &[("prefer", "handling=lenient")])
            .await;
    assert_eq!(all, ["include Practitioner/n", "match Task/t", "outcome OperationOutcome/-"]);
    assert_eq!(own, "/Task?_include=Task:owner");
}

#[tokio::test]
async fn several_lines_of_one_header_are_one_list() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    let ask = async |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        let answer = service.ask(method, path, headers, body.as_bytes().to_vec()).await;
        let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        (answer.status().as_u16(), kind.unwrap_or_default())
    };
    let (status, kind) =
        ask("GET", "/Task/t", &[("accept", "text/html"), ("accept", "application/fhir+xml")], "").await;
    assert_eq!((status, kind.starts_with("application/fhir+xml")), (200, true), "{kind}");
    for (tags, expected) in
        [(["W/\"7\"", "W/\"1\""], 304), (["W/\"1\"", "W/\"7\""], 304), (["W/\"7\"", "W/\"8\""], 200)]
    {
        let headers = tags.map(|tag| ("if-none-match", tag));
        assert_eq!(ask("GET", "/Task/t", &headers, "").await.0, expected, "{tags:?}");
    }
    let body = json!({"resourceType": "Patient", "id": "p", "active": true}).to_string();
    let json = ("content-type", "application/fhir+json");
    let minimal = [json, ("prefer", "respond-async"), ("prefer", "return=minimal")];
    assert_eq!(ask("PUT", "/Patient/p", &minimal, &body).await, (200, String::new()));
    let unsure = [json, ("if-match", "W/\"1\""), ("if-match", "W/\"2\"")];
    assert_eq!(ask("PUT", "/Patient/p", &unsure, &body).await.0, 400);
    let twice = [json, ("if-none-exist", "active=true"), ("if-none-exist", "active=false")];
    assert_eq!(ask("POST", "/Patient", &twice, "{\"resourceType\":\"Patient\"}").await.0, 400);
    let since = [json, ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT")];
    assert_eq!(
        ask("PUT", "/Patient/p", &since, &body).await.0,
        400,
        "not passed over: it was to spare a change"
    );
    let known = [json, since[1], ("if-match", "W/\"2\"")];
    assert_eq!(ask("PUT", "/Patient/p", &known, &body).await.0, 200);
}

#[tokio::test]
async fn a_form_tells_the_form_of_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    let form = "application/x-www-form-urlencoded";
    for (address, accept, body, status, kind) in [
        ("", "*/*", "_format=xml", 200, "application/fhir+xml"),
        ("", "application/fhir+xml", "_format=json", 200, "application/fhir+json"),
        ("", "text/html", "_format=application/fhir%2Bxml", 200, "application/fhir+xml"),
        ("?_format=json", "*/*", "status=requested&_format=xml", 200, "application/fhir+xml"),
        ("?_format=xml", "*/*", "status=requested&_format=", 200, "application/fhir+xml"),
        ("", "*/*", "_format=xml&nom=x", 400, "application/fhir+xml"),
        ("", "*/*", "_format=csv", 406, "application/fhir+json"),
        ("", "text/html", "status=requested", 406, "application/fhir+json"),
    ] {
        let headers = [("content-type", form), ("accept", accept)];
        let answer = service.ask("POST", &format!("/Task/_search{address}"), &headers, body.into()).await;
        let told = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(answer.status() == status && told.starts_with(kind), "{body}: {} {told}", answer.status());
    }
    let headers = [("content-type", form)];
    let pretty =
        service.ask("POST", "/Task/_search", &headers, "_pretty=true".into()).await.text().await.unwrap();
    assert!(pretty.lines().count() > 10, "{pretty}");
}
