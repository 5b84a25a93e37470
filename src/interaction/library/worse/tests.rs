//! A small protocol for each kind of fault, and those that are shipped.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::interaction::library::{compile_all, compile_form, compile_plan};
use crate::json::json;
use crate::terminology::{ALERT_LEVEL, ALERT_RULE, SYMPTOM};

#[expect(clippy::disallowed_methods, reason = "a test reads what the repository ships")]
fn profiles() -> Vec<Value> {
    let read = |path: std::path::PathBuf| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let inside = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let files = inside.filter(|path| path.is_dir()).flat_map(|path| path.read_dir().unwrap());
    files.map(|entry| read(entry.unwrap().path())).collect()
}

/// A question with the grades 0 to 3.
fn grade(link_id: &str) -> Value {
    let option = |n: i64| {
        let ordinal =
            json!({ "url": "http://hl7.org/fhir/StructureDefinition/ordinalValue", "valueDecimal": n });
        json!({ "valueCoding": { "system": "urn:grade", "code": n.to_string() }, "extension": [ordinal] })
    };
    let options: Vec<Value> = (0..4).map(option).collect();
    json!({ "linkId": link_id, "type": "choice", "answerOption": options })
}

fn question(link_id: &str, kind: &str) -> Value {
    json!({ "linkId": link_id, "type": kind })
}

fn of(link_id: &str) -> String {
    format!("%resource.item.where(linkId = '{link_id}').answer.value")
}

fn rule(id: &str, level: &str, condition: String) -> Value {
    json!({
        "id": id,
        "title": id,
        "code": [
            { "coding": [{ "system": ALERT_RULE, "code": id }] },
            { "coding": [{ "system": ALERT_LEVEL, "code": level }] },
            { "coding": [{ "system": SYMPTOM, "code": "nausee" }] },
        ],
        "condition": [{ "kind": "applicability",
            "expression": { "language": "text/fhirpath", "expression": condition } }],
    })
}

fn looked(items: &[Value], rules: &[Value], most: usize) -> Vec<Issue> {
    let terminology = Terminology::default();
    let form = json!({ "resourceType": "Questionnaire", "url": "urn:q", "version": "1", "status": "active", "item": items });
    let form = compile_form(form, &terminology).unwrap();
    let plan = json!({
        "resourceType": "PlanDefinition", "url": "urn:p", "version": "1", "status": "active",
        "relatedArtifact": [{ "type": "depends-on", "resource": "urn:q|1" }],
        "action": rules,
    });
    lowered_within(&compile_plan(plan, &[]).unwrap(), &[&form], &terminology, most)
}

/// What is told of a protocol: nothing, or one counterexample with all of these in it.
fn check(items: &[Value], rules: &[Value], expected: &[&str]) {
    let found = looked(items, rules, EVALUATIONS_MAX);
    assert_eq!(found.is_empty(), expected.is_empty(), "{found:#?}");
    for part in expected {
        assert!(found.iter().any(|issue| issue.diagnostics.contains(part)), "{part}: {found:#?}");
    }
}

fn code(link_id: &str) -> String {
    format!("{}.code.toInteger()", of(link_id))
}

#[test]
fn a_protocol_whose_levels_rise_with_its_answers_is_told_nothing_about() {
    let items = [grade("a"), question("b", "boolean"), question("n", "integer"), question("w", "decimal")];
    let rules = [
        rule("R1", "jaune", format!("{} = 2", code("a"))),
        rule("R2", "orange", format!("{} = 3", code("a"))),
        rule("R3", "rouge", format!("{} and {} >= 2", of("b"), code("a"))),
        rule("R4", "orange", format!("{} >= 4 and {0} <= 6", of("n"))),
        rule("R5", "rouge", format!("{} >= 7", of("n"))),
        // Best in the middle.
        rule("R6", "orange", format!("{} < 36.0 or {0} >= 37.5", of("w"))),
        rule("R7", "rouge", format!("{} >= 38.0", of("w"))),
    ];
    check(&items, &rules, &[]);
}

