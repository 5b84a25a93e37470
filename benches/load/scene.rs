//! What is submitted: the courses of `examples/fhir/`, lived through by many patients; and the units that it becomes.

use std::path::Path;
use std::sync::Arc;

use vigie::clock::{SystemClock, SystemIds};
use vigie::interaction::{self, Context, Library, Settings};
use vigie::json::Value;
use vigie::report::{Issuer, Stationery};
use vigie::store::{Store, Unit};

use crate::bare::Recorder;
use crate::content::{json_below, read};
use crate::database::{self, Databases};
use crate::figure::process_seconds;

/// Folder of each course, and what its ids and identifiers start with.
const COURSES: [(&str, &str); 4] = [
    ("folfox", "test-folfox"),
    ("capecitabine", "test-capecitabine"),
    ("pembrolizumab", "pat-trois"),
    ("ipilimumab-nivolumab", "test-ipi-nivo"),
];
const WEEKS: usize = 6;

/// Everything that a run needs.
pub(crate) struct Scene {
    /// The bodies to submit: every patient's first week, then every patient's second, and so on.
    pub(crate) bodies: Vec<Vec<u8>>,
    /// What each of them became, with the guards that it stood on.
    pub(crate) units: Vec<Unit>,
    /// Resources written for all of them.
    pub(crate) resources: usize,
    /// Processor time of one submission in process, one after the other: everything but HTTP; in milliseconds.
    pub(crate) in_process_ms: f64,
}

impl Scene {
    /// Publishes the shipped definitions, stores so many patients, then submits everything once to record it.
    pub(crate) async fn build(databases: &Databases, patients: usize) -> Self {
        let bodies = bodies(patients);
        let base = context(database::open(&databases.base().await).await);
        prepare(&base, patients).await;
        drop(base);
        let recorder = Arc::new(Recorder::over(database::open(&databases.copy("recorded").await).await));
        let recorded = context(Arc::clone(&recorder) as Arc<dyn Store>);
        let before = process_seconds("self");
        for body in &bodies {
            interaction::create(&recorded, "QuestionnaireResponse", body, None)
                .await
                .expect("a valid response");
        }
        let in_process_ms = (process_seconds("self") - before) * 1e3 / bodies.len() as f64;
        let units = recorder.take();
        assert_eq!(units.len(), bodies.len(), "each response is one unit");
        let resources = units.iter().map(|unit| unit.writes.len()).sum();
        Self { bodies, units, resources, in_process_ms }
    }
}

impl Scene {
    /// Puts the same definitions and patients where others are already.
    pub(crate) async fn join(databases: &Databases, patients: usize) {
        prepare(&context(database::open(&databases.origin()).await), patients).await;
    }

    /// How many responses so many patients send.
    pub(crate) const fn submissions(patients: usize) -> usize {
        patients * WEEKS
    }
}

pub(crate) fn context(store: Arc<dyn Store>) -> Context {
    let base_url = "http://127.0.0.1:8080".to_owned();
    Context {
        store,
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
        library: Library::new(256),
        settings: Settings {
            issuer: Issuer::public_hospital("CENTRE-TEST", Some("010000001"), "1.2.250.1.999.1", &base_url)
                .of_test_identities(),
            base_url,
            stationery: Arc::new(Stationery::shipped()),
            telephone: None,
            authorities: Vec::new(),
            destinations: Vec::new(),
            known_patients_only: false,
            same_ins: interaction::SameIns::Tell,
            rhythm: None,
            escalates: false,
            opening: None,
            page_default: 50,
            page_max: 1_000,
            page_bytes: 16 * 1024 * 1024,
            report_weeks_max: 53,
            rounds_max: 16,
        },
    }
}

async fn prepare(ctx: &Context, patients: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    interaction::load(ctx, json_below(&root.join("profiles"))).await.expect("the shipped definitions load");
    let mut team = json_below(&root.join("examples/fhir/organization"));
    let order = ["Organization", "Practitioner", "PractitionerRole"];
    team.sort_by_key(|one| order.iter().position(|rtype| one["resourceType"] == *rtype));
    for resource in &team {
        put(ctx, resource).await;
    }
    for n in 0..patients {
        for file in ["patient", "careplan"] {
            let course = COURSES[n % COURSES.len()];
            put(ctx, &renamed(&example(course.0, file), course, n)).await;
        }
    }
}

async fn put(ctx: &Context, resource: &Value) {
    let text = |name: &str| resource[name].as_str().expect("a type and an id");
    let bytes = resource.to_string().into_bytes();
    interaction::update(ctx, text("resourceType"), text("id"), &bytes, None).await.expect("a valid resource");
}

fn bodies(patients: usize) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    for week in 1..=WEEKS {
        let examples = COURSES.map(|(folder, _)| example(folder, &format!("week-{week}")));
        for n in 0..patients {
            let mut response = renamed(&examples[n % COURSES.len()], COURSES[n % COURSES.len()], n);
            response.as_object_mut().expect("an object").remove("id");
            bodies.push(response.to_string().into_bytes());
        }
    }
    bodies
}

/// The same resource of another patient: every id and identifier of the course gets a number.
fn renamed(resource: &Value, (folder, prefix): (&str, &str), n: usize) -> Value {
    let mut text = resource.to_string().replace(prefix, &format!("{prefix}-{n}"));
    for identifier in example(folder, "patient")["identifier"].as_array().into_iter().flatten() {
        let value = identifier["value"].as_str().expect("an identifier has a value");
        text = text.replace(value, &format!("{value}{n:05}"));
    }
    serde_json::from_str(&text).expect("still JSON")
}

fn example(folder: &str, file: &str) -> Value {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/fhir/{folder}/{file}.json")))
}
