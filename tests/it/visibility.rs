//! Hiding, showing and archiving a document: a named person asks, one transaction says so here, and everyone who has the
//! document is told in its own way (issue 4, points 3 to 6, 8 and 9).

use vigie::hl7v2::Message;
use vigie::interaction::{self, Kind, Patch};
use vigie::json::{Value, json};
use vigie::outbox::{Act, State};
use vigie::problem::{Category, Problem};
use vigie::sandbox::{Fault, Handle, MllpFault, Standing};
use vigie::store::DeliveryRecord;
use vigie::xds::Status;

use crate::support::{Stage, body, signed};

const PERSON: &str = "PractitionerRole/oncologue-test";
const REASON: &str = "Annonce au patient prévue lundi.";
const EACH: [&str; 5] = ["pfi", "oru", "dmp", "mhd", "dpi"];

/// What is asked: `hide:CODE`, `show:CODE`, `archive` or `unarchive`, by a named person and for a reason.
fn asked(what: &[&str]) -> Value {
    let part = |one: &&str| match one.split_once(':') {
        Some((name, code)) => json!({"name": name, "valueCode": code}),
        None => json!({"name": "archived", "valueBoolean": *one == "archive"}),
    };
    let by = json!({"name": "by", "valueReference": {"reference": PERSON}});
    let reason = json!({"name": "reason", "valueString": REASON});
    let parts: Vec<Value> = what.iter().map(part).chain([by, reason]).collect();
    json!({"resourceType": "Parameters", "parameter": parts})
}

impl Stage {
    async fn ask(&self, document: &str, body: &Value) -> Result<interaction::Answer, Problem> {
        self.later();
        interaction::change_visibility(&self.app.context, document, body.to_string().as_bytes()).await
    }

    async fn change(&self, document: &str, what: &[&str]) -> Value {
        body(&self.ask(document, &asked(what)).await.unwrap_or_else(|problem| panic!("{problem}")))
    }

    /// The current description.
    async fn document(&self) -> String {
        let found = self.app.search("DocumentReference", &[("status", "current")]).await;
        assert_eq!(found.len(), 1);
        found[0]["id"].as_str().unwrap().to_owned()
    }

    async fn sign(&self) -> (Value, String) {
        let stored = self.put(&signed(&self.report, "final", "Bonne tolérance.")).await;
        let document = self.document().await;
        (stored, document)
    }

    async fn all_delivered(&self) {
        for record in self.deliveries().await {
            assert_eq!(record.progress.state, State::Delivered, "{record:?} {:?}", record.attempts);
        }
    }

    /// From whom the DMP hides each entry, oldest first, without the level.
    fn masks(&self) -> Vec<Vec<String>> {
        let entries = self.dmp.entries();
        entries.iter().map(|entry| entry.masks().map(|one| one.code.clone()).collect()).collect()
    }

    async fn tasks(&self, text: &str) -> usize {
        let tasks = self.app.search("Task", &[("code", "relecture-humaine")]).await;
        let says = |task: &&Value| task["description"].as_str().is_some_and(|one| one.contains(text));
        tasks.iter().filter(says).count()
    }
}

fn labels(resource: &Value) -> Vec<String> {
    let labels = resource["securityLabel"].as_array().into_iter().flatten();
    labels.map(|one| one["coding"][0]["code"].as_str().unwrap().to_owned()).collect()
}

fn is_archived(description: &Value) -> bool {
    description["extension"][0]["valueBoolean"] == true
}

/// What a FHIR peer has of the only document.
fn described(peer: &Handle) -> Value {
    peer.resources("DocumentReference").remove(0)
}

/// The flags of a message that are set.
fn flags(bytes: &[u8]) -> Vec<String> {
    let message = Message::parse(bytes).unwrap();
    let set = message.all("OBX").filter(|obx| obx.field(5).text() == "Y");
    set.map(|obx| obx.field(3).text()).collect()
}

fn refusal(answer: Result<interaction::Answer, Problem>) -> String {
    let problem = answer.expect_err("it was taken");
    assert_eq!(problem.category, Category::Invalid, "{problem}");
    problem.to_string()
}

