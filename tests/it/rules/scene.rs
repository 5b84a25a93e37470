//! What the rules look at in a case: the shipped definitions, and responses built from a few answers.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::Timestamp;
use vigie::json::{Map, Value, json};
use vigie::judgement::Evaluation;
use vigie::rules::{self, Explained, Facts, Protocol};
use vigie::terminology::BASE;

const AUTHORED: &str = "2026-03-09T09:00:00+01:00";
const AUTHORED_BEFORE: &str = "2026-03-02T09:00:00+01:00";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A JSON file of the repository, if it is there.
#[expect(clippy::disallowed_methods, reason = "a test reads its cases itself")]
pub(super) fn read(place: &str) -> Option<Value> {
    let text = std::fs::read_to_string(root().join(place)).ok()?;
    Some(serde_json::from_str(&text).unwrap_or_else(|e| panic!("{place}: {e}")))
}

/// Names of the folders in a folder, in order.
pub(super) fn folders(place: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(root().join(place))
        .unwrap_or_else(|e| panic!("{place}: {e}"))
        .map(|entry| entry.expect("an entry of the folder"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The shipped definitions.
pub(super) struct Content {
    pub(super) plan: Value,
    questionnaire: Value,
    base: Map,
    protocol: Protocol,
}

impl Content {
    pub(super) fn load() -> Self {
        let plan = read("profiles/PlanDefinition/surveillance-hebdomadaire.json").expect("the protocol");
        let questionnaire =
            read("profiles/Questionnaire/surveillance-hebdomadaire.json").expect("the questionnaire");
        let folder = root().join("profiles/ActivityDefinition");
        let activities: Vec<Value> = std::fs::read_dir(folder)
            .expect("the folder of activities")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .map(|name| read(&format!("profiles/ActivityDefinition/{name}")).expect("an activity"))
            .collect();
        let protocol = rules::compile(&plan, &activities).unwrap_or_else(|problem| panic!("{problem:?}"));
        let base = read("tests/cases/rules/base.json").expect("the quiet week");
        let base = base.as_object().expect("answers by linkId").clone();
        Self { plan, questionnaire, base, protocol }
    }

    /// Ids of the actions, in the order of the plan.
    pub(super) fn actions(&self) -> Vec<String> {
        let actions = self.plan["action"].as_array().expect("actions").iter();
        actions.map(|action| action["id"].as_str().expect("an id").to_owned()).collect()
    }

    /// Every linkId of the questionnaire.
    pub(super) fn link_ids(&self) -> BTreeSet<String> {
        fn walk(items: &Value, found: &mut BTreeSet<String>) {
            for item in items.as_array().into_iter().flatten() {
                found.insert(item["linkId"].as_str().expect("a linkId").to_owned());
                walk(&item["item"], found);
            }
        }
        let mut found = BTreeSet::new();
        walk(&self.questionnaire["item"], &mut found);
        found
    }

    /// Items whose answers are grades, each with the codes in order.
    pub(super) fn graded(&self) -> Vec<(String, Vec<String>)> {
        let items = self.questionnaire["item"][1]["item"].as_array().expect("the base module");
        let codes = |item: &Value| -> Vec<String> {
            let options =
                item["answerOption"].as_array().into_iter().flatten().map(|one| &one["valueCoding"]);
            options
                .filter(|coding| {
                    coding["system"]
                        .as_str()
                        .is_some_and(|system| system.starts_with(&format!("{BASE}/CodeSystem/base-")))
                })
                .map(|coding| coding["code"].as_str().expect("a code").to_owned())
                .collect()
        };
        let graded =
            items.iter().map(|item| (item["linkId"].as_str().expect("a linkId").to_owned(), codes(item)));
        graded.filter(|(_, codes)| !codes.is_empty()).collect()
    }

    /// A quiet week with some answers changed.
    fn response(&self, changes: &Value, authored: &str, status: &str) -> Value {
        let mut answers = self.base.clone();
        for (link_id, answer) in changes.as_object().into_iter().flatten() {
            answers.insert(link_id.to_owned(), answer.clone());
        }
        answers.retain(|_, answer| !answer.is_null());
        let items = items(&self.questionnaire["item"], &mut answers);
        assert!(answers.is_empty(), "no such question: {:?}", answers.keys().collect::<Vec<_>>());
        json!({
            "resourceType": "QuestionnaireResponse",
            "questionnaire": format!("{BASE}/Questionnaire/surveillance-hebdomadaire|1.0.0"),
            "status": status,
            "authored": authored,
            "item": items,
        })
    }
}

/// Items of a response, taken out of the answers.
fn items(definitions: &Value, answers: &mut Map) -> Vec<Value> {
    let mut found = Vec::new();
    for definition in definitions.as_array().into_iter().flatten() {
        let link_id = definition["linkId"].as_str().expect("a linkId");
        if definition["type"] == "group" {
            let inside = items(&definition["item"], answers);
            if !inside.is_empty() {
                found.push(json!({ "linkId": link_id, "item": inside }));
            }
        } else if let Some(answer) = answers.remove(link_id) {
            found.push(json!({ "linkId": link_id, "answer": [typed(definition, &answer)] }));
        }
    }
    found
}

fn typed(definition: &Value, answer: &Value) -> Value {
    match definition["type"].as_str().expect("a type") {
        "boolean" => json!({ "valueBoolean": answer }),
        "integer" => json!({ "valueInteger": answer }),
        "text" => json!({ "valueString": answer }),
        "quantity" if answer.is_object() => json!({ "valueQuantity": answer }),
        "quantity" => {
            let unit = extension(definition, "questionnaire-unit");
            let unit = &unit["valueCoding"];
            json!({ "valueQuantity": {
                "value": answer, "unit": unit["display"], "system": unit["system"], "code": unit["code"],
            } })
        }
        "choice" => {
            let code = match answer.as_str().expect("a code as text") {
                "refus" => "asked-declined",
                "sans-objet" => "not-applicable",
                code => code,
            };
            let mut options = definition["answerOption"].as_array().into_iter().flatten();
            let option = options.find(|one| one["valueCoding"]["code"] == code);
            let coding = &option.unwrap_or_else(|| panic!("{}: no option {code}", definition["linkId"]))["valueCoding"];
            json!({ "valueCoding": { "system": coding["system"], "code": code, "display": coding["display"] } })
        }
        other => panic!("{}: no case answers a {other}", definition["linkId"]),
    }
}

fn extension<'a>(element: &'a Value, name: &str) -> &'a Value {
    let mut all = element["extension"].as_array().into_iter().flatten();
    let found = all.find(|one| one["url"].as_str().is_some_and(|url| url.rsplit('/').next() == Some(name)));
    found.unwrap_or_else(|| panic!("{} has no {name}", element["linkId"]))
}

/// What is known when the rules look.
pub(super) struct Scene {
    response: Value,
    /// Newest first; the first is the previous one.
    earlier: Vec<Value>,
    careplan: Option<Value>,
}

impl Scene {
    pub(super) fn of_case(content: &Content, case: &Value) -> Self {
        let authored = case["authored"].as_str().unwrap_or(AUTHORED);
        let status = case["status"].as_str().unwrap_or("completed");
        let before = |changes: &Value| {
            let mut answers = changes.clone();
            let said = answers.as_object_mut().and_then(|answers| answers.remove("authored"));
            let authored = said.as_ref().map_or(AUTHORED_BEFORE, |said| said.as_str().unwrap_or_default());
            let mut response = content.response(&answers, authored, "completed");
            if authored.is_empty() {
                response.as_object_mut().expect("a response").remove("authored");
            }
            response
        };
        let earlier = match (case.get("history"), case.get("previous")) {
            (Some(history), _) => history.as_array().expect("a list").iter().map(before).collect(),
            (None, Some(previous)) => vec![before(previous)],
            (None, None) => Vec::new(),
        };
        Self {
            response: content.response(&case["answers"], authored, status),
            earlier,
            careplan: careplan(case.get("careplan")),
        }
    }

    pub(super) fn of_week(patient: &str, response: &Value, earlier: Vec<Value>) -> Self {
        Self { response: response.clone(), earlier, careplan: careplan(Some(&json!(patient))) }
    }

    pub(super) fn evaluate(&self, content: &Content) -> Evaluation {
        let received: Timestamp =
            self.response["authored"].as_str().expect("a date").parse().expect("an instant");
        content.protocol.evaluate(&Facts {
            response: &self.response,
            readings: None,
            questionnaire: Some(&content.questionnaire),
            previous: self.earlier.first(),
            history: &self.earlier,
            careplans: self.careplan.as_slice(),
            patient: None,
            in_progress: self.response["status"] == "in-progress",
            unreadable: &[],
            received,
            explained: Explained::Every,
        })
    }
}

fn careplan(said: Option<&Value>) -> Option<Value> {
    match said {
        None => careplan(Some(&json!("folfox"))),
        Some(Value::Null) => None,
        Some(Value::String(folder)) => {
            let place = format!("examples/fhir/{folder}/careplan.json");
            Some(read(&place).unwrap_or_else(|| panic!("{place} is not there")))
        }
        Some(said) => {
            let coding = |class: &Value| json!({ "system": format!("{BASE}/CodeSystem/treatment-class"), "code": class });
            let codings: Vec<Value> =
                said["classes"].as_array().expect("classes").iter().map(coding).collect();
            let mut detail = json!({ "code": { "coding": codings }, "status": "in-progress" });
            for bound in ["start", "end"].into_iter().filter(|bound| said.get(bound).is_some()) {
                detail["scheduledPeriod"][bound] = said[bound].clone();
            }
            Some(json!({
                "resourceType": "CarePlan", "status": "active", "intent": "plan", "activity": [{ "detail": detail }],
            }))
        }
    }
}
