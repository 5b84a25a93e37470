//! Mutual TLS before the services: 1.2 or 1.3, and nobody is served whose certificate the authority does not vouch for. What is
//! inside goes on in clear to the services, on this machine.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::Dmp;
use crate::clock::Clock;
use crate::problem::{Category, Problem};
use crate::sandbox::peer::locked;

/// How long a handshake may take, and a refused client may go on talking.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a peer shows, and whose clients it serves, as PEM texts. There is no `Debug`.
#[derive(Clone)]
pub struct Mutual {
    /// Its certificate.
    pub certificate: Vec<u8>,
    /// The key of that.
    pub key: Vec<u8>,
    /// The authorities that vouch for its clients.
    pub clients: Vec<u8>,
}

impl Mutual {
    fn config(&self) -> Result<ServerConfig, Problem> {
        let unusable =
            |what: &str| Problem::new(Category::Malformed, "value", format!("{what} cannot be used for TLS"));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(&self.clients) {
            let authority = authority.map_err(|_| unusable("an authority of clients"))?;
            roots.add(authority).map_err(|_| unusable("an authority of clients"))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|_| unusable("the list of authorities of clients"))?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.map_err(|_| unusable("the certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| unusable("the key"))?;
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| unusable("the provider"))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(|_| unusable("the certificate with its key"))
    }
}

/// Starts a DMP that serves those only whom its authorities vouch for, by TLS 1.2 or 1.3.
///
/// # Errors
/// `Malformed` when a PEM text cannot be used; as [`super::start`].
pub fn start_secured(address: SocketAddr, clock: Arc<dyn Clock>, mutual: &Mutual) -> Result<Dmp, Problem> {
    let inside = super::start((std::net::Ipv4Addr::LOCALHOST, 0).into(), clock)?;
    let door = Door::open(address, inside.address, mutual)?;
    Ok(Dmp { address: door.address, door: Some(door), ..inside })
}

/// The door before the services.
pub(super) struct Door {
    pub(super) address: SocketAddr,
    refused: Arc<Mutex<Vec<String>>>,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
}

impl Door {
    /// Listens there, and lets those in who may.
    ///
    /// # Errors
    /// `Malformed` when a PEM text cannot be used, Internal when the address cannot be listened on.
    pub(super) fn open(listen: SocketAddr, services: SocketAddr, mutual: &Mutual) -> Result<Self, Problem> {
        let acceptor = TlsAcceptor::from(Arc::new(mutual.config()?));
        let failed = |error| Problem::internal(format!("DMP sandbox cannot listen on {listen}: {error}"));
        let socket = std::net::TcpListener::bind(listen).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let socket = TcpListener::from_std(socket).map_err(failed)?;
        let refused = Arc::new(Mutex::default());
        let (stop, stopping) = watch::channel(false);
        let told = Arc::clone(&refused);
        let serving = tokio::spawn(serve(socket, services, acceptor, told, stopping));
        Ok(Self { address, refused, stop, serving })
    }

    /// Why each client was refused that was.
    pub(super) fn refused(&self) -> Vec<String> {
        locked(&self.refused).clone()
    }

    /// Lets nobody in any more, and ends every connection.
    pub(super) async fn close(self) {
        self.stop.send_replace(true);
        // It ends by itself; a panic in it was told already.
        let _ = self.serving.await;
    }
}

async fn serve(
    socket: TcpListener,
    services: SocketAddr,
    acceptor: TlsAcceptor,
    refused: Arc<Mutex<Vec<String>>>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let client = tokio::select! {
            client = socket.accept() => client,
            _ = stop.changed() => return,
        };
        let Ok((client, _)) = client else { continue };
        let (acceptor, refused) = (acceptor.clone(), Arc::clone(&refused));
        connections.spawn(async move {
            let shaken = tokio::time::timeout(PATIENCE, acceptor.accept(client).into_fallible());
            match shaken.await {
                Ok(Ok(mut inside)) => {
                    if let Ok(mut service) = TcpStream::connect(services).await {
                        // Either side may break off: that is what the other one sees.
                        let _ = copy_bidirectional(&mut inside, &mut service).await;
                    }
                }
                Ok(Err((fault, client))) => {
                    locked(&refused).push(fault.to_string());
                    let _ = tokio::time::timeout(PATIENCE, heard_out(client)).await;
                }
                Err(_) => {}
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// A refused client reads why only if nothing that it says is left unread.
async fn heard_out(mut client: TcpStream) {
    let _ = client.shutdown().await;
    let mut chunk = [0; 1_024];
    while client.read(&mut chunk).await.is_ok_and(|size| size > 0) {}
}
