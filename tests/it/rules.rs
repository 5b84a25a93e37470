//! Each rule of the weekly protocol fires, stays silent, and says that nobody can tell, where
//! `tests/cases/rules` says so; and each week of `examples/fhir` has the level, the rules and the tasks
//! that were derived from the written rules by hand.
//!
//! A case is one change on a quiet week (`base.json`: `linkId` to answer). `answers` replaces answers:
//! a grade is its code as text, a quantity its number in the unit of the question or a whole `Quantity`,
//! `"refus"` is *asked-declined*, `"sans-objet"` is *not-applicable*, `null` takes the answer away.
//! `previous` is the same for the questionnaire of the week before (absent: there was none), `history` for
//! all the earlier ones, newest first; each may say when it was `authored`, `null` that it does not. `careplan` is a folder of `examples/fhir` (`folfox` when not said),
//! or `{classes, start, end}`, or `null`. `expect` says by action id: `true` it fires, `false` it does not,
//! `null` nobody can tell.

mod scene;

use std::collections::{BTreeMap, BTreeSet};

use vigie::json::{Value, json};
use vigie::judgement::{ActivityKind, Evaluation, Priority, Truth};

use scene::{Content, Scene, folders, read};

/// Actions that nobody can fail to tell, and why.
const ALWAYS_KNOWN: &[(&str, &str)] = &[
    ("R15", "what fired is always known"),
    ("R16", "what fired is always known"),
    ("R00", "an incomplete response is not one with nothing to report"),
    ("R43-rouge", "the saturation is optional"),
    ("R43-orange", "the saturation is optional"),
    ("R87", "the text is optional"),
    ("R90", "it is what not being able to tell becomes"),
];

fn result(evaluation: &Evaluation, action: &str) -> Option<bool> {
    let outcome = evaluation.outcomes.iter().find(|outcome| outcome.action.id == action);
    match &outcome.unwrap_or_else(|| panic!("no action {action}")).result {
        Truth::True => Some(true),
        Truth::False => Some(false),
        Truth::NotEvaluable(_) | Truth::NotRun => None,
    }
}

fn fired(evaluation: &Evaluation) -> BTreeSet<&str> {
    let fired = evaluation.outcomes.iter().filter(|outcome| outcome.result == Truth::True);
    fired.map(|outcome| outcome.action.id.as_str()).collect()
}

/// Cases by rule, each with the place to show.
fn cases() -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for rule in folders("tests/cases/rules") {
        for kind in ["fires", "silent", "not-evaluable"] {
            let place = format!("tests/cases/rules/{rule}/{kind}.json");
            let Some(file) = read(&place) else { continue };
            for case in file.as_array().expect("a file of cases is a list") {
                let place = format!("{place}: {}", case["says"].as_str().expect("a case says what it is"));
                all.push((rule.clone(), place, case.clone()));
            }
        }
    }
    assert!(all.len() > 500, "only {} cases were found", all.len());
    all
}

