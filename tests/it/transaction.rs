//! Batches and transactions: all of it or nothing, in any order of entries, responses judged within, safe with many at once.

use base64::Engine as _;
use vigie::interaction::{self, Echo};
use vigie::json::{Value, json};
use vigie::problem::{Category, Severity};

use crate::process::Service;
use crate::support::bundle::{at, bundle, entry, patient, send, statuses, transaction};
use crate::support::{App, Course, example};

fn bare(method: &str, url: &str) -> Value {
    json!({"request": {"method": method, "url": url}})
}

/// The same with another patient and another plan of care.
fn named(resource: &Value, patient: &str, plan: &str) -> Value {
    let text =
        resource.to_string().replace("Patient/test-folfox", patient).replace("CarePlan/test-folfox", plan);
    serde_json::from_str(&text).unwrap()
}

const ONE: &str = "urn:uuid:0b5cbf7c-3c1c-4a7e-9d0c-6d0b8a7e5f10";
const TWO: &str = "urn:uuid:5a0f0c52-8b8e-4a7d-8f2e-2f4d0a1f9c33";

#[tokio::test]
async fn entries_may_name_each_other_even_in_a_circle() {
    let app = App::bare().await;
    let mut first = patient("a");
    first["link"] = json!([{"other": {"reference": TWO}, "type": "seealso"}]);
    let mut second = patient("b");
    second["link"] = json!([{"other": {"reference": ONE}, "type": "seealso"}]);
    let flag = json!({"resourceType": "Flag", "status": "active", "code": {"text": "x"}, "subject": {"reference": "Patient?identifier=https://test.example|b"}});
    let answer = transaction(
        &app,
        vec![
            entry("POST", "Flag", flag),
            at(ONE, entry("POST", "Patient", first)),
            at(TWO, entry("POST", "Patient", second)),
        ],
    )
    .await
    .unwrap();
    assert_eq!(answer["type"], "transaction-response");
    assert_eq!(vigie::fhir::structure::check(&answer), [], "{answer:#}");
    assert_eq!(statuses(&answer), ["201 Created"; 3]);
    let resources: Vec<&Value> =
        answer["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]).collect();
    let name = |n: usize| json!(format!("Patient/{}", resources[n]["id"].as_str().unwrap()));
    assert_eq!(resources[1]["link"][0]["other"]["reference"], name(2));
    assert_eq!(resources[2]["link"][0]["other"]["reference"], name(1));
    assert_eq!(
        resources[0]["subject"]["reference"],
        name(2),
        "a conditional reference to what is made beside it"
    );
    assert_eq!(app.count(&["Patient", "Flag"]).await, [2, 1]);
}

#[tokio::test]
async fn one_refused_entry_refuses_all_and_is_named() {
    let app = App::bare().await;
    app.put(&json!({"resourceType": "Patient", "id": "here", "active": true})).await.unwrap();
    let refused = async |last: Value| {
        let entries = vec![
            bare("DELETE", "Patient/here"),
            entry("PUT", "Patient/new", json!({"resourceType": "Patient", "id": "new"})),
            last,
        ];
        let problem = transaction(&app, entries).await.unwrap_err();
        assert_eq!(app.search("Patient", &[]).await.len(), 1, "{problem}");
        assert_eq!(app.read("Patient/here").await["meta"]["versionId"], "1");
        problem
    };
    let dangling = json!({"resourceType": "Flag", "status": "active", "code": {"text": "x"}, "subject": {"reference": "Patient/nobody"}});
    let problem = refused(entry("POST", "Flag", dangling)).await;
    assert_eq!(problem.category, Category::Invalid);
    let gone = json!({"resourceType": "Flag", "status": "active", "code": {"text": "x"}, "subject": {"reference": "Patient/here"}});
    assert!(refused(entry("POST", "Flag", gone)).await.to_string().contains("Patient/here"));
    let mut stale = entry("PUT", "Patient/new2", json!({"resourceType": "Patient", "id": "new2"}));
    stale["request"]["ifMatch"] = json!("W/\"4\"");
    assert_eq!(refused(stale).await.category, Category::PreconditionFailed);
    assert_eq!(refused(bare("PUT", "Patient/x")).await.category, Category::Malformed);
    assert_eq!(
        refused(entry("PUT", "Patient/new", json!({"resourceType": "Patient", "id": "new"}))).await.category,
        Category::Malformed
    );
    let other = at(ONE, entry("POST", "Patient", patient("b")));
    let twice = vec![at(ONE, entry("POST", "Patient", patient("a"))), other];
    assert_eq!(transaction(&app, twice).await.unwrap_err().category, Category::Malformed);
}

fn flag(subject: &str) -> Value {
    json!({"resourceType": "Flag", "status": "active", "code": {"text": "x"}, "subject": {"reference": subject}})
}

#[tokio::test]
async fn every_refused_entry_is_told_with_its_place() {
    let app = App::bare().await;
    app.put(&json!({"resourceType": "Patient", "id": "here", "active": true})).await.unwrap();
    let mut stale = entry("PUT", "Patient/here", json!({"resourceType": "Patient", "id": "here"}));
    stale["request"]["ifMatch"] = json!("W/\"4\"");
    let mut odd = patient("a");
    odd["gender"] = json!("unheard-of");
    let entries = vec![
        entry("POST", "Flag", flag("Patient/here")),
        entry("POST", "Flag", flag("Patient/nobody")),
        at(ONE, entry("POST", "Patient", odd)),
        entry("POST", "Flag", flag(ONE)),
        stale,
        entry("PUT", "Patient?active=false,true&_id=nobody", patient("b")),
        entry("PUT", "Patient/twin", json!({"resourceType": "Patient", "id": "twin"})),
        entry("PUT", "Patient/twin", json!({"resourceType": "Patient", "id": "twin"})),
    ];
    let problem = transaction(&app, entries).await.unwrap_err();
    assert_eq!(problem.category, Category::Invalid, "that of the first");
    let places: Vec<&str> = problem.issues.iter().map(|issue| issue.expression.as_deref().unwrap()).collect();
    let expected = [
        "Bundle.entry[1].resource.subject",
        // The Flag about this patient falls with it: nothing more is said.
        "Bundle.entry[2].resource.gender",
        "Bundle.entry[4]",
        "Bundle.entry[7]",
    ];
    assert_eq!(places, expected, "{problem}");
    assert_eq!(app.count(&["Patient", "Flag"]).await, [1, 0]);
}

#[tokio::test]
async fn a_response_whose_patient_is_refused_beside_it_is_kept_and_about_nobody() {
    let app = App::new().await;
    let other = App::new().await;
    let course = Course::start(&other, "folfox").await;
    let before = app.count(&["Binary"]).await;
    let mut odd = patient("a");
    odd["gender"] = json!("unheard-of");
    let response = named(&course.week("1"), ONE, TWO);
    let entries =
        vec![entry("POST", "QuestionnaireResponse", response), at(ONE, entry("POST", "Patient", odd))];
    let problem = transaction(&app, entries).await.unwrap_err();
    let errors = problem.issues.iter().filter(|issue| issue.severity == Severity::Error);
    assert_eq!(errors.count(), 1, "{problem}");
    let told =
        problem.issues.iter().find(|issue| issue.expression.as_deref() == Some("Bundle.entry[0]")).unwrap();
    assert!(told.diagnostics.contains("kept as Binary/"), "{problem}");
    assert!(told.diagnostics.contains("a Task without patient"), "{problem}");
    assert_eq!(app.count(&["Binary"]).await, [before[0] + 2]);
}

#[tokio::test]
async fn a_conditional_reference_sees_all_that_the_transaction_writes() {
    let app = App::bare().await;
    let mut renamed = patient("new");
    renamed["id"] = json!("renamed");
    app.put(&json!({"resourceType": "Patient", "id": "renamed", "active": true})).await.unwrap();
    let entries = vec![
        entry("POST", "Flag", flag("Patient?identifier=https://test.example|new")),
        entry("PUT", "Patient/renamed", renamed),
    ];
    let answer = transaction(&app, entries).await.unwrap_or_else(|problem| panic!("{problem}"));
    assert_eq!(answer["entry"][0]["resource"]["subject"]["reference"], "Patient/renamed");
}

#[tokio::test]
async fn a_condition_does_not_meet_what_the_same_transaction_deletes() {
    let app = App::bare().await;
    let mut old = patient("a");
    old["id"] = json!("old");
    app.put(&old).await.unwrap();
    let mut conditional = entry("POST", "Patient", patient("a"));
    conditional["request"]["ifNoneExist"] = json!("identifier=https://test.example|a");
    let answer = transaction(&app, vec![conditional, bare("DELETE", "Patient/old")]).await;
    let answer = answer.unwrap_or_else(|problem| panic!("{problem}"));
    assert_eq!(statuses(&answer), ["201 Created", "204 No Content"]);
    assert_eq!(app.count(&["Patient"]).await, [1]);
}

#[tokio::test]
async fn a_condition_that_another_entry_meets_is_refused_in_either_order() {
    let app = App::bare().await;
    let mut conditional = entry("POST", "Patient", patient("a"));
    conditional["request"]["ifNoneExist"] = json!("identifier=https://test.example|a");
    let plain = entry("POST", "Patient", patient("a"));
    for (entries, place) in [
        (vec![conditional.clone(), plain.clone()], "Bundle.entry[0]"),
        (vec![plain, conditional], "Bundle.entry[1]"),
    ] {
        let problem = transaction(&app, entries).await.unwrap_err();
        assert_eq!(problem.category, Category::Malformed, "{problem}");
        assert_eq!(problem.issues[0].expression.as_deref(), Some(place), "{problem}");
        assert_eq!(app.count(&["Patient"]).await, [0]);
    }
}

#[tokio::test]
async fn the_order_of_entries_does_not_matter_and_the_answers_keep_it() {
    let app = App::bare().await;
    app.put(&json!({"resourceType": "Patient", "id": "old", "active": true})).await.unwrap();
    app.put(&json!({"resourceType": "Patient", "id": "kept", "active": true})).await.unwrap();
    let off = json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Patient.active"}, {"name": "value", "valueBoolean": false}]}]});
    let mut conditional = entry("POST", "Patient", patient("a"));
    conditional["request"]["ifNoneExist"] = json!("identifier=https://test.example|a");
    let entries = vec![
        bare("GET", "Patient/new"),
        entry("PATCH", "Patient/kept", off),
        entry("PUT", "Patient/new", json!({"resourceType": "Patient", "id": "new"})),
        bare("DELETE", "Patient/old"),
        conditional.clone(),
        bare("GET", "Patient?_summary=count"),
        entry("PUT", "Patient?identifier=https://test.example%7Cb", patient("b")),
        bare("DELETE", "Patient?_id=nobody"),
        bare("GET", "Patient/old"),
    ];
    let answer = transaction(&app, entries).await.unwrap();
    assert_eq!(
        statuses(&answer),
        [
            "200 OK",
            "200 OK",
            "201 Created",
            "204 No Content",
            "201 Created",
            "200 OK",
            "201 Created",
            "204 No Content",
            "410 Gone"
        ]
    );
    assert_eq!(answer["entry"][0]["resource"]["id"], "new");
    assert_eq!(answer["entry"][1]["resource"]["active"], false);
    assert_eq!(answer["entry"][5]["resource"]["total"], 4);
    // The same condition again finds what was made, and others may name it.
    let flag = json!({"resourceType": "Flag", "status": "active", "code": {"text": "x"}, "subject": {"reference": ONE}});
    let again = transaction(&app, vec![at(ONE, conditional), entry("POST", "Flag", flag)]).await.unwrap();
    assert_eq!(statuses(&again), ["200 OK", "201 Created"]);
    let made = &answer["entry"][4]["resource"]["id"];
    assert_eq!(
        again["entry"][1]["resource"]["subject"]["reference"],
        format!("Patient/{}", made.as_str().unwrap())
    );
}

#[tokio::test]
async fn a_patient_with_plan_and_responses_is_judged_in_one_transaction() {
    let app = App::new().await;
    let other = App::new().await;
    let course = Course::start(&other, "folfox").await;
    other.at("2026-01-19T10:00:00+01:00");
    app.at("2026-01-19T10:00:00+01:00");
    for week in ["1", "2"] {
        other.submit(&course.week(week)).await.unwrap();
    }
    let mut entries = Vec::new();
    for week in ["2", "1"] {
        entries.push(entry("POST", "QuestionnaireResponse", named(&course.week(week), ONE, TWO)));
    }
    let (mut patient, mut plan) = (example("folfox/patient.json"), example("folfox/careplan.json"));
    for resource in [&mut patient, &mut plan] {
        resource.as_object_mut().unwrap().remove("id");
    }
    for name in ["managingOrganization", "generalPractitioner"] {
        patient.as_object_mut().unwrap().remove(name);
    }
    for name in ["author", "careTeam", "contributor"] {
        plan.as_object_mut().unwrap().remove(name);
    }
    entries.push(at(TWO, entry("POST", "CarePlan", named(&plan, ONE, TWO))));
    entries.push(at(ONE, entry("POST", "Patient", patient)));
    let answer = transaction(&app, entries.clone()).await.unwrap_or_else(|problem| panic!("{problem}"));
    assert_eq!(statuses(&answer), ["201 Created"; 4]);
    let derived = [
        "QuestionnaireResponse",
        "Observation",
        "Flag",
        "Task",
        "Communication",
        "DiagnosticReport",
        "Provenance",
    ];
    assert_eq!(app.count(&derived).await, other.count(&derived).await, "as if they had come one by one");
    // A repeat of a response within another transaction changes nothing.
    let counts = app.count(&derived).await;
    let name = |n: usize| {
        let made = &answer["entry"][n]["resource"];
        format!("{}/{}", made["resourceType"].as_str().unwrap(), made["id"].as_str().unwrap())
    };
    let again = named(&course.week("1"), &name(3), &name(2));
    let repeat = transaction(&app, vec![entry("POST", "QuestionnaireResponse", again)]).await.unwrap();
    assert_eq!(statuses(&repeat), ["200 OK"]);
    assert_eq!(app.count(&derived).await, counts);
}

#[tokio::test]
async fn a_refused_response_refuses_the_transaction_and_is_kept() {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-01-12T10:00:00+01:00");
    let mut response = course.week("1");
    response["item"][0]["linkId"] = json!("no-such-item");
    let before = app.count(&["Patient", "QuestionnaireResponse", "Binary"]).await;
    let entries =
        vec![entry("POST", "Patient", patient("a")), entry("POST", "QuestionnaireResponse", response)];
    let problem = transaction(&app, entries).await.unwrap_err();
    assert_eq!(problem.category, Category::Invalid);
    let told = problem.to_string();
    assert_eq!(told.matches("kept as Binary/").count(), 1, "{told}");
    let after = app.count(&["Patient", "QuestionnaireResponse", "Binary"]).await;
    assert_eq!(after, [before[0], before[1], before[2] + 2], "the bytes and what was wrong");
    let start = told.find("Binary/").unwrap();
    let place: String =
        told[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || "/-".contains(*c)).collect();
    assert_eq!(app.read(&place).await["resourceType"], "Binary");
    assert!(!app.search("Task", &[("subject", &course.patient())]).await.is_empty(), "and a person is told");
}

#[tokio::test]
async fn the_entries_of_a_batch_stand_each_on_its_own() {
    let app = App::bare().await;
    let entries = vec![
        entry("PUT", "Patient/a", json!({"resourceType": "Patient", "id": "a"})),
        entry("PUT", "Patient/b", json!({"resourceType": "Patient", "id": "b", "colour": "blue"})),
        bare("GET", "Patient/a"),
        bare("GET", "Nothing/a"),
        bare("GET", "Patient/nobody"),
        bare("GET", "Patient/a/_history"),
    ];
    let answer = send(&app, &bundle("batch", entries)).await.unwrap();
    assert_eq!(
        statuses(&answer),
        ["201 Created", "422 Unprocessable Entity", "200 OK", "400 Bad Request", "404 Not Found", "200 OK"]
    );
    assert_eq!(vigie::fhir::structure::check(&answer), [], "{answer:#}");
    assert!(answer["entry"][1]["response"]["outcome"].to_string().contains("colour"));
    assert_eq!(answer["entry"][5]["resource"]["type"], "history");
    assert_eq!(send(&app, &bundle("searchset", vec![])).await.unwrap_err().category, Category::Malformed);
}

#[tokio::test]
async fn the_reads_of_one_bundle_answer_only_so_much() {
    let app = App::bare().await;
    let binary = json!({"resourceType": "Binary", "id": "big", "contentType": "text/plain", "data": "A".repeat(4_000_000)});
    send(&app, &bundle("batch", vec![entry("PUT", "Binary/big", binary)])).await.unwrap();
    for kind in ["batch", "transaction"] {
        let mut entries = vec![bare("GET", "Binary/big"); 12];
        entries.push(entry("POST", "Patient", patient(kind)));
        let answer = send(&app, &bundle(kind, entries)).await.unwrap();
        let mut expected = vec!["200 OK"; 9];
        expected.extend(["413 Payload Too Large"; 3]);
        expected.push("201 Created");
        assert_eq!(statuses(&answer), expected);
        let told = &answer["entry"][9]["response"]["outcome"]["issue"][0]["diagnostics"];
        assert!(told.as_str().unwrap().contains("in another"), "{told}");
    }
}

#[tokio::test]
async fn a_json_patch_in_a_bundle_is_read_as_strictly_as_alone() {
    let app = App::bare().await;
    send(
        &app,
        &bundle("batch", vec![entry("PUT", "Patient/p", json!({"resourceType": "Patient", "id": "p"}))]),
    )
    .await
    .unwrap();
    let members: Vec<String> = (0..300).map(|n| format!("\"m{n}\":{n}")).collect();
    let patch = format!(r#"[{{"op":"add","path":"/x","value":{{{}}}}}]"#, members.join(","));
    let data = base64::engine::general_purpose::STANDARD.encode(patch);
    let binary =
        json!({"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data});
    let answer = send(&app, &bundle("batch", vec![entry("PATCH", "Patient/p", binary)])).await.unwrap();
    assert_eq!(statuses(&answer), ["400 Bad Request"]);
    let told = &answer["entry"][0]["response"]["outcome"]["issue"][0];
    assert!(told["diagnostics"].as_str().unwrap().contains("256 members"), "{told}");
}

#[tokio::test]
async fn the_answer_holds_what_the_client_prefers() {
    let app = App::bare().await;
    let check = async |echo, resource: bool, outcome: bool| {
        let sent = bundle("transaction", vec![entry("POST", "Patient", patient("a"))]).to_string();
        let answer = interaction::bundle(&app.context, sent.as_bytes(), echo).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let entry = &answer["entry"][0];
        assert_eq!(
            (entry.get("resource").is_some(), entry["response"].get("outcome").is_some()),
            (resource, outcome)
        );
        assert!(entry["response"]["location"].as_str().unwrap().ends_with("/_history/1"));
        assert_eq!(entry["response"]["etag"], "W/\"1\"");
    };
    check(Echo::Representation, true, false).await;
    check(Echo::Minimal, false, false).await;
    check(Echo::Outcome, false, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_64_transactions_with_one_condition_one_creates_and_none_fails() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    let mut conditional = at(ONE, entry("POST", "Patient", patient("a")));
    conditional["request"]["ifNoneExist"] = json!("identifier=https://test.example|a");
    let flag = json!({"resourceType": "Flag", "status": "active", "code": {"text": "x"}, "subject": {"reference": ONE}});
    let body = bundle("transaction", vec![conditional, entry("POST", "Flag", flag)]).to_string().into_bytes();
    let sent = (0..64).map(|_| service.send("POST", "/", body.clone()));
    let mut created = 0;
    let mut subjects = std::collections::BTreeSet::new();
    for answer in futures_util::future::join_all(sent).await {
        let (status, answer) = answer.unwrap();
        assert_eq!(status, 200, "{answer:#}");
        created += usize::from(statuses(&answer)[0] == "201 Created");
        subjects.insert(answer["entry"][1]["resource"]["subject"]["reference"].to_string());
    }
    assert_eq!((created, subjects.len()), (1, 1));
    assert_eq!(service.get("/Patient?_summary=count").await.1["total"], 1);
    assert_eq!(service.get("/Flag?_summary=count").await.1["total"], 64);
}
