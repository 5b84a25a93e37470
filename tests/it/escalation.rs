//! An alert that nobody takes in time is told to the next role: once, whoever looks, and what was added stays.

use vigie::fhir::structure;
use vigie::interaction;
use vigie::json::{Value, json};
use vigie::store::{Expect, Unit, Write};

use crate::support::{App, Course, Kept};

async fn late(app: &App, time: &str) -> usize {
    app.at(time);
    interaction::escalate(&app.context).await.unwrap()
}

async fn task(app: &App, code: &str) -> Value {
    let code = format!("https://vigie.example/fhir/CodeSystem/task-code|{code}");
    let mut tasks = app.search("Task", &[("code", &code)]).await;
    assert_eq!(tasks.len(), 1);
    assert_eq!(structure::check(&tasks[0]), []);
    tasks.remove(0)
}

fn roles(task: &Value) -> Vec<&str> {
    let all = task["performerType"].as_array().unwrap().iter();
    all.map(|role| role["coding"][0]["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_rouge_alert_that_nobody_takes_goes_to_the_oncologist_and_the_physician_on_call() {
    for kept in Kept::EACH {
        let Some(app) = App::on(kept).await else { continue };
        let course = Course::start(&app, "pembrolizumab").await;
        app.at("2026-03-23T07:56:00Z");
        app.submit(&course.week("4")).await.unwrap();
        let call = task(&app, "appel-telephonique").await;
        assert_eq!(call["reasonCode"]["coding"][0]["code"], "rouge");
        assert_eq!(late(&app, "2026-03-23T08:25:59Z").await, 0, "not yet");
        assert_eq!(late(&app, "2026-03-23T08:26:00Z").await, 2, "both Tasks, after thirty minutes");
        assert_eq!(late(&app, "2026-03-23T08:26:00Z").await, 0, "once");
        assert_eq!(interaction::escalate(&app.replica("other")).await.unwrap(), 0, "once for all replicas");
        assert!(roles(&task(&app, "appel-telephonique").await).contains(&"ipa"));
        assert_eq!(late(&app, "2026-03-23T08:56:00Z").await, 1, "the call was due within the hour");
        let call = task(&app, "appel-telephonique").await;
        assert!(["oncologue", "medecin-garde"].iter().all(|role| roles(&call).contains(role)), "{call:#}");
        assert_eq!((&call["status"], &call["priority"]), (&json!("requested"), &json!("stat")));
        assert_eq!(call["note"].as_array().unwrap().len(), 2);
        let target = format!("Task/{}", call["id"].as_str().unwrap());
        let made = app.search("Provenance", &[("target", &target)]).await;
        assert_eq!(made.len(), 3, "the evaluation and two steps");
        assert_eq!(made.iter().flat_map(structure::check).collect::<Vec<_>>(), []);
        // Nobody ever does anything: it stays open, and says no more.
        assert_eq!(
            late(&app, "2026-03-24T08:00:00Z").await,
            1,
            "the consultation was due within eight hours"
        );
        assert_eq!(late(&app, "2026-03-25T08:00:00Z").await, 0);
        assert_eq!(task(&app, "appel-telephonique").await["status"], "requested");
    }
}

#[tokio::test]
async fn what_was_taken_or_done_in_time_does_not_escalate_and_an_amendment_keeps_what_was_added() {
    let app = App::new().await;
    let course = Course::start(&app, "pembrolizumab").await;
    app.at("2026-03-16T17:41:00Z");
    let answer = app.submit(&course.week("3")).await.unwrap();
    let before = task(&app, "appel-telephonique").await;
    assert_eq!(before["reasonCode"]["coding"][0]["code"], "orange");
    assert_eq!(late(&app, "2026-03-16T21:41:00Z").await, 1, "due within four hours");
    assert_eq!(late(&app, "2026-03-17T01:41:00Z").await, 1, "four hours later");
    let told = task(&app, "appel-telephonique").await;
    assert!(roles(&told).contains(&"oncologue"));
    // The patient corrects the response: the alert still holds, and so does who was told.
    let mut amended = course.week("3");
    amended["id"] = json!(answer.id);
    amended["status"] = json!("amended");
    app.put(&amended).await.unwrap();
    let kept = task(&app, "appel-telephonique").await;
    assert_eq!((&kept["performerType"], &kept["note"]), (&told["performerType"], &told["note"]));
    assert_eq!(late(&app, "2026-03-17T02:00:00Z").await, 0, "and nothing is said twice");

    // Taken within thirty minutes: the first step of a rouge alert is not needed.
    app.at("2026-03-23T07:56:00Z");
    let other = Course::start(&app, "folfox").await;
    let mut response = other.week("1");
    pain(&mut response);
    app.submit(&response).await.unwrap();
    let of_patient = other.patient();
    let calls = app.search("Task", &[("patient", &of_patient), ("status", "requested")]).await;
    assert!(!calls.is_empty());
    for mut call in calls {
        call["status"] = json!("accepted");
        app.put(&call).await.unwrap();
    }
    assert_eq!(late(&app, "2026-03-23T08:40:00Z").await, 0);
}

/// What the patient is told to read.
async fn messages(app: &App) -> Vec<Value> {
    let found = app.search("Communication", &[("status", "in-progress")]).await;
    assert_eq!(found.iter().flat_map(structure::check).collect::<Vec<_>>(), []);
    found
}

#[tokio::test]
async fn the_patient_of_a_rouge_alert_that_nobody_takes_is_told_again() {
    for kept in Kept::EACH {
        let Some(app) = App::on(kept).await else { continue };
        let course = Course::start(&app, "pembrolizumab").await;
        app.at("2026-03-23T07:56:00Z");
        let id = app.submit(&course.week("4")).await.unwrap().id;
        let first = messages(&app).await.remove(0);
        late(&app, "2026-03-23T08:26:00Z").await;
        assert_eq!(messages(&app).await, std::slice::from_ref(&first), "not yet");
        late(&app, "2026-03-23T08:56:00Z").await;
        let again = messages(&app).await;
        assert_eq!(again.len(), 1);
        assert_eq!((&again[0]["id"], &again[0]["payload"]), (&first["id"], &first["payload"]));
        assert_eq!(again[0]["sent"], "2026-03-23T08:56:00.000Z");
        assert!(again[0]["note"][0]["text"].as_str().unwrap().starts_with("Message répété"));
        // It was read, and nobody does anything until the consultation is late, too: it comes once more.
        let mut read = again[0].clone();
        read["status"] = json!("completed");
        app.put(&read).await.unwrap();
        late(&app, "2026-03-23T16:00:00Z").await;
        let third = messages(&app).await.remove(0);
        assert!(third["id"] != first["id"] && third["payload"] == first["payload"], "{third:#}");
        let target = format!("Communication/{}", third["id"].as_str().unwrap());
        assert_eq!(app.search("Provenance", &[("target", &target)]).await.len(), 1);
        // An amendment changes the message that is to be read, and leaves no other one beside it.
        let mut calmer = course.week("1");
        (calmer["id"], calmer["status"]) = (json!(id), json!("amended"));
        calmer["authored"] = json!("2026-03-23T07:56:00Z");
        calmer["identifier"] = course.week("4")["identifier"].clone();
        app.put(&calmer).await.unwrap();
        let last = messages(&app).await;
        assert_eq!(last.len(), 1);
        assert_ne!(last[0]["payload"], first["payload"]);
    }
}

#[tokio::test]
async fn the_patient_of_a_rouge_alert_that_somebody_took_is_not_told_again() {
    let app = App::new().await;
    let course = Course::start(&app, "pembrolizumab").await;
    app.at("2026-03-23T07:56:00Z");
    app.submit(&course.week("4")).await.unwrap();
    let mut call = task(&app, "appel-telephonique").await;
    call["status"] = json!("accepted");
    app.put(&call).await.unwrap();
    let first = messages(&app).await;
    assert_eq!(
        late(&app, "2026-03-23T08:56:00Z").await,
        2,
        "the call was not made, the consultation not taken"
    );
    assert!(late(&app, "2026-03-23T16:00:00Z").await > 0, "nor was there a consultation");
    assert_eq!(messages(&app).await, first);
}

#[tokio::test]
async fn a_rouge_alert_while_the_unit_is_closed_is_told_to_the_physician_on_call_at_once() {
    use jiff::civil::{Weekday, time};
    let mut app = App::new().await;
    let (from, to) = (time(8, 30, 0, 0), time(18, 0, 0, 0));
    let days = (Weekday::Tuesday, Weekday::Friday);
    app.context.settings.opening =
        Some(interaction::Opening { days, from, to, closed: interaction::Holidays::France });
    let course = Course::start(&app, "pembrolizumab").await;
    // A Monday.
    app.at("2026-03-23T07:56:00Z");
    app.submit(&course.week("4")).await.unwrap();
    assert_eq!(late(&app, "2026-03-23T07:57:00Z").await, 2, "the call and the consultation");
    assert_eq!(late(&app, "2026-03-23T07:58:00Z").await, 0, "once");
    assert!(roles(&task(&app, "appel-telephonique").await).contains(&"medecin-garde"));
    assert_eq!(late(&app, "2026-03-23T08:26:00Z").await, 2, "the rest follows by the hour");
}

#[tokio::test]
async fn an_open_alert_escalates_however_old_it_is() {
    for level in ["rouge", "jaune"] {
        let app = App::new().await;
        let course = Course::start(&app, "folfox").await;
        app.at("2026-03-02T08:13:00Z");
        let mut response = course.week("2");
        response["authored"] = json!("2026-03-02T08:13:00Z");
        if level == "rouge" {
            pain(&mut response);
        }
        app.submit(&response).await.unwrap();
        // Nobody looked for fifteen days: everything was down.
        app.at("2026-03-17T08:13:00Z");
        let lately = interaction::escalate_lately(&app.context).await.unwrap();
        let tasks = app.search("Task", &[("status", "requested")]).await;
        for task in &tasks {
            let is_rouge = task["reasonCode"]["coding"][0]["code"] == "rouge";
            assert_eq!(task.get("note").is_some(), is_rouge, "{level}: {lately} {task:#}");
        }
        while interaction::escalate(&app.context).await.unwrap() > 0 {}
        for task in app.search("Task", &[("status", "requested")]).await {
            let last = task["note"].as_array().unwrap().last().unwrap()["text"].as_str().unwrap().to_owned();
            assert!(last.contains("oncologue"), "{level}: {task:#}");
        }
    }
}

#[tokio::test]
async fn a_jaune_alert_that_nobody_deals_with_becomes_orange() {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-09T08:00:00Z");
    app.submit(&course.week("2")).await.unwrap();
    let all = app.search("Task", &[("status", "requested")]).await;
    let level = |task: &Value| task["reasonCode"]["coding"][0]["code"].as_str().unwrap().to_owned();
    let jaune = all.iter().find(|task| level(task) == "jaune").expect("a jaune Task");
    let reference = format!("Task/{}", jaune["id"].as_str().unwrap());
    let due = jaune["restriction"]["period"]["end"].as_str().unwrap();
    // Those of other levels, three days late, take all their steps.
    while late(&app, due).await > 0 {}
    let now = app.read(&reference).await;
    assert_eq!((level(&now).as_str(), &now["priority"]), ("orange", &json!("asap")));
    assert_eq!(now["reasonCode"]["coding"][0]["display"], "Orange");
    assert!(roles(&now).contains(&"ipa"));
    assert_eq!(now["note"].as_array().unwrap().len(), 1, "once");
}

/// Pain in the chest, which is rouge.
fn pain(value: &mut Value) {
    for item in value.get_mut("item").and_then(Value::as_array_mut).into_iter().flatten() {
        if item["linkId"] == "alerte.thorax" {
            item["answer"] = json!([{"valueBoolean": true}]);
        }
        pain(item);
    }
}

#[tokio::test]
async fn what_is_most_pressing_does_not_wait_for_all_that_became_late_together() {
    let app = App::bare().await;
    let start = "2026-03-09T08:00:00Z";
    app.at(start);
    let mut unit = Unit::new("test", start.parse().unwrap());
    for n in 0..=501 {
        // The one that presses was raised first, and is found last in any other order.
        let (level, priority) = if n == 0 { ("rouge", "stat") } else { ("orange", "asap") };
        let task = json!({
            "resourceType": "Task", "id": format!("t{n}"), "meta": {"versionId": "1", "lastUpdated": start},
            "status": "requested", "intent": "order", "priority": priority, "authoredOn": start,
            "reasonCode": {"coding": [{"system": "https://vigie.example/fhir/CodeSystem/alert-level", "code": level}]},
            "restriction": {"period": {"start": start, "end": "2026-03-09T09:00:00Z"}},
            "input": [{"type": {"coding": [{"system": "https://vigie.example/fhir/CodeSystem/task-input",
                "code": "prise-en-compte-avant"}]}, "valueDateTime": "2026-03-09T08:30:00Z"}],
        });
        unit.writes.push(Write::new(&task, Expect::New).unwrap());
    }
    app.context.store.commit(unit).await.unwrap();
    app.at("2026-03-09T09:00:00Z");
    assert_eq!(
        interaction::escalate_lately(&app.context).await.unwrap(),
        501,
        "the rouge one, and as many as at once"
    );
    let pressing = app.read("Task/t0").await;
    assert!(pressing["note"][0]["text"].as_str().unwrap().contains("rouge"), "{pressing:#}");
    assert_eq!(
        interaction::escalate(&app.context).await.unwrap(),
        2,
        "the last, and the second step of the first"
    );
    assert_eq!(interaction::escalate(&app.context).await.unwrap(), 0);
}
