//! The expressions of a Questionnaire, compiled: variables, enablement, calculations and constraints,
//! with what each may name (Structured Data Capture, "Using expressions").

use crate::json::Value;

use super::extension::{
    self, CALCULATED, CONSTRAINT, ENABLE_WHEN, INITIAL, TARGET_CONSTRAINT, VARIABLE, text,
};
use super::item::Item;
use crate::fhir::schema;
use crate::fhirpath::{self, CHAIN_MAX, Expression, Types};
use crate::problem::{Issue, Severity};

/// What every expression may name without declaring it, and what it is. `patient` and `careplan` are the launch context.
const KNOWN: [(&str, &str); 10] = [
    ("resource", "QuestionnaireResponse"),
    ("rootResource", "QuestionnaireResponse"),
    ("context", ""),
    ("questionnaire", "Questionnaire"),
    ("qitem", "Questionnaire.item"),
    ("patient", "Patient"),
    ("careplan", "CarePlan"),
    ("ucum", "System.String"),
    ("sct", "System.String"),
    ("loinc", "System.String"),
];

/// A declared variable in reach.
pub(crate) struct Declared {
    name: String,
    /// The types that its value may have.
    types: Types,
    /// How many variables need one another up to this one.
    chain: usize,
}

/// A named expression.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) expression: Expression,
}

/// An expression that must not be false.
#[derive(Debug, Clone)]
pub(crate) struct Constraint {
    pub(crate) key: String,
    pub(crate) severity: Severity,
    /// What the author says about it.
    pub(crate) human: String,
    pub(crate) expression: Expression,
}

/// The expressions of the Questionnaire itself or of one item.
#[derive(Debug, Default)]
pub(crate) struct Expressions {
    pub(crate) variables: Vec<Variable>,
    pub(crate) enable: Option<Expression>,
    pub(crate) calculated: Option<Expression>,
    pub(crate) constraints: Vec<Constraint>,
}

/// Reads the expressions of an element. `scope` holds the variables of the elements around it, and gains
/// its own while it is read: a variable may name only those before it. An element that is misspelt in an expression would be
/// empty in every response: it is a fault.
pub(crate) fn read(
    element: &Value,
    at: &str,
    scope: &mut Vec<Declared>,
    faults: &mut Vec<Issue>,
) -> Expressions {
    let focus = if at == "Questionnaire" { "QuestionnaireResponse" } else { "QuestionnaireResponse.item" };
    let focus = Types::of(focus);
    let mut found = Expressions::default();
    for (position, extension) in extension::all(element, VARIABLE) {
        let at = format!("{at}.extension[{position}].valueExpression");
        let written = extension.get("valueExpression");
        let Some((expression, types)) = expression(written, &at, &focus, scope, faults) else { continue };
        match extension.get("valueExpression").and_then(|value| text(value, "name")) {
            Some(name) => {
                let chain = chain(&expression, scope);
                if chain == CHAIN_MAX + 1 {
                    let message = format!(
                        "%{name} needs a chain of more than {CHAIN_MAX} variables; make one expression of several"
                    );
                    faults.push(Issue::error("too-costly", message).at(at));
                }
                scope.push(Declared { name: name.to_owned(), types, chain });
                found.variables.push(Variable { name: name.to_owned(), expression });
            }
            None => faults.push(Issue::error("required", "a variable needs a name").at(at)),
        }
    }
    let mut one = |url: &'static str| {
        let mut all = extension::all(element, url);
        let (position, extension) = all.next()?;
        let at = format!("{at}.extension[{position}].valueExpression");
        if all.next().is_some() {
            faults.push(Issue::error("business-rule", "is given more than once").at(&at));
        }
        expression(extension.get("valueExpression"), &at, &focus, scope, faults).map(|(found, _)| found)
    };
    found.enable = one(ENABLE_WHEN);
    found.calculated = one(CALCULATED);
    // Filling in is not done here; an initial expression only has to compile.
    let _initial = one(INITIAL);
    found.constraints = [CONSTRAINT, TARGET_CONSTRAINT]
        .into_iter()
        .flat_map(|url| extension::all(element, url))
        .filter_map(|(position, extension)| {
            constraint(extension, &format!("{at}.extension[{position}]"), &focus, scope, faults)
        })
        .collect();
    found
}

/// How many variables need one another up to one of this expression.
fn chain(expression: &Expression, scope: &[Declared]) -> usize {
    let named = |name: &String| scope.iter().rev().find(|declared| declared.name == *name);
    expression.variables().iter().filter_map(named).map(|declared| declared.chain).max().unwrap_or(0) + 1
}

