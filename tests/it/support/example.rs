//! The patients of `examples/fhir` and the definitions of `profiles`, as files.

use std::fs;
use std::path::{Path, PathBuf};

use vigie::json::{Value, json};

use super::App;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|fault| panic!("{}: {fault}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

/// Every resource of `profiles/`.
pub(crate) fn profiles() -> Vec<Value> {
    let folders = files(&root().join("profiles")).into_iter().filter(|path| path.is_dir());
    folders.flat_map(|folder| files(&folder)).map(|path| read(&path)).collect()
}

/// One file of `examples/fhir/`, such as `folfox/week-1.json`.
pub(crate) fn example(name: &str) -> Value {
    read(&root().join("examples/fhir").join(name))
}

/// One patient of `examples/fhir/`.
pub(crate) struct Course {
    name: &'static str,
}

impl Course {
    /// Stores the patient, the team and the plan of care.
    pub(crate) async fn start(app: &App, name: &'static str) -> Self {
        for path in files(&root().join("examples/fhir/organization")) {
            app.put(&read(&path)).await.unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
        }
        for file in ["patient", "careplan"] {
            app.put(&example(&format!("{name}/{file}.json"))).await.expect("a patient with a plan of care");
        }
        Self { name }
    }

    /// A week's response, without its id: a client that creates does not choose one.
    pub(crate) fn week(&self, week: &str) -> Value {
        let mut response = example(&format!("{}/week-{week}.json", self.name));
        response.as_object_mut().expect("an object").remove("id");
        response
    }

    /// `Patient/id`.
    pub(crate) fn patient(&self) -> String {
        let patient = example(&format!("{}/patient.json", self.name));
        format!("Patient/{}", patient["id"].as_str().expect("an id"))
    }
}

/// That report as the oncologist of the examples signs it.
pub(crate) fn signed(report: &Value, status: &str, conclusion: &str) -> Value {
    let mut report = report.clone();
    report["status"] = json!(status);
    report["conclusion"] = json!(conclusion);
    report["resultsInterpreter"] = json!([{"reference": "PractitionerRole/oncologue-test"}]);
    report
}
