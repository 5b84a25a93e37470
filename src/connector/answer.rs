//! What the answer to a transaction Bundle or a create means (R4 RESTful API, 3.1.0.11.3 and 3.1.0.8): accepted, refused,
//! or to be tried again; with a receipt in codes and addresses only, because peers quote patients.

use crate::json::Value;
use sha2::{Digest, Sha256};

use super::post::Reply;
use crate::outbox::{Outcome, Receipt};

/// Longest text of a receipt or a reason.
const TEXT_MAX: usize = 500;

/// A yes only when every one of `expected` entries was answered with a 2xx.
pub(super) fn of_transaction(reply: &Reply, expected: usize) -> Outcome {
    let parsed: Option<Value> = serde_json::from_slice(&reply.body).ok();
    if !reply.status.is_success() {
        return of_failure(reply);
    }
    let bundle =
        parsed.filter(|body| body["resourceType"] == "Bundle" && body["type"] == "transaction-response");
    let Some(bundle) = bundle else {
        return Outcome::unclear(&format!(
            "answered with {}, but not with a transaction-response Bundle",
            reply.status
        ));
    };
    let entries = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.len() != expected {
        return Outcome::unclear(&format!("answered {} entries for {expected}", entries.len()));
    }
    entries
        .iter()
        .enumerate()
        .find_map(|(n, entry)| failed(n, &entry["response"]))
        .unwrap_or_else(|| Outcome::Accepted(receipt(reply, entries)))
}

/// A yes only when the peer shows or names the resource of that type that it has now: created, or found (200).
pub(super) fn of_create(reply: &Reply, rtype: &str) -> Outcome {
    let parsed: Option<Value> = serde_json::from_slice(&reply.body).ok();
    if !reply.status.is_success() {
        return of_failure(reply);
    }
    let shown = parsed.filter(|body| body["resourceType"] == rtype);
    let shown = shown.and_then(|body| Some(format!("{rtype}/{}", body["id"].as_str()?)));
    let named = reply.location.as_deref().filter(|location| location.contains(&format!("{rtype}/")));
    match (matches!(reply.status.as_u16(), 200 | 201), named.and_then(address).or(shown)) {
        (true, Some(place)) => Outcome::Accepted(receipt_of(reply, vec![place])),
        _ => Outcome::unclear(&format!(
            "answered with {}, but neither shows nor names a {rtype}",
            reply.status
        )),
    }
}

/// What a status that is no 2xx means for the whole request.
pub(super) fn of_failure(reply: &Reply) -> Outcome {
    let parsed: Option<Value> = serde_json::from_slice(&reply.body).ok();
    let why = parsed.as_ref().map(excerpt).unwrap_or_default();
    no(reply.status.as_u16(), format!("answered with {}{why}", reply.status))
}

/// A status that is not a 2xx: one that passes by itself is tried again soon, any other is a refusal.
fn no(status: u16, reason: String) -> Outcome {
    let reason = limited(&reason);
    if passes(status) { Outcome::Unreachable { reason } } else { Outcome::Refused { reason } }
}

/// Conditions that pass by themselves: time-outs, too early, too many, and faults of the server.
pub(super) const fn passes(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

fn failed(n: usize, response: &Value) -> Option<Outcome> {
    let text = response["status"].as_str().unwrap_or_default();
    let Some(status) = text.get(..3).and_then(|digits| digits.parse::<u16>().ok()) else {
        return Some(Outcome::unclear(&format!("entry {n} of the answer has no status")));
    };
    if (200..300).contains(&status) {
        return None;
    }
    Some(no(status, format!("entry {n} was answered with {status}{}", excerpt(&response["outcome"]))))
}

/// How many entries the payload has, and so must the answer.
pub(super) fn entries(payload: &[u8]) -> usize {
    let bundle: Option<Value> = serde_json::from_slice(payload).ok();
    bundle.and_then(|bundle| bundle["entry"].as_array().map(Vec::len)).unwrap_or(0)
}

/// Status, where the peer keeps what it took, and the digest of its answer.
fn receipt(reply: &Reply, entries: &[Value]) -> Receipt {
    let locations = entries.iter().filter_map(|entry| entry["response"]["location"].as_str());
    let mut words: Vec<String> = locations.filter_map(address).collect();
    if words.is_empty() {
        words.extend(reply.location.as_deref().and_then(address));
    }
    receipt_of(reply, words)
}

fn receipt_of(reply: &Reply, mut words: Vec<String>) -> Receipt {
    let digest = Sha256::digest(&reply.body).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    words.truncate(8);
    words.push(format!("sha-256:{digest}"));
    Receipt { status: reply.status.to_string(), reference: Some(words.join(" ")) }
}

/// Codes and places of an `OperationOutcome`. Its free text stays out: it may quote the patient.
fn excerpt(outcome: &Value) -> String {
    let issues = outcome["issue"].as_array().map(Vec::as_slice).unwrap_or_default();
    let words: Vec<String> = issues.iter().take(5).map(issue).collect();
    if words.is_empty() { String::new() } else { format!(": {}", words.join(", ")) }
}

fn issue(issue: &Value) -> String {
    let code = issue["code"].as_str().filter(|code| is_plain(code, b"-_.")).unwrap_or("unknown");
    let detail = issue["details"]["coding"][0]["code"].as_str().filter(|code| is_plain(code, b"-_."));
    let place = issue["expression"][0].as_str().filter(|place| is_plain(place, b".[]"));
    let detail = detail.map(|detail| format!(" {detail}")).unwrap_or_default();
    let place = place.map(|place| format!(" at {place}")).unwrap_or_default();
    format!("{code}{detail}{place}")
}

/// Letters, these signs, and never as many digits as a national number has.
fn is_plain(word: &str, signs: &[u8]) -> bool {
    word.len() <= 120
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || signs.contains(&byte))
        && word.bytes().filter(u8::is_ascii_digit).count() < 8
}

