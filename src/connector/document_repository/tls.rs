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
