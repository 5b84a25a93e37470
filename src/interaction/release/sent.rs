//! Documents that went out under an identity that turns out not to be the patient's: a person is told who has them.
//!
//! An identity may be found wrong after its documents arrived: it loses its qualification, gets another INS or other strict
//! traits, or its record is merged into that of somebody with another INS. What is to be done about what is shared by then is for
//! people to decide: the RNIV and the guides of the INS have the identity cell judge whether the number was wrong or is only
//! being looked at again, and only in the first case a document stands in somebody else's record. No source at hand says
//! that software takes documents back by itself, so that nothing is taken back here: a Task names each document and who
//! has it, and says how to withdraw and issue it again. A correction that is signed afterwards does both by itself where records
//! are kept by INS (`interaction::dispatch`).
//!
//! One Task for each version of a Patient that changes who they are; its id is made from that version, so that replicas
//! write it once. It ends by itself when the documents are right again.

use std::collections::{BTreeMap, BTreeSet};

use crate::json::{Value, json};
use jiff::Timestamp;

use crate::clock::{Ids, SeededIds};
use crate::fhir::datetime::instant;
use crate::fhir::{element, meta};
use crate::identity::Traits;
use crate::interaction::dispatch::{self, Demand, Needless, Takes, held};
use crate::interaction::finalize::sources::editions;
use crate::interaction::second_look::{Difference, differences};
use crate::interaction::{Context, incoming, library, material, merged, read};
use crate::problem::Problem;
use crate::store::{Committed, Expect, Stored, Unit, Write};
use crate::terminology::{BASE, PERFORMER_ROLE, TASK_CODE};

/// Whether a version of a Patient says something else about who they are than the one before.
///
/// # Errors
/// Those of the store.
pub(super) async fn changes_identity(ctx: &Context, version: &Stored) -> Result<bool, Problem> {
    if version.version <= 1 || version.deleted {
        return Ok(false);
    }
    let before = ctx.store.vread("Patient", &version.id, version.version - 1).await?;
    let Some(before) = before.filter(|before| !before.deleted) else { return Ok(false) };
    // What cannot be told is looked at.
    let (Some(before), Some(now)) = (read::legible(&before), read::legible(version)) else { return Ok(true) };
    Ok(Traits::of(&before) != Traits::of(&now) || merged::replaced_by(&before) != merged::replaced_by(&now))
}

/// Tells about the documents of a person whose identity changed with this version, or ends what was told before.
///
/// # Errors
/// Those of the store.
pub(super) async fn tell(ctx: &Context, version: &Stored) -> Result<(), Problem> {
    let Some(own) = read::current(ctx, "Patient", &version.id).await? else { return Ok(()) };
    let survivor = merged::survivor(ctx, own).await?;
    let patient = element::local_reference(&survivor).unwrap_or_default();
    let wrong = wrong(ctx, &survivor, &patient).await?;
    let at = incoming::now(ctx);
    let mut unit = Unit::new("sent-identity", at);
    let system = format!("{}|", system());
    let params = [("identifier", system.as_str()), ("status", held::OPEN), ("patient", patient.as_str())];
    let open = library::read_all(ctx.store.as_ref(), "Task", &params).await?;
    let description = wrong.as_ref().map(described);
    for stored in open {
        let task = stored.resource()?;
        match &description {
            Some(text) if task["description"] == text.as_str() => return Ok(()),
            Some(_) => unit.writes.push(held::ended(&task, TOLD_ANEW, at)?),
            None => unit.writes.push(held::ended(&task, RIGHT_AGAIN, at)?),
        }
    }
    if let Some(wrong) = &wrong {
        let name = format!("Patient/{}/{}", version.id, version.version);
        let id = SeededIds::new(version.last_updated, format!("sent|{name}")).next();
        let task = task(&patient, &name, wrong, at);
        unit.writes.push(Write::new(&meta::stamp(task, &id, 1, at), Expect::New)?);
    }
    if unit.writes.is_empty() {
        return Ok(());
    }
    // Another replica told it, or a person wrote the Task: either way somebody knows.
    match ctx.store.commit(unit).await? {
        Committed::Written(_) | Committed::Refused(_) => Ok(()),
    }
}

