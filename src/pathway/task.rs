//! Tasks: one for each response and action code, with a deadline and its reasons, never one for each
//! symptom. An amendment updates, cancels or adds, and never lowers what a person already saw.

use serde_json::{Value, json};

use super::derived::Derived;
use super::element::{coding, level_coding, level_in, overlay, reference};
use super::existing::{of_type, status};
use super::flag::Flags;
use super::french::{action, lateness, moment, role, told};
use super::input::{Evidence, Input, Priority, RuleOutcome};
use super::task_wanted::{Wanted, wanted};
use crate::clock::Ids;
use crate::fhir::datetime::instant;
use crate::fhir::element::{code_of, list, str_at};
use crate::terminology::{BASE, Level, PERFORMER_ROLE, TASK_CODE};

/// Why an amendment cancels a Task.
const REPLACED: &str = "remplacée par la réponse modifiée";
/// Why it does not cancel one of level rouge.
const NO_LONGER_ROUGE: &str = "La réponse a été modifiée : aucune alerte ne demande plus cette action. Une tâche rouge ne se ferme pas seule : à clore par une personne.";
/// A Task in one of these is still to be done.
const OPEN: &[&str] = &["draft", "requested", "received", "accepted", "ready", "in-progress", "on-hold"];

/// What became of the Tasks.
#[derive(Default)]
pub(super) struct Tasks<'a> {
    /// What the response asks for, with the reference of the Task that does it.
    pub(super) asked: Vec<(Wanted<'a>, String)>,
    /// Cancelled by this amendment.
    pub(super) superseded: Vec<String>,
}

/// Derive the Tasks.
pub(super) fn derive<'a>(
    input: &Input<'a>,
    flags: &Flags,
    ids: &dyn Ids,
    derived: &mut Derived,
) -> Tasks<'a> {
    let mut tasks = Tasks::default();
    for task in wanted(input) {
        let open = of_type(input, "Task").find(|known| is_open(known) && is_for(known, &task.code));
        let id = match open {
            Some(open) => Some(update(input, open, &task, flags, derived)),
            None if answered(input, &task, flags) => None,
            None => Some(create(input, &task, flags, ids, derived)),
        };
        let reference = id.or_else(|| last_done(input, &task.code)).map(|id| format!("Task/{id}"));
        tasks.asked.push((task, reference.unwrap_or_default()));
    }
    for known in of_type(input, "Task").filter(|known| is_open(known)) {
        let asked = tasks.asked.iter().any(|(task, _)| is_for(known, &task.code));
        let held = list(known, "input")
            .any(|one| str_at(one, "valueReference.reference").is_some_and(|f| flags.holds(f)));
        if !asked && !held && release(input, known, derived) {
            tasks.superseded.push(format!("Task/{}", known["id"].as_str().unwrap_or_default()));
        }
    }
    tasks
}

fn is_open(task: &Value) -> bool {
    OPEN.contains(&status(task))
}

fn is_for(task: &Value, code: &str) -> bool {
    code_of(&task["code"], TASK_CODE) == Some(code)
}

/// Whether a person already closed Tasks of this code raised at this level or above that told every
/// alert and every answer of this one. Those that an amendment cancelled, failed ones and mistakes do
/// not count.
fn answered(input: &Input<'_>, task: &Wanted<'_>, flags: &Flags) -> bool {
    let closed: Vec<&Value> = of_type(input, "Task")
        .filter(|known| is_for(known, &task.code) && closed_by_person(known))
        .filter(|known| level_in(&known["reasonCode"]).is_some_and(|level| level >= task.level))
        .collect();
    task.rules.iter().all(|(index, rule)| {
        let flag = flags.of_rule(*index);
        closed.iter().any(|known| flag.is_some_and(|flag| names(known, flag)) && tells(known, rule))
    })
}

/// Whether this alert is among those that a Task was raised for.
fn names(task: &Value, flag: &str) -> bool {
    list(task, "input").any(|one| str_at(one, "valueReference.reference") == Some(flag))
}

/// Whether the answers of a rule are those that the person read in the Task; free words never are in it.
fn tells(task: &Value, rule: &RuleOutcome) -> bool {
    let description = str_at(task, "description").unwrap_or_default();
    let answers = rule.evidence.iter().filter(|one| !one.free_text && one.answer.is_some());
    answers.map(told).all(|line| description.contains(&line))
}

