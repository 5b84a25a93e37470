//! Digest and signature algorithms (XML Signature 1.1, 6; RFC 9231).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use sha2::Sha256;

/// What a signature and its digests are made with.
///
/// The example that the ANS publishes signs with SHA-256, published code of DMP clients with SHA-1, and the text that
/// decides is not public: a site says which one it was homologated with. SHA-256 unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// RSA with SHA-256.
    #[default]
    RsaSha256,
    /// RSA with SHA-1: broken for signatures that an adversary can choose, kept for peers that know nothing else.
    RsaSha1,
}

const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

impl Algorithm {
    /// Both.
    pub const ALL: [Self; 2] = [Self::RsaSha256, Self::RsaSha1];

    /// The word of the configuration.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa-sha256",
            Self::RsaSha1 => "rsa-sha1",
        }
    }

    /// Its identifier as signature method.
    #[must_use]
    pub const fn signature_uri(self) -> &'static str {
        match self {
            Self::RsaSha256 => "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            Self::RsaSha1 => "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        }
    }

    /// The identifier of its digest method.
    #[must_use]
    pub const fn digest_uri(self) -> &'static str {
        match self {
            Self::RsaSha256 => SHA256,
            Self::RsaSha1 => SHA1,
        }
    }

    /// The algorithm of that signature method.
    #[must_use]
    pub fn of_signature(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.signature_uri() == uri)
    }

    /// The algorithm of that digest method.
    #[must_use]
    pub fn of_digest(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.digest_uri() == uri)
    }

    /// The digest in Base64, as `DigestValue` holds it.
    #[must_use]
    pub fn digest(self, bytes: &[u8]) -> String {
        match self {
            Self::RsaSha256 => STANDARD.encode(Sha256::digest(bytes)),
            Self::RsaSha1 => STANDARD.encode(Sha1::digest(bytes)),
        }
    }
}
