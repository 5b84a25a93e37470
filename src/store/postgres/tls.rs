//! TLS towards the database, in the modes of libpq (PostgreSQL, "SSL Support", `sslmode` and `sslrootcert`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How much is asked of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Never TLS.
    Disable,
    /// TLS where the server offers it, whoever the server is.
    Prefer,
    /// TLS, whoever the server is.
    Require,
    /// TLS, with a certificate that an authority of the file has signed.
    VerifyCa,
    /// The same, and the certificate is made out to the host of the address.
    VerifyFull,
}

/// What an address asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) mode: Mode,
    /// The file of the authorities, in PEM.
    pub(super) roots: Option<PathBuf>,
}

impl Wanted {
    /// `sslmode` and `sslrootcert`, as libpq reads them; the reason when they cannot be.
    pub(super) fn parse(mode: Option<&str>, roots: Option<&str>) -> Result<Self, String> {
        // As libpq: where there is a file of authorities, it is used.
        let required = if roots.is_some() { Mode::VerifyCa } else { Mode::Require };
        let mode = match mode {
            None | Some("prefer") => Mode::Prefer,
            Some("disable") => Mode::Disable,
            Some("require") => required,
            Some("verify-ca") => Mode::VerifyCa,
            Some("verify-full") => Mode::VerifyFull,
            Some(_) => {
                return Err("sslmode is disable, prefer, require, verify-ca or verify-full".to_owned());
            }
        };
        if mode == Mode::VerifyCa && roots.is_none() {
            return Err("sslmode=verify-ca needs sslrootcert, the file of the authority".to_owned());
        }
        Ok(Self { mode, roots: roots.map(PathBuf::from) })
    }

    /// What the driver has to know.
    pub(super) const fn driver_mode(&self) -> SslMode {
        match self.mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        }
    }

    /// What makes the connections; nothing where TLS is never wanted.
    pub(super) fn connector(&self) -> Result<Option<MakeRustlsConnect>, String> {
        let verifier = match (self.mode, &self.roots) {
            (Mode::Disable, _) => return Ok(None),
            (Mode::Prefer | Mode::Require, _) => {
                Verifier { chain: None, names: false, algorithms: algorithms() }
            }
            (Mode::VerifyCa | Mode::VerifyFull, Some(file)) => {
                let names = self.mode == Mode::VerifyFull;
                Verifier { chain: Some(Chain::of(file)?), names, algorithms: algorithms() }
            }
            (Mode::VerifyCa | Mode::VerifyFull, None) => return system().map(Some),
        };
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|fault| fault.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Some(MakeRustlsConnect::new(config)))
    }
}

/// The authorities that the machine trusts.
fn system() -> Result<MakeRustlsConnect, String> {
    // Another room may have installed the same provider already.
    let _ = ring::default_provider().install_default();
    match MakeRustlsConnect::with_native_certs() {
        Ok((connector, _)) => Ok(connector),
        Err(_) => Err(
            "sslmode=verify-full is asked for without sslrootcert, and this machine has no certificates of \
                       authorities of its own"
                .to_owned(),
        ),
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn algorithms() -> WebPkiSupportedAlgorithms {
    provider().signature_verification_algorithms
}

/// The authorities of a file.
#[derive(Debug)]
struct Chain {
    /// A certificate of the server itself may stand in the file: it needs no other signature then.
    given: Vec<CertificateDer<'static>>,
    signed: Arc<WebPkiServerVerifier>,
}

impl Chain {
    fn of(file: &Path) -> Result<Self, String> {
        let unreadable = |fault: &dyn std::fmt::Display| format!("sslrootcert {}: {fault}", file.display());
        let given: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect)
            .map_err(|fault| unreadable(&fault))?;
        let mut roots = RootCertStore::empty();
        for certificate in &given {
            roots.add(certificate.clone()).map_err(|fault| unreadable(&fault))?;
        }
        let signed = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|fault| unreadable(&fault))?;
        Ok(Self { given, signed })
    }
}

/// Checks as much as was asked for.
#[derive(Debug)]
struct Verifier {
    chain: Option<Chain>,
    names: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        if chain.given.contains(end_entity) {
            if self.names {
                let certificate = ParsedCertificate::try_from(end_entity)?;
                rustls::client::verify_server_name(&certificate, server_name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        let verified =
            chain.signed.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.names => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modes_are_those_of_libpq() {
        let check = |mode: Option<&str>, roots: Option<&str>, expected: Result<Mode, &str>| {
            let wanted = Wanted::parse(mode, roots).map(|wanted| wanted.mode);
            match (wanted, expected) {
                (Ok(mode), Ok(expected)) => assert_eq!(mode, expected),
                (Err(reason), Err(part)) => assert!(reason.contains(part), "{reason}"),
                other => panic!("{mode:?} {roots:?}: {other:?}"),
            }
        };
        check(None, None, Ok(Mode::Prefer));
        check(Some("disable"), None, Ok(Mode::Disable));
        check(Some("require"), None, Ok(Mode::Require));
        check(Some("require"), Some("ca.pem"), Ok(Mode::VerifyCa));
        check(Some("verify-ca"), Some("ca.pem"), Ok(Mode::VerifyCa));
        check(Some("verify-full"), None, Ok(Mode::VerifyFull));
        check(Some("verify-ca"), None, Err("needs sslrootcert"));
        check(Some("maybe"), None, Err("sslmode is"));
    }
}
