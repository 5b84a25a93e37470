//! Media types in and out (R4 3.1.0.1.11): what a body is, what the client takes, and an answer in XML.
//!
//! The interactions answer in JSON; the last step of a request makes XML of it for who asked for that.

use std::cmp::Reverse;

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

/// The format of a body, by `Content-Type`; `is_patch` where a JSON Patch would be read, too.
///
/// # Errors
/// `UnsupportedMediaType` for a body that is neither FHIR JSON nor FHIR XML in UTF-8, or of another version of FHIR than R4
/// (R4 3.1.0.1.12).
pub(super) fn sent(headers: &HeaderMap, is_patch: bool) -> Result<Format, Problem> {
    let given = text(headers, &CONTENT_TYPE)?.unwrap_or_default();
    let mut parts = given.split(';').map(|part| part.trim().to_ascii_lowercase());
    let kind = parts.next().unwrap_or_default();
    let parts: Vec<String> = parts.collect();
    let parameter = |name: &str| {
        let value =
            |part: &String| Some(part.strip_prefix(name)?.strip_prefix('=')?.trim_matches('"').to_owned());
        parts.iter().find_map(value)
    };
    let charset = parameter("charset");
    if let Some(version) = parameter("fhirversion").filter(|version| !is_r4(version)) {
        let text = format!("fhirVersion={version} is not read here; send FHIR R4, fhirVersion=4.0");
        return Err(Problem::new(Category::UnsupportedMediaType, "not-supported", text));
    }
    let format = match kind.as_str() {
        "application/fhir+json" | "application/json" => Some(Format::Json),
        "application/fhir+xml" | "application/xml" | "text/xml" => Some(Format::Xml),
        _ => None,
    };
    // The name without its hyphen is registered nowhere and sent by many; nothing else is meant by it.
    let is_utf8 = charset.is_none_or(|charset| matches!(charset.as_str(), "utf-8" | "utf8"));
    format.filter(|_| is_utf8).ok_or_else(|| {
        let text = format!(
            "Content-Type '{given}' is not read here; send application/fhir+json or application/fhir+xml in UTF-8{}",
            if is_patch { ", or application/json-patch+json" } else { "" }
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
    let Some(wanted) = parameter.or(accept.as_deref()) else { return Ok(Format::Json) };
    // How closely a range names the format, its weight, and the place where it stands.
    let mut json: Option<(u8, u16, Reverse<usize>)> = None;
    let mut xml = None;
    for (place, range) in wanted.split(',').enumerate() {
        let (kind, rest) = range.split_once(';').unwrap_or((range, ""));
        let is = |known: &&str| is_kind(kind.trim(), known);
        let parameter = |name: &str| {
            let mut parts = rest.split(';').filter_map(|part| part.trim().split_once('='));
            parts.find_map(|(given, value)| given.trim().eq_ignore_ascii_case(name).then_some(value.trim()))
        };
        // Another version of FHIR is another representation, which is not given here.
        if parameter("fhirVersion").is_some_and(|version| !is_r4(version.trim_matches('"'))) {
            continue;
        }
        let said = |closely: u8| Some((closely, parameter("q").map_or(1000, weight), Reverse(place)));
        if JSON.iter().any(is) {
            json = json.max(said(2));
        } else if XML.iter().any(is) {
            xml = xml.max(said(2));
        } else if ["application/*", "*/*", ""].iter().any(is) {
            let closely = u8::from(is(&"application/*"));
            (json, xml) = (json.max(said(closely)), xml.max(said(closely)));
        }
    }
    let weighed = |said: Option<(u8, u16, Reverse<usize>)>| {
        said.map(|(_, weight, place)| (weight, place)).filter(|(weight, _)| *weight > 0)
    };
    let best = match (weighed(json), weighed(xml)) {
        (None, None) => None,
        (json, xml) if xml > json => Some(Format::Xml),
        _ => Some(Format::Json),
    };
    best.ok_or_else(|| {
        let text = format!(
            "'{wanted}' cannot be given; application/fhir+json and application/fhir+xml of R4 (fhirVersion=4.0) can"
        );
        Problem::new(Category::NotAcceptable, "not-supported", text)
    })
}

/// Whether a `fhirVersion` is R4: publication and major version, `4.0` (R4 2.1.0.10); one with its revision is read as well.
fn is_r4(version: &str) -> bool {
    version == "4.0" || version.strip_prefix("4.0.").is_some_and(|rest| rest.parse::<u32>().is_ok())
}

/// What stands for JSON in `Accept` and `_format`, where nothing and `*` stand for both.
const JSON: &[&str] = &["application/fhir+json", "application/json", "text/json", "json"];

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
        let check = |value| sent(&headers(CONTENT_TYPE, value), false).ok();
        assert_eq!(check("application/fhir+json"), Some(Format::Json));
        assert_eq!(check("application/json; charset=UTF-8"), Some(Format::Json));
        assert_eq!(check("application/fhir+json;charset=UTF8"), Some(Format::Json));
        assert_eq!(check("application/fhir+json; fhirVersion=4.0; charset=\"utf-8\""), Some(Format::Json));
        assert_eq!(check("application/fhir+xml; charset=utf-8"), Some(Format::Xml));
        assert_eq!(check("text/xml"), Some(Format::Xml));
        assert_eq!(check("application/json; charset=latin1"), None);
        assert_eq!(check("application/xml; charset=utf-16"), None);
        assert_eq!(check("text/html"), None);
        assert!(sent(&HeaderMap::new(), false).is_err());
        assert_eq!(check("application/fhir+json; fhirVersion=4.0.1"), Some(Format::Json));
        for version in ["5.0", "3.0", "4.3", "4.0x", "4", ""] {
            let kind =
                HeaderValue::from_str(&format!("application/fhir+json; FHIRVersion={version}")).unwrap();
            let problem = sent(&HeaderMap::from_iter([(CONTENT_TYPE, kind)]), false).unwrap_err();
            assert_eq!(problem.category, Category::UnsupportedMediaType, "{version}");
        }
        let said = |is_patch| sent(&headers(CONTENT_TYPE, "text/html"), is_patch).unwrap_err().to_string();
        assert!(said(true).contains("json-patch+json") && !said(false).contains("patch"));
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
        assert_eq!(check("application/fhir+json; fhirVersion=4.0", None), Some(Format::Json));
        assert_eq!(check("application/fhir+json;fhirVersion=\"5.0\"", None), None);
        assert_eq!(
            check("application/fhir+json; fhirVersion=5.0, application/fhir+xml;q=0.2", None),
            Some(Format::Xml)
        );
        assert_eq!(check("application/fhir+json", Some("application/fhir+json; fhirVersion=3.0")), None);
        assert_eq!(check("text/html", None), None);
        // What names a format says more of it than a star does (RFC 9110, 12.5.1).
        assert_eq!(check("application/fhir+json;q=0, */*", None), Some(Format::Xml));
        assert_eq!(check("*/*, application/xml;q=0", None), Some(Format::Json));
        assert_eq!(check("*/*;q=0, application/fhir+xml", None), Some(Format::Xml));
        assert_eq!(check("*/*;q=0", None), None);
        assert_eq!(check("*/*;q=0.1, application/*;q=0", None), None);
        assert_eq!(check("application/fhir+xml;q=0.5, application/json;Q=0.5", None), Some(Format::Xml));
        assert_eq!(
            check("application/json;q=0.1, application/fhir+json, text/xml;q=0.9", None),
            Some(Format::Json)
        );
        assert_eq!(check("application/json", Some("html")), None);
        assert_eq!(accepted(&HeaderMap::new(), None), Ok(Format::Json));
    }
}
