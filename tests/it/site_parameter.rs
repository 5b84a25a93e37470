//! A site's own `SearchParameter`, from its file to what it finds (R4 `searchparameter.html`): the real binary indexes by
//! its expression, declares it, and indexes anew what is stored when the expression has changed, killed meanwhile or not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, OptionalExtension};
use vigie::json::{Value, json};
use vigie::store::sqlite::{self, Options};
use vigie::store::{Committed, Expect, Store, Unit, Write};

use crate::process::Service;

const URL: &str = "https://hospital.example/fhir/SearchParameter/task-reason";
/// Enough that indexing anew takes many pieces.
const TASKS: usize = 3_000;

/// A folder with the shipped profiles, the site's own, and the store.
pub(crate) struct Site(tempfile::TempDir);

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
        fs::create_dir_all(folder.path().join("profiles/site")).unwrap();
        std::os::unix::fs::symlink(shipped, folder.path().join("profiles/shipped")).unwrap();
        Self(folder)
    }

    pub(crate) fn put(&self, parameter: &Value) {
        let path = self.0.path().join("profiles/site/task-reason.json");
        fs::write(path, serde_json::to_vec(parameter).unwrap()).unwrap();
    }

    fn store(&self) -> PathBuf {
        self.0.path().join("store.sqlite")
    }

    fn start(&self) -> Service {
        self.start_on(&format!("sqlite:{}", self.store().display()))
    }

    /// The service with the site's profiles, over any store.
    pub(crate) fn start_on(&self, database: &str) -> Service {
        let profiles = self.0.path().join("profiles");
        Service::start_on(database, &[("VIGIE_PROFILES", profiles.to_str().unwrap())])
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
        command
            .arg("serve")
            .env("VIGIE_LISTEN", "127.0.0.1:0")
            .env("VIGIE_DATABASE", format!("sqlite:{}", self.store().display()))
            .env("VIGIE_PROFILES", self.0.path().join("profiles"))
            .env("VIGIE_LOG_LEVEL", "error")
            .stdout(Stdio::null());
        command
    }

    /// How far indexing anew has come; nothing when none is under way.
    fn reached(&self) -> Option<i64> {
        let conn = Connection::open_with_flags(self.store(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        conn.busy_timeout(Duration::from_secs(5)).unwrap();
        conn.query_row("SELECT rid FROM reindex", [], |row| row.get(0)).optional().unwrap()
    }
}

pub(crate) fn parameter(expression: &str) -> Value {
    json!({"resourceType": "SearchParameter", "id": "task-reason", "url": URL, "version": "1", "name": "TaskReason",
        "status": "active", "description": "Finds tasks by the reason that the site notes.", "code": "reason",
        "base": ["Task"], "type": "token", "expression": expression, "modifier": ["missing", "not", "text"]})
}

fn task(id: &str) -> Value {
    json!({"resourceType": "Task", "id": id, "status": "requested", "intent": "order",
        "reasonCode": {"coding": [{"system": "https://hospital.example/reasons", "code": "fever", "display": "Fièvre"}]},
        "statusReason": {"coding": [{"system": "https://hospital.example/reasons", "code": "late"}]}})
}

/// How many are found, once what is stored is indexed; other searches are answered meanwhile.
pub(crate) async fn total(service: &Service, text: &str) -> u64 {
    for _ in 0..1_200 {
        let (status, bundle) = service.get(&format!("/Task?{text}&_total=accurate")).await;
        match status {
            200 => return bundle["total"].as_u64().unwrap(),
            503 => assert_eq!(service.get("/Task?status=requested&_count=1").await.0, 200),
            _ => panic!("{status}: {bundle:#}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("indexing anew takes less than a minute")
}

#[tokio::test]
async fn a_site_adds_a_parameter_as_a_file_and_changes_it() {
    let site = Site::new();
    let service = Service::start(&site.store());
    service.put(&task("t1")).await;
    assert_eq!(service.get("/Task?reason=fever").await.0, 400);
    assert!(service.terminate().success());

    site.put(&parameter("Task.reasonCode"));
    let service = site.start();
    service.put(&task("t2")).await;
    assert_eq!(total(&service, "reason=fever").await, 2);
    assert_eq!(total(&service, "reason=https://hospital.example/reasons|fever&_sort=-reason").await, 2);
    assert_eq!(total(&service, "reason:text=fiev").await, 2);
    assert_eq!(total(&service, "reason=late").await, 0);
    let (_, statement) = service.get("/metadata").await;
    let resources = statement["rest"][0]["resource"].as_array().unwrap();
    let tasks = resources.iter().find(|one| one["type"] == "Task").unwrap();
    let declared =
        tasks["searchParam"].as_array().unwrap().iter().find(|one| one["name"] == "reason").unwrap();
    assert_eq!(*declared, json!({"name": "reason", "definition": URL, "type": "token"}));
    assert!(service.terminate().success());

    site.put(&parameter("Task.statusReason"));
    let service = site.start();
    assert_eq!(total(&service, "reason=late").await, 2);
    assert_eq!(total(&service, "reason=fever").await, 0);
    assert_eq!(total(&service, "reason:text=fiev").await, 0);
    assert!(service.terminate().success());

    let mut retired = parameter("Task.statusReason");
    retired["status"] = json!("retired");
    site.put(&retired);
    let service = site.start();
    assert_eq!(service.get("/Task?reason=late").await.0, 400);
}

#[tokio::test]
async fn indexing_anew_goes_on_where_a_kill_ended_it() {
    let site = Site::new();
    fill(&site.store()).await;
    site.put(&parameter("Task.reasonCode"));
    // It indexes while it starts: nobody waits until it listens.
    let mut child = site.command().spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let reached = loop {
        match site.reached() {
            Some(rid) if rid > 0 => break rid,
            _ if Instant::now() > deadline => panic!("it was never seen at work: {TASKS} tasks are too few"),
            _ => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    };
    child.kill().unwrap();
    child.wait().unwrap();
    let left = site.reached().expect("a place to go on from");
    assert!(left >= reached, "{left} after {reached}");
    let mut child = site.command().spawn().unwrap();
    let went_on = loop {
        match site.reached() {
            Some(rid) if rid == left => tokio::time::sleep(Duration::from_millis(1)).await,
            other => break other,
        }
    };
    assert!(went_on.is_none_or(|rid| rid > left), "{went_on:?} after {left}");
    child.kill().unwrap();
    child.wait().unwrap();
    let service = site.start();
    assert_eq!(total(&service, "reason=fever").await, TASKS as u64);
    assert_eq!(site.reached(), None);
    assert!(service.terminate().success());
}

#[tokio::test]
async fn a_service_whose_definitions_are_being_indexed_anew_begins_when_they_are_found() {
    let site = Site::new();
    fill(&site.store()).await;
    assert!(site.start().terminate().success());
    // As if another version had read every parameter otherwise.
    let changed =
        Connection::open(site.store()).unwrap().execute("UPDATE indexed SET reading = reading + 1", []);
    assert!(changed.unwrap() > 0);
    let service = site.start();
    assert_eq!(total(&service, "status=requested").await, TASKS as u64);
    assert_eq!(site.reached(), None);
    assert!(service.terminate().success());
}

/// Tasks that a version of the service without the site's parameter would have stored.
async fn fill(path: &Path) {
    fill_store(&sqlite::open(path, &Options::default()).unwrap(), TASKS).await;
}

/// The same in any store.
pub(crate) async fn fill_store(store: &dyn Store, tasks: usize) {
    let at = "2026-01-01T00:00:00Z".parse().unwrap();
    let write = |n: usize| {
        let mut task = task(&format!("t{n}"));
        task["meta"] = json!({"versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z"});
        Write::new(&task, Expect::New).unwrap()
    };
    let unit = Unit { writes: (0..tasks).map(write).collect(), ..Unit::new("test", at) };
    assert!(matches!(store.commit(unit).await, Ok(Committed::Written(_))));
}
