//! Headers in and out: `Prefer`, `If-Match`, `If-None-Exist`, `ETag`, `Location`.

use std::borrow::Cow;

use actix_web::body::MessageBody;
use actix_web::http::header::{
    CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE, LAST_MODIFIED, LOCATION,
};
use actix_web::{HttpResponse, HttpResponseBuilder};
use jiff::Timestamp;
use jiff::fmt::rfc2822;

use crate::interaction::Answer;
use crate::problem::{Category, Problem};

/// The media type of every FHIR answer, before XML is made of it.
pub(super) const FHIR_JSON: HeaderValue = HeaderValue::from_static("application/fhir+json; charset=utf-8");

const IF_NONE_EXIST: HeaderName = HeaderName::from_static("if-none-exist");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// What the client wants back from a write (`Prefer: return=…`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Return {
    Representation,
    Minimal,
    Outcome,
}

/// The value of a header; several lines of one name are one list (RFC 9110, 5.3).
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<Cow<'a, str>>, Problem> {
    let lines: Result<Vec<&str>, _> = headers.get_all(name).map(|value| value.to_str()).collect();
    let lines = lines.map_err(|_| {
        Problem::new(Category::Malformed, "value", format!("header {name} holds bytes outside of ASCII"))
    })?;
    Ok(match lines.as_slice() {
        [] => None,
        [only] => Some(Cow::Borrowed(only)),
        several => Some(Cow::Owned(several.join(", "))),
    })
}

/// The value of a header that is no list, so that it may come once only.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<Cow<'a, str>>, Problem> {
    if headers.get_all(name).count() > 1 {
        let text = format!("header {name} came more than once: which one is meant cannot be known");
        return Err(Problem::new(Category::Malformed, "value", text));
    }
    text(headers, name)
}

/// What `Prefer` says under that name, the first time (RFC 7240, 2).
fn preference(headers: &HeaderMap, name: &str) -> Result<Option<String>, Problem> {
    let given = text(headers, &PREFER)?.unwrap_or_default();
    let mut all = given.split([',', ';']).filter_map(|part| part.split_once('='));
    let found = all.find(|(known, _)| known.trim().eq_ignore_ascii_case(name));
    Ok(found.map(|(_, value)| value.trim().trim_matches('"').to_owned()))
}

/// Whether the body is a JSON Patch (RFC 6902).
pub(super) fn is_json_patch(headers: &HeaderMap) -> bool {
    let given = text(headers, &CONTENT_TYPE).ok().flatten().unwrap_or_default();
    given
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json-patch+json"))
}

/// Refuses a form that is not `application/x-www-form-urlencoded`.
pub(super) fn check_form(headers: &HeaderMap) -> Result<(), Problem> {
    let given = text(headers, &CONTENT_TYPE)?.unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "application/x-www-form-urlencoded" {
        return Ok(());
    }
    let text = format!("Content-Type '{given}' is not read here; send application/x-www-form-urlencoded");
    Err(Problem::new(Category::UnsupportedMediaType, "not-supported", text))
}

/// `Prefer: handling=lenient` or `strict`, which is also what is done without it.
pub(super) fn is_lenient(headers: &HeaderMap) -> Result<bool, Problem> {
    match preference(headers, "handling")?.as_deref() {
        Some("lenient") => Ok(true),
        Some("strict") | None => Ok(false),
        Some(other) => {
            let text = format!("Prefer handling={other}: lenient or strict is right");
            Err(Problem::new(Category::Malformed, "value", text))
        }
    }
}

/// `Prefer: return=…`; other preferences are the client's to hope for.
pub(super) fn prefer(headers: &HeaderMap) -> Result<Return, Problem> {
    match preference(headers, "return")?.as_deref() {
        Some("minimal") => Ok(Return::Minimal),
        Some("representation") | None => Ok(Return::Representation),
        Some("OperationOutcome") => Ok(Return::Outcome),
        Some(other) => {
            let text = format!("Prefer return={other}: minimal, representation or OperationOutcome is right");
            Err(Problem::new(Category::Malformed, "value", text))
        }
    }
}

