//! Reading definitions from the store and compiling them.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::json::Value;

use super::canonical::{Canonical, compare_versions};
use super::edition;
use super::shelf::Shelf;
use crate::fhir::search::{self, Query};
use crate::problem::Problem;
use crate::store::{Page, Store, Stored};
use crate::terminology::Terminology;

/// Matches on a page: definitions are read whole.
const PAGE: usize = 200;

/// Reads what is missing on the shelf.
pub(super) async fn fill(
    shelf: &mut Shelf,
    store: &dyn Store,
    questionnaires: &[&str],
    plans: &[&str],
) -> Result<(), Problem> {
    if shelf.terminology.is_none() {
        let mut resources = bodies(&all(store, "CodeSystem", &[]).await?)?;
        resources.extend(bodies(&all(store, "ValueSet", &[]).await?)?);
        shelf.terminology = Some(Arc::new(Terminology::load(&resources)));
        let active = bodies(&all(store, "PlanDefinition", &[("status", "active")]).await?)?;
        let urls: BTreeSet<&str> =
            active.iter().filter_map(Canonical::of).map(|canonical| canonical.url).collect();
        for url in urls {
            add_plans(shelf, store, url).await?;
        }
    }
    for url in urls(questionnaires) {
        if !shelf.forms.contains_key(url) {
            add_forms(shelf, store, url).await?;
        }
    }
    for url in urls(plans) {
        if !shelf.plans.contains_key(url) {
            add_plans(shelf, store, url).await?;
        }
    }
    Ok(())
}

async fn add_forms(shelf: &mut Shelf, store: &dyn Store, url: &str) -> Result<(), Problem> {
    let terminology = shelf.terminology();
    for source in bodies(&of_url(store, "Questionnaire", url).await?)? {
        match edition::form(source, &terminology) {
            Ok(form) => shelf.forms.entry(url.to_owned()).or_default().push(Arc::new(form.shelved())),
            Err(problem) => tracing::warn!(url, %problem, "a stored questionnaire does not compile"),
        }
    }
    Ok(())
}

async fn add_plans(shelf: &mut Shelf, store: &dyn Store, url: &str) -> Result<(), Problem> {
    for source in bodies(&of_url(store, "PlanDefinition", url).await?)? {
        let activities = activities_of(store, &source).await?;
        match edition::plan(source, &activities) {
            Ok(plan) => shelf.plans.entry(url.to_owned()).or_default().push(Arc::new(plan.shelved())),
            Err(problem) => tracing::warn!(url, %problem, "a stored protocol does not compile"),
        }
    }
    Ok(())
}

/// The activities that a plan names: that version, or the newest active one.
pub(crate) async fn activities_of(store: &dyn Store, plan: &Value) -> Result<Vec<Value>, Problem> {
    let mut activities = Vec::new();
    for named in definitions_named(plan) {
        let canonical = Canonical::parse(&named);
        let found = bodies(&of_url(store, "ActivityDefinition", canonical.url).await?)?;
        activities.extend(choose(found, canonical.version));
    }
    Ok(activities)
}

/// The newest active edition of an activity.
pub(crate) async fn newest_activity(store: &dyn Store, url: &str) -> Result<Option<Value>, Problem> {
    Ok(choose(bodies(&all(store, "ActivityDefinition", &[("url", url)]).await?)?, None))
}

/// The one of these editions that a reference with or without version means.
pub(super) fn choose(found: Vec<Value>, version: Option<&str>) -> Option<Value> {
    let version_of = |definition: &Value| definition["version"].as_str().unwrap_or_default().to_owned();
    match version {
        Some(version) => found.into_iter().find(|definition| version_of(definition) == version),
        None => found
            .into_iter()
            .filter(|definition| definition["status"] == "active")
            .max_by(|one, other| compare_versions(&version_of(one), &version_of(other))),
    }
}

/// Every `definitionCanonical` in a plan, at any depth, each once.
pub(super) fn definitions_named(plan: &Value) -> BTreeSet<String> {
    fn walk(action: &Value, named: &mut BTreeSet<String>) {
        if let Some(canonical) = action.get("definitionCanonical").and_then(Value::as_str) {
            named.insert(canonical.to_owned());
        }
        for inner in action.get("action").and_then(Value::as_array).into_iter().flatten() {
            walk(inner, named);
        }
    }
    let mut named = BTreeSet::new();
    walk(plan, &mut named);
    named
}

/// Every edition of the definitions of a type that have this address, whatever a client took for one.
///
/// # Errors
/// Those of the store.
pub(crate) async fn of_url(store: &dyn Store, rtype: &str, url: &str) -> Result<Vec<Stored>, Problem> {
    // No definition is known by nothing, and no search looks for it.
    if url.is_empty() { Ok(Vec::new()) } else { all(store, rtype, &[("url", &search::escape(url))]).await }
}

/// Every match of a search, all pages.
pub(crate) async fn all(
    store: &dyn Store,
    rtype: &str,
    params: &[(&str, &str)],
) -> Result<Vec<Stored>, Problem> {
    let query = whole(rtype, params)?;
    let first = store.search(&query).await?;
    rest(store, query, first).await
}

/// A search that is read whole.
///
/// # Errors
/// `Malformed` when a parameter is not of the type.
pub(crate) fn whole(rtype: &str, params: &[(&str, &str)]) -> Result<Query, Problem> {
    let params: Vec<(String, String)> =
        params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut query = search::parse(rtype, &params)?;
    query.count = PAGE;
    Ok(query)
}

/// The pages of a search, one after the other, for who may have to look at very many.
pub(crate) struct Pages(Option<Query>);

impl Pages {
    /// From its first page on.
    pub(crate) const fn of(query: Query) -> Self {
        Self(Some(query))
    }

    /// From the page on that another one named as its next.
    fn from(mut query: Query, next: Option<String>) -> Self {
        Self(next.map(|next| {
            query.after = Some(next);
            query
        }))
    }

    /// The next page, which may be empty; none after the last.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn next(&mut self, store: &dyn Store) -> Result<Option<Vec<Stored>>, Problem> {
        let Some(query) = self.0.take() else { return Ok(None) };
        let Page { resources, next, .. } = store.search(&query).await?;
        *self = Self::from(query, next);
        Ok(Some(resources))
    }
}

/// The first page and all after it.
pub(crate) async fn rest(store: &dyn Store, query: Query, first: Page) -> Result<Vec<Stored>, Problem> {
    let Page { resources: mut found, next, .. } = first;
    let mut pages = Pages::from(query, next);
    while let Some(more) = pages.next(store).await? {
        found.extend(more);
    }
    Ok(found)
}

fn urls<'a>(canonicals: &[&'a str]) -> Vec<&'a str> {
    canonicals.iter().map(|canonical| Canonical::parse(canonical).url).collect()
}

fn bodies(found: &[Stored]) -> Result<Vec<Value>, Problem> {
    found.iter().map(|stored| stored.resource()).collect()
}
