//! What the entries of a Bundle say of each other and of their conditions: read as FHIR R4 has it, or refused.

use vigie::json::{Value, json};
use vigie::problem::Category;

use crate::support::bundle::{at, bundle, entry, patient, send, statuses, transaction};
use crate::support::{App, Course};

const ONE: &str = "urn:uuid:0b5cbf7c-3c1c-4a7e-9d0c-6d0b8a7e5f10";
const TWO: &str = "urn:uuid:5a0f0c52-8b8e-4a7d-8f2e-2f4d0a1f9c33";

fn observed(full_url: &str, subject: &str) -> Value {
    let flag = json!({"resourceType": "Flag", "status": "active", "code": {"text": "x"}, "subject": {"reference": subject}});
    at(full_url, entry("POST", "Flag", flag))
}

#[tokio::test]
async fn a_relative_reference_means_who_has_that_address_where_its_entry_comes_from() {
    let app = App::bare().await;
    app.put(&json!({"resourceType": "Patient", "id": "1"})).await.unwrap();
    app.put(&json!({"resourceType": "Patient", "id": "2"})).await.unwrap();
    let subjects = |answer: &Value| -> Vec<String> {
        let entries = answer["entry"].as_array().unwrap().iter();
        entries
            .filter_map(|entry| entry["resource"]["subject"]["reference"].as_str().map(str::to_owned))
            .collect()
    };
    let answer = transaction(
        &app,
        vec![
            at("http://other/fhir/Patient/1", entry("POST", "Patient", patient("a"))),
            at("https://vigie.test/fhir/Patient/draft", entry("POST", "Patient", patient("b"))),
            observed("http://other/fhir/Flag/7", "Patient/1"),
            observed("http://other/fhir/Flag/8", "Patient/2"),
            observed("https://vigie.test/fhir/Flag/9", "Patient/1"),
            observed(ONE, "Patient/1"),
            observed(TWO, "Patient/draft"),
            entry("POST", "Flag", json!({"resourceType": "Flag", "status": "active", "code": {"text": "x"}, "subject": {"reference": "Patient/2"}})),
        ],
    )
    .await
    .unwrap();
    let name = |n: usize| format!("Patient/{}", answer["entry"][n]["resource"]["id"].as_str().unwrap());
    let expected = [
        name(0),
        "http://other/fhir/Patient/2".to_owned(),
        "Patient/1".to_owned(),
        "Patient/1".to_owned(),
        name(1),
        "Patient/2".to_owned(),
    ];
    assert_eq!(subjects(&answer), expected);
    let entries = vec![
        observed("http://other/fhir/Flag/7", "Patient/1"),
        observed("https://vigie.test/fhir/Flag/9", "Patient/1"),
    ];
    let answer = send(&app, &bundle("batch", entries)).await.unwrap();
    assert_eq!(subjects(&answer), ["http://other/fhir/Patient/1", "Patient/1"]);
}

#[tokio::test]
async fn a_response_of_another_server_is_never_about_who_has_that_id_here() {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    let mut response = course.week("1");
    response["subject"] = json!({"reference": course.patient()});
    for kind in ["batch", "transaction"] {
        let sent = at(
            "http://other/fhir/QuestionnaireResponse/1",
            entry("POST", "QuestionnaireResponse", response.clone()),
        );
        let text = match send(&app, &bundle(kind, vec![sent])).await {
            Ok(answer) => answer.to_string(),
            Err(problem) => problem.to_string(),
        };
        assert!(text.contains("kept as Binary/"), "{text}");
        assert_eq!(app.count(&["QuestionnaireResponse", "Observation"]).await, [0, 0]);
    }
}

