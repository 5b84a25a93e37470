//! Two records with one INS, and merges that would go in a circle: stored or refused, and never without a word (hazard H09).

use vigie::fhir::Document;
use vigie::hl7v2::Message;
use vigie::interaction::{self, Answer, Echo, SameIns};
use vigie::json::{Value, json};
use vigie::problem::{Category, Issue, Problem};

use crate::process::Service;
use crate::support::postgres::Database;
use crate::support::{App, Kept};

const INS: &str = "279035121518989";
const TEST: &str = "urn:oid:1.2.250.1.213.1.4.10";

fn patient(id: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "identifier": [{"system": TEST, "value": INS}],
        "name": [{"family": "PAT-TROIS", "given": ["DOMINIQUE"]}], "gender": "female", "birthDate": "1979-03-28"})
}

fn linked(id: &str, into: &str) -> Value {
    let mut patient = patient(id);
    patient["link"] = json!([{"other": {"reference": format!("Patient/{into}")}, "type": "replaced-by"}]);
    patient
}

fn is_warned(outcome: &[Issue]) -> bool {
    outcome
        .iter()
        .any(|issue| issue.code == "duplicate" && issue.expression.as_deref() == Some("Patient.identifier"))
}

async fn post(app: &App, patient: &Value) -> Result<Answer, Problem> {
    interaction::create(&app.context, "Patient", Document::from(patient.to_string().as_bytes()), None).await
}

#[tokio::test]
async fn the_second_record_with_an_ins_is_stored_its_sender_warned_and_a_person_told_once() {
    for kept in Kept::EACH {
        let Some(app) = App::bare_on(kept).await else { continue };
        assert!(!is_warned(&app.put(&patient("a")).await.unwrap().outcome));
        assert!(!is_warned(&app.put(&patient("a")).await.unwrap().outcome), "it is alone");
        assert!(is_warned(&app.put(&patient("b")).await.unwrap().outcome), "{kept:?}");
        assert_eq!(app.count(&["Patient", "Task"]).await, [2, 1], "{kept:?}");
        let task = app.search("Task", &[("patient", "Patient/b"), ("status", "requested")]).await.remove(0);
        assert_eq!(task["focus"]["reference"], "Patient/a");
        let why = task["description"].as_str().unwrap();
        assert!(why.contains("Patient/a, Patient/b") && why.contains("identitovigilance"), "{why}");
        assert!(!task.to_string().contains(INS), "a Task carries no identity");
        // Written again, by whichever side: warned again, and not asked again.
        let mut moved = patient("a");
        moved["telecom"] = json!([{"system": "phone", "value": "01 00 00 00 00"}]);
        assert!(is_warned(&app.put(&moved).await.unwrap().outcome));
        assert_eq!(app.count(&["Task"]).await, [1]);
        // A third one is another matter; POST is no other way than PUT.
        let third = post(&app, &patient("x")).await.unwrap();
        assert!(is_warned(&third.outcome));
        assert_eq!(app.count(&["Patient", "Task"]).await, [3, 2], "{kept:?}");
        // A record that ended does not count, and neither does the number of another kind.
        for ended in ["a", "b"] {
            app.put(&linked(ended, &third.id)).await.unwrap();
        }
        let mut alone = patient(&third.id);
        alone["active"] = json!(true);
        assert!(!is_warned(&app.put(&alone).await.unwrap().outcome), "{kept:?}");
        let mut billing = patient("c");
        billing["identifier"][0]["type"] = json!({"coding": [{"code": "NH"}]});
        assert!(!is_warned(&app.put(&billing).await.unwrap().outcome), "the billing number is no INS");
        assert_eq!(app.count(&["Task"]).await, [2]);
        // Back in use, it is one more.
        assert!(is_warned(&app.put(&patient("a")).await.unwrap().outcome));
    }
}

