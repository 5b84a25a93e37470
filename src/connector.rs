//! Connectors: one payload to one peer, its bytes untouched, and what the peer's answer means.
//!
//! What never happens here: a payload is changed or made; a retry (that is the outbox); an answer that is
//! not understood taken for a yes; a token or an answer's free text in a log or a reason.

mod answer;
mod certificate;
mod document_repository;
mod folder;
mod mllp;
mod patch;
mod post;
mod transaction;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use document_repository::{DocumentRepository, Identity, mutual_client};
pub use folder::FileDrop;
pub use mllp::{MllpEndpoint, MllpPlatform, Retries, Tls};
pub use transaction::TransactionServer;

use crate::outbox::{Delivery, Outcome};
use crate::problem::Problem;

/// An attempt on its way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// Sends deliveries of one kind to one destination.
pub trait Connector: Send + Sync {
    /// Sends the payload as it is, once, and says what the peer made of it. Sending the same delivery again
    /// is the receiver's repeat: it carries the same bytes and the same `X-Request-Id`.
    fn send<'a>(&'a self, delivery: &'a Delivery) -> Sending<'a>;
}

/// The connector of each configured destination, by name.
pub type Connectors = BTreeMap<String, Arc<dyn Connector>>;

/// Where and how a peer is reached.
#[derive(Clone)]
pub struct Endpoint {
    /// Address that is posted to.
    pub url: String,
    /// Bearer token.
    pub bearer: Option<String>,
    /// Longest time for one attempt.
    pub timeout: Duration,
}

/// An HTTP client for connectors: rustls, no redirects, no proxy of the environment.
///
/// # Errors
/// `Internal` when the TLS roots of the machine cannot be used.
pub fn client() -> Result<reqwest::Client, Problem> {
    // It fails only when a provider is set already, which is what a second call wants.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|fault| Problem::internal(format!("no HTTP client can be made: {fault}")))
}
