//! Search on a type (FHIR R4, `RESTful` API, 3.1.1): a searchset `Bundle` with `self` and `next` links.

use super::{Context, read};
use crate::fhir::bundle;
use crate::fhir::search::{self as parameters, Total};
use crate::problem::Problem;

/// The parameter that carries the cursor of the next page.
pub(super) const CURSOR: &str = "_cursor";

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

/// Searches one type.
///
/// # Errors
/// `Malformed` for an unknown parameter, modifier or prefix, with those that would be right.
pub async fn search(
    ctx: &Context,
    rtype: &str,
    params: &[(String, String)],
) -> Result<SearchAnswer, Problem> {
    read::served(rtype)?;
    let (asked, counted) = counting(params);
    let mut query = parameters::parse(rtype, &asked)?;
    if !asked.iter().any(|(name, _)| name == "_count") {
        query.count = ctx.settings.page_default;
    }
    query.count = query.count.min(ctx.settings.page_max);
    if counted {
        (query.count, query.total) = (1, Total::Accurate);
    }
    let mut page = ctx.store.search(&query).await?;
    if counted {
        (page.resources, page.next) = (Vec::new(), None);
    }
    let base = &ctx.settings.base_url;
    let mut links = vec![("self", link(base, rtype, params, None))];
    if let Some(next) = &page.next {
        links.push(("next", link(base, rtype, params, Some(next))));
    }
    let matches = page.resources.iter().map(|stored| {
        let full_url = format!("{base}/{rtype}/{}", stored.id);
        read::body(stored).map(|resource| bundle::Match { full_url, resource })
    });
    let bundle = bundle::searchset(matches.collect::<Result<_, _>>()?, &links, page.total);
    let body = serde_json::to_vec(&bundle).map_err(|fault| Problem::internal(fault.to_string()))?;
    Ok(SearchAnswer { body })
}

/// The parameters of the search itself, and whether only the number of matches is asked for: `_summary=count`, or
/// `_count=0`, which means the same (3.1.1.5.5).
fn counting(params: &[(String, String)]) -> (Vec<(String, String)>, bool) {
    let counts = |name: &str, value: &str| matches!((name, value), ("_count", "0") | ("_summary", "count"));
    let counted = params.iter().any(|(name, value)| counts(name, value));
    let kept = params.iter().filter(|(name, value)| {
        !counts(name, value) && (name.as_str(), value.as_str()) != ("_summary", "false")
    });
    (kept.cloned().collect(), counted)
}

pub(super) fn link(base: &str, rtype: &str, params: &[(String, String)], cursor: Option<&str>) -> String {
    let kept = params.iter().filter(|(name, _)| name != CURSOR || cursor.is_none());
    let mut pairs: Vec<String> =
        kept.map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.extend(cursor.map(|cursor| format!("{CURSOR}={}", encode(cursor))));
    let mut link = format!("{base}/{rtype}");
    if !pairs.is_empty() {
        link.push('?');
        link.push_str(&pairs.join("&"));
    }
    link
}

/// Percent-encodes all but what RFC 3986 lets stand in a query without a meaning of its own.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/,$".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_repeats_the_search_with_another_cursor() {
        let params = [("subject", "Patient/1"), ("identifier", "a|b c"), (CURSOR, "x")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            link("https://h/fhir", "Task", &params, Some("y=")),
            "https://h/fhir/Task?subject=Patient/1&identifier=a%7Cb%20c&_cursor=y%3D"
        );
        assert_eq!(link("https://h/fhir", "Task", &[], None), "https://h/fhir/Task");
    }
}
