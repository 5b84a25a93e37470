//! A destination that does not answer is one Task for a person, however much waits there, and the Task ends by itself.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use vigie::connector::{Connector, Sending};
use vigie::delivery::Courier;
use vigie::interaction::{self, Context};
use vigie::json::{Value, json};
use vigie::outbox::{Act, Delivery, Outcome, Receipt};
use vigie::store::{Committed, Expect, Unit, Write};

use crate::support::{App, Kept, dying};

const PATIENCE: Duration = Duration::from_hours(2);
const NAMING: &str = "https://vigie.example/fhir/NamingSystem";

/// A receiver that answers some patients, or everybody, or nobody.
#[derive(Default)]
struct Receiver {
    answers: Mutex<Option<BTreeSet<String>>>,
    everybody: Mutex<bool>,
}

impl Connector for Receiver {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> Sending<'a> {
        let some = self.answers.lock().unwrap();
        let yes =
            *self.everybody.lock().unwrap() || some.iter().flatten().any(|one| *one == delivery.patient);
        let outcome = if yes {
            Outcome::Accepted(Receipt { status: "AA".to_owned(), reference: None })
        } else {
            Outcome::Unreachable { reason: "no connection".to_owned() }
        };
        Box::pin(async move { outcome })
    }
}

/// A service over some store, one receiver, and the courier between them.
struct Scene {
    app: App,
    courier: Courier,
    receiver: Arc<Receiver>,
}

impl Scene {
    async fn each() -> Vec<Self> {
        let mut scenes = Vec::new();
        for kept in Kept::EACH {
            let Some(app) = App::on(kept).await else { continue };
            let receiver = Arc::new(Receiver::default());
            let courier = app.courier("pfi", Arc::clone(&receiver) as Arc<dyn Connector>);
            scenes.push(Self { app, courier, receiver });
        }
        scenes
    }

    /// Documents of these patients are signed now.
    async fn signed(&self, patients: std::ops::Range<usize>) {
        let mut unit = Unit::new("test", self.app.context.clock.now());
        for n in patients {
            unit.deliveries.push(Delivery {
                id: format!("0190a0b0-0000-7000-8000-{n:012}"),
                destination: "pfi".to_owned(),
                kind: "mllp".to_owned(),
                patient: format!("Patient/p{n}"),
                subject: format!("DocumentReference/d{n}"),
                act: Act::Provide,
                content_type: "x-application/hl7-v2+er7".to_owned(),
                payload: b"MSH".to_vec(),
                created_at: self.app.context.clock.now(),
            });
        }
        assert!(matches!(self.app.context.store.commit(unit).await, Ok(Committed::Written(_))));
    }

    /// What the deliveries are about, and a person.
    async fn known(&self) {
        let mut unit = Unit::new("test", self.app.context.clock.now());
        let meta = json!({"versionId": "1", "lastUpdated": "2026-03-01T08:00:00Z"});
        let names =
            (0..3).flat_map(|n| [("Patient", format!("p{n}")), ("DocumentReference", format!("d{n}"))]);
        for (rtype, id) in names.chain([("Practitioner", "oncologue-test".to_owned())]) {
            let resource = json!({"resourceType": rtype, "id": id, "meta": meta});
            unit.writes.push(Write::new(&resource, Expect::New).unwrap());
        }
        assert!(matches!(self.app.context.store.commit(unit).await, Ok(Committed::Written(_))));
    }

    /// At that time whatever is due is attempted.
    async fn at(&self, time: &str) {
        self.app.at(&format!("2026-03-01T{time}Z"));
        self.courier.step().await.unwrap();
    }

    async fn told(&self) -> usize {
        interaction::tell_outages(&self.app.context, PATIENCE).await.unwrap()
    }

    async fn tasks(&self) -> Vec<Value> {
        self.app
            .search("Task", &[("identifier", &format!("{NAMING}/unanswered|")), ("_sort", "authored-on")])
            .await
    }

