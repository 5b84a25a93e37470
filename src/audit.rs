//! What leaves this service and what comes back about it, as `AuditEvent` (FHIR R4; CI-SIS *Traçabilité des événements*
//! 2.0.0, profile `TDEAuditEvent`; IHE ATNA and BALP, Export and Import).
//!
//! An event names the patient and the document by reference and says codes: no patient data is in it. It is written once, in
//! the transaction of what it tells, and never changed.
//!
//! What never happens here: an event for every attempt on a peer that is away for days. One is told when the outcome changes,
//! and then at the 2nd, 4th, 8th … failure in a row; every attempt is with its delivery (`$deliveries`).

mod transaction;

use crate::json::{Value, json};
use jiff::Timestamp;

use crate::clock::{Ids, SeededIds};
use crate::fhir::datetime::instant;
use crate::fhir::meta;
use crate::outbox::{Attempt, Delivery, Outcome, Stop};
use crate::terminology::{BASE, DELIVERY, URI_SYSTEM};
pub use transaction::Transaction;

const PROFILE: &str = "https://interop.esante.gouv.fr/ig/fhir/tde/StructureDefinition/tde-auditevent";
const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const ENTITY_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const SOURCE_TYPE: &str = "http://terminology.hl7.org/CodeSystem/security-source-type";
/// Names of destinations, as the configuration has them.
const DESTINATION: &str = "https://vigie.example/fhir/NamingSystem/destination";
/// Longest `outcomeDesc`.
const TEXT_MAX: usize = 500;

/// Whether an attempt is told: a yes always, a failure when it is another than the one before or a power of two of them have
/// come in a row. `before` is how the attempt before ended, `failures` how many there were before this one.
#[must_use]
pub fn is_told(outcome: &Outcome, before: Option<&Outcome>, failures: u32) -> bool {
    let same = match (outcome, before) {
        (Outcome::Refused { reason }, Some(Outcome::Refused { reason: before })) => reason == before,
        // Why a peer cannot be reached changes with the weather.
        (Outcome::Unreachable { .. }, Some(Outcome::Unreachable { .. })) => true,
        _ => false,
    };
    !same || failures.saturating_add(1).is_power_of_two()
}

/// The event of an attempt: the document was handed to its destination, or was to be. The same attempt gives the same event.
///
/// `failures` is how many attempts before this one failed since the delivery was created or sent again.
#[must_use]
pub fn of_attempt(delivery: &Delivery, attempt: &Attempt, failures: u32) -> Value {
    let (outcome, what) = match &attempt.outcome {
        Outcome::Accepted(receipt) => ("0", receipt.status.clone()),
        Outcome::Refused { reason } => ("8", reason.clone()),
        Outcome::Unreachable { reason } => ("4", reason.clone()),
        Outcome::Expired => ("4", "the attempt was not seen to end".to_owned()),
        Outcome::Held { reason } => ("4", format!("held back, nothing was sent: {reason}")),
    };
    let reference = match &attempt.outcome {
        Outcome::Accepted(receipt) => receipt.reference.as_deref(),
        _ => None,
    };
    let details = [
        ("act", Some(delivery.act.code().to_owned())),
        ("attempt", Some(attempt.number.to_string())),
        ("failures", Some(failures.to_string()).filter(|_| failures > 0)),
        ("reference", reference.map(str::to_owned)),
    ];
    let event = Event {
        export: true,
        transaction: Transaction::of(delivery),
        period: (attempt.started_at, attempt.ended_at),
        outcome,
        what,
        parties: [own(), party(&delivery.destination)],
    };
    let seed = format!("{}|{}", delivery.id, attempt.number);
    event.render(delivery, &details, &SeededIds::new(attempt.ended_at, seed).next())
}

/// The event of a delivery that is stopped before its receiver took it, because nobody needs it any more.
#[must_use]
pub fn of_stop(delivery: &Delivery, stop: &Stop) -> Value {
    let event = Event {
        export: true,
        transaction: Transaction::of(delivery),
        period: (stop.at, stop.at),
        outcome: "0",
        what: format!("not sent any more: {}", stop.reason),
        parties: [own(), party(&delivery.destination)],
    };
    let details = [("act", Some(delivery.act.code().to_owned())), ("stopped-by", Some(stop.by.clone()))];
    event.render(delivery, &details, &SeededIds::new(stop.at, format!("{}|stop", delivery.id)).next())
}

