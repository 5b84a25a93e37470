//! The Communication to the patient: the message of the level first, advice beneath it and never in
//! its place.
//!
//! The first text of a rule is its message, the others are advice. Only the messages of the highest
//! level are said, so that nobody reads "within three days" under "call now".

use serde_json::{Value, json};

use super::derived::Derived;
use super::element::{overlay, reference};
use super::existing::{of_type, status};
use super::input::{Activity, ActivityKind, Input, Priority, RuleOutcome, RuleResult};
use crate::clock::Ids;
use crate::fhir::datetime::instant;
use crate::terminology::Level;

/// Derive the Communication. A response in progress that alerts nobody says nothing yet.
pub(super) fn derive(input: &Input<'_>, report: Option<&str>, ids: &dyn Ids, derived: &mut Derived) {
    if input.in_progress && input.alerts().next().is_none() {
        return;
    }
    let content = content(input, report);
    let open =
        of_type(input, "Communication").find(|known| matches!(status(known), "preparation" | "in-progress"));
    if let Some(open) = open {
        if open["payload"] != content["payload"] {
            let sent = json!({ "sent": instant(input.received) });
            derived.update(open, overlay(&overlay(open, content), sent));
        }
        return;
    }
    // Read already: said again only when there is something else to say.
    if of_type(input, "Communication").next_back().is_some_and(|said| said["payload"] == content["payload"]) {
        return;
    }
    let mut whole = json!({ "resourceType": "Communication", "id": ids.next() });
    if let Some(care_plan) = input.care_plan {
        whole["basedOn"] = json!([reference(care_plan)]);
    }
    whole["status"] = json!("in-progress");
    whole["sent"] = json!(instant(input.received));
    derived.create(overlay(&whole, content));
}

fn content(input: &Input<'_>, report: Option<&str>) -> Value {
    let (category, display) = match input.level {
        Level::Vert | Level::Jaune => ("instruction", "Instruction"),
        _ => ("alert", "Alert"),
    };
    let system = "http://terminology.hl7.org/CodeSystem/communication-category";
    let payload: Vec<Value> = texts(input).into_iter().map(|text| json!({ "contentString": text })).collect();
    let mut content = json!({
        "category": [{ "coding": [{ "system": system, "code": category, "display": display }] }],
        "priority": priority(input.level).code(),
        "subject": input.subject,
        "topic": { "text": "Suite donnée à votre questionnaire" },
        "about": [reference(input.source)],
        "recipient": [input.subject],
        "payload": payload,
    });
    if let Some(report) = report {
        content["reasonReference"] = json!([reference(report)]);
    }
    content
}

fn priority(level: Level) -> Priority {
    match level {
        Level::Rouge => Priority::Stat,
        Level::Orange => Priority::Asap,
        Level::Technique | Level::Silence => Priority::Urgent,
        Level::Jaune | Level::Vert => Priority::Routine,
    }
}

/// Messages, then the number to call, then advice; each text once.
fn texts(input: &Input<'_>) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut say = |text: &str| {
        if !text.is_empty() && !texts.iter().any(|said| said == text) {
            texts.push(text.to_owned());
        }
    };
    let messages: Vec<&str> = messages(input).collect();
    match messages.as_slice() {
        [] => say(default_message(input.level)),
        messages => messages.iter().for_each(|message| say(message)),
    }
    if let Some(number) = input.telephone {
        say(&format!("Numéro de votre service, jour et nuit : {number}."));
    }
    advice(input).into_iter().for_each(say);
    texts
}

/// Messages of the rules of the highest level, and of what could not be read, which no level hides.
fn messages<'a>(input: &Input<'a>) -> impl Iterator<Item = &'a str> {
    let level = input.level;
    let said = fired(input).filter(move |rule| rule.level == level || rule.level == Level::Technique);
    let mut said: Vec<&RuleOutcome> = said.collect();
    said.sort_by_key(|rule| std::cmp::Reverse(rule.level));
    said.into_iter().filter_map(|rule| spoken(rule).next()).map(|activity| activity.text.as_str())
}

/// The other texts of the rules that fired: most urgent first, then of the highest level.
///
/// Above jaune only of the rules of the level itself: "walk ten minutes" for a new fatigue must not stand
/// beneath the call for a fever.
fn advice<'a>(input: &Input<'a>) -> Vec<&'a str> {
    let level = input.level;
    let fits = move |rule: &&RuleOutcome| level <= Level::Jaune || rule.level == level;
    let of_rule = |rule: &'a RuleOutcome| spoken(rule).skip(1).map(move |activity| (rule.level, activity));
    let mut advice: Vec<(Level, &Activity)> = fired(input).filter(fits).flat_map(of_rule).collect();
    advice.sort_by_key(|(level, activity)| std::cmp::Reverse((activity.priority, *level)));
    advice.into_iter().map(|(_, activity)| activity.text.as_str()).collect()
}

fn fired<'a>(input: &Input<'a>) -> impl Iterator<Item = &'a RuleOutcome> + use<'a> {
    input.rules.iter().filter(|rule| rule.result == RuleResult::Fired)
}

fn spoken(rule: &RuleOutcome) -> impl Iterator<Item = &Activity> {
    rule.activities.iter().filter(|activity| activity.kind == ActivityKind::Advice)
}

/// What the level asks of the patient when no rule says it. It names the number of emergencies in
/// every case where waiting could harm.
const fn default_message(level: Level) -> &'static str {
    match level {
        Level::Rouge => {
            "Vos réponses demandent un avis médical immédiat. Appelez tout de suite le numéro de votre service ; sans réponse, appelez le 15. \
             Douleur dans la poitrine, difficulté à respirer, malaise, saignement abondant : appelez le 15 (ou le 112) maintenant."
        }
        Level::Orange => {
            "L'équipe vous appelle aujourd'hui. Si cela s'aggrave : le numéro de votre service, ou le 15."
        }
        Level::Technique => {
            "Nous n'avons pas pu lire toute votre réponse, l'équipe est prévenue. Si vous n'allez pas bien : le numéro de votre service, ou le 15."
        }
        Level::Jaune => {
            "Nous avons vu vos réponses. Si cela s'aggrave : le numéro de votre service, ou le 15."
        }
        Level::Vert | Level::Silence => {
            "Merci pour vos réponses. Si quelque chose change, appelez-nous sans attendre le prochain questionnaire."
        }
    }
}
