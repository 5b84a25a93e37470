//! Doing what one entry asks, by the interaction that does it for a request of its own.

use crate::json::Value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::answer::Done;
use super::entry::{Entry, Method, Target};
use crate::fhir::element;
use crate::fhir::search::Handling;
use crate::interaction::patch::{Patch, patch, patch_where};
use crate::interaction::{
    self, Context, Search, conditional, create, delete, delete_where, everything, history, read, search,
    search_with, update, update_where, vread,
};
use crate::problem::{Category, Problem};

/// How many bytes the reads of one Bundle may answer together: a few lines can ask for a thousand resources each.
const READ_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What is left of them.
pub(super) struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(READ_BYTES_MAX)
    }
}

impl Room {
    /// Does it; a read for which there is no room any more is refused. What writes answer is no longer than what they were sent.
    ///
    /// # Errors
    /// Those of the interaction; `TooLarge`.
    pub(super) async fn perform(&mut self, ctx: &Context, entry: &Entry) -> Result<Done, Problem> {
        let is_read = entry.method == Method::Get;
        if is_read && self.0 == 0 {
            let text = format!(
                "the reads before this one answer {READ_BYTES_MAX} bytes together, the most in one Bundle: ask for the rest in another"
            );
            return Err(Problem::new(Category::TooLarge, "too-costly", text));
        }
        let done = perform(ctx, entry).await?;
        if is_read {
            self.0 = self.0.saturating_sub(done.length());
        }
        Ok(done)
    }
}

/// Does it.
///
/// # Errors
/// Those of the interaction.
async fn perform(ctx: &Context, entry: &Entry) -> Result<Done, Problem> {
    let rtype = entry.rtype.as_str();
    let body = || entry.resource.as_ref().map(Value::to_string).unwrap_or_default().into_bytes();
    let if_match = entry.if_match;
    Ok(Done::One(match (entry.method, &entry.target) {
        (Method::Get, _) => return get(ctx, entry).await,
        (Method::Post, _) => {
            let condition = entry.if_none_exist.as_deref();
            create(ctx, rtype, &body(), condition).await?
        }
        (Method::Put, Target::One(id)) => update(ctx, rtype, id, &body(), if_match).await?,
        (Method::Put, Target::Type(params)) => update_where(ctx, rtype, params, &body(), if_match).await?,
        (Method::Patch, Target::One(id)) => patch(ctx, rtype, id, &patch_of(entry)?, if_match).await?,
        (Method::Patch, Target::Type(params)) => {
            patch_where(ctx, rtype, params, &patch_of(entry)?, if_match).await?
        }
        (Method::Delete, Target::One(id)) => delete(ctx, rtype, id, if_match).await?,
        (Method::Delete, Target::Type(params)) => delete_where(ctx, rtype, params, if_match).await?,
        _ => return Err(Problem::internal("an entry was read that cannot be done")),
    }))
}

async fn get(ctx: &Context, entry: &Entry) -> Result<Done, Problem> {
    let rtype = entry.rtype.as_str();
    let one = |answer| if entry.known.holds(&answer) { Done::Known(answer) } else { Done::One(answer) };
    Ok(match &entry.target {
        Target::One(id) => one(read(ctx, rtype, id).await?),
        Target::Version(id, version) => one(vread(ctx, rtype, id, *version).await?),
        Target::Part(id, version, params) => {
            let part = crate::fhir::search::part(rtype, params)?;
            let answer = match version {
                Some(version) => vread(ctx, rtype, id, *version).await?,
                None => read(ctx, rtype, id).await?,
            };
            one(interaction::part(answer, &part)?)
        }
        Target::Member(id, params) => {
            let search = Search { rtype, params, handling: Handling::Strict, patient: Some(id) };
            Done::Page(search_with(ctx, search).await?.body)
        }
        Target::Everything(id, params) => Done::Page(everything(ctx, id, params).await?.body),
        Target::Type(params) => Done::Page(search(ctx, rtype, params).await?.body),
        Target::History(id, params) => {
            let rtype = Some(rtype).filter(|rtype| !rtype.is_empty());
            Done::Page(history(ctx, rtype, id.as_deref(), params).await?.body)
        }
    })
}

/// The condition of a create.
///
/// # Errors
/// `Malformed`.
pub(super) fn condition(ctx: &Context, entry: &Entry) -> Result<Option<crate::fhir::search::Query>, Problem> {
    entry.if_none_exist.as_deref().map(|text| conditional::query_text(ctx, &entry.rtype, text)).transpose()
}

/// A patch in a Bundle is a `Parameters`, or a `Binary` that holds a JSON Patch.
pub(super) fn patch_of(entry: &Entry) -> Result<Patch, Problem> {
    let resource = entry.resource.clone().unwrap_or_default();
    if element::resource_type(&resource) != Some("Binary") {
        return Ok(Patch::FhirPath(resource));
    }
    let unreadable = || {
        let text =
            "a Binary that patches has the contentType application/json-patch+json and the patch as data";
        Problem::new(Category::Malformed, "structure", text)
    };
    let kind = element::str_at(&resource, "contentType").unwrap_or_default();
    if !kind.starts_with("application/json-patch+json") {
        return Err(unreadable());
    }
    let data =
        STANDARD.decode(element::str_at(&resource, "data").unwrap_or_default()).map_err(|_| unreadable())?;
    Patch::json(&data)
}
