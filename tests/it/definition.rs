//! Publishing definitions: compiled before they are stored, immutable once active, loaded as often as one likes.

use vigie::interaction::{self, Kind, Library};
use vigie::json::{Value, json};
use vigie::problem::Category;

use crate::support::{App, profiles};

fn shipped(rtype: &str) -> Value {
    profiles().into_iter().find(|one| one["resourceType"] == rtype).unwrap()
}

#[tokio::test]
async fn loading_again_stores_nothing() {
    let app = App::bare().await;
    let first = interaction::load(&app.context, profiles()).await.unwrap();
    assert!(first.created.len() > 50 && first.unchanged.is_empty());
    let again = interaction::load(&app.context, profiles()).await.unwrap();
    assert!(again.created.is_empty());
    assert_eq!(again.unchanged.len(), first.created.len());
}

#[tokio::test]
async fn what_is_loaded_under_a_known_version_must_be_the_same() {
    let app = App::new().await;
    let mut changed = shipped("Questionnaire");
    changed["title"] = json!("Autre titre");
    let problem = interaction::load(&app.context, vec![changed.clone()]).await.unwrap_err();
    assert_eq!(problem.category, Category::Conflict);
    let problem = app.put(&changed).await.unwrap_err();
    assert_eq!(problem.category, Category::Conflict);
    changed["version"] = json!("1.1.0");
    changed["id"] = json!("surveillance-hebdomadaire-1.1.0");
    assert_eq!(app.put(&changed).await.unwrap().kind, Kind::Created);
}

#[tokio::test]
async fn an_active_definition_may_only_retire() {
    let app = App::new().await;
    let mut questionnaire = shipped("Questionnaire");
    assert_eq!(app.put(&questionnaire).await.unwrap().kind, Kind::Unchanged);
    questionnaire["status"] = json!("retired");
    assert_eq!(app.put(&questionnaire).await.unwrap().kind, Kind::Updated);
}

#[tokio::test]
async fn a_protocol_that_does_not_compile_is_refused_with_its_place() {
    let app = App::new().await;
    let mut plan = shipped("PlanDefinition");
    plan["version"] = json!("9.0.0");
    plan["id"] = json!("broken");
    plan["action"][0]["condition"][0]["expression"]["expression"] = json!("%resource.item.where(");
    plan["action"][1]["condition"][0]["expression"]["expression"] = json!("%unknown.exists()");
    let problem = app.put(&plan).await.unwrap_err();
    assert_eq!(problem.category, Category::Invalid);
    for place in ["PlanDefinition.action[0].condition[0]", "PlanDefinition.action[1].condition[0]"] {
        assert!(
            problem
                .issues
                .iter()
                .any(|issue| issue.expression.as_deref().is_some_and(|found| found.starts_with(place))),
            "{place}: {problem}"
        );
    }
    plan["status"] = json!("draft");
    assert_eq!(app.put(&plan).await.unwrap().kind, Kind::Created, "a draft may be unfinished");
}

#[test]
fn a_folder_with_faults_says_all_of_them_with_the_definition() {
    let mut resources = profiles();
    let questionnaire = resources.iter_mut().find(|one| one["resourceType"] == "Questionnaire").unwrap();
    questionnaire["item"][0]["type"] = json!("nothing");
    questionnaire["colour"] = json!("red");
    let canonical = format!("{}|1.0.0", questionnaire["url"].as_str().unwrap());
    let problem = Library::from_resources(resources).unwrap_err();
    let about: Vec<_> = problem.issues.iter().filter_map(|issue| issue.expression.as_deref()).collect();
    assert!(about.len() >= 2 && about.iter().all(|place| place.starts_with(&canonical)), "{about:?}");
}