#[test]
fn an_inverted_comparison_is_a_counterexample_with_answers_levels_and_rule() {
    let rules = [
        rule("R1", "rouge", format!("{} <= 2 and {0} >= 1", code("a"))),
        rule("R2", "orange", format!("{} >= 3", code("a"))),
    ];
    check(&[grade("a")], &rules, &["rouge with 'a' 2; orange with 'a' 3", "R1 fires"]);
    let found = looked(&[grade("a")], &rules, EVALUATIONS_MAX);
    assert_eq!(
        found[0].expression.as_deref(),
        Some("PlanDefinition.action[0].condition[0].expression.expression")
    );
    check(
        &[question("b", "boolean")],
        &[rule("R1", "rouge", format!("{} = false", of("b")))],
        &["rouge with 'b' false; vert with 'b' true"],
    );
}

#[test]
fn a_rule_that_a_worse_answer_to_another_question_silences_is_a_counterexample() {
    let rules = [rule("R1", "rouge", format!("{} >= 3 and {} < 2", code("a"), code("b")))];
    check(&[grade("a"), grade("b")], &rules, &["rouge with 'b' 1, 'a' 3; vert with 'b' 2, 'a' 3"]);
}

#[test]
fn one_choice_more_that_silences_a_rule_is_a_counterexample() {
    let mut several = grade("a");
    several["repeats"] = json!(true);
    let grave = format!("{}.where(code = '3').exists()", of("a"));
    check(std::slice::from_ref(&several), &[rule("R1", "rouge", grave.clone())], &[]);
    let alone = format!("{grave} and {}.count() = 1", of("a"));
    check(&[several], &[rule("R1", "rouge", alone)], &["rouge with 'a' 3; vert with 'a' 1 + 2 + 3"]);
}

#[test]
fn a_gap_between_two_thresholds_of_a_number_is_a_counterexample() {
    let rules = [
        rule("R1", "orange", format!("{} >= 4 and {0} < 6", of("n"))),
        rule("R2", "rouge", format!("{} >= 7", of("n"))),
    ];
    check(&[question("n", "integer")], &rules, &["orange with 'n' 5; vert with 'n' 6"]);
}

#[test]
fn every_threshold_of_a_number_is_looked_at_however_many_there_are() {
    let never: Vec<String> = (1..=20).map(|n| format!("{} = {}", of("n"), n * 10)).collect();
    let rules = [
        rule("R1", "orange", format!("{} >= 400 and {0} < 600", of("n"))),
        rule("R2", "rouge", format!("{} >= 700", of("n"))),
        rule("R3", "jaune", format!("{} < 0 and ({})", of("n"), never.join(" or "))),
    ];
    check(&[question("n", "integer")], &rules, &["orange with 'n' 599; vert with 'n' 600"]);
}

#[test]
fn a_number_is_looked_at_around_what_it_was_a_week_before() {
    let mut weight = question("w", "decimal");
    let limit = |name: &str, value: i64| json!({ "url": format!("http://hl7.org/fhir/StructureDefinition/{name}"), "valueDecimal": value });
    weight["extension"] = json!([limit("minValue", 25), limit("maxValue", 300)]);
    let before = "%history.item.where(linkId = 'w').answer.value";
    let now = of("w");
    let lost = |id: &str, level: &str, share: &str| {
        rule(id, level, format!("{now}.exists() and {before}.where({now} <= $this * {share}).exists()"))
    };
    let rises = [lost("R1", "jaune", "0.95"), lost("R2", "orange", "0.9")];
    check(std::slice::from_ref(&weight), &rises, &[]);
    // Whatever is not believed must not take the place of what it would have said.
    let mut replaced = rises.to_vec();
    replaced[1] = rule(
        "R2",
        "orange",
        format!("{now}.exists() and {before}.where({now} <= $this * 0.9 and {now} >= $this * 0.8).exists()"),
    );
    check(&[weight.clone()], &replaced, &["orange with 'w' 130; jaune with 'w' 129.9", "after a good week"]);
    let gained = rule(
        "R3",
        "jaune",
        format!("{now}.exists() and {before}.where({now} >= $this + 5 and {now} < $this + 9).exists()"),
    );
    check(&[weight], &[gained], &["jaune with 'w' 171.4; vert with 'w' 171.5"]);
}

