//! The derivation as a whole, on synthetic outcomes.

use std::sync::Arc;

use crate::json::{Value, json};

use super::*;
use crate::clock::SeededIds;
use crate::fhir::element::{list, str_at};
use crate::judgement::{
    Action, Activity, ActivityKind, Evaluation, Evidence, Outcome, Priority, Symptom, Truth,
};
use crate::problem::Issue;
use crate::terminology::Level;

const SOURCE: &str = "QuestionnaireResponse/r1";
const RECEIVED: &str = "2026-03-02T09:00:00Z";

fn rule(action_id: &str, level: Level, symptom: Option<&str>, result: Truth) -> Outcome {
    let action = Action {
        id: action_id.to_owned(),
        rule: action_id.split('-').next().unwrap_or_default().to_owned(),
        level,
        symptom: symptom.map(|code| Symptom { code: code.to_owned(), display: None }),
        title: format!("Titre {action_id}"),
        message: format!("Message {action_id}"),
        threshold: Some("grade 2".to_owned()),
        source: Some("CTCAE v5".to_owned()),
        activities: Vec::new(),
    };
    let evidence = Evidence {
        link_id: "base.nausee".to_owned(),
        text: "Nausées".to_owned(),
        answer: Some("Je mange ou bois moins".to_owned()),
        previous: Some("Aucune".to_owned()),
        place: "QuestionnaireResponse.item[1].item[6].answer[0]".to_owned(),
        free_text: false,
        beyond: None,
    };
    Outcome { action: Arc::new(action), result, evidence: vec![Arc::new(evidence)] }
}

/// A rule that asks for these activities.
fn asking(mut rule: Outcome, activities: Vec<Activity>) -> Outcome {
    Arc::make_mut(&mut rule.action).activities = activities;
    rule
}

fn fired(action_id: &str, level: Level) -> Outcome {
    rule(action_id, level, Some("nausee"), Truth::True)
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

fn evaluation(rules: &[Outcome]) -> Evaluation {
    Evaluation::of(rules.to_vec())
}

fn input<'a>(evaluation: &'a Evaluation, subject: &'a Value) -> Input<'a> {
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
        fully_read: false,
        evaluation,
        issues: &[],
        telephone: None,
        existing: &[],
    }
}

fn extract() -> Extract {
    let observation = json!({ "code": { "text": "x" }, "valueInteger": 1 });
    Extract { link_id: "x".to_owned(), instance: 0, grade: None, observation }
}

fn patient() -> Value {
    json!({ "reference": "Patient/p1" })
}

fn ids(seed: &str) -> SeededIds {
    SeededIds::new(RECEIVED.parse().unwrap(), seed)
}

fn first(rules: &[Outcome]) -> Derived {
    derive(&input(&evaluation(rules), &patient()), Vec::new(), &ids("first"))
}

/// The resources as they are after the first derivation, each as a server would hold it.
fn stored(derived: &Derived) -> Vec<Value> {
    derived.resources.iter().map(|one| one.body.clone()).collect()
}

/// Derive again for an amended response, an hour later.
fn amended(rules: &[Outcome], existing: &[Value]) -> Derived {
    let (evaluation, subject) = (evaluation(rules), patient());
    let mut again = input(&evaluation, &subject);
    again.source_version = Some(2);
    again.received = "2026-03-02T10:00:00Z".parse().unwrap();
    again.existing = existing;
    derive(&again, Vec::new(), &ids("again"))
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
    let derived = first(&[rule("R32", Level::Jaune, None, Truth::False)]);
    assert_eq!(derived.of_type("Flag").count() + derived.of_type("Task").count(), 0);
    let report = one(&derived, "DiagnosticReport");
    assert_eq!(str_at(report, "status"), Some("preliminary"));
    assert_eq!(str_at(report, "conclusionCode.coding.code"), Some("vert"));
    assert_eq!(
        str_at(report, "conclusion"),
        Some(
            "Niveau vert. Aucune alerte dans cette réponse (celles des réponses précédentes ne sont pas reprises ici)."
        )
    );
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
    let call = |text, hours| vec![activity(ActivityKind::Task, "appel-telephonique", text, hours)];
    let later = asking(fired("R32-orange", Level::Orange), call("Appeler", 4));
    let sooner = asking(fired("R86-jaune", Level::Jaune), call("Rappeler", 2));
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
    let evidence = Arc::make_mut(&mut words.evidence[0]);
    evidence.free_text = true;
    evidence.answer = Some("Je suis DOMINIQUE".to_owned());
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
    let said = |code: &str| activity(ActivityKind::CommunicationRequest, "conseil", code, 1);
    let rouge = asking(fired("R40", Level::Rouge), vec![said("Appelez le 15"), said("Asseyez-vous")]);
    let quieter = vec![said("Réponse sous 3 jours"), said("Petits repas")];
    let jaune = asking(fired("R32", Level::Jaune), quieter);
    let (evaluation, subject) = (evaluation(&[jaune, rouge]), patient());
    let mut given = input(&evaluation, &subject);
    given.telephone = Some("01 00 00 00 00");
    let derived = derive(&given, Vec::new(), &ids("first"));
    let payload = list(one(&derived, "Communication"), "payload");
    let texts: Vec<&str> = payload.filter_map(|one| str_at(one, "contentString")).collect();
    let number = "Numéro de votre service, jour et nuit : 01 00 00 00 00.";
    assert_eq!(texts, ["Appelez le 15", number, "Asseyez-vous"]);
}

