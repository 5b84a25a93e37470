//! The files of this repository that benchmarks read.
#![allow(clippy::panic, reason = "a benchmark that cannot go on stops")]

use std::fs;
use std::path::{Path, PathBuf};

use vigie::json::Value;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file of JSON.
pub(crate) fn read(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

/// Every file of JSON below a folder.
pub(crate) fn json_below(folder: &Path) -> Vec<Value> {
    let entries = fs::read_dir(folder).unwrap_or_else(|fault| panic!("{}: {fault}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(json_below(&path));
        } else if path.extension().is_some_and(|ending| ending == "json") {
            found.push(read(&path));
        }
    }
    found
}
