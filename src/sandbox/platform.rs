//! An intermediation platform (PFI) to try messages on: takes MDM and ORU by MLLP, judges them by the guide (CI-SIS
//! *Transmission d'un document CDA R2 en HL7v2* 2.1.3), acknowledges, and tells later by ZAM what the DMP made of them.
//!
//! It recognises a repeat by MSH-10 and keeps the document once. It misbehaves on demand ([`MllpFault`]).

mod judge;
mod receipt;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::fault::Faults;
use super::peer::locked;
use crate::problem::Problem;
pub use judge::judge;

/// What a platform does instead of answering well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MllpFault {
    /// Closes the connection as soon as it is made.
    Refuse,
    /// Reads the message and resets the connection; keeps nothing.
    Reset,
    /// Says nothing for so long, then closes; keeps nothing.
    Silent(Duration),
    /// Says nothing for so long, then answers well.
    Slow(Duration),
    /// Keeps the message, sends half of the acknowledgment, and closes.
    Half,
    /// Keeps the message and closes without an acknowledgment.
    AnswerLost,
    /// Keeps nothing and answers with this code of table 0008.
    Nak(&'static str),
    /// Keeps the message and acknowledges it twice.
    Duplicate,
    /// Keeps nothing, acknowledges another message, and says no more.
    OtherMessage,
    /// Keeps nothing and answers with a block that is no acknowledgment.
    Gibberish,
}

impl MllpFault {
    /// The faults by name, as the command line takes them.
    pub const NAMES: &[&str] = &[
        "refuse",
        "reset",
        "silent",
        "slow",
        "half",
        "answer-lost",
        "ae",
        "ar",
        "duplicate",
        "other-message",
        "gibberish",
    ];

    /// The fault of that name; `pause` is how long the peer says nothing.
    #[must_use]
    pub fn parse(name: &str, pause: Duration) -> Option<Self> {
        Some(match name {
            "refuse" => Self::Refuse,
            "reset" => Self::Reset,
            "silent" => Self::Silent(pause),
            "slow" => Self::Slow(pause),
            "half" => Self::Half,
            "answer-lost" => Self::AnswerLost,
            "ae" => Self::Nak("AE"),
            "ar" => Self::Nak("AR"),
            "duplicate" => Self::Duplicate,
            "other-message" => Self::OtherMessage,
            "gibberish" => Self::Gibberish,
            _ => return None,
        })
    }
}

/// What the DMP makes of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DmpAnswer {
    /// It takes it.
    Accepted,
    /// It refuses it, with code and label.
    Rejected(String, String),
}

/// A document that the platform has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The current version.
    Current,
    /// A newer version has taken its place.
    Replaced,
    /// Withdrawn.
    Deleted,
}

/// One message that arrived whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Arrived {
    /// MSH-10.
    pub control_id: String,
    /// MSH-9, as `MDM^T02`.
    pub kind: String,
    /// The bytes within the block.
    pub bytes: Vec<u8>,
    /// MSA-1 of the answer; empty when there was none.
    pub answer: String,
}

impl fmt::Debug for Arrived {
    /// Without the bytes: they are a patient's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} answered {:?}", self.kind, self.control_id, self.answer)
    }
}

/// The memory of a platform.
struct Desk {
    faults: Faults<MllpFault>,
    arrived: Mutex<Vec<Arrived>>,
    /// Documents by their OID.
    documents: Mutex<BTreeMap<String, Standing>>,
    /// Messages that were accepted, by control id: a repeat changes nothing.
    accepted: Mutex<BTreeMap<String, Vec<u8>>>,
    dmp: Mutex<DmpAnswer>,
    receipts_to: Mutex<Option<SocketAddr>>,
    /// How each receipt was acknowledged: MSA-1, or why not.
    told: Mutex<Vec<String>>,
}

/// A running platform.
pub struct Platform {
    address: SocketAddr,
    desk: Arc<Desk>,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
}

/// Listens and serves until it is stopped.
///
/// # Errors
/// `Internal` when the address cannot be bound.
pub async fn start(address: SocketAddr) -> Result<Platform, Problem> {
    let failed = |fault: std::io::Error| {
        Problem::internal(format!("the platform cannot listen on {address}: {fault}"))
    };
    let socket = TcpListener::bind(address).await.map_err(failed)?;
    let bound = socket.local_addr().map_err(failed)?;
    let desk = Arc::new(Desk {
        faults: Faults::default(),
        arrived: Mutex::default(),
        documents: Mutex::default(),
        accepted: Mutex::default(),
        dmp: Mutex::new(DmpAnswer::Accepted),
        receipts_to: Mutex::default(),
        told: Mutex::default(),
    });
    let (stop, stopping) = watch::channel(false);
    let serving = tokio::spawn(wire::serve(socket, Arc::clone(&desk), stopping));
    Ok(Platform { address: bound, desk, stop, serving })
}

impl Platform {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells this address by ZAM what became of documents for which a receipt is asked.
    pub fn send_receipts_to(&self, address: SocketAddr) {
        *locked(&self.desk.receipts_to) = Some(address);
    }

    /// From now on the DMP answers so.
    pub fn dmp_answers(&self, answer: DmpAnswer) {
        *locked(&self.desk.dmp) = answer;
    }

    /// Misbehaves like this for so many messages (for [`MllpFault::Refuse`], connections).
    pub fn misbehave(&self, fault: MllpFault, times: usize) {
        self.desk.faults.set(Some(fault), times);
    }

    /// Serves so many messages well, and then misbehaves like this for one.
    pub fn misbehave_after(&self, served: usize, fault: MllpFault) {
        self.desk.faults.set_after(served, Some(fault), 1);
    }

    /// Every message that arrived whole, in order.
    #[must_use]
    pub fn arrived(&self) -> Vec<Arrived> {
        locked(&self.desk.arrived).clone()
    }

    /// Where each document stands, by its OID.
    #[must_use]
    pub fn documents(&self) -> BTreeMap<String, Standing> {
        locked(&self.desk.documents).clone()
    }

    /// How each receipt that was sent was acknowledged.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        locked(&self.desk.told).clone()
    }

    /// Ends it, and every connection with it.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        // It ends by itself; a panic in it was told already.
        let _ = self.serving.await;
    }
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "platform at {}", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_name() {
        for name in MllpFault::NAMES {
            assert!(MllpFault::parse(name, Duration::ZERO).is_some(), "{name}");
        }
        assert_eq!(MllpFault::parse("fire", Duration::ZERO), None);
    }
}
