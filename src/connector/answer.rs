//! What the answer to a transaction Bundle means (R4 RESTful API, 3.1.0.11.3).

use serde_json::Value;

use super::post::Reply;
use crate::outbox::{Outcome, Receipt};

/// A yes only when every one of `expected` entries was answered with a 2xx.
pub(super) fn of_transaction(reply: &Reply, expected: usize) -> Outcome {
    let status = reply.status;
    let parsed: Option<Value> = serde_json::from_slice(&reply.body).ok();
    if !status.is_success() {
        let said = parsed.as_ref().map(codes).filter(|codes| !codes.is_empty());
        let said = said.map(|codes| format!(": {codes}")).unwrap_or_default();
        return Outcome::Refused { reason: format!("answered with {status}{said}") };
    }
    let Some(bundle) =
        parsed.filter(|body| body["resourceType"] == "Bundle" && body["type"] == "transaction-response")
    else {
        return Outcome::Refused {
            reason: format!("answered with {status}, but not with a transaction-response Bundle"),
        };
    };
    let entries = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.len() != expected {
        let reason = format!("answered {} entries for {expected}", entries.len());
        return Outcome::Refused { reason };
    }
    let refused = entries.iter().enumerate().find(|(_, entry)| !status_of(entry).starts_with('2'));
    if let Some((n, entry)) = refused {
        let code: String = status_of(entry).chars().take(3).collect();
        return Outcome::Refused { reason: format!("entry {n} was answered with '{code}'") };
    }
    Outcome::Accepted(Receipt { status: status.to_string(), reference: document(entries) })
}

/// How many entries the payload has, and so must the answer.
pub(super) fn entries(payload: &[u8]) -> usize {
    let bundle: Option<Value> = serde_json::from_slice(payload).ok();
    bundle.and_then(|bundle| bundle["entry"].as_array().map(Vec::len)).unwrap_or(0)
}

fn status_of(entry: &Value) -> &str {
    entry["response"]["status"].as_str().unwrap_or_default()
}

/// Where the peer keeps the document: the location of the DocumentReference, else the first one.
fn document(entries: &[Value]) -> Option<String> {
    let mut locations = entries.iter().filter_map(|entry| entry["response"]["location"].as_str());
    let first = locations.clone().next();
    let found = locations.find(|location| location.contains("DocumentReference/")).or(first)?;
    Some(found.chars().take(512).collect())
}

/// Codes and places of an OperationOutcome. Its free text stays out: it may quote the patient.
fn codes(outcome: &Value) -> String {
    let issues = outcome["issue"].as_array().map(Vec::as_slice).unwrap_or_default();
    let one = |issue: &Value| {
        let code = issue["code"].as_str().unwrap_or("unknown");
        let place = issue["expression"][0].as_str().map(|place| format!(" at {place}")).unwrap_or_default();
        format!("{code}{place}").chars().take(200).collect::<String>()
    };
    issues.iter().take(5).map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use serde_json::json;

    use super::*;

    fn check(status: u16, body: &Value) -> Outcome {
        let reply = Reply {
            status: StatusCode::from_u16(status).unwrap(),
            location: None,
            body: body.to_string().into_bytes(),
        };
        of_transaction(&reply, 2)
    }

    fn response(statuses: [&str; 2]) -> Value {
        json!({ "resourceType": "Bundle", "type": "transaction-response", "entry": [
            { "response": { "status": statuses[0], "location": "Binary/1/_history/1" } },
            { "response": { "status": statuses[1], "location": "DocumentReference/2/_history/1" } }
        ]})
    }

    #[test]
    fn a_yes_needs_every_entry() {
        let receipt = Receipt {
            status: "200 OK".to_owned(),
            reference: Some("DocumentReference/2/_history/1".to_owned()),
        };
        assert_eq!(check(200, &response(["201 Created", "200 OK"])), Outcome::Accepted(receipt));
        assert!(matches!(check(200, &response(["201 Created", "409 Conflict"])), Outcome::Refused { .. }));
        assert!(matches!(
            check(200, &json!({ "resourceType": "Bundle", "type": "transaction-response" })),
            Outcome::Refused { .. }
        ));
        assert!(matches!(check(204, &Value::Null), Outcome::Refused { .. }));
    }

    #[test]
    fn a_refusal_tells_codes_and_never_the_free_text() {
        let outcome = json!({ "resourceType": "OperationOutcome", "issue": [
            { "severity": "error", "code": "required", "diagnostics": "PAT-TROIS has no INS", "expression": ["Bundle.entry[1]"] }
        ]});
        let reason = "answered with 422 Unprocessable Entity: required at Bundle.entry[1]".to_owned();
        assert_eq!(check(422, &outcome), Outcome::Refused { reason });
    }
}
