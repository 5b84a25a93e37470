//! From a final report to what the DMP made of it: rendered once, sent by MLLP until the platform says yes, and the later
//! receipt beside the delivery.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use vigie::clock::{Clock, FixedClock, SeededIds};
use vigie::connector::{Connector, Connectors};
use vigie::delivery::Courier;
use vigie::hl7v2::{Message, delivery_id};
use vigie::interaction::{self, Context, Destination, DestinationKind};
use vigie::json::{Value, json};
use vigie::mllp::{self, Listener};
use vigie::report::hl7v2::Kind;
use vigie::sandbox::{DmpAnswer, MllpFault, Platform, Standing, platform};

use crate::support::peer::{self, ANYWHERE};
use crate::support::{App, Course, body};

const PATIENCE: Duration = Duration::from_millis(600);

struct Stage {
    context: Arc<Context>,
    _place: crate::support::Place,
    clock: Arc<FixedClock>,
    platform: Platform,
    courier: Courier,
    stop: watch::Sender<bool>,
    listening: tokio::task::JoinHandle<()>,
    report: Value,
}

impl Stage {
    /// A service with a platform, and the first week of a patient whose identity is qualified.
    async fn new(kind: Kind) -> Self {
        let mut app = App::new().await;
        let kind = DestinationKind::Mllp(Box::new(peer::route(kind, true)));
        app.context.settings.destinations = vec![Destination::new("pfi", kind)];
        let week = Course::start(&app, "pembrolizumab").await.week("1");
        app.at(week["authored"].as_str().unwrap());
        app.submit(&week).await.unwrap();
        let mut report = app.search("DiagnosticReport", &[]).await.remove(0);
        report["status"] = json!("final");
        report["conclusion"] = json!("Bonne tolérance. Poursuite du traitement.");
        report["resultsInterpreter"] = json!([{"reference": "PractitionerRole/oncologue-test"}]);
        let clock = Arc::clone(&app.clock);
        let (context, place) = app.into_context();

        let platform = platform::start(ANYWHERE).await.unwrap();
        let limits = mllp::Limits { frame_bytes: 100_000, connections_max: 4, idle: Duration::from_secs(20) };
        let listener = Listener::bind(ANYWHERE, limits).await.unwrap();
        platform.send_receipts_to(listener.address());
        let (stop, stopping) = watch::channel(false);
        let listening = tokio::spawn(listener.run(Arc::clone(&context), stopping));
        let courier = courier(&context, &clock, &platform);
        Self { context, _place: place, clock, platform, courier, stop, listening, report }
    }

    async fn put(&self, report: &Value) -> Value {
        let id = report["id"].as_str().unwrap();
        let bytes = serde_json::to_vec(report).unwrap();
        let answer = interaction::update(&self.context, "DiagnosticReport", id, &bytes, None).await;
        body(&answer.unwrap_or_else(|problem| panic!("{problem}")))
    }

    /// One round of the outbox, an hour later.
    async fn round(&self) {
        self.clock.set(self.clock.now() + jiff::SignedDuration::from_hours(1));
        self.courier.step().await.unwrap();
    }

