//! From PlanDefinition to [`Protocol`]: every fault is found, each with its element path
//! (<https://hl7.org/fhir/R4/plandefinition.html>).

use std::sync::Arc;

use crate::json::{Picks, Value};

use super::activity;
use super::bound::Bound;
use super::expression::{self, Reach, TRIGGERED};
use super::fault::Faults;
use super::protocol::{Protocol, Rule, Variable};
use super::unreadable;
use crate::fhir::element::{code_of, codings, list, str_at};
use crate::fhirpath::Expression;
use crate::judgement::{Action, Activity, Symptom};
use crate::problem::Problem;
use crate::terminology::{
    ALERT_LEVEL, ALERT_RULE, BASE, Level, RULE_AGGREGATE, RULE_EVIDENCE, RULE_IN_PROGRESS, RULE_THRESHOLD,
    SYMPTOM,
};

/// Compile a PlanDefinition with each ActivityDefinition that it names.
///
/// # Errors
/// `Invalid`, with every fault and its element path.
pub fn compile(plan: &Value, activities: &[Value]) -> Result<Protocol, Problem> {
    let mut faults = Faults::default();
    if plan["resourceType"] != "PlanDefinition" {
        faults.add("PlanDefinition", "structure", "this is not a PlanDefinition");
    }
    let url = required(plan, "url", &mut faults);
    let version = required(plan, "version", &mut faults);
    let questionnaires = questionnaires(plan, &mut faults);
    let (variables, reach) = expression::variables(plan, &mut faults);
    let actions: Vec<&Value> = list(plan, "action").collect();
    if actions.is_empty() {
        faults.add("PlanDefinition.action", "required", "a protocol needs at least one rule");
    }
    let mut rules: Vec<Rule> = Vec::new();
    let mut known = Known { variables: &variables, reach: &reach, activities, explaining: Vec::new() };
    for (n, action) in actions.iter().enumerate() {
        let place = format!("PlanDefinition.action[{n}]");
        let id = action["id"].as_str().unwrap_or_default();
        if !id.is_empty() && actions[..n].iter().any(|earlier| earlier["id"] == id) {
            faults.add(format!("{place}.id"), "duplicate", format!("{id:?} is the id of an earlier action"));
        }
        rules.extend(rule(action, &place, &mut known, &mut faults));
    }
    let explaining = known.explaining;
    faults.into_result()?;
    let title = plan["title"].as_str().map(str::to_owned);
    let history = history(&variables, &rules);
    Ok(Protocol { url, version, title, questionnaires, variables, rules, history, explaining })
}

/// The items of earlier responses that the expressions of a plan can see, where each of them tells.
fn history(variables: &[Variable], rules: &[Rule]) -> Option<Picks> {
    let mut picks = Picks::none("item", "linkId");
    let of_variables = variables.iter().map(|variable| &variable.expression);
    for bound in of_variables.chain(rules.iter().filter_map(|rule| rule.condition.as_ref())) {
        for way in bound.expression.picks("history", "item", "linkId")? {
            picks.add(&way);
        }
    }
    Some(picks)
}

/// What the actions of a plan are compiled with.
struct Known<'a> {
    variables: &'a [Variable],
    reach: &'a Reach,
    activities: &'a [Value],
    /// Link ids of the answers that explain rules, gathered from the actions.
    explaining: Vec<String>,
}

impl Known<'_> {
    /// The place of a link id among those that explain rules.
    fn explaining(&mut self, link_id: String) -> usize {
        self.explaining.iter().position(|known| *known == link_id).unwrap_or_else(|| {
            self.explaining.push(link_id);
            self.explaining.len() - 1
        })
    }
}

fn required(plan: &Value, name: &str, faults: &mut Faults) -> String {
    let text = plan[name].as_str().unwrap_or_default();
    if text.is_empty() {
        faults.add(format!("PlanDefinition.{name}"), "required", format!("a protocol needs a {name}"));
    }
    text.to_owned()
}