const TOLD_ANEW: &str =
    "L'identité a changé de nouveau : une tâche plus récente nomme les documents concernés.";

const RIGHT_AGAIN: &str = "L'identité est de nouveau celle sous laquelle les documents ont été envoyés.";

/// What is wrong, and by document who has it.
struct Wrong {
    differences: BTreeSet<String>,
    /// Another person's record may be concerned.
    urgent: bool,
    documents: BTreeMap<String, BTreeSet<String>>,
}

/// Every document that a destination has under an identity that is not the patient's now.
async fn wrong(ctx: &Context, survivor: &Value, patient: &str) -> Result<Option<Wrong>, Problem> {
    let mut wrong = Wrong { differences: BTreeSet::new(), urgent: false, documents: BTreeMap::new() };
    let records = merged::with_ended(ctx, patient).await?.join(",");
    let environment = ctx.settings.issuer.environment;
    // Who takes any identity was not told an INS that counts there as more than a number; what carried one is looked at.
    let any = Takes { identity: Demand::Any, ..Takes::default() };
    let params = [("subject", records.as_str()), ("status", "final,amended,corrected,appended")];
    for report in material::all(ctx, "DiagnosticReport", &params).await? {
        let descriptions = editions::of(ctx, &report).await?;
        let holdings = dispatch::holdings(ctx, &editions::ids(&descriptions), Needless::Refused).await?;
        for held in holdings.held.iter().filter(|held| held.accepted) {
            let description =
                descriptions.iter().find(|one| element::id(one) == Some(held.document_id.as_str()));
            let Some(description) = description else { continue };
            let found = differences(description, survivor, &any, environment);
            if found.is_empty() {
                continue;
            }
            wrong.urgent |= found.contains(&Difference::Ins);
            wrong.differences.extend(found.iter().map(Difference::text));
            wrong.documents.entry(held.subject()).or_default().insert(held.destination.clone());
        }
    }
    Ok((!wrong.documents.is_empty()).then_some(wrong))
}

fn described(wrong: &Wrong) -> String {
    let differences = wrong.differences.iter().cloned().collect::<Vec<_>>().join(" ; ");
    let documents = wrong
        .documents
        .iter()
        .map(|(document, destinations)| {
            let names: Vec<&str> = destinations.iter().map(String::as_str).collect();
            format!("{document} ({})", names.join(", "))
        })
        .collect::<Vec<_>>()
        .join(" ; ");
    format!(
        "Des comptes rendus ont été envoyés sous une identité qui n'est plus celle du patient : {differences}. Documents et \
         destinations qui les détiennent : {documents}. Faire établir par la cellule d'identitovigilance si l'identité d'alors était \
         fausse. Si elle l'était : retirer chaque compte rendu (statut entered-in-error, avec un motif), ce qui le supprime sous \
         l'identité que chaque destination connaît, puis le rédiger à nouveau ; ou, si le compte rendu reste juste pour ce patient, le \
         corriger une fois l'identité qualifiée : il est alors supprimé de l'ancien dossier et déposé dans le bon. Sinon, clore cette tâche."
    )
}

fn system() -> String {
    format!("{BASE}/NamingSystem/sent-identity")
}

fn task(patient: &str, name: &str, wrong: &Wrong, at: Timestamp) -> Value {
    let inputs: Vec<Value> = wrong
        .documents
        .keys()
        .map(|document| json!({"type": {"text": "Document envoyé"}, "valueReference": {"reference": document}}))
        .collect();
    json!({
        "resourceType": "Task",
        "identifier": [{"system": system(), "value": name}],
        "status": "requested",
        "intent": "order",
        "priority": if wrong.urgent { "asap" } else { "urgent" },
        "code": {
            "coding": [{"system": TASK_CODE, "code": "relecture-humaine", "display": "Relecture humaine"}],
            "text": "Documents envoyés sous une identité mise en doute",
        },
        "description": described(wrong),
        "focus": {"reference": patient},
        "for": {"reference": patient},
        "authoredOn": instant(at),
        "lastModified": instant(at),
        "performerType": [{"coding": [{"system": PERFORMER_ROLE, "code": "idec"}]}],
        "input": inputs,
    })
}
