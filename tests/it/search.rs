//! Search over HTTP, as a client sees it (R4 3.1.1): what comes with matches, how much of each, forms, compartments,
//! everything about a patient, and what a server says of what it ignored.

use vigie::json::{Value, json};

use crate::process::Service;

/// A service with a patient, a nurse, and what is about the patient.
async fn service(folder: &tempfile::TempDir) -> Service {
    let service = Service::start(&folder.path().join("store.sqlite"));
    for resource in [
        json!({"resourceType": "Patient", "id": "p", "name": [{"family": "PAT-TROIS", "given": ["DOMINIQUE"]}],
            "gender": "female", "birthDate": "1979-03-28"}),
        json!({"resourceType": "Patient", "id": "q", "name": [{"family": "PAT-UN"}]}),
        json!({"resourceType": "Practitioner", "id": "n", "identifier": [{"system": "https://ids.example/nurses", "value": "1"}]}),
        observation("o1", "p", "71.5", "kg", "2026-01-01"),
        observation("o2", "p", "70000", "g", "2026-01-08"),
        observation("o3", "q", "80", "kg", "2026-01-08"),
        task("t1", "p", "requested"),
        task("t2", "p", "on-hold"),
        task("t3", "q", "requested"),
    ] {
        service.put(&resource).await;
    }
    service
}

fn observation(id: &str, patient: &str, value: &str, unit: &str, day: &str) -> Value {
    let mut observation = json!({"resourceType": "Observation", "id": id, "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7", "display": "Poids"}]},
        "subject": {"reference": format!("Patient/{patient}")}, "effectiveDateTime": day,
        "note": [{"text": "à jeun"}],
        "valueQuantity": {"system": "http://unitsofmeasure.org", "code": unit, "unit": unit}});
    observation["valueQuantity"]["value"] = serde_json::from_str(value).unwrap();
    observation
}

fn task(id: &str, patient: &str, status: &str) -> Value {
    json!({"resourceType": "Task", "id": id, "status": status, "intent": "order", "priority": "urgent",
        "code": {"text": "Appel téléphonique"}, "for": {"reference": format!("Patient/{patient}")},
        "owner": {"reference": "Practitioner/n"}, "authoredOn": "2026-01-08T10:00:00Z"})
}

/// The entries of a search as `mode Type/id`, sorted.
async fn found(service: &Service, path: &str) -> Vec<String> {
    let (status, bundle) = service.get(path).await;
    assert_eq!(status, 200, "{path}: {bundle:#}");
    assert_eq!(vigie::fhir::structure::check(&bundle), [], "{path}");
    let mut entries: Vec<_> = entries(&bundle).iter().map(shown).collect();
    entries.sort();
    entries
}

fn entries(bundle: &Value) -> &[Value] {
    bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn shown(entry: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let resource = &entry["resource"];
    format!(
        "{} {}/{}",
        text(&entry["search"]["mode"]),
        text(&resource["resourceType"]),
        text(&resource["id"])
    )
}

async fn check(service: &Service, path: &str, expected: &[&str]) {
    assert_eq!(found(service, path).await, expected, "{path}");
}

#[tokio::test]
async fn measured_values_are_compared_across_units() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    let ucum = "http://unitsofmeasure.org";
    for (value, expected) in [
        (format!("value-quantity=gt70.5|{ucum}|kg"), vec!["match Observation/o1", "match Observation/o3"]),
        (format!("value-quantity=lt71000|{ucum}|g"), vec!["match Observation/o2"]),
        (format!("value-quantity=70|{ucum}|kg"), vec!["match Observation/o2"]),
        (
            format!("value-quantity=ap75|{ucum}|kg"),
            vec!["match Observation/o1", "match Observation/o2", "match Observation/o3"],
        ),
        ("value-quantity=71.5||kg".to_owned(), vec!["match Observation/o1"]),
        ("value-quantity=70000".to_owned(), vec!["match Observation/o2"]),
        (format!("value-quantity=ne70|{ucum}|kg&patient=p"), vec!["match Observation/o1"]),
        (format!("code-value-quantity=29463-7$ge75|{ucum}|kg"), vec!["match Observation/o3"]),
        (
            format!("combo-code-value-quantity=http://loinc.org|29463-7$ge75|{ucum}|kg"),
            vec!["match Observation/o3"],
        ),
        ("code-value-quantity=other$gt1".to_owned(), vec![]),
        ("combo-code=29463-7&patient=q".to_owned(), vec!["match Observation/o3"]),
    ] {
        check(&service, &format!("/Observation?{value}"), &expected).await;
    }
}

