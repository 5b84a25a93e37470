//! What only a person can mend, as a Task (FHIR R4, <https://hl7.org/fhir/R4/task.html>): a reading by a person of the care
//! team, within a day.

use crate::json::{Value, json};
use jiff::{SignedDuration, Timestamp};

use crate::fhir::datetime::instant;
use crate::fhir::meta;
use crate::terminology::{PERFORMER_ROLE, TASK_CODE};

/// Until when such a Task should be done.
const HANDLE_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// The Task: whom it is about (`Patient/id`), what is to be looked at (`Type/id`), and why, in French.
pub(super) fn task(id: &str, patient: &str, focus: &str, why: &str, at: Timestamp) -> Value {
    let end = at.checked_add(HANDLE_WITHIN).unwrap_or(at);
    let task = json!({
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "priority": "urgent",
        "code": {"coding": [{"system": TASK_CODE, "code": "relecture-humaine", "display": "Relecture humaine"}]},
        "description": why,
        "focus": {"reference": focus},
        "for": {"reference": patient},
        "authoredOn": instant(at),
        "lastModified": instant(at),
        "performerType": [{"coding": [{"system": PERFORMER_ROLE, "code": "idec"}]}],
        "restriction": {"period": {"start": instant(at), "end": instant(end)}},
    });
    meta::stamp(task, id, 1, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn such_a_task_is_a_sound_resource_that_ends_in_a_day() {
        let at: Timestamp = "2026-03-09T14:20:00Z".parse().unwrap();
        let task = task("t", "Patient/p", "DocumentReference/d", "refusé", at);
        assert_eq!(crate::fhir::structure::check(&task), []);
        assert_eq!(task["restriction"]["period"]["end"], "2026-03-10T14:20:00.000Z");
    }
}
