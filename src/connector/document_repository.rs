//! The connector of the kind `xds`: an IHE Document Repository and Registry as the DMP is one (ITI-41, ITI-18, ITI-57),
//! over mutual TLS.
//!
//! The order was rendered and signed before the commit, and is sent as it is. Made for each attempt: the message's id, the
//! VIHF of this moment, and the `entryUUID` of the entry it is about, found with ITI-18 just before.
//!
//! An answer may be lost after the registry has done what was asked. So a refusal that says as much (the id is taken, the
//! replaced entry is no longer current) is looked into: when the registry has our document with our digest, it was done.

mod answer;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

pub use tls::{Identity, mutual_client};

use super::{Connector, Sending};
use crate::clock::{Clock, Ids};
use crate::outbox::{Delivery, Outcome, Receipt};
use crate::problem::Problem;
use crate::signature::SealKey;
use crate::xds::message::{QueryResponse, query_response, registry_response};
use crate::xds::vihf::{self, Options, Product};
use crate::xds::{DocumentEntry, Message, Order, RIM, Request, Status, Transaction, ebrim};
use crate::xml::Element;

/// A repository and its registry.
pub struct DocumentRepository {
    /// An HTTP client that shows the certificate of the structure.
    pub client: reqwest::Client,
    /// Address of the repository.
    pub repository: String,
    /// Address of the registry.
    pub registry: String,
    /// Longest time for one exchange; an attempt may take three.
    pub timeout: Duration,
    /// The seal that signs the VIHF.
    pub seal: Arc<SealKey>,
    /// The software, as it was homologated.
    pub product: Product,
    /// How the VIHF is made.
    pub options: Options,
    /// Says what time the VIHF is of.
    pub clock: Arc<dyn Clock>,
    /// Hands out ids of messages and assertions.
    pub ids: Arc<dyn Ids>,
}

impl Connector for DocumentRepository {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> Sending<'a> {
        Box::pin(async move { self.attempt(delivery).await.unwrap_or_else(|outcome| outcome) })
    }
}

/// Refusals that may mean that it was done already.
const DONE_PERHAPS: [&str; 5] = [
    "XDSDuplicateUniqueIdInRegistry",
    "XDSNonIdenticalHash",
    "XDSReplaceFailed",
    "XDSRegistryDeprecatedDocumentError",
    "XDSRegistryMetadataError",
];

impl DocumentRepository {
    async fn attempt(&self, delivery: &Delivery) -> Result<Outcome, Outcome> {
        let (order, metadata, documents) =
            Order::read(&delivery.content_type, &delivery.payload).map_err(|problem| ours(&problem))?;
        let current = match order.about() {
            Some(unique_id) => Some(self.entry(&order, unique_id).await?),
            None => None,
        };
        let metadata = match (&order.transaction, &current) {
            (_, None) => metadata,
            (_, Some(Current { entry: Some(entry), .. })) if order.is_done(entry) => {
                return Ok(accepted("was so already", &metadata, &[]));
            }
            (Transaction::Visibility { .. }, Some(Current { entry: Some(entry), .. })) => {
                order.hidden(&metadata, entry).map_err(|problem| ours(&problem))?
            }
            (Transaction::Visibility { .. }, Some(_)) => {
                return Err(refused("the registry told only the name of the entry, not what it says"));
            }
            (_, Some(Current { entry_uuid, entry })) => {
                order.resolved(&metadata, entry_uuid, entry.as_ref().and_then(|entry| entry.status))
            }
        };
        let reply = match &order.transaction {
            Transaction::Provide { .. } => {
                let named = order.documents.iter().cloned().zip(documents).collect();
                let request = self.request(&self.repository, &order)?;
                let message =
                    request.provide_and_register(metadata.clone(), named).map_err(|one| ours(&one))?;
                self.exchange(&self.repository, message).await?
            }
            Transaction::Status { .. } | Transaction::Visibility { .. } => {
                let message = self.request(&self.registry, &order)?.update(metadata.clone());
                self.exchange(&self.registry, message).await?
            }
        };
        let response =
            registry_response(&reply.body).map_err(|problem| Outcome::unclear(&problem.to_string()))?;
        if response.is_success {
            return Ok(accepted("Success", &metadata, &reply.bytes));
        }
        if response.faults.iter().any(|fault| DONE_PERHAPS.iter().any(|code| fault.code.ends_with(code)))
            && self.has_ours(&order, &metadata).await
        {
            return Ok(accepted("was there already", &metadata, &reply.bytes));
        }
        Err(answer::of_faults(&response.faults))
    }

