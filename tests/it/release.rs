//! A document that is held back while the identity is not qualified, and goes out by itself once it is (issue 4, point 7).

use vigie::hl7v2::{Header, Message};
use vigie::interaction::{self, Context, Follower};
use vigie::json::{Value, json};
use vigie::outbox::Act;
use vigie::store::{DeliveryFilter, DeliveryRecord, Expect, Unit, Write};

use crate::damage::without;
use crate::support::{App, Course, Kept, body, dying, example};

/// Of the synthetic patient.
const INS: &str = "160019900000175";
const PATIENT: &str = "Patient/test-folfox";
const RELIABILITY: &str = "fr-core-identity-reliability";

/// A signed report about an identity that is not qualified; `dpi` takes any, `dmp` a qualified one.
struct Scene {
    app: App,
    /// The patient as it is when it is qualified.
    qualified: Value,
    report: Value,
}

impl Scene {
    async fn on(kept: Kept) -> Option<Self> {
        let app = App::on(kept).await?;
        let course = Course::start(&app, "folfox").await;
        app.at("2026-03-02T09:13:00+01:00");
        app.submit(&course.week("1")).await.unwrap();
        let qualified = app.read(PATIENT).await;
        let mut provisional = qualified.clone();
        let extensions = provisional["extension"].as_array_mut().unwrap();
        extensions.retain(|one| !one["url"].as_str().unwrap_or_default().ends_with(RELIABILITY));
        app.put(&provisional).await.unwrap();
        let report = app.search("DiagnosticReport", &[]).await.remove(0);
        app.at("2026-03-03T10:00:00+01:00");
        let report = body(&app.put(&signed(&report, "final")).await.unwrap());
        app.at("2026-03-04T08:00:00+01:00");
        Some(Self { app, qualified, report })
    }

    async fn new() -> Self {
        Self::on(Kept::Embedded).await.unwrap()
    }

    async fn qualify(&self) {
        self.app.put(&self.qualified).await.unwrap();
    }

    async fn released(&self) -> usize {
        interaction::release(&self.app.context, &mut Follower::default()).await.unwrap()
    }

    async fn held(&self) -> Vec<Value> {
        let system = "https://vigie.example/fhir/NamingSystem/held-document|";
        self.app.search("Task", &[("identifier", system)]).await
    }

    /// Destination, act and payload of every delivery, oldest first.
    async fn deliveries(&self) -> Vec<(String, Act, String)> {
        let all = DeliveryFilter { payload: true, ..DeliveryFilter::default() };
        let mut records = self.app.context.store.deliveries(&all).await.unwrap();
        records.sort_by(|one, other| {
            let key =
                |record: &DeliveryRecord| (record.delivery.created_at, record.delivery.destination.clone());
            key(one).cmp(&key(other))
        });
        let told = |record: DeliveryRecord| {
            let delivery = record.delivery;
            (delivery.destination, delivery.act, String::from_utf8(delivery.payload).unwrap())
        };
        records.into_iter().map(told).collect()
    }

    async fn acts(&self) -> Vec<(String, Act)> {
        self.deliveries().await.into_iter().map(|(name, act, _)| (name, act)).collect()
    }
}

fn signed(report: &Value, status: &str) -> Value {
    let mut report = report.clone();
    report["status"] = json!(status);
    report["conclusion"] = json!("Bonne tolérance. Poursuite du traitement.");
    report["resultsInterpreter"] = json!([{"reference": "PractitionerRole/oncologue-test"}]);
    report
}

fn acts(expected: &[(&str, Act)]) -> Vec<(String, Act)> {
    expected.iter().map(|(name, act)| ((*name).to_owned(), *act)).collect()
}

/// All that a scene has when its document went out exactly once.
fn once() -> Vec<(String, Act)> {
    acts(&[("dpi", Act::Provide), ("dmp", Act::Provide), ("dpi", Act::Replace)])
}