fn closed_by_person(task: &Value) -> bool {
    match status(task) {
        "completed" | "rejected" => true,
        "cancelled" => str_at(task, "statusReason.text") != Some(REPLACED),
        _ => false,
    }
}

fn last_done(input: &Input<'_>, code: &str) -> Option<String> {
    let done = of_type(input, "Task").rfind(|known| is_for(known, code) && closed_by_person(known))?;
    done["id"].as_str().map(str::to_owned)
}

fn create(
    input: &Input<'_>,
    task: &Wanted<'_>,
    flags: &Flags,
    ids: &dyn Ids,
    derived: &mut Derived,
) -> String {
    let id = ids.next();
    let mut whole = json!({ "resourceType": "Task", "id": id });
    if let Some(care_plan) = input.care_plan {
        whole["basedOn"] = json!([reference(care_plan)]);
    }
    whole = overlay(
        &whole,
        json!({
            "status": "requested",
            "intent": "order",
            "priority": task.priority.code(),
            "focus": reference(input.source),
            "for": input.subject,
            "authoredOn": instant(input.received),
            "lastModified": instant(input.received),
        }),
    );
    if let Some(owner) = input.owner {
        whole["owner"] = owner.clone();
    }
    let period = json!({ "start": instant(input.received), "end": instant(task.handle_by) });
    whole["restriction"] = json!({ "period": period });
    derived.create(overlay(&whole, content(input, task, flags, task.level, &instant(task.handle_by), None)));
    id
}

/// An open Task that is still asked for: same id and status; priority, level and deadline can only
/// become more pressing.
fn update(
    input: &Input<'_>,
    open: &Value,
    task: &Wanted<'_>,
    flags: &Flags,
    derived: &mut Derived,
) -> String {
    let id = open["id"].as_str().unwrap_or_default().to_owned();
    let before = open["priority"].as_str().and_then(Priority::from_code).unwrap_or(Priority::Routine);
    let level = level_in(&open["reasonCode"]).map_or(task.level, |level| level.max(task.level));
    let handle_by = earlier(str_at(open, "restriction.period.end"), &instant(task.handle_by));
    let mut next = overlay(open, content(input, task, flags, level, &handle_by, acknowledge_by_of(open)));
    keep_others(&mut next, open, flags);
    next["priority"] = json!(before.max(task.priority).code());
    if next.pointer("/restriction/period").is_some_and(Value::is_object) {
        next["restriction"]["period"]["end"] = json!(handle_by);
    }
    touch(input, open, next, derived);
    id
}

/// What somebody else put on an open Task stays: roles it was escalated to, inputs of other kinds, and
/// alerts that still hold though their rule could not be evaluated this time.
fn keep_others(next: &mut Value, open: &Value, flags: &Flags) {
    let stays = |input: &Value| match str_at(input, "valueReference.reference") {
        Some(flag) if flag.starts_with("Flag/") => flags.holds(flag),
        _ => code_of(&input["type"], &input_system()).is_none(),
    };
    for (name, kept) in [
        ("input", list(open, "input").filter(|input| stays(input)).cloned().collect::<Vec<_>>()),
        ("performerType", list(open, "performerType").cloned().collect()),
    ] {
        let mut all: Vec<Value> = list(next, name).cloned().collect();
        for one in kept {
            if !all.contains(&one) {
                all.push(one);
            }
        }
        if !all.is_empty() {
            next[name] = json!(all);
        }
    }
}

/// Both are written by `instant`, in UTC and with as many digits: the smaller text is the earlier.
fn earlier(known: Option<&str>, new: &str) -> String {
    known.filter(|known| *known < new).unwrap_or(new).to_owned()
}

fn acknowledge_by_of(task: &Value) -> Option<&str> {
    list(task, "input").find_map(|one| one["valueDateTime"].as_str())
}

/// An open Task that nothing asks for any more. Returns whether it was cancelled.
fn release(input: &Input<'_>, open: &Value, derived: &mut Derived) -> bool {
    let rouge = level_in(&open["reasonCode"]) == Some(Level::Rouge);
    let mut next = open.clone();
    if rouge {
        let known = list(open, "note").any(|note| note["text"] == NO_LONGER_ROUGE);
        if known {
            return false;
        }
        let note = json!({ "time": instant(input.received), "text": NO_LONGER_ROUGE });
        next["note"] = list(open, "note").cloned().chain([note]).collect();
    } else {
        next["status"] = json!("cancelled");
        next["statusReason"] = json!({ "text": REPLACED });
    }
    touch(input, open, next, derived);
    !rouge
}

