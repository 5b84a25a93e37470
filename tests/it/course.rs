//! The patients of `examples/fhir`, week by week through both stores: each week has the level and the tasks that were
//! derived from the written rules by hand, and the whole course twice gives the same bytes, whatever the store.

use std::collections::BTreeSet;

use vigie::fhir::compact::Text;
use vigie::fhir::search;
use vigie::json::{Value, json};

use crate::support::{App, Course, Kept, body, example};

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
    for kept in Kept::EACH {
        if let Some(app) = App::on(kept).await {
            check_on(&app, name).await;
        }
    }
}

async fn check_on(app: &App, name: &'static str) {
    let course = Course::start(app, name).await;
    let mut ids = Vec::new();
    for week in example(&format!("{name}/expected.json"))["weeks"].as_array().unwrap() {
        let response = send(app, &course, week, &mut ids).await;
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
    indexed_alike(app).await;
}

/// What is written after another resource is found by the same as if it were written alone.
async fn indexed_alike(app: &App) {
    let mut resources = Vec::new();
    for rtype in LEFT {
        resources.extend(app.search(rtype, &[]).await);
    }
    let mut observations = 0;
    for pair in resources.windows(2) {
        let entries = search::index(&pair[0]);
        let found = search::index_after(&pair[1], &Text::of(&pair[1]), (&Text::of(&pair[0]), &entries));
        assert!(found == search::index(&pair[1]), "{} after {}", reference(&pair[1]), reference(&pair[0]));
        observations += usize::from(pair[1]["resourceType"] == "Observation");
    }
    assert!(observations > 100, "{observations}");
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
async fn the_same_course_gives_the_same_bytes_twice_and_on_both_stores() {
    let mut left = Vec::new();
    for kept in Kept::EACH.repeat(2) {
        let Some(app) = App::on(kept).await else { continue };
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
        left.push((kept, resources));
    }
    let (_, first) = &left[0];
    assert!(left.len() > 1 && first.len() > 100);
    for (kept, resources) in &left {
        assert!(first == resources, "two runs differ, the later one on the {kept:?} store");
    }
}
