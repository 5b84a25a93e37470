//! A missing answer is an alert for a person (promise 2, rule R91): once, whoever looks, and over by itself when the patient answers.

use std::sync::Arc;
use std::time::Duration;

use vigie::fhir::structure;
use vigie::interaction::{self, Context};
use vigie::json::{Value, json};

use crate::support::{App, Course, Kept};

const NAMING: &str = "https://vigie.example/fhir/NamingSystem";

/// The patient under pembrolizumab, who answered the first week: nothing to report, authored on 2 March at 08:12 UTC.
async fn answered(kept: Kept) -> Option<(App, Course)> {
    let app = App::on(kept).await?;
    let course = Course::start(&app, "pembrolizumab").await;
    app.at("2026-03-02T09:13:00+01:00");
    app.submit(&course.week("1")).await.unwrap();
    Some((app, course))
}

async fn told(ctx: &Context) -> usize {
    interaction::tell_silences(ctx).await.unwrap()
}

async fn tasks(app: &App) -> Vec<Value> {
    let system = format!("{NAMING}/silence|");
    app.search("Task", &[("identifier", &system), ("_sort", "authored-on")]).await
}

async fn silences(app: &App) -> Vec<Value> {
    let mut flags = app.search("Flag", &[]).await;
    flags.retain(|flag| flag["code"]["coding"][0]["code"] == "silence");
    flags
}