#[test]
fn every_rule_does_what_its_cases_say() {
    let content = Content::load();
    let mut faults = Vec::new();
    for (_, place, case) in cases() {
        let evaluation = Scene::of_case(&content, &case).evaluate(&content);
        for (action, expected) in case["expect"].as_object().expect("a case expects something") {
            let found = result(&evaluation, action);
            if found != expected.as_bool() {
                faults.push(format!("{place}: {action} is {found:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_rule_has_a_firing_a_silent_and_a_not_evaluable_case() {
    let content = Content::load();
    let mut seen: BTreeMap<(String, Option<bool>), usize> = BTreeMap::new();
    for (rule, place, case) in cases() {
        for (action, expected) in case["expect"].as_object().expect("a case expects something") {
            *seen.entry((action.to_owned(), expected.as_bool())).or_default() += 1;
            let own = action.split('-').next() == Some(rule.as_str());
            assert!(own || rule == "R90", "{place}: {action} belongs to another rule");
        }
    }
    let mut missing = Vec::new();
    for action in content.actions() {
        for kind in [Some(true), Some(false), None] {
            let always_known = ALWAYS_KNOWN.iter().any(|(known, _)| *known == action);
            let has_one = seen.contains_key(&(action.clone(), kind));
            if kind.is_none() && always_known {
                assert!(!has_one, "{action} is said to be always known, and a case says otherwise");
            } else if !has_one {
                missing.push(format!("{action}: {kind:?}"));
            }
        }
    }
    assert!(missing.is_empty(), "no case for\n{}", missing.join("\n"));
}

#[test]
fn every_week_of_the_examples_has_the_result_derived_by_hand() {
    let content = Content::load();
    let mut weeks = 0;
    let mut faults = Vec::new();
    for patient in folders("examples/fhir") {
        let Some(expected) = read(&format!("examples/fhir/{patient}/expected.json")) else { continue };
        let mut earlier: Vec<Value> = Vec::new();
        for week in expected["weeks"].as_array().expect("weeks") {
            weeks += 1;
            let place = format!("examples/fhir/{patient}/{}", week["file"].as_str().expect("a file"));
            let response = read(&place).expect("the file of the week");
            earlier.retain(|one| one["id"] != response["id"]);
            let answered = earlier.iter().filter(|one| one["status"] != "in-progress").cloned().collect();
            let scene = Scene::of_week(&patient, &response, answered);
            faults.extend(differences(&place, week, &scene.evaluate(&content)));
            earlier.insert(0, response);
        }
    }
    assert!(weeks >= 25, "only {weeks} weeks were found");
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn differences(place: &str, week: &Value, evaluation: &Evaluation) -> Vec<String> {
    let texts = |name: &str| -> BTreeSet<&str> {
        week[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let mut faults = Vec::new();
    if week["level"] != evaluation.level.code() {
        faults.push(format!("{place}: the level is {}", evaluation.level.code()));
    }
    if texts("fired") != fired(evaluation) {
        faults.push(format!("{place}: fired {:?}", fired(evaluation)));
    }
    let unknown = evaluation.outcomes.iter().filter(|one| matches!(one.result, Truth::NotEvaluable(_)));
    let unknown: BTreeSet<&str> = unknown.map(|outcome| outcome.action.id.as_str()).collect();
    let unfinished = evaluation.outcomes.iter().any(|outcome| outcome.result == Truth::NotRun);
    if !unfinished && texts("notEvaluable") != unknown {
        faults.push(format!("{place}: nobody can tell {unknown:?}"));
    }
    let expected: BTreeSet<String> = week["tasks"].as_array().into_iter().flatten().map(asked).collect();
    if expected != tasks(evaluation) {
        faults.push(format!("{place}: tasks {:?}", tasks(evaluation)));
    }
    faults
}

/// What the rules ask of an expected task; since when it runs is the affair of the journey.
fn asked(task: &Value) -> String {
    let (code, priority, hours) = (&task["code"], &task["priority"], &task["withinHours"]);
    json!({ "code": code, "priority": priority, "withinHours": hours }).to_string()
}

/// One task for each action code: the shortest delay and the highest priority of the rules that ask.
fn tasks(evaluation: &Evaluation) -> BTreeSet<String> {
    let mut merged: BTreeMap<&str, (Priority, i64)> = BTreeMap::new();
    let fired = evaluation.outcomes.iter().filter(|outcome| outcome.result == Truth::True);
    for activity in fired.flat_map(|outcome| &outcome.action.activities) {
        if activity.kind != ActivityKind::Task {
            continue;
        }
        let priority = activity.priority.expect("a task has a priority");
        let hours = activity.handle_within.expect("a task has a delay").as_hours();
        let one = merged.entry(&activity.code).or_insert((priority, hours));
        *one = (one.0.max(priority), one.1.min(hours));
    }
    let shown = merged.into_iter().map(|(code, (priority, hours))| {
        json!({ "code": code, "priority": priority.code(), "withinHours": hours }).to_string()
    });
    shown.collect()
}

/// Every graded symptom, grade after grade, on three backgrounds and under each treatment.
#[test]
fn a_worse_answer_never_gives_a_lower_level() {
    let content = Content::load();
    let backgrounds = [
        json!({}),
        json!({ "base.fatigue": "3" }),
        json!({ "base.appetit": "2", "base.sommeil": "2", "base.souffle": "1" }),
    ];
    let graded = content.graded();
    assert!(graded.len() >= 15, "only {graded:?}");
    for careplan in ["folfox", "capecitabine", "pembrolizumab"] {
        for (background, previous) in backgrounds.iter().flat_map(|one| [(one, None), (one, Some(json!({})))])
        {
            for (link_id, codes) in &graded {
                let mut lowest = None;
                for code in codes {
                    let mut case = json!({ "careplan": careplan, "answers": background });
                    case["answers"][link_id] = json!(code);
                    if let Some(previous) = &previous {
                        case["previous"] = previous.clone();
                    }
                    if link_id == "base.douleur" && code != "0" {
                        case["answers"]["base.douleur.note"] = json!(1);
                    }
                    let level = Scene::of_case(&content, &case).evaluate(&content).level;
                    assert!(Some(level) >= lowest, "{careplan}, {case}: {level:?} after {lowest:?}");
                    lowest = Some(level);
                }
            }
        }
    }
}

/// Every measure and count, worse after worse, and every sign of danger, under each treatment.
#[test]
fn a_worse_measure_never_gives_a_lower_level() {
    let content = Content::load();
    let measures: [(&str, Vec<Value>); 5] = [
        ("base.temp.max", [36.6, 37.4, 37.5, 37.9, 38.0, 38.3, 38.4, 41.0].map(|one| json!(one)).into()),
        ("base.temp.jour", [36.6, 37.4, 37.5, 37.9, 38.0, 38.3, 38.4, 41.0].map(|one| json!(one)).into()),
        ("base.spo2", [99, 95, 94, 92, 91, 80].map(|one| json!(one)).into()),
        ("base.selles.nombre", (0..=12).map(|one| json!(one)).collect()),
        ("base.vomi", (0..=9).map(|one| json!(one)).collect()),
    ];
    let signs = content.link_ids().into_iter().filter(|id| {
        let of_bowels = ["nuit", "sang", "incontinence", "ventre"].iter().any(|part| id.ends_with(part));
        (id.starts_with("alerte.") && !id.contains("consigne") && !id.contains("intro"))
            || (id.starts_with("base.selles.") && of_bowels)
            || ["base.temp.masque", "base.membre"].contains(&id.as_str())
    });
    let signs = signs.map(|id| (id, vec![json!(false), json!(true)]));
    let all: Vec<(String, Vec<Value>)> =
        measures.into_iter().map(|(id, values)| (id.to_owned(), values)).chain(signs).collect();
    assert_eq!(all.len(), 5 + 10 + 4 + 2);
    for careplan in ["folfox", "capecitabine", "pembrolizumab"] {
        for background in [json!({}), json!({ "base.frissons": "1", "base.souffle": "1" })] {
            for (link_id, values) in &all {
                let mut lowest = None;
                for value in values {
                    let mut case = json!({ "careplan": careplan, "answers": background });
                    case["answers"][link_id] = value.clone();
                    let level = Scene::of_case(&content, &case).evaluate(&content).level;
                    assert!(Some(level) >= lowest, "{careplan}, {case}: {level:?} after {lowest:?}");
                    lowest = Some(level);
                }
            }
        }
    }
}

#[test]
fn rules_speak_only_of_questions_that_exist() {
    let content = Content::load();
    let known = content.link_ids();
    let text = content.plan.to_string();
    let mut named: BTreeSet<&str> =
        text.split("linkId = '").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
    let evidence = content.plan["action"].as_array().expect("actions").iter();
    named.extend(
        evidence
            .flat_map(|action| action["extension"].as_array().into_iter().flatten())
            .filter(|one| one["url"].as_str().is_some_and(|url| url.ends_with("/rule-evidence")))
            .filter_map(|one| one["valueString"].as_str()),
    );
    assert!(named.len() > 30, "only {named:?}");
    let unknown: Vec<&&str> = named.iter().filter(|name| !known.contains(**name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
