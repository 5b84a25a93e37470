//! The shipped definitions and the examples, judged by fhirbolt: its strict reader takes the XML that Vigie writes and reads
//! the same resource in it, and Vigie reads the same resource in the XML that fhirbolt writes.
//!
//! Left out of the comparison is what fhirbolt 0.4.0 is known to lose: white space in narratives, and line breaks in what it writes.

#![allow(clippy::disallowed_methods, reason = "a test reads the files that it tests")]

use std::fs;
use std::path::Path;

use vigie::fhir::{self, xml};
use vigie::json::Value;

/// Every resource below a folder of the repository.
fn resources(folder: &Path, found: &mut Vec<(String, Value)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            resources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            let resource = fhir::parse(&fs::read(&path).unwrap()).unwrap();
            if resource.get("resourceType").is_some() {
                found.push((path.display().to_string(), resource));
            }
        }
    }
}

fn all() -> Vec<(String, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    resources(&root.join("examples/fhir"), &mut found);
    resources(&root.join("profiles"), &mut found);
    assert!(found.len() > 20, "only {} resources were found", found.len());
    found
}

/// The resource without narratives, and its texts with `change`.
fn without_narrative(value: &Value, change: fn(&str) -> String) -> Value {
    let inner = |value| without_narrative(value, change);
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| *name != "div")
            .map(|(name, value)| (name.to_owned(), inner(value)))
            .collect(),
        Value::Array(list) => list.iter().map(inner).collect(),
        Value::String(text) => change(text).into(),
        other => other.clone(),
    }
}

#[test]
fn fhirbolt_reads_the_same_resource_in_the_xml_that_vigie_writes() {
    for (name, resource) in all() {
        let text = String::from_utf8(xml::write(&resource).unwrap()).unwrap();
        let read = fhirbolt_edge::json_of(&text).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let read: Value = serde_json::from_str(&read.to_string()).unwrap();
        let plain = |value| without_narrative(value, str::to_owned);
        assert_eq!(plain(&read), plain(&resource), "{name}");
    }
}

#[test]
fn vigie_reads_the_same_resource_in_the_xml_that_fhirbolt_writes() {
    for (name, resource) in all() {
        let theirs = serde_json::from_str(&resource.to_string()).unwrap();
        let text = fhirbolt_edge::xml_of(&theirs).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let read = xml::read(text.as_bytes()).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        assert_eq!(read.issues, [], "{name}");
        let plain = |value| without_narrative(value, |text| text.replace(['\n', '\r', '\t'], " "));
        assert_eq!(plain(&read.resource), plain(&resource), "{name}");
    }
}
