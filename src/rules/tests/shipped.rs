//! The shipped protocol on the shipped questionnaire.

use std::path::Path;

use super::*;

#[expect(clippy::disallowed_methods, reason = "a test reads what the repository ships")]
fn profile(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn profiles(kind: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles").join(kind);
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| profile(path)).collect()
}

/// The responses of each course of the examples, in order.
pub(super) fn examples() -> Vec<Vec<Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/fhir");
    let course = |path: std::path::PathBuf| -> Vec<Value> {
        let mut weeks: Vec<_> = path.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        weeks.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("week-"));
        weeks.sort();
        weeks.iter().map(|path| profile(path)).collect()
    };
    folder.read_dir().unwrap().map(|entry| course(entry.unwrap().path())).collect()
}

pub(super) fn protocol() -> Protocol {
    compile(&profiles("PlanDefinition")[0], &profiles("ActivityDefinition"))
        .unwrap_or_else(|problem| panic!("{problem}"))
}

const YES_NO: &[&str] = &[
    "thorax",
    "souffle",
    "malaise",
    "neuro",
    "saignement",
    "fievre",
    "boire",
    "gonflement",
    "immuno",
    "suicide",
];
const GRADES: &[&str] = &[
    "general", "frissons", "fatigue", "douleur", "appetit", "nausee", "constip", "bouche", "souffle", "toux",
    "peau", "sommeil", "moral", "idees", "saigne", "catheter", "prise", "rappel",
];

fn item(link_id: &str, answer: Value) -> Value {
    json!({ "linkId": link_id, "answer": [answer] })
}

fn grade(link_id: &str, code: &str) -> Value {
    let system = format!("{BASE}/CodeSystem/{}", link_id.replace('.', "-"));
    json!({ "valueCoding": { "system": system, "code": code } })
}

fn celsius(value: &str) -> Value {
    let number: Value = serde_json::from_str(value).unwrap();
    json!({ "valueQuantity": { "value": number, "unit": "°C", "system": "http://unitsofmeasure.org", "code": "Cel" } })
}

/// A response in which nothing is wrong, except for what `change` puts in (link id, answer).
pub(super) fn week(change: &[(&str, Value)]) -> Value {
    let changed = |link_id: &str, usual: Value| {
        let found = change.iter().find(|(changed, _)| *changed == link_id);
        let answer = found.map_or(usual, |(_, answer)| answer.clone());
        (!answer.is_null()).then(|| item(link_id, answer))
    };
    let alerts: Vec<Value> = YES_NO
        .iter()
        .filter_map(|name| changed(&format!("alerte.{name}"), json!({ "valueBoolean": false })))
        .collect();
    let temperature: Vec<Value> = [
        changed("base.temp.max", celsius("36.8")),
        changed("base.temp.masque", json!({ "valueBoolean": false })),
    ]
    .into_iter()
    .flatten()
    .collect();
    let stools: Vec<Value> = std::iter::once(changed("base.selles.nombre", integer(0)))
        .chain(
            ["nuit", "sang", "incontinence", "ventre"]
                .iter()
                .map(|name| changed(&format!("base.selles.{name}"), json!({ "valueBoolean": false }))),
        )
        .flatten()
        .collect();
    let mut base: Vec<Value> = GRADES
        .iter()
        .filter_map(|name| {
            let link_id = format!("base.{name}");
            changed(&link_id, grade(&link_id, "0"))
        })
        .collect();
    base.push(json!({ "linkId": "base.temp", "item": temperature }));
    base.push(json!({ "linkId": "base.selles", "item": stools }));
    base.extend(changed("base.vomi", integer(0)));
    base.extend(changed("base.membre", json!({ "valueBoolean": false })));
    base.extend(changed("base.poids", json!({ "valueQuantity": { "value": 61, "code": "kg", "unit": "kg", "system": "http://unitsofmeasure.org" } })));
    json!({
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "authored": "2026-03-02T09:15:00+01:00",
        "item": [{ "linkId": "alerte", "item": alerts }, { "linkId": "base", "item": base }],
    })
}

fn care_plan(class: &str, drug: &str) -> Value {
    let code = |code: &str| json!({ "system": format!("{BASE}/CodeSystem/treatment-class"), "code": code });
    json!({
        "resourceType": "CarePlan",
        "status": "active",
        "activity": [{ "detail": {
            "status": "in-progress",
            "code": { "coding": [code(class), code(drug)] },
            "scheduledPeriod": { "start": "2026-01-05" },
        } }],
    })
}

fn fired(protocol: &Protocol, facts: &Facts<'_>) -> (Level, Vec<String>) {
    let evaluation = protocol.evaluate(facts);
    let fired = evaluation.outcomes.iter().filter(|outcome| outcome.result == Truth::True);
    (evaluation.level, fired.map(|outcome| outcome.action.id.clone()).collect())
}

#[test]
fn it_compiles_and_names_its_questionnaire() {
    assert_eq!(
        protocol().questionnaires(),
        [format!("{BASE}/Questionnaire/surveillance-hebdomadaire|1.0.0")]
    );
}

#[test]
fn a_quiet_week_is_vert_and_fully_evaluable() {
    let protocol = protocol();
    let (week, plan) = (week(&[]), care_plan("cytotoxique", "fluorouracile"));
    let evaluation = protocol.evaluate(&Facts { careplans: std::slice::from_ref(&plan), ..facts(&week) });
    let unknown: Vec<_> =
        results(&evaluation).into_iter().filter(|(_, r)| matches!(r, Truth::NotEvaluable(_))).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert_eq!(evaluation.level, Level::Vert);
    assert_eq!(result(&evaluation, "R00"), &Truth::True);
}

