//! One POST of a payload: the peer's status and a bounded part of its answer, or why there is none.

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::{Endpoint, certificate};
use crate::outbox::{Delivery, Outcome};

/// Largest answer read; no receipt needs more.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// What the peer answered.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Where below the address of the peer, and under what condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Request {
    /// Resource type; empty for the base address.
    pub(super) below: &'static str,
    /// `If-None-Exist`, by which a repeat is recognised.
    pub(super) if_none_exist: Option<String>,
}

impl Request {
    fn url(&self, base: &str) -> String {
        if self.below.is_empty() {
            base.to_owned()
        } else {
            format!("{}/{}", base.trim_end_matches('/'), self.below)
        }
    }
}

/// Posts the payload once; every failure before a whole answer is [`Outcome::Unreachable`].
pub(super) async fn post(
    client: &reqwest::Client,
    endpoint: &Endpoint,
    delivery: &Delivery,
    to: &Request,
) -> Result<Reply, Outcome> {
    let mut request = client.post(to.url(&endpoint.url)).body(delivery.payload.clone());
    if let Some(condition) = &to.if_none_exist {
        request = request.header("if-none-exist", condition);
    }
    send(request, endpoint, delivery, &delivery.content_type).await
}

/// Sends any request of this delivery, once.
pub(super) async fn send(
    request: reqwest::RequestBuilder,
    endpoint: &Endpoint,
    delivery: &Delivery,
    content_type: &str,
) -> Result<Reply, Outcome> {
    let mut request = request
        .timeout(endpoint.timeout)
        .header(CONTENT_TYPE, content_type)
        .header(ACCEPT, "application/fhir+json")
        .header("x-request-id", &delivery.id);
    if let Some(token) = &endpoint.bearer {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.map_err(|fault| unreachable(&fault))?;
    let status = response.status();
    let location = response
        .headers()
        .get("location")
        .and_then(|value| value.to_str().ok())
        .map(|value| value.chars().take(512).collect());
    let body = bounded(response).await?;
    Ok(Reply { status, location, body })
}

/// As much of the answer as is read.
pub(super) async fn bounded(mut response: reqwest::Response) -> Result<Vec<u8>, Outcome> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|fault| unreachable(&fault))? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES_MAX {
            body.truncate(ANSWER_BYTES_MAX);
            break;
        }
    }
    Ok(body)
}

/// Why no answer arrived, without the address (it may hold a secret). A certificate that is not taken, on either side, is a
/// refusal: only a person can mend it.
pub(super) fn unreachable(fault: &reqwest::Error) -> Outcome {
    if let Some(reason) = certificate::refusal(fault) {
        return Outcome::Refused { reason };
    }
    let what = if fault.is_timeout() {
        "no answer within the time allowed"
    } else if fault.is_connect() {
        "no connection"
    } else if fault.is_body() || fault.is_decode() {
        "the answer broke off"
    } else {
        "the exchange broke off"
    };
    Outcome::Unreachable { reason: what.to_owned() }
}
