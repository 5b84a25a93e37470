//! The last touches on every answer: the content coding, and what other origins may do.

use actix_web::body::MessageBody;
use actix_web::http::ConnectionType;
use actix_web::http::header::{CONTENT_ENCODING, HeaderValue, VARY};
use actix_web::{HttpRequest, HttpResponse};

use super::{coding, cors, route};

/// Packs the body as the client takes it, and tells pages of other origins what they may.
pub(super) fn finish(
    request: &HttpRequest,
    origins: &[String],
    path: &str,
    response: HttpResponse,
) -> HttpResponse {
    let (mut response, body) = response.into_parts();
    // No other protocol is spoken here: whoever offers one (h2c, as some clients do with each new connection) is answered in this one,
    // and the connection ends, which it must be told, or its next request is lost with it (RFC 9110, 7.8).
    if request.head().upgrade() {
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    let mut body = match body.try_into_bytes() {
        Ok(bytes) => bytes,
        // A body that is made while it is sent is left alone; none is, here.
        Err(body) => return response.set_body(body),
    };
    // On a 304 and on an answer without a body too: a cache must know what the one with a body depends on.
    let varies =
        if origins.is_empty() { "Accept, Accept-Encoding" } else { "Accept, Accept-Encoding, Origin" };
    response.headers_mut().insert(VARY, HeaderValue::from_static(varies));
    if let Some(chosen) = coding::choose(request.headers(), body.len())
        && let Some(packed) = coding::encode(chosen, &body)
    {
        body = packed.into();
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(chosen.name()));
    }
    let methods = || route::allowed(path).join(", ");
    cors::allow(origins, methods, request.headers(), response.headers_mut());
    response.set_body(body).map_into_boxed_body()
}
