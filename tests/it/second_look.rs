//! Whom a delivery is about is looked at again just before it leaves: an identity that is not qualified any more, is
//! another one, or was merged, is not sent under what was signed (issue 4, points 3, 7 and 8).

mod scene;

use std::future::Future as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Waking, Wake, Waker};

use vigie::delivery::Courier;
use vigie::interaction::{self, Destination, DestinationKind, Follower};
use vigie::json::{Value, json};
use vigie::outbox::{Act, Outcome, State};
use vigie::store::{DeliveryFilter, DeliveryRecord};

use crate::support::{Kept, peer, signed};
use scene::{INS, OTHER_INS, PATIENT, Scene, answer, refused, silent, took};

#[tokio::test]
async fn what_was_signed_leaves_while_the_identity_is_the_same() {
    for kept in Kept::EACH {
        let Some(scene) = Scene::on(kept).await else { continue };
        // Another address is not another person.
        let mut moved = scene.patient.clone();
        moved["address"] = json!([{"city": "LYON"}]);
        scene.put(&moved).await;
        scene.step().await;
        assert_eq!((took(&scene.dpi).len(), took(&scene.dmp).len()), (1, 1), "{kept:?}");
        assert!(scene.held().await.is_empty());
    }
}

#[tokio::test]
async fn an_identity_that_is_not_qualified_any_more_is_held_and_goes_as_a_new_edition_once_it_is() {
    for kept in Kept::EACH {
        let Some(scene) = Scene::on(kept).await else { continue };
        scene.provisional().await;
        scene.step().await;
        assert_eq!((took(&scene.dpi).len(), took(&scene.dmp).len()), (0, 0), "{kept:?}: nothing left");
        assert_eq!(scene.states("dmp").await, [(Act::Provide, State::Stopped)]);
        let record = scene.records("dmp").await.remove(0);
        assert!(matches!(record.attempts[0].outcome, Outcome::Held { .. }), "{:?}", record.attempts);
        assert_eq!(record.progress.stop.unwrap().by, "vigie");
        let tasks = scene.held().await;
        assert_eq!(tasks.len(), 2, "one for each destination");
        let text = tasks.iter().map(|task| task["description"].to_string()).collect::<String>();
        assert!(text.contains("n'est plus qualifiée") && text.contains("Faire qualifier"), "{text}");
        assert!(!text.contains("réponse claire") && !text.contains(INS), "{text}");
        let events = scene.app.search("AuditEvent", &[]).await;
        let told =
            |event: &Value| event["outcomeDesc"].as_str().unwrap_or_default().contains("nothing was sent");
        assert_eq!(events.iter().filter(|event| told(event)).count(), 2);

        // Who takes any identity gets it at once, without the INS; the other waits on.
        assert_eq!(scene.released().await, 1);
        scene.step().await;
        let dpi = took(&scene.dpi);
        assert_eq!(dpi.len(), 1);
        assert!(dpi[0].0 == Act::Provide && !dpi[0].1.contains(INS), "{kept:?}");
        assert_eq!(took(&scene.dmp).len(), 0);
        let open: Vec<Value> =
            scene.held().await.into_iter().filter(|task| task["status"] == "requested").collect();
        assert_eq!(open.len(), 1, "{kept:?}");

        scene.put(&scene.patient).await;
        assert_eq!(scene.released().await, 1);
        scene.step().await;
        let dmp = took(&scene.dmp);
        assert_eq!(dmp.len(), 1);
        assert!(dmp[0].0 == Act::Provide && dmp[0].1.contains(INS));
        assert!(!dmp[0].1.contains("relatesTo"), "dmp never had an edition before");
        assert_eq!(took(&scene.dpi)[1].0, Act::Replace, "dpi gets what replaces the one without INS");
        assert!(scene.held().await.iter().all(|task| task["status"] != "requested"));
        scene.step().await;
        assert_eq!((took(&scene.dpi).len(), took(&scene.dmp).len()), (2, 1), "once");
    }
}