/// The condition of a create: `If-None-Exist`, or criteria in the address, where fhirpy and Aidbox put them.
///
/// # Errors
/// `Malformed` when there are both: which one is meant cannot be known.
pub(super) fn condition(headers: &HeaderMap, query: &str, rtype: &str) -> Result<Option<String>, Problem> {
    let of_form = |part: &&str| matches!(part.split('=').next(), Some("_format" | "_pretty" | ""));
    let criteria: Vec<&str> = query.split('&').filter(|part| !of_form(part)).collect();
    match (if_none_exist(headers, rtype)?, criteria.is_empty()) {
        (header, true) => Ok(header),
        (None, false) => Ok(Some(criteria.join("&"))),
        (Some(_), false) => {
            let text = "a create has its condition in If-None-Exist or in the address, not in both";
            Err(Problem::new(Category::Malformed, "value", text))
        }
    }
}

/// `If-None-Exist`, the search that must find nothing. Some clients put an address before it.
fn if_none_exist(headers: &HeaderMap, rtype: &str) -> Result<Option<String>, Problem> {
    let given = single(headers, &IF_NONE_EXIST)?;
    Ok(given.map(|given| match given.split_once('?') {
        Some(("", query)) => query.to_owned(),
        Some((address, query)) if !address.contains('=') && address.rsplit('/').next() == Some(rtype) => {
            query.to_owned()
        }
        _ => given.into_owned(),
    }))
}

/// `If-Match: W/"3"` as a version number. `If-None-Match` is refused, and so is `If-Unmodified-Since` alone, which R4 does not
/// have and which tells seconds only: a write that went on without them could overwrite what the client meant to spare. Beside
/// `If-Match` it says nothing (RFC 9110, 13.1.4).
pub(super) fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let given = single(headers, &IF_MATCH)?;
    let unread = [(IF_NONE_MATCH, true), (IF_UNMODIFIED_SINCE, given.is_none())];
    if let Some((name, _)) = unread.iter().find(|(name, counts)| *counts && headers.contains_key(name)) {
        let text = format!("{name} is not read on a write; If-Match with a version is");
        return Err(Problem::new(Category::Malformed, "not-supported", text));
    }
    let Some(given) = given else { return Ok(None) };
    let tag = given.trim().strip_prefix("W/").unwrap_or(given.trim()).trim_matches('"');
    tag.parse().map(Some).map_err(|_| {
        let text = format!("If-Match '{given}' is not a version; W/\"3\" would be right");
        Problem::new(Category::Malformed, "value", text)
    })
}

/// Whether the client says that it has this version already: by `If-None-Match`, or else by `If-Modified-Since`
/// (RFC 9110, 13.1.2 and 13.1.3).
///
/// # Errors
/// `Malformed` for bytes outside of ASCII.
pub(super) fn is_known(headers: &HeaderMap, answer: &Answer) -> Result<bool, Problem> {
    if let Some(tags) = text(headers, &IF_NONE_MATCH)? {
        let own = answer.version.to_string();
        let tag = |tag: &str| tag.trim().trim_start_matches("W/").trim_matches('"').to_owned();
        return Ok(tags.split(',').map(tag).any(|known| known == "*" || known == own));
    }
    // What cannot be read as a date is as if it had not been sent.
    let since = text(headers, &IF_MODIFIED_SINCE)?.and_then(|date| rfc2822::parse(&date).ok());
    Ok(since.is_some_and(|since| answer.last_updated.as_second() <= since.timestamp().as_second()))
}

/// Puts `ETag`, `Last-Modified` and, for a write, `Location`.
pub(super) fn describe(response: &mut HttpResponseBuilder, answer: &Answer, base: Option<&str>) {
    response.insert_header((ETAG, format!("W/\"{}\"", answer.version)));
    response.insert_header((LAST_MODIFIED, http_date(answer.last_updated)));
    if let Some(base) = base {
        let Answer { rtype, id, version, .. } = answer;
        response.insert_header((LOCATION, format!("{base}/{rtype}/{id}/_history/{version}")));
    }
}

/// A FHIR body.
pub(super) fn body(response: &mut HttpResponseBuilder, bytes: Vec<u8>) -> HttpResponse {
    response.insert_header((CONTENT_TYPE, FHIR_JSON)).body(bytes)
}

