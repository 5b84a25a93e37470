//! No answer falls silent: each answer of the example responses taken away, or written as it should not be, and none of them
//! then gives a calm level without a person being told (promise 2; hazards H02, H03, H11).

use vigie::interaction::{Library, Question, evaluate_with};
use vigie::json::{Value, json};
use vigie::terminology::{ALERT_LEVEL, Level};

use crate::support::{example, profiles};

/// What somebody may do to an answer.
type Corruption = (&'static str, fn(&mut Value));

/// Ways of writing an answer that are tried on each one, in turn; every one meets every type of item somewhere.
const TRIED_EACH: usize = 3;

/// Measures that a patient may leave out.
const OPTIONAL: &[&str] = &["base.spo2", "base.temp.jour", "base.temp.max.date", "base.poids", "base.libre"];

/// Each leaves an answer that no rule can use as it is.
const CORRUPTIONS: &[Corruption] = &[
    ("an answer without value", |answer| {
        answer.as_object_mut().unwrap().retain(|name, _| !name.starts_with("value"));
    }),
    ("a text", |answer| *answer = json!({"valueString": "38,9"})),
    ("an unknown code", |answer| {
        *answer = json!({"valueCoding": {"system": "https://elsewhere.example", "code": "3"}});
    }),
    ("a code alone", |answer| *answer = json!({"valueCoding": {"code": "9"}})),
    ("declined by a code of our own", |answer| {
        *answer = json!({"valueCoding": {"system": "x", "code": "refus"}})
    }),
    ("a quantity in another unit", |answer| {
        *answer = json!({"valueQuantity": {"value": 20, "unit": "g", "system": "http://unitsofmeasure.org", "code": "g"}});
    }),
    ("more than a number", |answer| {
        *answer = json!({"valueQuantity": {"value": 36, "comparator": ">", "unit": "°C",
            "system": "http://unitsofmeasure.org", "code": "Cel"}});
    }),
    ("a quantity without value", |answer| *answer = json!({"valueQuantity": {"unit": "°C", "code": "Cel"}})),
    ("a boolean as text", |answer| *answer = json!({"valueBoolean": "true"})),
    ("a number as text", |answer| *answer = json!({"valueInteger": "7"})),
    ("two values", |answer| {
        answer["valueDecimal"] = json!(1);
        answer["valueUri"] = json!("urn:x");
    }),
    ("nothing", |answer| *answer = Value::Null),
];

struct Setting {
    library: Library,
    careplan: Value,
    patient: Value,
}

/// Where the answers are: pointers to each item that has one.
fn answered(value: &Value, pointer: &str, found: &mut Vec<String>) {
    for (n, item) in value["item"].as_array().into_iter().flatten().enumerate() {
        let at = format!("{pointer}/item/{n}");
        if item["answer"].is_array() {
            found.push(at.clone());
        }
        answered(item, &at, found);
    }
}

impl Setting {
    fn of(course: &str) -> Self {
        Self {
            library: Library::from_resources(profiles()).expect("the shipped definitions"),
            careplan: example(&format!("{course}/careplan.json")),
            patient: example(&format!("{course}/patient.json")),
        }
    }

    /// The highest level among the alerts, and whether *technique* is one of them.
    fn judge(&self, response: &Value, previous: &[Value]) -> (Level, bool) {
        let question = Question {
            response: response.clone(),
            previous: previous.to_vec(),
            patient: Some(self.patient.clone()),
            careplans: vec![self.careplan.clone()],
            received_at: "2026-04-20T08:00:00Z".parse().unwrap(),
        };
        let bundle = evaluate_with(&self.library, question).expect("a judgement");
        let resources = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
        let levels: Vec<Level> = resources
            .filter(|one| one["resourceType"] == "Flag")
            .flat_map(|flag| flag["code"]["coding"].as_array().unwrap())
            .filter(|coding| coding["system"] == ALERT_LEVEL)
            .map(|coding| coding["code"].as_str().unwrap().parse().unwrap())
            .collect();
        (levels.iter().copied().max().unwrap_or(Level::Vert), levels.contains(&Level::Technique))
    }
}

/// A level stays as high as it was, or a person is told that something could not be read.
fn check(before: (Level, bool), after: (Level, bool), what: &str, faults: &mut Vec<String>) {
    if after.0 < before.0 && !after.1 {
        faults.push(format!("{what}: {} and not told, it was {}", after.0, before.0));
    }
}

/// The week of a course with these before it.
fn check_week(course: &str, week: usize) {
    let setting = Setting::of(course);
    let at = |week: usize| example(&format!("{course}/week-{week}.json"));
    let previous: Vec<Value> = (1..week).rev().map(at).collect();
    let response = at(week);
    let before = setting.judge(&response, &previous);
    assert!(before.0 >= Level::Orange, "{course} {week} is {}", before.0);
    let mut places = Vec::new();
    answered(&response, "", &mut places);
    assert!(places.len() > 30, "only {} answers", places.len());
    let mut faults = Vec::new();
    for (nth, place) in places.iter().enumerate() {
        let link_id = response.pointer(place).unwrap()["linkId"].as_str().unwrap();
        let mut expect = |changed: &Value, how: &str| {
            check(before, setting.judge(changed, &previous), &format!("{link_id} {how}"), &mut faults);
        };
        let (parent, position) = place.rsplit_once('/').unwrap();
        let position: usize = position.parse().unwrap();
        let mut moved = response.clone();
        let item = moved.pointer_mut(parent).unwrap().as_array_mut().unwrap().remove(position);
        if !OPTIONAL.contains(&link_id) {
            expect(&moved, "taken away");
        }
        moved["item"].as_array_mut().unwrap().push(item.clone());
        expect(&moved, "in another place");
        let mut doubled = response.clone();
        doubled.pointer_mut(parent).unwrap().as_array_mut().unwrap().push(item);
        expect(&doubled, "there twice");
        let mut twice = response.clone();
        let answers = twice.pointer_mut(place).unwrap()["answer"].as_array_mut().unwrap();
        answers.push(answers[0].clone());
        expect(&twice, "answered twice");
        for (how, corrupt) in CORRUPTIONS.iter().cycle().skip(nth * TRIED_EACH).take(TRIED_EACH) {
            let mut corrupted = response.clone();
            corrupt(&mut corrupted.pointer_mut(place).unwrap()["answer"][0]);
            expect(&corrupted, how);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_answer_falls_silent_under_chemotherapy() {
    check_week("folfox", 2);
}

#[test]
fn no_answer_falls_silent_under_immunotherapy() {
    check_week("pembrolizumab", 4);
}