/// `questionnaire-constraint` (expression as text) or `targetConstraint` (as an Expression).
fn constraint(
    element: &Value,
    at: &str,
    focus: &Types,
    scope: &[Declared],
    faults: &mut Vec<Issue>,
) -> Option<Constraint> {
    let part = |name: &'static str| {
        let found = extension::first(element, name)?;
        extension::value_of(found, "value").map(|(_, value)| value)
    };
    let written = part("expression");
    let (expression, _) = match written {
        Some(Value::String(text)) => compile(text, at, focus, scope, faults),
        other => expression(other, at, focus, scope, faults),
    }?;
    let severity = match part("severity").and_then(Value::as_str) {
        Some("warning") => Severity::Warning,
        _ => Severity::Error,
    };
    let words = |name| part(name).and_then(Value::as_str).map(str::to_owned);
    let key = words("key").unwrap_or_else(|| "?".to_owned());
    let human = words("human").unwrap_or_else(|| "une règle du questionnaire n'est pas respectée".to_owned());
    Some(Constraint { key, severity, human, expression })
}

fn expression(
    value: Option<&Value>,
    at: &str,
    focus: &Types,
    scope: &[Declared],
    faults: &mut Vec<Issue>,
) -> Option<(Expression, Types)> {
    let Some(text) = value.and_then(|value| text(value, "expression")) else {
        faults.push(Issue::error("required", "needs an expression").at(at));
        return None;
    };
    let language = value.and_then(|value| value.get("language")).and_then(Value::as_str).unwrap_or_default();
    if language != "text/fhirpath" {
        let message = format!("expression language '{language}' is not supported; it must be text/fhirpath");
        faults.push(Issue::error("not-supported", message).at(at));
        return None;
    }
    compile(text, at, focus, scope, faults)
}

fn compile(
    text: &str,
    at: &str,
    focus: &Types,
    scope: &[Declared],
    faults: &mut Vec<Issue>,
) -> Option<(Expression, Types)> {
    match fhirpath::compile(text) {
        Ok(expression) => {
            for name in expression.variables() {
                if !is_known(name, scope) {
                    let mut known: Vec<&str> = KNOWN.iter().map(|(name, _)| *name).collect();
                    known.extend(scope.iter().map(|declared| declared.name.as_str()));
                    let message = format!("%{name} is not defined here; these are: %{}", known.join(" %"));
                    faults.push(Issue::error("not-found", message).at(at));
                }
            }
            let types = types(&expression, at, focus, scope, faults);
            Some((expression, types))
        }
        Err(problem) => {
            faults.extend(problem.at(at).issues);
            None
        }
    }
}

/// The types that the result may have; every name that no type in question has is a fault.
fn types(
    expression: &Expression,
    at: &str,
    focus: &Types,
    scope: &[Declared],
    faults: &mut Vec<Issue>,
) -> Types {
    // The innermost variable of a name hides those around it, and what is given.
    let declared = scope.iter().rev().map(|declared| (declared.name.as_str(), declared.types.clone()));
    let given =
        KNOWN.iter().filter(|(_, what)| !what.is_empty()).map(|(name, what)| (*name, Types::of(what)));
    let known: Vec<(&str, Types)> = declared.chain(given).collect();
    expression.check(schema::r4(), focus, &known).unwrap_or_else(|problem| {
        faults.extend(problem.at(at).issues);
        Types::anything()
    })
}

fn is_known(name: &str, scope: &[Declared]) -> bool {
    KNOWN.iter().any(|(known, _)| *known == name)
        || name.starts_with("vs-")
        || name.starts_with("ext-")
        || scope.iter().any(|declared| declared.name == name)
}

/// Calculations that need their own result, by way of the linkIds and variables that they name.
pub(crate) fn cycles(items: &[Item], root: &[Variable], faults: &mut Vec<Issue>) {
    let calculated: Vec<usize> = (0..items.len()).filter(|n| items[*n].calculated.is_some()).collect();
    let needs: Vec<Vec<usize>> = calculated.iter().map(|n| named_by(items, root, *n, &calculated)).collect();
    for start in 0..calculated.len() {
        let mut seen = vec![false; calculated.len()];
        let mut open = needs[start].clone();
        while let Some(next) = open.pop() {
            if !std::mem::replace(&mut seen[next], true) {
                open.extend(&needs[next]);
            }
        }
        if seen[start] {
            let item = &items[calculated[start]];
            let message = format!("the calculation of '{}' needs its own result", item.link_id);
            faults.push(Issue::error("business-rule", message).at(&item.place));
        }
    }
}

/// Positions, in `calculated`, of the items that the calculation of an item names.
fn named_by(items: &[Item], root: &[Variable], item: usize, calculated: &[usize]) -> Vec<usize> {
    let mut texts: Vec<&str> = items[item].calculated.iter().map(Expression::text).collect();
    let mut variables: Vec<&Variable> = root.iter().collect();
    let mut around = Some(item);
    while let Some(n) = around {
        variables.extend(&items[n].variables);
        around = items[n].parent;
    }
    let mut names: Vec<&str> =
        items[item].calculated.iter().flat_map(Expression::variables).map(String::as_str).collect();
    while let Some(name) = names.pop() {
        if let Some(position) = variables.iter().position(|variable| variable.name == name) {
            let variable = variables.swap_remove(position);
            texts.push(variable.expression.text());
            names.extend(variable.expression.variables().iter().map(String::as_str));
        }
    }
    let named = |n: &usize| texts.iter().any(|text| text.contains(&format!("'{}'", items[*n].link_id)));
    (0..calculated.len()).filter(|position| named(&calculated[*position])).collect()
}
