//! Taking a final report back: one transaction here, and every destination that has any version of its document is told,
//! in its own way, after whatever is still under way to it (issue 4, points 3 to 6 and 8).

use vigie::hl7v2::Message;
use vigie::interaction::{self, Destination, DestinationKind, Kind, Publication};
use vigie::json::{Value, json};
use vigie::outbox::{Act, State};
use vigie::problem::{Category, Problem};
use vigie::sandbox::{Fault, MllpFault, Standing};
use vigie::xds::Status;

use crate::support::{Stage, signed};

const STATUS_REASON: &str = "http://hl7.org/fhir/StructureDefinition/event-statusReason";
const REASON: &str = "Compte rendu rédigé pour un autre patient.";

fn withdrawn(report: &Value) -> Value {
    let mut report = report.clone();
    report["status"] = json!("entered-in-error");
    let reason = json!({"url": STATUS_REASON, "valueCodeableConcept": {"text": REASON}});
    match report["extension"].as_array_mut() {
        Some(extensions) => extensions.push(reason),
        None => report["extension"] = json!([reason]),
    }
    report
}

fn refusal(answer: Result<interaction::Answer, Problem>) -> Problem {
    let problem = answer.expect_err("it was taken");
    assert!(matches!(problem.category, Category::Invalid | Category::Conflict), "{problem}");
    problem
}

#[tokio::test]
async fn a_withdrawn_report_is_withdrawn_at_every_destination_and_nowhere_twice() {
    let stage = Stage::new().await;
    let stored = stage.put(&signed(&stage.report, "final", "Bonne tolérance.")).await;
    stage.rounds(1).await;
    let taken_back = stage.put(&withdrawn(&stored)).await;
    assert_eq!(taken_back["status"], "entered-in-error");
    assert_eq!(
        (&taken_back["issued"], &taken_back["presentedForm"]),
        (&stored["issued"], &stored["presentedForm"])
    );
    let div = taken_back["text"]["div"].as_str().unwrap();
    assert!(
        div.contains("COMPTE RENDU RETIRÉ") && div.contains(REASON) && div.contains("Bonne tolérance"),
        "{div}"
    );
    let description = stage.app.search("DocumentReference", &[]).await.remove(0);
    assert_eq!(description["status"], "entered-in-error");
    let id = taken_back["id"].as_str().unwrap();
    let told = stage.app.search("Provenance", &[("target", &format!("DiagnosticReport/{id}"))]).await;
    let nullified: Vec<&Value> =
        told.iter().filter(|one| one["activity"]["coding"][0]["code"] == "NULLIFY").collect();
    assert_eq!(nullified.len(), 1);
    assert_eq!(nullified[0]["agent"][0]["who"]["reference"], "PractitionerRole/oncologue-test");
    assert_eq!(nullified[0]["reason"][0]["text"], REASON);

    stage.rounds(3).await;
    for record in stage.deliveries().await {
        assert_eq!(record.progress.state, State::Delivered, "{record:?} {:?}", record.attempts);
    }
    let standing: Vec<Standing> = stage.pfi.documents().into_values().collect();
    assert_eq!(standing, [Standing::Deleted]);
    let kinds: Vec<String> = stage.pfi.arrived().into_iter().map(|one| one.kind).collect();
    assert_eq!(kinds, ["MDM^T02", "MDM^T04"]);
    let oru = stage.oru.arrived();
    let last = Message::parse(&oru[1].bytes).unwrap();
    let field = |name: &str, number| last.segment(name).unwrap().field(number).text();
    assert_eq!(
        (oru[1].kind.as_str(), field("ORC", 1), field("OBX", 11)),
        ("ORU^R01", "CA".into(), "D".into())
    );
    assert_eq!(stage.dmp.entries().iter().map(|one| one.status).collect::<Vec<_>>(), [Some(Status::Deleted)]);
    assert_eq!(Stage::statuses(&stage.mhd), ["entered-in-error"]);
    assert_eq!(Stage::statuses(&stage.dpi), ["entered-in-error"]);
    assert_eq!(stage.dpi.resources("DiagnosticReport")[0]["status"], "entered-in-error");
    let document = description["id"].as_str().unwrap();
    let proof = interaction::proof_of_document(&stage.app.context, document).await;
    let proof: Value =
        serde_json::from_slice(&proof.map(|proof| proof.parameters()).unwrap().unwrap()).unwrap();
    let rows = proof["parameter"].as_array().unwrap().iter().filter(|one| one["name"] == "row");
    let states: Vec<&Value> = rows.map(|row| &row["part"][3]["valueCoding"]["display"]).collect();
    assert_eq!(states, vec!["supprimé"; 5], "{proof:#}");

    // Again, by PUT and as it was stored: nothing more happens.
    let (sent, versions) = (stage.deliveries().await.len(), stage.app.count(&["Provenance", "Task"]).await);
    for again in [withdrawn(&stored), taken_back] {
        stage.later();
        assert_eq!(stage.app.put(&again).await.unwrap().kind, Kind::Unchanged);
    }
    assert_eq!(stage.deliveries().await.len(), sent);
    assert_eq!(stage.app.count(&["Provenance", "Task"]).await, versions);
    stage.end().await;
}

