//! References that name a resource by this server's own address (R4 3.1.1.4.12): wherever a search or a condition has one, it
//! finds what `Type/id` finds.

use vigie::json::{Value, json};

use crate::process::Service;

/// A service that begins with two patients; one has a task, an observation and a flag, the other a task.
async fn service(folder: &tempfile::TempDir) -> Service {
    let service = Service::start(&folder.path().join("store.sqlite"));
    let own = |name: &str| json!({"reference": service.at(&format!("/{name}"))});
    for resource in [
        json!({"resourceType": "Patient", "id": "p"}),
        json!({"resourceType": "Patient", "id": "q"}),
        json!({"resourceType": "Practitioner", "id": "n"}),
        task("t1", json!({"reference": "Patient/p"})),
        task("t2", own("Patient/p")),
        task("t3", own("Patient/q")),
        json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "Poids"}, "subject": own("Patient/p"),
            "encounter": own("Encounter/e"), "performer": [own("Practitioner/n")]}),
        json!({"resourceType": "Observation", "id": "u", "status": "final", "code": {"text": "Poids"}, "subject": own("Patient/q"),
            "encounter": {"reference": "Encounter/e"}}),
        json!({"resourceType": "Provenance", "id": "v", "target": [own("Task/t1/_history/1")], "recorded": "2026-01-01T00:00:00Z",
            "agent": [{"who": own("Practitioner/n")}]}),
    ] {
        service.put(&resource).await;
    }
    service
}

fn task(id: &str, patient: Value) -> Value {
    json!({"resourceType": "Task", "id": id, "status": "requested", "intent": "order", "for": patient,
        "code": {"coding": [{"code": id}]}})
}

async fn found(service: &Service, path: &str) -> Vec<String> {
    let (status, bundle) = service.get(path).await;
    assert_eq!(status, 200, "{path}: {bundle:#}");
    let entries = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut ids: Vec<_> =
        entries.iter().map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn a_search_by_the_own_address_finds_what_the_reference_finds() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    for (search, expected) in [
        ("Task?patient=@Patient/p", vec!["t1", "t2"]),
        ("Task?subject=@Patient/p,@Patient/q", vec!["t1", "t2", "t3"]),
        ("Task?subject:Patient=@Patient/q", vec!["t3"]),
        ("Task?patient=@Patient/p/_history/1&status=requested&_sort=-authored-on", vec!["t1", "t2"]),
        ("Observation?performer=@Practitioner/n", vec!["o"]),
        ("Observation?encounter=@Encounter/e", vec!["o", "u"]),
        ("Patient?_has:Task:patient:subject=@Patient/q", vec!["q"]),
        ("Patient?_has:Observation:patient:performer=@Practitioner/n", vec!["p"]),
        ("Task?_has:Provenance:target:agent=@Practitioner/n", vec!["t1"]),
        ("Provenance?target:Task.patient=@Patient/p", vec!["v"]),
        ("Provenance?target=@Task/t1", vec!["v"]),
        (
            "Observation?_id=o&_include=Observation:patient&_include=Observation:performer",
            vec!["n", "o", "p"],
        ),
        ("Provenance?_include=Provenance:target", vec!["t1", "v"]),
        ("Practitioner?_revinclude=Observation:performer", vec!["n", "o"]),
    ] {
        for base in [service.at("/"), String::new()] {
            let path = format!("/{}", search.replace('@', &base));
            assert_eq!(found(&service, &path).await, expected, "{path}");
        }
    }
    let (_, stored) = service.get("/Provenance/v").await;
    assert_eq!(stored["target"][0]["reference"], "Task/t1/_history/1", "the version that was meant is kept");
    for wrong in ["Task?patient=@Group/g", "Task?subject:Patient=@Group/g"] {
        for base in [service.at("/"), "https://other.example/fhir/".to_owned(), String::new()] {
            let path = format!("/{}", wrong.replace('@', &base));
            let (status, outcome) = service.get(&path).await;
            let said = outcome["issue"][0]["diagnostics"].as_str().unwrap_or_default();
            assert!(status == 400 && said.contains("does not refer to Group"), "{path}: {status} {said}");
        }
    }
}

#[tokio::test]
async fn a_canonical_that_begins_with_the_own_address_stays_a_text() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    let url = service.at("/ValueSet/x");
    let set = json!({"resourceType": "ValueSet", "id": "x", "url": url, "version": "1", "name": "X", "status": "active",
        "compose": {"include": [{"system": "https://codes.example"}]}});
    service.put(&set).await;
    assert_eq!(found(&service, &format!("/ValueSet?url={url}")).await, ["x"]);
    assert_eq!(found(&service, "/ValueSet?url=ValueSet/x").await, [""; 0]);
}

#[tokio::test]
async fn a_condition_by_the_own_address_is_met_by_what_the_reference_meets() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    let patient = service.at("/Patient/q");
    let body = || task("t3", json!({"reference": "Patient/q"}));
    let (status, stored) =
        service.send("PUT", &format!("/Task?patient={patient}"), body().to_string().into()).await.unwrap();
    assert_eq!((status, stored["id"].as_str()), (200, Some("t3")));
    let condition = format!("patient={patient}");
    let headers = [("content-type", "application/fhir+json"), ("if-none-exist", condition.as_str())];
    let answer = service.ask("POST", "/Task", &headers, body().to_string().into()).await;
    assert_eq!(answer.status(), 200, "there is one");
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": body(),
        "request": {"method": "POST", "url": "Task", "ifNoneExist": condition}}]});
    let (status, answer) = service.send("POST", "/", bundle.to_string().into()).await.unwrap();
    assert_eq!(status, 200, "{answer:#}");
    assert_eq!(found(&service, "/Task?patient=q").await, ["t3"]);
}

#[tokio::test]
async fn a_condition_on_what_several_parameters_hold_is_told_of_the_same_transaction_too() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    let observation = |code: &str| {
        json!({"resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/p"},
            "code": {"coding": [{"system": "https://c.example", "code": "panel"}]},
            "component": [{"code": {"coding": [{"system": "https://c.example", "code": code}]}, "valueString": "x"}]})
    };
    let create = |code: &str, condition: &str| {
        json!({"resource": observation(code),
            "request": {"method": "POST", "url": "Observation", "ifNoneExist": condition}})
    };
    let condition = "combo-code=https://c.example|systolic";
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        create("systolic", "combo-code=https://c.example|none"), create("systolic", condition)]});
    let (status, outcome) = service.send("POST", "/", bundle.to_string().into()).await.unwrap();
    let said = outcome["issue"][0]["diagnostics"].as_str().unwrap_or_default();
    assert!(status >= 400 && said.contains("order"), "{status} {outcome:#}");
    let first = create("systolic", "combo-code=https://c.example|none");
    for expected in ["201", "200"] {
        let entry = if expected == "201" { first.clone() } else { create("systolic", condition) };
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]});
        let (status, answer) = service.send("POST", "/", bundle.to_string().into()).await.unwrap();
        let done = answer["entry"][0]["response"]["status"].as_str().unwrap_or_default();
        assert!(status == 200 && done.starts_with(expected), "{answer:#}");
    }
}