#[tokio::test]
async fn a_condition_that_cannot_be_read_refuses_its_entry_and_is_not_passed_over() {
    let app = App::bare().await;
    app.put(&json!({"resourceType": "Patient", "id": "here"})).await.unwrap();
    let with = |method: &str, url: &str, name: &str, value: Value| {
        let mut entry = entry(method, url, json!({"resourceType": "Patient", "id": "here", "active": true}));
        entry["request"][name] = value;
        entry
    };
    let wrong = [
        with("POST", "Patient", "ifNoneExist", json!({"identifier": "a"})),
        with("POST", "Patient", "ifNoneExist", json!("identifier=%zz")),
        with("POST", "Patient", "ifNoneExist", json!("colour=blue")),
        with("POST", "Patient", "ifNoneExist", json!("")),
        with("PUT", "Patient/here", "ifMatch", json!(1)),
        with("PUT", "Patient/here", "ifMatch", json!("one")),
        with("PUT", "Patient/here", "ifNoneMatch", json!("*")),
        with("PUT", "Patient/here", "ifNoneExist", json!("identifier=a|b")),
        with("PUT", "Patient?identifier=%zz", "ifMatch", json!("1")),
        with("PUT", "Patient?colour=blue", "ifMatch", json!("1")),
        with("GET", "Patient/here", "ifModifiedSince", json!("yesterday")),
    ];
    for wrong in wrong {
        let fine = entry("POST", "Patient", patient("fine"));
        let problem = transaction(&app, vec![fine.clone(), wrong.clone()]).await.unwrap_err();
        assert_eq!(problem.category, Category::Malformed, "{wrong}");
        let places: Vec<_> = problem.issues.iter().filter_map(|issue| issue.expression.as_deref()).collect();
        assert!(
            !places.is_empty() && places.iter().all(|place| place.starts_with("Bundle.entry[1]")),
            "{wrong}: {places:?}"
        );
        let answer = send(&app, &bundle("batch", vec![wrong.clone()])).await.unwrap();
        assert_eq!(statuses(&answer), ["400 Bad Request"], "{wrong}");
        assert_eq!(app.search("Patient", &[]).await.len(), 1, "{wrong}");
        assert_eq!(app.read("Patient/here").await["meta"]["versionId"], "1", "{wrong}");
    }
}

#[tokio::test]
async fn a_response_in_a_transaction_that_is_refused_for_another_entry_is_told_to_be_kept_at_its_place() {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    let right = entry("POST", "QuestionnaireResponse", course.week("1"));
    let mut red = course.week("2");
    red["questionnaire"] = json!("https://nobody.example|1");
    let wrong = [
        entry("POST", "Flag", json!({"resourceType": "Flag", "status": "active"})),
        entry("SEND", "Flag", json!({"resourceType": "Flag"})),
        entry("POST", "QuestionnaireResponse", red),
    ];
    for wrong in wrong {
        let problem = transaction(&app, vec![right.clone(), wrong]).await.unwrap_err();
        let told = |text: &str, place: &str| {
            let is_it = |issue: &&vigie::problem::Issue| issue.diagnostics.contains(text);
            let found: Vec<_> = problem.issues.iter().filter(is_it).collect();
            found.iter().filter(|issue| issue.expression.as_deref() == Some(place)).count()
        };
        assert_eq!(told("kept as Binary/", "Bundle.entry[0]"), 1, "{problem}");
        assert!(told("kept as Binary/", "Bundle.entry[1]") <= 1);
        assert_eq!(app.count(&["QuestionnaireResponse"]).await, [0]);
    }
    assert_eq!(
        app.count(&["Binary"]).await,
        [4],
        "the one that was itself refused, and the one beside it, once"
    );
}

#[tokio::test]
async fn a_read_of_what_the_client_has_is_answered_with_304() {
    let app = App::bare().await;
    let mut here = patient("a");
    here["id"] = json!("here");
    let first = app.put(&here).await.unwrap();
    here["active"] = json!(true);
    app.at("2026-03-02T09:13:00+01:00");
    let second = app.put(&here).await.unwrap();
    let (first, second) = (first.last_updated.to_string(), second.last_updated.to_string());
    let get = |url: &str, conditions: Value| {
        let mut request = json!({"method": "GET", "url": url});
        for (name, value) in conditions.as_object().unwrap() {
            request[name.to_string().as_str()] = value.clone();
        }
        json!({"request": request})
    };
    let (read, known) = ("200 OK", "304 Not Modified");
    let cases = [
        (get("Patient/here", json!({"ifNoneMatch": "W/\"2\""})), known),
        (get("Patient/here", json!({"ifNoneMatch": "W/\"1\", W/\"2\""})), known),
        (get("Patient/here", json!({"ifNoneMatch": "*"})), known),
        (get("Patient/here", json!({"ifNoneMatch": "W/\"1\""})), read),
        (get("Patient/here", json!({"ifModifiedSince": second})), known),
        (get("Patient/here", json!({"ifModifiedSince": first})), read),
        (get("Patient/here", json!({"ifNoneMatch": "W/\"1\"", "ifModifiedSince": second})), read),
        (get("Patient/here/_history/1", json!({"ifNoneMatch": "W/\"1\""})), known),
        (get("Patient/nobody", json!({"ifNoneMatch": "*"})), "404 Not Found"),
        (get("Patient?_id=here", json!({"ifNoneMatch": "*"})), read),
    ];
    for kind in ["batch", "transaction"] {
        let entries = cases.iter().map(|(entry, _)| entry.clone()).collect();
        let answer = send(&app, &bundle(kind, entries)).await.unwrap();
        assert_eq!(statuses(&answer), cases.iter().map(|(_, status)| *status).collect::<Vec<_>>(), "{kind}");
        assert_eq!(vigie::fhir::structure::check(&answer), [], "{answer:#}");
        let known = &answer["entry"][0];
        assert_eq!(known.get("resource"), None, "{known}");
        assert_eq!(
            (&known["response"]["etag"], &known["response"]["lastModified"]),
            (&json!("W/\"2\""), &answer["entry"][3]["resource"]["meta"]["lastUpdated"])
        );
    }
}

