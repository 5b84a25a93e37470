//! A delivery that its receiver refuses, as a Task for a person (FHIR R4). What a destination does not answer at all is told
//! for the destination (`interaction::tell_outages`).
//!
//! Once for each delivery: its id is made from that of the delivery, and what is there already is not written again. It closes
//! by itself when the delivery is accepted later or a person stops it (`interaction::release`).

use crate::json::{Value, json};
use jiff::{SignedDuration, Timestamp};

use crate::clock::{Ids, SeededIds};
use crate::fhir::datetime::instant;
use crate::fhir::meta;
use crate::outbox::{Act, Attempt, DAMAGED, Delivery, Outcome};
use crate::terminology::{PERFORMER_ROLE, TASK_CODE, UNDELIVERED};

/// Until when such a Task should be done.
const HANDLE_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// Longest quotation of what the receiver said.
const TEXT_MAX: usize = 500;

/// The Task that this attempt calls for, if it does.
pub(super) fn task(delivery: &Delivery, attempt: &Attempt) -> Option<Value> {
    // What is held back has a Task of its own.
    let Outcome::Refused { reason } = &attempt.outcome else { return None };
    let why = if reason == DAMAGED { damaged(delivery) } else { refused(delivery, reason) };
    Some(rendered(delivery, &why, attempt.ended_at))
}

fn damaged(delivery: &Delivery) -> String {
    let Delivery { id, destination, .. } = delivery;
    format!(
        "Rien n'a été envoyé à la destination « {destination} » : l'envoi {id} ({}) est endommagé dans la base de données du service. \
         Remettre le document par un autre moyen et prévenir l'exploitant : une sauvegarde de la base peut le contenir. Une fois la base \
         rétablie, demander un nouvel envoi ($delivery-resend) ; sinon, arrêter l'envoi avec un motif ($delivery-stop) : les suivants \
         attendent derrière lui.",
        what(delivery.act),
    )
}

fn refused(delivery: &Delivery, reason: &str) -> String {
    let Delivery { id, destination, .. } = delivery;
    format!(
        "La destination « {destination} » a refusé {} : {} (réponse : {}). {} L'envoi n'est repris qu'à intervalle long. Une fois la \
         cause corrigée, demander un nouvel envoi ($delivery-resend), ou arrêter l'envoi {id} avec un motif ($delivery-stop).",
        what(delivery.act),
        french(reason),
        quoted(reason),
        remedy(reason),
    )
}

const fn what(act: Act) -> &'static str {
    match act {
        Act::Provide => "le compte rendu",
        Act::Replace => "la nouvelle version du compte rendu",
        Act::Visibility => "le changement de visibilité du compte rendu",
        Act::Archive => "l'archivage du compte rendu",
        Act::Unarchive => "le désarchivage du compte rendu",
        Act::Withdraw => "le retrait du compte rendu",
    }
}

/// What a refusal is, by the code in it: acknowledgments of HL7 v2, status of HTTP; XDS says it in French by itself.
fn french(reason: &str) -> &'static str {
    let has = |word: &str| reason.split(|sign: char| !sign.is_ascii_alphanumeric()).any(|part| part == word);
    if has("AE") || has("CE") {
        "le message est jugé fautif"
    } else if has("AR") || has("CR") {
        "le message est rejeté"
    } else if has("401") || has("403") {
        "l'accès est refusé"
    } else if has("404") || has("405") || has("410") {
        "l'adresse ne reçoit pas ce contenu"
    } else if has("413") {
        "le document est trop volumineux"
    } else if has("409") || has("412") {
        "le document est en conflit avec ce que le destinataire a déjà"
    } else {
        "le contenu n'est pas accepté"
    }
}

/// What to look at first.
fn remedy(reason: &str) -> &'static str {
    match french(reason) {
        "l'accès est refusé" => "Vérifier le jeton ou le certificat de cette destination.",
        "l'adresse ne reçoit pas ce contenu" => "Vérifier l'adresse et le type de cette destination.",
        "le document est trop volumineux" => "Demander au destinataire de relever sa limite.",
        _ => "Vérifier l'identité du patient, l'auteur et le paramétrage de cette destination.",
    }
}