#[tokio::test]
async fn another_ins_other_traits_and_a_merge_are_seen() {
    for kept in Kept::EACH {
        let check = async |scene: Scene, text: &str, subject: &str, ins: &str| {
            scene.step().await;
            assert!(took(&scene.dmp).is_empty(), "{kept:?} {text}");
            let tasks = scene.held().await;
            assert!(tasks[0]["description"].as_str().unwrap().contains(text), "{}", tasks[0]["description"]);
            assert!(tasks[0]["description"].as_str().unwrap().contains("part d'elle-même"));
            assert_eq!(scene.released().await, 1, "{text}");
            scene.step().await;
            let dmp = took(&scene.dmp);
            assert_eq!(dmp.len(), 1);
            assert!(dmp[0].1.contains(ins), "{text}");
            let current = scene.app.search("DocumentReference", &[("status", "current")]).await;
            assert_eq!(current[0]["subject"]["reference"], subject, "{text}");
            assert!(scene.held().await.iter().all(|task| task["status"] == "completed"), "{text}");
        };
        let Some(scene) = Scene::on(kept).await else { continue };
        scene.put(&scene.with_ins(OTHER_INS)).await;
        check(scene, "l'INS du patient n'est plus le même", PATIENT, OTHER_INS).await;
        let scene = Scene::on(kept).await.unwrap();
        let mut renamed = scene.patient.clone();
        renamed["name"][0]["family"] = json!("AUTRE-TEST");
        scene.put(&renamed).await;
        check(scene, "les traits d'identité", PATIENT, "AUTRE-TEST").await;
        let scene = Scene::on(kept).await.unwrap();
        scene.merged_into(scene.patient.clone()).await;
        check(scene, "fusionné", "Patient/survivor", INS).await;
    }
}

#[tokio::test]
async fn what_was_made_for_a_record_that_is_not_the_patients_after_all_is_held() {
    for kept in Kept::EACH {
        let Some(scene) = Scene::on(kept).await else { continue };
        scene.merged_into(scene.patient.clone()).await;
        scene.put(&signed(&scene.report, "corrected", "Dose réduite.")).await;
        // The merge was a mistake: the first edition is right again, the second one names somebody else.
        scene.put(&scene.patient).await;
        scene.step().await;
        scene.step().await;
        let expected = [(Act::Provide, State::Delivered), (Act::Replace, State::Stopped)];
        assert_eq!(scene.states("dmp").await, expected, "{kept:?}");
        assert!(scene.held().await[0]["description"].as_str().unwrap().contains("ou ne l'est plus"));
        assert_eq!(scene.released().await, 1);
        scene.step().await;
        assert_eq!(
            took(&scene.dmp).iter().map(|(act, _)| *act).collect::<Vec<_>>(),
            [Act::Provide, Act::Replace]
        );
        let current = scene.app.search("DocumentReference", &[("status", "current")]).await;
        assert_eq!(current[0]["subject"]["reference"], PATIENT, "{kept:?}");
    }
}

#[tokio::test]
async fn a_receiver_that_may_have_it_is_told_of_and_a_withdrawal_always_goes() {
    let scene = Scene::new().await;
    answer(&scene.dmp, &[silent()]);
    scene.step().await;
    assert_eq!(took(&scene.dpi).len(), 1);
    scene.provisional().await;
    scene.step().await;
    let task = scene.held().await.remove(0);
    assert!(task["description"].as_str().unwrap().contains("réponse claire"), "{}", task["description"]);

    scene.withdraw().await;
    scene.step().await;
    let dpi = took(&scene.dpi);
    assert_eq!(dpi[1].0, Act::Withdraw, "under the identity that it knows");
    assert_eq!(scene.released().await, 0);
    assert_eq!(scene.held().await[0]["status"], "cancelled");
}

#[tokio::test]
async fn a_replacement_of_what_was_held_back_is_held_with_it() {
    for kept in Kept::EACH {
        let Some(scene) = Scene::on(kept).await else { continue };
        answer(&scene.dmp, &[silent()]);
        scene.step().await;
        // The identity is corrected, and then the report: the first edition still waits, the second one behind it.
        let mut renamed = scene.patient.clone();
        renamed["name"][0]["family"] = json!("AUTRE-TEST");
        scene.put(&renamed).await;
        let corrected = scene.put(&signed(&scene.report, "corrected", "Dose réduite.")).await;
        assert_eq!(corrected["status"], "corrected");
        scene.step().await;
        scene.step().await;
        assert_eq!(
            scene.states("dmp").await,
            [(Act::Provide, State::Stopped), (Act::Replace, State::Stopped)],
            "{kept:?}"
        );
        assert_eq!(scene.released().await, 1);
        scene.step().await;
        let dmp = took(&scene.dmp);
        assert_eq!(dmp.len(), 1, "{kept:?}");
        assert!(dmp[0].0 == Act::Provide && dmp[0].1.contains("AUTRE-TEST"));
    }
}

