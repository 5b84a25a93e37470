//! The example patients: their files, and what is expected of each week.

use std::path::{Path, PathBuf};

use crate::json::Value;
use serde::Deserialize;

use super::super::folder;
use crate::problem::{Category, Problem};

/// `expected.json` of a patient, derived by hand from the written rules.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Expected {
    pub(super) patient: String,
    pub(super) weeks: Vec<ExpectedWeek>,
}

/// What one response must give.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExpectedWeek {
    pub(super) file: String,
    pub(super) received: jiff::Timestamp,
    pub(super) level: String,
    pub(super) fired: Vec<String>,
    pub(super) tasks: Vec<ExpectedTask>,
}

/// A task that one response must give.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExpectedTask {
    pub(super) code: String,
    pub(super) priority: String,
    pub(super) within_hours: i64,
    /// From when the hours count, when not from the reception of this response: a task that an amended
    /// response still asks for keeps its deadline.
    pub(super) from: Option<jiff::Timestamp>,
}

/// One patient over six weeks.
pub(super) struct Course {
    pub(super) name: String,
    folder: PathBuf,
    /// Patient, CarePlan and Consent, in the order in which they refer to each other.
    pub(super) resources: Vec<Value>,
    pub(super) expected: Expected,
}

impl Course {
    /// The response of that file.
    pub(super) fn response(&self, file: &str) -> Result<Value, Problem> {
        folder::read_one(&self.folder.join(file))
    }
}

/// Files that every patient shares: the hospital and its team, in the order in which they refer to each other.
pub(super) fn team(examples: &Path) -> Result<Vec<Value>, Problem> {
    let mut files = folder::read(&examples.join("organization"))?;
    let order = ["Organization", "Practitioner", "PractitionerRole"];
    files.sort_by_key(|file| order.iter().position(|rtype| file.resource["resourceType"] == *rtype));
    Ok(files.into_iter().map(|file| file.resource).collect())
}

/// Every patient of the folder, by name.
pub(super) fn courses(examples: &Path) -> Result<Vec<Course>, Problem> {
    let unreadable = |fault: std::io::Error| {
        Problem::new(Category::NotFound, "not-found", format!("{}: {fault}", examples.display()))
    };
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(examples).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.join("expected.json").is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    if folders.is_empty() {
        let text = format!("there is no patient with an expected.json in {}", examples.display());
        return Err(Problem::new(Category::NotFound, "not-found", text));
    }
    folders.into_iter().map(course).collect()
}

fn course(path: PathBuf) -> Result<Course, Problem> {
    let bytes = folder::bytes(&path.join("expected.json"))?;
    let expected = serde_json::from_slice(&bytes).map_err(|fault| {
        let text = format!("{}: {fault}", path.join("expected.json").display());
        Problem::new(Category::Malformed, "structure", text)
    })?;
    let resources = ["patient.json", "careplan.json", "consent.json"]
        .iter()
        .map(|file| folder::read_one(&path.join(file)))
        .collect::<Result<_, _>>()?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Course { name, folder: path, resources, expected })
}
