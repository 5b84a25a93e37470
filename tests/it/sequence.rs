//! What leaves this service in two whole sequences, byte for byte: an identity that is not qualified, held and then released;
//! a document hidden, shown and archived. `tests/golden/sequence/` holds every piece as programs that nobody here wrote read it
//! (`tests/tools/read_sequence.py`, which `tests/documents` runs); `VIGIE_TEST_GOLDEN=write` writes them anew (issue 4, *What must be shown*).

use std::collections::BTreeSet;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use vigie::interaction::{self, Demand, Destination, DestinationKind, Follower, Publication};
use vigie::json::{Value, json};
use vigie::outbox::Act;
use vigie::report::hl7v2::Kind;
use vigie::report::provide_and_register::Sender;
use vigie::store::{DeliveryFilter, DeliveryRecord};

use crate::support::{App, Course, Kept, body, peer, signed};

const RELIABILITY: &str = "fr-core-identity-reliability";

/// The golden files of one sequence, each of which must be named.
struct Golden {
    folder: PathBuf,
    named: BTreeSet<String>,
}

impl Golden {
    fn of(sequence: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/sequence").join(sequence);
        Self { folder, named: BTreeSet::new() }
    }

    fn is(&mut self, name: &str, bytes: &[u8]) {
        let path = self.folder.join(name);
        if std::env::var("VIGIE_TEST_GOLDEN").is_ok_and(|value| value == "write") {
            std::fs::create_dir_all(&self.folder).unwrap();
            std::fs::write(&path, bytes).unwrap();
        }
        let expected = std::fs::read(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        assert!(bytes == expected, "{name} is not what was judged; see the head of this file");
        self.named.insert(name.to_owned());
    }

    fn json(&mut self, name: &str, value: &Value) {
        let text = serde_json::to_string_pretty(value).unwrap() + "\n";
        self.is(name, text.as_bytes());
    }

    /// The payload of a delivery, under the extension of its kind.
    fn sent(&mut self, name: &str, record: &DeliveryRecord) {
        let delivery = &record.delivery;
        match delivery.kind.as_str() {
            "mllp" => self.is(&format!("{name}.hl7"), &delivery.payload),
            "xds" => self.is(&format!("{name}.mime"), &delivery.payload),
            _ => self.json(&format!("{name}.json"), &serde_json::from_slice(&delivery.payload).unwrap()),
        }
    }

    fn all_named(&self) {
        let there: BTreeSet<String> = std::fs::read_dir(&self.folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(there, self.named, "a golden file that no test looks at");
    }
}

/// A service that feeds a platform, a DMP and a document recipient, all of which want a qualified identity, and the first
/// report of a patient, preliminary.
async fn scene() -> (App, Course, Value) {
    let mut app = App::on(Kept::Embedded).await.unwrap();
    let xds = DestinationKind::Xds(Box::new(peer::submitter(Sender::Automaton)));
    let mut destinations = vec![
        Destination::new("pfi", DestinationKind::Mllp(Box::new(peer::route(Kind::Mdm, true)))),
        Destination::new("dmp", xds),
        Destination::new("mhd", DestinationKind::Mhd(Publication::Bundle)),
    ];
    destinations[0].takes.identity = Demand::Qualified;
    app.context.settings.destinations = destinations;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    app.submit(&course.week("1")).await.unwrap();
    let report = app.search("DiagnosticReport", &[]).await.remove(0);
    app.at("2026-03-03T10:00:00+01:00");
    (app, course, report)
}

/// What was sent by that act, by destination.
async fn sent(app: &App, act: Act) -> Vec<DeliveryRecord> {
    let all = DeliveryFilter { payload: true, ..DeliveryFilter::default() };
    let mut records = app.context.store.deliveries(&all).await.unwrap();
    records.retain(|record| record.delivery.act == act);
    records.reverse();
    records
}

#[tokio::test]
async fn an_identity_that_is_not_qualified_is_held_and_then_released() {
    let mut golden = Golden::of("released");
    let (app, course, report) = scene().await;
    let qualified = app.read(&course.patient()).await;
    let mut provisional = qualified.clone();
    let extensions = provisional["extension"].as_array_mut().unwrap();
    extensions.retain(|one| !one["url"].as_str().unwrap_or_default().ends_with(RELIABILITY));
    app.put(&provisional).await.unwrap();

    app.at("2026-03-03T10:10:00+01:00");
    let report = app.read(&format!("DiagnosticReport/{}", report["id"].as_str().unwrap())).await;
    app.put(&signed(&report, "final", "Bonne tolérance.")).await.unwrap();
    assert!(sent(&app, Act::Provide).await.is_empty());
    let held = async || {
        let named = [("identifier", "https://vigie.example/fhir/NamingSystem/held-document|")];
        let tasks = app.search("Task", &named).await;
        let of = |name: &str| {
            let ends = |task: &&Value| task["identifier"][0]["value"].as_str().unwrap().ends_with(name);
            tasks.iter().find(ends).unwrap().clone()
        };
        ["pfi", "dmp", "mhd"].map(of)
    };
    for (name, task) in ["pfi", "dmp", "mhd"].iter().zip(held().await) {
        golden.json(&format!("1-held-{name}.json"), &task);
    }

    app.at("2026-03-04T08:00:00+01:00");
    app.put(&qualified).await.unwrap();
    app.at("2026-03-04T08:00:02+01:00");
    let released = interaction::release(&app.context, &mut Follower::default()).await.unwrap();
    assert_eq!(released, 1);
    for (name, task) in ["pfi", "dmp", "mhd"].iter().zip(held().await) {
        golden.json(&format!("2-released-{name}.json"), &task);
    }
    let described = app.search("DocumentReference", &[("status", "current")]).await.remove(0);
    golden.json("3-description.json", &described);
    let url = described["content"][0]["attachment"]["url"].as_str().unwrap();
    let place = url.rfind("Binary/").unwrap();
    let binary = app.read(&url[place..]).await;
    golden.is("3-document.xml", &STANDARD.decode(binary["data"].as_str().unwrap()).unwrap());
    let records = sent(&app, Act::Provide).await;
    assert_eq!(records.len(), 3);
    for record in &records {
        golden.sent(&format!("4-{}", record.delivery.destination), record);
    }
    golden.all_named();
}

#[tokio::test]
async fn a_document_is_hidden_shown_and_archived() {
    let mut golden = Golden::of("visibility");
    let (app, _, report) = scene().await;
    app.put(&signed(&report, "final", "Bonne tolérance.")).await.unwrap();
    app.delivered().await;
    let document = app.search("DocumentReference", &[]).await.remove(0);
    let document = document["id"].as_str().unwrap();
    let ask = async |time: &str, name: &str, value: Value| {
        app.at(time);
        let mut part = json!({ "name": name });
        part.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        let asked = json!({"resourceType": "Parameters", "parameter": [part,
            {"name": "by", "valueReference": {"reference": "PractitionerRole/oncologue-test"}},
            {"name": "reason", "valueString": "Annonce au patient prévue lundi."}]});
        let answer =
            interaction::change_visibility(&app.context, document, asked.to_string().as_bytes()).await;
        let described = body(&answer.unwrap());
        app.delivered().await;
        described
    };
    let mask = json!({"valueCode": "INVISIBLE_PATIENT"});
    let steps = [
        ("1-hidden", "2026-03-03T11:00:00+01:00", "hide", mask.clone(), Act::Visibility),
        ("2-shown", "2026-03-09T11:00:00+01:00", "show", mask, Act::Visibility),
        ("3-archived", "2026-03-20T11:00:00+01:00", "archived", json!({"valueBoolean": true}), Act::Archive),
        (
            "4-taken-out",
            "2026-03-21T11:00:00+01:00",
            "archived",
            json!({"valueBoolean": false}),
            Act::Unarchive,
        ),
    ];
    for (step, time, name, value, act) in steps {
        let before = sent(&app, act).await.len();
        let described = ask(time, name, value).await;
        golden.json(&format!("{step}-description.json"), &described);
        let records = sent(&app, act).await.split_off(before);
        assert_eq!(records.len(), if act == Act::Visibility { 3 } else { 2 }, "{step}");
        for record in &records {
            golden.sent(&format!("{step}-{}", record.delivery.destination), record);
        }
    }
    let mut tasks = app.search("Task", &[("code", "relecture-humaine")]).await;
    tasks.retain(|task| task["code"]["text"].as_str().is_some_and(|text| text.contains("archiver")));
    tasks.sort_by_key(|task| task["authoredOn"].to_string());
    assert_eq!(tasks.len(), 2);
    golden.json("3-archived-pfi.json", &tasks[0]);
    golden.json("4-taken-out-pfi.json", &tasks[1]);
    golden.all_named();
}