#[test]
fn advice_that_cannot_wait_stands_beneath_the_call_of_a_higher_level() {
    let said = |priority, text: &str| Activity {
        priority,
        ..activity(ActivityKind::CommunicationRequest, "conseil", text, 1)
    };
    let call = vec![said(Some(Priority::Stat), "Appelez le 15"), said(None, "Asseyez-vous")];
    let quieter =
        |priority| vec![said(Some(Priority::Stat), "On vous appelle"), said(priority, "Pas de comprimé")];
    let check = |priority, expected: &[&str]| {
        let orange = asking(fired("R21", Level::Orange), quieter(priority));
        let derived = first(&[orange, asking(fired("R02", Level::Rouge), call.clone())]);
        let payload = list(one(&derived, "Communication"), "payload");
        let texts: Vec<&str> = payload.filter_map(|one| str_at(one, "contentString")).collect();
        assert_eq!(texts, expected, "{priority:?}");
    };
    check(Some(Priority::Stat), &["Appelez le 15", "Pas de comprimé", "Asseyez-vous"]);
    check(Some(Priority::Asap), &["Appelez le 15", "Asseyez-vous"]);
    check(None, &["Appelez le 15", "Asseyez-vous"]);
}

#[test]
fn nobody_is_told_that_a_response_could_not_be_read_which_was() {
    let say = |text: &str| activity(ActivityKind::CommunicationRequest, "conseil", text, 1);
    let technique = asking(fired("R90", Level::Technique), vec![say("Pas pu lire."), say("Illisible.")]);
    let orange = asking(fired("R10-nausee", Level::Orange), vec![say("On vous appelle.")]);
    let check = |rules: &[Outcome], fully_read: bool, expected: &[&str]| {
        let (evaluation, subject) = (evaluation(rules), patient());
        let derived =
            derive(&Input { fully_read, ..input(&evaluation, &subject) }, Vec::new(), &ids("first"));
        let said = list(one(&derived, "Communication"), "payload");
        let said: Vec<&str> = said.filter_map(|one| str_at(one, "contentString")).collect();
        assert_eq!(said.len(), expected.len(), "{said:?}");
        assert!(said.iter().zip(expected).all(|(said, start)| said.starts_with(start)), "{said:?}");
    };
    check(std::slice::from_ref(&technique), false, &["Pas pu lire.", "Illisible."]);
    check(std::slice::from_ref(&technique), true, &["Nous avons bien reçu votre réponse"]);
    check(&[orange.clone(), technique.clone()], false, &["On vous appelle.", "Pas pu lire."]);
    check(&[orange.clone(), technique], true, &["On vous appelle."]);
    // Another rule of that level asks something of the patient, who is told it.
    let weigh = asking(fired("R53", Level::Technique), vec![say("Pesez-vous de nouveau.")]);
    check(std::slice::from_ref(&weigh), true, &["Pesez-vous de nouveau."]);
    check(&[orange, weigh], true, &["On vous appelle.", "Pesez-vous de nouveau."]);
}

#[test]
fn the_trace_tells_every_rule() {
    let unknown = rule("R22", Level::Jaune, None, Truth::NotEvaluable("une réponse manque".to_owned()));
    let quiet = rule("R20", Level::Rouge, None, Truth::False);
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
    let types = |rules: &[Outcome]| {
        let evaluation = evaluation(rules);
        let mut unfinished = input(&evaluation, &subject);
        unfinished.in_progress = true;
        let derived = derive(&unfinished, vec![extract()], &ids("first"));
        derived
            .resources
            .iter()
            .map(|one| str_at(&one.body, "resourceType").unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(types(&[fired("R01", Level::Rouge)]), ["Flag", "Task", "Task", "Communication", "Provenance"]);
    assert_eq!(types(&[rule("R01", Level::Rouge, None, Truth::False)]), ["Provenance"]);
}

#[test]
fn a_refused_response_is_named_by_its_binary() {
    let subject = patient();
    let rules = evaluation(&[fired("R90", Level::Technique)]);
    let issues = [Issue::error("invalid", "unreadable").text("Température : illisible <385>")];
    let mut refused = input(&rules, &subject);
    refused.source = "Binary/b1";
    refused.source_version = None;
    refused.issues = &issues;
    let derived = derive(&refused, vec![extract()], &ids("first"));
    assert_eq!(str_at(one(&derived, "Task"), "focus.reference"), Some("Binary/b1"));
    assert_eq!(one(&derived, "Observation").get("derivedFrom"), None);
    let div = str_at(one(&derived, "DiagnosticReport"), "text.div").unwrap();
    assert!(div.contains("<li>Température : illisible &lt;385&gt;</li>"), "{div}");
}

#[test]
fn a_late_response_says_when_it_was_written() {
    let subject = patient();
    let rules = [fired("R40", Level::Rouge)];
    let evaluation = evaluation(&rules);
    let mut late = input(&evaluation, &subject);
    late.authored = Some("2026-02-27T20:00:00+01:00");
    let derived = derive(&late, Vec::new(), &ids("first"));
    let said = "saisi le 27/02/2026 à 20:00, reçu le 02/03/2026 à 10:00";
    assert!(str_at(one(&derived, "DiagnosticReport"), "text.div").unwrap().contains(said));
    assert!(derived.of_type("Task").all(|task| str_at(task, "description").unwrap().contains(said)));
    assert!(!stored(&first(&rules)).iter().any(|resource| resource.to_string().contains("saisi le")));
}

mod amendment;
mod conformance;
mod observation;
mod property;