/// What came back later about a delivery: a business receipt.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// Event of the message, as `Z01`.
    pub event: &'a str,
    /// Its control id at the sender.
    pub control_id: &'a str,
    /// Who sent it: application and facility.
    pub sender: &'a str,
    /// Whether it says yes.
    pub accepted: bool,
    /// Code of the reason, when it says no.
    pub code: Option<&'a str>,
    /// When it was taken.
    pub at: Timestamp,
}

/// The event of a business receipt, under that id. The label of the reason stays out: it is free text of others.
#[must_use]
pub fn of_answer(delivery: &Delivery, answer: &Answer<'_>, id: &str) -> Value {
    let said = if answer.accepted { "accepted" } else { "rejected" };
    let event = Event {
        export: false,
        transaction: Some(Transaction::message(answer.event)),
        period: (answer.at, answer.at),
        outcome: if answer.accepted { "0" } else { "8" },
        what: answer.code.map_or_else(|| said.to_owned(), |code| format!("{said}: {code}")),
        parties: [json!({"who": {"display": answer.sender}}), own()],
    };
    event.render(delivery, &[("message", Some(answer.control_id.to_owned()))], id)
}

/// What an event says, before it is rendered.
struct Event {
    export: bool,
    transaction: Option<Transaction>,
    period: (Timestamp, Timestamp),
    outcome: &'static str,
    what: String,
    /// Source and destination.
    parties: [Value; 2],
}

impl Event {
    fn render(self, delivery: &Delivery, details: &[(&str, Option<String>)], id: &str) -> Value {
        let (code, display, action) =
            if self.export { ("110106", "Export", "R") } else { ("110107", "Import", "C") };
        let (start, end) = self.period;
        let [source, destination] = self.parties;
        let mut event = json!({
            "resourceType": "AuditEvent",
            "meta": {"profile": [PROFILE]},
            "type": {"system": DICOM, "code": code, "display": display},
            "subtype": null,
            "action": action,
            "period": {"start": instant(start), "end": instant(end)},
            "recorded": instant(end),
            "outcome": self.outcome,
            "outcomeDesc": self.what.chars().take(TEXT_MAX).collect::<String>(),
            "agent": [
                agent(source, "110153", "Source Role ID"),
                agent(destination, "110152", "Destination Role ID"),
            ],
            "source": {
                "observer": observer(),
                "type": [{"system": SOURCE_TYPE, "code": "4", "display": "Application Server"}],
            },
            "entity": [
                entity(json!({"reference": delivery.patient}), ("1", "Person"), ("1", "Patient")),
                entity(json!({"reference": delivery.subject}), ("2", "System Object"), ("3", "Report")),
                job(delivery, details),
            ],
        });
        match self.transaction {
            Some(transaction) => event["subtype"] = json!([transaction.coding()]),
            None => drop(event.as_object_mut().and_then(|members| members.remove("subtype"))),
        }
        meta::stamp(event, id, 1, end)
    }
}

/// This service as one side of an exchange.
fn own() -> Value {
    json!({"who": observer()})
}

fn observer() -> Value {
    json!({"type": "Device", "identifier": {"system": URI_SYSTEM, "value": BASE}, "display": "Vigie"})
}

fn party(destination: &str) -> Value {
    json!({"who": {
        "type": "Device",
        "identifier": {"system": DESTINATION, "value": destination},
        "display": destination,
    }})
}

fn agent(mut party: Value, code: &str, display: &str) -> Value {
    party["type"] = json!({"coding": [{"system": DICOM, "code": code, "display": display}]});
    // No person asks for it at this moment: the document was released when it was signed.
    party["requestor"] = json!(false);
    party
}

fn entity(what: Value, (kind, kind_display): (&str, &str), (role, role_display): (&str, &str)) -> Value {
    json!({
        "what": what,
        "type": {"system": ENTITY_TYPE, "code": kind, "display": kind_display},
        "role": {"system": ENTITY_ROLE, "code": role, "display": role_display},
    })
}

