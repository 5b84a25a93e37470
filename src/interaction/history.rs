//! History of a resource, a type or everything (FHIR R4, `RESTful` API, 3.1.0.9), in commit order.

use crate::json::{Value, json};
use jiff::Timestamp;

use super::search::link::link;
use super::search::{CURSOR, SearchAnswer};
use super::{Context, read};
use crate::fhir::datetime::{self, PartialDateTime};
use crate::fhir::{outcome, search};
use crate::problem::{Category, Problem};
use crate::store::{History, Made, Stored};

/// One page of versions, newest first; with `_sort=_lastUpdated` oldest first, and then the link `monitor` of the last
/// page gives what is committed later.
///
/// # Errors
/// `Malformed` for an unknown parameter or a value that cannot be read, `NotFound` when the resource never existed.
pub async fn history(
    ctx: &Context,
    rtype: Option<&str>,
    id: Option<&str>,
    params: &[(String, String)],
) -> Result<SearchAnswer, Problem> {
    if let Some(rtype) = rtype {
        read::served(rtype)?;
    }
    let wanted = wanted(ctx, rtype, id, params)?;
    if let (Some(rtype), Some(id)) = (rtype, id)
        && ctx.store.read(rtype, id).await?.is_none()
    {
        return Err(Problem::not_found(format_args!("{rtype}/{id}")));
    }
    let page = ctx.store.history(&wanted).await?;
    let base = &ctx.settings.base_url;
    let place = match (rtype, id) {
        (Some(rtype), Some(id)) => format!("{rtype}/{id}/_history"),
        (Some(rtype), None) => format!("{rtype}/_history"),
        _ => "_history".to_owned(),
    };
    let mut links = vec![json!({ "relation": "self", "url": link(base, &place, params, None) })];
    if let Some(last) = page.last.as_deref().filter(|_| page.more || wanted.oldest_first) {
        let relation = if page.more { "next" } else { "monitor" };
        links.push(json!({ "relation": relation, "url": link(base, &place, params, Some(last)) }));
    }
    let entries = page.versions.iter().map(|stored| entry(base, stored)).collect::<Result<Vec<_>, _>>()?;
    let mut bundle = json!({ "resourceType": "Bundle", "type": "history", "link": links });
    if !entries.is_empty() {
        bundle["entry"] = entries.into();
    }
    let body = serde_json::to_vec(&bundle).map_err(|fault| Problem::internal(fault.to_string()))?;
    Ok(SearchAnswer { body })
}

fn entry(base: &str, stored: &Stored) -> Result<Value, Problem> {
    let Stored { rtype, id, version, .. } = stored;
    let mut entry = json!({ "fullUrl": format!("{base}/{rtype}/{id}") });
    let own = || format!("{rtype}/{id}");
    let (method, url, status) = match (stored.made, stored.deleted, version) {
        (Made::Delete, ..) | (Made::Unrecorded, true, _) => ("DELETE", own(), "204"),
        (Made::Post, ..) | (Made::Unrecorded, false, 1) => ("POST", rtype.clone(), "201"),
        (Made::PutNew, ..) => ("PUT", own(), "201"),
        (Made::Put, ..) | (Made::Unrecorded, ..) => ("PUT", own(), "200"),
        (Made::Patch, ..) => ("PATCH", own(), "200"),
    };
    entry["request"] = json!({ "method": method, "url": url });
    entry["response"] = json!({
        "status": status,
        "location": format!("{base}/{rtype}/{id}/_history/{version}"),
        "etag": format!("W/\"{version}\""),
        "lastModified": datetime::instant(stored.last_updated)
    });
    if !stored.deleted {
        match stored.resource() {
            Ok(resource) => entry["resource"] = resource,
            // Who follows the feed learns of it and goes on: this version will never be legible.
            Err(problem) => entry["response"]["outcome"] = outcome::operation_outcome(&problem.issues),
        }
    }
    Ok(entry)
}

fn wanted(
    ctx: &Context,
    rtype: Option<&str>,
    id: Option<&str>,
    params: &[(String, String)],
) -> Result<History, Problem> {
    let mut history = History::new(ctx.settings.page_default);
    history.bytes_max = ctx.settings.page_bytes;
    history.rtype = rtype.map(str::to_owned);
    history.id = id.map(str::to_owned);
    for (place, (name, value)) in params.iter().enumerate() {
        if let Some(text) = search::repeated(params, place, &["_since", "_at", "_count", "_sort", CURSOR]) {
            return Err(Problem::new(Category::Malformed, "invalid", text).at(name));
        }
        match name.as_str() {
            "_since" => history.since = Some(moment(name, value)?.0),
            "_at" => history.at = Some(moment(name, value)?),
            "_count" => {
                let count = value.parse().ok().filter(|count: &usize| *count > 0);
                let count = count.ok_or_else(|| unreadable(name, "a whole number from 1 on"))?;
                history.count = count.min(ctx.settings.page_max);
            }
            "_sort" => {
                history.oldest_first = match value.as_str() {
                    "_lastUpdated" => true,
                    "-_lastUpdated" => false,
                    _ => return Err(unreadable(name, "-_lastUpdated (newest first) or _lastUpdated")),
                }
            }
            CURSOR => history.after = Some(value.clone()),
            _ => {
                let text = format!(
                    "a history takes no parameter '{name}'; there are _since, _at, _count, _sort and _cursor"
                );
                return Err(Problem::new(Category::Malformed, "not-supported", text));
            }
        }
    }
    Ok(history)
}

/// The span that a date, a time or an instant covers.
fn moment(name: &str, value: &str) -> Result<(Timestamp, Timestamp), Problem> {
    // A `+` in an unescaped offset arrives as a space.
    let value = value.replace(' ', "+");
    let parsed = PartialDateTime::parse(&value);
    let span = parsed.and_then(|parsed| parsed.bounds());
    span.ok_or_else(|| unreadable(name, "a date or an instant, such as 2026-01-12T09:30:00+01:00"))
}

fn unreadable(name: &str, right: &str) -> Problem {
    Problem::new(Category::Malformed, "value", format!("{name} cannot be read; {right} would be right"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_the_precision_it_is_written_with() {
        let check = |value: &str, seconds: Option<i64>| {
            let span = moment("_at", value).ok();
            assert_eq!(span.map(|(low, high)| high.duration_since(low).as_secs()), seconds, "{value}");
        };
        check("2026-01-12", Some(86_400));
        check("2026-01-12T09:30:00+01:00", Some(1));
        check("2026-01-12T09:30:00 01:00", Some(1));
        check("yesterday", None);
    }
}
