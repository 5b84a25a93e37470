//! Messages that other systems send by HL7 v2: identities that are created, brought up to date and merged, receipts of
//! documents, and acknowledgments that say yes only after the commit.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use vigie::hl7v2::{Acknowledgment, Code, Event, Frames, Message, control_id, framed};
use vigie::interaction;
use vigie::json::{Value, json};
use vigie::mllp::{Limits, Listener};
use vigie::outbox::{Act, Delivery};
use vigie::problem::{Category, Problem};
use vigie::store::{Committed, Expect, Unit, Write};

use crate::support::App;

const INS: &str = "279035121518989^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS";
const IPP: &str = "https://chu.example/ipp";

/// A message of the hospital's identity server.
fn adt(event: &str, number: &str, lines: &str) -> Vec<u8> {
    format!(
        "MSH|^~\\&|GAM|CHU|VIGIE|CHU|20260309142000+0100||ADT^{event}|{number}|T|2.5^FRA^2.11|||||FRA|UNICODE UTF-8\r\
         EVN||20260309142000+0100\r{lines}"
    )
    .into_bytes()
}

fn pid(numbers: &str, name: &str, status: &str) -> String {
    format!(
        "PID|||{numbers}||{name}^DOMINIQUE^DOMINIQUE^^^^L||19790328|F|||^^^^^^BDL^^51215{}N|{status}\r",
        "|".repeat(20)
    )
}

fn ipp(number: &str) -> String {
    format!("{number}^^^CHU&1.2.250.1.999.2&ISO^PI")
}

async fn take(app: &App, bytes: &[u8]) -> Result<(), Problem> {
    let message = Message::parse(bytes)?;
    let header = message.header()?;
    interaction::receive(&app.context, &message, &header).await
}

async fn taken(app: &App, bytes: &[u8]) {
    take(app, bytes).await.unwrap_or_else(|problem| panic!("{problem}"));
}

async fn of_number(app: &App, number: &str) -> Vec<Value> {
    app.search("Patient", &[("identifier", &format!("{IPP}|{number}"))]).await
}

async fn one(app: &App, number: &str) -> Value {
    let mut found = of_number(app, number).await;
    assert_eq!(found.len(), 1, "{number}");
    found.remove(0)
}

fn refused(outcome: Result<(), Problem>, category: Category, place: &str) {
    let problem = outcome.expect_err("it should be refused");
    assert_eq!(
        (problem.category, problem.issues[0].expression.as_deref()),
        (category, Some(place)),
        "{problem}"
    );
}

#[tokio::test]
async fn an_identity_is_created_and_brought_up_to_date_and_a_repeat_changes_nothing() {
    let app = App::bare().await;
    for event in ["A01", "A04", "A05", "A28"] {
        let number = format!("N-{event}");
        let message = adt(event, event, &pid(&format!("{INS}~{}", ipp(&number)), "PAT-TROIS", "VALI"));
        taken(&app, &message).await;
        taken(&app, &message).await;
        let patient = one(&app, &number).await;
        assert_eq!(
            (&patient["meta"]["versionId"], &patient["active"]),
            (&json!("1"), &json!(true)),
            "{event}"
        );
        assert_eq!(patient["identifier"][0]["value"], "279035121518989");
    }
    for (event, name, version) in [("A31", "PAT-NOUVEAU", "2"), ("A08", "PAT-TROIS", "3")] {
        taken(&app, &adt(event, event, &pid(&ipp("N-A28"), name, "VALI"))).await;
        let patient = one(&app, "N-A28").await;
        assert_eq!(
            (&patient["name"][0]["family"], &patient["meta"]["versionId"]),
            (&json!(name), &json!(version))
        );
        assert_eq!(patient["identifier"][0]["value"], "279035121518989", "what is not said stays");
    }
}

#[tokio::test]
async fn a_late_repeat_of_an_earlier_message_does_not_bring_the_old_name_back() {
    let app = App::bare().await;
    let first = adt("A28", "1", &pid(&ipp("42"), "ANCIEN", "PROV"));
    taken(&app, &first).await;
    taken(&app, &adt("A31", "2", &pid(&ipp("42"), "NOUVEAU", "PROV"))).await;
    taken(&app, &first).await;
    assert_eq!(one(&app, "42").await["name"][0]["family"], "NOUVEAU");
    // The same number with other content is another message: counters of engines begin again.
    taken(&app, &adt("A31", "2", &pid(&ipp("42"), "TROISIEME", "PROV"))).await;
    assert_eq!(one(&app, "42").await["name"][0]["family"], "TROISIEME");
}

