//! Mutual TLS with rustls: the certificate of the structure, and the authorities that peers are trusted by.

use crate::problem::{Category, Problem};

/// What this side shows, and whom it trusts, as PEM texts. There is no `Debug`.
#[derive(Clone)]
pub struct Identity {
    /// Certificate of the structure, with those between it and its authority.
    pub certificate: Vec<u8>,
    /// Its key, PKCS#8 or PKCS#1.
    pub key: Vec<u8>,
    /// Certificates of the authorities of the peer; no other is trusted.
    pub authorities: Vec<u8>,
}

/// An HTTP client that shows that certificate: TLS 1.2 or later, no redirects, no proxy of the environment.
///
/// # Errors
/// `Malformed` when a PEM text cannot be used; no message holds a part of it.
pub fn mutual_client(identity: &Identity) -> Result<reqwest::Client, Problem> {
    let unusable =
        |what: &str| Problem::new(Category::Malformed, "value", format!("{what} cannot be used for TLS"));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut shown = identity.certificate.clone();
    shown.push(b'\n');
    shown.extend(&identity.key);
    let shown =
        reqwest::Identity::from_pem(&shown).map_err(|_| unusable("the client certificate with its key"))?;
    let authorities = reqwest::Certificate::from_pem_bundle(&identity.authorities);
    let authorities = authorities.ok().filter(|all| !all.is_empty());
    let authorities = authorities.ok_or_else(|| unusable("the list of authorities"))?;
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .https_only(true)
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .identity(shown)
        .tls_certs_only(authorities)
        .build()
        .map_err(|_| unusable("the client certificate, its key, or an authority"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener};
    use std::sync::Arc;
    use std::thread::JoinHandle;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::server::WebPkiClientVerifier;
    use rustls::{RootCertStore, ServerConfig, ServerConnection, Stream};

    use super::*;

    const AUTHORITY: &[u8] = include_bytes!("../../../tests/cases/xds/tls/ca.pem");
    const SERVER: &[u8] = include_bytes!("../../../tests/cases/xds/tls/server.pem");
    const SERVER_KEY: &[u8] = include_bytes!("../../../tests/cases/xds/tls/server.key.pem");
    const CLIENT: &[u8] = include_bytes!("../../../tests/cases/xds/tls/client.pem");
    const CLIENT_KEY: &[u8] = include_bytes!("../../../tests/cases/xds/tls/client.key.pem");
    /// A certificate of somebody else, which has signed nothing here.
    const STRANGER: &[u8] = include_bytes!("../../../tests/cases/xds/seal.pem");

    /// A peer that asks for a certificate of the authority, serves one connection, and says whether it was well.
    fn serve_once() -> (String, JoinHandle<bool>) {
        let certificate = |pem| CertificateDer::from_pem_slice(pem).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(certificate(AUTHORITY)).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(vec![certificate(SERVER)], PrivateKeyDer::from_pem_slice(SERVER_KEY).unwrap())
            .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("https://{}/repository", listener.local_addr().unwrap());
        let serving = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut connection = ServerConnection::new(Arc::new(config)).unwrap();
            let mut stream = Stream::new(&mut connection, &mut socket);
            let well = stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
            well
        });
        (url, serving)
    }

    fn identity() -> Identity {
        Identity { certificate: CLIENT.to_vec(), key: CLIENT_KEY.to_vec(), authorities: AUTHORITY.to_vec() }
    }

    #[tokio::test]
    async fn each_side_shows_its_certificate_and_trusts_only_its_authority() {
        let (url, serving) = serve_once();
        let answer = mutual_client(&identity()).unwrap().get(url).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "ok");
        assert!(serving.join().unwrap());

        let (url, serving) = serve_once();
        let without = reqwest::Client::builder()
            .tls_certs_only(reqwest::Certificate::from_pem_bundle(AUTHORITY).unwrap())
            .build()
            .unwrap();
        assert!(without.get(url).send().await.is_err());
        assert!(!serving.join().unwrap());

        let (url, serving) = serve_once();
        let distrusting = Identity { authorities: STRANGER.to_vec(), ..identity() };
        assert!(mutual_client(&distrusting).unwrap().get(url).send().await.is_err());
        assert!(!serving.join().unwrap());
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_a_word_of_it() {
        for identity in [
            Identity {
                key: b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----".to_vec(),
                ..identity()
            },
            Identity { certificate: Vec::new(), ..identity() },
            Identity { authorities: Vec::new(), ..identity() },
        ] {
            let problem = mutual_client(&identity).unwrap_err().to_string();
            assert!(problem.contains("cannot be used for TLS") && !problem.contains("c2VjcmV0"), "{problem}");
        }
    }

    #[tokio::test]
    async fn nothing_is_sent_in_clear() {
        let client = mutual_client(&identity()).unwrap();
        assert!(client.get("http://127.0.0.1:9/repository").send().await.is_err());
    }
}
