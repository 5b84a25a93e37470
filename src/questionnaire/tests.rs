//! What the room promises, each promise a fact; the questionnaires are as small as the fact allows.

mod compile;
mod enable;
mod expressions;
mod extract;
mod garbage;
mod limits;
mod readable;
mod shape;
mod status;
mod types;
mod value_set;

use crate::json::{Value, json};

use super::{Context, Questionnaire};
use crate::problem::Issue;
use crate::terminology::Terminology;

const URL: &str = "https://vigie.example/fhir/Questionnaire/test";

/// A Questionnaire with these items.
fn definition(items: &Value) -> Value {
    json!({ "resourceType": "Questionnaire", "url": URL, "version": "1.0.0", "status": "active", "item": items })
}

fn compiled(definition: &Value) -> Questionnaire {
    match super::compile(definition, &Terminology::default()) {
        Ok(questionnaire) => questionnaire,
        Err(problem) => panic!("{problem}"),
    }
}

/// A completed response with these items.
fn response(items: &Value) -> Value {
    json!({
        "resourceType": "QuestionnaireResponse",
        "questionnaire": format!("{URL}|1.0.0"),
        "status": "completed",
        "authored": "2026-11-22T08:00:00+01:00",
        "item": items,
    })
}

fn context(terminology: &Terminology) -> Context<'_> {
    Context { patient: None, careplans: &[], now: "2026-11-22T07:00:00Z".parse().unwrap(), terminology }
}

fn issues_of(questionnaire: &Questionnaire, response: &Value) -> Vec<Issue> {
    let terminology = Terminology::default();
    questionnaire.validate(response, &context(&terminology)).issues
}

/// `error required item[0].answer[0]`: severity, our code, place.
fn line(issue: &Issue) -> String {
    let place = issue.expression.as_deref().unwrap_or_default().replacen("QuestionnaireResponse", "", 1);
    format!("{} {} {}", issue.severity.code(), issue.detail.unwrap_or("?"), place.trim_start_matches('.'))
        .trim_end()
        .to_owned()
}

/// The issues of a completed response to these items.
fn check(items: &Value, answers: &Value, expected: &[&str]) {
    check_response(&definition(items), &response(answers), expected);
}

fn check_response(definition: &Value, response: &Value, expected: &[&str]) {
    let found: Vec<String> = issues_of(&compiled(definition), response).iter().map(line).collect();
    assert_eq!(found, expected, "{response:#}");
}
