//! The house rules, as tests: who may import whom, how large a file may be, what a file starts with,
//! which names do not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that each room may import besides itself. Same floor only where the map of the house says so.
const IMPORTS: &[(&str, &[&str])] = &[
    ("problem", &[]),
    ("terminology", &["json", "problem"]),
    ("clock", &[]),
    ("json", &[]),
    ("fhirpath", &["json", "problem"]),
    ("fhir", &["fhirpath", "json", "problem", "terminology"]),
    ("hl7v2", &["problem"]),
    ("identity", &["fhir", "json", "problem", "terminology"]),
    ("xml", &["problem"]),
    ("signature", &["problem", "xml"]),
    ("xds", &["problem", "signature", "xml"]),
    ("config", &["problem"]),
    ("outbox", &["problem"]),
    ("audit", &["clock", "fhir", "json", "outbox", "terminology"]),
    ("judgement", &["json", "terminology"]),
    (
        "report",
        &["fhir", "hl7v2", "identity", "json", "outbox", "problem", "signature", "terminology", "xds", "xml"],
    ),
    ("store", &["fhir", "json", "outbox", "problem"]),
    ("questionnaire", &["fhir", "fhirpath", "json", "judgement", "problem", "terminology"]),
    ("rules", &["fhir", "fhirpath", "json", "judgement", "problem", "terminology"]),
    ("pathway", &["clock", "fhir", "json", "judgement", "problem", "terminology"]),
    (
        "connector",
        &["clock", "hl7v2", "identity", "json", "outbox", "problem", "report", "signature", "xds", "xml"],
    ),
    (
        "interaction",
        &[
            "audit",
            "clock",
            "fhir",
            "fhirpath",
            "hl7v2",
            "identity",
            "json",
            "judgement",
            "outbox",
            "pathway",
            "problem",
            "questionnaire",
            "report",
            "rules",
            "signature",
            "store",
            "terminology",
            "xds",
        ],
    ),
    (
        "delivery",
        &["audit", "clock", "connector", "fhir", "json", "outbox", "problem", "store", "terminology"],
    ),
    ("http", &["fhir", "interaction", "json", "problem", "terminology"]),
    ("mllp", &["hl7v2", "interaction", "problem"]),
    ("sandbox", &["clock", "fhir", "hl7v2", "json", "problem", "signature", "terminology", "xds", "xml"]),
];

/// Crates that belong to one room: nobody else may name them.
const OWNED: &[(&str, &[&str])] = &[
    ("rusqlite", &["store"]),
    ("tokio_postgres", &["store"]),
    ("deadpool_postgres", &["store"]),
    ("actix_web", &["http", "sandbox", "app"]),
    ("reqwest", &["connector", "config", "app"]),
    ("typesetting", &["report"]),
    ("quick_xml", &["fhir", "report", "xml"]),
    ("fhirbolt_edge", &[]),
    ("rsa", &["sandbox", "signature"]),
    ("x509_cert", &["sandbox", "signature"]),
    ("clap", &["main"]),
    ("octofhir_ucum", &["fhir", "fhirpath", "questionnaire"]),
];

const LINES_MAX: usize = 500;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn rust_files() -> Vec<PathBuf> {
    let mut all = files(&root().join("src"), "rs");
    all.extend(files(&root().join("crates"), "rs"));
    all.extend(files(&root().join("tests"), "rs"));
    all.extend(files(&root().join("benches"), "rs"));
    assert!(all.len() > 50, "only {} files were found", all.len());
    all
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The room of a file below `src/`.
fn room(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(root().join("src")).ok()?;
    let first = inside.components().next()?.as_os_str().to_str()?;
    Some(first.trim_end_matches(".rs").to_owned())
}

/// Code without comments, documentation and the unit tests at the foot.
fn code(text: &str) -> String {
    let body = text.split("#[cfg(test)]").next().unwrap_or_default();
    body.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn fail_if_any(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn no_room_imports_what_it_may_not_know() {
    let table: BTreeMap<&str, BTreeSet<&str>> =
        IMPORTS.iter().map(|(name, list)| (*name, list.iter().copied().collect())).collect();
    let free = ["app", "main", "lib"];
    let mut faults = Vec::new();
    for path in files(&root().join("src"), "rs") {
        let room = room(&path).expect("a file below src is in a room");
        if free.contains(&room.as_str()) {
            continue;
        }
        let Some(allowed) = table.get(room.as_str()) else {
            faults.push(format!("{}: room '{room}' is not in the table of imports", shown(&path)));
            continue;
        };
        let text = code(&fs::read_to_string(&path).unwrap());
        for part in text.split("crate::").skip(1) {
            let name: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if table.contains_key(name.as_str()) && name != room && !allowed.contains(name.as_str()) {
                faults.push(format!("{}: imports crate::{name}", shown(&path)));
            }
        }
    }
    fail_if_any(&faults);
}

#[test]
fn crates_with_a_room_of_their_own_are_named_nowhere_else() {
    let mut faults = Vec::new();
    for path in files(&root().join("src"), "rs") {
        let room = room(&path).expect("a file below src is in a room");
        let text = code(&fs::read_to_string(&path).unwrap());
        for (name, rooms) in OWNED {
            if text.contains(&format!("{name}::")) && !rooms.contains(&room.as_str()) {
                faults.push(format!("{}: names {name}, which belongs to {}", shown(&path), rooms.join(", ")));
            }
        }
    }
    fail_if_any(&faults);
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut faults = Vec::new();
    for path in rust_files() {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        if lines > LINES_MAX {
            faults.push(format!("{}: {lines} lines, at most {LINES_MAX}", shown(&path)));
        }
        if !text.starts_with("//! ") {
            faults.push(format!("{}: does not start with a sentence (//!)", shown(&path)));
        }
    }
    fail_if_any(&faults);
}

#[test]
fn names_that_say_nothing_do_not_exist() {
    let forbidden = ["utils", "util", "helpers", "helper", "common", "manager", "service", "impl", "misc"];
    let mut faults = Vec::new();
    for path in rust_files() {
        for part in path.strip_prefix(root()).unwrap().components() {
            let name = part.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
            if forbidden.contains(&name.as_str()) {
                faults.push(format!("{}: '{name}' says nothing", shown(&path)));
            }
        }
    }
    fail_if_any(&faults);
}

#[test]
fn nothing_unfinished_is_left() {
    let marks = ["todo!(", "unimplemented!(", "dbg!(", concat!("TO", "DO"), concat!("FIX", "ME"), "#[ignore"];
    let mut faults = Vec::new();
    for path in rust_files().into_iter().filter(|path| !path.ends_with("tidy.rs")) {
        let text = fs::read_to_string(&path).unwrap();
        for mark in marks.iter().filter(|mark| text.contains(**mark)) {
            faults.push(format!("{}: '{mark}'", shown(&path)));
        }
    }
    fail_if_any(&faults);
}

#[test]
fn every_example_file_is_used() {
    let used: String = files(&root().join("tests"), "rs")
        .into_iter()
        .chain(files(&root().join("src"), "rs"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    // The journey test and the demo walk the whole folder; here it is enough that they do.
    assert!(used.contains("examples/fhir"));
    for file in files(&root().join("examples/fhir"), "json") {
        serde_json::from_slice::<vigie::json::Value>(&fs::read(&file).unwrap())
            .unwrap_or_else(|fault| panic!("{}: {fault}", shown(&file)));
    }
}
