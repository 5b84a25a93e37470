//! Deletion: gone from reads and searches, readable in its history, and never a reference left dangling.

use vigie::interaction;
use vigie::json::{Value, json};
use vigie::problem::{Category, Problem};

use crate::support::{App, Course};

async fn delete(app: &App, reference: &str) -> Result<u64, Problem> {
    let (rtype, id) = reference.split_once('/').unwrap();
    interaction::delete(&app.context, rtype, id, None).await.map(|answer| answer.version)
}

fn patient(id: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "active": true, "name": [{"family": "PAT-TROIS"}]})
}

#[tokio::test]
async fn a_deleted_resource_is_gone_and_may_come_back() {
    let app = App::bare().await;
    app.put(&patient("p")).await.unwrap();
    assert_eq!(delete(&app, "Patient/p").await, Ok(2));
    let read = interaction::read(&app.context, "Patient", "p").await;
    assert_eq!(read.unwrap_err().category, Category::Gone);
    let marker = interaction::vread(&app.context, "Patient", "p", 2).await;
    assert_eq!(marker.unwrap_err().category, Category::Gone);
    assert!(interaction::vread(&app.context, "Patient", "p", 1).await.is_ok());
    assert!(app.search("Patient", &[("family", "pat")]).await.is_empty());
    // Again, and what never was: nothing happens, nothing is wrong.
    assert_eq!(delete(&app, "Patient/p").await, Ok(2));
    assert_eq!(delete(&app, "Patient/nobody").await, Ok(0));
    let back = app.put(&patient("p")).await.unwrap();
    assert_eq!((back.kind, back.version), (interaction::Kind::Created, 3));
    assert_eq!(app.search("Patient", &[("family", "pat")]).await.len(), 1);
}

#[tokio::test]
async fn if_match_and_conditions_hold_for_a_deletion() {
    let app = App::bare().await;
    for id in ["a", "b"] {
        app.put(&patient(id)).await.unwrap();
    }
    let stale = interaction::delete(&app.context, "Patient", "a", Some(7)).await;
    assert_eq!(stale.unwrap_err().category, Category::PreconditionFailed);
    let by = async |name: &str, value: &str| {
        let params = [(name.to_owned(), value.to_owned())];
        interaction::delete_where(&app.context, "Patient", &params, None).await.map(|answer| answer.version)
    };
    assert_eq!(by("family", "pat").await.unwrap_err().category, Category::PreconditionFailed);
    assert_eq!(by("_id", "b").await, Ok(2));
    assert_eq!(by("_id", "nobody").await, Ok(0));
    assert_eq!(by("family", "pat").await, Ok(2), "only one is left");
    let nothing = interaction::delete_where(&app.context, "Patient", &[], None).await;
    assert_eq!(nothing.unwrap_err().category, Category::Malformed);
}

#[tokio::test]
async fn what_others_refer_to_stays_and_they_are_named() {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    let refused = delete(&app, &course.patient()).await.unwrap_err();
    assert_eq!(refused.category, Category::Conflict);
    assert!(refused.to_string().contains("CarePlan/"), "{refused}");
    app.at("2026-01-12T10:00:00+01:00");
    let answer = app.submit(&course.week("1")).await.unwrap();
    let refused = delete(&app, &format!("QuestionnaireResponse/{}", answer.id)).await.unwrap_err();
    assert!(refused.to_string().contains("refer to it"), "{refused}");
    for rtype in ["Observation", "Provenance"] {
        let all = app.search(rtype, &[]).await;
        let reference = format!("{rtype}/{}", all[0]["id"].as_str().unwrap());
        assert_eq!(delete(&app, &reference).await.unwrap_err().category, Category::Conflict, "{reference}");
    }
}

#[tokio::test]
async fn a_definition_that_has_been_active_stays() {
    let app = App::new().await;
    for rtype in ["Questionnaire", "PlanDefinition", "ActivityDefinition", "CodeSystem", "ValueSet"] {
        let all = app.search(rtype, &[("status", "active")]).await;
        let reference = format!("{rtype}/{}", all[0]["id"].as_str().unwrap());
        let refused = delete(&app, &reference).await.unwrap_err();
        assert!(refused.to_string().contains("retired"), "{refused}");
    }
    let draft = json!({"resourceType": "Questionnaire", "id": "draft", "url": "https://test.example/draft", "version": "1", "status": "draft"});
    app.put(&draft).await.unwrap();
    assert_eq!(delete(&app, "Questionnaire/draft").await, Ok(2));
}

#[tokio::test]
async fn kept_bytes_of_a_refused_response_stay() {
    let app = App::new().await;
    let refused =
        interaction::create(&app.context, "QuestionnaireResponse", b"{rubbish", None).await.unwrap_err();
    let told = refused.to_string();
    let start = told.find("Binary/").unwrap();
    let reference: String =
        told[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || "/-".contains(*c)).collect();
    for reference in [reference.clone(), format!("{reference}-outcome")] {
        assert_eq!(delete(&app, &reference).await.unwrap_err().category, Category::Conflict, "{reference}");
    }
}