#[tokio::test]
async fn a_protocol_that_speaks_of_a_question_nobody_asks_is_refused_with_its_place() {
    let app = App::new().await;
    let mut plan = shipped("PlanDefinition");
    plan["version"] = json!("9.0.0");
    plan["id"] = json!("misspelt");
    let condition = "%resource.item.item.where(linkId = 'base.spo').exists() and %chimio";
    plan["action"][2]["condition"][0]["expression"]["expression"] = json!(condition);
    let evidence = json!({"url": "https://vigie.example/fhir/StructureDefinition/rule-evidence", "valueString": "base.vomis"});
    plan["action"][3]["extension"].as_array_mut().unwrap().insert(0, evidence);
    let expected = [
        "PlanDefinition.action[2].condition[0].expression.expression",
        "PlanDefinition.action[3].extension[0].value",
    ];
    let places = |problem: vigie::problem::Problem| -> Vec<String> {
        problem.issues.into_iter().filter_map(|issue| issue.expression).collect()
    };
    assert_eq!(places(app.put(&plan).await.unwrap_err()), expected);
    let mut folder = profiles();
    folder.retain(|one| one["resourceType"] != "PlanDefinition");
    folder.push(plan);
    let found = places(Library::from_resources(folder).unwrap_err());
    assert!(
        found.len() == 2 && found.iter().zip(expected).all(|(at, place)| at.ends_with(place)),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_protocol_that_looks_for_a_question_in_a_wrong_group_is_refused_with_where_it_stands() {
    let app = App::new().await;
    let mut plan = shipped("PlanDefinition");
    plan["version"] = json!("9.0.0");
    plan["id"] = json!("astray");
    let astray =
        "%resource.item.where(linkId = 'alerte').item.where(linkId = 'base.temp.max').answer.value > 38";
    plan["action"][1]["condition"][0]["expression"]["expression"] = json!(astray);
    let problem = app.put(&plan).await.unwrap_err();
    assert_eq!(problem.category, Category::Invalid);
    let [issue] = problem.issues.as_slice() else { panic!("one fault: {problem}") };
    assert_eq!(
        issue.expression.as_deref(),
        Some("PlanDefinition.action[1].condition[0].expression.expression")
    );
    let reason = "'base.temp.max' is not directly in 'alerte'; it stands in 'base' > 'base.temp'";
    assert!(
        issue.diagnostics.contains(astray) && issue.diagnostics.ends_with(reason),
        "{}",
        issue.diagnostics
    );

    // A variable is at fault where it is written, and not wherever it is used.
    let mut plan = shipped("PlanDefinition");
    plan["version"] = json!("9.0.1");
    plan["id"] = json!("astray");
    let variables = plan["extension"].as_array_mut().unwrap();
    let base = variables.iter_mut().find(|one| one["valueExpression"]["name"] == "base").unwrap();
    base["valueExpression"]["expression"] =
        json!("%resource.item.where(linkId = 'alerte').item.where(linkId = 'base').item");
    let problem = app.put(&plan).await.unwrap_err();
    assert_eq!(problem.issues.len(), 1, "{problem}");
    assert!(
        problem.to_string().contains("'base' is not directly in 'alerte'; it stands at the top"),
        "{problem}"
    );
    plan["status"] = json!("draft");
    assert_eq!(app.put(&plan).await.unwrap().kind, Kind::Created, "a draft may be unfinished");
}

#[tokio::test]
async fn a_questionnaire_that_looks_for_a_question_in_a_wrong_group_is_refused() {
    let app = App::new().await;
    let mut questionnaire = shipped("Questionnaire");
    questionnaire["version"] = json!("9.0.0");
    questionnaire["id"] = json!("astray");
    let url = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-enableWhenExpression";
    let astray = "%resource.item.where(linkId = 'base').item.where(linkId = 'alerte.fievre').answer.value";
    questionnaire["item"][1]["item"][1]["extension"] =
        json!([{ "url": url, "valueExpression": { "language": "text/fhirpath", "expression": astray } }]);
    let problem = app.put(&questionnaire).await.unwrap_err();
    let [issue] = problem.issues.as_slice() else { panic!("one fault: {problem}") };
    assert_eq!(issue.expression.as_deref(), Some("Questionnaire.item[1].item[1]"));
    assert!(
        issue.diagnostics.ends_with("'alerte.fievre' is not directly in 'base'; it stands in 'alerte'"),
        "{problem}"
    );
    let at_start = Library::from_resources(vec![questionnaire]).unwrap_err();
    assert!(at_start.to_string().contains("it stands in 'alerte'"), "{at_start}");
}
