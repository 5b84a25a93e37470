//! What `profiles/` and `examples/fhir/` hold is sound: base R4 in every file, names that are where they say,
//! codes and canonicals that exist, and answers that the questionnaire they name accepts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use vigie::json::Value;
use vigie::problem::Severity;
use vigie::questionnaire::{self, Context, Questionnaire};
use vigie::terminology::{BASE, Terminology};
use vigie::{fhir, problem::Issue};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every JSON file below a folder, by its place in the repository.
#[expect(clippy::disallowed_methods, reason = "a test reads the definitions itself")]
fn files(folder: &str) -> BTreeMap<String, Value> {
    fn walk(folder: &Path, found: &mut BTreeMap<String, Value>) {
        for entry in std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("an entry of the folder").path();
            if path.is_dir() {
                walk(&path, found);
                continue;
            }
            let place = path.strip_prefix(root()).expect("below the root").display().to_string();
            let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{place}: {e}"));
            found.insert(place.clone(), fhir::parse(&bytes).unwrap_or_else(|e| panic!("{place}: {e:?}")));
        }
    }
    let mut found = BTreeMap::new();
    walk(&root().join(folder), &mut found);
    assert!(found.len() > 40, "only {} files below {folder}", found.len());
    found
}

/// Resources only: an example folder also holds what is expected of it.
fn resources() -> BTreeMap<String, Value> {
    let mut all = files("profiles");
    all.extend(files("examples/fhir"));
    all.retain(|_, resource| resource.get("resourceType").is_some());
    all
}

fn terminology() -> Terminology {
    Terminology::load(&files("profiles").into_values().collect::<Vec<_>>())
}

fn weekly(terminology: &Terminology) -> Questionnaire {
    let all = files("profiles");
    let source = &all["profiles/Questionnaire/surveillance-hebdomadaire.json"];
    questionnaire::compile(source, terminology).unwrap_or_else(|problem| panic!("{problem:?}"))
}

fn shown(place: &str, issues: &[Issue]) -> Vec<String> {
    issues
        .iter()
        .filter(|issue| issue.severity >= Severity::Error)
        .map(|issue| format!("{place}: {issue:?}"))
        .collect()
}

fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// Calls `look` with every object of a resource.
fn objects<'a>(value: &'a Value, look: &mut impl FnMut(&'a vigie::json::Map)) {
    match value {
        Value::Object(object) => {
            look(object);
            object.values().for_each(|inside| objects(inside, look));
        }
        Value::Array(list) => list.iter().for_each(|inside| objects(inside, look)),
        _ => {}
    }
}

#[test]
fn every_file_is_base_r4() {
    let faults: Vec<String> = resources()
        .iter()
        .filter(|(_, resource)| resource["resourceType"].as_str().is_some_and(fhir::is_served))
        .flat_map(|(place, resource)| shown(place, &fhir::structure::check(resource)))
        .collect();
    none(&faults);
}

/// Guides with search parameters of their own, and who publishes them.
const GUIDES: &[(&str, &str)] = &[
    ("https://interop.esante.gouv.fr/ig/fhir/", "ANS"),
    ("https://profiles.ihe.net/ITI/MHD/SearchParameter/", "IHE IT Infrastructure Technical Committee"),
];

#[test]
fn a_definition_is_in_the_file_that_its_canonical_names() {
    for (place, resource) in files("profiles") {
        let text = |name: &str| {
            resource[name].as_str().unwrap_or_else(|| panic!("{place} has no {name}")).to_owned()
        };
        let (rtype, id) = (text("resourceType"), text("id"));
        assert_eq!(place, format!("profiles/{rtype}/{id}.json"));
        assert_eq!(text("status"), "active", "{place}");
        // The search parameters of R4 keep their own canonicals.
        let of_r4 = text("url") == format!("http://hl7.org/fhir/SearchParameter/{id}");
        if rtype == "SearchParameter" && of_r4 {
            assert_eq!(text("version"), "4.0.1", "{place}");
            continue;
        }
        // So do those of the guides that this service follows; they say who made them.
        if rtype == "SearchParameter" && GUIDES.iter().any(|(base, _)| text("url").starts_with(base)) {
            let publisher =
                GUIDES.iter().find(|(base, _)| text("url").starts_with(base)).map(|(_, who)| *who);
            assert_eq!(Some(text("publisher").as_str()), publisher, "{place}");
            continue;
        }
        assert_eq!(text("url"), format!("{BASE}/{rtype}/{id}"), "{place}");
        assert_eq!(text("version"), "1.0.0", "{place}");
        assert_eq!(text("publisher"), "Vigie", "{place}");
    }
}

