//! A broken network: a TCP proxy in front of PostgreSQL that cuts connections at the moment it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to a connection when a commit passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Cut {
    /// Nothing.
    #[default]
    Never,
    /// The request for the commit is not passed on, and the connection is cut.
    BeforeCommit,
    /// The commit is passed on, its answer is not.
    AfterCommit,
}

/// The proxy; ends with the test's runtime.
pub(crate) struct Proxy {
    port: u16,
    cut: Arc<watch::Sender<Cut>>,
    /// New connections are refused, and open ones cut.
    down: Arc<watch::Sender<bool>>,
    turns: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) async fn before(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (cut, down) = (Arc::new(watch::channel(Cut::Never).0), Arc::new(watch::channel(false).0));
        let (cuts, downs) = (Arc::clone(&cut), Arc::clone(&down));
        let turns = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&turns);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *downs.borrow() {
                    continue;
                }
                let wire = Wire { cut: Arc::clone(&cuts), turns: Arc::clone(&counted), ..Wire::default() };
                tokio::spawn(pass(client, server.clone(), wire, downs.subscribe()));
            }
        });
        Self { port, cut, down, turns }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The next commit that passes is treated so, and only that one.
    pub(crate) fn cut_next(&self, cut: Cut) {
        self.cut.send_replace(cut);
    }

    /// Whether the cut that was asked for has happened.
    pub(crate) fn has_cut(&self) -> bool {
        *self.cut.borrow() == Cut::Never
    }

    /// How often the client has spoken after the server had: the round trips of all connections so far.
    pub(crate) fn turns(&self) -> usize {
        self.turns.load(Ordering::SeqCst)
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.down.send_replace(down);
    }
}

/// One connection.
#[derive(Default)]
struct Wire {
    cut: Arc<watch::Sender<Cut>>,
    turns: Arc<AtomicUsize>,
    /// The client is to hear nothing.
    mute: AtomicBool,
    /// The server has spoken since the client did.
    answered: AtomicBool,
}

async fn pass(client: TcpStream, server: String, wire: Wire, mut down: watch::Receiver<bool>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = forth(from_client, to_server, &wire) => {}
        () = back(from_server, to_client, &wire) => {}
        _ = down.wait_for(|down| *down) => {}
    }
}

/// To the server; a cut ends it, and with it the connection.
async fn forth(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, wire: &Wire) {
    let mut bytes = vec![0; 1 << 20];
    while let Ok(size @ 1..) = from.read(&mut bytes).await {
        if wire.answered.swap(false, Ordering::SeqCst) {
            wire.turns.fetch_add(1, Ordering::SeqCst);
        }
        let commits = bytes[..size].windows(6).any(|word| word == b"COMMIT");
        let wanted = if commits { wire.cut.send_replace(Cut::Never) } else { Cut::Never };
        if wanted == Cut::BeforeCommit {
            return;
        }
        wire.mute.store(wanted == Cut::AfterCommit, Ordering::SeqCst);
        if to.write_all(&bytes[..size]).await.is_err() {
            return;
        }
        if wanted == Cut::AfterCommit {
            // Long enough for the server to commit.
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            return;
        }
    }
}

/// To the client, unless it is to hear nothing.
async fn back(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, wire: &Wire) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(size @ 1..) = from.read(&mut bytes).await {
        wire.answered.store(true, Ordering::SeqCst);
        if !wire.mute.load(Ordering::SeqCst) && to.write_all(&bytes[..size]).await.is_err() {
            return;
        }
    }
}
