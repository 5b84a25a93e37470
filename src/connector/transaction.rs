//! The connector of the kinds `fhir` and `mhd`: a transaction Bundle to a FHIR R4 server, be it the hospital
//! record (DPI) or an IHE Document Recipient (MHD Document Source, ITI-65 Provide Document Bundle, `PDSm`); to the
//! latter also a description with its document in it (ITI-105 Simplified Publish).
//!
//! Which one it is, the payload says: what waits in the outbox is sent as it was rendered, whatever is configured since.

use serde::Deserialize;

use super::patch::Change;
use super::post::Request;
use super::{Connector, Endpoint, Sending, answer, post};
use crate::outbox::Delivery;

/// A peer that takes transaction Bundles at its base address, and descriptions at `DocumentReference` below it.
pub struct TransactionServer {
    client: reqwest::Client,
    endpoint: Endpoint,
}

impl TransactionServer {
    /// A connector to this peer.
    #[must_use]
    pub const fn new(client: reqwest::Client, endpoint: Endpoint) -> Self {
        Self { client, endpoint }
    }
}

impl Connector for TransactionServer {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> Sending<'a> {
        Box::pin(async move {
            if let Some(change) = Change::of(delivery) {
                return change.send(&self.client, &self.endpoint, delivery).await;
            }
            let head = Head::of(&delivery.payload);
            let request = head.as_ref().and_then(Head::request).unwrap_or_default();
            match post::post(&self.client, &self.endpoint, delivery, &request).await {
                Ok(reply) if request.below.is_empty() => {
                    answer::of_transaction(&reply, answer::entries(&delivery.payload))
                }
                Ok(reply) => answer::of_create(&reply, request.below),
                Err(outcome) => outcome,
            }
        })
    }
}

/// What tells one payload from another.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    resource_type: String,
    master_identifier: Option<UniqueId>,
}

#[derive(Deserialize)]
struct UniqueId {
    system: String,
    value: String,
}

impl Head {
    fn of(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }

    /// A create that a plain FHIR server recognises when it comes again; none for a Bundle.
    fn request(&self) -> Option<Request> {
        let unique_id =
            self.master_identifier.as_ref().filter(|_| self.resource_type == "DocumentReference")?;
        Some(Request {
            below: "DocumentReference",
            if_none_exist: Some(format!("identifier={}|{}", unique_id.system, unique_id.value)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_created_once_and_a_bundle_is_a_transaction() {
        let request = |payload: &str| Head::of(payload.as_bytes()).and_then(|head| head.request());
        let described = r#"{"resourceType":"DocumentReference","masterIdentifier":{"system":"urn:ietf:rfc:3986","value":"urn:oid:2.25.1"}}"#;
        let request_of_one = request(described).unwrap();
        assert_eq!(request_of_one.below, "DocumentReference");
        let condition = "identifier=urn:ietf:rfc:3986|urn:oid:2.25.1";
        assert_eq!(request_of_one.if_none_exist.as_deref(), Some(condition));
        assert!(request(r#"{"resourceType":"Bundle","type":"transaction"}"#).is_none());
    }
}