#[tokio::test]
async fn a_transaction_that_stores_both_tells_and_one_that_ends_the_other_does_not() {
    for kept in Kept::EACH {
        let Some(app) = App::bare_on(kept).await else { continue };
        let put = |resource: Value| {
            let url = format!("Patient/{}", resource["id"].as_str().unwrap());
            json!({"resource": resource, "request": {"method": "PUT", "url": url}})
        };
        let run = async |entries: Vec<Value>| {
            let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
            interaction::bundle(&app.context, bundle.to_string().as_bytes(), Echo::Outcome).await
        };
        let answer = run(vec![put(patient("a")), put(patient("b"))]).await.unwrap();
        assert!(String::from_utf8(answer).unwrap().contains("\"duplicate\""), "{kept:?}");
        assert_eq!(app.count(&["Patient", "Task"]).await, [2, 1], "{kept:?}");
        // The new record comes first in the bundle, and the ones that it replaces end with it.
        let answer =
            run(vec![put(patient("c")), put(linked("a", "c")), put(linked("b", "c"))]).await.unwrap();
        assert!(!String::from_utf8(answer).unwrap().contains("\"duplicate\""), "{kept:?}");
        assert_eq!(app.count(&["Patient", "Task"]).await, [3, 1], "{kept:?}");
    }
}