#[tokio::test]
async fn what_is_still_under_way_goes_first_and_the_withdrawal_after_it() {
    let stage = Stage::new().await;
    let stored = stage.put(&signed(&stage.report, "final", "Bonne tolérance.")).await;
    // The first answers are lost after the peers have kept what they were sent; the correction has not left.
    stage.lose_answers();
    stage.rounds(1).await;
    let corrected = stage.put(&signed(&stored, "corrected", "Dose réduite.")).await;
    stage.put(&withdrawn(&corrected)).await;
    stage.rounds(8).await;
    for name in ["pfi", "oru", "dmp", "mhd", "dpi"] {
        assert_eq!(stage.acts(name).await, [Act::Provide, Act::Replace, Act::Withdraw], "{name}");
    }
    for record in stage.deliveries().await {
        // Nobody needs a correction of what is taken back.
        let expected = if record.delivery.act == Act::Replace { State::Stopped } else { State::Delivered };
        assert_eq!(record.progress.state, expected, "{record:?} {:?}", record.attempts);
    }
    let standing: Vec<Standing> = stage.pfi.documents().into_values().collect();
    assert_eq!(standing, [Standing::Deleted]);
    let statuses: Vec<Option<Status>> = stage.dmp.entries().iter().map(|one| one.status).collect();
    assert_eq!(statuses, [Some(Status::Deleted)]);
    for peer in [&stage.mhd, &stage.dpi] {
        assert_eq!(Stage::statuses(peer), ["entered-in-error"], "{peer:?}");
    }
    let here = stage.app.search("DocumentReference", &[("_sort", "date")]).await;
    let here: Vec<&str> = here.iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(here, ["superseded", "entered-in-error"]);
    stage.end().await;
}

#[tokio::test]
async fn a_lost_answer_to_a_withdrawal_is_asked_for_again() {
    let stage = Stage::new().await;
    let stored = stage.put(&signed(&stage.report, "final", "Bonne tolérance.")).await;
    stage.rounds(1).await;
    stage.put(&withdrawn(&stored)).await;
    stage.pfi.misbehave(MllpFault::AnswerLost, 1);
    stage.oru.misbehave(MllpFault::Half, 1);
    stage.dmp.misbehave(Fault::AnswerLost, 2);
    stage.mhd.misbehave(Fault::AnswerLost, 1);
    stage.dpi.misbehave(Fault::Status(503), 1);
    stage.rounds(6).await;
    for record in stage.deliveries().await {
        assert_eq!(record.progress.state, State::Delivered, "{record:?} {:?}", record.attempts);
    }
    assert_eq!(stage.pfi.documents().into_values().collect::<Vec<_>>(), [Standing::Deleted]);
    assert_eq!(stage.dmp.entries()[0].status, Some(Status::Deleted));
    assert_eq!(Stage::statuses(&stage.mhd), ["entered-in-error"]);
    stage.end().await;
}

#[tokio::test]
async fn it_takes_a_named_person_a_reason_and_nothing_else() {
    let stage = Stage::new().await;
    let stored = stage.put(&signed(&stage.report, "final", "Bonne tolérance.")).await;
    let check = async |change: fn(&mut Value), place: &str| {
        let mut asked = withdrawn(&stored);
        change(&mut asked);
        let problem = refusal(stage.app.put(&asked).await);
        let places: Vec<_> = problem.issues.iter().filter_map(|issue| issue.expression.as_deref()).collect();
        assert_eq!(places, [place], "{problem}");
    };
    check(|asked| asked["extension"] = json!([]), "DiagnosticReport.extension").await;
    check(
        |asked| {
            asked["extension"] =
                json!([{"url": STATUS_REASON, "valueCodeableConcept": {"coding": [{"code": "x"}]}}])
        },
        "DiagnosticReport.extension",
    )
    .await;
    check(|asked| asked["conclusion"] = json!("Autre."), "DiagnosticReport").await;
    check(
        |asked| {
            asked["resultsInterpreter"] = json!([]);
            asked.as_object_mut().unwrap().remove("performer");
        },
        "DiagnosticReport.resultsInterpreter",
    )
    .await;
    let mut cancelled = stored.clone();
    cancelled["status"] = json!("cancelled");
    let problem = refusal(stage.app.put(&cancelled).await);
    assert!(problem.to_string().contains("not made or not completed"), "{problem}");
    let id = stored["id"].as_str().unwrap();
    let deletion = interaction::delete(&stage.app.context, "DiagnosticReport", id, None).await;
    assert!(refusal(deletion).to_string().contains("entered-in-error"));
    assert_eq!(stage.app.read(&format!("DiagnosticReport/{id}")).await["status"], "final");
    assert!(stage.deliveries().await.iter().all(|record| record.delivery.act == Act::Provide));
    stage.end().await;
}

