//! Cross-origin requests (<https://fetch.spec.whatwg.org/#http-cors-protocol>): allowed to the origins of the
//! configuration, to nobody by default.

use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap,
    HeaderValue, ORIGIN,
};

/// What a page may send.
const HEADERS: &str = "accept, authorization, content-encoding, content-type, if-match, if-modified-since, \
                       if-none-exist, if-none-match, prefer, x-request-id";
/// What a page may read.
const EXPOSED: &str = "content-location, etag, last-modified, location, retry-after, x-request-id";
/// How long a browser may remember, in seconds.
const AGE_SECONDS_MAX: &str = "600";

/// Adds what the origin of the request may do; `methods` are those of the path. Every answer says that it varies by
/// origin, once there are any ([`super::finish`]).
pub(super) fn allow(
    origins: &[String],
    methods: impl Fn() -> String,
    request: &HeaderMap,
    response: &mut HeaderMap,
) {
    if origins.is_empty() {
        return;
    }
    let Some(origin) = request.get(ORIGIN) else { return };
    if !origins.iter().any(|known| known.as_bytes() == origin.as_bytes()) {
        return;
    }
    response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    if request.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        response.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(HEADERS));
        response.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(AGE_SECONDS_MAX));
        if let Ok(methods) = HeaderValue::from_str(&methods()) {
            response.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origins: &[&str], origin: &'static str) -> Option<String> {
        let origins: Vec<String> = origins.iter().map(|origin| (*origin).to_owned()).collect();
        let (mut request, mut response) = (HeaderMap::new(), HeaderMap::new());
        request.insert(ORIGIN, HeaderValue::from_static(origin));
        allow(&origins, || "GET".to_owned(), &request, &mut response);
        let given = response.get(ACCESS_CONTROL_ALLOW_ORIGIN)?;
        Some(given.to_str().unwrap().to_owned())
    }

    #[test]
    fn an_origin_is_let_in_when_it_is_listed_and_never_otherwise() {
        assert_eq!(
            allowed(&["https://a.example"], "https://a.example").as_deref(),
            Some("https://a.example")
        );
        assert_eq!(allowed(&["https://a.example"], "https://a.example.evil.example"), None);
        assert_eq!(allowed(&["https://a.example"], "http://a.example"), None);
        assert_eq!(allowed(&[], "https://a.example"), None);
    }
}
