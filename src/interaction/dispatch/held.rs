//! A document that must not go where it should as yet: a Task says so, and ends by itself once the document went, or never will.

use crate::json::{Value, json};
use jiff::Timestamp;

use crate::fhir::datetime::instant;
use crate::fhir::{element, meta};
use crate::identity::Reason;
use crate::interaction::{Context, library, read};
use crate::problem::Problem;
use crate::store::{Expect, Write};
use crate::terminology::TASK_CODE;

/// System of the names of these Tasks: `DocumentReference id/destination`.
const SYSTEM: &str = "https://vigie.example/fhir/NamingSystem/held-document";

/// In one of these a Task is not done with.
pub(in crate::interaction) const OPEN: &str = "draft,requested,received,accepted,ready,in-progress,on-hold";

/// What to do about an identity that is not qualified.
pub(in crate::interaction) const QUALIFY: &str = "Faire qualifier l'identité : le compte rendu signé partira alors de lui-même, et cette tâche se fermera.";

/// Why a document is held back when it is signed: each reason, and what to do.
pub(super) fn unqualified(reasons: &[Reason]) -> String {
    format!("l'identité n'est pas qualifiée ({}). {QUALIFY}", listed(reasons))
}

/// Reasons in one sentence.
pub(in crate::interaction) fn listed(reasons: &[Reason]) -> String {
    reasons.iter().map(Reason::text).collect::<Vec<_>>().join(" ; ")
}

/// The Task of a document that is held back from that destination because of the patient's identity. It names the patient by
/// reference only.
pub(in crate::interaction) fn task(
    destination: &str,
    patient: &str,
    document: &str,
    why: &str,
    at: Timestamp,
) -> Value {
    let description =
        format!("Le compte rendu n'a pas été envoyé à la destination « {destination} » : {why}");
    json!({
        "resourceType": "Task",
        "identifier": [{"system": SYSTEM, "value": format!("{document}/{destination}")}],
        "status": "requested",
        "intent": "order",
        "priority": "urgent",
        "code": {
            "coding": [{"system": TASK_CODE, "code": "relecture-humaine", "display": "Relecture humaine"}],
            "text": "Qualifier l'identité avant l'envoi du compte rendu",
        },
        "description": description,
        "focus": {"reference": document},
        "for": {"reference": patient},
        "authoredOn": instant(at),
    })
}

/// The open Tasks of documents that are held back, among those that these parameters of a search find.
///
/// # Errors
/// Those of the store.
pub(in crate::interaction) async fn open(
    ctx: &Context,
    params: &[(&str, &str)],
) -> Result<Vec<Value>, Problem> {
    let system = format!("{SYSTEM}|");
    let mut all = vec![("identifier", system.as_str()), ("status", OPEN)];
    all.extend(params);
    let found = library::read_all(ctx.store.as_ref(), "Task", &all).await?;
    Ok(found.iter().filter_map(read::legible).collect())
}

/// From which destination the document of this Task is held back.
pub(in crate::interaction) fn destination(task: &Value) -> Option<&str> {
    let name = element::list(task, "identifier").find(|one| one["system"] == SYSTEM)?;
    let document = element::str_at(task, "focus.reference")?;
    element::str_at(name, "value")?.strip_prefix(document)?.strip_prefix('/')
}

/// The Task ends because the document went, as this edition.
///
/// # Errors
/// `Internal`, for a Task that was not stored.
pub(in crate::interaction) fn released(task: &Value, edition: &str, at: Timestamp) -> Result<Write, Problem> {
    let mut done = task.clone();
    done["status"] = json!("completed");
    done["statusReason"] =
        json!({"text": "L'identité est qualifiée : le compte rendu signé a été mis à l'envoi."});
    let output = json!({"type": {"text": "Document envoyé"}, "valueReference": {"reference": edition}});
    let outputs: Vec<Value> = element::list(task, "output").cloned().chain([output]).collect();
    done["output"] = json!(outputs);
    next(done, at)
}

/// The Task ends because the document will not go, for this reason.
///
/// # Errors
/// `Internal`, for a Task that was not stored.
pub(in crate::interaction) fn ended(task: &Value, why: &str, at: Timestamp) -> Result<Write, Problem> {
    let mut over = task.clone();
    over["status"] = json!("cancelled");
    over["statusReason"] = json!({ "text": why });
    next(over, at)
}

/// The Task says why the document cannot go although the identity is qualified; nothing when it says so already.
///
/// # Errors
/// `Internal`, for a Task that was not stored.
pub(in crate::interaction) fn hindered(
    task: &Value,
    why: &str,
    at: Timestamp,
) -> Result<Option<Write>, Problem> {
    if element::str_at(task, "statusReason.text") == Some(why) {
        return Ok(None);
    }
    let mut told = task.clone();
    told["statusReason"] = json!({ "text": why });
    next(told, at).map(Some)
}

fn next(mut task: Value, at: Timestamp) -> Result<Write, Problem> {
    let (Some(id), Some(version)) = (element::id(&task).map(str::to_owned), meta::version(&task)) else {
        return Err(Problem::internal("a stored Task has no id or version"));
    };
    task["lastModified"] = json!(instant(at));
    Write::new(&meta::stamp(task, &id, version + 1, at), Expect::Version(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> Value {
        let at = "2026-03-09T14:20:00Z".parse().unwrap();
        let why = unqualified(&[Reason::NoMatricule, Reason::BirthPlace]);
        task("dmp", "Patient/p", "DocumentReference/d", &why, at)
    }

    #[test]
    fn it_says_why_and_what_to_do() {
        let task = held();
        let description = task["description"].as_str().unwrap();
        for text in ["« dmp »", &Reason::NoMatricule.text(), &Reason::BirthPlace.text(), "qualifier"] {
            assert!(description.contains(text), "{text}: {description}");
        }
        let issues = crate::fhir::structure::check(&task);
        assert!(issues.iter().all(|one| one.severity < crate::problem::Severity::Error), "{issues:?}");
    }

    #[test]
    fn it_leads_back_to_its_destination() {
        assert_eq!(destination(&held()), Some("dmp"));
        let mut other = held();
        other["identifier"][0]["system"] = json!("https://other.example");
        assert_eq!(destination(&other), None);
    }

    #[test]
    fn a_reason_is_told_once() {
        let at = "2026-03-10T08:00:00Z".parse().unwrap();
        let task = meta::stamp(held(), "t", 1, at);
        assert!(hindered(&task, "raison", at).unwrap().is_some());
        let mut told = task;
        told["statusReason"] = json!({"text": "raison"});
        assert!(hindered(&told, "raison", at).unwrap().is_none());
        assert!(hindered(&told, "autre", at).unwrap().is_some());
    }
}
