//! What a sandbox peer remembers, and the handle by which a test or a demonstration looks at it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::json::Value;
use actix_web::dev::ServerHandle;

use super::fault::{Fault, Faults};
use super::shelf::Shelf;
use crate::problem::Issue;

/// One request that arrived, kept or not.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// `X-Request-Id`: the id of the delivery.
    pub request_id: Option<String>,
    /// The bytes as they arrived.
    pub bytes: Vec<u8>,
    /// Status of the answer.
    pub status: u16,
}

impl fmt::Debug for Received {
    /// Without the bytes: they are a patient's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} bytes, {}", self.request_id, self.bytes.len(), self.status)
    }
}

/// What a peer asks of a request before it keeps anything of it.
pub(super) type Judge = fn(&Value, &Shelf) -> Vec<Issue>;

/// The memory of one peer.
pub(super) struct Desk {
    pub(super) name: &'static str,
    pub(super) judge: Judge,
    /// How a description with its document in it is judged (ITI-105), by a peer that takes such.
    pub(super) publication: Option<Judge>,
    pub(super) shelf: Mutex<Shelf>,
    pub(super) received: Mutex<Vec<Received>>,
    pub(super) faults: Faults,
}

/// A running peer.
pub struct Handle {
    pub(super) address: SocketAddr,
    pub(super) server: ServerHandle,
    pub(super) desk: Arc<Desk>,
}

impl Handle {
    /// Its FHIR base address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/fhir", self.address)
    }

    /// Ends it; what is being answered is answered first.
    pub async fn stop(self) {
        self.server.stop(true).await;
    }

    /// Every request so far, in order.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        locked(&self.desk.received).clone()
    }

    /// The current version of every resource of that type, in the order in which they came.
    #[must_use]
    pub fn resources(&self, rtype: &str) -> Vec<Value> {
        locked(&self.desk.shelf).of_type(rtype).cloned().collect()
    }

    /// Misbehaves like this for so many requests.
    pub fn misbehave(&self, fault: Fault, times: usize) {
        self.desk.faults.set(Some(fault), times);
    }

    /// Serves so many requests well, and then misbehaves like this for one.
    pub fn misbehave_after(&self, served: usize, fault: Fault) {
        self.desk.faults.set_after(served, Some(fault), 1);
    }

    /// Behaves well again.
    pub fn behave(&self) {
        self.desk.faults.set(None, 0);
    }

    /// From now on only patients that are known are served; before, every patient named by an identifier is taken for known,
    /// as a hospital knows those it has sent home.
    pub fn serve_known_patients_only(&self) {
        locked(&self.desk.shelf).open = false;
    }

    /// Makes a patient known.
    pub fn admit(&self, patient: Value) {
        locked(&self.desk.shelf).admit(patient);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.desk.name, self.address)
    }
}

/// The value behind a lock; a panic of another holder leaves it readable, as every change here is whole.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
