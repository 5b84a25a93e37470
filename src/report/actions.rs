//! What was done: Tasks with their outcome and who closed them, and what the patient was told.

use crate::json::Value;

use super::element::{coding_in, text, wording, wording_of};
use super::french;
use crate::fhir::element::{at, code_of, list};
use crate::terminology::{PERFORMER_ROLE, TASK_CODE};

/// Something the team was asked to do, and what came of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Action {
    /// What, in French.
    pub what: String,
    /// Who was asked, in French.
    pub whom: Vec<String>,
    /// How soon, in French.
    pub priority: Option<String>,
    /// When it was asked, as people read it.
    pub asked_at: Option<String>,
    /// Until when it was to be done, as people read it.
    pub due_at: Option<String>,
    /// Where it stands, in French.
    pub status: String,
    /// Still to be done.
    pub open: bool,
    /// How it ended, in French.
    pub outcome: Option<String>,
    /// Who closed it.
    pub by: Option<String>,
    /// When it was closed or last changed, as people read it.
    pub at: Option<String>,
    /// What the team noted.
    pub notes: Vec<String>,
    /// The alerts it answers, `Flag/id`.
    pub alerts: Vec<String>,
}

impl Action {
    /// What was asked and what came of it, in one line: outcome, person and time once it is closed, the deadline before.
    #[must_use]
    pub fn told(&self) -> String {
        let mut told = format!("{}, {}", self.what, self.status);
        let words = [
            (" : ", self.outcome.as_ref()),
            (", par ", self.by.as_ref()),
            (", le ", self.at.as_ref()),
            (", avant le ", self.due_at.as_ref().filter(|_| self.open)),
        ];
        for (joint, word) in words {
            if let Some(word) = word {
                told.push_str(joint);
                told.push_str(word);
            }
        }
        told
    }
}

/// What the patient was told.
#[derive(Clone, PartialEq, Eq)]
pub struct Advice {
    /// When, as people read it.
    pub at: Option<String>,
    /// The day, `YYYY-MM-DD`, if known.
    pub on: Option<String>,
    /// The message, then the advice beneath it.
    pub texts: Vec<String>,
}

/// The actions, in the order in which they were asked for.
pub(super) fn read(tasks: &[&Value]) -> Vec<Action> {
    let mut tasks: Vec<&Value> =
        tasks.iter().copied().filter(|task| text(task, "status") != Some("entered-in-error")).collect();
    tasks.sort_by_key(|task| text(task, "authoredOn"));
    tasks.into_iter().map(action).collect()
}

/// The advice, in the order in which it was given; what is still being prepared was told to nobody.
pub(super) fn advice(communications: &[&Value]) -> Vec<Advice> {
    let said = |communication: &&&Value| {
        !matches!(text(communication, "status"), Some("entered-in-error" | "not-done" | "preparation"))
    };
    let mut said: Vec<&Value> = communications.iter().filter(said).copied().collect();
    said.sort_by_key(|communication| text(communication, "sent"));
    let one = |communication: &Value| {
        let texts = list(communication, "payload").filter_map(|payload| text(payload, "contentString"));
        Advice {
            at: text(communication, "sent").map(french::shown),
            on: text(communication, "sent").and_then(french::day).map(|day| day.to_string()),
            texts: texts.map(str::to_owned).collect(),
        }
    };
    said.into_iter().map(one).filter(|advice| !advice.texts.is_empty()).collect()
}

fn action(task: &Value) -> Action {
    let status = text(task, "status").unwrap_or("requested");
    let open = !matches!(status, "completed" | "cancelled" | "rejected" | "failed");
    let coding = task.get("code").and_then(|code| coding_in(code, TASK_CODE));
    let what = coding.and_then(|coding| text(coding, "display")).or_else(|| wording_of(task, "code"));
    Action {
        what: what.or_else(|| text(task, "description")).unwrap_or("Action").to_owned(),
        whom: list(task, "performerType").filter_map(whom).collect(),
        priority: text(task, "priority").map(|priority| french::priority(priority).to_owned()),
        asked_at: text(task, "authoredOn").map(french::shown),
        due_at: text(task, "restriction.period.end").map(french::shown),
        status: french::task_status(status).to_owned(),
        open,
        outcome: outcome(task),
        by: if open { None } else { person(task) },
        at: closed_at(task, open),
        alerts: alerts(task),
        notes: list(task, "note").filter_map(|note| text(note, "text")).map(str::to_owned).collect(),
    }
}