#[test]
fn levels_follow_the_clinical_table() {
    let protocol = protocol();
    let chemo = care_plan("cytotoxique", "fluorouracile");
    let immuno = care_plan("inhibiteur-checkpoint", "pembrolizumab");
    let check = |plan: &Value, change: &[(&str, Value)], level: Level, rule: &str| {
        let week = week(change);
        let (found, fired) =
            fired(&protocol, &Facts { careplans: std::slice::from_ref(plan), ..facts(&week) });
        assert_eq!(found, level, "{rule}: {fired:?}");
        assert!(fired.iter().any(|id| id.starts_with(rule)), "{rule}: {fired:?}");
    };
    let yes = || json!({ "valueBoolean": true });
    check(&chemo, &[("alerte.thorax", yes())], Level::Rouge, "R45");
    check(&chemo, &[("base.temp.max", celsius("38.4"))], Level::Rouge, "R02");
    check(&chemo, &[("base.temp.max", celsius("38.0"))], Level::Rouge, "R03");
    check(&chemo, &[("base.temp.max", celsius("37.6"))], Level::Orange, "R05");
    check(&immuno, &[("base.temp.max", celsius("38.4"))], Level::Orange, "R06");
    check(&chemo, &[("base.nausee", grade("base.nausee", "2"))], Level::Jaune, "R32");
    check(&chemo, &[("base.nausee", grade("base.nausee", "3"))], Level::Orange, "R32");
    check(&chemo, &[("base.selles.nombre", integer(7))], Level::Rouge, "R20");
    check(&chemo, &[("base.selles.nombre", integer(4))], Level::Orange, "R21");
    check(&chemo, &[("base.vomi", integer(6))], Level::Rouge, "R30");
    check(&immuno, &[("base.toux", grade("base.toux", "1"))], Level::Orange, "R42");
    check(&chemo, &[("base.rappel", grade("base.rappel", "2"))], Level::Orange, "R86");
}

#[test]
fn under_capecitabine_the_next_tablet_waits_for_the_call_from_four_stools_on() {
    let protocol = protocol();
    let says_it = |drug: &str, stools: i64| {
        let (week, plan) = (week(&[("base.selles.nombre", integer(stools))]), care_plan("cytotoxique", drug));
        let facts = Facts { careplans: std::slice::from_ref(&plan), ..facts(&week) };
        let (level, fired) = fired(&protocol, &facts);
        assert!(!fired.iter().any(|id| id.starts_with("R15") || id.starts_with("R16")), "{fired:?}");
        let outcomes = protocol.evaluate(&facts).outcomes;
        let urgent = outcomes.iter().filter(|one| one.result == Truth::True && one.action.level == level);
        let mut texts = urgent.flat_map(|one| one.action.activities.iter().map(|one| one.text.clone()));
        (level, texts.any(|text| text.contains("avant de prendre le prochain comprimé")))
    };
    for (stools, level) in [(3, Level::Jaune), (4, Level::Orange), (6, Level::Orange), (7, Level::Rouge)] {
        assert_eq!(says_it("capecitabine", stools), (level, stools >= 4), "{stools}");
        assert_eq!(says_it("fluorouracile", stools), (level, false), "{stools}");
    }
}

#[test]
fn each_answer_taken_away_is_at_least_technique_never_vert() {
    let protocol = protocol();
    let plan = care_plan("cytotoxique", "fluorouracile");
    let mut needed: Vec<String> = YES_NO.iter().map(|name| format!("alerte.{name}")).collect();
    needed.extend(GRADES.iter().map(|name| format!("base.{name}")));
    needed
        .extend(["base.temp.max", "base.temp.masque", "base.selles.nombre", "base.vomi"].map(str::to_owned));
    for link_id in needed.iter().filter(|link_id| *link_id != "base.prise") {
        let week = week(&[(link_id, Value::Null)]);
        let evaluation = protocol.evaluate(&Facts { careplans: std::slice::from_ref(&plan), ..facts(&week) });
        assert!(evaluation.level >= Level::Technique, "without {link_id} the level is {}", evaluation.level);
    }
}

#[test]
fn a_fever_without_a_care_plan_is_never_passed_over() {
    let protocol = protocol();
    let week = week(&[("base.temp.max", celsius("38.4"))]);
    let (level, fired) = fired(&protocol, &facts(&week));
    assert!(level >= Level::Technique && fired.contains(&"R90".to_owned()), "{level} {fired:?}");
}

#[test]
fn a_red_flag_on_an_unfinished_form_is_rouge() {
    let protocol = protocol();
    let plan = care_plan("cytotoxique", "fluorouracile");
    let response = json!({
        "resourceType": "QuestionnaireResponse",
        "status": "in-progress",
        "authored": "2026-03-02T09:15:00+01:00",
        "item": [{ "linkId": "alerte", "item": [item("alerte.thorax", json!({ "valueBoolean": true }))] }],
    });
    let unfinished = Facts { careplans: std::slice::from_ref(&plan), in_progress: true, ..facts(&response) };
    let (level, fired) = fired(&protocol, &unfinished);
    assert_eq!(level, Level::Rouge);
    assert!(!fired.iter().any(|id| id.starts_with("R90")), "{fired:?}");
}