#[tokio::test]
async fn chains_and_has_look_one_step_further() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    check(&service, "/Task?patient.name=dominique&status=requested", &["match Task/t1"]).await;
    check(&service, "/Task?owner.identifier=https://ids.example/nurses|1&patient=q", &["match Task/t3"])
        .await;
    check(&service, "/Task?subject:Patient.birthdate=1979-03-28", &["match Task/t1", "match Task/t2"]).await;
    check(&service, "/Patient?_has:Task:patient:status=on-hold", &["match Patient/p"]).await;
    check(&service, "/Practitioner?_has:Task:owner:patient=q", &["match Practitioner/n"]).await;
    check(
        &service,
        "/Patient?_has:Observation:subject:value-quantity=gt75",
        &["match Patient/p", "match Patient/q"],
    )
    .await;
    check(&service, "/Task?code:text=appel&patient=p", &["match Task/t1", "match Task/t2"]).await;
}

#[tokio::test]
async fn what_belongs_to_a_match_comes_with_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    check(
        &service,
        "/Task?patient=p&_include=Task:patient&_include=Task:owner",
        &["include Patient/p", "include Practitioner/n", "match Task/t1", "match Task/t2"],
    )
    .await;
    check(
        &service,
        "/Patient?_id=p&_revinclude=Task:patient&_include:iterate=Task:owner",
        &["include Practitioner/n", "include Task/t1", "include Task/t2", "match Patient/p"],
    )
    .await;
    check(&service, "/Task?_id=t1&_include=Task:subject:Group", &["match Task/t1"]).await;
    assert_eq!(service.get("/Task?_id=t1&_include=Task:status").await.0, 400);
}

#[tokio::test]
async fn a_part_of_a_resource_says_that_it_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    let (_, bundle) = service.get("/Observation?_id=o1&_elements=value").await;
    let part = &bundle["entry"][0]["resource"];
    assert_eq!(part["meta"]["tag"][0]["code"], "SUBSETTED");
    assert!(part.get("note").is_none() && part.get("subject").is_none());
    assert!(
        part.get("valueQuantity").is_some() && part.get("status").is_some() && part.get("code").is_some()
    );
    let (_, bundle) = service.get("/Observation?_id=o1&_summary=true").await;
    assert!(bundle["entry"][0]["resource"].get("note").is_none());
    let (_, bundle) = service.get("/Observation?patient=p&_summary=count").await;
    assert_eq!((bundle["total"].as_u64(), bundle.get("entry")), (Some(2), None));
    let (_, bundle) = service.get("/Observation?patient=p&_count=0").await;
    assert_eq!((bundle["total"].as_u64(), bundle.get("entry")), (Some(2), None));
}

#[tokio::test]
async fn an_unknown_parameter_is_refused_or_named_as_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    let (status, outcome) = service.get("/Task?nom=x").await;
    assert_eq!((status, outcome["resourceType"].as_str()), (400, Some("OperationOutcome")));
    let client = reqwest::Client::new();
    let request = client.get(service.at("/Task?nom=x&status=on-hold")).header("Prefer", "handling=lenient");
    let text = request.send().await.unwrap().text().await.unwrap();
    let bundle: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(vigie::fhir::structure::check(&bundle), []);
    let shown: Vec<_> = entries(&bundle).iter().map(shown).collect();
    assert_eq!(shown, ["match Task/t2", "outcome OperationOutcome/-"]);
    assert!(!bundle["link"][0]["url"].as_str().unwrap().contains("nom"));
}

#[tokio::test]
async fn a_form_searches_like_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    let form = "application/x-www-form-urlencoded";
    let send = |body: &'static str| service.send_as("POST", "/Task/_search?patient=p", form, body.into());
    let (status, bundle) = send("status=requested").await.unwrap();
    assert_eq!((status, entries(&bundle).len()), (200, 1));
    let (status, _) = service.send("POST", "/Task/_search", b"{}".to_vec()).await.unwrap();
    assert_eq!(status, 415);
}