#[tokio::test]
async fn of_two_that_are_written_at_the_same_moment_one_is_told() {
    for kept in Kept::EACH {
        let Some(app) = App::bare_on(kept).await else { continue };
        let new = patient("x");
        let posts = (0..6).map(|_| post(&app, &new));
        let outcomes = futures_util::future::join_all(posts).await;
        let warned = outcomes.iter().filter(|answer| is_warned(&answer.as_ref().unwrap().outcome)).count();
        assert_eq!((warned, app.count(&["Patient", "Task"]).await), (5, vec![6, 5]), "{kept:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_two_replicas_write_at_the_same_moment_one_is_told() {
    let Some(database) = Database::new().await else { return };
    let replicas: Vec<_> = (0..2).map(|_| Service::start_on(database.url(), &[])).collect();
    let headers = [("content-type", "application/fhir+json"), ("prefer", "return=OperationOutcome")];
    for round in 0..5 {
        let mut patient = patient("x");
        let number: u64 = 1_600_199_000_010 + round;
        patient["identifier"][0]["value"] = json!(format!("{number}{:02}", 97 - number % 97));
        let posts = replicas
            .iter()
            .map(|one| one.ask("POST", "/Patient", &headers, patient.to_string().into_bytes()));
        let mut warned = 0;
        for answer in futures_util::future::join_all(posts).await {
            assert_eq!(answer.status().as_u16(), 201);
            warned += usize::from(answer.text().await.unwrap().contains("\"duplicate\""));
        }
        assert_eq!(warned, 1, "round {round}");
    }
    let (_, tasks) = replicas[0].get("/Task").await;
    assert_eq!(tasks["entry"].as_array().map(Vec::len), Some(5));
}

#[tokio::test]
async fn a_site_may_have_the_second_one_refused() {
    for kept in Kept::EACH {
        let Some(mut app) = App::bare_on(kept).await else { continue };
        for id in ["a", "b"] {
            app.put(&patient(id)).await.unwrap();
        }
        app.context.settings.same_ins = SameIns::Refuse;
        for refused in [app.put(&patient("c")).await, post(&app, &patient("x")).await] {
            let problem = refused.map(|_| ()).unwrap_err();
            assert_eq!(
                (problem.category, problem.issues[0].code),
                (Category::Conflict, "duplicate"),
                "{problem}"
            );
            assert!(problem.to_string().contains("Patient/a, Patient/b"), "{problem}");
        }
        // What stands can still be kept up to date, and mended.
        let mut moved = patient("a");
        moved["telecom"] = json!([{"system": "phone", "value": "01 00 00 00 00"}]);
        assert!(is_warned(&app.put(&moved).await.unwrap().outcome));
        app.put(&linked("a", "b")).await.unwrap();
        let again = app.put(&patient("a")).await.map(|_| ()).unwrap_err();
        assert_eq!(again.category, Category::Conflict, "back in use beside b: {again}");
        assert_eq!(app.count(&["Patient"]).await, [2]);
    }
}

async fn take(app: &App, number: &str) -> Result<(), Problem> {
    let text = format!(
        "MSH|^~\\&|GAM|CHU|VIGIE|CHU|20260309142000+0100||ADT^A28|{number}|T|2.5^FRA^2.11|||||FRA|UNICODE UTF-8\r\
         EVN||20260309142000+0100\r\
         PID|||{number}^^^CHU&1.2.250.1.999.2&ISO^PI~{INS}^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS||\
         PAT-TROIS^DOMINIQUE^DOMINIQUE^^^^L||19790328|F|||^^^^^^BDL^^51215{}N|VALI\r",
        "|".repeat(20)
    );
    let message = Message::parse(text.as_bytes()).unwrap();
    let header = message.header().unwrap();
    interaction::receive(&app.context, &message, &header).await
}

#[tokio::test]
async fn a_second_number_of_the_hospital_with_the_same_ins_is_told_and_refused_where_the_site_says_so() {
    for kept in Kept::EACH {
        let Some(mut app) = App::bare_on(kept).await else { continue };
        take(&app, "1").await.unwrap();
        assert_eq!(app.count(&["Patient", "Task"]).await, [1, 0]);
        take(&app, "2").await.unwrap();
        take(&app, "2").await.unwrap();
        assert_eq!(app.count(&["Patient", "Task"]).await, [2, 1], "{kept:?}: an INS alone joins no records");
        app.context.settings.same_ins = SameIns::Refuse;
        let problem = take(&app, "3").await.unwrap_err();
        assert_eq!(
            (problem.category, problem.issues[0].expression.as_deref()),
            (Category::Conflict, Some("PID-3")),
            "{problem}"
        );
        assert_eq!(app.count(&["Patient", "Task"]).await, [2, 1]);
    }
}

#[tokio::test]
async fn merges_that_would_go_in_a_circle_are_refused() {
    for kept in Kept::EACH {
        let Some(app) = App::bare_on(kept).await else { continue };
        let refused = |answer: Result<(), Problem>| {
            let problem = answer.unwrap_err();
            let place = problem.issues[0].expression.as_deref();
            assert_eq!((problem.category, place), (Category::Invalid, Some("Patient.link[0]")), "{problem}");
        };
        for id in ["a", "b", "c"] {
            app.put(&patient(id)).await.unwrap();
        }
        refused(app.put(&linked("a", "a")).await.map(|_| ()));
        app.put(&linked("a", "b")).await.unwrap();
        refused(app.put(&linked("b", "a")).await.map(|_| ()));
        app.put(&linked("b", "c")).await.unwrap();
        refused(app.put(&linked("c", "a")).await.map(|_| ()));
        // In one transaction, and at the same moment.
        let put = |resource: Value| {
            let url = format!("Patient/{}", resource["id"].as_str().unwrap());
            json!({"resource": resource, "request": {"method": "PUT", "url": url}})
        };
        let entries = vec![put(linked("d", "e")), put(linked("e", "d"))];
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
        let answer = interaction::bundle(&app.context, bundle.to_string().as_bytes(), Echo::Outcome).await;
        assert_eq!(answer.unwrap_err().category, Category::Invalid);
        for id in ["f", "g"] {
            app.put(&patient(id)).await.unwrap();
        }
        let (f, g) = (linked("f", "g"), linked("g", "f"));
        let both = tokio::join!(app.put(&f), app.put(&g));
        let stored = [both.0.is_ok(), both.1.is_ok()].into_iter().filter(|ok| *ok).count();
        assert_eq!(stored, 1, "{kept:?}");
    }
}
