//! A change of one description at a Document Recipient: a conditional `PATCH` (`PDSm` 3.1.1, flow 03; FHIR R4 `RESTful` API,
//! 3.1.0.5), which the payload says as the one entry of a transaction.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Endpoint, answer, post};
use crate::outbox::{Act, Delivery, Outcome, Receipt};

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
        if delivery.kind != "mhd" || delivery.act != Act::Withdraw {
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
        let request = client.patch(url).body(self.bytes);
        let reply = match post::send(request, endpoint, delivery, &self.content_type).await {
            Ok(reply) => reply,
            Err(outcome) => return outcome,
        };
        if !reply.status.is_success() {
            return answer::of_failure(&reply);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(kind: &str, act: Act) -> Delivery {
        let payload = serde_json::json!({"resourceType": "Bundle", "entry": [{
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