#[tokio::test]
async fn a_compartment_holds_what_is_about_its_patient() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    check(&service, "/Patient/p/Task", &["match Task/t1", "match Task/t2"]).await;
    check(
        &service,
        "/Patient/p/Task?status=on-hold&_include=Task:owner",
        &["include Practitioner/n", "match Task/t2"],
    )
    .await;
    assert_eq!(service.get("/Patient/nobody/Task").await.0, 404);
    assert_eq!(service.get("/Patient/p/Questionnaire").await.0, 404);
}

#[tokio::test]
async fn a_compartment_holds_what_its_patient_wrote_or_was_sent_too() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    let message = |id: &str, more: Value| {
        let mut message = json!({"resourceType": "Communication", "id": id, "status": "completed"});
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        message
    };
    let mut told = observation("o4", "q", "81", "kg", "2026-01-09");
    told["performer"] = json!([{"reference": "Patient/p"}]);
    let mut own = observation("o5", "p", "72", "kg", "2026-01-10");
    own["performer"] = json!([{"reference": "Patient/p"}]);
    for resource in [
        told,
        own,
        message(
            "c1",
            json!({"subject": {"reference": "Patient/p"}, "recipient": [{"reference": "Patient/p"}]}),
        ),
        message("c2", json!({"subject": {"reference": "Patient/q"}, "sender": {"reference": "Patient/p"}})),
        message(
            "c3",
            json!({"subject": {"reference": "Patient/q"}, "recipient": [{"reference": "Patient/p"}]}),
        ),
        message("c4", json!({"subject": {"reference": "Patient/q"}})),
        json!({"resourceType": "Patient", "id": "r", "link": [{"other": {"reference": "Patient/p"}, "type": "seealso"}]}),
    ] {
        service.put(&resource).await;
    }
    let observations =
        ["match Observation/o1", "match Observation/o2", "match Observation/o4", "match Observation/o5"];
    check(&service, "/Patient/p/Observation", &observations).await;
    check(&service, "/Patient/p/Observation?date=ge2026-01-09", &observations[2..]).await;
    let messages = ["match Communication/c1", "match Communication/c2", "match Communication/c3"];
    check(&service, "/Patient/p/Communication", &messages).await;
    check(&service, "/Patient/p/Patient", &["match Patient/r"]).await;
    let (_, bundle) = service.get("/Patient/p/Communication?_total=accurate").await;
    assert_eq!(bundle["total"], 3);
    assert_eq!(pages(&service, "/Patient/p/Observation?_count=1").await, ["o5", "o4", "o2", "o1"]);
    check(
        &service,
        "/Patient/p/$everything?_type=Communication,Observation,Patient",
        &[&messages[..], &observations, &["match Patient/p", "match Patient/r"]].concat(),
    )
    .await;
}

