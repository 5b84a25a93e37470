//! Searches that ask the terminology (R4 3.1.1.4.10): the codes of a value set, and those above or below another one.

use crate::fhir::reference::{self, ReferenceForm};
use crate::fhir::search::{self, Query};
use crate::interaction::{Context, read};
use crate::problem::{Category, Problem};

/// Puts codes in the place of value sets and of places in a hierarchy, by the definitions as they are now.
///
/// # Errors
/// `Malformed` when they are not known or cannot be listed, with the reason.
pub(super) async fn resolve(ctx: &Context, query: &mut Query) -> Result<(), Problem> {
    if !search::asks_terminology(query) {
        return Ok(());
    }
    for name in search::value_sets(query) {
        if let Some(canonical) = named_by_id(ctx, name).await? {
            *name = canonical;
        }
    }
    let shelf = ctx.library.shelf(&*ctx.store, &[], &[]).await?;
    search::resolve(query, &shelf.terminology())
}

/// The canonical of a value set that is named as a resource of this server.
async fn named_by_id(ctx: &Context, name: &str) -> Result<Option<String>, Problem> {
    let own = reference::without_base(name, &ctx.settings.base_url);
    let ReferenceForm::Local { rtype: "ValueSet", id, .. } = reference::parse(own.unwrap_or(name)) else {
        return Ok(None);
    };
    let found = read::current(ctx, "ValueSet", id).await?.and_then(|set| {
        let url = set["url"].as_str()?;
        Some(set["version"].as_str().map_or_else(|| url.to_owned(), |version| format!("{url}|{version}")))
    });
    let unknown = || {
        let text = format!("there is no ValueSet/{id} here, or it has no canonical address");
        Problem::new(Category::Malformed, "not-found", text)
    };
    found.ok_or_else(unknown).map(Some)
}
