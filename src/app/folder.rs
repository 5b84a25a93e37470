//! Reads the FHIR files of a folder: every `*.json` below it, in the order of their paths.

use std::path::{Path, PathBuf};

use crate::json::Value;

use crate::fhir;
use crate::problem::{Category, Issue, Problem};

/// A file and what it holds.
pub(super) struct File {
    /// Where it is.
    pub(super) path: PathBuf,
    /// The resource.
    pub(super) resource: Value,
}

/// Reads all of them.
///
/// # Errors
/// `Invalid` with an issue for each file that cannot be read, with its path and place.
pub(super) fn read(folder: &Path) -> Result<Vec<File>, Problem> {
    let mut paths = Vec::new();
    let mut issues = Vec::new();
    walk(folder, &mut paths, &mut issues);
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        match read_one(&path) {
            Ok(resource) => files.push(File { path, resource }),
            Err(problem) => issues.extend(problem.issues),
        }
    }
    if issues.is_empty() && files.is_empty() {
        issues.push(Issue::error("not-found", format!("there is no *.json file in {}", folder.display())));
    }
    if issues.is_empty() { Ok(files) } else { Err(Problem::with(Category::Invalid, issues)) }
}

/// Reads one.
///
/// # Errors
/// `NotFound` when there is no such file, `Malformed` when it is not a FHIR resource; both name the file.
pub(super) fn read_one(path: &Path) -> Result<Value, Problem> {
    let bytes = bytes(path)?;
    fhir::parse(&bytes).map_err(|mut problem| {
        for issue in &mut problem.issues {
            issue.diagnostics = format!("{}: {}", path.display(), issue.diagnostics);
        }
        problem
    })
}

/// The bytes of a file.
///
/// # Errors
/// `NotFound` with the path and the reason.
#[expect(clippy::disallowed_methods, reason = "files are read in app only: here")]
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, Problem> {
    std::fs::read(path).map_err(|fault| {
        Problem::new(Category::NotFound, "not-found", format!("{}: {fault}", path.display()))
    })
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>, issues: &mut Vec<Issue>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(fault) => {
            issues.push(Issue::error("not-found", format!("{}: {fault}", folder.display())));
            return;
        }
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, paths, issues);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
}
