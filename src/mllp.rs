//! The MLLP listener: messages of other systems in, acknowledgments out (MLLP release 1, original acknowledgment mode).
//!
//! One message at a time on a connection, in order. `AA` is said only after everything that follows from a message is
//! durable; `AE` and `AR` say at which place it failed. A message without an answer may have been taken: its repeat
//! changes nothing. The only room below `app` that listens to sockets without HTTP.
//!
//! Nothing authenticates callers: `config` admits loopback addresses only.

mod answer;
mod connection;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::interaction::Context;
use crate::problem::Problem;

/// How much is taken.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest message, in bytes.
    pub frame_bytes: usize,
    /// Connections at once; one more is closed.
    pub connections_max: usize,
    /// A connection that says nothing for so long is closed.
    pub idle: Duration,
}

/// A listener that is bound and ready to run.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    limits: Limits,
}

impl Listener {
    /// Binds the address.
    ///
    /// # Errors
    /// `Internal` when that cannot be.
    pub async fn bind(address: SocketAddr, limits: Limits) -> Result<Self, Problem> {
        let failed = |fault: std::io::Error| {
            Problem::internal(format!("cannot listen on {address} for MLLP: {fault}"))
        };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address, limits })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` turns true; then what is being answered is answered, and every connection ends.
    pub async fn run(self, context: Arc<Context>, mut stop: watch::Receiver<bool>) {
        let free = Arc::new(Semaphore::new(self.limits.connections_max));
        let mut connections = JoinSet::new();
        while !*stop.borrow() {
            tokio::select! {
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, _)) => match Arc::clone(&free).try_acquire_owned() {
                        Ok(permit) => {
                            let serving = connection::serve(stream, Arc::clone(&context), self.limits, stop.clone());
                            connections.spawn(async move {
                                serving.await;
                                drop(permit);
                            });
                        }
                        Err(_) => tracing::warn!("an MLLP connection was closed: there are as many as are allowed"),
                    },
                    Err(fault) => {
                        tracing::warn!(%fault, "an MLLP connection could not be taken");
                        // Without a pause a lack of descriptors would keep this loop busy.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
                Some(_) = connections.join_next() => {}
                _ = stop.changed() => break,
            }
        }
        while connections.join_next().await.is_some() {}
    }
}
