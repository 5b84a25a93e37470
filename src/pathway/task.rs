//! Tasks: one for each response and action code, with a deadline and its reasons, never one for each
//! symptom. An amendment updates, cancels or adds, and never lowers what a person already saw.

use crate::json::Value;

use super::derived::Derived;
use super::element::{
    Element, address, concept, level_coding, level_in, only, reference, shown_coding, told_concept,
};
use super::existing::status;
use super::flag::Flags;
use super::french::{action, lateness, moment, role, told};
use super::input::{Held, Input, Scene};
use super::task_told::{
    self, ATTACHED, BETWEEN, FREE_TEXT, REPLACED, WITHDRAWN, answers, attached, closed_by_person, mark,
    names, tells, words,
};
use super::task_wanted::{Wanted, wanted};
use crate::fhir::datetime::instant;
use crate::fhir::element::{code_of, list, str_at};
use crate::judgement::{Evidence, Outcome, Priority};
use crate::terminology::{Level, PERFORMER_ROLE, TASK_CODE, TASK_INPUT};

/// Why it does not cancel one of level rouge.
const NO_LONGER_ROUGE: &str = "La réponse a été modifiée : aucune alerte ne demande plus cette action. Une tâche rouge ne se ferme pas seule : à clore par une personne.";
/// Why an alert is still a reason.
const HELD: &str = "maintenue : la réponse modifiée ne permet pas de la réévaluer";
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
pub(super) fn derive<'a>(scene: &Scene<'a>, flags: &Flags, derived: &mut Derived) -> Tasks<'a> {
    let mut tasks = Tasks::default();
    for task in wanted(scene) {
        let open = scene.existing.of_type("Task").find(|known| is_open(known) && is_for(known, task.code));
        let reference = match open {
            Some(open) => Some(update(scene, open, &task, flags, derived)),
            None if answered(scene, &task, flags) => None,
            None => Some(create(scene, &task, flags, derived)),
        };
        let reference = reference.or_else(|| last_done(scene, task.code));
        tasks.asked.push((task, reference.unwrap_or_default()));
    }
    for known in scene.existing.of_type("Task").filter(|known| is_open(known)) {
        let asked = tasks.asked.iter().any(|(task, _)| is_for(known, task.code));
        let held = list(known, "input")
            .any(|one| str_at(one, "valueReference.reference").is_some_and(|f| flags.holds(f)));
        if !asked && !held && release(scene, known, derived) {
            tasks.superseded.push(address("Task", known));
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
/// alert and every answer of this one: for each alert the last that names it, and none for an alert that had ended since
/// and comes back.
fn answered(scene: &Scene<'_>, task: &Wanted<'_>, flags: &Flags) -> bool {
    let is_told = |known: &Value, rule: &Outcome| {
        closed_by_person(known)
            && level_in(&known["reasonCode"]).is_some_and(|level| level >= task.level)
            && tells(known, rule)
    };
    task.rules.iter().all(|(index, rule)| {
        let flag = flags.of_rule(*index).filter(|flag| !flags.returned.iter().any(|one| one == flag));
        let last = flag.and_then(|flag| task_told::last(scene, flag, Some(task.code)));
        last.is_some_and(|known| is_told(known, rule))
    })
}

fn last_done(scene: &Scene<'_>, code: &str) -> Option<String> {
    let done =
        scene.existing.of_type("Task").rfind(|known| is_for(known, code) && closed_by_person(known))?;
    done["id"].as_str().map(|id| format!("Task/{id}"))
}

fn create(scene: &Scene<'_>, task: &Wanted<'_>, flags: &Flags, derived: &mut Derived) -> String {
    let (input, id) = (scene.input, scene.ids.next());
    let received = &scene.received;
    let mut whole = Element::resource("Task", id.clone(), 20);
    whole.put_some("basedOn", input.care_plan.map(|care_plan| only(reference(care_plan))));
    whole.put("status", "requested");
    whole.put("intent", "order");
    whole.put("priority", task.priority.code());
    whole.put("focus", reference(input.source));
    whole.put_some("for", Some(input.subject.clone()).filter(|subject| !subject.is_null()));
    whole.put("authoredOn", received.clone());
    whole.put("lastModified", received.clone());
    whole.put_some("owner", input.owner.cloned());
    let handle_by = instant(task.handle_by);
    let period = Element::new(2).with("start", received.clone()).with("end", handle_by.clone());
    whole.put("restriction", Element::new(1).with("period", period));
    let described = description(scene.input, (task, &[]), task.level, &handle_by);
    put_content((task, flags), described, task.level, None, &mut whole);
    derived.create(whole);
    format!("Task/{id}")
}

/// An open Task that is still asked for: same id and status; priority, level and deadline can only
/// become more pressing.
fn update(
    scene: &Scene<'_>,
    open: &Value,
    task: &Wanted<'_>,
    flags: &Flags,
    derived: &mut Derived,
) -> String {
    let before = open["priority"].as_str().and_then(Priority::from_code).unwrap_or(Priority::Routine);
    let level = level_in(&open["reasonCode"]).map_or(task.level, |level| level.max(task.level));
    let handle_by = earlier(str_at(open, "restriction.period.end"), &instant(task.handle_by));
    let mut next = Element::amending(open);
    let held: Vec<&Held<'_>> =
        scene.held.iter().filter(|held| names(open, &address("Flag", held.flag))).collect();
    let described = description(scene.input, (task, &held), level, &handle_by);
    put_content((task, flags), described, level, acknowledge_by_of(open), &mut next);
    keep_others(&mut next, open, flags);
    next.put("priority", before.max(task.priority).code());
    let period = next.get_mut("restriction").and_then(|restriction| restriction.get_mut("period"));
    if let Some(Value::Object(period)) = period {
        period.insert("end", handle_by.into());
    }
    touch(scene, open, next, derived);
    address("Task", open)
}

/// What somebody else put on an open Task stays: roles it was escalated to, inputs of other kinds, and
/// alerts that still hold though their rule could not be evaluated this time.
fn keep_others(next: &mut Element, open: &Value, flags: &Flags) {
    let stays = |input: &&Value| match str_at(input, "valueReference.reference") {
        Some(flag) if flag.starts_with("Flag/") => flags.holds(flag),
        _ => code_of(&input["type"], TASK_INPUT).is_none(),
    };
    keep(next, "input", list(open, "input").filter(stays));
    keep(next, "performerType", list(open, "performerType"));
}

/// Adds to a list what is not in it.
fn keep<'v>(next: &mut Element, name: &'static str, kept: impl Iterator<Item = &'v Value>) {
    let mut all: Vec<Value> = match next.get(name) {
        Some(Value::Array(list)) => list.to_vec(),
        single => single.cloned().into_iter().collect(),
    };
    for one in kept {
        if !all.contains(one) {
            all.push(one.clone());
        }
    }
    if !all.is_empty() {
        next.put(name, all);
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
fn release(scene: &Scene<'_>, open: &Value, derived: &mut Derived) -> bool {
    let rouge = level_in(&open["reasonCode"]) == Some(Level::Rouge);
    let mut next = Element::amending(open);
    if rouge {
        let known = list(open, "note").any(|note| note["text"] == NO_LONGER_ROUGE);
        if known {
            return false;
        }
        let note = Element::new(2).with("time", scene.received.clone()).with("text", NO_LONGER_ROUGE);
        next.put("note", list(open, "note").cloned().chain([note.into()]).collect::<Value>());
    } else {
        next.put("status", "cancelled");
        let why = if scene.input.withdrawn { WITHDRAWN } else { REPLACED };
        next.put("statusReason", Element::new(1).with("text", why));
    }
    touch(scene, open, next, derived);
    !rouge
}

/// The next version, modified now, if anything else changed.
fn touch(scene: &Scene<'_>, open: &Value, next: Element, derived: &mut Derived) {
    if next.differs(open) {
        derived.update(open, next.with("lastModified", scene.received.clone()));
    }
}

/// What follows from the rules: code, reasons, roles, description, inputs.
fn put_content(
    (task, flags): (&Wanted<'_>, &Flags),
    described: String,
    level: Level,
    acknowledge_by: Option<&str>,
    whole: &mut Element,
) {
    let display = display(task);
    let raised: Vec<&str> = task.rules.iter().filter_map(|(index, _)| flags.of_rule(*index)).collect();
    whole.put(
        "code",
        told_concept(
            vec![shown_coding(TASK_CODE, task.code.to_owned(), display.to_owned())],
            display.to_owned(),
        ),
    );
    whole.put("description", described);
    whole.put("reasonCode", told_concept(vec![level_coding(level)], reasons(task)));
    let mut inputs: Vec<Value> = raised
        .iter()
        .map(|flag| task_input("alerte", "Alerte", "valueReference", reference(*flag)))
        .collect();
    let acknowledge_by = earlier(acknowledge_by, &instant(task.acknowledge_by));
    inputs.push(task_input(
        "prise-en-compte-avant",
        "À prendre en compte avant",
        "valueDateTime",
        acknowledge_by.into(),
    ));
    inputs.extend(marks(task));
    whole.put("input", inputs);
    let performer =
        |code: &&str| concept(shown_coding(PERFORMER_ROLE, (*code).to_owned(), role(code).to_owned()));
    if !task.performers.is_empty() {
        whole.put("performerType", task.performers.iter().map(performer).collect::<Value>());
    }
    whole.put_some("reasonReference", raised.first().map(|first| reference(*first)));
}

/// What tells the free words and the attachments that the Task is about from others.
fn marks(task: &Wanted<'_>) -> Vec<Value> {
    let rules = || task.rules.iter().map(|(_, rule)| *rule);
    let of_words = rules().flat_map(words).map(|one| (FREE_TEXT, "Texte libre à lire", mark(one)));
    let of_attached = rules().flat_map(attached).map(|mark| (ATTACHED, "Contenu joint à consulter", mark));
    let mut marks: Vec<_> = of_words.chain(of_attached).collect();
    marks.sort_unstable_by(|one, other| one.2.cmp(&other.2));
    marks.dedup();
    let input = |(code, display, mark): (_, _, String)| task_input(code, display, "valueString", mark.into());
    marks.into_iter().map(input).collect()
}

fn task_input(code: &'static str, display: &'static str, kind: &'static str, value: Value) -> Value {
    let input = told_concept(vec![shown_coding(TASK_INPUT, code, display)], display);
    Element::new(2).with("type", input).with(kind, value).into()
}

fn reasons(task: &Wanted<'_>) -> String {
    task.rules.iter().map(|(_, rule)| rule.action.title.as_str()).collect::<Vec<_>>().join(" ; ")
}

fn display<'a>(task: &Wanted<'a>) -> &'a str {
    task.display.unwrap_or_else(|| action(task.code))
}

/// For the person who does it: level, action, deadline, each reason with its values, what stays because it could not be
/// evaluated again, instructions. Free words of the patient stay in the response: a Task carries no identity.
fn description(
    input: &Input<'_>,
    (task, held): (&Wanted<'_>, &[&Held<'_>]),
    level: Level,
    handle_by: &str,
) -> String {
    let deadline = handle_by.parse().map_or_else(|_| handle_by.to_owned(), moment);
    let mut lines =
        vec![format!("{} — {}, avant le {deadline}.", level.display().to_uppercase(), display(task))];
    if let Some(late) = lateness(input) {
        lines.push(format!("Réponse tardive : {late}."));
    }
    lines.push("Raisons :".to_owned());
    let mut said = Vec::new();
    lines.extend(task.rules.iter().map(|(_, rule)| format!("- {}", reason(rule, &mut said))));
    lines.extend(held.iter().map(|held| format!("- {} ({}) ; {HELD}", held.name(), held.level().code())));
    if !task.instructions.is_empty() {
        lines.push("Consignes :".to_owned());
        lines.extend(task.instructions.iter().map(|instruction| format!("- {instruction}")));
    }
    lines.join("\n")
}

/// Title, the answers that no line before has `said`, and threshold.
fn reason<'a>(outcome: &'a Outcome, said: &mut Vec<&'a Evidence>) -> String {
    let rule = &outcome.action;
    let mut text = format!("{} ({}, {})", rule.title, rule.rule, rule.level.code());
    let new = answers(outcome).filter(|one| !said.iter().any(|known| known.place == one.place));
    let new: Vec<&Evidence> = new.collect();
    // Without any answer to show, as when something could not be read, the message says why.
    let message = task_told::message(outcome).map(str::to_owned);
    let threshold = rule.threshold.as_ref().map(|threshold| format!("seuil : {threshold}"));
    for more in new.iter().map(|one| told(one)).chain(message).chain(threshold) {
        text.push_str(BETWEEN);
        text.push_str(&more);
    }
    said.extend(new);
    text
}
