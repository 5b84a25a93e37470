//! Media types in and out (R4 3.1.0.1.11): what a body is, what the client takes, and an answer in XML.
//!
//! The interactions answer in JSON; the last step of a request makes XML of it for who asked for that.

use actix_web::HttpResponse;
use actix_web::body::MessageBody;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};

use super::exchange::{FHIR_JSON, text};
use crate::fhir::{Document, Format, Reading, xml};
use crate::problem::{Category, Problem};

/// The media type of FHIR answers in XML.
const FHIR_XML: HeaderValue = HeaderValue::from_static("application/fhir+xml; charset=utf-8");

/// A body as it came, and the format its sender says it has.
pub(super) struct Sent {
    pub(super) bytes: Vec<u8>,
    pub(super) format: Format,
}

impl<'a> From<&'a Sent> for Document<'a> {
    fn from(sent: &'a Sent) -> Self {
        Self { bytes: &sent.bytes, format: sent.format }
    }
}

impl Sent {
    /// The resource as JSON, for what reads no other format.
    ///
    /// # Errors
    /// `Malformed` when it cannot be read, `Invalid` with what its XML should not have.
    pub(super) fn into_json(self) -> Result<Vec<u8>, Problem> {
        if self.format == Format::Json {
            return Ok(self.bytes);
        }
        let Reading { resource, issues } = Document::from(&self).read()?;
        if issues.is_empty() {
            return Ok(resource.to_string().into_bytes());
        }
        Err(Problem::with(Category::Invalid, issues))
    }
}

/// The format of a body, by `Content-Type`.
///
/// # Errors
/// `UnsupportedMediaType` for a body that is neither FHIR JSON nor FHIR XML in UTF-8.
pub(super) fn sent(headers: &HeaderMap) -> Result<Format, Problem> {
    let given = text(headers, &CONTENT_TYPE)?.unwrap_or_default();
    let mut parts = given.split(';').map(|part| part.trim().to_ascii_lowercase());
    let kind = parts.next().unwrap_or_default();
    let charset =
        parts.find_map(|part| part.strip_prefix("charset=").map(|c| c.trim_matches('"').to_owned()));
    let format = match kind.as_str() {
        "application/fhir+json" | "application/json" => Some(Format::Json),
        "application/fhir+xml" | "application/xml" | "text/xml" => Some(Format::Xml),
        _ => None,
    };
    format.filter(|_| charset.is_none_or(|charset| charset == "utf-8")).ok_or_else(|| {
        let text = format!(
            "Content-Type '{given}' is not read here; send application/fhir+json or application/fhir+xml in UTF-8"
        );
        Problem::new(Category::UnsupportedMediaType, "not-supported", text)
    })
}

/// The format that the client takes, JSON where it does not mind. `parameter` is `_format`, which wins over `Accept`.
///
/// # Errors
/// `NotAcceptable` when it takes neither.
pub(super) fn accepted(headers: &HeaderMap, parameter: Option<&str>) -> Result<Format, Problem> {
    let accept = text(headers, &ACCEPT)?;
    let Some(wanted) = parameter.or(accept) else { return Ok(Format::Json) };
    let mut best: Option<(u16, Format)> = None;
    for range in wanted.split(',') {
        let (kind, rest) = range.split_once(';').unwrap_or((range, ""));
        let is = |known: &&str| is_kind(kind.trim(), known);
        let format = if JSON.iter().any(is) {
            Format::Json
        } else if XML.iter().any(is) {
            Format::Xml
        } else {
            continue;
        };
        let mut parts = rest.split(';').filter_map(|part| part.trim().strip_prefix(['q', 'Q']));
        let weight = parts.find_map(|part| part.strip_prefix('=')).map_or(1000, weight);
        if weight > best.map_or(0, |(weight, _)| weight) {
            best = Some((weight, format));
        }
    }
    best.map(|(_, format)| format).ok_or_else(|| {
        let text = format!("'{wanted}' cannot be given; application/fhir+json and application/fhir+xml can");
        Problem::new(Category::NotAcceptable, "not-supported", text)
    })
}

/// What stands for JSON in `Accept` and `_format`.
const JSON: &[&str] =
    &["*/*", "application/fhir+json", "application/json", "text/json", "json", "application/*", ""];

