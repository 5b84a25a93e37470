//! Observations: grades, levels, amendment in place.

use super::*;
use crate::fhir::element::list;
use crate::pathway::element::GRADE;
use crate::terminology::{DATA_ABSENT_REASON, SYMPTOM};

fn graded(code: &str) -> Value {
    json!({
        "code": { "coding": [{ "system": SYMPTOM, "code": "nausee" }], "text": "Nausées" },
        "valueCodeableConcept": { "coding": [{ "system": "s", "code": code, "display": "Je mange moins" }] },
    })
}

fn derived(rules: &[Outcome], observation: &Value, grade: Option<i64>, existing: &[Value]) -> Derived {
    let (evaluation, subject) = (evaluation(rules), patient());
    let observation = observation.clone();
    let extract = Extract { link_id: "base.nausee".to_owned(), instance: 0, grade, observation };
    let mut given = input(&evaluation, &subject);
    given.existing = existing;
    derive(&given, vec![extract], &ids(if existing.is_empty() { "first" } else { "again" }))
}

/// The grades that an Observation is marked with.
fn marked(observation: &Value) -> Vec<Option<&str>> {
    let marks = list(observation, "extension").filter(|one| one["url"] == GRADE);
    marks.map(|mark| str_at(mark, "valueCoding.code")).collect()
}

#[test]
fn a_graded_answer_is_its_grade_with_the_level_that_it_raised() {
    let derived = derived(&[fired("R32", Level::Jaune)], &graded("2"), Some(2), &[]);
    let observation = one(&derived, "Observation");
    assert_eq!(observation["valueInteger"], 2);
    assert_eq!(marked(observation), [Some("2")]);
    assert_eq!(observation.get("valueCodeableConcept"), None);
    assert_eq!(str_at(observation, "note.text"), Some("Réponse : Je mange moins"));
    assert_eq!(str_at(observation, "interpretation.coding.code"), Some("jaune"));
    assert_eq!(str_at(observation, "category.coding.code"), Some("survey"));
    assert_eq!(str_at(observation, "effectiveDateTime"), Some("2026-03-02T09:15:00+01:00"));
    assert_eq!(str_at(observation, "derivedFrom.reference"), Some(SOURCE));
    let report = one(&derived, "DiagnosticReport");
    assert_eq!(
        str_at(report, "result.reference").unwrap(),
        format!("Observation/{}", observation["id"].as_str().unwrap())
    );
}

#[test]
fn a_level_is_vert_only_when_every_rule_about_it_could_be_evaluated() {
    let check = |result: Truth, expected: Option<&str>| {
        let rules = [rule("R32", Level::Jaune, Some("nausee"), result)];
        let derived = derived(&rules, &graded("0"), Some(0), &[]);
        assert_eq!(str_at(one(&derived, "Observation"), "interpretation.coding.code"), expected);
    };
    check(Truth::True, Some("jaune"));
    check(Truth::False, Some("vert"));
    check(Truth::NotEvaluable("x".to_owned()), None);
}

#[test]
fn a_refusal_to_answer_is_a_reason_of_absence_and_listed_in_the_report() {
    let mut observation = graded("asked-declined");
    observation["valueCodeableConcept"]["coding"][0]["system"] = json!(DATA_ABSENT_REASON);
    let derived = derived(&[], &observation, None, &[]);
    let observation = one(&derived, "Observation");
    assert_eq!(str_at(observation, "dataAbsentReason.coding.code"), Some("asked-declined"));
    assert!(observation.get("valueCodeableConcept").is_none() && observation.get("interpretation").is_none());
    let div = str_at(one(&derived, "DiagnosticReport"), "text.div").unwrap();
    assert!(div.contains("<b>Questions sans réponse donnée</b></p><ul><li>Nausées</li>"), "{div}");
}

#[test]
fn an_amended_answer_amends_its_observation_and_an_equal_one_leaves_it() {
    let before = stored(&derived(&[], &graded("1"), Some(1), &[]));
    let same = derived(&[], &graded("1"), Some(1), &before);
    assert_eq!(same.of_type("Observation").count(), 0);
    let changed = derived(&[], &graded("3"), Some(3), &before);
    let observation = one(&changed, "Observation");
    assert_eq!(observation["id"], before[0]["id"]);
    assert_eq!(str_at(observation, "status"), Some("amended"));
    assert_eq!(observation["valueInteger"], 3);
    assert_eq!(marked(observation), [Some("3")]);
    assert!(changed.resources.iter().any(|one| one.change == Change::Update && one.body == *observation));
}

#[test]
fn a_withdrawn_response_takes_its_observations_and_report_with_it() {
    let before = stored(&derived(&[fired("R32-orange", Level::Orange)], &graded("3"), Some(3), &[]));
    let subject = patient();
    let technique = evaluation(&[fired("R90", Level::Technique)]);
    let mut withdrawn = input(&technique, &subject);
    withdrawn.withdrawn = true;
    withdrawn.existing = &before;
    let after = derive(&withdrawn, Vec::new(), &ids("again"));
    let ended = |rtype: &'static str| str_at(one(&after, rtype), "status").map(str::to_owned);
    assert_eq!(ended("Observation").as_deref(), Some("entered-in-error"));
    assert_eq!(ended("DiagnosticReport").as_deref(), Some("entered-in-error"));
    let flags: Vec<_> = after.of_type("Flag").filter_map(|flag| str_at(flag, "status")).collect();
    assert_eq!(flags, ["active", "inactive"], "the new one says why, the old one ends");
}

#[test]
fn a_withdrawn_answer_leaves_its_observation_entered_in_error() {
    let before = stored(&derived(&[], &graded("1"), Some(1), &[]));
    let after = amended(&[], &before);
    let observation = one(&after, "Observation");
    assert_eq!(str_at(observation, "status"), Some("entered-in-error"));
    assert_eq!(one(&after, "DiagnosticReport").get("result"), None);
}

#[test]
fn an_amended_moment_moves_the_observations_with_the_response() {
    let (evaluation, subject) = (evaluation(&[]), patient());
    let again = |authored: Option<&str>, existing: &[Value]| {
        let mut given = input(&evaluation, &subject);
        (given.authored, given.existing) = (authored, existing);
        given.received = "2026-03-02T10:00:00Z".parse().unwrap();
        derive(&given, vec![extract()], &ids(if existing.is_empty() { "first" } else { "again" }))
    };
    // A year that was mistyped.
    let before = stored(&again(Some("2025-03-02T09:15:00+01:00"), &[]));
    let corrected = again(Some("2026-03-02T09:15:00+01:00"), &before);
    let moved = one(&corrected, "Observation");
    assert_eq!(moved["effectiveDateTime"], "2026-03-02T09:15:00+01:00");
    assert_eq!(moved["status"], "amended");
    for same in [Some("2025-03-02T09:15:00+01:00"), None] {
        assert_eq!(again(same, &before).of_type("Observation").count(), 0, "{same:?}");
    }
}
