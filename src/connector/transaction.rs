//! The connector of the kinds `fhir` and `mhd`: a transaction Bundle to a FHIR R4 server, be it the hospital
//! record (DPI) or an IHE Document Recipient (MHD Document Source, ITI-65 Provide Document Bundle, `PDSm`).

use super::{Connector, Endpoint, Sending, answer, post};
use crate::outbox::Delivery;

/// A peer that takes transaction Bundles at its base address.
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
            match post::post(&self.client, &self.endpoint, delivery).await {
                Ok(reply) => answer::of_transaction(&reply, answer::entries(&delivery.payload)),
                Err(outcome) => outcome,
            }
        })
    }
}
