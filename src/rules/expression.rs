//! The expressions of a plan: language, compilation, the variables that they may use, and whether every element that they
//! name exists: a misspelt one would be empty in every response.

use crate::json::Value;

use super::bound::Bound;
use super::fault::Faults;
use super::protocol::Variable;
use crate::fhir::element::list;
use crate::fhir::schema;
use crate::fhirpath::{self, CHAIN_MAX, Expression, Types};
use crate::terminology::VARIABLE;

/// What every expression of a plan may use besides the variables of the plan.
const GIVEN: &[&str] = &["previous", "history", "careplan", "patient"];
/// What `FHIRPath` itself gives.
const BUILT_IN: &[&str] = &["resource", "rootResource", "context", "ucum", "sct", "loinc"];
/// What fired in the first pass: for aggregate rules only.
pub(super) const TRIGGERED: &str = "triggered";

/// The variables of the plan with the types of their values, in order; each may use those before it.
pub(super) fn variables(plan: &Value, faults: &mut Faults) -> (Vec<Variable>, Reach) {
    let mut variables: Vec<Variable> = Vec::new();
    let mut reach = Reach::given();
    let mut chains: Vec<usize> = Vec::new();
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
                variables.push(Variable { name: name.to_owned(), expression: Bound::of(empty, &[]) });
                chains.push(1);
                reach.0.push((name.to_owned(), Types::anything()));
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
        let types = reach.check(&expression, &format!("{place}.expression"), faults);
        reach.0.push((name.to_owned(), types));
        let expression = Bound::of(expression, &variables);
        chains.push(expression.plan().map(|index| chains[index]).max().unwrap_or(0) + 1);
        if chains.last() == Some(&(CHAIN_MAX + 1)) {
            let message = format!(
                "%{name} needs a chain of more than {CHAIN_MAX} variables; make one expression of several"
            );
            faults.add(format!("{place}.expression"), "too-costly", message);
        }
        variables.push(Variable { name: name.to_owned(), expression });
    }
    (variables, reach)
}

/// The types of the values that the variables in reach may have.
pub(super) struct Reach(Vec<(String, Types)>);

impl Reach {
    /// Before any variable of the plan.
    fn given() -> Self {
        let resources = [
            ("resource", "QuestionnaireResponse"),
            ("rootResource", "QuestionnaireResponse"),
            ("previous", "QuestionnaireResponse"),
            ("history", "QuestionnaireResponse"),
            ("careplan", "CarePlan"),
            ("patient", "Patient"),
        ];
        Self(resources.into_iter().map(|(name, rtype)| (name.to_owned(), Types::of(rtype))).collect())
    }

    /// The names of all of them.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Note every name in an expression that no type in question has; the types of its value.
    pub(super) fn check(&self, expression: &Expression, place: &str, faults: &mut Faults) -> Types {
        let known: Vec<(&str, Types)> =
            self.0.iter().map(|(name, types)| (name.as_str(), types.clone())).collect();
        match expression.check(schema::r4(), &Types::of("QuestionnaireResponse"), &known) {
            Ok(types) => types,
            Err(problem) => {
                for issue in problem.issues {
                    faults.add(place, "invalid", issue.diagnostics);
                }
                Types::anything()
            }
        }
    }
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
