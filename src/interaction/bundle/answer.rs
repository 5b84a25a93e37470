//! Entries of the answer (FHIR R4, `Bundle.entry.response`).

use crate::json::{Value, json};
use jiff::Timestamp;

use crate::fhir::{datetime, meta, outcome};
use crate::interaction::{Answer, Kind};
use crate::problem::{Category, Issue, Problem, Severity};

/// What the client wants back of each write (`Prefer: return=…`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// The resource as it is stored.
    Representation,
    /// Nothing but the response.
    Minimal,
    /// An `OperationOutcome` in the response.
    Outcome,
}

/// What an entry came to.
pub(super) enum Done {
    /// One resource.
    One(Answer),
    /// One that the client has already: nothing of it is sent (304).
    Known(Answer),
    /// A Bundle: of a search or a history.
    Page(Vec<u8>),
    /// A read of a transaction that found nothing.
    Refused(Problem),
}

impl Done {
    /// The bytes of its body.
    pub(super) fn length(&self) -> usize {
        match self {
            Self::One(answer) => answer.body.len(),
            Self::Page(body) => body.len(),
            Self::Known(_) | Self::Refused(_) => 0,
        }
    }

    /// The same with the instant that the commit has decided, when it was written by a unit that was begun then.
    pub(super) fn dated(self, begun: Timestamp, instant: Timestamp) -> Self {
        let Self::One(answer) = self else { return self };
        let is_written = match answer.kind {
            Kind::Created | Kind::Updated => true,
            Kind::Deleted => answer.last_updated >= begun,
            Kind::Unchanged | Kind::Found | Kind::Read => false,
        };
        if !is_written {
            return Self::One(answer);
        }
        let body = match serde_json::from_slice(&answer.body) {
            Ok(resource) => {
                meta::stamp(resource, &answer.id, answer.version, instant).to_string().into_bytes()
            }
            // A deletion has none.
            Err(_) => answer.body,
        };
        Self::One(Answer { last_updated: instant, body, ..answer })
    }

    /// The entry that says so.
    pub(super) fn entry(&self, base: &str, echo: Echo) -> Value {
        match self {
            Self::Page(body) => json!({ "resource": json_of(body), "response": { "status": "200 OK" } }),
            Self::One(answer) => one(answer, base, echo),
            Self::Known(answer) => json!({ "response": {
                "status": "304 Not Modified",
                "etag": format!("W/\"{}\"", answer.version),
                "lastModified": datetime::instant(answer.last_updated)
            } }),
            Self::Refused(problem) => refusal(problem),
        }
    }
}

fn one(answer: &Answer, base: &str, echo: Echo) -> Value {
    let Answer { rtype, id, version, .. } = answer;
    let status = match answer.kind {
        Kind::Created => "201 Created",
        Kind::Deleted => "204 No Content",
        _ => "200 OK",
    };
    let mut response = json!({ "status": status });
    if *version > 0 {
        if !matches!(answer.kind, Kind::Deleted | Kind::Read) {
            response["location"] = json!(format!("{base}/{rtype}/{id}/_history/{version}"));
        }
        response["etag"] = json!(format!("W/\"{version}\""));
        response["lastModified"] = json!(datetime::instant(answer.last_updated));
    }
    if echo == Echo::Outcome && answer.kind != Kind::Read {
        let fine = Issue { severity: Severity::Information, ..Issue::error("informational", answer.told()) };
        let issues = if answer.outcome.is_empty() { std::slice::from_ref(&fine) } else { &answer.outcome };
        response["outcome"] = outcome::operation_outcome(issues);
    }
    let mut entry = json!({});
    if !answer.body.is_empty() && (echo == Echo::Representation || answer.kind == Kind::Read) {
        entry["resource"] = json_of(&answer.body);
    }
    entry["response"] = response;
    entry
}

/// The entry of a request that was refused.
pub(super) fn refusal(problem: &Problem) -> Value {
    if problem.is_ours() {
        tracing::error!(%problem, "an entry of a batch failed for a reason of ours");
    }
    let shown = problem.shown(|| "internal failure; the log has it".to_owned());
    let outcome = outcome::operation_outcome(&shown);
    json!({ "response": { "status": status_line(problem.category), "outcome": outcome } })
}

/// What is stored is JSON.
fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

/// The status of a category, as an entry of an answer writes it.
#[must_use]
pub const fn status_line(category: Category) -> &'static str {
    match category {
        Category::Malformed => "400 Bad Request",
        Category::Invalid => "422 Unprocessable Entity",
        Category::NotFound => "404 Not Found",
        Category::Gone => "410 Gone",
        Category::Conflict => "409 Conflict",
        Category::PreconditionFailed => "412 Precondition Failed",
        Category::NotSupported => "405 Method Not Allowed",
        Category::NotAcceptable => "406 Not Acceptable",
        Category::UnsupportedMediaType => "415 Unsupported Media Type",
        Category::RequestTimeout => "408 Request Timeout",
        Category::TooLarge => "413 Payload Too Large",
        Category::Busy => "503 Service Unavailable",
        Category::StorageFull => "507 Insufficient Storage",
        Category::Damaged | Category::Internal => "500 Internal Server Error",
    }
}
