//! What is stored gets damaged (a disk turns a bit over): it is told by its name, it is taken for nothing else, and it keeps
//! nothing else from being read, judged, sent or indexed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;
use vigie::clock::Clock;
use vigie::connector::{Connector, Sending};
use vigie::interaction;
use vigie::json::{Value, json};
use vigie::outbox::{Act, Delivery, Outcome, Receipt};
use vigie::problem::Category;
use vigie::store::{Committed, Unit};

use crate::support::template::FILE;
use crate::support::{App, Course, Kept, Place};

/// Of the current version of a resource, and of what a delivery sends.
const RESOURCE: &str = "SELECT v.seq, v.body FROM version v JOIN resource r ON r.seq = v.seq
     JOIN resource_type t ON t.code = r.rtype WHERE t.name || '/' || r.id = $1";
const PAYLOAD: &str =
    "SELECT p.delivery, p.body FROM payload p JOIN delivery d ON d.seq = p.delivery WHERE d.id = $1";

/// Turns over a bit in the middle of what this finds, while no service is there, and starts it again.
async fn damaged(app: App, (find, table, key): (&str, &str, &str), name: &str) -> App {
    let now = app.clock.now();
    let place = app.into_place();
    let turned = |mut body: Vec<u8>| {
        let middle = body.len() / 2;
        body[middle] ^= 4;
        body
    };
    let select = |wanted: &str| find.replace("$1", wanted);
    match &place {
        Place::Folder(folder) => {
            let conn = Connection::open(folder.path().join(FILE)).unwrap();
            let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let (seq, body): (i64, Vec<u8>) = conn.query_row(&select("?1"), [name], read).unwrap();
            let update = format!("UPDATE {table} SET body = ?2 WHERE {key} = ?1");
            assert_eq!(conn.execute(&update, (seq, turned(body))).unwrap(), 1);
        }
        Place::Schema(database) => {
            let client = database.connect().await;
            let row = client.query_one(&select("$1::text"), &[&name]).await.unwrap();
            let update = format!("UPDATE {table} SET body = $2 WHERE {key} = $1");
            let (seq, body): (i64, Vec<u8>) = (row.get(0), row.get(1));
            assert_eq!(client.execute(&update, &[&seq, &turned(body)]).await.unwrap(), 1);
        }
    }
    let app = App::again(place).await;
    app.clock.set(now);
    app
}

pub(crate) async fn without(app: App, reference: &str) -> App {
    damaged(app, (RESOURCE, "version", "seq"), reference).await
}

/// A service over each store that can be tested here, with one quiet week; and the patient.
async fn courses() -> Vec<(App, Course)> {
    let mut courses = Vec::new();
    for kept in Kept::EACH {
        let Some(app) = App::on(kept).await else { continue };
        let course = Course::start(&app, "folfox").await;
        app.at("2026-03-02T09:13:00+01:00");
        app.submit(&course.week("1")).await.unwrap();
        courses.push((app, course));
    }
    courses
}

async fn open_tasks(app: &App, course: &Course) -> BTreeSet<String> {
    let tasks = app.search("Task", &[("patient", &course.patient()), ("status", "requested")]).await;
    let code = |task: &Value| task["code"]["coding"][0]["code"].as_str().unwrap().to_owned();
    tasks.iter().map(code).collect()
}

#[tokio::test]
async fn a_damaged_week_keeps_no_later_one_from_alerting() {
    for (app, course) in courses().await {
        let first = app.search("QuestionnaireResponse", &[]).await.remove(0);
        let first = format!("QuestionnaireResponse/{}", first["id"].as_str().unwrap());
        let app = without(app, &first).await;
        app.at("2026-03-09T09:06:00+01:00");
        let second = course.week("2");
        let problem = app.submit(&second).await.unwrap_err();
        assert_eq!(problem.category, Category::Damaged);
        let told = problem.to_string();
        assert!(told.contains(&format!("{first}/_history/1 is damaged")), "{told}");
        assert!(told.contains("the response is kept as Binary/"), "{told}");
        let tasks = open_tasks(&app, &course).await;
        for asked in ["appel-telephonique", "consultation-presentielle", "relecture-humaine"] {
            assert!(tasks.contains(asked), "{asked} in {tasks:?}");
        }
        let flags = app.search("Flag", &[("subject", &course.patient()), ("status", "active")]).await;
        let levels = flags.iter().map(|flag| flag["code"].to_string()).collect::<String>();
        assert!(levels.contains("rouge") && levels.contains("technique"), "{levels}");
        // Sent again, it is kept once.
        app.submit(&second).await.unwrap_err();
        assert_eq!(open_tasks(&app, &course).await, tasks);
        assert_eq!(app.search("Binary", &[]).await.len(), 2);
    }
}

