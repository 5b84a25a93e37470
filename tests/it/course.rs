//! The patients of `examples/fhir`, week by week through the real store: each week has the level and the tasks that were
//! derived from the written rules by hand, and the whole course twice gives the same bytes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{App, Course, body, example};

/// Every type that a course leaves something of.
const LEFT: &[&str] = &[
    "QuestionnaireResponse",
    "Observation",
    "Flag",
    "Task",
    "Communication",
    "DiagnosticReport",
    "Provenance",
    "Binary",
];

/// Sends one week of `expected.json`; an amended one goes to the response it amends.
async fn send(app: &App, course: &Course, week: &Value, ids: &mut Vec<(String, String)>) -> Value {
    let file = week["file"].as_str().expect("a file");
    let name = file.trim_start_matches("week-").trim_end_matches(".json");
    app.at(week["received"].as_str().expect("a moment"));
    let mut response = course.week(name);
    let amended = name.strip_suffix("-amended").and_then(|of| ids.iter().find(|(week, _)| week == of));
    let answer = match amended {
        Some((_, id)) => {
            response["id"] = json!(id);
            app.put(&response).await
        }
        None => app.submit(&response).await,
    };
    let answer = answer.unwrap_or_else(|problem| panic!("{file}: {problem}"));
    ids.push((name.to_owned(), answer.id.clone()));
    body(&answer)
}

fn reference(resource: &Value) -> String {
    format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap())
}

async fn check(name: &'static str) {
    let app = App::new().await;
    let course = Course::start(&app, name).await;
    let mut ids = Vec::new();
    for week in example(&format!("{name}/expected.json"))["weeks"].as_array().unwrap() {
        let response = send(&app, &course, week, &mut ids).await;
        let reference = reference(&response);
        let tasks: BTreeSet<String> = app
            .search("Task", &[("patient", &course.patient()), ("status", "requested")])
            .await
            .into_iter()
            .filter(|task| task["focus"]["reference"] == reference.as_str())
            .map(|task| {
                let code = task["code"]["coding"][0]["code"].as_str().unwrap();
                format!("{code} {}", task["priority"].as_str().unwrap())
            })
            .collect();
        let expected: BTreeSet<String> = week["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|task| format!("{} {}", task["code"].as_str().unwrap(), task["priority"].as_str().unwrap()))
            .collect();
        assert_eq!(tasks, expected, "{name} {}", week["file"]);
        if response["status"] != "in-progress" {
            let reports = app.search("DiagnosticReport", &[("subject", &course.patient())]).await;
            let own =
                reports.iter().find(|report| report["extension"].to_string().contains(&reference)).unwrap();
            assert_eq!(
                own["conclusionCode"][0]["coding"][0]["code"], week["level"],
                "{name} {}",
                week["file"]
            );
        }
    }
}

#[tokio::test]
async fn folfox_has_the_levels_and_tasks_of_the_written_rules() {
    check("folfox").await;
}

#[tokio::test]
async fn capecitabine_has_the_levels_and_tasks_of_the_written_rules() {
    check("capecitabine").await;
}

#[tokio::test]
async fn pembrolizumab_has_the_levels_and_tasks_of_the_written_rules() {
    check("pembrolizumab").await;
}

#[tokio::test]
async fn ipilimumab_nivolumab_has_the_levels_and_tasks_of_the_written_rules() {
    check("ipilimumab-nivolumab").await;
}

#[tokio::test]
async fn the_same_course_gives_the_same_bytes() {
    let mut left = Vec::new();
    for _ in 0..2 {
        let app = App::new().await;
        let course = Course::start(&app, "folfox").await;
        let mut ids = Vec::new();
        for week in example("folfox/expected.json")["weeks"].as_array().unwrap() {
            send(&app, &course, week, &mut ids).await;
        }
        let mut resources = Vec::new();
        for rtype in LEFT {
            resources.extend(app.search(rtype, &[]).await.iter().map(Value::to_string));
        }
        resources.sort();
        left.push(resources);
    }
    assert!(left[0].len() > 100);
    assert!(left[0] == left[1], "two runs differ");
}