#[tokio::test]
async fn a_withdrawn_report_never_comes_back() {
    let stage = Stage::new().await;
    let stored = stage.put(&signed(&stage.report, "final", "Bonne tolérance.")).await;
    let taken_back = stage.put(&withdrawn(&stored)).await;
    for status in ["final", "corrected", "amended", "preliminary", "cancelled"] {
        let mut back = taken_back.clone();
        back["status"] = json!(status);
        let problem = refusal(stage.app.put(&back).await);
        assert!(problem.to_string().contains("write a new report"), "{status}: {problem}");
    }
    let mut other = taken_back.clone();
    other["conclusion"] = json!("Autre.");
    refusal(stage.app.put(&other).await);
    let id = stored["id"].as_str().unwrap();
    refusal(interaction::delete(&stage.app.context, "DiagnosticReport", id, None).await);
    for form in stored["presentedForm"].as_array().unwrap() {
        let (_, binary) = form["url"].as_str().unwrap().split_once('/').unwrap();
        refusal(interaction::delete(&stage.app.context, "Binary", binary, None).await);
    }
    stage.end().await;
}

#[tokio::test]
async fn a_patch_withdraws_as_well_and_one_of_several_at_once_wins() {
    let stage = Stage::new().await;
    let stored = stage.put(&signed(&stage.report, "final", "Bonne tolérance.")).await;
    stage.rounds(1).await;
    let id = stored["id"].as_str().unwrap();
    let reason = json!({"url": STATUS_REASON, "valueCodeableConcept": {"text": REASON}});
    let patch = interaction::Patch::Json(json!([
        {"op": "replace", "path": "/status", "value": "entered-in-error"},
        {"op": "add", "path": "/extension/-", "value": reason},
    ]));
    stage.later();
    let once = || interaction::patch(&stage.app.context, "DiagnosticReport", id, &patch, Some(2));
    let answers = tokio::join!(once(), once(), once());
    let answers = [answers.0, answers.1, answers.2];
    assert_eq!(
        answers.iter().filter(|one| one.as_ref().is_ok_and(|one| one.kind == Kind::Updated)).count(),
        1
    );
    for name in ["pfi", "oru", "dmp", "mhd", "dpi"] {
        assert_eq!(stage.acts(name).await, [Act::Provide, Act::Withdraw], "{name}");
    }
    stage.end().await;
}

#[tokio::test]
async fn those_who_have_it_are_told_though_nothing_is_routed_to_them_any_more() {
    let mut stage = Stage::new().await;
    let stored = stage.put(&signed(&stage.report, "final", "Bonne tolérance.")).await;
    stage.rounds(1).await;
    // The platform takes other programmes by now, the record is gone, and another peer has its name.
    let destinations = &mut stage.app.context.settings.destinations;
    destinations[0].takes.programmes = vec!["https://elsewhere.example/programme".to_owned()];
    destinations.retain(|one| one.name != "dpi" && one.name != "oru");
    destinations.push(Destination::new("oru", DestinationKind::Fhir));
    let corrected = stage.put(&signed(&stored, "corrected", "Dose réduite.")).await;
    assert_eq!(stage.acts("pfi").await, [Act::Provide, Act::Replace]);
    assert_eq!(stage.acts("oru").await, [Act::Provide, Act::Provide], "another peer, and its first document");
    let told = |tasks: Vec<Value>, what: &str| {
        let of_it = |task: &&Value| task["description"].as_str().is_some_and(|text| text.contains(what));
        tasks.iter().filter(of_it).count()
    };
    let tasks = async || stage.app.search("Task", &[("code", "relecture-humaine")]).await;
    assert_eq!(told(tasks().await, "« dpi » (fhir), qui en détient un exemplaire"), 1);
    assert_eq!(told(tasks().await, "« oru » (mllp), qui en détient un exemplaire"), 1);
    stage.put(&withdrawn(&corrected)).await;
    assert_eq!(stage.acts("pfi").await, [Act::Provide, Act::Replace, Act::Withdraw]);
    assert_eq!(stage.acts("dpi").await, [Act::Provide]);
    assert_eq!(told(tasks().await, "a été retiré. La destination « dpi »"), 1);
    stage.rounds(4).await;
    assert!(stage.pfi.documents().into_values().any(|one| one == Standing::Deleted));
    stage.end().await;
}

