//! The derivation as a whole, on synthetic outcomes.

use serde_json::{Value, json};

use super::*;
use crate::clock::SeededIds;
use crate::fhir::element::{list, str_at};
use crate::problem::Issue;
use crate::terminology::Level;

const SOURCE: &str = "QuestionnaireResponse/r1";
const RECEIVED: &str = "2026-03-02T09:00:00Z";

fn rule(action_id: &str, level: Level, symptom: Option<&str>, result: RuleResult) -> RuleOutcome {
    RuleOutcome {
        action_id: action_id.to_owned(),
        rule: action_id.split('-').next().unwrap_or_default().to_owned(),
        level,
        symptom: symptom.map(|code| Symptom { code: code.to_owned(), display: None }),
        title: format!("Titre {action_id}"),
        message: format!("Message {action_id}"),
        result,
        evidence: vec![Evidence {
            link_id: "base.nausee".to_owned(),
            text: "Nausées".to_owned(),
            answer: Some("Je mange ou bois moins".to_owned()),
            previous: Some("Aucune".to_owned()),
            place: "QuestionnaireResponse.item[1].item[6].answer[0]".to_owned(),
            free_text: false,
        }],
        threshold: Some("grade 2".to_owned()),
        source: Some("CTCAE v5".to_owned()),
        activities: Vec::new(),
    }
}

fn fired(action_id: &str, level: Level) -> RuleOutcome {
    rule(action_id, level, Some("nausee"), RuleResult::Fired)
}

fn activity(kind: ActivityKind, code: &str, text: &str, hours: i64) -> Activity {
    Activity {
        kind,
        code: code.to_owned(),
        display: None,
        priority: None,
        performers: vec!["idec".to_owned()],
        text: text.to_owned(),
        handle_within: Some(jiff::SignedDuration::from_hours(hours)),
        acknowledge_within: None,
    }
}

fn input<'a>(rules: &'a [RuleOutcome], subject: &'a Value) -> Input<'a> {
    let level = rules.iter().filter(|rule| rule.result == RuleResult::Fired).map(|rule| rule.level).max();
    Input {
        source: SOURCE,
        source_version: Some(1),
        previous: Some("QuestionnaireResponse/r0"),
        subject,
        answered_by: None,
        care_plan: Some("CarePlan/c1"),
        owner: None,
        plan: Some("https://vigie.example/fhir/PlanDefinition/p|1.0.0"),
        authored: Some("2026-03-02T09:15:00+01:00"),
        received: RECEIVED.parse().unwrap(),
        in_progress: false,
        withdrawn: false,
        level: level.unwrap_or(Level::Vert),
        rules,
        issues: &[],
        extracts: &[],
        telephone: None,
        existing: &[],
    }
}

fn patient() -> Value {
    json!({ "reference": "Patient/p1" })
}

fn ids(seed: &str) -> SeededIds {
    SeededIds::new(RECEIVED.parse().unwrap(), seed)
}

fn first(rules: &[RuleOutcome]) -> Derived {
    derive(&input(rules, &patient()), &ids("first"))
}

/// The resources as they are after the first derivation, each as a server would hold it.
fn stored(derived: &Derived) -> Vec<Value> {
    derived.resources.iter().map(|one| one.body.clone()).collect()
}

/// Derive again for an amended response, an hour later.
fn amended(rules: &[RuleOutcome], existing: &[Value]) -> Derived {
    let subject = patient();
    let mut again = input(rules, &subject);
    again.source_version = Some(2);
    again.received = "2026-03-02T10:00:00Z".parse().unwrap();
    again.existing = existing;
    derive(&again, &ids("again"))
}

fn one<'a>(derived: &'a Derived, rtype: &'static str) -> &'a Value {
    let all: Vec<&Value> = derived.of_type(rtype).collect();
    assert_eq!(all.len(), 1, "{rtype} in {derived:?}");
    all[0]
}

fn codes(tasks: &Derived) -> Vec<(&str, &str, &str)> {
    tasks
        .of_type("Task")
        .map(|task| {
            let text = |path| str_at(task, path).unwrap_or_default();
            (text("code.coding.code"), text("priority"), text("restriction.period.end"))
        })
        .collect()
}

