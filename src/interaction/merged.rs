//! Patients who turned out to be one: the record that ended says by which it is replaced (FHIR R4, `Patient.link`).

use serde_json::Value;

use super::{Context, library, read};
use crate::fhir::element::{self, list, str_at};
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
    let mut current = patient;
    for _ in 0..MERGES_MAX {
        let Some(id) = replaced_by(&current) else { return Ok(current) };
        match read::current(ctx, "Patient", id).await? {
            Some(next) => current = next,
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
