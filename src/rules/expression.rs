//! The expressions of a plan: language, compilation, and the variables that they may use.

use serde_json::Value;

use super::fault::Faults;
use super::protocol::Variable;
use crate::fhir::element::list;
use crate::fhirpath::{self, Expression};
use crate::terminology::VARIABLE;

/// What every expression of a plan may use besides the variables of the plan.
const GIVEN: &[&str] = &["previous", "history", "careplan", "patient"];
/// What `FHIRPath` itself gives.
const BUILT_IN: &[&str] = &["resource", "rootResource", "context", "ucum", "sct", "loinc"];
/// What fired in the first pass: for aggregate rules only.
pub(super) const TRIGGERED: &str = "triggered";

/// The variables of the plan, in order; each may use those before it.
pub(super) fn variables(plan: &Value, faults: &mut Faults) -> Vec<Variable> {
    let mut variables: Vec<Variable> = Vec::new();
    for (n, extension) in list(plan, "extension").enumerate().filter(|(_, one)| one["url"] == VARIABLE) {
        let place = format!("PlanDefinition.extension[{n}].value");
        let element = &extension["valueExpression"];
        let name = element["name"].as_str().unwrap_or_default();
        if name.is_empty() {
            faults.add(format!("{place}.name"), "required", "a variable needs a name");
        } else if is_given(name) || name == TRIGGERED {
            faults.add(
                format!("{place}.name"),
                "value",
                format!("%{name} is given by Vigie: take another name"),
            );
        } else if variables.iter().any(|known| known.name == name) {
            faults.add(format!("{place}.name"), "duplicate", format!("%{name} is defined twice"));
        }
        let known: Vec<&str> = variables.iter().map(|variable| variable.name.as_str()).collect();
        let Some(expression) = compile(element, &place, faults) else {
            // Named, so that its users are not called wrong as well.
            if !name.is_empty()
                && let Ok(empty) = fhirpath::compile("{}")
            {
                variables.push(Variable { name: name.to_owned(), expression: empty });
            }
            continue;
        };
        for unknown in undefined(&expression, &known) {
            faults.add(
                format!("{place}.expression"),
                "not-found",
                format!("%{name} uses %{unknown}, which is not defined before it"),
            );
        }
        variables.push(Variable { name: name.to_owned(), expression });
    }
    variables
}

/// Compile an Expression element: `FHIRPath` only.
pub(super) fn compile(element: &Value, place: &str, faults: &mut Faults) -> Option<Expression> {
    match element["language"].as_str() {
        Some("text/fhirpath") => {}
        found => {
            faults.add(
                format!("{place}.language"),
                "not-supported",
                format!("the language is {found:?}; it must be text/fhirpath"),
            );
            return None;
        }
    }
    let Some(text) = element["expression"].as_str().filter(|text| !text.trim().is_empty()) else {
        faults.add(format!("{place}.expression"), "required", "the expression is missing");
        return None;
    };
    match fhirpath::compile(text) {
        Ok(expression) => Some(expression),
        Err(problem) => {
            for issue in problem.issues {
                faults.add(format!("{place}.expression"), "invalid", issue.diagnostics);
            }
            None
        }
    }
}

/// Names that an expression uses and nobody defines; `known` are the variables in reach.
pub(super) fn undefined<'a>(expression: &'a Expression, known: &'a [&str]) -> impl Iterator<Item = &'a str> {
    let names = expression.variables().iter().map(String::as_str);
    names.filter(move |name| !is_given(name) && !known.contains(name))
}

fn is_given(name: &str) -> bool {
    GIVEN.contains(&name) || BUILT_IN.contains(&name) || name.starts_with("vs-") || name.starts_with("ext-")
}