#[tokio::test]
async fn an_ins_is_kept_only_while_the_identity_is_validated() {
    let app = App::bare().await;
    let numbers = format!("{INS}~{}", ipp("42"));
    taken(&app, &adt("A28", "1", &pid(&numbers, "PAT-TROIS", "PROV"))).await;
    assert_eq!(one(&app, "42").await["identifier"].as_array().map(Vec::len), Some(1));
    taken(&app, &adt("A31", "2", &pid(&numbers, "PAT-TROIS", "VALI"))).await;
    assert_eq!(one(&app, "42").await["identifier"].as_array().map(Vec::len), Some(2));
    taken(&app, &adt("A31", "3", &pid(&ipp("42"), "PAT-TROIS", "PROV"))).await;
    assert_eq!(one(&app, "42").await["identifier"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn two_records_of_one_patient_become_one_and_nothing_is_lost() {
    let app = App::new().await;
    taken(&app, &adt("A28", "1", &pid(&ipp("KEPT"), "PAT-TROIS", "PROV"))).await;
    taken(&app, &adt("A28", "2", &pid(&ipp("GONE"), "PAT-TROIS", "PROV"))).await;
    let (kept, gone) = (one(&app, "KEPT").await, one(&app, "GONE").await);
    let merge = adt("A40", "3", &format!("{}MRG|{}\r", pid(&ipp("KEPT"), "PAT-TROIS", "VALI"), ipp("GONE")));
    taken(&app, &merge).await;
    taken(&app, &merge).await;
    let (stays, ended) = (one(&app, "KEPT").await, one(&app, "GONE").await);
    let reference = |patient: &Value| format!("Patient/{}", patient["id"].as_str().unwrap());
    assert_eq!((&stays["id"], &ended["id"]), (&kept["id"], &gone["id"]));
    assert_eq!(stays["link"], json!([{"other": {"reference": reference(&gone)}, "type": "replaces"}]));
    assert_eq!(ended["link"], json!([{"other": {"reference": reference(&kept)}, "type": "replaced-by"}]));
    assert_eq!((&ended["active"], &ended["meta"]["versionId"]), (&json!(false), &json!("2")), "once");
    assert_eq!(ended["name"], gone["name"]);
    let tasks = app.search("Task", &[("patient", &reference(&kept))]).await;
    assert_eq!(tasks.len(), 1, "a person is told once");
    // The number that ended leads to the record that stays.
    taken(&app, &adt("A31", "4", &pid(&ipp("GONE"), "PAT-FUSIONNE", "VALI"))).await;
    assert_eq!(one(&app, "KEPT").await["name"][0]["family"], "PAT-FUSIONNE");
    assert_eq!(app.read(&reference(&gone)).await["name"][0]["family"], "PAT-TROIS");
}

#[tokio::test]
async fn of_a_feed_of_everybody_only_those_who_are_followed_are_kept() {
    let mut app = App::bare().await;
    taken(&app, &adt("A28", "1", &pid(&ipp("KNOWN"), "PAT-TROIS", "PROV"))).await;
    app.context.settings.known_patients_only = true;
    for (event, number) in
        [("A01", "2"), ("A04", "3"), ("A05", "4"), ("A08", "5"), ("A28", "6"), ("A31", "7")]
    {
        taken(&app, &adt(event, number, &pid(&ipp("STRANGER"), "PAT-DEUX", "VALI"))).await;
    }
    let strangers = format!("{}MRG|{}\r", pid(&ipp("STRANGER"), "PAT-DEUX", "VALI"), ipp("OTHER"));
    taken(&app, &adt("A40", "8", &strangers)).await;
    taken(&app, &adt("A47", "9", &strangers)).await;
    assert_eq!(app.count(&["Patient", "Task", "Consent"]).await, [1, 0, 0]);
    taken(&app, &adt("A08", "10", &pid(&ipp("KNOWN"), "PAT-NOUVEAU", "VALI"))).await;
    assert_eq!(
        one(&app, "KNOWN").await["name"][0]["family"],
        "PAT-NOUVEAU",
        "who is followed is kept up to date"
    );
    // A number that is not known takes the place of one that is.
    let change = format!("{}MRG|{}\r", pid(&ipp("NEXT"), "PAT-NOUVEAU", "VALI"), ipp("KNOWN"));
    taken(&app, &adt("A47", "11", &change)).await;
    assert_eq!(one(&app, "NEXT").await["id"], one(&app, "KNOWN").await["id"]);
    // And a record that is merged into one that is not known goes on under its number.
    let merge = format!("{}MRG|{}\r", pid(&ipp("LAST"), "PAT-NOUVEAU", "VALI"), ipp("NEXT"));
    taken(&app, &adt("A40", "12", &merge)).await;
    assert_eq!(
        (one(&app, "LAST").await["active"].clone(), app.count(&["Patient"]).await),
        (json!(true), vec![1])
    );
}

#[tokio::test]
async fn an_opposition_survives_a_merge_and_is_taken_back_in_every_record() {
    let app = App::bare().await;
    let zfa =
        |said: &str| format!("ZFA|ACTIF|20240306111154|||||||{said}|20240306111154|INC|20240306111154\r");
    let merge = |rest: &str| format!("{}MRG|{}\r{rest}", pid(&ipp("KEPT"), "PAT-TROIS", "VALI"), ipp("GONE"));
    let statuses = async || {
        let consents = app.search("Consent", &[]).await;
        consents.iter().map(|one| one["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    taken(&app, &adt("A28", "1", &pid(&ipp("KEPT"), "PAT-TROIS", "PROV"))).await;
    taken(&app, &adt("A05", "2", &format!("{}{}", pid(&ipp("GONE"), "PAT-TROIS", "PROV"), zfa("IO")))).await;
    assert_eq!(statuses().await, ["active"]);
    taken(&app, &adt("A40", "3", &merge(&zfa("IO")))).await;
    assert_eq!(statuses().await, ["active"], "it is known from the record that ends");
    taken(&app, &adt("A31", "4", &format!("{}{}", pid(&ipp("KEPT"), "PAT-TROIS", "VALI"), zfa("INO")))).await;
    assert_eq!(statuses().await, ["inactive"]);

    // A change of number that says it, and a merge that says it for the first time.
    let change = format!("{}MRG|{}\r{}", pid(&ipp("NEW"), "PAT-TROIS", "VALI"), ipp("KEPT"), zfa("IO"));
    taken(&app, &adt("A47", "5", &change)).await;
    let mut all = statuses().await;
    all.sort();
    assert_eq!(all, ["active", "inactive"]);
    for consent in app.search("Consent", &[("status", "active")]).await {
        assert_eq!(
            consent["patient"]["reference"],
            format!("Patient/{}", one(&app, "NEW").await["id"].as_str().unwrap())
        );
    }
}

#[tokio::test]
async fn a_change_of_number_keeps_the_record_and_the_old_number() {
    for event in ["A47", "A40"] {
        let app = App::bare().await;
        taken(&app, &adt("A28", "1", &pid(&ipp("OLD"), "PAT-TROIS", "PROV"))).await;
        let before = one(&app, "OLD").await;
        let change =
            adt(event, "2", &format!("{}MRG|{}\r", pid(&ipp("NEW"), "PAT-TROIS", "PROV"), ipp("OLD")));
        taken(&app, &change).await;
        taken(&app, &change).await;
        let after = one(&app, "NEW").await;
        assert_eq!((&after["id"], &after["meta"]["versionId"]), (&before["id"], &json!("2")), "{event}");
        let old = after["identifier"].as_array().unwrap().iter().find(|one| one["value"] == "OLD").unwrap();
        assert_eq!(old["use"], "old", "{event}");
    }
}

#[tokio::test]
async fn a_merge_of_records_that_are_not_here_is_an_identity_only() {
    let app = App::bare().await;
    taken(&app, &adt("A40", "1", &format!("{}MRG|{}\r", pid(&ipp("KEPT"), "PAT", "PROV"), ipp("GONE"))))
        .await;
    assert!(one(&app, "KEPT").await.get("link").is_none());
    assert_eq!(of_number(&app, "GONE").await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_with_its_place_and_changes_nothing() {
    let app = App::bare().await;
    let check = async |bytes: Vec<u8>, category: Category, place: &str| {
        refused(take(&app, &bytes).await, category, place)
    };
    check(adt("A28", "1", ""), Category::Invalid, "PID").await;
    check(adt("A28", "1", "PID|||42^^^AILLEURS^PI\r"), Category::Invalid, "PID-3[1].4").await;
    check(
        adt("A28", "1", &pid(&ipp("42"), "X", "VALI").replace("19790328", "1979-03-28")),
        Category::Invalid,
        "PID-7",
    )
    .await;
    check(adt("A40", "1", &pid(&ipp("42"), "X", "VALI")), Category::Invalid, "MRG").await;
    check(adt("A02", "1", &pid(&ipp("42"), "X", "VALI")), Category::NotSupported, "MSH-9.2").await;
    let order = String::from_utf8(adt("A28", "1", "")).unwrap().replace("ADT^A28", "ORM^O01");
    check(order.into_bytes(), Category::NotSupported, "MSH-9").await;
    assert_eq!(app.count(&["Patient"]).await, [0]);

    taken(&app, &adt("A28", "2", &pid(&ipp("A"), "PAT-A", "PROV"))).await;
    taken(&app, &adt("A28", "3", &pid(&ipp("B"), "PAT-B", "PROV"))).await;
    let both = pid(&format!("{}~{}", ipp("A"), ipp("B")), "PAT", "PROV");
    check(adt("A31", "4", &both), Category::Conflict, "PID-3").await;
    assert_eq!(one(&app, "A").await["meta"]["versionId"], "1");
}

const SENT: &str = "019cd321-9e12-7a3b-8c4d-0000000000aa";

/// A service that has sent a document by MLLP.
async fn sender() -> App {
    let app = App::new().await;
    let mut unit = Unit::new("test", "2026-03-09T14:20:02Z".parse().unwrap());
    unit.deliveries.push(Delivery {
        id: SENT.to_owned(),
        destination: "pfi".to_owned(),
        kind: "mllp".to_owned(),
        patient: "Patient/p".to_owned(),
        subject: "DocumentReference/f81d4fae-7dec-11d0-a765-00a0c91e6bf6".to_owned(),
        act: Act::Provide,
        content_type: "x-application/hl7-v2+er7".to_owned(),
        payload: b"MSH|".to_vec(),
        created_at: unit.at,
    });
    assert!(matches!(app.context.store.commit(unit).await, Ok(Committed::Written(_))));
    app
}

fn zam(event: &str, number: &str, code: &str, about: &str, status: &str, rest: &str) -> Vec<u8> {
    format!(
        "MSH|^~\\&|PFI|CHU|VIGIE|CHU|20260309142100||ZAM^{event}^ZAM_Z01|{number}|T|2.6|||||FRA|UNICODE UTF-8|||2.1^CISIS_CDA_HL7_V2\r\
         EVN||20260309142100\r\
         OBX|1|CWE|{code}^libellé^AckMetierZAM|{about}|{status}^^expandedYes-NoIndicator||||||F\r{rest}"
    )
    .into_bytes()
}

/// The parts of the delivery in `$deliveries`, by name.
async fn told(app: &App, name: &str) -> Vec<Value> {
    let asked = [("id".to_owned(), SENT.to_owned())];
    let answer = interaction::deliveries(&app.context, &asked).await.unwrap();
    let told: Value = serde_json::from_slice(&answer).unwrap();
    let parts = told["parameter"][0]["part"].as_array().cloned().unwrap_or_default();
    parts.into_iter().filter(|part| part["name"] == name).collect()
}

#[tokio::test]
async fn a_receipt_stands_beside_the_delivery_that_it_is_about() {
    let app = sender().await;
    let id = control_id(SENT).unwrap();
    let yes = zam("Z01", "1", "ACK_RECEPTION_DMP", &id, "Y", "");
    taken(&app, &yes).await;
    taken(&app, &yes).await;
    let by_document = "2.25.329800735698586629295641978511506172918";
    let mailbox = "OBX|2|XTN|DESTINATAIRE_MSS^x^AckMetierZAM||^^X.400^essai@test.mssante.fr||||||F\r";
    taken(&app, &zam("Z02", "2", "ACK_RECEPTION_MSS", by_document, "Y", mailbox)).await;
    let receipts = told(&app, "businessReceipt").await;
    let codes: Vec<&Value> = receipts.iter().map(|one| &one["part"][0]["valueCoding"]["code"]).collect();
    assert_eq!(codes, ["ACK_RECEPTION_DMP", "ACK_RECEPTION_MSS"]);
    assert!(receipts.iter().all(|one| one["part"][1]["valueBoolean"] == true));
    assert_eq!(receipts[1]["part"][3]["valueString"], "essai@test.mssante.fr");
    assert_eq!(app.count(&["Task"]).await, [0]);
}

#[tokio::test]
async fn a_document_that_is_refused_later_becomes_a_task_for_a_person_once() {
    let app = sender().await;
    let id = control_id(SENT).unwrap();
    let error = "ERR|||207^Application internal error^HL70357|E|DMPClosed^DMP fermé^DMPERRORCODE\r";
    for number in ["1", "1", "2"] {
        taken(&app, &zam("Z01", number, "ACK_RECEPTION_DMP", &id, "N", error)).await;
    }
    let tasks = app.search("Task", &[("patient", "Patient/p")]).await;
    assert_eq!(tasks.len(), 1);
    let why = tasks[0]["description"].as_str().unwrap();
    assert!(why.contains("DMPClosed : DMP fermé"), "{why}");
    assert_eq!(tasks[0]["focus"]["reference"], "DocumentReference/f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
    let receipts = told(&app, "businessReceipt").await;
    assert_eq!(receipts.len(), 2, "each message that was sent is on record");
    assert_eq!(receipts[0]["part"][1]["valueBoolean"], false);
    assert_eq!(receipts[0]["part"][3]["valueString"], "DMPClosed : DMP fermé");
}

#[tokio::test]
async fn what_clients_write_about_receipts_proves_nothing() {
    let app = sender().await;
    let about = "DocumentReference/f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    let mut unit = Unit::new("test", app.context.clock.now());
    for (rtype, id) in ["Patient/p", about].map(|reference| reference.split_once('/').unwrap()) {
        let meta = json!({"versionId": "1", "lastUpdated": "2026-03-01T08:00:00Z"});
        let resource = json!({"resourceType": rtype, "id": id, "meta": meta});
        unit.writes.push(Write::new(&resource, Expect::New).unwrap());
    }
    assert!(matches!(app.context.store.commit(unit).await, Ok(Committed::Written(_))));
    let error = "ERR|||207^Application internal error^HL70357|E|DMPClosed^DMP fermé^DMPERRORCODE\r";
    let no = zam("Z01", "1", "ACK_RECEPTION_DMP", &control_id(SENT).unwrap(), "N", error);
    taken(&app, &no).await;
    let before = told(&app, "businessReceipt").await;
    // A trace that says yes, and the true one changed to say so too.
    let mut trace = app.search("Provenance", &[("target", about)]).await.remove(0);
    trace["reason"] = json!([{"coding": [{
        "system": "https://vigie.example/fhir/CodeSystem/receipt-outcome", "code": "accepted"}]}]);
    app.put(&trace).await.unwrap();
    trace["id"] = json!("forged");
    app.put(&trace).await.unwrap();
    assert_eq!(told(&app, "businessReceipt").await, before);
    // Where the true one is turned to something else only its words are lost.
    for mut trace in app.search("Provenance", &[("target", about)]).await {
        trace["target"] = json!([{"reference": "Patient/p"}]);
        app.put(&trace).await.unwrap();
    }
    let after = told(&app, "businessReceipt").await;
    assert_eq!((after.len(), &after[0]["part"][1]), (1, &before[0]["part"][1]));
    assert_eq!(after[0]["part"][3]["valueString"], "DMPClosed");
}

#[tokio::test]
async fn a_receipt_of_something_that_was_never_sent_is_refused() {
    let app = sender().await;
    for about in ["015", "AAAAAAAAAAAAAAAAAAAA", "2.25.1"] {
        let outcome = take(&app, &zam("Z01", "1", "ACK_RECEPTION_DMP", about, "Y", "")).await;
        refused(outcome, Category::NotFound, "OBX-4");
    }
    assert_eq!(app.count(&["Provenance"]).await, [0]);
}

/// A client of the listener.
struct Client {
    stream: TcpStream,
    frames: Frames,
}

impl Client {
    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    async fn answer(&mut self) -> Acknowledgment {
        loop {
            if let Some(event) = self.frames.next_event() {
                let Event::Frame(bytes) = event else { panic!("{event:?}") };
                return Acknowledgment::read(&Message::parse(&bytes).unwrap()).unwrap();
            }
            let mut chunk = [0; 512];
            let size = self.stream.read(&mut chunk).await.unwrap();
            assert!(size > 0, "the connection was closed");
            self.frames.push(&chunk[..size]);
        }
    }
}

struct Stage {
    context: Arc<interaction::Context>,
    address: std::net::SocketAddr,
    stop: watch::Sender<bool>,
    running: tokio::task::JoinHandle<()>,
}

impl Stage {
    async fn new(app: App) -> (Self, impl Sized) {
        let limits = Limits { frame_bytes: 10_000, connections_max: 2, idle: Duration::from_secs(20) };
        let listener = Listener::bind(([127, 0, 0, 1], 0).into(), limits).await.unwrap();
        let (context, place) = app.into_context();
        let (stop, stopping) = watch::channel(false);
        let address = listener.address();
        let running = tokio::spawn(listener.run(Arc::clone(&context), stopping));
        (Self { context, address, stop, running }, place)
    }

    async fn client(&self) -> Client {
        Client { stream: TcpStream::connect(self.address).await.unwrap(), frames: Frames::new(100_000) }
    }

    async fn end(self) {
        self.stop.send(true).unwrap();
        self.running.await.unwrap();
    }
}

#[tokio::test]
async fn messages_are_acknowledged_in_order_whatever_the_network_makes_of_them() {
    let (stage, _place) = Stage::new(App::bare().await).await;
    let mut client = stage.client().await;
    let message = |number: &str| framed(&adt("A28", number, &pid(&ipp(number), "PAT-TROIS", "PROV")));
    // Two in one write, garbage between, and a third byte by byte.
    client.send(&[message("1"), b"\r\nnoise".to_vec(), message("2")].concat()).await;
    for byte in message("3") {
        client.send(&[byte]).await;
    }
    for number in ["1", "2", "3"] {
        let answer = client.answer().await;
        assert_eq!((answer.code, answer.of.as_str()), (Code::Accept, number));
        let token = format!("{IPP}|{number}");
        let page = interaction::search(&stage.context, "Patient", &[("identifier".to_owned(), token)])
            .await
            .unwrap();
        let bundle: Value = serde_json::from_slice(&page.body).unwrap();
        assert_eq!(bundle["entry"].as_array().map(Vec::len), Some(1), "what is acknowledged is there");
    }
    stage.end().await;
}

#[tokio::test]
async fn a_refusal_names_condition_and_place_and_the_connection_goes_on() {
    let (stage, _place) = Stage::new(App::bare().await).await;
    let mut client = stage.client().await;
    let latin = [adt("A28", "7", "PID|||42^^^CHU^PI||"), b"\xe9\r".to_vec()].concat();
    for (bytes, of, condition, place) in [
        (adt("A28", "5", "PID|||42^^^AILLEURS^PI\r"), "5", "102", "PID-3[1].4"),
        (adt("A02", "6", ""), "6", "201", "MSH-9[1].2"),
        (latin, "7", "102", "MSH-18"),
        (b"MSH|^~\\&|A|B|C|D|2026||ADT^A28|8|T".to_vec(), "8", "101", "MSH-12"),
    ] {
        client.send(&framed(&bytes)).await;
        let answer = client.answer().await;
        assert_eq!((answer.code, answer.of.as_str()), (Code::Error, of));
        let fault = &answer.faults[0];
        let found = fault.place.as_ref().map(ToString::to_string);
        assert_eq!((fault.condition.as_str(), found.as_deref()), (condition, Some(place)));
    }
    client.send(&framed(&adt("A28", "9", &pid(&ipp("9"), "PAT-TROIS", "PROV")))).await;
    assert_eq!(client.answer().await.code, Code::Accept);
    stage.end().await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_what_is_too_much_is_closed() {
    let (stage, _place) = Stage::new(App::bare().await).await;
    let (mut first, _second, mut third) = (stage.client().await, stage.client().await, stage.client().await);
    let mut chunk = [0; 8];
    assert_eq!(third.stream.read(&mut chunk).await.unwrap_or(0), 0, "there are two connections at most");
    let large = [adt("A28", "1", &pid(&ipp("1"), "PAT-TROIS", "PROV")), vec![b'x'; 20_000]].concat();
    first.send(&framed(&large)).await;
    let mut answer = vec![0; 4096];
    let size = first.stream.read(&mut answer).await.unwrap();
    let text = String::from_utf8_lossy(&answer[..size]).into_owned();
    assert!(text.contains("MSA|AE") && text.contains("10000 bytes"), "{text}");
    first.send(&framed(&adt("A28", "2", &pid(&ipp("2"), "PAT-TROIS", "PROV")))).await;
    assert_eq!(first.answer().await.of, "2");
    stage.end().await;
}
