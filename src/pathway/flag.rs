//! Flags: one for each rule that fired at jaune or above, or that says *technique*.

use serde_json::{Value, json};

use super::derived::Derived;
use super::element::{
    coding, extension, extension_url, extension_value, level_coding, overlay, reference, remove,
};
use super::existing::{of_type, status};
use super::input::{Input, RuleOutcome, RuleResult};
use crate::clock::Ids;
use crate::fhir::datetime::instant;
use crate::terminology::{ALERT_RULE, FLAG_CATEGORY, Level, SYMPTOM};

/// What became of the Flags.
#[derive(Default)]
pub(super) struct Flags {
    /// Active ones whose rule fires, with the rule's place among the outcomes: highest level first.
    pub(super) firing: Vec<(usize, String)>,
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
pub(super) fn derive(input: &Input<'_>, ids: &dyn Ids, derived: &mut Derived) -> Flags {
    let mut flags = Flags::default();
    for (index, rule) in input.rules.iter().enumerate() {
        let known = of_type(input, "Flag").find(|flag| action_of(flag) == Some(&rule.action_id));
        if is_alert(rule) {
            let id = raise(input, rule, known, ids, derived);
            flags.firing.push((index, format!("Flag/{id}")));
        } else if let Some(known) = known.filter(|known| status(known) == "active") {
            let own = format!("Flag/{}", known["id"].as_str().unwrap_or_default());
            if rule.result == RuleResult::NotFired {
                end(input, known, derived);
                flags.superseded.push(own);
            } else {
                flags.undecided.push(own);
            }
        }
    }
    end_unknown(input, derived, &mut flags);
    flags.firing.sort_by_key(|(index, _)| std::cmp::Reverse(input.rules[*index].level));
    flags
}

fn is_alert(rule: &RuleOutcome) -> bool {
    rule.result == RuleResult::Fired && !matches!(rule.level, Level::Vert | Level::Silence)
}

/// A Flag whose action is not in the protocol that evaluated this version: R90 that no longer has a
/// reason, or another version of the protocol.
fn end_unknown(input: &Input<'_>, derived: &mut Derived, flags: &mut Flags) {
    for known in of_type(input, "Flag").filter(|flag| status(flag) == "active") {
        let asked = input.rules.iter().any(|rule| action_of(known) == Some(&rule.action_id));
        if !asked {
            end(input, known, derived);
            flags.superseded.push(format!("Flag/{}", known["id"].as_str().unwrap_or_default()));
        }
    }
}

fn action_of(flag: &Value) -> Option<&str> {
    extension_value(flag, "rule-action", "String")
}

fn raise(
    input: &Input<'_>,
    rule: &RuleOutcome,
    known: Option<&Value>,
    ids: &dyn Ids,
    derived: &mut Derived,
) -> String {
    let content = json!({
        "extension": [
            extension("rule-action", "String", rule.action_id.as_str()),
            extension("source-response", "Reference", reference(input.source)),
        ],
        "category": [{ "coding": [coding(FLAG_CATEGORY, category(rule.level), None)] }],
        "code": code(rule),
    });
    let Some(known) = known else {
        let id = ids.next();
        let mut flag = json!({ "resourceType": "Flag", "id": id, "status": "active" });
        flag = overlay(&flag, content);
        flag["subject"] = input.subject.clone();
        flag["period"] = json!({ "start": instant(input.received) });
        derived.create(flag);
        return id;
    };
    // Ended by an earlier amendment, it comes back; ended by a person, it stays ended.
    let comes_back = extension_value(known, "superseded", "Instant").is_some();
    let mut next = overlay(known, content);
    if comes_back {
        next["status"] = json!("active");
        if let Some(period) = next.get_mut("period") {
            remove(period, &["end"]);
        }
    }
    derived.update(known, next);
    known["id"].as_str().unwrap_or_default().to_owned()
}

fn category(level: Level) -> &'static str {
    if level == Level::Technique { "admin" } else { "clinical" }
}

fn code(rule: &RuleOutcome) -> Value {
    let mut codings = vec![level_coding(rule.level), coding(ALERT_RULE, &rule.rule, None)];
    if let Some(symptom) = &rule.symptom {
        codings.push(coding(SYMPTOM, &symptom.code, symptom.display.as_deref()));
    }
    let text = if rule.message.is_empty() {
        rule.title.clone()
    } else {
        format!("{} : {}", rule.title, rule.message)
    };
    json!({ "coding": codings, "text": text })
}

fn end(input: &Input<'_>, known: &Value, derived: &mut Derived) {
    let mut ended = overlay(known, json!({ "status": "inactive" }));
    let url = extension_url("superseded");
    if let Some(extensions) = ended.get_mut("extension").and_then(Value::as_array_mut) {
        extensions.retain(|one| one["url"] != url.as_str());
        extensions.push(extension("superseded", "Instant", instant(input.received)));
    }
    let mut period = ended.get("period").cloned().unwrap_or_else(|| json!({}));
    period["end"] = json!(instant(input.received));
    ended["period"] = period;
    derived.update(known, ended);
}
