//! What only a person can mend, as a Task: a document that its receiver refused, two records that became one.

use crate::json::{Value, json};
use jiff::Timestamp;

use crate::fhir::datetime::instant;
use crate::fhir::meta;
use crate::interaction::person::task;
use crate::terminology::BASE;

/// System of the names by which these Tasks are found again.
pub(super) fn system() -> String {
    format!("{BASE}/NamingSystem/receipt-task")
}

/// A document was refused; `name` is the same for every receipt that says so.
pub(super) fn refused(
    id: &str,
    name: &str,
    (patient, document): (&str, &str),
    why: &str,
    at: Timestamp,
) -> Value {
    let mut task = task(id, patient, document, why, at);
    task["identifier"] = json!([{"system": system(), "value": name}]);
    task
}

/// Two records became one.
pub(super) fn merged(id: &str, stays: &str, ends: &str, at: Timestamp) -> Value {
    let why = format!(
        "Deux dossiers ont été fusionnés par le serveur d'identités : {ends} est remplacé par {stays}. Les réponses, alertes et \
         tâches du dossier remplacé y restent et se retrouvent depuis le dossier conservé : vérifier qu'il s'agit bien de la même \
         personne, et que le programme suivi est le bon."
    );
    task(id, stays, ends, &why, at)
}

/// What was merged into what, and which system said so: taking the two links away undoes it.
pub(super) fn merge(id: &str, stays: &str, ends: &str, sender: &str, at: Timestamp) -> Value {
    let provenance = json!({
        "resourceType": "Provenance",
        "target": [{"reference": stays}, {"reference": ends}],
        "recorded": instant(at),
        "activity": {
            "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/v3-DataOperation",
                "code": "UPDATE",
                "display": "revise",
            }],
            "text": "Fusion de dossiers",
        },
        "agent": [{"who": {"type": "Device", "display": sender}}],
        "entity": [{"role": "removal", "what": {"reference": ends}}],
    });
    meta::stamp(provenance, id, 1, at)
}
