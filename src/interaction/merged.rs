//! Patients who turned out to be one: the record that ended says by which it is replaced (FHIR R4, `Patient.link`).
//!
//! Nothing is moved by a merge. What was written about the record that ended goes on naming it, as it was received and signed,
//! and whatever asks about the surviving one is asked about all that ended in it, too: searches, compartments,
//! `$everything`, the history that rules read, reports, proofs. So a merge loses nothing, is on record in both Patients and a
//! Provenance, and is undone by taking the two links away. HAPI's and HL7's `$merge` rewrite each reference instead (and
//! HL7 leaves that to the server); rewriting would give signed reports and responses versions that nobody sent, and an
//! undo would have to guess which of the survivor's references were its own.

use crate::json::Value;

use super::{Context, library, read};
use crate::fhir::element::{self, list, str_at};
use crate::fhir::search::{self, Query};
use crate::problem::{Category, Problem};

/// How far merges of merges are followed.
const MERGES_MAX: usize = 16;

/// Id of the patient that this one was merged into.
pub(super) fn replaced_by(patient: &Value) -> Option<&str> {
    let link = list(patient, "link").find(|link| link["type"] == "replaced-by")?;
    str_at(link, "other.reference")?.strip_prefix("Patient/")
}

/// The record that this one was merged into, at the end of the chain; itself when it was not.
///
/// # Errors
/// `Conflict` when they were merged in a circle; those of the store.
pub(super) async fn survivor(ctx: &Context, patient: Value) -> Result<Value, Problem> {
    survivor_by(ctx, patient, |_| {}).await
}

/// The same; each record on the way is shown.
///
/// # Errors
/// As [`survivor`].
pub(super) async fn survivor_by(
    ctx: &Context,
    patient: Value,
    mut seen: impl FnMut(&Value) + Send,
) -> Result<Value, Problem> {
    let mut current = patient;
    for _ in 0..MERGES_MAX {
        let Some(id) = replaced_by(&current) else { return Ok(current) };
        match read::current(ctx, "Patient", id).await? {
            Some(next) => {
                seen(&next);
                current = next;
            }
            None => return Ok(current),
        }
    }
    Err(Problem::new(Category::Conflict, "business-rule", "these patients were merged in a circle"))
}

/// That patient and all who were merged into it, as `Patient/id`.
///
/// # Errors
/// Those of the store.
pub(super) async fn with_ended(ctx: &Context, patient: &str) -> Result<Vec<String>, Problem> {
    let mut known = vec![patient.to_owned()];
    let mut at = 0;
    while let Some(one) = known.get(at).filter(|_| at < MERGES_MAX).cloned() {
        for stored in library::read_all(ctx.store.as_ref(), "Patient", &[("link", &one)]).await? {
            let record = read::body(&stored)?;
            let ended_in_it =
                replaced_by(&record).is_some_and(|into| one.strip_prefix("Patient/") == Some(into));
            let own = element::local_reference(&record).filter(|own| ended_in_it && !known.contains(own));
            known.extend(own);
        }
        at += 1;
    }
    Ok(known)
}

/// All the records of that person: the one that it was merged into, and all that were merged into that.
///
/// # Errors
/// As [`survivor`].
pub(super) async fn family(ctx: &Context, patient: &str) -> Result<Vec<String>, Problem> {
    let Some(id) = patient.strip_prefix("Patient/") else { return Ok(vec![patient.to_owned()]) };
    let Some(own) = read::current(ctx, "Patient", id).await? else { return Ok(vec![patient.to_owned()]) };
    let survivor = element::local_reference(&survivor(ctx, own).await?);
    with_ended(ctx, &survivor.unwrap_or_else(|| patient.to_owned())).await
}

/// The search that finds who was merged into that patient.
///
/// # Errors
/// None that a literal reference can cause.
pub(super) fn query(patient: &str) -> Result<Query, Problem> {
    let mut query = search::parse("Patient", &[("link".to_owned(), patient.to_owned())])?;
    query.count = 2;
    Ok(query)
}
