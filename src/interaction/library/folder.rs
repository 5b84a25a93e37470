//! The definitions of a folder, compiled together: what `check` says, and what a load must pass before anything is stored.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::json::Value;

use super::canonical::{Canonical, is_definition};
use super::edition::{self, Form, Plan};
use super::questions;
use super::reach;
use super::shelf::Shelf;
use super::stored::{choose, definitions_named};
use super::worse;
use crate::fhir::{element, structure};
use crate::problem::{Category, Issue, Problem, Severity};
use crate::terminology::Terminology;

/// Compiles every questionnaire and every protocol; other conformance resources are checked and passed over.
///
/// # Errors
/// `Invalid` with every fault of every resource; each place starts with the canonical of the resource.
pub(crate) fn compile(resources: Vec<Value>) -> Result<Shelf, Problem> {
    let terminology = Arc::new(Terminology::load(&resources));
    compile_with(resources, &terminology)
}

/// The same, with a terminology that is known already.
///
/// # Errors
/// As [`compile`].
pub(super) fn compile_with(resources: Vec<Value>, terminology: &Arc<Terminology>) -> Result<Shelf, Problem> {
    let mut issues = Vec::new();
    let mut seen = BTreeSet::new();
    for resource in &resources {
        note(&mut issues, resource, structure::check(resource));
        note(&mut issues, resource, canonical_faults(resource, &mut seen));
    }
    let activities: Vec<&Value> =
        resources.iter().filter(|resource| resource["resourceType"] == "ActivityDefinition").collect();
    let mut shelf = Shelf { terminology: Some(Arc::clone(terminology)), ..Shelf::default() };
    for resource in &resources {
        let Some(canonical) = Canonical::of(resource) else { continue };
        let url = canonical.url.to_owned();
        match element::resource_type(resource) {
            Some("Questionnaire") => match edition::form(resource.clone(), terminology) {
                Ok(form) => {
                    note(&mut issues, resource, reach::astray_in_form(&form));
                    shelf.forms.entry(url).or_default().push(Arc::new(form));
                }
                Err(problem) => note(&mut issues, resource, problem.issues),
            },
            Some("PlanDefinition") => match edition::plan(resource.clone(), &named(resource, &activities)) {
                Ok(plan) => shelf.plans.entry(url).or_default().push(Arc::new(plan)),
                Err(problem) => note(&mut issues, resource, problem.issues),
            },
            _ => {}
        }
    }
    for plan in shelf.plans.values().flatten() {
        let forms: Vec<&Form> = shelf.forms.values().flatten().map(Arc::as_ref).collect();
        let forms = named_by(plan, &forms);
        note(&mut issues, &plan.source, questions::unknown(plan, &forms));
        note(&mut issues, &plan.source, reach::astray_in_plan(plan, &forms));
    }
    if issues.iter().any(|issue| issue.severity >= Severity::Error) {
        return Err(Problem::with(Category::Invalid, issues));
    }
    Ok(shelf)
}

/// Every way found in which a worse answer gives a lower level under an active protocol.
pub(super) fn lowered(shelf: &Shelf) -> Vec<Issue> {
    let forms: Vec<&Form> = shelf.forms.values().flatten().map(Arc::as_ref).collect();
    let mut issues = Vec::new();
    for plan in shelf.plans.values().flatten().filter(|plan| plan.status() == "active") {
        let found = worse::lowered(plan, &named_by(plan, &forms), &shelf.terminology());
        note(&mut issues, &plan.source, found);
    }
    issues
}

/// The questionnaires that a plan names.
fn named_by<'a>(plan: &Plan, forms: &[&'a Form]) -> Vec<&'a Form> {
    let names = |form: &&&'a Form| plan.compiled.questionnaires().contains(&form.canonical());
    forms.iter().filter(names).copied().collect()
}

fn named(plan: &Value, activities: &[&Value]) -> Vec<Value> {
    let editions = |canonical: &Canonical<'_>| {
        activities
            .iter()
            .filter(|activity| activity["url"] == canonical.url)
            .map(|activity| (*activity).clone())
            .collect()
    };
    definitions_named(plan)
        .iter()
        .filter_map(|text| {
            let canonical = Canonical::parse(text);
            choose(editions(&canonical), canonical.version)
        })
        .collect()
}

fn canonical_faults(resource: &Value, seen: &mut BTreeSet<String>) -> Vec<Issue> {
    let rtype = element::resource_type(resource).unwrap_or_default();
    if !is_definition(rtype) {
        return Vec::new();
    }
    match Canonical::of(resource) {
        None => vec![
            Issue::error("required", "a definition needs a url: it is known by nothing else")
                .at(format!("{rtype}.url")),
        ],
        Some(canonical) if !seen.insert(format!("{rtype} {canonical}")) => {
            vec![
                Issue::error("duplicate", format!("{canonical} is defined more than once"))
                    .at(format!("{rtype}.url")),
            ]
        }
        Some(_) => Vec::new(),
    }
}

/// Adds issues with the canonical of the resource (or its `Type/id`) in front of the place, so that its file is found.
fn note(issues: &mut Vec<Issue>, resource: &Value, found: Vec<Issue>) {
    let name = Canonical::of(resource)
        .map(|canonical| canonical.to_string())
        .or_else(|| element::local_reference(resource))
        .unwrap_or_else(|| "a resource without url, type or id".to_owned());
    issues.extend(found.into_iter().map(|issue| {
        let place =
            issue.expression.as_ref().map_or_else(|| name.clone(), |place| format!("{name}: {place}"));
        issue.at(place)
    }));
}
