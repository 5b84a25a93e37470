//! What a person may do to a Task (FHIR R4, Task): an alert is closed by a named person with a coded outcome, and it can be
//! made more pressing, never less.
//!
//! The outcome is a coding of `CodeSystem/task-outcome` in `businessStatus`, `output` or `statusReason`; the person is the
//! `owner`; orange and rouge need a `note` with its author too. Nothing else closes a Task of level rouge. What alerts asked for
//! is closed as it stands: not by who read an older version of it.

use crate::json::Value;

use crate::fhir::datetime::PartialDateTime;
use crate::fhir::element::{self, code_of, codings, list, str_at};
use crate::problem::{Category, Issue, Problem};
use crate::terminology::{ALERT_LEVEL, Level, TASK_CODE, TASK_INPUT, TASK_OUTCOME, Terminology};

/// A Task in one of these is done with.
const CLOSED: &[&str] = &["completed", "cancelled", "rejected", "failed", "entered-in-error"];
/// `request-priority`, in order.
const PRIORITIES: &[&str] = &["routine", "urgent", "asap", "stat"];

/// Refuses a Task that would be closed by nobody or for no reason, or that would become less pressing than it was.
///
/// # Errors
/// `Invalid` with every fault.
pub(super) fn check(before: Option<&Value>, after: &Value, terminology: &Terminology) -> Result<(), Problem> {
    if element::resource_type(after) != Some("Task") {
        return Ok(());
    }
    let mut issues = Vec::new();
    if is_closed(after) && !before.is_some_and(is_closed) {
        closing(before, after, terminology, &mut issues);
    }
    if let Some(before) = before {
        kept(before, after, &mut issues);
    }
    if issues.is_empty() { Ok(()) } else { Err(Problem::with(Category::Invalid, issues)) }
}

fn is_closed(task: &Value) -> bool {
    str_at(task, "status").is_some_and(|status| CLOSED.contains(&status))
}

fn closing(before: Option<&Value>, after: &Value, terminology: &Terminology, issues: &mut Vec<Issue>) {
    if !has_outcome(after, terminology) {
        issues.push(
            Issue::error(
                "required",
                format!(
                    "closing a Task needs a coded outcome: a coding of {TASK_OUTCOME} in output.valueCodeableConcept, \
                     businessStatus or statusReason"
                ),
            )
            .at("Task.output")
            .text("Une tâche se ferme avec un résultat codé."),
        );
    }
    if !has_person(after) {
        issues.push(
            Issue::error(
                "required",
                "closing a Task needs a person: an owner that is a Practitioner or a PractitionerRole",
            )
            .at("Task.owner")
            .text("Une tâche se ferme par une personne nommée."),
        );
    }
    if before.is_some_and(|before| !read_whole(before, after)) {
        let text = "the Task is about more than this version of it says: an amended response changed it; read it again, and close what \
                    it says now";
        issues.push(
            Issue::error("conflict", text)
                .at("Task.description")
                .text("La tâche a changé depuis sa lecture : la relire avant de la clore."),
        );
    }
    let level = before.and_then(level).max(level(after));
    if matches!(level, Some(Level::Orange | Level::Rouge)) && !has_note(after) {
        issues.push(
            Issue::error(
                "required",
                "closing a Task of level orange or rouge needs a note with text and author: what was said and done",
            )
            .at("Task.note")
            .text("Une alerte orange ou rouge se ferme avec une note de contact signée."),
        );
    }
}

/// Whether what closes a Task that alerts asked for names every alert, all words to be read and every reason that it has:
/// who read an older version did not read what came since.
fn read_whole(before: &Value, after: &Value) -> bool {
    fn asked(task: &Value) -> impl Iterator<Item = &str> {
        let of_alerts = |input: &&Value| input.get("type").and_then(|of| code_of(of, TASK_INPUT)).is_some();
        let what = |input| str_at(input, "valueReference.reference").or_else(|| str_at(input, "valueString"));
        list(task, "input").filter(of_alerts).filter_map(what)
    }
    let words = |task| str_at(task, "description").unwrap_or_default().split_whitespace();
    let mut all = asked(before).peekable();
    all.peek().is_none()
        || (all.all(|one| asked(after).any(|kept| kept == one)) && words(before).eq(words(after)))
}

