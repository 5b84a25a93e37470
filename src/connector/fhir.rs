//! The `fhir` connector: a transaction Bundle to a FHIR R4 server, such as the hospital record (DPI).

use super::{Connector, Endpoint, Sending, answer, post};
use crate::outbox::Delivery;

/// A FHIR server that takes transactions at its base address.
pub struct FhirServer {
    client: reqwest::Client,
    endpoint: Endpoint,
}

impl FhirServer {
    /// A connector to this server.
    #[must_use]
    pub const fn new(client: reqwest::Client, endpoint: Endpoint) -> Self {
        Self { client, endpoint }
    }
}

impl Connector for FhirServer {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> Sending<'a> {
        Box::pin(async move {
            match post::post(&self.client, &self.endpoint, delivery).await {
                Ok(reply) => answer::of_transaction(&reply, answer::entries(&delivery.payload)),
                Err(outcome) => outcome,
            }
        })
    }
}