#[tokio::test]
async fn a_damaged_patient_or_plan_of_care_hides_no_alert_either() {
    for damage in ["Patient/test-folfox", "CarePlan/test-folfox"] {
        for (app, course) in courses().await {
            let app = without(app, damage).await;
            app.at("2026-03-09T09:06:00+01:00");
            assert_eq!(app.submit(&course.week("2")).await.unwrap_err().category, Category::Damaged);
            assert!(open_tasks(&app, &course).await.contains("consultation-presentielle"), "{damage}");
        }
    }
}

#[tokio::test]
async fn a_row_that_nobody_wrote_keeps_no_later_week_from_alerting() {
    let app = App::on(Kept::Embedded).await.unwrap();
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    app.submit(&course.week("1")).await.unwrap();
    let place = app.into_place();
    let Place::Folder(folder) = &place else { unreachable!("the embedded store is in a folder") };
    let conn = Connection::open(folder.path().join(FILE)).unwrap();
    let spoil = "UPDATE version SET made = 'x' WHERE seq IN (SELECT r.seq FROM resource r
         JOIN resource_type t ON t.code = r.rtype WHERE t.name = 'QuestionnaireResponse')";
    assert_eq!(conn.execute(spoil, []).unwrap(), 1);
    drop(conn);
    let app = App::again(place).await;
    app.at("2026-03-09T09:06:00+01:00");
    let problem = app.submit(&course.week("2")).await.unwrap_err();
    assert_eq!(problem.category, Category::Damaged);
    assert!(problem.to_string().contains("the response is kept as Binary/"), "{problem}");
    assert!(open_tasks(&app, &course).await.contains("consultation-presentielle"));
}

#[tokio::test]
async fn an_amendment_of_what_is_damaged_is_kept_and_alerts() {
    for (app, course) in courses().await {
        let first = app.search("QuestionnaireResponse", &[]).await.remove(0);
        let app = without(app, &format!("QuestionnaireResponse/{}", first["id"].as_str().unwrap())).await;
        let mut amended = course.week("2");
        amended["id"] = first["id"].clone();
        amended["status"] = json!("amended");
        for _ in 0..2 {
            let problem = app.put(&amended).await.unwrap_err();
            assert_eq!(problem.category, Category::Damaged);
            assert!(problem.to_string().contains("the response is kept as Binary/"), "{problem}");
        }
        assert!(open_tasks(&app, &course).await.contains("consultation-presentielle"));
        assert_eq!(app.search("Binary", &[]).await.len(), 2, "kept once");
    }
}

#[tokio::test]
async fn a_page_tells_what_is_damaged_and_shows_the_rest() {
    for (app, course) in courses().await {
        let all = app.search("Observation", &[]).await;
        let lost = format!("Observation/{}", all[1]["id"].as_str().unwrap());
        let app = without(app, &lost).await;
        let (_, id) = lost.split_once('/').unwrap();
        let read = interaction::read(&app.context, "Observation", id).await.unwrap_err();
        assert_eq!(read.category, Category::Damaged);
        let told = |bundle: &Value| bundle.to_string().contains(&format!("{lost}/_history/1 is damaged"));
        let matches = |bundle: &Value| {
            let entries = bundle["entry"].as_array().unwrap();
            entries.iter().filter(|entry| entry["resource"]["resourceType"] == "Observation").count()
        };
        let patient = course.patient();
        let by_patient = |rtype: &'static str, more: &[(&str, &str)]| {
            let params = more.iter().chain(&[("_count", "500")]);
            let params: Vec<(String, String)> =
                params.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let context = &app.context;
            async move {
                let answer = interaction::search(context, rtype, &params).await.unwrap();
                serde_json::from_slice::<Value>(&answer.body).unwrap()
            }
        };
        let found = by_patient("Observation", &[("subject", &patient)]).await;
        assert!(told(&found) && matches(&found) == all.len() - 1, "{found}");
        let included = by_patient("Patient", &[("_revinclude", "Observation:subject")]).await;
        assert!(told(&included) && matches(&included) == all.len() - 1, "{included}");
        let id = patient.trim_start_matches("Patient/");
        let everything = interaction::everything(&app.context, id, &[]).await.unwrap();
        let everything: Value = serde_json::from_slice(&everything.body).unwrap();
        assert!(told(&everything), "{everything}");
        let history = interaction::history(&app.context, Some("Observation"), None, &[]).await.unwrap();
        let history: Value = serde_json::from_slice(&history.body).unwrap();
        let entries = history["entry"].as_array().unwrap();
        assert_eq!(entries.len(), all.len());
        let outcomes: Vec<&Value> = entries.iter().filter(|entry| entry.get("resource").is_none()).collect();
        assert_eq!(outcomes.len(), 1);
        assert_eq!(outcomes[0]["response"]["outcome"]["resourceType"], "OperationOutcome");
        assert!(told(outcomes[0]) && outcomes[0]["request"]["method"] == "POST");
    }
}