/// The delivery, by its id, with what is to be known of this attempt.
fn job(delivery: &Delivery, details: &[(&str, Option<String>)]) -> Value {
    let what = json!({"identifier": {"system": DELIVERY, "value": delivery.id}});
    let mut job = entity(what, ("4", "Other"), ("20", "Job"));
    let details: Vec<Value> = details
        .iter()
        .filter_map(|(kind, value)| value.as_ref().map(|value| json!({"type": kind, "valueString": value})))
        .collect();
    if !details.is_empty() {
        job["detail"] = details.into();
    }
    job
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::{Act, Receipt};

    fn delivery(kind: &str, payload: &str) -> Delivery {
        Delivery {
            id: "0190a0b0-0000-7000-8000-000000000001".to_owned(),
            destination: "dmp".to_owned(),
            kind: kind.to_owned(),
            patient: "Patient/p".to_owned(),
            subject: "DocumentReference/d".to_owned(),
            act: Act::Provide,
            content_type: "application/fhir+json".to_owned(),
            payload: payload.as_bytes().to_vec(),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn attempt(outcome: Outcome) -> Attempt {
        let at: Timestamp = "2026-03-09T14:20:00Z".parse().unwrap();
        Attempt { number: 3, started_at: at, ended_at: at, outcome }
    }

    fn refused(reason: &str) -> Outcome {
        Outcome::Refused { reason: reason.to_owned() }
    }

    fn unreachable(reason: &str) -> Outcome {
        Outcome::Unreachable { reason: reason.to_owned() }
    }

    fn accepted() -> Outcome {
        Outcome::Accepted(Receipt { status: "201 Created".to_owned(), reference: Some("List/7".to_owned()) })
    }

    #[test]
    fn an_event_tells_what_was_handed_to_whom_and_with_what_outcome() {
        let event = of_attempt(&delivery("xds", ""), &attempt(accepted()), 2);
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        assert_eq!((text("/type/code"), text("/action"), text("/outcome")), ("110106", "R", "0"));
        assert_eq!(text("/subtype/0/code"), "ITI-41");
        assert_eq!(text("/agent/1/who/identifier/value"), "dmp");
        assert_eq!(text("/entity/0/what/reference"), "Patient/p");
        assert_eq!(text("/entity/1/what/reference"), "DocumentReference/d");
        assert_eq!(text("/entity/2/detail/3/valueString"), "List/7");
        assert_eq!(text("/source/observer/type"), "Device");
        let issues = crate::fhir::structure::check(&event);
        assert!(issues.iter().all(|one| one.severity < crate::problem::Severity::Error), "{issues:?}");
    }

    #[test]
    fn the_same_attempt_gives_the_same_event_and_another_one_another() {
        let first = of_attempt(&delivery("mhd", "{}"), &attempt(accepted()), 0);
        assert_eq!(first, of_attempt(&delivery("mhd", "{}"), &attempt(accepted()), 0));
        let next = Attempt { number: 4, ..attempt(accepted()) };
        assert_ne!(first["id"], of_attempt(&delivery("mhd", "{}"), &next, 0)["id"]);
    }

    #[test]
    fn a_refusal_is_serious_and_silence_is_not() {
        let check = |outcome: Outcome, code: &str, what: &str| {
            let event = of_attempt(&delivery("fhir", ""), &attempt(outcome), 0);
            assert_eq!((&event["outcome"], &event["outcomeDesc"]), (&json!(code), &json!(what)));
            assert_eq!(event["subtype"][0]["code"], "transaction");
        };
        check(refused("422: required at Bundle"), "8", "422: required at Bundle");
        check(unreachable("no connection"), "4", "no connection");
    }

    #[test]
    fn a_business_receipt_is_an_import_with_the_code_of_its_reason() {
        let answer = Answer {
            event: "Z01",
            control_id: "017",
            sender: "PFI|CHU",
            accepted: false,
            code: Some("DMPClosed"),
            at: Timestamp::UNIX_EPOCH,
        };
        let event = of_answer(&delivery("mllp", ""), &answer, "e");
        assert_eq!((&event["type"]["code"], &event["subtype"][0]["code"]), (&json!("110107"), &json!("Z01")));
        assert_eq!((&event["outcome"], &event["outcomeDesc"]), (&json!("8"), &json!("rejected: DMPClosed")));
        let issues = crate::fhir::structure::check(&event);
        assert!(issues.iter().all(|one| one.severity < crate::problem::Severity::Error), "{issues:?}");
    }

    #[test]
    fn a_peer_that_is_away_for_days_does_not_make_an_event_for_every_attempt() {
        let gone = unreachable("no connection");
        let told = (1..1_000_u32).filter(|failures| is_told(&gone, Some(&gone), *failures)).count();
        assert_eq!(told, 9, "2, 4, 8 … 512");
        assert!(is_told(&gone, None, 0), "the first");
        assert!(is_told(&refused("a"), Some(&gone), 6) && is_told(&gone, Some(&refused("a")), 6));
        assert!(is_told(&refused("b"), Some(&refused("a")), 6));
        assert!(!is_told(&refused("a"), Some(&refused("a")), 6));
        assert!(is_told(&accepted(), Some(&gone), 6));
        assert!(!is_told(&unreachable("no answer"), Some(&gone), 6));
    }
}