fn quoted(reason: &str) -> String {
    reason.chars().take(TEXT_MAX).collect()
}

fn rendered(delivery: &Delivery, why: &str, at: Timestamp) -> Value {
    let id = SeededIds::new(delivery.created_at, format!("undelivered|{}", delivery.id)).next();
    let end = at.checked_add(HANDLE_WITHIN).unwrap_or(at);
    let task = json!({
        "resourceType": "Task",
        "identifier": [{"system": UNDELIVERED, "value": delivery.id}],
        "status": "requested",
        "intent": "order",
        "priority": "urgent",
        "code": {
            "coding": [{"system": TASK_CODE, "code": "relecture-humaine", "display": "Relecture humaine"}],
            "text": "Document non remis à son destinataire",
        },
        "description": why,
        "focus": {"reference": delivery.subject},
        "for": {"reference": delivery.patient},
        "authoredOn": instant(at),
        "lastModified": instant(at),
        "performerType": [{"coding": [{"system": PERFORMER_ROLE, "code": "idec"}]}],
        "restriction": {"period": {"start": instant(at), "end": instant(end)}},
    });
    meta::stamp(task, &id, 1, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::Receipt;

    fn delivery() -> Delivery {
        Delivery {
            id: "0190a0b0-0000-7000-8000-000000000001".to_owned(),
            destination: "pfi".to_owned(),
            kind: "mllp".to_owned(),
            patient: "Patient/p".to_owned(),
            subject: "DocumentReference/d".to_owned(),
            act: Act::Provide,
            content_type: "x-application/hl7-v2+er7".to_owned(),
            payload: Vec::new(),
            created_at: "2026-03-09T08:00:00Z".parse().unwrap(),
        }
    }

    fn attempt(at: &str, outcome: Outcome) -> Attempt {
        let at = at.parse().unwrap();
        Attempt { number: 3, started_at: at, ended_at: at, outcome }
    }

    fn refusal(reason: &str) -> Outcome {
        Outcome::Refused { reason: reason.to_owned() }
    }

    #[test]
    fn a_refusal_says_what_was_said_what_it_means_and_what_to_do() {
        let check = |reason: &str, means: &str| {
            let task = task(&delivery(), &attempt("2026-03-09T08:00:01Z", refusal(reason))).unwrap();
            let text = task["description"].as_str().unwrap();
            let quoted = if reason == DAMAGED { means } else { reason };
            for part in ["« pfi »", quoted, means, "$delivery-resend", "$delivery-stop"] {
                assert!(text.contains(part), "{part}: {text}");
            }
            let issues = crate::fhir::structure::check(&task);
            assert!(issues.iter().all(|one| one.severity < crate::problem::Severity::Error), "{issues:?}");
        };
        check("acknowledged with AE: 101 at PID^1^3", "jugé fautif");
        check("acknowledged with AR: 207 903", "rejeté");
        check("answered with 403 Forbidden", "l'accès est refusé");
        check("answered with 422 Unprocessable Entity: required at Bundle", "n'est pas accepté");
        check("answered with HTTP 404", "l'adresse ne reçoit pas");
        check(DAMAGED, "est endommagé");
    }

    #[test]
    fn what_is_not_answered_or_taken_is_none() {
        let told = |outcome: Outcome| task(&delivery(), &attempt("2026-03-10T12:00:00Z", outcome)).is_some();
        assert!(!told(Outcome::Unreachable { reason: "no connection".to_owned() }));
        assert!(!told(Outcome::Expired));
        assert!(!told(Outcome::Accepted(Receipt { status: "AA".to_owned(), reference: None })));
    }

    #[test]
    fn every_attempt_of_a_delivery_gives_the_same_task() {
        let id = |at: &str| task(&delivery(), &attempt(at, refusal("AE"))).unwrap()["id"].clone();
        assert_eq!(id("2026-03-09T08:00:01Z"), id("2026-03-10T08:00:01Z"));
        let other = Delivery { id: "0190a0b0-0000-7000-8000-000000000002".to_owned(), ..delivery() };
        let task = task(&other, &attempt("2026-03-09T08:00:01Z", refusal("AE"))).unwrap();
        assert_ne!(task["id"], id("2026-03-09T08:00:01Z"));
    }
}