#[tokio::test]
async fn a_held_document_goes_out_by_itself_when_the_identity_is_qualified() {
    let scene = Scene::new().await;
    assert_eq!(scene.acts().await, acts(&[("dpi", Act::Provide)]), "dmp waits");
    assert_eq!(scene.released().await, 0, "nothing has changed");
    scene.qualify().await;
    assert_eq!(scene.released().await, 1);
    assert_eq!(scene.acts().await, once());

    let ins = INS;
    let payloads = scene.deliveries().await;
    assert!(!payloads[0].2.contains(ins), "an INS that is not qualified does not travel");
    assert!(payloads[1].2.contains(ins) && payloads[2].2.contains(ins));
    assert!(!payloads[1].2.contains("relatesTo"), "dmp gets a first document");
    assert!(payloads[2].2.contains("relatesTo"), "dpi gets a replacement of what it has");

    let task = scene.held().await.remove(0);
    assert_eq!(task["status"], "completed");
    let current = scene.app.search("DocumentReference", &[("status", "current")]).await.remove(0);
    let reference = format!("DocumentReference/{}", current["id"].as_str().unwrap());
    assert_eq!(task["output"][0]["valueReference"]["reference"], reference.as_str());
    let superseded = scene.app.search("DocumentReference", &[("status", "superseded")]).await;
    assert_eq!(superseded.len(), 1);
    assert_eq!(scene.released().await, 0, "it went");
}

/// Links that no write would store any more, as an older version did.
async fn merged_in_a_circle(scene: &Scene) {
    let (mut patient, at) = (scene.app.read(PATIENT).await, "2026-03-04T08:00:00Z".parse().unwrap());
    let version: u64 = patient["meta"]["versionId"].as_str().unwrap().parse().unwrap();
    patient["link"] = json!([{"other": {"reference": PATIENT}, "type": "replaced-by"}]);
    patient["meta"]["versionId"] = json!((version + 1).to_string());
    let mut unit = Unit::new("older", at);
    unit.writes.push(Write::new(&patient, Expect::Version(version)).unwrap());
    scene.app.context.store.commit(unit).await.unwrap();
}

#[tokio::test]
async fn a_patient_merged_in_a_circle_is_told_and_holds_nobody_else_up() {
    for kept in Kept::EACH {
        let Some(scene) = Scene::on(kept).await else { continue };
        merged_in_a_circle(&scene).await;
        assert_eq!(scene.released().await, 0, "{kept:?}: and no error");
        let task = scene.held().await.remove(0);
        let why = task["statusReason"]["text"].as_str().unwrap();
        assert!(task["status"] != "completed" && why.contains("fusionnés en cercle"), "{kept:?}: {why}");
        assert_eq!(scene.released().await, 0);
        assert_eq!(scene.held().await.remove(0)["meta"], task["meta"], "told once");
        // A response is judged all the same, and read by a person.
        let mut response = example("folfox/week-2.json");
        response.as_object_mut().unwrap().remove("id");
        response["identifier"]["value"] = json!("in-a-circle");
        scene.app.submit(&response).await.unwrap();
        let flags = scene.app.search("Flag", &[("subject", PATIENT), ("status", "active")]).await;
        assert!(flags.iter().any(|flag| flag["code"].to_string().contains("technique")), "{kept:?}");
    }
}

#[tokio::test]
async fn what_was_signed_stays_as_it_was_signed() {
    let scene = Scene::new().await;
    let rouge =
        |task: &Value| task["focus"]["reference"].as_str().unwrap().starts_with("QuestionnaireResponse");
    // After the signature: another week, and a Task that is taken up.
    let course = Course::start(&scene.app, "folfox").await;
    let mut answers = course.week("2");
    answers["id"] = json!("later");
    let tasks = scene.app.search("Task", &[]).await;
    scene.app.submit(&answers).await.unwrap();
    for mut task in tasks.into_iter().filter(rouge) {
        task["status"] = json!("in-progress");
        scene.app.put(&task).await.unwrap();
    }
    scene.qualify().await;
    assert_eq!(scene.released().await, 1);
    let after = scene.app.read(&format!("DiagnosticReport/{}", scene.report["id"].as_str().unwrap())).await;
    assert_eq!(after["issued"], scene.report["issued"], "nobody signed again");
    assert_eq!(
        (&after["conclusion"], &after["status"]),
        (&scene.report["conclusion"], &scene.report["status"])
    );
    let lines = |report: &Value| -> Vec<String> {
        let div = report["text"]["div"].as_str().unwrap().replace('>', ">\n");
        div.lines().map(str::to_owned).collect()
    };
    let (before, now) = (lines(&scene.report), lines(&after));
    let changed: Vec<&String> = now.iter().filter(|line| !before.contains(line)).collect();
    assert_eq!(changed.len(), 1, "only the identity differs: {changed:?}");
    assert!(changed[0].contains(INS) && !scene.report["text"].to_string().contains(INS), "{changed:?}");
}

