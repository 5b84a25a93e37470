//! Search on a type, within a compartment too (FHIR R4, `RESTful` API, 3.1.1): a searchset `Bundle` with `self` and
//! `next` links, the matches and what comes with them.

mod compartment;
mod concepts;
mod everything;
mod find_document_references;
mod include;
pub(super) mod link;
mod merged;

use crate::json::Value;

use super::{Context, read};
use crate::fhir::bundle::{self, Match, Mode};
use crate::fhir::search::{self as parameters, Handling, Request};
use crate::fhir::{outcome, subset};
use crate::problem::{Issue, Problem, Severity};
use crate::store::Stored;

pub use compartment::MEMBERS;
pub use everything::everything;

pub(super) use parameters::CURSOR;

/// A page of matches.
#[derive(Clone)]
pub struct SearchAnswer {
    /// The searchset `Bundle` as JSON.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for SearchAnswer {
    /// The size only: a body is a patient's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "searchset of {} bytes", self.body.len())
    }
}

/// What is searched, and how.
#[derive(Clone, Copy)]
pub struct Search<'a> {
    /// Resource type of the matches.
    pub rtype: &'a str,
    /// Decoded parameters.
    pub params: &'a [(String, String)],
    /// What to do with parameters that are not known.
    pub handling: Handling,
    /// Only what is in the compartment of this patient.
    pub patient: Option<&'a str>,
}

/// Searches one type; unknown parameters are refused.
///
/// # Errors
/// `Malformed` for an unknown parameter, modifier or prefix, with those that would be right.
pub async fn search(
    ctx: &Context,
    rtype: &str,
    params: &[(String, String)],
) -> Result<SearchAnswer, Problem> {
    search_with(ctx, Search { rtype, params, handling: Handling::Strict, patient: None }).await
}

/// Searches one type as the client prefers.
///
/// # Errors
/// As [`search`]; `NotFound` for a patient who is not known and a type that is in no patient's compartment.
pub async fn search_with(ctx: &Context, search: Search<'_>) -> Result<SearchAnswer, Problem> {
    read::served(search.rtype)?;
    let mut request = parameters::request(search.rtype, search.params, search.handling)?;
    parameters::localise(&mut request.query, &ctx.settings.base_url);
    let mut path = search.rtype.to_owned();
    if let Some(patient) = search.patient {
        request.query.criteria.push(compartment::member(ctx, patient, search.rtype).await?);
        path = format!("Patient/{patient}/{path}");
    }
    if !search.params.iter().any(|(name, _)| name == "_count") && request.query.count > 0 {
        request.query.count = ctx.settings.page_default;
    }
    request.query.count = request.query.count.min(ctx.settings.page_max);
    request.query.bytes_max = ctx.settings.page_bytes;
    let asked = find_document_references::prepare(&search, &mut request);
    merged::widen(ctx, &mut request.query).await?;
    concepts::resolve(ctx, &mut request.query).await?;
    let page = ctx.store.search(&request.query).await?;
    let mut said: Vec<Issue> = request.ignored.iter().map(|ignored| ignored.issue.clone()).collect();
    let matches = legible(&page.resources, &mut said);
    let (included, more) = include::included(ctx, &request, &matches).await?;
    said.extend(more.into_iter().chain(asked));
    let kept = kept(&request, search.params);
    let mut links = vec![("self", link::to(ctx, &path, &kept, None))];
    if let Some(next) = &page.next {
        links.push(("next", link::to(ctx, &path, &kept, Some(next))));
    }
    let mut entries = entries(ctx, matches, Mode::Match);
    entries.extend(self::entries(ctx, included, Mode::Include));
    for entry in &mut entries {
        find_document_references::locate(&mut entry.resource, &ctx.settings.base_url);
        entry.resource = subset(&entry.resource, request.summary, &request.elements);
    }
    answer(entries, &said, &links, page.total)
}

/// The parameters without those that were passed over.
fn kept(request: &Request, params: &[(String, String)]) -> Vec<(String, String)> {
    let is_ignored = |place: usize| request.ignored.iter().any(|ignored| ignored.place == place);
    params.iter().enumerate().filter(|(place, _)| !is_ignored(*place)).map(|(_, pair)| pair.clone()).collect()
}

/// The resources of a page; of one that is damaged where it is stored, the page says so in its place.
fn legible(page: &[Stored], said: &mut Vec<Issue>) -> Vec<Value> {
    let read = page.iter().map(|stored| stored.resource());
    let damaged = |issue: Issue| Issue { severity: Severity::Warning, ..issue };
    read.filter_map(|resource| {
        resource.map_err(|problem| said.extend(problem.issues.into_iter().map(damaged))).ok()
    })
    .collect()
}

fn entries(ctx: &Context, resources: Vec<Value>, mode: Mode) -> Vec<Match> {
    let base = &ctx.settings.base_url;
    let entry = |resource: Value| {
        let text = |name: &str| resource[name].as_str().unwrap_or_default();
        let full_url = format!("{base}/{}/{}", text("resourceType"), text("id"));
        Match { full_url, resource, mode }
    };
    resources.into_iter().map(entry).collect()
}

fn answer(
    mut entries: Vec<Match>,
    said: &[Issue],
    links: &[(&str, String)],
    total: Option<u64>,
) -> Result<SearchAnswer, Problem> {
    if !said.is_empty() {
        let resource = outcome::operation_outcome(said);
        entries.push(Match { full_url: String::new(), resource, mode: Mode::Outcome });
    }
    let bundle = bundle::searchset(entries, links, total);
    let body = serde_json::to_vec(&bundle).map_err(|fault| Problem::internal(fault.to_string()))?;
    Ok(SearchAnswer { body })
}