fn has_outcome(task: &Value, terminology: &Terminology) -> bool {
    let outputs = list(task, "output").filter_map(|output| output.get("valueCodeableConcept"));
    let others = ["businessStatus", "statusReason"].into_iter().filter_map(|name| task.get(name));
    outputs
        .chain(others)
        .filter_map(|concept| code_of(concept, TASK_OUTCOME))
        .any(|code| terminology.display(TASK_OUTCOME, code).is_some())
}

fn has_person(task: &Value) -> bool {
    let Some(owner) = task.get("owner") else { return false };
    let of_person = |rtype: &str| matches!(rtype, "Practitioner" | "PractitionerRole");
    match (str_at(owner, "reference"), str_at(owner, "type")) {
        (Some(reference), _) => reference.rsplit('/').nth(1).is_some_and(of_person),
        (None, Some(rtype)) => of_person(rtype) && str_at(owner, "identifier.value").is_some(),
        (None, None) => false,
    }
}

fn has_note(task: &Value) -> bool {
    let signed = |note: &Value| note.get("authorReference").is_some() || note.get("authorString").is_some();
    list(task, "note")
        .any(|note| signed(note) && str_at(note, "text").is_some_and(|text| !text.trim().is_empty()))
}

/// What a response asked for stays: whom and what it is about, and how pressing it is.
fn kept(before: &Value, after: &Value, issues: &mut Vec<Issue>) {
    let mut add = |name: &str, what: &str| {
        let diagnostics = format!("{what}; a person adds to a Task and closes it");
        issues.push(Issue::error("business-rule", diagnostics).at(format!("Task.{name}")));
    };
    for name in ["for", "focus"] {
        let reference = format!("{name}.reference");
        let own = str_at(before, &reference);
        if own.is_some() && own != str_at(after, &reference) {
            add(name, &format!("the {name} of a Task does not change"));
        }
    }
    let asked = before.get("code").and_then(|code| code_of(code, TASK_CODE));
    if asked.is_some() && asked != after.get("code").and_then(|code| code_of(code, TASK_CODE)) {
        add("code", "what a Task asks for does not change");
    }
    if level(after) < level(before) {
        add("reasonCode", "the level of a Task does not become lower");
    }
    let priority = |task: &Value| {
        str_at(task, "priority").and_then(|code| PRIORITIES.iter().position(|known| *known == code))
    };
    if priority(after) < priority(before) {
        add("priority", "the priority of a Task does not become lower");
    }
    let end = |task: &Value| PartialDateTime::parse(str_at(task, "restriction.period.end")?)?.lower();
    if end(before).is_some_and(|before| end(after).is_none_or(|after| after > before)) {
        add("restriction.period.end", "the deadline of a Task does not become later");
    }
}