/// The next version, modified now, if anything else changed.
fn touch(input: &Input<'_>, open: &Value, next: Value, derived: &mut Derived) {
    if next != *open {
        derived.update(open, overlay(&next, json!({ "lastModified": instant(input.received) })));
    }
}

/// What follows from the rules: code, reasons, roles, description, inputs.
fn content(
    input: &Input<'_>,
    task: &Wanted<'_>,
    flags: &Flags,
    level: Level,
    handle_by: &str,
    acknowledge_by: Option<&str>,
) -> Value {
    let display = task.display.clone().unwrap_or_else(|| action(&task.code).to_owned());
    let performers: Vec<Value> = task
        .performers
        .iter()
        .map(|code| json!({ "coding": [coding(PERFORMER_ROLE, code, Some(role(code)))] }))
        .collect();
    let raised: Vec<&str> = task.rules.iter().filter_map(|(index, _)| flags.of_rule(*index)).collect();
    let acknowledge_by = earlier(acknowledge_by, &instant(task.acknowledge_by));
    let mut inputs: Vec<Value> = raised
        .iter()
        .map(|flag| json!({ "type": input_type("alerte", "Alerte"), "valueReference": reference(flag) }))
        .collect();
    inputs.push(json!({
        "type": input_type("prise-en-compte-avant", "À prendre en compte avant"),
        "valueDateTime": acknowledge_by,
    }));
    let mut content = json!({
        "code": { "coding": [coding(TASK_CODE, &task.code, Some(&display))], "text": display },
        "description": description(input, task, level, &display, handle_by),
        "reasonCode": { "coding": [level_coding(level)], "text": reasons(task) },
        "input": inputs,
    });
    if !performers.is_empty() {
        content["performerType"] = json!(performers);
    }
    if let Some(first) = raised.first() {
        content["reasonReference"] = reference(first);
    }
    content
}

fn input_type(code: &str, display: &str) -> Value {
    json!({ "coding": [coding(&input_system(), code, Some(display))], "text": display })
}

fn input_system() -> String {
    format!("{BASE}/CodeSystem/task-input")
}

fn reasons(task: &Wanted<'_>) -> String {
    task.rules.iter().map(|(_, rule)| rule.title.as_str()).collect::<Vec<_>>().join(" ; ")
}

/// For the person who does it: level, action, deadline, each reason with its values, instructions.
/// Free words of the patient stay in the response: a Task carries no identity.
fn description(input: &Input<'_>, task: &Wanted<'_>, level: Level, display: &str, handle_by: &str) -> String {
    let deadline = handle_by.parse().map_or_else(|_| handle_by.to_owned(), moment);
    let mut lines = vec![format!("{} — {display}, avant le {deadline}.", level.display().to_uppercase())];
    if let Some(late) = lateness(input) {
        lines.push(format!("Réponse tardive : {late}."));
    }
    lines.push("Raisons :".to_owned());
    let mut said = Vec::new();
    lines.extend(task.rules.iter().map(|(_, rule)| format!("- {}", reason(rule, &mut said))));
    if !task.instructions.is_empty() {
        lines.push("Consignes :".to_owned());
        lines.extend(task.instructions.iter().map(|instruction| format!("- {instruction}")));
    }
    lines.join("\n")
}

/// Title, the answers that no line before has `said`, and threshold.
fn reason<'a>(rule: &'a RuleOutcome, said: &mut Vec<&'a Evidence>) -> String {
    let mut text = format!("{} ({}, {})", rule.title, rule.rule, rule.level.code());
    let answers: Vec<&Evidence> =
        rule.evidence.iter().filter(|one| !one.free_text && one.answer.is_some()).collect();
    let new = answers.iter().filter(|one| !said.iter().any(|known| known.place == one.place));
    let new: Vec<&Evidence> = new.copied().collect();
    // Without any answer to show, as when something could not be read, the message says why.
    let message = answers.is_empty().then(|| rule.message.clone()).filter(|message| !message.is_empty());
    let threshold = rule.threshold.as_ref().map(|threshold| format!("seuil : {threshold}"));
    for more in new.iter().map(|one| told(one)).chain(message).chain(threshold) {
        text.push_str(" ; ");
        text.push_str(&more);
    }
    said.extend(new);
    text
}
