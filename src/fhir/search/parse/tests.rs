//! What is read, and what is refused with what would be right.

use super::*;
use crate::fhir::search::SortKey;

fn one(rtype: &str, text: &str) -> Criterion {
    parse_text(rtype, text).unwrap().criteria.remove(0)
}

fn check(rtype: &str, text: &str, expected: Test) {
    assert!(one(rtype, text).any == [expected], "{text}");
}

fn refused(rtype: &str, text: &str, hint: &str) {
    let problem = parse_text(rtype, text).unwrap_err();
    assert_eq!(problem.category, Category::Malformed);
    assert!(problem.to_string().contains(hint), "{problem}");
}

fn token_of(system: Option<&str>, code: Option<&str>) -> Test {
    Test::Token { system: system.map(str::to_owned), code: code.map(str::to_owned) }
}

#[test]
fn a_token_has_four_forms() {
    check("Task", "code=appel", token_of(None, Some("appel")));
    check("Task", "code=urn:s%7Cappel", token_of(Some("urn:s"), Some("appel")));
    check("Task", "code=|appel", token_of(Some(""), Some("appel")));
    check("Task", "code=urn:s|", token_of(Some("urn:s"), None));
}

#[test]
fn escaped_separators_are_part_of_the_value() {
    check("Task", r"identifier=a\|b\,c\$d\\e", token_of(None, Some(r"a|b,c$d\e")));
    assert_eq!(one("Task", r"status=requested,on-hold").any.len(), 2);
}

#[test]
fn a_reference_is_read_in_each_form() {
    let references = |all: &[&str]| Test::Reference(all.iter().map(|text| (*text).to_owned()).collect());
    check("Task", "patient=1", references(&["Patient/1"]));
    check("Task", "patient=Patient/1", references(&["Patient/1"]));
    check("Task", "patient:Patient=1", references(&["Patient/1"]));
    check("CarePlan", "subject=1", references(&["Patient/1", "Group/1"]));
    check("CarePlan", "subject:Group=1", references(&["Group/1"]));
    let url = "https://dpi.example/fhir/Patient/1";
    check("Task", &format!("patient={url}"), references(&[url]));
    refused("Task", "focus=1", "say which");
    refused("CarePlan", "patient=Group/1", "Patient");
    refused("Task", "patient:Group=1", ":missing");
}

#[test]
fn a_canonical_is_read_with_and_without_a_version() {
    let canonical = |version: Option<&str>| Test::Canonical {
        url: "https://q.example/a".to_owned(),
        version: version.map(str::to_owned),
    };
    check("QuestionnaireResponse", "questionnaire=https://q.example/a", canonical(None));
    check("QuestionnaireResponse", "questionnaire=https://q.example/a|1.0.0", canonical(Some("1.0.0")));
}

#[test]
fn a_date_has_a_prefix_and_a_precision() {
    let date = |prefix, low, high| Test::Date { prefix, low, high };
    check("Task", "authored-on=ge1970-01-01T00:00:01Z", date(Prefix::Ge, 1_000_000, 2_000_000));
    check("Task", "authored-on=1970-01-01T00:01Z", date(Prefix::Eq, 60_000_000, 120_000_000));
    check("Task", "authored-on=1970-01-01T01:00:01+01:00", date(Prefix::Eq, 1_000_000, 2_000_000));
    refused("Task", "authored-on=2026-02-30", "exists");
    refused("Task", "authored-on=xx2026", "eq, ne, gt");
}

#[test]
fn an_order_names_what_can_be_sorted() {
    let query = parse_text("Task", "_sort=-priority,authored-on").unwrap();
    let keys: Vec<_> = query.sort.iter().map(|sort| (sort.key, sort.descending)).collect();
    assert_eq!(keys, [(SortKey::Urgency, false), (SortKey::Date, false)]);
    refused("Task", "_sort=owner", "_lastUpdated, priority, authored-on");
    refused("Task", "_sort=priority,-priority", "twice");
}

#[test]
fn every_fault_is_told_at_once() {
    let problem = parse_text("Task", "nom=x&status:above=y&_count=-1&_total=perhaps&code=").unwrap_err();
    assert_eq!(problem.issues.len(), 5);
    let text = problem.to_string();
    for hint in ["group-identifier", ":missing, :not", "1 to 1000", "accurate", "empty"] {
        assert!(text.contains(hint), "{hint} in {text}");
    }
}

#[test]
fn a_count_is_capped_and_zero_is_refused() {
    assert_eq!(parse_text("Task", "_count=5000").unwrap().count, COUNT_MAX);
    assert_eq!(parse_text("Task", "").unwrap().count, COUNT_DEFAULT);
    refused("Task", "_count=0", "number of matches");
}

#[test]
fn missing_is_true_or_false() {
    assert_eq!(one("Task", "owner:missing=true").modifier, Modifier::Missing(true));
    refused("Task", "owner:missing=yes", "true or false");
    refused("Task", "_id:missing=true", "none");
}

#[test]
fn a_broken_encoding_and_an_unknown_type_are_refused() {
    assert!(parse_text("Task", "code=%zz").is_err());
    assert!(parse_text("Task", "code=%e").is_err());
    assert!(parse_text("Task", "code=%ff").is_err());
    assert_eq!(parse_text("Encounter", "").unwrap_err().category, Category::NotSupported);
}

#[test]
fn the_debug_form_of_a_query_tells_no_value() {
    let query = parse_text("Patient", "identifier=urn:oid:1.2.250.1.213.1.4.10|279035121518989").unwrap();
    assert!(!format!("{query:?}").contains("279035121518989"));
}