#[test]
fn a_quiet_response_becomes_a_message_and_a_preliminary_report() {
    let derived = first(&[rule("R32", Level::Jaune, None, RuleResult::NotFired)]);
    assert_eq!(derived.of_type("Flag").count() + derived.of_type("Task").count(), 0);
    let report = one(&derived, "DiagnosticReport");
    assert_eq!(str_at(report, "status"), Some("preliminary"));
    assert_eq!(str_at(report, "conclusionCode.coding.code"), Some("vert"));
    assert_eq!(str_at(report, "conclusion"), Some("Niveau vert. Aucune alerte."));
    assert!(str_at(one(&derived, "Communication"), "payload.contentString").unwrap().starts_with("Merci"));
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let rules = [fired("R32-orange", Level::Orange), fired("R40", Level::Rouge)];
    let bytes = || serde_json::to_vec(&stored(&first(&rules))).unwrap();
    assert_eq!(bytes(), bytes());
}

#[test]
fn each_level_falls_back_to_its_own_tasks() {
    let check = |level: Level, expected: &[(&str, &str, &str)]| {
        assert_eq!(codes(&first(&[fired("R1", level)])), expected, "{level}");
    };
    check(Level::Jaune, &[("echange-application", "routine", "2026-03-05T09:00:00.000Z")]);
    check(Level::Technique, &[("relecture-humaine", "asap", "2026-03-02T17:00:00.000Z")]);
    check(Level::Orange, &[("appel-telephonique", "asap", "2026-03-02T13:00:00.000Z")]);
    check(
        Level::Rouge,
        &[
            ("appel-telephonique", "stat", "2026-03-02T10:00:00.000Z"),
            ("consultation-presentielle", "stat", "2026-03-02T17:00:00.000Z"),
        ],
    );
    check(Level::Vert, &[]);
}

#[test]
fn one_task_for_each_action_code_with_the_highest_priority_and_the_earliest_deadline() {
    let mut later = fired("R32-orange", Level::Orange);
    later.activities = vec![activity(ActivityKind::Task, "appel-telephonique", "Appeler", 4)];
    let mut sooner = fired("R86-jaune", Level::Jaune);
    sooner.activities = vec![activity(ActivityKind::Task, "appel-telephonique", "Rappeler", 2)];
    let derived = first(&[later, sooner]);
    assert_eq!(codes(&derived), [("appel-telephonique", "asap", "2026-03-02T11:00:00.000Z")]);
    let task = one(&derived, "Task");
    let flags: Vec<&str> =
        list(task, "input").filter_map(|one| str_at(one, "valueReference.reference")).collect();
    assert_eq!(flags.len(), 2);
    assert_eq!(str_at(task, "reasonReference.reference"), Some(flags[0]));
    assert_eq!(str_at(task, "focus.reference"), Some(SOURCE));
    let description = str_at(task, "description").unwrap();
    assert!(description.contains("avant le 02/03/2026 à 12:00"), "{description}");
    assert!(description.contains("Je mange ou bois moins (précédent : Aucune)"), "{description}");
}

#[test]
fn free_words_stay_out_of_the_task() {
    let mut words = fired("R87", Level::Jaune);
    words.evidence[0].free_text = true;
    words.evidence[0].answer = Some("Je suis DOMINIQUE".to_owned());
    let derived = first(&[words]);
    assert!(!one(&derived, "Task").to_string().contains("DOMINIQUE"));
}

#[test]
fn a_red_item_beside_an_unreadable_one_is_rouge_and_technique() {
    let derived = first(&[fired("R40", Level::Rouge), fired("R90", Level::Technique)]);
    let levels: Vec<&str> =
        derived.of_type("Flag").filter_map(|flag| str_at(flag, "code.coding.code")).collect();
    assert_eq!(levels, ["rouge", "technique"]);
    let tasks: Vec<&str> = codes(&derived).iter().map(|task| task.0).collect();
    assert_eq!(tasks, ["appel-telephonique", "consultation-presentielle", "relecture-humaine"]);
    assert_eq!(str_at(one(&derived, "DiagnosticReport"), "conclusionCode.coding.code"), Some("rouge"));
}

#[test]
fn advice_stands_beneath_the_call_and_what_lower_levels_say_is_not_said() {
    let said = |code: &str| activity(ActivityKind::Advice, "conseil", code, 1);
    let mut rouge = fired("R40", Level::Rouge);
    rouge.activities = vec![said("Appelez le 15"), said("Asseyez-vous")];
    let mut jaune = fired("R32", Level::Jaune);
    jaune.activities = vec![said("Réponse sous 3 jours"), said("Petits repas")];
    let rules = [jaune, rouge];
    let subject = patient();
    let mut given = input(&rules, &subject);
    given.telephone = Some("01 00 00 00 00");
    let derived = derive(&given, &ids("first"));
    let payload = list(one(&derived, "Communication"), "payload");
    let texts: Vec<&str> = payload.filter_map(|one| str_at(one, "contentString")).collect();
    let number = "Numéro de votre service, jour et nuit : 01 00 00 00 00.";
    assert_eq!(texts, ["Appelez le 15", number, "Asseyez-vous"]);
}

