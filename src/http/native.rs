//! A `Binary` as the bytes that it holds, under their own media type (R4 `binary.html`, *Serving Binary Resources*; IHE ITI-68
//! Retrieve Document): what a client gets that does not ask for FHIR by its media type.

use crate::json::Value;
use actix_web::HttpResponse;
use actix_web::http::header::{
    ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::exchange::{self, text};
use super::media;
use crate::interaction::Answer;
use crate::problem::{Category, Problem};

/// What a read of a `Binary` is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// The bytes.
    Bytes,
    /// The resource, as JSON or XML.
    Resource,
}

/// The bytes of the answer, or nothing when the client wants the resource.
///
/// # Errors
/// `NotAcceptable` when it takes neither.
pub(super) fn bytes(headers: &HeaderMap, answer: &Answer) -> Result<Option<HttpResponse>, Problem> {
    let binary: Value = serde_json::from_slice(&answer.body)
        .map_err(|_| Problem::internal(format!("Binary/{} is stored damaged", answer.id)))?;
    let kind = binary["contentType"].as_str().unwrap_or_default();
    if wanted(text(headers, &ACCEPT)?.as_deref(), kind)? == Wanted::Resource {
        return Ok(None);
    }
    let data = STANDARD
        .decode(binary["data"].as_str().unwrap_or_default())
        .map_err(|_| Problem::internal(format!("Binary/{} holds no Base64", answer.id)))?;
    let kind = HeaderValue::from_str(kind).ok().filter(|kind| !kind.is_empty());
    let mut response = HttpResponse::Ok();
    exchange::describe(&mut response, answer, None);
    response
        .insert_header((CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static("application/octet-stream"))))
        // A browser that is led here neither guesses what it is nor runs anything of it.
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; style-src 'unsafe-inline'"));
    Ok(Some(response.body(data)))
}

/// What the client takes more gladly; the bytes where it does not mind. The media type of the bytes is theirs, be it XML or JSON.
fn wanted(accept: Option<&str>, kind: &str) -> Result<Wanted, Problem> {
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else { return Ok(Wanted::Bytes) };
    let own = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let family = own.split('/').next().unwrap_or_default();
    let mut best: Option<(u16, bool, Wanted)> = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
        let name = parts.next().unwrap_or_default();
        let (is_exact, what) = match name.as_str() {
            "application/fhir+json" | "application/fhir+xml" => (true, Wanted::Resource),
            name if name == own => (true, Wanted::Bytes),
            "application/json" | "application/xml" | "text/json" | "text/xml" => (true, Wanted::Resource),
            "*/*" => (false, Wanted::Bytes),
            name if name.strip_suffix("/*") == Some(family) => (false, Wanted::Bytes),
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=").map(media::weight)).unwrap_or(1000);
        if weight > 0 && best.is_none_or(|(other, exact, _)| (weight, is_exact) > (other, exact)) {
            best = Some((weight, is_exact, what));
        }
    }
    best.map(|(_, _, what)| what).ok_or_else(|| {
        let text =
            format!("'{accept}' cannot be given; {own}, application/fhir+json and application/fhir+xml can");
        Problem::new(Category::NotAcceptable, "not-supported", text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_ask_for_fhir_gets_the_bytes() {
        let check = |accept: Option<&str>, kind: &str, expected: Option<Wanted>| {
            assert_eq!(wanted(accept, kind).ok(), expected, "{accept:?} of {kind}");
        };
        let (bytes, resource) = (Some(Wanted::Bytes), Some(Wanted::Resource));
        check(None, "application/pdf", bytes);
        check(Some("*/*"), "application/pdf", bytes);
        check(Some("application/pdf"), "application/pdf", bytes);
        check(Some("application/*;q=0.5"), "application/pdf", bytes);
        check(Some("text/xml"), "text/xml", bytes);
        check(Some("text/xml"), "text/xml; charset=utf-8", bytes);
        check(Some("text/xml"), "application/pdf", resource);
        check(Some("application/fhir+xml"), "text/xml", resource);
        check(Some("application/fhir+json"), "application/fhir+json", resource);
        check(Some("application/json"), "application/json", bytes);
        check(Some("application/fhir+json, */*; q=0.1"), "application/pdf", resource);
        check(Some("application/fhir+json;q=0.2, application/pdf"), "application/pdf", bytes);
        check(Some("application/json"), "application/pdf", resource);
        check(Some("image/png"), "application/pdf", None);
        check(Some("application/pdf;q=0"), "application/pdf", None);
    }
}