#[tokio::test]
async fn codes_are_found_by_value_set_and_by_place_in_a_hierarchy() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    let coded = |id: &str, code: &str| {
        let mut observation = observation(id, "p", "1", "kg", "2026-01-01");
        observation["code"] = json!({"coding": [{"system": "https://codes.example/toxicity", "code": code}]});
        observation
    };
    for resource in [
        json!({"resourceType": "CodeSystem", "id": "toxicity", "url": "https://codes.example/toxicity", "version": "1",
            "name": "Toxicity", "status": "active", "content": "complete", "hierarchyMeaning": "is-a",
            "concept": [{"code": "skin", "concept": [{"code": "rash"}, {"code": "itch"}]}, {"code": "gut"}]}),
        json!({"resourceType": "ValueSet", "id": "watched", "url": "https://codes.example/watched", "version": "1",
            "name": "Watched", "status": "active", "compose": {"include": [
                {"system": "https://codes.example/toxicity", "concept": [{"code": "rash"}, {"code": "gut"}]},
                {"system": "http://loinc.org", "concept": [{"code": "29463-7"}]}]}}),
        json!({"resourceType": "ValueSet", "id": "open", "url": "https://codes.example/open", "version": "1",
            "name": "Open", "status": "active", "compose": {"include": [{"system": "http://snomed.info/sct"}]}}),
        coded("skin", "skin"),
        coded("rash", "rash"),
        coded("gut", "gut"),
    ] {
        service.put(&resource).await;
    }
    for (text, expected) in [
        ("code:in=https://codes.example/watched&patient=p", vec!["gut", "o1", "o2", "rash"]),
        ("code:in=ValueSet/watched&patient=p", vec!["gut", "o1", "o2", "rash"]),
        ("code:in=https://codes.example/watched|1&patient=q", vec!["o3"]),
        ("code:not-in=https://codes.example/watched", vec!["skin"]),
        ("code:below=https://codes.example/toxicity|skin", vec!["rash", "skin"]),
        ("code:above=https://codes.example/toxicity|rash", vec!["rash", "skin"]),
        ("status:in=http://hl7.org/fhir/ValueSet/observation-status&patient=q", vec!["o3"]),
        ("status:not-in=http://hl7.org/fhir/ValueSet/observation-status", vec![]),
    ] {
        let expected: Vec<_> = expected.iter().map(|id| format!("match Observation/{id}")).collect();
        assert_eq!(found(&service, &format!("/Observation?{text}")).await, expected, "{text}");
    }
    let within = "/Patient?_has:Observation:patient:code:below=https://codes.example/toxicity|skin";
    check(&service, within, &["match Patient/p"]).await;
    for (text, why) in [
        ("code:in=https://codes.example/nothing", "is not known here"),
        ("code:in=ValueSet/nothing", "there is no ValueSet/nothing"),
        ("code:in=https://codes.example/open", "cannot be listed"),
        ("code:below=skin", "system|code"),
        ("code:below=http://loinc.org|29463-7", "is not loaded"),
        ("code:above=https://codes.example/toxicity|bone", "has no such code"),
        ("status:below=final", "does not take :below"),
    ] {
        let (status, outcome) = service.get(&format!("/Observation?{text}")).await;
        let said = outcome["issue"][0]["diagnostics"].as_str().unwrap_or_default();
        assert!(status == 400 && said.contains(why), "{text}: {status} {said}");
    }
    let body = serde_json::to_vec(&coded("new", "gut")).unwrap();
    let condition = "/Observation?code:in=https://codes.example/watched";
    assert_eq!(service.send("PUT", condition, body).await.unwrap().0, 400);
}

#[tokio::test]
async fn everything_about_a_patient_comes_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    let mut path = "/Patient/p/$everything?_count=2".to_owned();
    let mut matches = Vec::new();
    for _ in 0..10 {
        let (status, bundle) = service.get(&path).await;
        assert_eq!(status, 200, "{bundle:#}");
        assert_eq!(vigie::fhir::structure::check(&bundle), []);
        let of_page: Vec<_> =
            entries(&bundle).iter().map(shown).filter(|one| one.starts_with("match")).collect();
        assert!(of_page.len() <= 2);
        matches.extend(of_page);
        let links = bundle["link"].as_array().unwrap();
        let Some(next) = links.iter().find(|link| link["relation"] == "next") else { break };
        path = next["url"].as_str().unwrap().strip_prefix(&service.at("")).unwrap().to_owned();
    }
    matches.sort();
    assert_eq!(
        matches,
        ["match Observation/o1", "match Observation/o2", "match Patient/p", "match Task/t1", "match Task/t2",]
    );
    check(
        &service,
        "/Patient/p/$everything?_type=Task,Practitioner",
        &["include Practitioner/n", "match Task/t1", "match Task/t2"],
    )
    .await;
    assert_eq!(service.get("/Patient/nobody/$everything").await.0, 404);
    assert_eq!(service.get("/Patient/p/$everything?start=2026").await.0, 400);
}

#[tokio::test]
async fn an_order_may_follow_any_text_code_or_date() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(&folder).await;
    for (path, expected) in [
        ("/Patient?_sort=family", ["p", "q"]),
        ("/Patient?_sort=-family", ["q", "p"]),
        ("/Patient?_sort=birthdate", ["p", "q"]),
        ("/Patient?_sort=-birthdate", ["p", "q"]),
        ("/Patient?_sort=gender,-name", ["p", "q"]),
    ] {
        assert_eq!(pages(&service, &format!("{path}&_count=1")).await, expected, "{path}");
    }
}

/// The ids of all matches, page by page.
async fn pages(service: &Service, path: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let (status, bundle) = service.get(&path).await;
        assert_eq!(status, 200, "{bundle:#}");
        ids.extend(entries(&bundle).iter().map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()));
        let link = bundle["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next").cloned();
        next =
            link.map(|link| link["url"].as_str().unwrap().strip_prefix(&service.at("")).unwrap().to_owned());
    }
    ids
}
