//! `Patient/{id}/$everything` (R4 `patient-operation-everything.html`): the patient, what is about them, and who and
//! what is named there, page by page; with what is about the records that were merged into theirs.

use crate::json::Value;
use jiff::Timestamp;

use super::compartment::{self, MEMBERS};
use super::{CURSOR, SearchAnswer, answer, entries, include, link};
use crate::fhir::bundle::Mode;
use crate::fhir::search::{self, Query};
use crate::interaction::{Context, merged, read};
use crate::problem::{Category, Issue, Problem};
use crate::store::Stored;

/// What is named in a patient's resources and comes with them.
const NAMED: &[&str] = &["Practitioner", "PractitionerRole", "Organization"];

/// What may be asked.
struct Asked {
    count: usize,
    types: Option<Vec<String>>,
    since: Option<String>,
    /// Place in the list of types, and the cursor within that type.
    from: (usize, Option<String>),
}

/// Everything about one patient; each resource about them is on one page, those that are named may come with several.
///
/// # Errors
/// `NotFound`, `Gone` for the patient; `Malformed` for parameters that are not read.
pub async fn everything(
    ctx: &Context,
    id: &str,
    params: &[(String, String)],
) -> Result<SearchAnswer, Problem> {
    let patient = read::read(ctx, "Patient", id).await?;
    let asked = Asked::read(ctx, params)?;
    let mut found: Vec<Value> = Vec::new();
    if asked.from == (0, None) && asked.wants("Patient") {
        found.push(
            serde_json::from_slice(&patient.body)
                .map_err(|_| Problem::internal("a stored Patient is damaged"))?,
        );
    }
    let records = merged::with_ended(ctx, &format!("Patient/{id}")).await?;
    let (mut next, mut said) = (None, Vec::new());
    let mut left = ctx.settings.page_bytes;
    let (start, mut after) = asked.from.clone();
    for (place, (rtype, _)) in MEMBERS.iter().enumerate().skip(start) {
        if !asked.wants(rtype) {
            continue;
        }
        if found.len() >= asked.count || left == 0 {
            next = Some(format!("{place}"));
            break;
        }
        let Some(member) = compartment::of(&records, rtype) else { continue };
        let mut query = Query { criteria: vec![member], ..Query::new(*rtype) };
        query.count = asked.count - found.len();
        query.after = after.take();
        query.bytes_max = left;
        if let Some(since) = &asked.since {
            let params = [("_lastUpdated".to_owned(), format!("ge{since}"))];
            query.criteria.extend(search::parse(rtype, &params)?.criteria);
        }
        let page = ctx.store.search(&query).await?;
        left = left.saturating_sub(page.resources.iter().map(Stored::size).sum());
        found.extend(super::legible(&page.resources, &mut said));
        if let Some(cursor) = page.next {
            next = Some(format!("{place}.{cursor}"));
            break;
        }
    }
    let (named, damaged) = include::referred(ctx, &found, NAMED).await?;
    said.extend(damaged);
    let named =
        named.into_iter().filter(|one| one["resourceType"].as_str().is_some_and(|name| asked.wants(name)));
    let path = format!("Patient/{id}/$everything");
    let mut links = vec![("self", link::to(ctx, &path, params, None))];
    if let Some(next) = &next {
        links.push(("next", link::to(ctx, &path, params, Some(next))));
    }
    let named = named.collect();
    let mut all = entries(ctx, found, Mode::Match);
    all.extend(entries(ctx, named, Mode::Include));
    answer(all, &said, &links, None)
}

impl Asked {
    fn read(ctx: &Context, params: &[(String, String)]) -> Result<Self, Problem> {
        let mut asked = Self { count: ctx.settings.page_default, types: None, since: None, from: (0, None) };
        let mut issues = Vec::new();
        for (place, (name, value)) in params.iter().enumerate() {
            let once = ["_count", "_type", "_since", CURSOR];
            let twice = search::repeated(params, place, &once).map_or(Ok(()), Err);
            if let Err(text) = twice.and_then(|()| asked.put(name, value)) {
                issues.push(Issue::error("value", text).at(name.as_str()));
            }
        }
        asked.count = asked.count.clamp(1, ctx.settings.page_max);
        if issues.is_empty() { Ok(asked) } else { Err(Problem::with(Category::Malformed, issues)) }
    }

    fn put(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "_count" => self.count = value.parse().map_err(|_| "_count is a whole number".to_owned())?,
            "_type" => self.types = Some(value.split(',').map(str::to_owned).collect()),
            "_since" => {
                let since: Timestamp = value.parse().map_err(|_| "_since is an instant".to_owned())?;
                self.since = Some(since.to_string());
            }
            CURSOR => {
                let (place, cursor) =
                    value.split_once('.').map_or((value, None), |(p, c)| (p, Some(c.to_owned())));
                let place = place.parse().ok().filter(|place| *place < MEMBERS.len());
                self.from = (place.ok_or("_cursor is not of this operation")?, cursor);
            }
            _ => return Err(format!("$everything takes _count, _type and _since, not {name}")),
        }
        Ok(())
    }

    fn wants(&self, rtype: &str) -> bool {
        self.types.as_ref().is_none_or(|types| types.iter().any(|name| name == rtype))
    }
}