#[tokio::test]
async fn a_follower_sees_the_change_in_the_feed() {
    let scene = Scene::new().await;
    let mut follower = Follower::default();
    let context = &scene.app.context;
    assert_eq!(interaction::release(context, &mut follower).await, Ok(0));
    assert_eq!(interaction::release(context, &mut follower).await, Ok(0));
    scene.app.at("2026-03-04T08:01:00+01:00");
    scene.qualify().await;
    assert_eq!(interaction::release(context, &mut follower).await, Ok(1));
    assert_eq!(interaction::release(context, &mut follower).await, Ok(0));
    assert_eq!(scene.acts().await, once());
}

#[tokio::test]
async fn a_merge_into_a_qualified_record_releases_too() {
    let scene = Scene::new().await;
    let mut survivor = scene.qualified.clone();
    survivor["id"] = json!("survivor");
    survivor["identifier"].as_array_mut().unwrap().iter_mut().for_each(|one| {
        if one["system"] == "https://chu.example/ipp" {
            one["value"] = json!("99");
        }
    });
    let mut ended = scene.app.read(PATIENT).await;
    ended["active"] = json!(false);
    ended["link"] = json!([{"other": {"reference": "Patient/survivor"}, "type": "replaced-by"}]);
    let mut follower = Follower::default();
    scene.app.put(&survivor).await.unwrap();
    assert_eq!(interaction::release(&scene.app.context, &mut follower).await, Ok(0), "not merged yet");
    scene.app.at("2026-03-04T08:02:00+01:00");
    scene.app.put(&ended).await.unwrap();
    assert_eq!(interaction::release(&scene.app.context, &mut follower).await, Ok(1));
    let current = scene.app.search("DocumentReference", &[("status", "current")]).await.remove(0);
    assert_eq!(current["subject"]["reference"], "Patient/survivor");
    assert_eq!(scene.acts().await, once());
}

#[tokio::test]
async fn an_identity_message_releases_too() {
    let scene = Scene::new().await;
    let mut known = scene.app.read(PATIENT).await;
    known["identifier"] = json!([{"system": "https://chu.example/ipp", "value": "000003",
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "PI"}]}}]);
    scene.app.put(&known).await.unwrap();
    let mut follower = Follower::default();
    assert_eq!(interaction::release(&scene.app.context, &mut follower).await, Ok(0));
    scene.app.at("2026-03-04T09:00:00+01:00");
    let message = "MSH|^~\\&|GAM|CHU|VIGIE|CHU|20260304090000||ADT^A08^ADT_A01|77|T|2.5^FRA^2.11|||||FRA|UNICODE UTF-8|FR||2.11^IHE_FRANCE-2.11-PAM\r\
        EVN||20260304090000\r\
        PID|1||000003^^^CHU&1.2.250.1.999.2&ISO^PI~279035121518989^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS||PAT-TROIS^DOMINIQUE^DOMINIQUE MARIE-LOUISE^^^^L||19790328|F|||^^^^^^BDL^^51215|||||||||||||||||||||VALI\r\
        PV1|1|N\r";
    let message = Message::parse(message.as_bytes()).unwrap();
    let header = Header::read(&message).unwrap();
    interaction::receive(&scene.app.context, &message, &header)
        .await
        .unwrap_or_else(|problem| panic!("{problem}"));
    assert_eq!(interaction::release(&scene.app.context, &mut follower).await, Ok(1));
    assert_eq!(scene.acts().await, once());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_replicas_one_releases() {
    for kept in Kept::EACH {
        let Some(scene) = Scene::on(kept).await else { continue };
        scene.qualify().await;
        let replicas: Vec<Context> = ["a", "b", "c"].iter().map(|name| scene.app.replica(name)).collect();
        let steps = replicas.into_iter().map(|context| {
            tokio::spawn(async move { interaction::release(&context, &mut Follower::default()).await })
        });
        let mut released = 0;
        for step in steps.collect::<Vec<_>>() {
            released += step.await.unwrap().unwrap();
        }
        assert_eq!(released, 1, "{kept:?}");
        assert_eq!(scene.acts().await, once(), "{kept:?}");
        assert_eq!(scene.app.count(&["DocumentReference"]).await, [2], "{kept:?}");
    }
}

