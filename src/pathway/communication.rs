//! The Communication to the patient: the message of the level first, advice beneath it and never in
//! its place.
//!
//! The first text of a rule is its message, the others are advice. Only the messages of the highest
//! level are said, so that nobody reads "within three days" under "call now".

use crate::json::Value;

use super::derived::Derived;
use super::element::{Element, concept, only, reference, shown_coding};
use super::existing::status;
use super::input::Scene;
use crate::judgement::{Action, Activity, ActivityKind, Priority};
use crate::terminology::{Level, UNREADABLE};

/// Derive the Communication. A response in progress that alerts nobody says nothing yet, and of one that was withdrawn before
/// anything was said there is nothing to say.
pub(super) fn derive(scene: &Scene<'_>, report: Option<&str>, derived: &mut Derived) {
    if scene.input.in_progress && scene.alerts.is_empty() && scene.held.is_empty() {
        return;
    }
    if scene.input.withdrawn && scene.existing.of_type("Communication").next().is_none() {
        return;
    }
    let payload = payload(scene);
    let open = scene
        .existing
        .of_type("Communication")
        .find(|known| matches!(status(known), "preparation" | "in-progress"));
    if let Some(open) = open {
        if open["payload"] != payload {
            let mut next = Element::amending(open);
            put_content(scene, payload, report, &mut next);
            derived.update(open, next.with("sent", scene.received.clone()));
        }
        return;
    }
    // Read already: said again only when there is something else to say.
    if scene.existing.of_type("Communication").next_back().is_some_and(|said| said["payload"] == payload) {
        return;
    }
    let mut whole = Element::resource("Communication", scene.ids.next(), 14);
    whole.put_some("basedOn", scene.input.care_plan.map(|care_plan| only(reference(care_plan))));
    whole.put("status", "in-progress");
    whole.put("sent", scene.received.clone());
    put_content(scene, payload, report, &mut whole);
    derived.create(whole);
}

fn put_content(scene: &Scene<'_>, payload: Value, report: Option<&str>, whole: &mut Element) {
    let (category, display) = match scene.level() {
        Level::Vert | Level::Jaune => ("instruction", "Instruction"),
        _ => ("alert", "Alert"),
    };
    let system = "http://terminology.hl7.org/CodeSystem/communication-category";
    let subject = scene.input.subject;
    whole.put("category", only(concept(shown_coding(system, category, display))));
    whole.put("priority", priority(scene.level()).code());
    whole.put("subject", subject.clone());
    whole.put("topic", Element::new(1).with("text", "Suite donnée à votre questionnaire"));
    whole.put("about", only(reference(scene.input.source)));
    whole.put("recipient", only(subject.clone()));
    whole.put("payload", payload);
    whole.put_some("reasonReference", report.map(|report| only(reference(report))));
}

fn payload(scene: &Scene<'_>) -> Value {
    texts(scene).into_iter().map(|text| Value::from(Element::new(1).with("contentString", text))).collect()
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
fn texts(scene: &Scene<'_>) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut say = |text: &str| {
        if !text.is_empty() && !texts.iter().any(|said| said == text) {
            texts.push(text.to_owned());
        }
    };
    let messages: Vec<&str> = messages(scene).collect();
    match messages.as_slice() {
        [] => say(default_message(scene)),
        messages => messages.iter().for_each(|message| say(message)),
    }
    if let Some(number) = scene.input.telephone {
        say(&format!("Numéro de votre service, jour et nuit : {number}."));
    }
    advice(scene).into_iter().for_each(say);
    texts
}

/// Messages of the rules of the highest level, those that nobody can tell about this time among them, and of what could not be read, which no level hides.
fn messages<'a>(scene: &Scene<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
    let (level, is_true) = (scene.level(), is_true(scene));
    let said = fired(scene)
        .filter(move |rule| rule.level == level || rule.level == Level::Technique)
        .filter(move |rule| is_true(rule));
    let mut said: Vec<&Action> = said.collect();
    said.sort_by_key(|rule| std::cmp::Reverse(rule.level));
    said.into_iter().filter_map(|rule| spoken(rule).next()).map(|activity| activity.text.as_str())
}

/// The other texts of the rules that fired: most urgent first, then of the highest level.
///
/// Above jaune only of the rules of the level itself: "walk ten minutes" for a new fatigue must not stand
/// beneath the call for a fever. Advice that cannot wait (`stat`) is said whatever else is wrong: the next tablet is not to be
/// taken before the call, also where a fever is the reason to call.
fn advice<'a>(scene: &Scene<'a>) -> Vec<&'a str> {
    let level = scene.level();
    let is_true = is_true(scene);
    let fits = move |(from, activity): &(Level, &Activity)| {
        level <= Level::Jaune || *from == level || activity.priority == Some(Priority::Stat)
    };
    let of_rule = |rule: &'a Action| spoken(rule).skip(1).map(move |activity| (rule.level, activity));
    let told = fired(scene).filter(move |rule| is_true(rule)).flat_map(of_rule);
    let mut advice: Vec<(Level, &Activity)> = told.filter(fits).collect();
    advice.sort_by_key(|(level, activity)| std::cmp::Reverse((activity.priority, *level)));
    advice.into_iter().map(|(_, activity)| activity.text.as_str()).collect()
}

/// Which rules tell the patient what is so: that something could not be read is not, where all of it was, or where it does not
/// count any more. What another rule of that level asks (to weigh oneself again) stands.
fn is_true(scene: &Scene<'_>) -> impl Fn(&Action) -> bool + Copy + use<> {
    let is_read = scene.input.fully_read || scene.input.withdrawn;
    move |rule| !is_read || rule.level != Level::Technique || rule.rule != UNREADABLE
}

fn fired<'a>(scene: &Scene<'a>) -> impl Iterator<Item = &'a Action> + use<'a> {
    scene.holding().map(|outcome| &*outcome.action)
}

fn spoken(rule: &Action) -> impl Iterator<Item = &Activity> {
    rule.activities.iter().filter(|activity| activity.kind == ActivityKind::CommunicationRequest)
}

/// What the level asks of the patient when no rule says it. It names the number of emergencies in
/// every case where waiting could harm.
fn default_message(scene: &Scene<'_>) -> &'static str {
    match scene.level() {
        Level::Rouge => {
            "Vos réponses demandent un avis médical immédiat. Appelez tout de suite le numéro de votre service ; sans réponse, appelez le 15. \
             Douleur dans la poitrine, difficulté à respirer, malaise, saignement abondant : appelez le 15 (ou le 112) maintenant."
        }
        Level::Orange => {
            "L'équipe vous appelle aujourd'hui. Si cela s'aggrave : le numéro de votre service, ou le 15."
        }
        Level::Technique if scene.input.withdrawn => {
            "Votre réponse a été annulée, l'équipe est prévenue. Si vous n'allez pas bien : le numéro de votre service, ou le 15."
        }
        Level::Technique if scene.input.fully_read => {
            "Nous avons bien reçu votre réponse, l'équipe va la relire. Si vous n'allez pas bien : le numéro de votre service, ou le 15."
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