fn level(task: &Value) -> Option<Level> {
    let found = codings(task.get("reasonCode")?);
    let levels = found.into_iter().filter(|(system, _)| *system == ALERT_LEVEL);
    levels.filter_map(|(_, code)| code.parse().ok()).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    fn terminology() -> Terminology {
        Terminology::load(&[json!({
            "resourceType": "CodeSystem", "url": TASK_OUTCOME, "status": "active", "content": "complete",
            "concept": [{"code": "appel", "display": "Appel seul"}],
        })])
    }

    fn task(level: &str) -> Value {
        json!({
            "resourceType": "Task", "status": "requested", "intent": "order", "priority": "asap",
            "for": {"reference": "Patient/a"}, "focus": {"reference": "QuestionnaireResponse/a"},
            "reasonCode": {"coding": [{"system": ALERT_LEVEL, "code": level}]},
            "restriction": {"period": {"end": "2026-03-02T12:00:00Z"}},
        })
    }

    fn closed(level: &str) -> Value {
        let mut task = task(level);
        task["status"] = json!("completed");
        task["owner"] = json!({"reference": "Practitioner/p"});
        task["output"] = json!([{ "type": {"text": "Résultat"},
            "valueCodeableConcept": {"coding": [{"system": TASK_OUTCOME, "code": "appel"}]} }]);
        task["note"] = json!([{"authorReference": {"reference": "Practitioner/p"}, "text": "Jointe à 9 h."}]);
        task
    }

    fn check(before: Option<&Value>, after: &Value, expected: &[&str]) {
        let found = match super::check(before, after, &terminology()) {
            Ok(()) => Vec::new(),
            Err(problem) => problem.issues.into_iter().filter_map(|issue| issue.expression).collect(),
        };
        assert_eq!(found, expected, "{after}");
    }

    #[test]
    fn closing_needs_a_coded_outcome_a_person_and_for_orange_and_rouge_a_signed_note() {
        let open = task("rouge");
        check(Some(&open), &closed("rouge"), &[]);
        for status in CLOSED {
            let mut bare = open.clone();
            bare["status"] = json!(status);
            check(Some(&open), &bare, &["Task.output", "Task.owner", "Task.note"]);
            check(None, &bare, &["Task.output", "Task.owner", "Task.note"]);
        }
        let mut unknown = closed("jaune");
        unknown["output"][0]["valueCodeableConcept"]["coding"][0]["code"] = json!("ok");
        check(Some(&task("jaune")), &unknown, &["Task.output"]);
        let mut by_patient = closed("jaune");
        by_patient["owner"] = json!({"reference": "Patient/a"});
        check(Some(&task("jaune")), &by_patient, &["Task.owner"]);
        let mut unsigned = closed("orange");
        unsigned["note"] = json!([{"text": "Une tâche rouge ne se ferme pas seule."}]);
        check(Some(&task("orange")), &unsigned, &["Task.note"]);
        unsigned["reasonCode"] = task("jaune")["reasonCode"].clone();
        check(Some(&task("jaune")), &unsigned, &[]);
    }

    #[test]
    fn who_read_an_older_version_does_not_close_what_came_since() {
        let input = |code: &str, name: &str, value: Value| json!({"type": {"coding": [{"system": TASK_INPUT, "code": code}]}, name: value});
        let alert = input("alerte", "valueReference", json!({"reference": "Flag/a"}));
        let words = |mark: &str| input("texte-libre", "valueString", json!(mark));
        let asked = |description: &str, inputs: Value| {
            let mut task = closed("jaune");
            task["description"] = json!(description);
            task["input"] = inputs;
            task
        };
        let mut open = asked("Texte\nlibre", json!([alert, words("a")]));
        open["status"] = json!("requested");
        let note = json!({"type": {"text": "Note"}, "valueString": "x"});
        check(Some(&open), &asked("Texte libre", json!([alert, words("a"), note])), &[]);
        check(Some(&open), &asked("Texte libre", json!([alert, words("b")])), &["Task.description"]);
        check(Some(&open), &asked("Texte libre", json!([words("a")])), &["Task.description"]);
        check(Some(&open), &asked("Autre", json!([alert, words("a")])), &["Task.description"]);
        // A Task that no alert asked for is its maker's.
        let mut other = asked("Note", json!([note]));
        other["status"] = json!("requested");
        check(Some(&other), &asked("Autre note", json!([])), &[]);
    }

    #[test]
    fn an_open_task_can_only_become_more_pressing() {
        let open = task("orange");
        let changed = |change: fn(&mut Value)| {
            let mut task = task("orange");
            change(&mut task);
            task
        };
        check(Some(&open), &changed(|task| task["status"] = json!("in-progress")), &[]);
        check(Some(&open), &changed(|task| task["priority"] = json!("stat")), &[]);
        check(Some(&open), &changed(|task| task["priority"] = json!("routine")), &["Task.priority"]);
        check(Some(&open), &changed(|task| task["reasonCode"] = json!({"text": "?"})), &["Task.reasonCode"]);
        check(Some(&open), &changed(|task| task["for"]["reference"] = json!("Patient/b")), &["Task.for"]);
        let later = |task: &mut Value| task["restriction"]["period"]["end"] = json!("2026-03-03T12:00:00Z");
        check(Some(&open), &changed(later), &["Task.restriction.period.end"]);
        let none = |task: &mut Value| task["restriction"] = json!({});
        check(Some(&open), &changed(none), &["Task.restriction.period.end"]);
    }
}
