//! What is read, and what is refused with what would be right.

use super::*;
use crate::fhir::search::{Criterion, Limits, Modifier, Prefix, SortKey, Test};

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
    check("CarePlan", "subject=1", references(&["Group/1", "Patient/1"]));
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
    refused("Task", "_sort=owner", "_id, _lastUpdated, authored-on");
    refused("Task", "_sort=priority,-priority", "twice");
}

#[test]
fn every_fault_is_told_at_once() {
    let problem = parse_text("Task", "nom=x&status:above=y&_count=-1&_total=perhaps&code=").unwrap_err();
    assert_eq!(problem.issues.len(), 5);
    let text = problem.to_string();
    for hint in ["group-identifier", ":missing, :not", "0 to 1000", "accurate", "empty"] {
        assert!(text.contains(hint), "{hint} in {text}");
    }
}

#[test]
fn a_count_is_capped() {
    assert_eq!(parse_text("Task", "_count=5000").unwrap().count, COUNT_MAX);
    assert_eq!(parse_text("Task", "").unwrap().count, COUNT_DEFAULT);
    assert_eq!(parse_text("Task", "_count=0").unwrap().count, 0);
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

#[test]
fn a_number_has_a_prefix_and_a_precision_and_a_quantity_its_unit() {
    let quantity = |text: &str| match one("Observation", text).any.remove(0) {
        Test::Quantity { limits, system, code, base } => (limits, system, code, base.map(|(unit, _)| unit)),
        _ => unreachable!("a quantity"),
    };
    let (limits, system, code, base) = quantity("value-quantity=gt5.4|http://unitsofmeasure.org|mg/dL");
    assert!(limits.prefix == Prefix::Gt && limits.low < limits.value && limits.value < limits.high);
    assert_eq!((system.as_deref(), code.as_deref()), (Some("http://unitsofmeasure.org"), Some("mg/dL")));
    assert_eq!(base.as_deref(), Some("m-3.g1"));
    let (Limits { low, high, .. }, system, code, base) = quantity("value-quantity=100||points");
    let (Limits { low: wider, high: further, .. }, ..) = quantity("value-quantity=ap100");
    assert!(wider < low && high < further);
    assert_eq!((system, code.as_deref(), base), (None, Some("points"), None));
    for wrong in ["x", "1|urn:s|", "1|a|b|c", "gt"] {
        refused("Observation", &format!("value-quantity={wrong}"), "eq, ne, gt");
    }
}

#[test]
fn a_composite_has_a_value_for_each_part() {
    let Test::Composite(parts) = one("Observation", "code-value-quantity=urn:s|a$ge2").any.remove(0) else {
        unreachable!("a composite")
    };
    assert!(parts[0] == token_of(Some("urn:s"), Some("a")));
    refused("Observation", "code-value-quantity=a", "code$value-quantity");
}

#[test]
fn a_chain_leads_to_what_is_contained_too() {
    let criterion = one("DocumentReference", "author.family:exact=Essai");
    let Some(Test::Contained(inner)) = criterion.any.last() else { unreachable!("what is contained") };
    assert_eq!((inner.parameter.name, inner.modifier), ("author.family", Modifier::Exact));
    assert!(criterion.any.len() > 1, "and to authors of their own");
    let of_a_type = one("DocumentReference", "author:Practitioner.family=Essai");
    assert!(!of_a_type.any.iter().any(|test| matches!(test, Test::Contained(_))));
}

#[test]
fn a_chain_names_a_parameter_of_its_target() {
    let chain = |text: &str| match one("Task", text).any.remove(0) {
        Test::Chain { rtype, criterion } => format!("{rtype}.{}", criterion.parameter.name),
        _ => unreachable!("a chain"),
    };
    assert_eq!(chain("patient.name=x"), "Patient.name");
    assert_eq!(chain("owner:Practitioner.identifier=x"), "Practitioner.identifier");
    assert_eq!(one("Task", "owner.identifier=x").any.len(), 4);
    refused("Task", "patient.nom=x", "no search parameter");
    refused("Task", "status.name=x", "no reference");
    refused("Task", "focus.status=x", "say which");
    refused("Task", "patient.organization.name=x", "one step");
}

#[test]
fn has_names_who_refers_and_by_what() {
    let criterion = one("Patient", "_has:Observation:patient:code=x");
    assert_eq!(criterion.parameter.name, "_id");
    assert!(matches!(&criterion.any[0], Test::Referrer { by, .. } if by.name == "patient"));
    refused("Patient", "_has:Observation:code:code=x", "does not refer");
    refused("Patient", "_has:Observation:patient", "_has:Type:reference:parameter");
    refused("Patient", "_has:Encounter:patient:code=x", "not served");
}

#[test]
fn modifiers_are_those_that_the_parameter_declares() {
    assert_eq!(one("Task", "code:text=appel").modifier, Modifier::Text);
    assert_eq!(one("Task", "subject:identifier=urn:s|1").modifier, Modifier::Identifier);
    assert_eq!(one("Questionnaire", "url:below=https://q.example").modifier, Modifier::Below);
    assert_eq!(one("Task", "code:not-in=https://v.example").modifier, Modifier::NotIn);
    assert_eq!(one("Task", "code:below=urn:s|a").modifier, Modifier::Below);
    refused("Task", "identifier:in=x", "does not take :in");
    refused("Task", "status:above=x", ":missing, :not, :in, :not-in");
}
