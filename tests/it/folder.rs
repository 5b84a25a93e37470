//! A folder as a destination, from the signed report to what an engine finds there: first document, replacement,
//! withdrawal, and a share that comes and goes. With `FOLDER_FOLDER` the files stay there, for `tests/documents`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use vigie::clock::{Clock, SystemIds};
use vigie::connector::{Connectors, FileDrop};
use vigie::delivery::Courier;
use vigie::interaction::{Destination, DestinationKind};
use vigie::json::{Value, json};
use vigie::outbox::{Outcome, State};
use vigie::report::folder::{Layout, Notice, Pattern};
use vigie::report::hl7v2::Kind;
use vigie::sandbox::{FolderFault, folder as engine};
use vigie::store::{DeliveryFilter, DeliveryRecord};

use crate::support::{App, Course, body, peer};

fn layout() -> Layout {
    Layout {
        name: Pattern::parse("{date}-v{version}-{act}-{document}").unwrap(),
        cda: true,
        pdf: true,
        message: Some(Box::new(peer::route(Kind::Mdm, false))),
        xdm: true,
        marker: Some("ok".to_owned()),
    }
}

struct Stage {
    app: App,
    courier: Courier,
    report: Value,
}

impl Stage {
    async fn new(folder: &Path) -> Self {
        let mut app = App::new().await;
        app.context.settings.destinations =
            vec![Destination::new("partage", DestinationKind::Folder(Box::new(layout())))];
        let mut connectors = Connectors::new();
        connectors.insert("partage".to_owned(), Arc::new(FileDrop::new(folder, false, Arc::new(SystemIds))));
        let limits = peer::limits(60, 30_000);
        let clock = Arc::clone(&app.clock) as Arc<dyn Clock>;
        let courier =
            Courier::new(Arc::clone(&app.context.store), connectors, clock, Arc::new(SystemIds), limits);
        let course = Course::start(&app, "folfox").await;
        app.at("2026-03-02T09:13:00+01:00");
        app.submit(&course.week("1")).await.unwrap();
        let mut report = app.search("DiagnosticReport", &[]).await.remove(0);
        report["status"] = json!("final");
        report["conclusion"] = json!("Bonne tolérance.");
        report["resultsInterpreter"] = json!([{"reference": "PractitionerRole/oncologue-test"}]);
        Self { app, courier, report }
    }

    async fn put(&self, at: &str, report: &Value) -> Value {
        self.app.at(at);
        let stored = body(&self.app.put(report).await.unwrap_or_else(|problem| panic!("{problem}")));
        self.courier.step().await.unwrap();
        stored
    }

    async fn deliveries(&self) -> Vec<DeliveryRecord> {
        self.app.context.store.deliveries(&DeliveryFilter::default()).await.unwrap()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn kept() -> (PathBuf, Option<tempfile::TempDir>) {
    match std::env::var_os("FOLDER_FOLDER") {
        Some(folder) => (folder.into(), None),
        None => {
            let folder = tempfile::tempdir().unwrap();
            (folder.path().to_owned(), Some(folder))
        }
    }
}

#[tokio::test]
async fn a_folder_gets_first_document_replacement_and_withdrawal() {
    let (folder, _kept) = kept();
    let stage = Stage::new(&folder).await;
    let first = stage.put("2026-03-03T10:00:00+01:00", &stage.report).await;
    let mut corrected = first.clone();
    corrected["status"] = json!("corrected");
    corrected["conclusion"] = json!("Dose réduite.");
    let corrected = stage.put("2026-03-04T10:00:00+01:00", &corrected).await;
    let mut withdrawn = corrected.clone();
    withdrawn["status"] = json!("entered-in-error");
    withdrawn["extension"].as_array_mut().unwrap().push(json!({
        "url": "http://hl7.org/fhir/StructureDefinition/event-statusReason",
        "valueCodeableConcept": {"text": "Rédigé pour un autre patient."},
    }));
    stage.put("2026-03-05T10:00:00+01:00", &withdrawn).await;
    for record in stage.deliveries().await {
        assert_eq!(record.progress.state, State::Delivered, "{:?}", record.attempts);
    }
    let names = names(&folder);
    let of = |start: &str| {
        let of_it = names.iter().filter(|name| name.starts_with(start));
        of_it.map(|name| name.rsplit('.').next().unwrap().to_owned()).collect::<Vec<String>>()
    };
    assert_eq!(of("20260303-v1-provide-2.25."), ["hl7", "ok", "pdf", "xml", "zip"]);
    assert_eq!(of("20260304-v2-replace-2.25."), ["hl7", "ok", "pdf", "xml", "zip"]);
    assert_eq!(of("20260305-v2-withdraw-2.25."), ["hl7", "json", "ok"]);
    assert_eq!(names.len(), 13, "nothing hidden is left: {names:?}");
    let read = |end: &str| {
        let name = names.iter().find(|name| name.ends_with(end) && name.contains("withdraw")).unwrap();
        std::fs::read(folder.join(name)).unwrap()
    };
    assert!(String::from_utf8(read(".hl7")).unwrap().contains("MDM^T04^MDM_T02"));
    let notice: Notice = serde_json::from_slice(&read(".json")).unwrap();
    assert!(notice.files.iter().all(|name| names.contains(name)) && notice.files.len() == 5, "{notice:?}");
    let description =
        stage.app.search("DocumentReference", &[("status", "entered-in-error")]).await.remove(0);
    assert_eq!(description["masterIdentifier"]["value"], notice.document.as_str());
}

#[tokio::test]
async fn a_share_that_is_not_mounted_is_waited_for_and_never_made() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("share");
    let stage = Stage::new(&folder).await;
    stage.put("2026-03-03T10:00:00+01:00", &stage.report).await;
    let record = stage.deliveries().await.remove(0);
    let Outcome::Unreachable { reason } = &record.attempts[0].outcome else {
        panic!("{:?}", record.attempts)
    };
    assert!(reason.contains("the folder is not there") && !folder.exists(), "{reason}");
    std::fs::create_dir(&folder).unwrap();
    stage.app.at("2026-03-03T10:05:00+01:00");
    stage.courier.step().await.unwrap();
    assert_eq!(stage.deliveries().await[0].progress.state, State::Delivered);
    assert_eq!(names(&folder).len(), 5);
}

#[tokio::test]
async fn an_engine_that_is_slow_hasty_or_loses_its_share_takes_everything_in_the_end() {
    let pause = Duration::from_millis(300);
    for fault in [FolderFault::Slow(pause), FolderFault::Hasty, FolderFault::Vanish(pause)] {
        let place = tempfile::tempdir().unwrap();
        let share = place.path().join("share");
        let engine = engine::start(&share, "ok").unwrap();
        engine.misbehave(fault, 1);
        let stage = Stage::new(&share).await;
        stage.put("2026-03-03T10:00:00+01:00", &stage.report).await;
        let mut found = std::collections::BTreeSet::new();
        for minute in 1..200 {
            stage.app.at(&format!("2026-03-03T{}:{:02}:00+01:00", 11 + minute / 60, minute % 60));
            stage.courier.step().await.unwrap();
            let taken = engine.taken();
            assert!(taken.iter().all(|one| one.issues.is_empty()), "{fault:?}: {taken:?}");
            found.extend(taken.into_iter().flat_map(|one| one.files));
            if found.len() == 5 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        assert_eq!(found.len(), 5, "{fault:?}: {found:?}");
        assert_eq!(stage.deliveries().await[0].progress.state, State::Delivered, "{fault:?}");
        engine.stop().await;
    }
}