#[test]
fn the_trace_tells_every_rule() {
    let unknown = rule("R22", Level::Jaune, None, RuleResult::NotEvaluable("une réponse manque".to_owned()));
    let quiet = rule("R20", Level::Rouge, None, RuleResult::NotFired);
    let derived = first(&[fired("R32", Level::Jaune), unknown, quiet]);
    let provenance = one(&derived, "Provenance");
    let traces: Vec<&Value> = list(provenance, "extension").collect();
    let part = |trace: &Value, url: &str| {
        let found = list(trace, "extension").find(|part| part["url"] == url).cloned().unwrap_or_default();
        found.as_object().and_then(|part| part.values().nth(1)).and_then(Value::as_str).map(str::to_owned)
    };
    let told: Vec<_> =
        traces.iter().map(|t| (part(t, "action"), part(t, "result"), part(t, "reason"))).collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        told,
        [
            (some("R32"), some("fired"), None),
            (some("R22"), some("not-evaluable"), some("une réponse manque")),
            (some("R20"), some("not-fired"), None),
        ]
    );
    let evidence = list(traces[0], "extension").find(|part| part["url"] == "evidence").unwrap();
    assert_eq!(part(evidence, "previous"), some("Aucune"));
    assert_eq!(part(evidence, "place"), some("QuestionnaireResponse.item[1].item[6].answer[0]"));
    assert_eq!(str_at(provenance, "policy"), Some("https://vigie.example/fhir/PlanDefinition/p|1.0.0"));
    assert_eq!(str_at(provenance, "entity.what.reference"), Some("QuestionnaireResponse/r1/_history/1"));
}

#[test]
fn an_unfinished_response_becomes_alerts_only() {
    let subject = patient();
    let observation = json!({ "code": { "text": "x" }, "valueInteger": 1 });
    let extracts = [Extracted { link_id: "x", instance: 0, grade: None, observation: &observation }];
    let types = |rules: &[RuleOutcome]| {
        let mut unfinished = input(rules, &subject);
        unfinished.in_progress = true;
        unfinished.extracts = &extracts;
        let derived = derive(&unfinished, &ids("first"));
        derived
            .resources
            .iter()
            .map(|one| str_at(&one.body, "resourceType").unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(types(&[fired("R01", Level::Rouge)]), ["Flag", "Task", "Task", "Communication", "Provenance"]);
    assert_eq!(types(&[rule("R01", Level::Rouge, None, RuleResult::NotFired)]), ["Provenance"]);
}

#[test]
fn a_refused_response_is_named_by_its_binary() {
    let subject = patient();
    let rules = [fired("R90", Level::Technique)];
    let issues = [Issue::error("invalid", "unreadable").text("Température : illisible <385>")];
    let observation = json!({ "code": { "text": "x" }, "valueInteger": 1 });
    let mut refused = input(&rules, &subject);
    refused.source = "Binary/b1";
    refused.source_version = None;
    refused.issues = &issues;
    let extracts = [Extracted { link_id: "x", instance: 0, grade: None, observation: &observation }];
    refused.extracts = &extracts;
    let derived = derive(&refused, &ids("first"));
    assert_eq!(str_at(one(&derived, "Task"), "focus.reference"), Some("Binary/b1"));
    assert_eq!(one(&derived, "Observation").get("derivedFrom"), None);
    let div = str_at(one(&derived, "DiagnosticReport"), "text.div").unwrap();
    assert!(div.contains("<li>Température : illisible &lt;385&gt;</li>"), "{div}");
}

#[test]
fn a_late_response_says_when_it_was_written() {
    let subject = patient();
    let rules = [fired("R40", Level::Rouge)];
    let mut late = input(&rules, &subject);
    late.authored = Some("2026-02-27T20:00:00+01:00");
    let derived = derive(&late, &ids("first"));
    let said = "saisi le 27/02/2026 à 20:00, reçu le 02/03/2026 à 10:00";
    assert!(str_at(one(&derived, "DiagnosticReport"), "text.div").unwrap().contains(said));
    assert!(derived.of_type("Task").all(|task| str_at(task, "description").unwrap().contains(said)));
    assert!(!stored(&first(&rules)).iter().any(|resource| resource.to_string().contains("saisi le")));
}

mod amendment;
mod conformance;
mod observation;
mod property;