#[test]
fn a_condition_that_hides_the_grave_question_is_a_counterexample() {
    let mut grave = question("g", "boolean");
    grave["enableWhen"] =
        json!([{ "question": "a", "operator": "=", "answerCoding": { "system": "urn:grade", "code": "1" } }]);
    let rules = [
        rule("R1", "rouge", format!("{}.exists() and {0} = true", of("g"))),
        rule("R2", "jaune", format!("{} >= 2", code("a"))),
    ];
    check(&[grade("a"), grave.clone()], &rules, &["rouge with 'a' 1, 'g' true; jaune with 'a' 2"]);
    // Asked from there on, and not answered, it cannot lower anything.
    grave["enableBehavior"] = json!("any");
    grave["enableWhen"] = ["1", "2", "3"]
        .map(|code| json!({ "question": "a", "operator": "=", "answerCoding": { "system": "urn:grade", "code": code } }))
        .to_vec()
        .into();
    check(&[grade("a"), grave], &rules, &[]);
}

#[test]
fn what_has_no_order_is_left_out() {
    let mut unordered = grade("a");
    for option in unordered["answerOption"].as_array_mut().unwrap().iter_mut() {
        option.as_object_mut().unwrap().remove("extension");
    }
    check(&[unordered], &[rule("R1", "rouge", format!("{} = 1", code("a")))], &[]);
    let mut call = rule("R1", "jaune", format!("{} = false", of("b")));
    call["code"].as_array_mut().unwrap().pop();
    check(&[question("b", "boolean")], &[call], &[]);
}

#[test]
fn a_bound_that_leaves_a_question_unchecked_is_told() {
    let rules = [rule("R1", "rouge", format!("{} >= 3 and {} >= 2", code("a"), code("b")))];
    let found = looked(&[grade("a"), grade("b")], &rules, 10);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].code, "too-costly");
    assert!(found[0].diagnostics.contains("from 'a' on"), "{}", found[0].diagnostics);
}

#[test]
fn worse_answers_never_give_a_lower_level_in_any_protocol_that_is_shipped() {
    let resources = profiles();
    let shelf = compile_all(resources.clone()).unwrap();
    let plans: Vec<&Value> = resources.iter().filter(|one| one["resourceType"] == "PlanDefinition").collect();
    assert!(!plans.is_empty());
    for plan in plans {
        let canonical = format!("{}|{}", plan["url"].as_str().unwrap(), plan["version"].as_str().unwrap());
        let plan = shelf.plan(&canonical).unwrap();
        let forms: Vec<_> =
            plan.compiled.questionnaires().iter().map(|one| shelf.form(one).unwrap()).collect();
        let forms: Vec<&Form> = forms.iter().map(Arc::as_ref).collect();
        // What was looked at is what the rules look at: a search that sees nothing finds nothing.
        let terminology = shelf.terminology();
        let mut search = Search::new(&plan.compiled, &forms[0].compiled, &terminology, EVALUATIONS_MAX);
        search.run();
        let tell = Tell { plan: &plan, search: &search };
        let found: Vec<Issue> = search.found.iter().map(|one| tell.issue(one)).collect();
        assert!(found.is_empty() && search.unchecked.is_empty(), "{canonical}: {found:#?}");
        let seen: Vec<&str> = search.ladders.iter().map(|ladder| ladder.link_id.as_str()).collect();
        for link_id in
            ["alerte.thorax", "base.nausee", "base.temp.max", "base.spo2", "base.selles.nombre", "base.poids"]
        {
            assert!(seen.contains(&link_id), "{link_id} {seen:?}");
        }
        assert!(!seen.contains(&"base.libre"), "{seen:?}");
        assert!(search.spent > 10_000 && search.spent < EVALUATIONS_MAX, "{}", search.spent);
        // What is known of a weight is looked at on both sides of what it was.
        let weight = search.ladders.iter().find(|ladder| ladder.link_id == "base.poids").unwrap();
        assert!(weight.usual.is_some_and(|usual| usual > 5 && usual + 5 < weight.rungs.len()));
    }
}
