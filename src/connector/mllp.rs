//! The connector of the kind `mllp`: an HL7 v2 message to a platform, over a connection that is kept (MLLP release 1,
//! original acknowledgment mode), in clear or by TLS.
//!
//! One message at a time on a connection: the next one waits for the answer of the one before. A receipt is an
//! acknowledgment that names this very message in MSA-2; any other answer is passed over. A repeat carries the same
//! bytes and so the same MSH-10, by which the receiver recognises it.

mod link;
mod tls;
mod verdict;

use std::time::Duration;

use tokio::sync::{Mutex, Semaphore};

pub use tls::Tls;
pub use verdict::Retries;

use super::{Connector, Sending};
use crate::hl7v2::Message;
use crate::outbox::{Delivery, Outcome};
use link::{Broken, Link};

/// Where and how a platform is reached.
#[derive(Clone)]
pub struct MllpEndpoint {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS, with or without a certificate of ours.
    pub tls: Option<Tls>,
    /// Longest time for one attempt, from its turn on: connecting, sending and the answer.
    pub timeout: Duration,
    /// Connections at once; each carries one message at a time.
    pub connections: usize,
    /// Which negative acknowledgments pass by themselves.
    pub retries: Retries,
}

/// A platform that takes HL7 v2 messages.
pub struct MllpPlatform {
    endpoint: MllpEndpoint,
    free: Semaphore,
    /// Open, and nothing under way on them.
    idle: Mutex<Vec<Link>>,
}

impl MllpPlatform {
    /// A connector to this platform; it connects when something is to be sent.
    #[must_use]
    pub fn new(endpoint: MllpEndpoint) -> Self {
        let free = Semaphore::new(endpoint.connections.max(1));
        Self { endpoint, free, idle: Mutex::new(Vec::new()) }
    }

    /// Over the kept connection, or over a new one. The caller holds the right to one of them.
    async fn attempt(&self, delivery: &Delivery, control_id: &str) -> Outcome {
        let kept = self.idle.lock().await.pop();
        if let Some(link) = kept {
            match self.over(link, delivery, control_id).await {
                // The peer had closed it meanwhile: that says nothing about the message.
                Err(Broken::Unanswered(_)) => {}
                Err(Broken::HalfAnswered(reason)) => return Outcome::Unreachable { reason },
                Ok(outcome) => return outcome,
            }
        }
        let link = match Link::open(&self.endpoint).await {
            Ok(link) => link,
            Err(reason) => return Outcome::Unreachable { reason },
        };
        match self.over(link, delivery, control_id).await {
            Ok(outcome) => outcome,
            Err(Broken::Unanswered(reason) | Broken::HalfAnswered(reason)) => Outcome::Unreachable { reason },
        }
    }

    /// Sends over this connection, and keeps it when it goes on being usable.
    async fn over(&self, mut link: Link, delivery: &Delivery, control_id: &str) -> Result<Outcome, Broken> {
        let answer = link.exchange(&delivery.payload, control_id).await?;
        self.idle.lock().await.push(link);
        Ok(verdict::of(&answer, &self.endpoint.retries))
    }
}

impl Connector for MllpPlatform {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> Sending<'a> {
        Box::pin(async move {
            let header = Message::parse(&delivery.payload).and_then(|message| message.header());
            let Ok(header) = header else {
                return Outcome::Refused { reason: "the payload is no HL7 v2 message".to_owned() };
            };
            // Its turn comes when the message before it is answered; how long that may take the lease says.
            let Ok(_turn) = self.free.acquire().await else {
                return Outcome::Unreachable { reason: "the connector is closed".to_owned() };
            };
            // A connection on which this time runs out is closed with it: a late answer finds nobody.
            let attempt = self.attempt(delivery, &header.control_id);
            match tokio::time::timeout(self.endpoint.timeout, attempt).await {
                Ok(outcome) => outcome,
                Err(_) => Outcome::Unreachable {
                    reason: format!("no acknowledgment within {} ms", self.endpoint.timeout.as_millis()),
                },
            }
        })
    }
}
