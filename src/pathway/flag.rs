//! Flags: one for each rule that fired at jaune or above, or that says *technique*.

use std::collections::HashMap;

use crate::json::Value;

use super::derived::Derived;
use super::element::{
    Element, RULE_ACTION, SOURCE_RESPONSE, SUPERSEDED, address, coding, concept, extension, extension_value,
    level_coding, only, reference, shown_coding, told_concept,
};
use super::existing::status;
use super::input::Scene;
use super::task_told;
use crate::judgement::{Action, Outcome};
use crate::terminology::{ALERT_RULE, FLAG_CATEGORY, Level, SYMPTOM};

/// What became of the Flags.
#[derive(Default)]
pub(super) struct Flags {
    /// Active ones whose rule fires, with the rule's place among the outcomes: highest level first.
    pub(super) firing: Vec<(usize, String)>,
    /// Of the firing ones those that had ended and come back.
    pub(super) returned: Vec<String>,
    /// Active ones that stay because nobody can tell this time.
    pub(super) undecided: Vec<String>,
    /// Ended by this amendment.
    pub(super) superseded: Vec<String>,
}

impl Flags {
    /// Reference to the Flag of the rule at this place.
    pub(super) fn of_rule(&self, index: usize) -> Option<&str> {
        self.firing.iter().find(|(of, _)| *of == index).map(|(_, flag)| flag.as_str())
    }

    /// Whether a Flag is still active.
    pub(super) fn holds(&self, flag: &str) -> bool {
        self.firing.iter().any(|(_, known)| known == flag) || self.undecided.iter().any(|known| known == flag)
    }
}

/// Derive the Flags.
pub(super) fn derive(scene: &Scene<'_>, derived: &mut Derived) -> Flags {
    let outcomes = &scene.input.evaluation.outcomes;
    let existing: Vec<(Option<&str>, &Value)> =
        scene.existing.of_type("Flag").map(|flag| (action_of(flag), flag)).collect();
    // Of several of one action, which only a hand could have made, the oldest.
    let by_action: HashMap<&str, &Value> =
        existing.iter().rev().filter_map(|(action, flag)| Some(((*action)?, *flag))).collect();
    let mut flags = Flags::default();
    for (index, rule) in outcomes.iter().enumerate() {
        let known = if by_action.is_empty() { None } else { by_action.get(rule.action.id.as_str()).copied() };
        if rule.is_alert() {
            let flag = raise(scene, rule, known, derived, &mut flags.returned);
            flags.firing.push((index, flag));
        }
    }
    flags.undecided = scene.held.iter().map(|held| address("Flag", held.flag)).collect();
    // The others end: their rule says no, or their action is not in the protocol that evaluated this version, as R90 that
    // no longer has a reason, or an action of another version of the protocol.
    for (action, known) in existing.iter().filter(|(_, flag)| status(flag) == "active") {
        let fires = outcomes.iter().any(|rule| is_of(rule, *action) && rule.is_alert());
        if !fires && !flags.undecided.contains(&address("Flag", known)) {
            flags.superseded.push(end(scene, known, derived));
        }
    }
    flags.firing.sort_by_key(|(index, _)| std::cmp::Reverse(outcomes[*index].action.level));
    flags
}

fn is_of(rule: &Outcome, action: Option<&str>) -> bool {
    action == Some(&rule.action.id)
}

fn action_of(flag: &Value) -> Option<&str> {
    extension_value(flag, RULE_ACTION, "valueString")
}

/// Raises the alert of a rule that fires; gives its reference.
fn raise(
    scene: &Scene<'_>,
    rule: &Outcome,
    known: Option<&Value>,
    derived: &mut Derived,
    returned: &mut Vec<String>,
) -> String {
    let Some(known) = known else {
        let id = scene.ids.next();
        let mut flag = Element::resource("Flag", id.clone(), 12).with("status", "active");
        put_content(scene, &rule.action, &mut flag);
        flag.put("subject", scene.input.subject.clone());
        flag.put("period", Element::new(1).with("start", scene.received.clone()));
        derived.create(flag);
        return format!("Flag/{id}");
    };
    let address = address("Flag", known);
    let mut next = Element::amending(known);
    put_content(scene, &rule.action, &mut next);
    if comes_back(scene, rule, known, &address) {
        next.put("status", "active");
        if let Some(Value::Object(period)) = next.get_mut("period") {
            period.remove("end");
        }
        returned.push(address.clone());
    }
    derived.update(known, next);
    address
}

/// Ended by an earlier amendment, it comes back; ended by a person, only when it says something else than what that person
/// could read.
fn comes_back(scene: &Scene<'_>, rule: &Outcome, known: &Value, address: &str) -> bool {
    let superseded = extension_value(known, SUPERSEDED, "valueInstant").is_some();
    let told = || task_told::last(scene, address, None).is_some_and(|task| task_told::tells(task, rule));
    superseded || (status(known) == "inactive" && !told())
}

fn put_content(scene: &Scene<'_>, rule: &Action, flag: &mut Element) {
    let extensions = vec![
        extension(RULE_ACTION, "valueString", rule.id.clone()),
        extension(SOURCE_RESPONSE, "valueReference", reference(scene.input.source)),
    ];
    flag.put("extension", extensions);
    flag.put("category", only(concept(coding(FLAG_CATEGORY, category(rule.level)))));
    flag.put("code", code(rule));
}

fn category(level: Level) -> &'static str {
    if level == Level::Technique { "admin" } else { "clinical" }
}

fn code(rule: &Action) -> Value {
    let mut codings = vec![level_coding(rule.level), coding(ALERT_RULE, rule.rule.clone())];
    if let Some(symptom) = &rule.symptom {
        codings.push(match &symptom.display {
            Some(display) => shown_coding(SYMPTOM, symptom.code.clone(), display.clone()),
            None => coding(SYMPTOM, symptom.code.clone()),
        });
    }
    let text = if rule.message.is_empty() {
        rule.title.clone()
    } else {
        format!("{} : {}", rule.title, rule.message)
    };
    told_concept(codings, text)
}

/// Ends a Flag; gives its reference.
fn end(scene: &Scene<'_>, known: &Value, derived: &mut Derived) -> String {
    let mut ended = Element::amending(known).with("status", "inactive");
    if let Some(Value::Array(extensions)) = ended.get_mut("extension") {
        extensions.retain(|one| one["url"] != SUPERSEDED);
        extensions.push(extension(SUPERSEDED, "valueInstant", scene.received.clone()));
    }
    let period = ended.get_mut("period").map_or_else(Element::default, |period| period.take().into());
    ended.put("period", period.with("end", scene.received.clone()));
    derived.update(known, ended);
    address("Flag", known)
}