#[tokio::test]
async fn a_destination_gets_its_first_version_as_a_first_and_replaces_what_it_has() {
    let mut stage = Stage::new().await;
    let all = std::mem::take(&mut stage.app.context.settings.destinations);
    let platform = all.iter().filter(|one| one.name == "pfi").cloned().collect();
    stage.app.context.settings.destinations = platform;
    let first = stage.put(&signed(&stage.report, "final", "Un.")).await;
    stage.rounds(1).await;
    // The second version never reaches the platform: a person stops it.
    let second = stage.put(&signed(&first, "corrected", "Deux.")).await;
    let waiting = stage.deliveries().await.remove(0).delivery;
    interaction::stop(&stage.app.context, &waiting.id, "ide-1", "à ne pas envoyer").await.unwrap();
    stage.app.context.settings.destinations = all;
    stage.put(&signed(&second, "corrected", "Trois.")).await;
    stage.rounds(2).await;
    let arrived = stage.pfi.arrived();
    let replaced = Message::parse(&arrived[1].bytes).unwrap().segment("TXA").unwrap().field(13).text();
    let had = Message::parse(&arrived[0].bytes).unwrap().segment("TXA").unwrap().field(12).text();
    assert_eq!(
        (arrived[1].kind.as_str(), &replaced),
        ("MDM^T10", &had),
        "what the platform has, not what it never got"
    );
    for name in ["oru", "dmp", "mhd", "dpi"] {
        assert_eq!(stage.acts(name).await, [Act::Provide], "{name}");
    }
    for record in stage.deliveries().await {
        let expected = if record.delivery.id == waiting.id { State::Stopped } else { State::Delivered };
        assert_eq!(record.progress.state, expected, "{record:?} {:?}", record.attempts);
    }
    stage.end().await;
}

#[tokio::test]
async fn a_document_that_was_published_alone_is_replaced_and_withdrawn_likewise() {
    let mut stage = Stage::new().await;
    let destinations = &mut stage.app.context.settings.destinations;
    destinations.retain(|one| one.name == "mhd");
    destinations[0].kind = DestinationKind::Mhd(Publication::Simplified);
    let stored = stage.put(&signed(&stage.report, "final", "Bonne tolérance.")).await;
    stage.rounds(1).await;
    assert_eq!(Stage::statuses(&stage.mhd), ["current"]);
    let corrected = stage.put(&signed(&stored, "corrected", "Dose réduite.")).await;
    stage.rounds(2).await;
    assert_eq!(Stage::statuses(&stage.mhd), ["superseded", "current"]);

    // The answers to the withdrawal are lost, broken, or none of it: it is asked for again, and done once.
    stage.put(&withdrawn(&corrected)).await;
    stage.mhd.misbehave(Fault::AnswerLost, 1);
    stage.rounds(1).await;
    stage.mhd.misbehave(Fault::Gibberish, 1);
    stage.rounds(1).await;
    stage.mhd.misbehave(Fault::Status(503), 1);
    stage.rounds(5).await;
    assert_eq!(stage.acts("mhd").await, [Act::Provide, Act::Replace, Act::Withdraw]);
    for record in stage.deliveries().await {
        assert_eq!(record.progress.state, State::Delivered, "{record:?} {:?}", record.attempts);
    }
    assert_eq!(Stage::statuses(&stage.mhd), ["superseded", "entered-in-error"]);
    let kept = stage.mhd.resources("DocumentReference").remove(1);
    assert_eq!(kept["meta"]["versionId"], "2", "changed once");
    let requests = stage.mhd.received();
    let change: Value = serde_json::from_slice(&requests.last().unwrap().bytes).unwrap();
    assert_eq!(change, json!([{"op": "replace", "path": "/status", "value": "entered-in-error"}]));
    let last = stage.deliveries().await.remove(0);
    let transaction = vigie::audit::Transaction::of(&last.delivery).unwrap();
    assert_eq!(transaction.code(), "patch");

    // A recipient that wants another status for it gets that.
    stage.end().await;
    let mut stage = Stage::new().await;
    let destinations = &mut stage.app.context.settings.destinations;
    destinations.retain(|one| one.name == "mhd");
    destinations[0].kind = DestinationKind::Mhd(Publication::Simplified);
    destinations[0].withdrawn_as = "superseded";
    let stored = stage.put(&signed(&stage.report, "final", "Bonne tolérance.")).await;
    // It may have arrived, and no answer came: both go, in their order.
    stage.mhd.misbehave(Fault::AnswerLost, 1);
    stage.rounds(1).await;
    stage.put(&withdrawn(&stored)).await;
    stage.rounds(3).await;
    assert_eq!(stage.acts("mhd").await, [Act::Provide, Act::Withdraw]);
    assert_eq!(Stage::statuses(&stage.mhd), ["superseded"]);
    stage.end().await;
}
