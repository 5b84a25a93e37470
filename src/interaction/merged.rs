//! Patients who turned out to be one: the record that ended says by which it is replaced (FHIR R4, `Patient.link`).
//!
//! Nothing is moved by a merge. What was written about the record that ended goes on naming it, as it was received and signed,
//! and whatever asks about the surviving one is asked about all that ended in it, too: searches, compartments,
//! `$everything`, the history that rules read, reports, proofs. So a merge loses nothing, is on record in both Patients and a
//! Provenance, and is undone by taking the two links away. HAPI's and HL7's `$merge` rewrite each reference instead (and
//! HL7 leaves that to the server); rewriting would give signed reports and responses versions that nobody sent, and an
//! undo would have to guess which of the survivor's references were its own.

use std::sync::LazyLock;

use crate::json::Value;

use super::{Context, library, read};
use crate::fhir::element::{self, list, str_at};
use crate::fhir::search::{self, Query};
use crate::problem::{Category, Issue, Problem};
use crate::store::Guard;

/// How far merges of merges are followed.
const MERGES_MAX: usize = 16;

/// Why nobody can say which record is followed; older versions stored such links.
pub(super) const IN_A_CIRCLE: &str = "Les dossiers de ce patient ont été fusionnés en cercle : aucun n'est celui qui est suivi. Corriger les liens entre \
     ces dossiers.";

/// Id of the patient that this one was merged into.
pub(super) fn replaced_by(patient: &Value) -> Option<&str> {
    let link = list(patient, "link").find(|link| link["type"] == "replaced-by")?;
    target(link)
}

/// Id of the Patient that a link names.
fn target(link: &Value) -> Option<&str> {
    let id = str_at(link, "other.reference")?.strip_prefix("Patient/")?;
    id.split("/_history").next()
}

/// What must hold for this Patient to be written without its merges going in a circle: whoever follows the links from it never
/// comes back to it. Each record on the way stays as it was read.
///
/// # Errors
/// `Invalid` when they go in a circle, or on for more than [`MERGES_MAX`] records; those of the store.
pub(super) async fn no_circle(ctx: &Context, patient: &Value) -> Result<Vec<Guard>, Problem> {
    let mut guards = Vec::new();
    let own = element::id(patient);
    for (n, link) in list(patient, "link").enumerate().filter(|(_, link)| link["type"] == "replaced-by") {
        let mut next = target(link).map(str::to_owned);
        let mut steps = 0;
        while let Some(id) = next {
            steps += 1;
            if Some(id.as_str()) == own || steps > MERGES_MAX {
                return Err(circle().at(&format!("Patient.link[{n}]")));
            }
            next = None;
            if let Some(stored) = ctx.store.read("Patient", &id).await? {
                if !stored.deleted {
                    next = replaced_by(&stored.resource()?).map(str::to_owned);
                }
                guards.push(Guard::Version { rtype: "Patient".to_owned(), id, version: stored.version });
            }
        }
    }
    Ok(guards)
}

fn circle() -> Problem {
    let diagnostics = format!(
        "this record would be replaced by itself, by way of others or at once, or by more than {MERGES_MAX} records in a row: the \
         record that stays is not 'replaced-by' another one"
    );
    Problem::new(Category::Invalid, "business-rule", diagnostics)
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
    let issue = Issue::error("business-rule", "these patients were merged in a circle").text(IN_A_CIRCLE);
    Err(Problem::with(Category::Conflict, vec![issue]))
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
            let record = stored.resource()?;
            let ended_in_it =
                replaced_by(&record).is_some_and(|into| one.strip_prefix("Patient/") == Some(into));
            let own = element::local_reference(&record).filter(|own| ended_in_it && !known.contains(own));
            known.extend(own);
        }
        at += 1;
    }
    Ok(known)
}

/// All the records of that person: the one that it was merged into, and all that were merged into that. Where merges go in a
/// circle, which older versions stored, the records of the circle: a response is judged all the same, and doubted.
///
/// # Errors
/// Those of the store.
pub(super) async fn family(ctx: &Context, patient: &str) -> Result<Vec<String>, Problem> {
    let Some(id) = patient.strip_prefix("Patient/") else { return Ok(vec![patient.to_owned()]) };
    let Some(own) = read::current(ctx, "Patient", id).await? else { return Ok(vec![patient.to_owned()]) };
    let survivor = match survivor(ctx, own).await {
        Ok(survivor) => element::local_reference(&survivor),
        Err(problem) if problem.category == Category::Conflict => None,
        Err(problem) => return Err(problem),
    };
    with_ended(ctx, &survivor.unwrap_or_else(|| patient.to_owned())).await
}

/// The search that finds who was merged into that patient.
///
/// # Errors
/// None that a literal reference can cause.
pub(super) fn query(patient: &str) -> Result<Query, Problem> {
    static OF_ONE: LazyLock<Option<Query>> = LazyLock::new(|| read_query("Patient/x").ok());
    OF_ONE.as_ref().and_then(|one| one.about(patient)).map_or_else(|| read_query(patient), Ok)
}

fn read_query(patient: &str) -> Result<Query, Problem> {
    let mut query = search::parse("Patient", &[("link".to_owned(), patient.to_owned())])?;
    query.count = 2;
    Ok(query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_that_is_not_read_anew_is_the_same() {
        for patient in ["Patient/a", "Patient/a,Patient/b", "a", "Practitioner/a"] {
            assert!(query(patient).ok() == read_query(patient).ok(), "{patient}");
        }
    }
}
