//! Which patient a message is about: by the numbers of the hospital, else by the INS.

use crate::json::Value;

use super::pid::Number;
use crate::fhir::element;
use crate::fhir::search::{self, Query};
use crate::interaction::merged::survivor;
use crate::interaction::{Context, conditional, library};
use crate::problem::{Category, Problem};

/// Every patient that has one of these numbers of the hospital; without one, those that have the INS.
///
/// # Errors
/// Those of the store.
pub(super) async fn named(ctx: &Context, numbers: &[Number]) -> Result<Vec<Value>, Problem> {
    let mut found: Vec<Value> = Vec::new();
    for number in telling(numbers) {
        let token = conditional::escape(&number.identifier);
        for stored in library::read_all(ctx.store.as_ref(), "Patient", &[("identifier", &token)]).await? {
            let patient = stored.resource()?;
            if !found.iter().any(|known| element::id(known) == element::id(&patient)) {
                found.push(patient);
            }
        }
    }
    Ok(found)
}

/// The one patient who is followed under these numbers now: merged records lead to the one that they became.
///
/// # Errors
/// `Conflict` at `place` when the numbers belong to different patients: only a person can tell who is who.
pub(super) async fn followed(
    ctx: &Context,
    numbers: &[Number],
    place: &str,
) -> Result<Option<Value>, Problem> {
    let mut followed: Vec<Value> = Vec::new();
    for patient in named(ctx, numbers).await? {
        let current = survivor(ctx, patient).await.map_err(|problem| problem.at("PID-3"))?;
        if !followed.iter().any(|known| element::id(known) == element::id(&current)) {
            followed.push(current);
        }
    }
    if followed.len() > 1 {
        let what = "these numbers belong to different patients here: a person has to tell who is who";
        return Err(Problem::new(Category::Conflict, "duplicate", what).at(place));
    }
    Ok(followed.pop())
}

/// The query that no other patient must match when one is made for these numbers.
///
/// # Errors
/// `Malformed`, which numbers that were read cannot cause.
pub(super) fn queries(numbers: &[Number]) -> Result<Vec<Query>, Problem> {
    let query = |number: &Number| {
        search::parse("Patient", &[("identifier".to_owned(), conditional::escape(&number.identifier))])
    };
    telling(numbers).map(query).collect()
}

/// The numbers that tell who is meant. An INS alone never joins two records of a hospital.
fn telling(numbers: &[Number]) -> impl Iterator<Item = &Number> {
    let local = numbers.iter().any(Number::is_local);
    numbers.iter().filter(move |number| if local { number.is_local() } else { number.identifier.is_ins() })
}