#[test]
fn every_code_of_ours_exists_with_its_words() {
    let (all, terminology) = (resources(), terminology());
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for (place, resource) in &all {
        objects(resource, &mut |object| {
            let text = |name: &str| object.get(name).and_then(Value::as_str);
            let (Some(system), Some(code)) = (text("system"), text("code")) else { return };
            if !system.starts_with(&format!("{BASE}/CodeSystem/")) {
                return;
            }
            seen.insert((system, code));
            let known = terminology.display(system, code);
            if known.is_none() || text("display").is_some_and(|said| Some(said) != known) {
                faults.push(format!("{place}: {system}#{code} {:?}, known as {known:?}", text("display")));
            }
        });
    }
    none(&faults);
    assert!(seen.len() > 100, "only {} codes were seen", seen.len());
}

#[test]
fn every_canonical_of_ours_leads_to_a_file() {
    fn strings<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::String(text) if text.starts_with(BASE) => {
                found.insert(text);
            }
            Value::Object(object) => object.values().for_each(|inside| strings(inside, found)),
            Value::Array(list) => list.iter().for_each(|inside| strings(inside, found)),
            _ => {}
        }
    }
    let all = resources();
    let mut named = BTreeSet::new();
    all.values().for_each(|resource| strings(resource, &mut named));
    let known: BTreeSet<String> = files("profiles")
        .values()
        .filter_map(|one| Some((one["url"].as_str()?, one["version"].as_str()?)))
        .flat_map(|(url, version)| [url.to_owned(), format!("{url}|{version}")])
        .collect();
    assert!(named.len() > 100, "only {} canonicals were seen", named.len());
    let unknown: Vec<String> =
        named.iter().filter(|one| !known.contains(**one)).map(ToString::to_string).collect();
    none(&unknown);
}

#[test]
fn every_reference_of_an_example_leads_to_an_example() {
    let all = files("examples/fhir");
    let known: BTreeSet<String> = all
        .values()
        .filter_map(|one| Some(format!("{}/{}", one["resourceType"].as_str()?, one["id"].as_str()?)))
        .collect();
    let mut faults = Vec::new();
    for (place, resource) in &all {
        objects(resource, &mut |object| {
            let reference = object.get("reference").and_then(Value::as_str);
            if let Some(unknown) = reference.filter(|reference| !known.contains(*reference)) {
                faults.push(format!("{place}: {unknown}"));
            }
        });
    }
    none(&faults);
}

#[test]
fn the_questionnaire_accepts_every_answer_of_the_examples() {
    let terminology = terminology();
    let questionnaire = weekly(&terminology);
    let mut responses = 0;
    let mut faults = Vec::new();
    for (place, response) in
        resources().iter().filter(|(_, one)| one["resourceType"] == "QuestionnaireResponse")
    {
        responses += 1;
        let now = response["authored"].as_str().expect("a date").parse().expect("an instant");
        let context = Context { patient: None, careplans: &[], now, terminology: &terminology };
        let validation = questionnaire.validate(response, &context);
        faults.extend(validation.issues.iter().map(|issue| format!("{place}: {issue:?}")));
        assert_eq!(validation.readable.as_ref(), response, "{place}: an answer was not readable");
    }
    none(&faults);
    assert!(responses >= 25, "only {responses} responses");
}

#[test]
fn each_extracted_answer_has_a_code_of_ours_first() {
    let terminology = terminology();
    let questionnaire = weekly(&terminology);
    let all = files("examples/fhir");
    let extracts = questionnaire.extract(&all["examples/fhir/pembrolizumab/week-4.json"]);
    let of = |link_id: &str| {
        extracts.iter().find(|one| one.link_id == link_id).unwrap_or_else(|| panic!("{link_id}"))
    };
    for extract in &extracts {
        let first = &extract.observation["code"]["coding"][0];
        assert_eq!(first["system"], format!("{BASE}/CodeSystem/symptom"), "{}", extract.link_id);
    }
    assert_eq!(of("base.souffle").grade, Some(1));
    // 2708-6 is what R4 (vital signs) has an oxygen saturation found by; 59408-5 says how it was measured.
    let codes: Vec<_> =
        [1, 2].iter().map(|n| of("base.spo2").observation["code"]["coding"][n]["code"].clone()).collect();
    assert_eq!(codes, ["2708-6", "59408-5"]);
    assert_eq!(of("base.spo2").observation["category"][0]["coding"][0]["code"], "vital-signs");
    assert_eq!(of("base.prise").observation["dataAbsentReason"]["coding"][0]["code"], "not-applicable");
    let quantity = &of("base.poids").observation["valueQuantity"];
    assert_eq!(quantity["code"], "kg");
}