/// The same answer with its JSON laid out over lines, for people (`_pretty`, R4 3.1.0.1.10).
pub(super) fn laid_out(response: HttpResponse) -> HttpResponse {
    if response.headers().get(CONTENT_TYPE).is_none_or(|kind| *kind != FHIR_JSON) {
        return response;
    }
    let (head, body) = response.into_parts();
    match body.try_into_bytes() {
        Ok(bytes) => {
            let json = serde_json::from_slice::<crate::json::Value>(&bytes);
            let lines = json.and_then(|json| serde_json::to_vec_pretty(&json));
            head.set_body(lines.map_or(bytes, Into::into)).map_into_boxed_body()
        }
        Err(body) => head.set_body(body),
    }
}

/// A time as in RFC 9110, 5.6.7.
fn http_date(at: Timestamp) -> String {
    let mut text = String::with_capacity(29);
    // It fails for years of more than four digits only, which no clock of ours tells.
    let _ = rfc2822::DateTimePrinter::new().print_timestamp_rfc9110(&at, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        let mut map = HeaderMap::new();
        map.insert(name, HeaderValue::from_static(value));
        map
    }

    #[test]
    fn a_version_is_read_from_if_match() {
        assert_eq!(if_match(&headers(IF_MATCH, "W/\"3\"")), Ok(Some(3)));
        assert_eq!(if_match(&headers(IF_MATCH, "\"12\"")), Ok(Some(12)));
        assert!(if_match(&headers(IF_MATCH, "W/\"abc\"")).is_err());
        assert!(if_match(&headers(IF_MATCH, "*")).is_err());
        assert!(if_match(&headers(IF_NONE_MATCH, "*")).is_err());
        let mut since = headers(IF_UNMODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:37 GMT");
        assert!(if_match(&since).unwrap_err().to_string().contains("If-Match with a version"));
        since.insert(IF_MATCH, HeaderValue::from_static("W/\"3\""));
        assert_eq!(if_match(&since), Ok(Some(3)));
        since.append(IF_MATCH, HeaderValue::from_static("W/\"4\""));
        assert!(if_match(&since).is_err(), "only one version can be meant");
    }

    #[test]
    fn lines_of_one_name_are_one_list() {
        let mut map = headers(PREFER, "respond-async");
        map.append(PREFER, HeaderValue::from_static("Handling = \"lenient\"; x=y"));
        map.append(PREFER, HeaderValue::from_static("return=minimal, return=representation"));
        assert_eq!(is_lenient(&map), Ok(true));
        assert_eq!(prefer(&map), Ok(Return::Minimal), "the first counts");
        map.insert(IF_NONE_EXIST, HeaderValue::from_static("identifier=a|b"));
        assert!(condition(&map, "", "Patient").unwrap().is_some());
        map.append(IF_NONE_EXIST, HeaderValue::from_static("identifier=a|b"));
        assert!(condition(&map, "", "Patient").is_err());
    }

    #[test]
    fn a_condition_is_read_without_the_address_before_it() {
        let check = |value, expected| {
            let given = headers(IF_NONE_EXIST, value);
            assert_eq!(if_none_exist(&given, "Patient").unwrap().as_deref(), Some(expected));
        };
        check("identifier=a|b", "identifier=a|b");
        check("?identifier=a|b", "identifier=a|b");
        check("Patient?identifier=a|b", "identifier=a|b");
        check("http://127.0.0.1:8080/Patient?identifier=a|b", "identifier=a|b");
        check("url=http://h/Patient?x", "url=http://h/Patient?x");
        check("http://h/Task?status=x", "http://h/Task?status=x");
    }

    #[test]
    fn a_create_has_its_condition_in_a_header_or_in_the_address() {
        let (none, given) = (HeaderMap::new(), headers(IF_NONE_EXIST, "identifier=a|b"));
        let check = |headers: &HeaderMap, query: &str, expected: Option<&str>| {
            assert_eq!(condition(headers, query, "Patient"), Ok(expected.map(str::to_owned)), "{query}");
        };
        check(&none, "", None);
        check(&none, "_format=json&_pretty=true", None);
        check(&none, "identifier=a%7Cb&_format=json&active=true", Some("identifier=a%7Cb&active=true"));
        check(&given, "_format=json", Some("identifier=a|b"));
        assert!(condition(&given, "identifier=a%7Cb", "Patient").is_err());
    }

    #[test]
    fn dates_have_the_form_of_http() {
        assert_eq!(http_date(Timestamp::from_second(784_111_777).unwrap()), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