/// An address that the peer gave, as far as it is one: no query, no spaces.
fn address(location: &str) -> Option<String> {
    let plain = location.split(['?', '#']).next().unwrap_or_default();
    let fits = !plain.is_empty() && plain.len() <= 256 && plain.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| plain.to_owned())
}

fn limited(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}

#[cfg(test)]
mod tests {
    use crate::json::json;
    use reqwest::StatusCode;

    use super::*;

    fn check(status: u16, body: &Value) -> Outcome {
        let status = StatusCode::from_u16(status).unwrap();
        of_transaction(&Reply { status, location: None, body: body.to_string().into_bytes() }, 2)
    }

    fn response(statuses: &[&str]) -> Value {
        let entries: Vec<Value> = statuses
            .iter()
            .map(|status| {
                json!({ "response": { "status": status, "location": "Binary/1/_history/1?x=279035121518989" } })
            })
            .collect();
        json!({ "resourceType": "Bundle", "type": "transaction-response", "entry": entries })
    }

    #[test]
    fn a_yes_needs_every_entry() {
        let Outcome::Accepted(receipt) = check(200, &response(&["201 Created", "200"])) else {
            panic!("not accepted");
        };
        let reference = receipt.reference.unwrap();
        assert!(reference.starts_with("Binary/1/_history/1 Binary/1/_history/1 sha-256:"), "{reference}");
        assert!(!reference.contains("279035121518989"), "{reference}");
        for refused in [
            check(200, &response(&["201 Created", "409 Conflict"])),
            check(200, &response(&["201 Created"])),
            check(200, &json!({ "resourceType": "Bundle", "type": "searchset" })),
            check(200, &json!({ "resourceType": "OperationOutcome" })),
            check(204, &Value::Null),
            check(307, &Value::Null),
        ] {
            assert!(matches!(refused, Outcome::Refused { .. }), "{refused:?}");
        }
    }

    #[test]
    fn a_create_is_taken_for_done_when_its_resource_is_shown_or_named() {
        let check = |status: u16, location: Option<&str>, body: &str| {
            let reply = Reply {
                status: StatusCode::from_u16(status).unwrap(),
                location: location.map(str::to_owned),
                body: body.as_bytes().to_vec(),
            };
            of_create(&reply, "DocumentReference")
        };
        let shown = r#"{"resourceType":"DocumentReference","id":"7"}"#;
        for (outcome, place) in [
            (check(201, None, shown), "DocumentReference/7 sha-256:"),
            (check(200, None, shown), "DocumentReference/7 sha-256:"),
            (check(201, Some("http://x/DocumentReference/8/_history/1"), ""), "http://x/DocumentReference/8"),
        ] {
            let Outcome::Accepted(receipt) = outcome else { panic!("not accepted") };
            assert!(receipt.reference.as_deref().unwrap().starts_with(place), "{receipt:?}");
        }
        for outcome in [
            check(200, None, "<html>"),
            check(202, Some("DocumentReference/8"), ""),
            check(201, Some("Patient/8"), r#"{"resourceType":"OperationOutcome"}"#),
            check(422, None, ""),
        ] {
            assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
        }
        assert!(matches!(check(503, None, ""), Outcome::Unreachable { .. }));
    }

    #[test]
    fn what_passes_by_itself_is_tried_again() {
        for status in [408, 425, 429, 500, 503, 507] {
            assert!(matches!(check(status, &Value::Null), Outcome::Unreachable { .. }), "{status}");
        }
        assert!(matches!(check(200, &response(&["201", "503 Busy"])), Outcome::Unreachable { .. }));
    }

    #[test]
    fn a_refusal_tells_codes_and_never_what_may_quote_a_patient() {
        let outcome = json!({ "resourceType": "OperationOutcome", "issue": [
            { "code": "required", "diagnostics": "PAT-TROIS", "expression": ["Bundle.entry[1].resource.custodian"] },
            { "code": "value", "expression": ["identifier.where(value='279035121518989')"] }
        ]});
        let reason =
            "answered with 422 Unprocessable Entity: required at Bundle.entry[1].resource.custodian, value";
        assert_eq!(check(422, &outcome), Outcome::Refused { reason: reason.to_owned() });
    }
}
