//! From a signed report to a DMP: rendered and signed before the commit, sent with ITI-41, replaced, and held back while an
//! identity is not qualified.

use std::sync::Arc;
use std::time::Duration;

use vigie::clock::{Clock, SystemIds};
use vigie::connector::Connectors;
use vigie::delivery::Courier;
use vigie::interaction::{self, Destination, DestinationKind, Follower};
use vigie::json::Value;
use vigie::outbox::State;
use vigie::report::provide_and_register::Sender;
use vigie::sandbox::{Fault, dmp};
use vigie::store::{DeliveryFilter, DeliveryRecord};
use vigie::xds::Status;

use crate::support::{App, Course, body, peer, signed};

/// A service whose only destination is a DMP, and a preliminary report there.
async fn stage() -> (App, dmp::Dmp, Courier, Value) {
    let mut app = App::new().await;
    app.context.settings.destinations =
        vec![Destination::new("dmp", DestinationKind::Xds(Box::new(peer::submitter(Sender::Automaton))))];
    let clock = Arc::clone(&app.clock) as Arc<dyn Clock>;
    let dmp = dmp::start(peer::ANYWHERE, Arc::clone(&clock)).unwrap();
    dmp.trust_only(peer::seal().certificate().der());
    let repository = peer::repository(&dmp.url(), Duration::from_secs(20), &clock);
    let mut connectors = Connectors::new();
    connectors.insert("dmp".to_owned(), Arc::new(repository));
    let courier = Courier::new(
        Arc::clone(&app.context.store),
        connectors,
        clock,
        Arc::new(SystemIds),
        peer::limits(60, 60_000),
    );
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    app.submit(&course.week("1")).await.unwrap();
    let report = app.search("DiagnosticReport", &[]).await.remove(0);
    app.at("2026-03-03T10:00:00+01:00");
    (app, dmp, courier, report)
}

async fn deliveries(app: &App) -> Vec<DeliveryRecord> {
    let all = DeliveryFilter { payload: true, ..DeliveryFilter::default() };
    app.context.store.deliveries(&all).await.unwrap()
}

#[tokio::test]
async fn a_signed_report_and_its_correction_reach_the_dmp_in_order() {
    let (app, peer, courier, report) = stage().await;
    let first = body(&app.put(&signed(&report, "final", "Bonne tolérance.")).await.unwrap());
    app.at("2026-03-03T11:00:00+01:00");
    app.put(&signed(&first, "corrected", "Bonne tolérance. Dose réduite.")).await.unwrap();
    // The answer to the first is lost after it was kept.
    peer.misbehave(Fault::AnswerLost, 1);
    for minute in 1..5 {
        courier.step().await.unwrap();
        app.at(&format!("2026-03-03T11:0{minute}:30+01:00"));
    }
    let entries = peer.entries();
    let statuses: Vec<Option<Status>> = entries.iter().map(|entry| entry.status).collect();
    assert_eq!(statuses, [Some(Status::Deprecated), Some(Status::Approved)]);
    for record in deliveries(&app).await {
        assert_eq!(record.progress.state, State::Delivered, "{record:?}");
    }
    let current = app.search("DocumentReference", &[("status", "current")]).await.remove(0);
    let unique = current["masterIdentifier"]["value"].as_str().unwrap();
    assert_eq!(unique.strip_prefix("urn:oid:"), Some(entries[1].unique_id.as_str()));
    peer.stop().await;
}

#[tokio::test]
async fn what_is_sent_is_what_was_committed() {
    let (app, peer, courier, report) = stage().await;
    app.put(&signed(&report, "final", "Bonne tolérance.")).await.unwrap();
    let before = deliveries(&app).await.remove(0).delivery;
    for minute in 1..3 {
        peer.misbehave(Fault::Status(503), 1);
        courier.step().await.unwrap();
        app.at(&format!("2026-03-03T10:0{minute}:30+01:00"));
    }
    courier.step().await.unwrap();
    let after = deliveries(&app).await.remove(0).delivery;
    assert!(before == after, "a payload has changed");
    let entry = peer.entries().remove(0);
    let cda = peer.document(&entry.unique_id).unwrap();
    assert!(peer.received().iter().all(|request| request.windows(cda.len()).any(|window| window == cda)));
    peer.stop().await;
}

#[tokio::test]
async fn a_report_about_an_identity_that_is_not_qualified_is_held_with_a_task_and_then_goes_by_itself() {
    let (app, peer, courier, report) = stage().await;
    let qualified = app.read("Patient/test-folfox").await;
    let mut patient = qualified.clone();
    patient["extension"]
        .as_array_mut()
        .unwrap()
        .retain(|one| !one["url"].as_str().unwrap_or_default().ends_with("fr-core-identity-reliability"));
    app.put(&patient).await.unwrap();
    app.put(&signed(&report, "final", "Bonne tolérance.")).await.unwrap();
    courier.step().await.unwrap();
    assert!(deliveries(&app).await.is_empty() && peer.received().is_empty());
    let tasks = app.search("Task", &[("code", "relecture-humaine")]).await;
    let held: Vec<&Value> = tasks
        .iter()
        .filter(|task| task["description"].as_str().is_some_and(|text| text.contains("« dmp »")))
        .collect();
    assert_eq!(held.len(), 1, "{tasks:?}");
    assert!(held[0]["focus"]["reference"].as_str().unwrap().starts_with("DocumentReference/"));

    // The identity is qualified: the signed report goes by itself, as the first document that the DMP gets.
    app.at("2026-03-04T08:00:00+01:00");
    app.put(&qualified).await.unwrap();
    assert_eq!(interaction::release(&app.context, &mut Follower::default()).await, Ok(1));
    courier.step().await.unwrap();
    let entries = peer.entries();
    assert_eq!(entries.iter().map(|entry| entry.status).collect::<Vec<_>>(), [Some(Status::Approved)]);
    assert_eq!(deliveries(&app).await[0].progress.state, State::Delivered);
    peer.stop().await;
}

#[test]
fn a_destination_that_lacks_anything_is_refused_at_start_with_all_that_it_lacks() {
    let list =
        r#"[{name = "dmp", kind = "xds", url = "https://dmp.example/services", xds = {mode = "DIRECTE"}}]"#;
    let read = vigie::config::read(None, [("VIGIE_DESTINATIONS".to_owned(), list.to_owned())]);
    let text = read.unwrap_err().to_string();
    for key in [
        "xds.certificate",
        "xds.key",
        "xds.authorities",
        "xds.seal_certificate",
        "xds.seal_key",
        "xds.software",
        "xds.homologation",
        "xds.responsible",
        "xds.sender",
        "xds.vihf_version",
        "INDIRECTE_RENFORCEE",
    ] {
        assert!(text.contains(key), "{key} is missing in: {text}");
    }
}