#[tokio::test]
async fn a_bundle_reads_what_a_request_of_its_own_does() {
    let app = App::bare().await;
    let mut here = patient("a");
    here["id"] = json!("here");
    here["gender"] = json!("female");
    app.put(&here).await.unwrap();
    let observation = json!({"resourceType": "Observation", "id": "one", "status": "final",
        "subject": {"reference": "Patient/here"}, "code": {"text": "a"}});
    app.put(&observation).await.unwrap();
    let get = |url: &str| json!({"request": {"method": "GET", "url": url}});
    for kind in ["batch", "transaction"] {
        let urls = [
            "Patient/here?_elements=gender",
            "Patient/here/_history/1?_elements=gender",
            "Patient/here/Observation?status=final",
            "Patient/here/Observation?status=amended",
            "Patient/here/$everything",
            "Patient?_format=json",
        ];
        let answer = send(&app, &bundle(kind, urls.map(get).into())).await.unwrap();
        assert_eq!(statuses(&answer), ["200 OK"; 6], "{kind}");
        assert_eq!(vigie::fhir::structure::check(&answer), [], "{answer:#}");
        let entry = |n: usize| &answer["entry"][n]["resource"];
        for n in [0, 1] {
            let names: Vec<&str> = entry(n).as_object().unwrap().keys().collect();
            assert_eq!(names, ["resourceType", "id", "meta", "gender"], "{kind} {n}");
        }
        let sizes = [2, 3, 4, 5].map(|n| entry(n)["entry"].as_array().map_or(0, |list| list.len()));
        assert_eq!(sizes, [1, 0, 2, 1], "{kind}");
    }
    let refused = ["Patient/here?gender=female", "Patient/here/$proof", "Patient/here/Organization"];
    let answer = send(&app, &bundle("batch", refused.map(get).into())).await.unwrap();
    assert_eq!(statuses(&answer), ["400 Bad Request"; 3]);
}

#[tokio::test]
async fn nothing_is_about_an_entry_that_did_not_come_along() {
    let app = App::new().await;
    let about = |urn: &str| json!({"resourceType": "Flag", "status": "active", "code": {"text": "x"}, "subject": {"reference": urn}});
    let named = at(ONE, entry("POST", "Patient", patient("a")));
    let (wrong, right) = (entry("POST", "Flag", about(TWO)), entry("POST", "Flag", about(ONE)));
    let problem = send(&app, &bundle("transaction", vec![named.clone(), wrong])).await.unwrap_err();
    assert_eq!(problem.category, Category::Invalid);
    assert_eq!(
        problem.issues[0].expression.as_deref(),
        Some("Bundle.entry[1].resource.subject"),
        "{problem}"
    );
    // Entries of a batch know nothing of each other.
    let answer = send(&app, &bundle("batch", vec![named.clone(), right.clone()])).await.unwrap();
    assert_eq!(statuses(&answer), ["201 Created", "422 Unprocessable Entity"]);
    assert_eq!(app.count(&["Flag"]).await, [0]);
    send(&app, &bundle("transaction", vec![named, right])).await.unwrap();
    // What is said beside it is stored, with a warning.
    let patient =
        app.search("Patient", &[]).await[0]["id"].as_str().map(|id| format!("Patient/{id}")).unwrap();
    let mut beside = about(&patient);
    beside["author"] = json!({"reference": TWO});
    let answer = send(&app, &bundle("batch", vec![entry("POST", "Flag", beside)])).await.unwrap();
    assert_eq!(statuses(&answer), ["201 Created"]);
}
