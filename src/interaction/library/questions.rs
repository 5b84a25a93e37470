//! The questions that a protocol speaks of: each `linkId` in its expressions and evidence must be in one of its
//! questionnaires, because a misspelt one is an answer that never comes.

use std::collections::BTreeSet;

use crate::json::Value;

use super::edition::{Form, Plan};
use crate::fhir::element;
use crate::problem::Issue;
use crate::terminology::{RULE_EVIDENCE, VARIABLE};

/// Every question that the plan names and none of these questionnaires asks. Nothing is told when the plan names a
/// questionnaire that is not among them: it may be the one that asks.
pub(crate) fn unknown(plan: &Plan, forms: &[&Form]) -> Vec<Issue> {
    let is_known = |named: &String| forms.iter().any(|form| form.canonical() == *named);
    if !plan.compiled.questionnaires().iter().all(is_known) {
        return Vec::new();
    }
    let mut known = BTreeSet::new();
    for form in forms {
        asked(form.compiled.source(), &mut known);
    }
    let named = named(&plan.source);
    let missing = named.into_iter().filter(|(_, link_id)| !known.contains(link_id.as_str()));
    missing.map(|(place, link_id)| missing_question(place, &link_id)).collect()
}

fn missing_question(place: String, link_id: &str) -> Issue {
    let diagnostics =
        format!("no questionnaire of this protocol asks '{link_id}': its answer would never come");
    Issue::error("not-found", diagnostics).at(place)
}

fn asked<'a>(parent: &'a Value, known: &mut BTreeSet<&'a str>) {
    for item in element::list(parent, "item") {
        known.extend(element::str_at(item, "linkId"));
        asked(item, known);
    }
}

/// Each question with the place that names it.
fn named(plan: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (n, extension) in element::list(plan, "extension").enumerate() {
        if extension["url"] == VARIABLE {
            let text = element::str_at(extension, "valueExpression.expression").unwrap_or_default();
            let place = format!("PlanDefinition.extension[{n}].value.expression");
            found.extend(compared(text).map(|link_id| (place.clone(), link_id)));
        }
    }
    for (n, action) in element::list(plan, "action").enumerate() {
        let place = format!("PlanDefinition.action[{n}]");
        for (k, extension) in element::list(action, "extension").enumerate() {
            if extension["url"] == RULE_EVIDENCE {
                let link_id = element::str_at(extension, "valueString").unwrap_or_default();
                found.push((format!("{place}.extension[{k}].value"), link_id.trim().to_owned()));
            }
        }
        for (k, condition) in element::list(action, "condition").enumerate() {
            let text = element::str_at(condition, "expression.expression").unwrap_or_default();
            let place = format!("{place}.condition[{k}].expression.expression");
            found.extend(compared(text).map(|link_id| (place.clone(), link_id)));
        }
    }
    found
}

/// The texts that `linkId` is compared with in an expression.
fn compared(expression: &str) -> impl Iterator<Item = String> {
    expression.split("linkId").skip(1).filter_map(|rest| {
        let rest = rest.trim_start().strip_prefix('=')?.trim_start().strip_prefix('\'')?;
        rest.split('\'').next().map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_ids_are_found_where_they_are_compared() {
        let check = |expression: &str, expected: &[&str]| {
            assert_eq!(compared(expression).collect::<Vec<_>>(), expected, "{expression}");
        };
        check("%resource.item.where(linkId = 'a.b').answer", &["a.b"]);
        check("item.where(linkId='a').item.where(linkId  =  'b')", &["a", "b"]);
        check("item.linkId.exists() and linkId != 'x' and linkId.startsWith('y')", &[]);
    }
}
