//! The `mhd` connector: IHE MHD Document Source, ITI-65 Provide Document Bundle to a Document Recipient (`PDSm`).

use super::{Connector, Endpoint, Sending, answer, post};
use crate::outbox::{Delivery, Outcome};

/// An IHE Document Recipient.
pub struct DocumentRecipient {
    client: reqwest::Client,
    endpoint: Endpoint,
}

impl DocumentRecipient {
    /// A connector to this recipient.
    #[must_use]
    pub const fn new(client: reqwest::Client, endpoint: Endpoint) -> Self {
        Self { client, endpoint }
    }
}

impl Connector for DocumentRecipient {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> Sending<'a> {
        Box::pin(async move {
            let reply = match post::post(&self.client, &self.endpoint, delivery).await {
                Ok(reply) => reply,
                Err(outcome) => return outcome,
            };
            match answer::of_transaction(&reply, answer::entries(&delivery.payload)) {
                // Some recipients name the submission set in the header alone.
                Outcome::Accepted(mut receipt) => {
                    receipt.reference = receipt.reference.or(reply.location);
                    Outcome::Accepted(receipt)
                }
                other => other,
            }
        })
    }
}