/// The Questionnaires that the plan depends on, each pinned to its version.
fn questionnaires(plan: &Value, faults: &mut Faults) -> Vec<String> {
    let mut found = Vec::new();
    let related = list(plan, "relatedArtifact").enumerate();
    for (n, artifact) in related.filter(|(_, artifact)| artifact["type"] == "depends-on") {
        let place = format!("PlanDefinition.relatedArtifact[{n}].resource");
        match artifact["resource"].as_str() {
            Some(canonical)
                if canonical
                    .split_once('|')
                    .is_some_and(|(url, version)| !url.is_empty() && !version.is_empty()) =>
            {
                found.push(canonical.to_owned());
            }
            found => {
                faults.add(place, "value", format!("{found:?} does not name a questionnaire as url|version"))
            }
        }
    }
    if found.is_empty() {
        faults.add(
            "PlanDefinition.relatedArtifact",
            "required",
            "no questionnaire is named (type depends-on, resource url|version)",
        );
    }
    found
}

fn rule(action: &Value, place: &str, known: &mut Known<'_>, faults: &mut Faults) -> Option<Rule> {
    let before = faults.len();
    let action_id = action["id"].as_str().unwrap_or_default();
    if action_id.is_empty() {
        faults.add(format!("{place}.id"), "required", "a rule needs an id");
    }
    let rule = code_of(&action["code"], ALERT_RULE);
    if rule.is_none() {
        faults.add(format!("{place}.code"), "required", format!("a coding of {ALERT_RULE} is needed"));
    }
    let level = level(action, place, faults);
    let title = action["title"].as_str().unwrap_or_default();
    if title.is_empty() {
        faults.add(format!("{place}.title"), "required", "a rule needs a title");
    }
    known_extensions(action, place, faults);
    let aggregate = flag(action, RULE_AGGREGATE, place, faults);
    let in_progress = flag(action, RULE_IN_PROGRESS, place, faults);
    let evidence = evidence(action, place, faults);
    let optional = rule.zip(level).is_some_and(|(rule, level)| unreadable::is_rule(rule, level));
    let condition = condition(action, place, optional, faults);
    if let Some(condition) = &condition {
        check_names(condition, known.reach, aggregate, place, faults);
    }
    let activities = named_activities(action, place, known.activities, faults);
    (faults.len() == before).then_some(())?;
    let action = Action {
        id: action_id.to_owned(),
        rule: rule?.to_owned(),
        level: level?,
        symptom: symptom(action),
        title: title.to_owned(),
        message: action["description"].as_str().unwrap_or_default().to_owned(),
        threshold: extension(action, RULE_THRESHOLD)
            .and_then(|one| str_at(one, "valueString"))
            .map(str::to_owned),
        source: source(action),
        activities,
    };
    Some(Rule {
        action: Arc::new(action),
        evidence: evidence.into_iter().map(|link_id| known.explaining(link_id)).collect(),
        condition: condition.map(|condition| Bound::of(condition, known.variables)),
        in_progress,
        aggregate,
    })
}

fn level(action: &Value, place: &str, faults: &mut Faults) -> Option<Level> {
    let place = format!("{place}.code");
    let codes: Vec<&str> = codings(&action["code"])
        .into_iter()
        .filter(|(system, _)| *system == ALERT_LEVEL)
        .map(|(_, code)| code)
        .collect();
    match codes.as_slice() {
        [] => faults.add(place, "required", format!("a coding of {ALERT_LEVEL} is needed")),
        ["silence"] => {
            faults.add(place, "code-invalid", "silence is for a response that did not come: no rule has it")
        }
        [code] => match code.parse() {
            Ok(level) => return Some(level),
            Err(unknown) => faults.add(place, "code-invalid", format!("{unknown}")),
        },
        several => faults.add(place, "value", format!("one level is needed, not {}", several.join(", "))),
    }
    None
}

fn symptom(action: &Value) -> Option<Symptom> {
    let concepts = list(action, "code").flat_map(|concept| list(concept, "coding"));
    let found = concepts.into_iter().find(|coding| coding["system"] == SYMPTOM)?;
    Some(Symptom {
        code: found["code"].as_str()?.to_owned(),
        display: found["display"].as_str().map(str::to_owned),
    })
}

fn source(action: &Value) -> Option<String> {
    let cited: Vec<&str> = list(action, "documentation")
        .filter_map(|one| ["citation", "display", "label"].iter().find_map(|name| one[*name].as_str()))
        .collect();
    (!cited.is_empty()).then(|| cited.join(" ; "))
}

fn extension<'a>(element: &'a Value, url: &str) -> Option<&'a Value> {
    list(element, "extension").find(|one| one["url"] == url)
}

