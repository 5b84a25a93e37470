//! Read and vread (FHIR R4, `RESTful` API, 3.1.0.1 and 3.1.0.2).

use crate::json::{self, Picks, Value};

use super::{Answer, Context, Kind};
use crate::fhir::{self, search::Summary};
use crate::problem::{Category, Problem};
use crate::store::Stored;

/// The current version.
///
/// # Errors
/// `NotFound`, `Gone`.
pub async fn read(ctx: &Context, rtype: &str, id: &str) -> Result<Answer, Problem> {
    served(rtype)?;
    let stored = ctx.store.read(rtype, id).await?;
    answer(stored, || format!("{rtype}/{id}"))
}

/// That version.
///
/// # Errors
/// `NotFound`, `Gone`.
pub async fn vread(ctx: &Context, rtype: &str, id: &str, version: u64) -> Result<Answer, Problem> {
    served(rtype)?;
    let stored = ctx.store.vread(rtype, id, version).await?;
    answer(stored, || format!("{rtype}/{id}/_history/{version}"))
}

/// The part of what was read that is asked for, as [`fhir::search::part`] tells it.
///
/// # Errors
/// `Internal`: what is stored was JSON when it was written.
pub fn part(answer: Answer, (summary, elements): &(Summary, Vec<String>)) -> Result<Answer, Problem> {
    if *summary == Summary::False && elements.is_empty() {
        return Ok(answer);
    }
    let whole: Value = serde_json::from_slice(&answer.body)
        .map_err(|_| Problem::internal(format!("{}/{} is stored damaged", answer.rtype, answer.id)))?;
    let body = fhir::subset(&whole, *summary, elements).to_string().into_bytes();
    Ok(Answer { body, ..answer })
}

/// Refuses a resource type that is not kept here.
///
/// # Errors
/// `NotFound`, as for any address that leads nowhere.
pub(crate) fn served(rtype: &str) -> Result<(), Problem> {
    if fhir::is_served(rtype) {
        return Ok(());
    }
    let diagnostics = format!("{rtype} is not served here; served are {}", fhir::SERVED.join(", "));
    Err(Problem::new(Category::NotFound, "not-supported", diagnostics))
}

/// Refuses a resource type that clients do not write here.
///
/// # Errors
/// `NotFound` when it is not served, `NotSupported` when it is served to be read.
pub(crate) fn writable(rtype: &str) -> Result<(), Problem> {
    served(rtype)?;
    if fhir::is_writable(rtype) {
        return Ok(());
    }
    let diagnostics = format!("{rtype} is written by this service alone; it can be searched and read");
    Err(Problem::new(Category::NotSupported, "not-supported", diagnostics))
}

/// The resource, for who looks at many: one that is damaged is logged, and no reason to leave the others alone.
pub(crate) fn legible(stored: &Stored) -> Option<Value> {
    stored
        .resource()
        .inspect_err(|problem| tracing::error!(%problem, "a resource is passed over by a look at many"))
        .ok()
}

/// The resource without the elements of a list that are not picked, where there are picks.
///
/// # Errors
/// `Damaged`.
pub(crate) fn picked(stored: &Stored, picks: Option<&Picks>) -> Result<Value, Problem> {
    let text = std::str::from_utf8(stored.body()?).ok().zip(picks);
    let picked = text.and_then(|(text, picks)| json::read_picked(text, picks).ok());
    picked.map_or_else(|| stored.resource(), Ok)
}

/// The current version of a resource that may be absent.
///
/// # Errors
/// Those of the store.
pub(crate) async fn current(ctx: &Context, rtype: &str, id: &str) -> Result<Option<Value>, Problem> {
    match ctx.store.read(rtype, id).await? {
        Some(stored) if !stored.deleted => stored.resource().map(Some),
        _ => Ok(None),
    }
}

/// A stored version as an answer of this kind.
///
/// # Errors
/// `Damaged`.
pub(crate) fn of(kind: Kind, mut stored: Stored) -> Result<Answer, Problem> {
    let Some(body) = stored.body.take() else { return Err(stored.damage()) };
    Ok(Answer {
        kind,
        rtype: stored.rtype,
        id: stored.id,
        version: stored.version,
        last_updated: stored.last_updated,
        body,
        outcome: Vec::new(),
    })
}

fn answer(stored: Option<Stored>, place: impl Fn() -> String) -> Result<Answer, Problem> {
    match stored {
        None => Err(Problem::not_found(place())),
        Some(stored) if stored.deleted => {
            Err(Problem::new(Category::Gone, "deleted", format!("{} was deleted", place())))
        }
        Some(stored) => of(Kind::Read, stored),
    }
}