/// The alerts that a Task says it answers: its reason, and its inputs.
fn alerts(task: &Value) -> Vec<String> {
    let inputs = list(task, "input").filter_map(|input| text(input, "valueReference.reference"));
    let all = text(task, "reasonReference.reference").into_iter().chain(inputs);
    let mut alerts: Vec<String> = all.filter(|one| one.contains("Flag/")).map(str::to_owned).collect();
    alerts.dedup();
    alerts
}

fn whom(role: &Value) -> Option<String> {
    let code = code_of(role, PERFORMER_ROLE).map(|code| french::role(code).to_owned());
    code.or_else(|| wording(role).map(str::to_owned))
}

/// How a Task ended: its business status, else what an output or its status reason says.
fn outcome(task: &Value) -> Option<String> {
    let of_output = || {
        list(task, "output").find_map(|output| {
            output.get("valueCodeableConcept").and_then(wording).or_else(|| text(output, "valueString"))
        })
    };
    wording_of(task, "businessStatus")
        .or_else(of_output)
        .or_else(|| wording_of(task, "statusReason"))
        .map(str::to_owned)
}

/// Who closed a Task: the display of its owner; an id alone tells a reader nothing.
fn person(task: &Value) -> Option<String> {
    let display = at(task, "owner").and_then(|owner| text(owner, "display"));
    display.or_else(|| text(task, "owner.identifier.value")).map(str::to_owned)
}

fn closed_at(task: &Value, open: bool) -> Option<String> {
    let closed = || text(task, "executionPeriod.end").or_else(|| text(task, "lastModified"));
    if open { None } else { closed().map(french::shown) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn a_closed_task_tells_outcome_person_and_time() {
        let task = json!({"resourceType": "Task", "status": "completed", "priority": "asap",
            "code": {"coding": [{"system": TASK_CODE, "code": "appel-telephonique", "display": "Appel téléphonique"}]},
            "performerType": [{"coding": [{"system": PERFORMER_ROLE, "code": "ipa"}]}],
            "authoredOn": "2026-03-02T09:00:00+01:00", "lastModified": "2026-03-02T11:30:00+01:00",
            "owner": {"display": "IPA de test"}, "businessStatus": {"text": "Patient joint"}});
        let actions = read(&[&task]);
        let action = &actions[0];
        assert_eq!((action.what.as_str(), action.whom.join(",").as_str()), ("Appel téléphonique", "IPA"));
        assert_eq!((action.open, action.status.as_str()), (false, "fait"));
        assert_eq!(action.outcome.as_deref(), Some("Patient joint"));
        assert_eq!(action.by.as_deref(), Some("IPA de test"));
        assert_eq!(action.at.as_deref(), Some("2 mars 2026 à 11\u{a0}h\u{a0}30"));
        assert_eq!(
            action.told(),
            "Appel téléphonique, fait : Patient joint, par IPA de test, le 2 mars 2026 à 11\u{a0}h\u{a0}30"
        );
    }

    #[test]
    fn an_open_task_says_so_and_names_nobody_as_having_done_it() {
        let task = json!({"resourceType": "Task", "status": "requested", "owner": {"display": "x"},
            "lastModified": "2026-03-02T11:30:00+01:00"});
        let actions = read(&[&task]);
        assert!(actions[0].open && actions[0].by.is_none() && actions[0].at.is_none());
        assert_eq!(actions[0].told(), "Action, à faire");
    }

    #[test]
    fn an_action_names_the_alerts_that_it_answers() {
        let task = json!({"reasonReference": {"reference": "Flag/1"}, "input": [
            {"valueReference": {"reference": "Flag/1"}}, {"valueReference": {"reference": "Flag/2"}},
            {"valueDateTime": "2026-03-02"}]});
        assert_eq!(read(&[&task])[0].alerts, ["Flag/1", "Flag/2"]);
    }

    #[test]
    fn advice_that_was_not_given_is_not_told() {
        let said = |status: &str| json!({"status": status, "payload": [{"contentString": "Buvez"}]});
        let (given, withheld) = (said("completed"), said("not-done"));
        assert_eq!(advice(&[&withheld, &given]).len(), 1);
    }
}