/// What stands for XML there.
const XML: &[&str] = &["application/fhir+xml", "application/xml", "text/xml", "xml"];

/// Whether a media type is that one, in any case. A `+` in an unescaped `_format` arrives as a space.
fn is_kind(given: &str, known: &str) -> bool {
    let same =
        |(given, known): (u8, u8)| given.eq_ignore_ascii_case(&known) || (given == b' ' && known == b'+');
    given.len() == known.len() && given.bytes().zip(known.bytes()).all(same)
}

/// Thousandths of a weight such as `0.8`; what is no weight counts as none.
pub(super) fn weight(text: &str) -> u16 {
    match text.trim().split_once('.') {
        None => {
            if text.trim() == "0" {
                0
            } else {
                1000
            }
        }
        Some(("0", digits)) => {
            let digits: String = digits.chars().chain("000".chars()).take(3).collect();
            digits.parse().unwrap_or(1000)
        }
        Some(_) => 1000,
    }
}

/// The same answer in XML. What XML has no way to say stays JSON, and its `Content-Type` says so: an answer about
/// something done is never taken back.
pub(super) fn in_xml(response: HttpResponse, pretty: bool) -> HttpResponse {
    if response.headers().get(CONTENT_TYPE).is_none_or(|kind| *kind != FHIR_JSON) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let bytes = match body.try_into_bytes() {
        Ok(bytes) => bytes,
        Err(body) => return head.set_body(body),
    };
    let resource = serde_json::from_slice::<crate::json::Value>(&bytes).ok();
    let write = if pretty { xml::write_pretty } else { xml::write };
    match resource.map(|resource| write(&resource)) {
        Some(Ok(xml)) => {
            head.headers_mut().insert(CONTENT_TYPE, FHIR_XML);
            head.set_body(xml).map_into_boxed_body()
        }
        _ => {
            tracing::warn!("an answer has no form in XML and was given in JSON");
            head.set_body(bytes).map_into_boxed_body()
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderName;

    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        let mut map = HeaderMap::new();
        map.insert(name, HeaderValue::from_static(value));
        map
    }

    #[test]
    fn both_formats_are_read_and_nothing_else() {
        let check = |value| sent(&headers(CONTENT_TYPE, value)).ok();
        assert_eq!(check("application/fhir+json"), Some(Format::Json));
        assert_eq!(check("application/json; charset=UTF-8"), Some(Format::Json));
        assert_eq!(check("application/fhir+json; fhirVersion=4.0; charset=\"utf-8\""), Some(Format::Json));
        assert_eq!(check("application/fhir+xml; charset=utf-8"), Some(Format::Xml));
        assert_eq!(check("text/xml"), Some(Format::Xml));
        assert_eq!(check("application/json; charset=latin1"), None);
        assert_eq!(check("application/xml; charset=utf-16"), None);
        assert_eq!(check("text/html"), None);
        assert!(sent(&HeaderMap::new()).is_err());
    }

    #[test]
    fn the_client_is_given_what_it_takes_most_gladly() {
        let check = |accept, parameter| accepted(&headers(ACCEPT, accept), parameter).ok();
        assert_eq!(check("application/fhir+xml", None), Some(Format::Xml));
        assert_eq!(check("application/fhir+xml", Some("json")), Some(Format::Json));
        assert_eq!(check("application/fhir+json", Some("application/fhir xml")), Some(Format::Xml));
        assert_eq!(check("application/fhir+json, */*; q=0.1", None), Some(Format::Json));
        assert_eq!(check("text/html,application/xml;q=0.9,*/*;q=0.8", None), Some(Format::Xml));
        assert_eq!(check("application/xml;q=0.5, application/json;q=0.75", None), Some(Format::Json));
        assert_eq!(check("application/xml;q=0, */*;q=0.001", None), Some(Format::Json));
        assert_eq!(
            check("Application/FHIR+XML ; charset=utf-8 ;Q=0.9, text/json;q=0.8", None),
            Some(Format::Xml)
        );
        assert_eq!(check("text/html, ", None), Some(Format::Json));
        assert_eq!(check("application/xml;q=0", None), None);
        assert_eq!(check("text/html", None), None);
        assert_eq!(check("application/json", Some("html")), None);
        assert_eq!(accepted(&HeaderMap::new(), None), Ok(Format::Json));
    }
}