    async fn statuses(&self) -> Vec<String> {
        self.tasks().await.iter().map(|task| task["status"].as_str().unwrap().to_owned()).collect()
    }
}

fn values<'a>(task: &'a Value, element: &str, member: &str) -> Vec<&'a str> {
    let inputs = task["input"].as_array().unwrap().iter();
    inputs.filter_map(|input| input[element][member].as_str()).collect()
}

#[tokio::test]
async fn a_destination_that_is_away_is_one_task_that_says_since_when_how_many_and_whose() {
    for scene in Scene::each().await {
        scene.signed(0..30).await;
        scene.at("08:00:00").await;
        assert_eq!(scene.told().await, 0, "not yet");
        scene.at("09:59:59").await;
        assert_eq!(scene.told().await, 0, "not yet");
        scene.at("10:01:00").await;
        assert_eq!((scene.told().await, scene.told().await), (1, 0), "once");
        let task = scene.tasks().await.remove(0);
        let issues = vigie::fhir::structure::check(&task);
        assert_eq!(issues, [], "{task:#}");
        assert_eq!(task["executionPeriod"]["start"], "2026-03-01T08:00:00.000Z");
        let text = task["description"].as_str().unwrap();
        for part in ["« pfi »", "30 envois attendent", "30 patients", "no connection", "depuis 2 heures"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(values(&task, "valueIdentifier", "value").len(), 20, "the oldest are named");
        assert_eq!(values(&task, "valueReference", "reference")[..2], ["DocumentReference/d0", "Patient/p0"]);

        scene.signed(30..40).await;
        scene.at("10:05:00").await;
        assert_eq!(scene.told().await, 0, "not for every change");
        scene.at("11:10:00").await;
        assert_eq!((scene.told().await, scene.told().await), (1, 0));
        let text = scene.tasks().await[0]["description"].as_str().unwrap().to_owned();
        assert!(text.contains("40 envois attendent") && text.contains("depuis 3 heures"), "{text}");

        *scene.receiver.everybody.lock().unwrap() = true;
        scene.at("11:20:00").await;
        assert_eq!((scene.told().await, scene.told().await), (1, 0));
        let task = scene.tasks().await.remove(0);
        assert_eq!((&task["status"], &task["meta"]["versionId"]), (&json!("completed"), &json!("3")));
        assert_eq!(task["executionPeriod"]["end"], "2026-03-01T11:20:00.000Z");
    }
}

#[tokio::test]
async fn the_first_answer_ends_it_and_the_next_outage_is_another_one() {
    for scene in Scene::each().await {
        scene.signed(0..3).await;
        scene.at("08:00:00").await;
        scene.at("10:30:00").await;
        assert_eq!(scene.told().await, 1);
        *scene.receiver.answers.lock().unwrap() = Some(BTreeSet::from(["Patient/p1".to_owned()]));
        scene.at("10:40:00").await;
        assert_eq!(scene.told().await, 1, "it answered one");
        assert_eq!(scene.statuses().await, ["completed"]);
        // It is away again at once, and has taken nothing else.
        *scene.receiver.answers.lock().unwrap() = None;
        scene.at("11:30:00").await;
        assert_eq!(scene.told().await, 1);
        assert_eq!(
            scene.tasks().await.last().unwrap()["executionPeriod"]["start"],
            "2026-03-01T10:40:00.000Z"
        );
        scene.at("11:50:00").await;
        assert_eq!(scene.statuses().await, ["completed", "requested"]);
    }
}

#[tokio::test]
async fn who_closes_it_is_not_told_of_the_same_outage_again() {
    for scene in Scene::each().await {
        scene.signed(0..3).await;
        scene.known().await;
        scene.at("08:00:00").await;
        scene.at("10:30:00").await;
        assert_eq!(scene.told().await, 1);
        let mut task = scene.tasks().await.remove(0);
        task["status"] = json!("cancelled");
        task["owner"] = json!({"reference": "Practitioner/oncologue-test"});
        task["output"] = json!([{"type": {"text": "Issue"}, "valueCodeableConcept": {"coding": [{
            "system": "https://vigie.example/fhir/CodeSystem/task-outcome", "code": "sans-suite"}]}}]);
        scene.app.put(&task).await.unwrap();
        scene.at("12:30:00").await;
        assert_eq!(scene.told().await, 0);
        assert_eq!(scene.statuses().await, ["cancelled"]);
    }
}

#[tokio::test]
async fn what_a_destination_does_not_take_while_it_answers_others_is_one_task_too() {
    for scene in Scene::each().await {
        scene.signed(0..6).await;
        let others = (1..60).filter(|n| *n != 3).map(|n| format!("Patient/p{n}"));
        *scene.receiver.answers.lock().unwrap() = Some(others.collect());
        for minute in 0..14 {
            scene.at(&format!("{:02}:{:02}:00", 8 + minute / 6, minute % 6 * 10)).await;
            scene.signed(6 + minute..7 + minute).await;
        }
        assert_eq!((scene.told().await, scene.told().await), (1, 0));
        let task = scene.tasks().await.remove(0);
        let text = task["description"].as_str().unwrap();
        assert!(text.contains("répond, mais 2 envois restent"), "{text}");
        assert_eq!(values(&task, "valueReference", "reference")[1], "Patient/p0");
        for n in [0, 3] {
            let id = format!("0190a0b0-0000-7000-8000-{n:012}");
            interaction::stop(&scene.app.context, &id, "IDEC de test", "imprimé et remis").await.unwrap();
        }
        assert_eq!((scene.told().await, scene.told().await), (1, 0));
        assert_eq!(scene.statuses().await, ["completed"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_replicas_one_tells_it_and_one_ends_it() {
    for scene in Scene::each().await {
        scene.signed(0..5).await;
        scene.at("08:00:00").await;
        scene.at("10:30:00").await;
        assert_eq!(together(&scene).await, 1);
        *scene.receiver.everybody.lock().unwrap() = true;
        scene.at("10:40:00").await;
        assert_eq!(together(&scene).await, 1);
        assert_eq!(scene.tasks().await[0]["meta"]["versionId"], "2");
        assert_eq!(scene.statuses().await, ["completed"]);
    }
}

/// Three replicas look at the same time; how many Tasks they wrote.
async fn together(scene: &Scene) -> usize {
    let replicas: Vec<Context> = ["a", "b", "c"].iter().map(|name| scene.app.replica(name)).collect();
    let steps: Vec<_> = replicas
        .into_iter()
        .map(|context| tokio::spawn(async move { interaction::tell_outages(&context, PATIENCE).await }))
        .collect();
    let mut written = 0;
    for step in steps {
        written += step.await.unwrap().unwrap();
    }
    written
}

#[tokio::test]
async fn wherever_a_process_dies_it_is_told_once_and_ended_once() {
    for scene in Scene::each().await {
        scene.signed(0..5).await;
        scene.at("08:00:00").await;
        scene.at("10:30:00").await;
        let step = || async { interaction::tell_outages(&scene.app.context, PATIENCE).await };
        let (deaths, last) = dying::at_every_wait(step).await;
        assert!(deaths > 0 && last.is_ok(), "{deaths}: {last:?}");
        assert_eq!(scene.statuses().await, ["requested"]);
        *scene.receiver.everybody.lock().unwrap() = true;
        scene.at("10:40:00").await;
        let (deaths, last) = dying::at_every_wait(step).await;
        assert!(deaths > 0 && last.is_ok(), "{deaths}: {last:?}");
        assert_eq!(scene.statuses().await, ["completed"]);
        assert_eq!(scene.tasks().await[0]["meta"]["versionId"], "2");
    }
}