#[tokio::test]
async fn wherever_a_process_dies_the_document_goes_out_once() {
    for kept in Kept::EACH {
        let Some(scene) = Scene::on(kept).await else { continue };
        scene.qualify().await;
        let step = || async { interaction::release(&scene.app.context, &mut Follower::default()).await };
        let (deaths, _) = dying::at_every_wait(step).await;
        // A file is read without waiting: there it waits for the pages and for the commit only.
        assert!(deaths > if kept == Kept::Embedded { 1 } else { 9 }, "{kept:?}: {deaths}");
        scene.released().await;
        assert_eq!(scene.acts().await, once(), "{kept:?}");
        assert_eq!(scene.app.count(&["DocumentReference", "Binary"]).await, [2, 4], "{kept:?}");
        assert_eq!(scene.held().await[0]["status"], "completed", "{kept:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_made_is_told_on_the_task_once() {
    let scene = Scene::new().await;
    scene.qualify().await;
    let mut settings = scene.app.context.settings.clone();
    settings.issuer.encounter = "NONE".to_owned();
    let context = Context { settings, ..scene.app.replica("a") };
    for _ in 0..2 {
        assert_eq!(interaction::release(&context, &mut Follower::default()).await, Ok(0));
    }
    let task = scene.held().await.remove(0);
    assert_eq!((&task["status"], &task["meta"]["versionId"]), (&json!("requested"), &json!("2")));
    let why = task["statusReason"]["text"].as_str().unwrap();
    assert!(why.contains("ne peut pas être établi"), "{why}");
    assert_eq!(scene.released().await, 1, "once that is mended it goes");
    assert_eq!(scene.held().await[0]["status"], "completed");
}

#[tokio::test]
async fn a_correction_ends_the_task_of_the_document_before() {
    let scene = Scene::new().await;
    let mut corrected = signed(&scene.report, "corrected");
    corrected["conclusion"] = json!("Dose réduite.");
    scene.app.put(&corrected).await.unwrap();
    let mut statuses: Vec<String> =
        scene.held().await.iter().map(|task| task["status"].as_str().unwrap().to_owned()).collect();
    statuses.sort();
    assert_eq!(statuses, ["cancelled", "requested"]);
    scene.app.at("2026-03-04T08:03:00+01:00");
    scene.qualify().await;
    assert_eq!(scene.released().await, 1, "the correction goes, the first never does");
    let expected =
        [("dpi", Act::Provide), ("dpi", Act::Replace), ("dmp", Act::Provide), ("dpi", Act::Replace)];
    assert_eq!(scene.acts().await, acts(&expected));
}

#[tokio::test]
async fn a_task_that_a_person_closed_releases_nothing() {
    let scene = Scene::new().await;
    let mut task = scene.held().await.remove(0);
    task["status"] = json!("cancelled");
    task["owner"] = json!({"reference": "Practitioner/oncologue-test"});
    task["output"] = json!([{"type": {"text": "Issue"}, "valueCodeableConcept": {"coding": [{
        "system": "https://vigie.example/fhir/CodeSystem/task-outcome", "code": "sans-suite"}]}}]);
    scene.app.put(&task).await.unwrap();
    scene.qualify().await;
    assert_eq!(scene.released().await, 0);
    assert_eq!(scene.acts().await, acts(&[("dpi", Act::Provide)]));
}

#[tokio::test]
async fn what_is_damaged_is_told_on_the_task_and_holds_nothing_else_up() {
    for kept in Kept::EACH {
        let Some(scene) = Scene::on(kept).await else { continue };
        scene.qualify().await;
        let held = scene.held().await;
        assert_eq!(held.len(), 1);
        let document = held[0]["focus"]["reference"].as_str().unwrap().to_owned();
        let Scene { app, qualified, report } = scene;
        let scene = Scene { app: without(app, &document).await, qualified, report };
        for _ in 0..2 {
            assert_eq!(scene.released().await, 0);
            let held = scene.held().await;
            let told = held[0]["statusReason"]["text"].as_str().unwrap();
            assert!(told.contains("endommagé"), "{told}");
            assert_eq!(held[0]["meta"]["versionId"], "2", "told once");
        }
        assert_eq!(scene.acts().await, acts(&[("dpi", Act::Provide)]));
    }
}
