//! The input of an operation: `Parameters`, or the one resource it is about (FHIR R4, Operations).

use super::meaning;
use crate::json::Value;

use crate::fhir::element;
use crate::problem::{Category, Issue, Problem};

/// The parameters of one request, each with its resource.
pub(crate) struct Parts(Vec<(String, Value)>);

impl Parts {
    /// Reads the input. A body that is no `Parameters` is the parameter `main`.
    ///
    /// # Errors
    /// `Malformed` with every parameter that is not known or has no resource; `Invalid` where it or a resource beside the main one,
    /// which is looked at where it is taken, must be understood in a way that is not known here.
    pub(crate) fn read(body: Value, main: &str, known: &[&str]) -> Result<Self, Problem> {
        if element::resource_type(&body) != Some("Parameters") {
            return Ok(Self(vec![(main.to_owned(), body)]));
        }
        meaning::plain_parameters(&body)?;
        let mut parts = Vec::new();
        let (mut issues, mut unknown) = (Vec::new(), Vec::new());
        for (n, parameter) in element::list(&body, "parameter").enumerate() {
            let name = element::str_at(parameter, "name").unwrap_or_default();
            let place = format!("Parameters.parameter[{n}]");
            match parameter.get("resource") {
                _ if !known.contains(&name) => {
                    let diagnostics =
                        format!("no parameter is named {name:?}; there are {}", known.join(", "));
                    issues.push(Issue::error("not-supported", diagnostics).at(format!("{place}.name")));
                }
                Some(resource) => {
                    if name != main {
                        unknown.extend(not_understood(resource, &place));
                    }
                    parts.push((name.to_owned(), resource.clone()));
                }
                // `mode` and `profile` of $validate are codes and canonicals: nothing here depends on them.
                None if name != main => {}
                None => issues.push(Issue::error("required", format!("{name} needs its resource")).at(place)),
            }
        }
        match (issues.is_empty(), unknown.is_empty()) {
            (true, true) => Ok(Self(parts)),
            (true, false) => Err(Problem::with(Category::Invalid, unknown)),
            _ => Err(Problem::with(Category::Malformed, issues)),
        }
    }

    /// Takes every resource of a name, in order.
    pub(crate) fn all(&mut self, name: &str) -> Vec<Value> {
        let (taken, kept) = std::mem::take(&mut self.0).into_iter().partition(|(found, _)| found == name);
        self.0 = kept;
        let taken: Vec<(String, Value)> = taken;
        taken.into_iter().map(|(_, resource)| resource).collect()
    }

    /// Takes the resource of a name that may be there once.
    ///
    /// # Errors
    /// `Malformed` when it is there more than once.
    pub(crate) fn optional(&mut self, name: &str) -> Result<Option<Value>, Problem> {
        let mut found = self.all(name);
        if found.len() > 1 {
            return Err(Problem::new(
                Category::Malformed,
                "multiple-matches",
                format!("{name} is given more than once"),
            ));
        }
        Ok(found.pop())
    }

    /// Takes the resource of a name that must be there once.
    ///
    /// # Errors
    /// `Malformed` when it is not.
    pub(crate) fn one(&mut self, name: &str) -> Result<Value, Problem> {
        self.optional(name)?.ok_or_else(|| {
            Problem::new(Category::Malformed, "required", format!("the parameter {name} is missing"))
        })
    }
}

/// What must be understood to read a resource in that parameter.
fn not_understood(resource: &Value, place: &str) -> Vec<Issue> {
    let rtype = element::resource_type(resource).unwrap_or("Resource");
    let mut issues = meaning::unknown_rules(resource);
    issues.extend(meaning::unknown_modifiers(resource));
    for issue in &mut issues {
        let within = issue.expression.take().unwrap_or_default();
        let rest = within.strip_prefix(rtype).unwrap_or_default();
        issue.expression = Some(format!("{place}.resource{rest}"));
    }
    issues
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn a_bare_resource_is_the_main_parameter() {
        let mut parts =
            Parts::read(json!({"resourceType": "QuestionnaireResponse"}), "response", &["response"]).unwrap();
        assert!(parts.one("response").is_ok());
        assert!(parts.one("response").is_err());
    }

    #[test]
    fn parameters_are_taken_by_name_and_unknown_ones_refused() {
        let body = json!({"resourceType": "Parameters", "parameter": [
            {"name": "response", "resource": {"id": "1"}},
            {"name": "previous", "resource": {"id": "2"}},
            {"name": "previous", "resource": {"id": "3"}}
        ]});
        let mut parts = Parts::read(body.clone(), "response", &["response", "previous"]).unwrap();
        assert_eq!(parts.all("previous"), [json!({"id": "2"}), json!({"id": "3"})]);
        assert_eq!(parts.one("response").unwrap(), json!({"id": "1"}));
        let problem = Parts::read(body, "response", &["response"]).err().unwrap();
        assert_eq!(problem.issues.len(), 2);
    }
}