#[tokio::test]
async fn under_another_ins_a_correction_is_a_first_document_and_what_waits_never_leaves() {
    for kept in Kept::EACH {
        let Some(scene) = Scene::on(kept).await else { continue };
        answer(&scene.dmp, &[silent()]);
        scene.step().await;
        scene.put(&scene.with_ins(OTHER_INS)).await;
        scene.put(&signed(&scene.report, "corrected", "Dose réduite.")).await;
        scene.step().await;
        scene.step().await;
        let expected = [(Act::Provide, State::Stopped), (Act::Provide, State::Delivered)];
        assert_eq!(scene.states("dmp").await, expected, "{kept:?}");
        let dmp = took(&scene.dmp);
        assert!(dmp.len() == 1 && dmp[0].1.contains(OTHER_INS) && !dmp[0].1.contains(INS), "{kept:?}");
        scene.released().await;
        assert!(scene.held().await.iter().all(|task| task["status"] == "cancelled"), "{kept:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_replicas_one_holds_it_and_tells_it_once() {
    for kept in Kept::EACH {
        let Some(scene) = Scene::on(kept).await else { continue };
        scene.provisional().await;
        scene.later();
        let couriers: Vec<Courier> = (0..3).map(|_| scene.courier()).collect();
        let steps: Vec<_> =
            couriers.into_iter().map(|courier| tokio::spawn(async move { courier.step().await })).collect();
        let mut attempts = 0;
        for step in steps {
            attempts += step.await.unwrap().unwrap();
        }
        assert_eq!(attempts, 2, "{kept:?}");
        assert_eq!((scene.held().await.len(), took(&scene.dmp).len()), (2, 0), "{kept:?}");
    }
}

/// Tells when a future has something to go on with.
struct Woken(tokio::sync::Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn wherever_a_courier_dies_nothing_leaves_and_one_task_tells_it() {
    for kept in Kept::EACH {
        let Some(scene) = Scene::on(kept).await else { continue };
        scene.provisional().await;
        let (mut deaths, mut finished) = (0, false);
        while !finished {
            // Its leases are over by then.
            scene.later();
            let courier = scene.courier();
            let mut step = pin!(courier.step());
            let woken = Arc::new(Woken(tokio::sync::Notify::new()));
            let waker = Waker::from(Arc::clone(&woken));
            for _ in 0..=deaths {
                if step.as_mut().poll(&mut Waking::from_waker(&waker)).is_ready() {
                    finished = true;
                    break;
                }
                woken.0.notified().await;
            }
            deaths += 1;
            assert!(deaths < 2_000, "it never ended");
        }
        assert!(deaths > 2, "{kept:?}: {deaths}");
        scene.step().await;
        assert_eq!((took(&scene.dpi).len(), took(&scene.dmp).len()), (0, 0), "{kept:?}");
        assert_eq!(scene.states("dmp").await, [(Act::Provide, State::Stopped)], "{kept:?}");
        assert_eq!(scene.held().await.len(), 2, "{kept:?}");
        scene.put(&scene.patient).await;
        assert_eq!(scene.released().await, 1);
        scene.step().await;
        assert_eq!((took(&scene.dpi).len(), took(&scene.dmp).len()), (1, 1), "{kept:?}");
    }
}

fn opposition() -> Value {
    json!({"resourceType": "Consent", "id": "no", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": PATIENT},
        "policyRule": {"text": "CSP"},
        "provision": {"type": "deny", "code": [{"coding": [{
            "system": "https://vigie.example/fhir/CodeSystem/opposition", "code": "alimentation-dmp"}]}]}})
}

#[tokio::test]
async fn who_opposes_the_dmp_meanwhile_is_not_fed_to_it() {
    for kept in Kept::EACH {
        let Some(scene) = Scene::on(kept).await else { continue };
        scene.put(&opposition()).await;
        scene.step().await;
        assert_eq!((took(&scene.dpi).len(), took(&scene.dmp).len()), (1, 0), "{kept:?}");
        assert_eq!(scene.states("dmp").await, [(Act::Provide, State::Stopped)]);
        assert!(scene.held().await.is_empty(), "there is nothing to do");
        let record = scene.app.search("Provenance", &[("entity", "Consent/no")]).await;
        assert_eq!(record.len(), 1);
        let held = scene.records("dmp").await.remove(0).delivery.id;
        let again = interaction::resend(&scene.app.context, &held).await.unwrap_err();
        assert_eq!(again.category, vigie::problem::Category::Conflict, "{again}");
    }
}

#[tokio::test]
async fn a_platform_is_not_asked_any_more_to_feed_the_dmp() {
    let mut scene = Scene::new().await;
    let route = peer::route(vigie::report::hl7v2::Kind::Mdm, false);
    let platform = Destination::new("pfi", DestinationKind::Mllp(Box::new(route)));
    scene.app.context.settings.destinations.push(platform);
    scene.put(&signed(&scene.report, "corrected", "Dose réduite.")).await;
    scene.put(&opposition()).await;
    scene.step().await;
    assert_eq!(scene.states("pfi").await, [(Act::Provide, State::Stopped)]);
    assert_eq!(scene.released().await, 1);
    assert_eq!(scene.states("pfi").await, [(Act::Provide, State::Stopped), (Act::Provide, State::Pending)]);
    let all =
        DeliveryFilter { payload: true, destination: Some("pfi".to_owned()), ..DeliveryFilter::default() };
    let records = scene.app.context.store.deliveries(&all).await.unwrap();
    let asks = |record: &DeliveryRecord| {
        let text = String::from_utf8(record.delivery.payload.clone()).unwrap();
        let flag = text.split('\r').find(|line| line.contains("|DESTDMP^")).unwrap().to_owned();
        flag.contains("|Y^")
    };
    assert_eq!(records.iter().map(asks).collect::<Vec<_>>(), [false, true], "newest first");
}

#[tokio::test]
async fn who_has_documents_under_an_identity_that_turns_out_wrong_is_told_once() {
    for kept in Kept::EACH {
        let Some(scene) = Scene::on(kept).await else { continue };
        scene.step().await;
        assert_eq!((took(&scene.dpi).len(), took(&scene.dmp).len()), (1, 1));
        let told = async || {
            let system = "https://vigie.example/fhir/NamingSystem/sent-identity|";
            scene.app.search("Task", &[("identifier", system), ("_sort", "_lastUpdated")]).await
        };
        let mut follower = Follower::default();
        interaction::release(&scene.app.context, &mut follower).await.unwrap();
        assert!(told().await.is_empty(), "{kept:?}");
        scene.put(&scene.with_ins(OTHER_INS)).await;
        scene.later();
        interaction::release(&scene.app.context, &mut follower).await.unwrap();
        // A process that begins now looks at the same change.
        scene.released().await;
        let tasks = told().await;
        assert_eq!(tasks.len(), 1, "{kept:?}");
        let text = tasks[0]["description"].as_str().unwrap();
        let document = scene.app.search("DocumentReference", &[]).await.remove(0);
        let document = format!("DocumentReference/{} (dmp, dpi)", document["id"].as_str().unwrap());
        assert!(text.contains(&document) && text.contains("n'est plus le même"), "{text}");
        assert!(!text.contains(INS) && !text.contains(OTHER_INS));
        assert_eq!((&tasks[0]["priority"], &tasks[0]["for"]["reference"]), (&json!("asap"), &json!(PATIENT)));

        // A correction that is signed now goes to the right record, and is taken back from the other one.
        scene.put(&signed(&scene.report, "corrected", "Bonne tolérance, INS corrigé.")).await;
        scene.step().await;
        scene.step().await;
        let dmp: Vec<Act> = took(&scene.dmp).into_iter().map(|(act, _)| act).collect();
        assert_eq!(dmp, [Act::Provide, Act::Withdraw, Act::Provide], "{kept:?}");
        let last = took(&scene.dmp).remove(2).1;
        assert!(last.contains(OTHER_INS) && !last.contains(INS) && !last.contains("relatesTo"), "{kept:?}");
        assert_eq!(took(&scene.dpi)[1].0, Act::Replace, "a hospital record has its own numbers");

        // The first number was right after all: now the correction stands in the wrong record.
        let now = scene.app.read(PATIENT).await;
        let mut back = scene.patient.clone();
        back["meta"] = now["meta"].clone();
        scene.put(&back).await;
        scene.released().await;
        assert_eq!(told().await.iter().filter(|task| task["status"] == "requested").count(), 1, "{kept:?}");
    }
}

#[tokio::test]
async fn what_is_taken_back_is_not_corrected_first() {
    for kept in Kept::EACH {
        let Some(scene) = Scene::on(kept).await else { continue };
        scene.step().await;
        let corrected = scene.put(&signed(&scene.report, "corrected", "Dose réduite.")).await;
        answer(&scene.dmp, &[refused()]);
        answer(&scene.dpi, &[silent()]);
        scene.step().await;
        let mut withdrawn = corrected.clone();
        withdrawn["status"] = json!("entered-in-error");
        let why = json!({"url": "http://hl7.org/fhir/StructureDefinition/event-statusReason",
            "valueCodeableConcept": {"text": "Mauvais patient."}});
        withdrawn["extension"].as_array_mut().unwrap().push(why);
        scene.put(&withdrawn).await;
        let (provided, replaced, taken) = ((Act::Provide, State::Delivered), Act::Replace, Act::Withdraw);
        assert_eq!(
            scene.states("dmp").await,
            [provided, (replaced, State::Stopped), (taken, State::Pending)],
            "{kept:?}: a clear no"
        );
        assert_eq!(
            scene.states("dpi").await,
            [provided, (replaced, State::Pending), (taken, State::Pending)],
            "{kept:?}: it may have it"
        );
        let events = scene.app.search("AuditEvent", &[]).await;
        let told = |event: &Value| {
            event["outcomeDesc"].as_str().unwrap_or_default().starts_with("not sent any more")
        };
        assert_eq!(events.iter().filter(|event| told(event)).count(), 1);
        for _ in 0..3 {
            scene.step().await;
        }
        let acts = |receiver| took(receiver).into_iter().map(|(act, _)| act).collect::<Vec<_>>();
        assert_eq!(acts(&scene.dmp), [Act::Provide, Act::Withdraw], "{kept:?}");
        assert_eq!(acts(&scene.dpi), [Act::Provide, Act::Replace, Act::Withdraw], "{kept:?}");
        let first = &scene.records("dmp").await[0].delivery.subject;
        let last = &scene.records("dmp").await[2].delivery.subject;
        assert_eq!(first, last, "what it has is taken back");
    }
}

#[tokio::test]
async fn a_correction_takes_the_place_of_what_is_refused_again_and_again() {
    for kept in Kept::EACH {
        let Some(scene) = Scene::on(kept).await else { continue };
        answer(&scene.dmp, &[refused()]);
        scene.step().await;
        scene.put(&signed(&scene.report, "corrected", "Dose réduite.")).await;
        assert_eq!(
            scene.states("dmp").await,
            [(Act::Provide, State::Stopped), (Act::Provide, State::Pending)],
            "{kept:?}: it never had one"
        );
        scene.step().await;
        let dmp = took(&scene.dmp);
        assert_eq!(dmp.len(), 1);
        assert!(dmp[0].0 == Act::Provide && !dmp[0].1.contains("relatesTo"));
        assert_eq!(
            took(&scene.dpi).iter().map(|(act, _)| *act).collect::<Vec<_>>(),
            [Act::Provide, Act::Replace]
        );
    }
}

#[tokio::test]
async fn what_was_never_tried_and_is_taken_back_never_leaves() {
    for kept in Kept::EACH {
        let Some(scene) = Scene::on(kept).await else { continue };
        scene.withdraw().await;
        scene.step().await;
        assert_eq!(scene.states("dmp").await, [(Act::Provide, State::Stopped)], "{kept:?}");
        assert_eq!((took(&scene.dpi).len(), took(&scene.dmp).len()), (0, 0), "{kept:?}");
    }
}
