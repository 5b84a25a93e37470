//! A change of one description at a Document Recipient: a conditional `PATCH` (`PDSm` 3.1.1, flow 03; FHIR R4 `RESTful` API,
//! 3.1.0.5), which the payload says as the one entry of a transaction.

use crate::json::Value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use sha2::{Digest, Sha256};

use super::{Endpoint, answer, post};
use crate::outbox::{Delivery, Outcome, Receipt};

/// A change that was rendered before the commit.
pub(super) struct Change {
    query: String,
    rtype: String,
    content_type: String,
    bytes: Vec<u8>,
}

impl Change {
    /// The change that this delivery is; none when it is a transaction to be posted.
    pub(super) fn of(delivery: &Delivery) -> Option<Self> {
        if delivery.kind != "mhd" || delivery.act.gives() {
            return None;
        }
        let bundle: Value = serde_json::from_slice(&delivery.payload).ok()?;
        let [entry] = bundle["entry"].as_array()?.as_slice() else { return None };
        let (rtype, query) = entry["request"]["url"].as_str()?.split_once('?')?;
        (entry["request"]["method"] == "PATCH").then_some(())?;
        Some(Self {
            query: query.to_owned(),
            rtype: rtype.to_owned(),
            content_type: entry["resource"]["contentType"].as_str()?.to_owned(),
            bytes: STANDARD.decode(entry["resource"]["data"].as_str()?).ok()?,
        })
    }

    /// Asks for it, once.
    pub(super) async fn send(
        self,
        client: &reqwest::Client,
        endpoint: &Endpoint,
        delivery: &Delivery,
    ) -> Outcome {
        let Some(url) = self.url(&endpoint.url) else {
            return Outcome::Refused { reason: "the address of the recipient takes no path".to_owned() };
        };
        let operations: Value = serde_json::from_slice(&self.bytes).unwrap_or_default();
        let request = client.patch(url).body(self.bytes);
        let reply = match post::send(request, endpoint, delivery, &self.content_type).await {
            Ok(reply) => reply,
            Err(outcome) => return outcome,
        };
        if !reply.status.is_success() {
            return answer::of_failure(&reply);
        }
        if !says_so(&reply.body, &operations) {
            return Outcome::unclear(&format!(
                "answered with {}, but not with what was changed",
                reply.status
            ));
        }
        let digest: String = Sha256::digest(&reply.body).iter().map(|byte| format!("{byte:02x}")).collect();
        Outcome::Accepted(Receipt {
            status: reply.status.to_string(),
            reference: Some(format!("sha-256:{digest}")),
        })
    }

    fn url(&self, base: &str) -> Option<Url> {
        let mut url = Url::parse(base).ok()?;
        url.path_segments_mut().ok()?.pop_if_empty().push(&self.rtype);
        url.set_query(Some(&self.query));
        Some(url)
    }
}

/// Whether an answer under a status of success means it: the description as it was asked for, an outcome without error, or
/// nothing at all, as a server may answer (R4 3.1.0.1.9). Whatever else comes is no yes.
fn says_so(body: &[u8], operations: &Value) -> bool {
    if body.iter().all(u8::is_ascii_whitespace) {
        return true;
    }
    let Ok(resource) = serde_json::from_slice::<Value>(body) else { return false };
    match resource["resourceType"].as_str() {
        Some("OperationOutcome") => {
            let mut issues = resource["issue"].as_array().into_iter().flatten();
            !issues.any(|issue| matches!(issue["severity"].as_str(), Some("error" | "fatal")))
        }
        Some(_) => operations.as_array().into_iter().flatten().all(|operation| {
            let path = operation["path"].as_str().unwrap_or_default();
            resource.pointer(path) == Some(&operation["value"])
        }),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::Act;

    #[test]
    fn a_status_of_success_alone_is_no_yes_when_something_else_is_said() {
        let asked = crate::json::json!([{"op": "replace", "path": "/status", "value": "entered-in-error"}]);
        let check = |body: &str, expected| assert_eq!(says_so(body.as_bytes(), &asked), expected, "{body}");
        check("", true);
        check(r#"{"resourceType": "DocumentReference", "status": "entered-in-error"}"#, true);
        check(r#"{"resourceType": "DocumentReference", "status": "current"}"#, false);
        check(r#"{"resourceType": "OperationOutcome", "issue": [{"severity": "information"}]}"#, true);
        check(r#"{"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}"#, false);
        check("<html>Bienvenue</html>", false);
        check("{}", false);
    }

    fn delivery(kind: &str, act: Act) -> Delivery {
        let payload = crate::json::json!({"resourceType": "Bundle", "entry": [{
            "resource": {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": "W10="},
            "request": {"method": "PATCH", "url": "DocumentReference?identifier=urn:ietf:rfc:3986|urn:oid:2.25.1"},
        }]});
        Delivery {
            id: "d".into(),
            destination: "mhd".into(),
            kind: kind.into(),
            patient: "Patient/p".into(),
            subject: "DocumentReference/d".into(),
            act,
            content_type: "application/fhir+json".into(),
            payload: payload.to_string().into_bytes(),
            created_at: "2026-03-09T14:20:02Z".parse().unwrap(),
        }
    }

    #[test]
    fn only_a_withdrawal_from_a_document_recipient_is_a_change() {
        let change = Change::of(&delivery("mhd", Act::Withdraw)).unwrap();
        assert_eq!(
            (change.content_type.as_str(), change.bytes.as_slice()),
            ("application/json-patch+json", &b"[]"[..])
        );
        for base in ["http://peer.example/fhir", "http://peer.example/fhir/"] {
            let url = change.url(base).unwrap();
            assert_eq!(url.path(), "/fhir/DocumentReference");
            assert!(url.query().unwrap().ends_with("urn:oid:2.25.1"), "{url}");
        }
        assert!(Change::of(&delivery("fhir", Act::Withdraw)).is_none());
        assert!(Change::of(&delivery("mhd", Act::Provide)).is_none());
    }
}