#[tokio::test]
async fn everyone_who_has_a_document_is_told_that_it_is_hidden_and_that_it_is_shown_again() {
    let stage = Stage::new().await;
    let (stored, document) = stage.sign().await;
    stage.rounds(1).await;
    let hidden =
        stage.change(&document, &["hide:INVISIBLE_PATIENT", "hide:INVISIBLE_REPRESENTANTS_LEGAUX"]).await;
    assert_eq!(labels(&hidden), ["N", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"]);
    stage.rounds(2).await;
    stage.all_delivered().await;

    assert_eq!(stage.masks(), [["INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"]]);
    for peer in [&stage.mhd, &stage.dpi] {
        assert_eq!(labels(&described(peer)), labels(&hidden), "{peer:?}");
    }
    let report = stage.dpi.resources("DiagnosticReport").remove(0);
    assert_eq!(report["meta"]["security"][0]["code"], "INVISIBLE_PATIENT");
    let told = stage.pfi.arrived();
    let kinds: Vec<&str> = told.iter().map(|one| one.kind.as_str()).collect();
    assert_eq!(kinds, ["MDM^T02", "MDM^T10"]);
    assert_eq!(
        flags(&told[1].bytes),
        ["INVISIBLE_PATIENT", "INVISIBLE_REP_LEGAUX", "MODIF_CONF_CODE", "DESTDMP"]
    );
    assert_eq!(stage.pfi.documents().into_values().collect::<Vec<_>>(), [Standing::Current]);
    let oru = Message::parse(&stage.oru.arrived()[1].bytes).unwrap();
    let field = |name: &str, number| oru.segment(name).unwrap().field(number).text();
    assert_eq!((field("ORC", 1), field("OBX", 11)), ("RO".into(), "C".into()));

    // The report says it, and nothing else of it has changed; who asked and why is on record.
    let id = stored["id"].as_str().unwrap();
    let mut now = stage.app.read(&format!("DiagnosticReport/{id}")).await;
    let codes: Vec<&Value> =
        now["meta"]["security"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"]);
    now["meta"] = stored["meta"].clone();
    assert_eq!(now, stored);
    let told = stage.app.search("Provenance", &[("target", &format!("DocumentReference/{document}"))]).await;
    let ours: Vec<&Value> = told.iter().filter(|one| one["reason"][0]["text"] == REASON).collect();
    assert_eq!(ours.len(), 1);
    assert_eq!(ours[0]["agent"][0]["who"]["reference"], PERSON);

    // Again nothing happens; shown, everyone is told once more.
    let again = stage.ask(&document, &asked(&["hide:INVISIBLE_PATIENT"])).await.unwrap();
    assert_eq!(again.kind, Kind::Unchanged);
    stage.change(&document, &["show:INVISIBLE_PATIENT", "show:INVISIBLE_REPRESENTANTS_LEGAUX"]).await;
    stage.rounds(2).await;
    stage.all_delivered().await;
    for name in EACH {
        assert_eq!(stage.acts(name).await, [Act::Provide, Act::Visibility, Act::Visibility], "{name}");
    }
    assert_eq!(stage.masks(), [Vec::<String>::new()]);
    assert_eq!(labels(&described(&stage.mhd)), ["N"]);
    assert_eq!(flags(&stage.pfi.arrived()[2].bytes), ["MODIF_CONF_CODE", "DESTDMP"]);
    assert!(stage.dpi.resources("DiagnosticReport")[0]["meta"].get("security").is_none());
    assert_eq!(stage.dmp.entries().len(), 1, "another version of its metadata, and no other document");
    stage.end().await;
}

#[tokio::test]
async fn an_archived_document_is_put_away_where_that_can_be_said_and_by_a_person_elsewhere() {
    let stage = Stage::new().await;
    let (stored, document) = stage.sign().await;
    stage.rounds(1).await;
    let archived = stage.change(&document, &["archive", "hide:MASQUE_PS"]).await;
    assert!(is_archived(&archived) && archived["status"] == "current", "{archived:#}");
    stage.rounds(3).await;
    stage.all_delivered().await;
    assert_eq!(stage.dmp.entries()[0].status, Some(Status::Archived));
    assert_eq!(stage.masks(), [["MASQUE_PS"]]);
    for peer in [&stage.mhd, &stage.dpi] {
        assert!(is_archived(&described(peer)), "{peer:?}");
        assert_eq!(labels(&described(peer)), ["N", "MASQUE_PS"], "{peer:?}");
    }
    for name in ["dmp", "mhd", "dpi"] {
        assert_eq!(stage.acts(name).await, [Act::Provide, Act::Visibility, Act::Archive], "{name}");
    }
    for name in ["pfi", "oru"] {
        assert_eq!(stage.acts(name).await, [Act::Provide, Act::Visibility], "{name}");
    }
    assert_eq!(stage.tasks("y faire archiver le document").await, 2);

    let proof = interaction::proof_of_document(&stage.app.context, &document).await.unwrap();
    let table = proof.csv();
    let row = |name: &str| table.lines().find(|line| line.contains(name)).unwrap().to_owned();
    assert!(row(",dmp,").contains(",accepté,accepté,,urn:oid:"), "{table}");
    assert!(row(",pfi,").contains(",acquitté,,,urn:oid:"), "{table}");

    // A correction stays hidden and archived, though it says nothing of it, and so it arrives everywhere.
    let mut corrected = signed(&stored, "corrected", "Dose réduite.");
    corrected["meta"].as_object_mut().unwrap().remove("security");
    stage.put(&corrected).await;
    stage.rounds(4).await;
    stage.all_delivered().await;
    let second = stage.document().await;
    let here = stage.app.read(&format!("DocumentReference/{second}")).await;
    assert!(is_archived(&here) && labels(&here) == ["N", "MASQUE_PS"], "{here:#}");
    let statuses: Vec<Option<Status>> = stage.dmp.entries().iter().map(|one| one.status).collect();
    assert_eq!(statuses, [Some(Status::Deprecated), Some(Status::Archived)]);
    assert_eq!(stage.masks(), [["MASQUE_PS"], ["MASQUE_PS"]]);
    assert!(is_archived(&stage.mhd.resources("DocumentReference")[1]));
    let last = stage.pfi.arrived().pop().unwrap();
    assert_eq!(
        (last.kind.as_str(), flags(&last.bytes)),
        ("MDM^T10", vec!["MASQUE_PS".into(), "DESTDMP".into()])
    );

    // Taken out again, and withdrawn from the archive.
    stage.change(&second, &["unarchive"]).await;
    stage.rounds(2).await;
    assert_eq!(stage.dmp.entries()[1].status, Some(Status::Approved));
    assert!(!is_archived(&stage.dpi.resources("DocumentReference")[1]));
    stage.change(&second, &["archive"]).await;
    let mut withdrawn = stage.app.read(&format!("DiagnosticReport/{}", stored["id"].as_str().unwrap())).await;
    withdrawn["status"] = json!("entered-in-error");
    let why = json!({"url": "http://hl7.org/fhir/StructureDefinition/event-statusReason",
        "valueCodeableConcept": {"text": "Mauvais patient."}});
    withdrawn["extension"].as_array_mut().unwrap().push(why);
    stage.put(&withdrawn).await;
    stage.rounds(4).await;
    stage.all_delivered().await;
    assert_eq!(stage.dmp.entries()[1].status, Some(Status::Deleted));
    let last = stage.pfi.arrived().pop().unwrap();
    assert_eq!(
        (last.kind.as_str(), flags(&last.bytes)),
        ("MDM^T04", vec!["MASQUE_PS".into(), "DESTDMP".into()])
    );
    let last = stage.dpi.resources("DocumentReference").remove(1);
    assert_eq!(
        (last["status"].as_str(), labels(&last)),
        (Some("entered-in-error"), vec!["N".into(), "MASQUE_PS".into()])
    );
    assert!(refusal(stage.ask(&second, &asked(&["show:MASQUE_PS"])).await).contains("withdrawn"));
    stage.end().await;
}

#[tokio::test]
async fn a_document_hidden_before_it_leaves_is_never_shown_to_anybody() {
    let stage = Stage::new().await;
    let (stored, first) = stage.sign().await;
    stage.put(&signed(&stored, "corrected", "Dose réduite.")).await;
    let document = stage.document().await;
    assert_ne!(first, document);
    stage.change(&document, &["hide:INVISIBLE_PATIENT"]).await;
    stage.change(&document, &["archive"]).await;
    stage.change(&document, &["hide:INVISIBLE_REPRESENTANTS_LEGAUX"]).await;
    stage.rounds(5).await;

    let masks = ["INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"];
    assert_eq!(stage.masks(), [masks, masks]);
    assert_eq!(stage.dmp.entries()[1].status, Some(Status::Archived));
    for peer in [&stage.mhd, &stage.dpi] {
        for one in peer.resources("DocumentReference") {
            assert_eq!(labels(&one), ["N", masks[0], masks[1]], "{peer:?}");
        }
        let requests = peer.received();
        assert!(requests.iter().all(|one| String::from_utf8_lossy(&one.bytes).contains(masks[1]) || is_archiving(&one.bytes)));
    }
    let arrived = stage.pfi.arrived();
    let kinds: Vec<&str> = arrived.iter().map(|one| one.kind.as_str()).collect();
    assert_eq!(kinds, ["MDM^T02", "MDM^T10"]);
    for one in &arrived {
        assert_eq!(flags(&one.bytes), [masks[0], "INVISIBLE_REP_LEGAUX", "DESTDMP"]);
    }
    let (stopped, sent): (Vec<DeliveryRecord>, Vec<DeliveryRecord>) =
        stage.deliveries().await.into_iter().partition(|one| one.progress.state == State::Stopped);
    assert!(sent.iter().all(|one| one.progress.state == State::Delivered));
    assert!(
        stopped.iter().all(|one| one.attempts.is_empty() && one.progress.stop.as_ref().unwrap().by == PERSON)
    );
    for name in ["dmp", "mhd", "dpi"] {
        let of_it = sent.iter().rev().filter(|one| one.delivery.destination == name);
        let acts: Vec<Act> = of_it.map(|one| one.delivery.act).collect();
        assert_eq!(acts, [Act::Provide, Act::Replace, Act::Archive], "{name}");
    }
    // What was stopped would show it: it does not go any more, whoever asks.
    let one = &stopped[0].delivery;
    let again = interaction::resend(&stage.app.context, &one.id).await.unwrap_err();
    assert_eq!(again.category, Category::Conflict, "{again}");
    stage.end().await;
}

fn is_archiving(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes).contains("\"op\":\"add\"")
}

#[tokio::test]
async fn a_change_never_overtakes_what_may_have_arrived_and_a_lost_answer_is_asked_for_again() {
    let stage = Stage::new().await;
    let (_, document) = stage.sign().await;
    // Every peer has kept the document, and no answer came.
    stage.lose_answers();
    stage.rounds(1).await;
    stage.change(&document, &["hide:MASQUE_PS"]).await;
    for name in EACH {
        assert_eq!(stage.acts(name).await, [Act::Provide, Act::Visibility], "{name}");
    }
    stage.rounds(1).await;
    // And the answers to the change are lost, too.
    stage.pfi.misbehave(MllpFault::Half, 1);
    stage.dmp.misbehave_after(1, Fault::AnswerLost);
    stage.mhd.misbehave(Fault::AnswerLost, 1);
    stage.dpi.misbehave(Fault::Status(503), 1);
    stage.rounds(6).await;
    stage.all_delivered().await;
    assert_eq!(stage.masks(), [["MASQUE_PS"]]);
    assert_eq!(stage.dmp.entries()[0].version.as_deref(), Some("2"), "changed once");
    for peer in [&stage.mhd, &stage.dpi] {
        assert_eq!(labels(&described(peer)), ["N", "MASQUE_PS"], "{peer:?}");
    }
    stage.end().await;
}

#[tokio::test]
async fn it_takes_a_named_person_a_reason_and_a_combination_that_makes_sense() {
    let stage = Stage::new().await;
    let (stored, document) = stage.sign().await;
    let check = async |change: fn(&mut Vec<Value>), text: &str| {
        let mut body = asked(&["hide:MASQUE_PS"]);
        change(body["parameter"].as_array_mut().unwrap());
        let told = refusal(stage.ask(&document, &body).await);
        assert!(told.contains(text), "{text}: {told}");
    };
    check(|parts| parts.retain(|one| one["name"] != "by"), "'by' names who asks").await;
    check(|parts| parts[1]["valueReference"]["reference"] = json!("Practitioner/nobody"), "'by' names").await;
    check(|parts| parts[1]["valueReference"]["reference"] = json!("Patient/test-folfox"), "'by' names").await;
    check(|parts| parts[2]["valueString"] = json!("  "), "'reason' says why").await;
    check(|parts| parts.retain(|one| one["name"] != "hide"), "nothing is asked").await;
    check(|parts| parts[0]["valueCode"] = json!("N"), "MASQUE_PS, INVISIBLE_PATIENT").await;
    check(|parts| parts.push(json!({"name": "show", "valueCode": "MASQUE_PS"})), "both hidden").await;
    check(|parts| parts.push(json!({"name": "until", "valueDate": "2027-01-01"})), "unknown parameter").await;
    check(|parts| parts.push(json!({"name": "archived", "valueString": "yes"})), "'archived'").await;
    check(
        |parts| parts.push(json!({"name": "hide", "valueCode": "INVISIBLE_PATIENT"})),
        "exclude each other",
    )
    .await;
    stage.change(&document, &["hide:INVISIBLE_PATIENT"]).await;
    let told = refusal(stage.ask(&document, &asked(&["hide:MASQUE_PS"])).await);
    assert!(told.contains("exclude each other"), "{told}");
    let mut corrected = signed(&stored, "corrected", "Dose réduite.");
    corrected["meta"]["security"] = json!([{"code": "MASQUE_PS"}]);
    let told = refusal(stage.app.put(&corrected).await);
    assert!(told.contains("exclude each other"), "{told}");
    let unknown = stage.ask("no-such", &asked(&["archive"])).await.unwrap_err();
    assert_eq!(unknown.category, Category::NotFound);
    stage.put(&signed(&stored, "corrected", "Dose réduite.")).await;
    let told = refusal(stage.ask(&document, &asked(&["archive"])).await);
    assert!(told.contains(&format!("DocumentReference/{}: ask it there", stage.document().await)), "{told}");
    stage.end().await;
}

#[tokio::test]
async fn a_description_is_changed_in_no_way_that_its_recipients_are_not_told_of() {
    let stage = Stage::new().await;
    let (_, document) = stage.sign().await;
    let stored = stage.app.read(&format!("DocumentReference/{document}")).await;
    let check = async |name: &str, value: Value, text: &str| {
        let mut changed = stored.clone();
        changed[name] = value.clone();
        let told = refusal(stage.app.put(&changed).await);
        assert!(told.contains(text), "{name}: {told}");
        let op = if stored.get(name).is_some() { "replace" } else { "add" };
        let patch = Patch::Json(json!([{"op": op, "path": format!("/{name}"), "value": value}]));
        let told = refusal(
            interaction::patch(&stage.app.context, "DocumentReference", &document, &patch, None).await,
        );
        assert!(told.contains(text), "{name}: {told}");
    };
    let operation = format!("POST /DocumentReference/{document}/$visibility");
    let label = json!([{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}]);
    check("status", json!("superseded"), "withdraw its report").await;
    check("status", json!("entered-in-error"), "withdraw its report").await;
    check("securityLabel", label, &operation).await;
    let archived = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived";
    check("extension", json!([{"url": archived, "valueBoolean": true}]), &operation).await;
    check("date", json!("2026-01-01T00:00:00Z"), "correct the report").await;
    assert_eq!(stage.app.put(&stored).await.unwrap().kind, Kind::Unchanged);
    assert!(stage.deliveries().await.iter().all(|one| one.delivery.act == Act::Provide));
    stage.end().await;
}

#[tokio::test]
async fn several_at_once_are_decided_one_after_the_other_and_none_is_lost() {
    let stage = Stage::new().await;
    let (_, document) = stage.sign().await;
    stage.rounds(1).await;
    let (one, other) = (asked(&["hide:INVISIBLE_PATIENT"]), asked(&["hide:INVISIBLE_REPRESENTANTS_LEGAUX"]));
    let archive = asked(&["archive"]);
    let answers = tokio::join!(
        stage.ask(&document, &one),
        stage.ask(&document, &other),
        stage.ask(&document, &archive),
        stage.ask(&document, &one)
    );
    for answer in [answers.0, answers.1, answers.2, answers.3] {
        assert!(answer.is_ok(), "{answer:?}");
    }
    let now = stage.app.read(&format!("DocumentReference/{document}")).await;
    assert_eq!(labels(&now).len(), 3);
    assert!(is_archived(&now));
    stage.rounds(5).await;
    stage.all_delivered().await;
    assert_eq!(stage.masks()[0].len(), 2);
    assert_eq!(stage.dmp.entries()[0].status, Some(Status::Archived));
    stage.end().await;
}
