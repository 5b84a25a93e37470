//! A delivery that is refused is a Task for a person, once, and the Task ends by itself (issue 4, point 9).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use vigie::connector::{Connector, Sending};
use vigie::delivery::Courier;
use vigie::interaction;
use vigie::json::Value;
use vigie::outbox::{Act, Delivery, Outcome, Receipt};
use vigie::store::{Committed, Unit};

use crate::support::{App, Kept};

/// A receiver that answers from a list.
struct Receiver(Mutex<VecDeque<Outcome>>);

impl Connector for Receiver {
    fn send<'a>(&'a self, _: &'a Delivery) -> Sending<'a> {
        let answer = self.0.lock().unwrap().pop_front().unwrap_or_else(accepted);
        Box::pin(async move { answer })
    }
}

fn accepted() -> Outcome {
    Outcome::Accepted(Receipt { status: "AA".to_owned(), reference: Some("42".to_owned()) })
}

fn refused() -> Outcome {
    Outcome::Refused { reason: "acknowledged with AE: 101 at PID^1^3".to_owned() }
}

const ID: &str = "0190a0b0-0000-7000-8000-000000000001";

/// A service with one delivery that waits, over each store that can be tested here.
async fn stages(answers: &[Outcome]) -> Vec<(App, Courier)> {
    let mut stages = Vec::new();
    for kept in Kept::EACH {
        let Some(app) = App::on(kept).await else { continue };
        let mut unit = Unit::new("test", app.context.clock.now());
        unit.deliveries.push(Delivery {
            id: ID.to_owned(),
            destination: "pfi".to_owned(),
            kind: "mllp".to_owned(),
            patient: "Patient/p".to_owned(),
            subject: "DocumentReference/d".to_owned(),
            act: Act::Provide,
            content_type: "x-application/hl7-v2+er7".to_owned(),
            payload: b"MSH".to_vec(),
            created_at: app.context.clock.now(),
        });
        assert!(matches!(app.context.store.commit(unit).await, Ok(Committed::Written(_))));
        let receiver = Receiver(Mutex::new(answers.iter().cloned().collect()));
        let courier = app.courier("pfi", Arc::new(receiver));
        stages.push((app, courier));
    }
    stages
}

async fn tasks(app: &App) -> Vec<Value> {
    app.search("Task", &[("identifier", "https://vigie.example/fhir/NamingSystem/undelivered|")]).await
}

#[tokio::test]
async fn a_refusal_is_told_once_and_the_task_ends_when_the_receiver_says_yes() {
    for (app, courier) in stages(&[refused(), refused()]).await {
        for minute in 1..3 {
            assert_eq!(courier.step().await, Ok(1));
            assert_eq!(interaction::close_arrived(&app.context).await, Ok(0));
            assert_eq!(tasks(&app).await.len(), 1, "once");
            app.at(&format!("2026-03-01T09:0{minute}:30Z"));
        }
        let task = tasks(&app).await.remove(0);
        assert_eq!(
            (&task["status"], &task["focus"]["reference"]),
            (&"requested".into(), &"DocumentReference/d".into())
        );
        assert!(task["description"].as_str().unwrap().contains("101 at PID^1^3"));
        assert_eq!(courier.step().await, Ok(1));
        assert_eq!(interaction::close_arrived(&app.context).await, Ok(1));
        let task = tasks(&app).await.remove(0);
        assert_eq!(
            (&task["status"], &task["output"][0]["valueString"]),
            (&"completed".into(), &"AA 42".into())
        );
        assert_eq!(interaction::close_arrived(&app.context).await, Ok(0));
    }
}

#[tokio::test]
async fn the_task_of_a_refusal_ends_with_the_delivery_that_a_person_stops() {
    for (app, courier) in stages(&[refused(), refused()]).await {
        assert_eq!(courier.step().await, Ok(1));
        assert_eq!(tasks(&app).await.len(), 1);
        interaction::stop(&app.context, ID, "IDEC de test", "imprimé et remis").await.unwrap();
        assert_eq!(interaction::close_arrived(&app.context).await, Ok(1));
        let task = tasks(&app).await.remove(0);
        assert_eq!(task["status"], "cancelled");
        assert!(task["statusReason"]["text"].as_str().unwrap().contains("IDEC de test : imprimé et remis"));
    }
}