    /// The entry of that document: the registry's name of it, and what it says where the registry tells.
    async fn entry(&self, order: &Order, unique_id: &str) -> Result<Current, Outcome> {
        let whole = !matches!(order.transaction, Transaction::Provide { .. });
        let found = self.query(order, unique_id, whole).await?;
        if !found.response.is_success {
            return Err(answer::of_faults(&found.response.faults));
        }
        let newest = found.entries.into_iter().max_by_key(|entry| {
            (
                entry.status == Some(Status::Approved),
                entry.version.as_deref().and_then(|one| one.parse::<u32>().ok()),
            )
        });
        let entry_uuid =
            newest.as_ref().map(|entry| entry.id.clone()).or_else(|| found.references.into_iter().next());
        match entry_uuid.filter(|id| id.starts_with("urn:uuid:")) {
            Some(entry_uuid) => Ok(Current { entry_uuid, entry: newest }),
            None => Err(refused("the registry does not know the document that this is about")),
        }
    }

    async fn query(&self, order: &Order, unique_id: &str, whole: bool) -> Result<QueryResponse, Outcome> {
        let message = self.request(&self.registry, order)?.get_documents(&[unique_id], whole);
        let reply = self.exchange(&self.registry, message).await?;
        query_response(&reply.body).map_err(|problem| refused(&problem.to_string()))
    }

    /// Whether the registry has the document of this order, with its digest as far as it tells one.
    async fn has_ours(&self, order: &Order, metadata: &Element) -> bool {
        let submission =
            metadata.first(RIM, "RegistryObjectList").and_then(|list| ebrim::submission(list).ok());
        let Some(entry) = submission.and_then(|submission| submission.entries.into_iter().next()) else {
            return false;
        };
        if !matches!(order.transaction, Transaction::Provide { .. }) {
            return false;
        }
        let found = self.query(order, &entry.unique_id, true).await;
        found.is_ok_and(|found| {
            found.response.is_success
                && found.entries.iter().any(|one| one.unique_id == entry.unique_id && one.hash == entry.hash)
        })
    }

    fn request(&self, to: &str, order: &Order) -> Result<Request, Outcome> {
        let (id, now) = (self.ids.next(), self.clock.now());
        let assertion =
            vihf::assertion(&order.claims, &self.product, &self.options, &self.ids.next(), now, &self.seal);
        let assertion = assertion.map_err(|problem| ours(&problem))?;
        Ok(Request { to: to.to_owned(), id, assertion })
    }

    async fn exchange(&self, url: &str, message: Message) -> Result<answer::Reply, Outcome> {
        answer::exchange(&self.client, url, self.timeout, message).await
    }
}

/// An entry as the registry has it.
struct Current {
    entry_uuid: String,
    entry: Option<DocumentEntry>,
}

/// A fault on our side: nothing a retry mends by itself, but a person may.
fn ours(problem: &Problem) -> Outcome {
    refused(&problem.to_string())
}

fn refused(reason: &str) -> Outcome {
    Outcome::Refused { reason: reason.chars().take(500).collect() }
}

/// The receipt names the submission set: that is what the registry knows it by.
fn accepted(status: &str, metadata: &Element, answer: &[u8]) -> Outcome {
    let submission = metadata.first(RIM, "RegistryObjectList").and_then(|list| ebrim::submission(list).ok());
    let set = submission.map(|submission| format!("urn:oid:{}", submission.set.unique_id));
    let digest = Sha256::digest(answer).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let words: Vec<String> = set.into_iter().chain([format!("sha-256:{digest}")]).collect();
    Outcome::Accepted(Receipt { status: status.to_owned(), reference: Some(words.join(" ")) })
}
