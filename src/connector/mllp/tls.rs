//! TLS to a platform: its certificate is checked against the authorities of the hospital, and ours is shown where the
//! platform asks for one.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::problem::{Category, Problem};

/// What is needed to speak TLS with a platform.
#[derive(Clone)]
pub struct Tls(TlsConnector);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// From PEM: the authorities that are trusted, and our certificates (ours first) with their key where the platform
    /// wants to know who calls. No other authority is trusted, not even those of the machine.
    ///
    /// # Errors
    /// `Malformed` when a file holds no certificate or no key, or when they do not fit each other.
    pub fn new(authorities: &[u8], own: Option<(&[u8], &[u8])>) -> Result<Self, Problem> {
        // It fails only when a provider is set already, which is what a second call wants.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut roots = RootCertStore::empty();
        for certificate in certificates(authorities, "authority")? {
            roots
                .add(certificate)
                .map_err(|fault| refused(&format!("an authority cannot be used: {fault}")))?;
        }
        let builder = ClientConfig::builder().with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = certificates(chain, "own certificate")?;
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|_| refused("there is no private key in PEM"))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|fault| refused(&format!("the own certificate cannot be used: {fault}")))?
            }
        };
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Makes a connection a TLS one.
    pub(super) async fn secure(&self, host: &str, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidInput, "the host has no name that a certificate can bear")
        })?;
        self.0.connect(name, tcp).await
    }
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| refused(&format!("the file of the {what} is no PEM")))?;
    if found.is_empty() { Err(refused(&format!("there is no {what} in PEM"))) } else { Ok(found) }
}

fn refused(what: &str) -> Problem {
    Problem::new(Category::Malformed, "value", what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_hold_nothing_are_refused() {
        for (authorities, own) in
            [(&b""[..], None), (b"-----BEGIN CERTIFICATE-----\n", None), (b"x", Some((&b""[..], &b""[..])))]
        {
            let problem = Tls::new(authorities, own).expect_err("it was taken");
            assert_eq!(problem.category, Category::Malformed);
        }
    }
}
