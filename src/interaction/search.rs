//! Search on a type (FHIR R4, `RESTful` API, 3.1.1): a searchset `Bundle` with `self` and `next` links.

use super::{Context, read};
use crate::fhir::{bundle, search as parameters};
use crate::problem::Problem;

/// The parameter that carries the cursor of the next page.
const CURSOR: &str = "_cursor";

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
    let mut query = parameters::parse(rtype, params)?;
    if !params.iter().any(|(name, _)| name == "_count") {
        query.count = ctx.settings.page_default;
    }
    query.count = query.count.min(ctx.settings.page_max);
    let page = ctx.store.search(&query).await?;
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

fn link(base: &str, rtype: &str, params: &[(String, String)], cursor: Option<&str>) -> String {
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