fn statuses(resources: &[Value]) -> Vec<&str> {
    resources.iter().map(|one| one["status"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_amendment_of_a_response_that_does_not_say_when_it_was_answered_is_no_new_week() {
    let app = App::new().await;
    let course = Course::start(&app, "pembrolizumab").await;
    app.at("2026-03-02T09:13:00+01:00");
    let mut undated = course.week("1");
    undated.as_object_mut().unwrap().remove("authored");
    let id = app.submit(&undated).await.unwrap().id;
    app.at("2026-03-10T09:00:00Z");
    (undated["status"], undated["id"]) = (json!("amended"), json!(id));
    app.put(&undated).await.unwrap();
    app.at("2026-03-11T08:13:00Z");
    assert_eq!(told(&app.context).await, 1, "the second week is missing");
}

#[tokio::test]
async fn a_missing_answer_is_one_task_that_gets_more_pressing_and_ends_when_the_patient_answers() {
    for kept in Kept::EACH {
        let Some((app, course)) = answered(kept).await else { continue };
        app.at("2026-03-11T08:11:59Z");
        assert_eq!(told(&app.context).await, 0, "not yet");
        app.at("2026-03-11T08:12:00Z");
        assert_eq!((told(&app.context).await, told(&app.context).await), (1, 0), "once");
        assert_eq!(told(&app.replica("other")).await, 0, "once for all replicas");
        let (task, flag) = (tasks(&app).await.remove(0), silences(&app).await.remove(0));
        assert_eq!((structure::check(&task), structure::check(&flag)), (vec![], vec![]), "{task:#} {flag:#}");
        let place = |name: &str| task.pointer(name).cloned().unwrap_or_default();
        assert_eq!(place("/for/reference"), course.patient());
        assert_eq!(place("/focus/reference"), "CarePlan/pat-trois");
        assert_eq!(place("/code/coding/0/code"), "relance");
        assert_eq!(place("/reasonCode/coding/0/code"), "silence");
        assert_eq!(place("/priority"), "urgent");
        assert_eq!(place("/restriction/period/end"), "2026-03-12T08:12:00.000Z");
        let why = task["description"].as_str().unwrap();
        assert!(why.contains("attendu le 09/03/2026, dernière réponse le 02/03/2026"), "{why}");
        assert!(why.contains("appeler le patient"), "what the ActivityDefinition says: {why}");
        let made =
            app.search("Provenance", &[("target", &format!("Task/{}", task["id"].as_str().unwrap()))]).await;
        assert_eq!(made.len(), 1);
        assert_eq!(structure::check(&made[0]), []);
        assert_eq!(made[0]["reason"][0]["coding"][0]["code"], "R91");

        app.at("2026-03-14T08:11:59Z");
        assert_eq!(told(&app.context).await, 0, "five days have not gone by");
        app.at("2026-03-14T08:12:00Z");
        assert_eq!((told(&app.context).await, told(&app.context).await), (1, 0), "the oncologist, once");
        let task = tasks(&app).await.remove(0);
        assert_eq!(structure::check(&task), []);
        assert_eq!((&task["priority"], task["performerType"].as_array().unwrap().len()), (&json!("asap"), 2));
        assert!(task["note"][0]["text"].as_str().unwrap().contains("l'oncologue est informé"));
        // The next week is missing, too: still one silence.
        app.at("2026-03-18T09:00:00Z");
        assert_eq!(told(&app.context).await, 0);

        app.at("2026-03-18T10:00:00Z");
        let mut late = course.week("3");
        late["authored"] = json!("2026-03-18T10:50:00+01:00");
        app.submit(&late).await.unwrap();
        assert_eq!((told(&app.context).await, told(&app.context).await), (1, 0));
        let (tasks, flags) = (tasks(&app).await, silences(&app).await);
        assert_eq!((statuses(&tasks), statuses(&flags)), (vec!["cancelled"], vec!["inactive"]));
        assert_eq!(tasks[0]["statusReason"]["text"], "Le patient a répondu.");
        assert_eq!(flags[0]["period"]["end"], "2026-03-18T10:00:00.000Z");
        assert_eq!((structure::check(&tasks[0]), structure::check(&flags[0])), (vec![], vec![]));
    }
}

#[tokio::test]
async fn a_task_that_a_person_closed_is_not_written_again_but_the_next_week_is() {
    let Some((app, _)) = answered(Kept::Embedded).await else { return };
    app.at("2026-03-12T08:00:00Z");
    assert_eq!(told(&app.context).await, 1);
    let mut task = tasks(&app).await.remove(0);
    task["status"] = json!("completed");
    task["owner"] = json!({"reference": "Practitioner/oncologue-test"});
    let outcome =
        json!({"system": "https://vigie.example/fhir/CodeSystem/task-outcome", "code": "injoignable"});
    task["businessStatus"] = json!({"coding": [outcome]});
    app.put(&task).await.unwrap();
    assert_eq!(told(&app.context).await, 0);
    app.at("2026-03-18T08:11:59Z");
    assert_eq!(told(&app.context).await, 0);
    app.at("2026-03-18T08:12:00Z");
    assert_eq!((told(&app.context).await, told(&app.context).await), (1, 0));
    assert_eq!(statuses(&tasks(&app).await), ["completed", "requested"]);
}

#[tokio::test]
async fn the_service_looks_by_itself_until_it_stops() {
    let Some((app, course)) = answered(Kept::Embedded).await else { return };
    app.at("2026-03-24T08:00:00Z");
    let mut worrying = course.week("3");
    worrying["authored"] = json!("2026-03-10T08:00:00Z");
    app.submit(&worrying).await.unwrap();
    app.at("2026-03-24T13:00:00Z");
    let (context, _place) = app.into_context();
    let (stop, until) = tokio::sync::watch::channel(false);
    let watched = Arc::clone(&context);
    let watching =
        tokio::spawn(async move { interaction::watch(&watched, Duration::from_millis(1), until).await });
    let total = async |params: &[(&str, &str)]| {
        let params: Vec<_> =
            params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let page = interaction::search(&context, "Task", &params).await.unwrap();
        let bundle: Value = serde_json::from_slice(&page.body).unwrap();
        bundle["entry"].as_array().map_or(0, Vec::len)
    };
    let oncologist = "https://vigie.example/fhir/CodeSystem/performer-role|oncologue";
    let silence = format!("{NAMING}/silence|");
    while total(&[("identifier", &silence)]).await == 0 || total(&[("performer", oncologist)]).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.send(true).unwrap();
    watching.await.unwrap();
}

#[tokio::test]
async fn after_worrying_answers_the_call_is_due_after_one_day() {
    let Some((app, course)) = answered(Kept::Embedded).await else { return };
    app.at("2026-03-16T18:41:00+01:00");
    app.submit(&course.week("3")).await.unwrap();
    app.at("2026-03-24T05:39:59Z");
    assert_eq!(told(&app.context).await, 0);
    app.at("2026-03-24T05:40:00Z");
    assert_eq!(told(&app.context).await, 1);
    let task = tasks(&app).await.remove(0);
    assert_eq!(
        (&task["priority"], &task["restriction"]["period"]["end"]),
        (&json!("asap"), &json!("2026-03-24T17:40:00.000Z"))
    );
    assert!(task["description"].as_str().unwrap().contains("demandait une action rapide"));
}

#[tokio::test]
async fn who_was_heard_in_any_way_or_is_not_expected_to_answer_is_not_silent() {
    let Some((app, course)) = answered(Kept::Embedded).await else { return };
    // Refused and kept: the patient was heard, and its own Task says so.
    app.at("2026-03-09T08:00:00Z");
    let mut refused = course.week("2");
    refused["item"] = json!([{"linkId": "no-such-question", "answer": [{"valueString": "x"}]}]);
    assert!(app.submit(&refused).await.is_err());
    app.at("2026-03-15T12:00:00Z");
    assert_eq!(told(&app.context).await, 0);
    // A response that says a day to come, or that came late, was not answered then.
    let mut wrong = course.week("2");
    wrong["identifier"]["value"] = json!("a-wrong-clock");
    wrong["authored"] = json!("2031-03-09T08:00:00Z");
    app.submit(&wrong).await.unwrap();
    app.at("2026-03-23T23:59:59Z");
    assert_eq!(told(&app.context).await, 1, "a week after it came");
    assert_eq!(statuses(&tasks(&app).await), ["requested"]);
    // One that is not finished was not answered.
    let mut begun = course.week("3");
    begun["status"] = json!("in-progress");
    app.submit(&begun).await.unwrap();
    assert_eq!(told(&app.context).await, 0);

    for (reference, change) in [
        ("CarePlan/pat-trois", json!({"status": "on-hold"})),
        ("CarePlan/pat-trois", json!({"period": {"start": "2025-11-10", "end": "2026-03-20"}})),
        (
            "CarePlan/pat-trois",
            json!({"instantiatesCanonical": ["https://vigie.example/fhir/PlanDefinition/another"]}),
        ),
        ("Patient/pat-trois", json!({"deceasedBoolean": true})),
        ("Patient/pat-trois", json!({"active": false})),
    ] {
        let before = app.read(reference).await;
        let mut after = before.clone();
        for (name, value) in change.as_object().unwrap().iter() {
            after[name] = value.clone();
        }
        app.put(&after).await.unwrap();
        assert_eq!((told(&app.context).await, told(&app.context).await), (1, 0), "{change}");
        assert!(!statuses(&tasks(&app).await).contains(&"requested"), "{change}");
        assert!(!statuses(&silences(&app).await).contains(&"active"), "{change}");
        app.put(&before).await.unwrap();
        // A new week, a new silence.
        let next = app.context.clock.now() + jiff::SignedDuration::from_hours(7 * 24);
        app.clock.set(next);
        assert_eq!(told(&app.context).await, 1, "{change}");
    }
}