#[tokio::test]
async fn what_is_damaged_cannot_be_replaced_and_holds_up_no_other() {
    for (app, _) in courses().await {
        let app = without(app, "Organization/centre-test").await;
        let mut patient = app.read("Patient/test-folfox").await;
        patient["active"] = json!(false);
        let organization = json!({"resourceType": "Organization", "id": "centre-test", "name": "x"});
        let (lost, kept) = tokio::join!(app.put(&organization), app.put(&patient));
        assert_eq!(lost.unwrap_err().category, Category::Damaged);
        assert!(kept.is_ok());
    }
}

struct Receiver(Mutex<Vec<String>>);

impl Connector for Receiver {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> Sending<'a> {
        self.0.lock().unwrap().push(delivery.id.clone());
        let yes = Outcome::Accepted(Receipt { status: "200 OK".to_owned(), reference: None });
        Box::pin(async move { yes })
    }
}

#[tokio::test]
async fn a_damaged_delivery_is_told_and_the_others_are_sent() {
    for kept in Kept::EACH {
        let Some(app) = App::on(kept).await else { continue };
        let ids = ["a", "b", "c"].map(|last| format!("0190a0b0-0000-7000-8000-00000000000{last}"));
        let mut unit = Unit::new("test", app.context.clock.now());
        for (n, id) in ids.iter().enumerate() {
            unit.deliveries.push(Delivery {
                id: id.clone(),
                destination: "dpi".to_owned(),
                kind: "fhir".to_owned(),
                patient: format!("Patient/{n}"),
                subject: format!("DocumentReference/{n}"),
                act: Act::Provide,
                content_type: "application/fhir+json".to_owned(),
                payload: format!(r#"{{"resourceType":"Bundle","id":"{n}","type":"transaction"}}"#)
                    .into_bytes(),
                created_at: app.context.clock.now(),
            });
        }
        assert!(matches!(app.context.store.commit(unit).await, Ok(Committed::Written(_))));
        let app = damaged(app, (PAYLOAD, "payload", "delivery"), &ids[1]).await;
        let receiver = Arc::new(Receiver(Mutex::default()));
        let courier = app.courier("dpi", Arc::clone(&receiver) as Arc<dyn Connector>);
        assert_eq!(courier.step().await, Ok(3));
        let mut sent = receiver.0.lock().unwrap().clone();
        sent.sort();
        assert_eq!(sent, [ids[0].clone(), ids[2].clone()]);
        let undelivered = "https://vigie.example/fhir/NamingSystem/undelivered|";
        let tasks = app.search("Task", &[("identifier", undelivered)]).await;
        assert_eq!(tasks.len(), 1);
        assert!(tasks[0]["description"].as_str().unwrap().contains("est endommagé dans la base de données"));
    }
}

#[tokio::test]
async fn what_is_damaged_keeps_nothing_else_from_being_indexed_anew() {
    for (app, _) in courses().await {
        let all = app.search("Observation", &[]).await;
        let lost = format!("Observation/{}", all[0]["id"].as_str().unwrap());
        let place = without(app, &lost).await.into_place();
        let anew = "UPDATE indexed SET reading = reading + 1";
        match &place {
            Place::Folder(folder) => {
                Connection::open(folder.path().join(FILE)).unwrap().execute(anew, []).unwrap();
            }
            Place::Schema(database) => database.connect().await.batch_execute(anew).await.unwrap(),
        }
        let app = App::again(place).await;
        let params = [("status".to_owned(), "final".to_owned()), ("_count".to_owned(), "500".to_owned())];
        let found = loop {
            match interaction::search(&app.context, "Observation", &params).await {
                Ok(page) => break serde_json::from_slice::<Value>(&page.body).unwrap(),
                Err(problem) => assert_eq!(problem.category, Category::Busy),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert_eq!(found["entry"].as_array().unwrap().len(), all.len() - 1);
    }
}
