//! `OperationOutcome`: the wire form of issues (<https://hl7.org/fhir/R4/operationoutcome.html>).

use crate::json::{Map, Value, json};

use crate::problem::{Issue, Problem};
use crate::terminology;

/// The issues as a resource; no issue at all reads "all is well", as FHIR asks for at least one.
#[must_use]
pub fn operation_outcome(issues: &[Issue]) -> Value {
    let issue: Vec<Value> = if issues.is_empty() {
        vec![json!({ "severity": "information", "code": "informational", "diagnostics": "No issue found" })]
    } else {
        issues.iter().map(one).collect()
    };
    json!({ "resourceType": "OperationOutcome", "issue": issue })
}

/// The issues of a problem as a resource.
#[must_use]
pub fn of(problem: &Problem) -> Value {
    operation_outcome(&problem.issues)
}

fn one(issue: &Issue) -> Value {
    let mut out = Map::new();
    out.insert("severity", issue.severity.code().into());
    out.insert("code", issue.code.into());
    let mut details = Map::new();
    if let Some(detail) = issue.detail {
        details.insert("coding", json!([{ "system": terminology::RESPONSE_ISSUE, "code": detail }]));
    }
    if let Some(text) = &issue.text {
        details.insert("text", text.clone().into());
    }
    if !details.is_empty() {
        out.insert("details", Value::Object(details));
    }
    if !issue.diagnostics.is_empty() {
        out.insert("diagnostics", issue.diagnostics.clone().into());
    }
    if let Some(expression) = &issue.expression {
        out.insert("expression", json!([expression]));
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_carries_its_place_and_both_codes() {
        let issue = Issue::error("required", "linkId base.temp is required")
            .at("QuestionnaireResponse.item[0]")
            .detail("required")
            .text("Répondez à la question");
        assert_eq!(
            operation_outcome(&[issue]),
            json!({ "resourceType": "OperationOutcome", "issue": [{
                "severity": "error", "code": "required",
                "details": {
                    "coding": [{ "system": "https://vigie.example/fhir/CodeSystem/response-issue", "code": "required" }],
                    "text": "Répondez à la question"
                },
                "diagnostics": "linkId base.temp is required",
                "expression": ["QuestionnaireResponse.item[0]"]
            }]})
        );
    }

    #[test]
    fn no_issue_is_still_a_valid_outcome() {
        assert_eq!(operation_outcome(&[])["issue"][0]["severity"], "information");
    }
}