    /// The deliveries as `$deliveries` tells them, newest first.
    async fn deliveries(&self) -> Vec<Value> {
        let answer = interaction::deliveries(&self.context, &[]).await.unwrap();
        let told: Value = serde_json::from_slice(&answer).unwrap();
        told["parameter"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until the platform has sent so many receipts, and says how they were acknowledged.
    async fn receipts(&self, count: usize) -> Vec<String> {
        for _ in 0..200 {
            if self.platform.told().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.platform.told()
    }

    async fn end(self) {
        self.stop.send(true).unwrap();
        self.listening.await.unwrap();
        self.platform.stop().await;
    }
}

fn courier(context: &Context, clock: &Arc<FixedClock>, platform: &Platform) -> Courier {
    let connector: Arc<dyn Connector> = Arc::new(peer::platform(platform.address(), PATIENCE, 1));
    let connectors: Connectors = [("pfi".to_owned(), connector)].into();
    let limits = peer::limits(30, 60_000);
    let ids = Arc::new(SeededIds::new(clock.now(), "courier"));
    Courier::new(Arc::clone(&context.store), connectors, Arc::clone(clock) as Arc<dyn Clock>, ids, limits)
}

fn part<'a>(delivery: &'a Value, name: &str) -> Vec<&'a Value> {
    delivery["part"].as_array().unwrap().iter().filter(|part| part["name"] == name).collect()
}

#[tokio::test]
async fn a_final_report_goes_to_the_platform_and_the_dmp_answers_later() {
    for (kind, name) in [(Kind::Mdm, "MDM^T02"), (Kind::Oru, "ORU^R01")] {
        let stage = Stage::new(kind).await;
        stage.put(&stage.report).await;
        stage.round().await;
        let arrived = stage.platform.arrived();
        assert_eq!(
            arrived.iter().map(|one| (one.kind.as_str(), one.answer.as_str())).collect::<Vec<_>>(),
            [(name, "AA")]
        );
        assert_eq!(stage.receipts(1).await, ["AA"]);
        let delivery = stage.deliveries().await.remove(0);
        assert_eq!(part(&delivery, "state")[0]["valueCode"], "delivered");
        let id = part(&delivery, "id")[0]["valueId"].as_str().unwrap();
        assert_eq!(delivery_id(&arrived[0].control_id).as_deref(), Some(id));
        let receipt = part(&delivery, "businessReceipt")[0];
        assert_eq!(receipt["part"][0]["valueCoding"]["code"], "ACK_RECEPTION_DMP");
        assert_eq!(receipt["part"][1]["valueBoolean"], true);
        stage.end().await;
    }
}

#[tokio::test]
async fn a_correction_replaces_the_document_at_the_platform() {
    let stage = Stage::new(Kind::Mdm).await;
    let mut corrected = stage.put(&stage.report).await;
    corrected["status"] = json!("corrected");
    corrected["conclusion"] = json!("Bonne tolérance. Dose réduite.");
    stage.clock.set(stage.clock.now() + jiff::SignedDuration::from_mins(5));
    stage.put(&corrected).await;
    // Both are due at once: the second one waits for the first.
    stage.round().await;
    stage.round().await;
    let kinds: Vec<String> = stage.platform.arrived().into_iter().map(|one| one.kind).collect();
    assert_eq!(kinds, ["MDM^T02", "MDM^T10"]);
    let mut standing: Vec<Standing> = stage.platform.documents().into_values().collect();
    standing.sort_by_key(|one| *one == Standing::Current);
    assert_eq!(standing, [Standing::Replaced, Standing::Current]);
    stage.end().await;
}

#[tokio::test]
async fn whatever_goes_wrong_the_same_message_arrives_in_the_end_and_is_kept_once() {
    let faults = [
        MllpFault::Refuse,
        MllpFault::Reset,
        MllpFault::Silent(PATIENCE * 2),
        MllpFault::Half,
        MllpFault::AnswerLost,
        MllpFault::Nak("AE"),
        MllpFault::Nak("AR"),
        MllpFault::Duplicate,
        MllpFault::OtherMessage,
        MllpFault::Gibberish,
    ];
    let stage = Stage::new(Kind::Mdm).await;
    stage.put(&stage.report).await;
    for fault in faults {
        stage.platform.misbehave(fault, 1);
        stage.round().await;
    }
    stage.round().await;
    let delivery = stage.deliveries().await.remove(0);
    assert_eq!(part(&delivery, "state")[0]["valueCode"], "delivered");
    let arrived = stage.platform.arrived();
    assert!(arrived.len() > 4, "{arrived:?}");
    assert!(arrived.iter().all(|one| one.bytes == arrived[0].bytes), "every attempt has the same bytes");
    assert_eq!(stage.platform.documents().len(), 1);
    stage.end().await;
}

#[tokio::test]
async fn a_document_that_the_dmp_refuses_is_a_task_for_a_person() {
    let stage = Stage::new(Kind::Mdm).await;
    stage.platform.dmp_answers(DmpAnswer::Rejected("DMPClosed".to_owned(), "DMP fermé".to_owned()));
    stage.put(&stage.report).await;
    stage.round().await;
    assert_eq!(stage.receipts(1).await, ["AA"]);
    let delivery = stage.deliveries().await.remove(0);
    assert_eq!(part(&delivery, "state")[0]["valueCode"], "delivered", "the platform has it");
    assert_eq!(part(&delivery, "businessReceipt")[0]["part"][1]["valueBoolean"], false);
    let asked = [("subtype".to_owned(), "Z01".to_owned()), ("outcome".to_owned(), "8".to_owned())];
    let page = interaction::search(&stage.context, "AuditEvent", &asked).await.unwrap();
    let bundle: Value = serde_json::from_slice(&page.body).unwrap();
    assert_eq!(bundle["entry"][0]["resource"]["outcomeDesc"], "rejected: DMPClosed");
    let asked = [(
        "focus".to_owned(),
        part(&delivery, "subject")[0]["valueReference"]["reference"].as_str().unwrap().to_owned(),
    )];
    let page = interaction::search(&stage.context, "Task", &asked).await.unwrap();
    let bundle: Value = serde_json::from_slice(&page.body).unwrap();
    assert!(
        bundle["entry"][0]["resource"]["description"].as_str().unwrap().contains("DMPClosed"),
        "{bundle}"
    );
    stage.end().await;
}

#[tokio::test]
async fn the_document_in_the_message_is_the_one_that_is_stored() {
    let stage = Stage::new(Kind::Mdm).await;
    let stored = stage.put(&stage.report).await;
    stage.round().await;
    let message = Message::parse(&stage.platform.arrived()[0].bytes).unwrap();
    let sent = message.segment("OBX").unwrap().field(5).component(5).text();
    let forms = stored["presentedForm"].as_array().unwrap();
    let form = forms.iter().find(|form| form["contentType"] == "text/xml").unwrap();
    let id = form["url"].as_str().unwrap().rsplit('/').next().unwrap();
    let binary = body(&interaction::read(&stage.context, "Binary", id).await.unwrap());
    assert_eq!(binary["data"], json!(sent));
    stage.end().await;
}