/// A misspelt extension of ours would silently change what a rule means.
fn known_extensions(action: &Value, place: &str, faults: &mut Faults) {
    let ours = format!("{BASE}/StructureDefinition/rule-");
    let known = [RULE_EVIDENCE, RULE_THRESHOLD, RULE_IN_PROGRESS, RULE_AGGREGATE];
    for (n, one) in list(action, "extension").enumerate() {
        let url = one["url"].as_str().unwrap_or_default();
        if url.starts_with(&ours) && !known.contains(&url) {
            faults.add(
                format!("{place}.extension[{n}].url"),
                "extension",
                format!("{url} is no extension of a rule; they are {}", known.join(", ")),
            );
        }
    }
}

fn flag(action: &Value, url: &str, place: &str, faults: &mut Faults) -> bool {
    let Some(found) = extension(action, url) else { return false };
    found["valueBoolean"].as_bool().unwrap_or_else(|| {
        faults.add(format!("{place}.extension"), "value", format!("{url} needs a valueBoolean"));
        false
    })
}

fn evidence(action: &Value, place: &str, faults: &mut Faults) -> Vec<String> {
    let mut link_ids = Vec::new();
    for (n, one) in list(action, "extension").enumerate().filter(|(_, one)| one["url"] == RULE_EVIDENCE) {
        match one["valueString"].as_str().map(str::trim) {
            Some(link_id) if !link_id.is_empty() => link_ids.push(link_id.to_owned()),
            _ => faults.add(
                format!("{place}.extension[{n}].value"),
                "value",
                "the linkId that explains the rule is empty",
            ),
        }
    }
    link_ids
}

fn condition(action: &Value, place: &str, optional: bool, faults: &mut Faults) -> Option<Expression> {
    let conditions: Vec<&Value> = list(action, "condition").collect();
    match conditions.as_slice() {
        [] if optional => None,
        [] => {
            faults.add(format!("{place}.condition"), "required", "a rule needs a condition");
            None
        }
        [one] => {
            let place = format!("{place}.condition[0]");
            if one["kind"] != "applicability" {
                faults.add(format!("{place}.kind"), "value", "the kind must be applicability");
            }
            expression::compile(&one["expression"], &format!("{place}.expression"), faults)
        }
        _ => {
            faults.add(
                format!("{place}.condition"),
                "value",
                "one condition is needed: join several with 'and'",
            );
            None
        }
    }
}

fn check_names(condition: &Expression, reach: &Reach, aggregate: bool, place: &str, faults: &mut Faults) {
    let place = format!("{place}.condition[0].expression.expression");
    reach.check(condition, &place, faults);
    let mut known: Vec<&str> = reach.names().collect();
    known.push(TRIGGERED);
    for unknown in expression::undefined(condition, &known) {
        faults.add(&place, "not-found", format!("%{unknown} is not defined"));
    }
    let uses = condition.variables().iter().any(|name| name == TRIGGERED);
    if aggregate && !uses {
        faults.add(&place, "value", "an aggregate rule looks at %triggered, and this one does not");
    }
    if uses && !aggregate {
        faults.add(&place, "value", format!("%triggered is for rules with {RULE_AGGREGATE}"));
    }
}

/// Activities of the action itself and of its sub-actions.
fn named_activities(
    action: &Value,
    place: &str,
    definitions: &[Value],
    faults: &mut Faults,
) -> Vec<Activity> {
    let own = action.get("definitionCanonical").map(|canonical| (place.to_owned(), Some(canonical)));
    let nested = list(action, "action")
        .enumerate()
        .map(|(n, nested)| (format!("{place}.action[{n}]"), nested.get("definitionCanonical")));
    let mut found = Vec::new();
    for (place, canonical) in own.into_iter().chain(nested) {
        let place = format!("{place}.definition");
        let Some(canonical) = canonical.and_then(Value::as_str) else {
            faults.add(place, "required", "the canonical of an ActivityDefinition is needed");
            continue;
        };
        match definitions.iter().find(|definition| activity::answers_to(definition, canonical)) {
            Some(definition) => found.extend(activity::compile(definition, faults)),
            None => faults.add(place, "not-found", format!("no ActivityDefinition {canonical} is known")),
        }
    }
    found
}
