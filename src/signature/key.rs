//! The key of a seal (*cachet*) or of a person, with its certificate, from PEM files. It signs and never shows itself.

use std::fmt;

use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::rand_core::{CryptoRng, Error as RandomError, RngCore};
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use sha1::{Digest, Sha1};

use super::{Algorithm, Certificate};
use crate::problem::{Category, Problem};

/// `DigestInfo` of SHA-1 before the digest (RFC 8017, 9.2, note 1).
const SHA1_INFO: &[u8] =
    &[0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];

/// An RSA key of 2048 to 8192 bits and the certificate that goes with it.
///
/// Signatures are those of RSASSA-PKCS1-v1_5: the same key and bytes always give the same signature, which is what lets a
/// retry repeat it. Randomness only blinds the reckoning.
pub struct SealKey {
    pair: RsaKeyPair,
    /// Made only for SHA-1, which `ring` does not sign with.
    legacy: RsaPrivateKey,
    certificate: Certificate,
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey of {:?}", self.certificate)
    }
}

impl SealKey {
    /// The key (PKCS#8 or PKCS#1, not encrypted) and the certificate of these PEM texts.
    ///
    /// # Errors
    /// `Malformed` when either cannot be read, when the key is no RSA key of enough bits, or when they do not belong
    /// together. No message holds anything of the key.
    pub fn from_pem(key: &[u8], certificate: &[u8]) -> Result<Self, Problem> {
        let certificate = Certificate::from_pem(certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
            unreadable("there is no PRIVATE KEY block in PEM form (an encrypted one is not read)")
        })?;
        let (pair, legacy) = match &key {
            PrivateKeyDer::Pkcs8(der) => (
                RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
                RsaPrivateKey::from_pkcs8_der(der.secret_pkcs8_der()).ok(),
            ),
            PrivateKeyDer::Pkcs1(der) => (
                RsaKeyPair::from_der(der.secret_pkcs1_der()).ok(),
                RsaPrivateKey::from_pkcs1_der(der.secret_pkcs1_der()).ok(),
            ),
            _ => (None, None),
        };
        let (Some(pair), Some(legacy)) = (pair, legacy) else {
            return Err(unreadable("it is no RSA key of 2048 bits or more in PKCS#8 or PKCS#1"));
        };
        if ring::signature::KeyPair::public_key(&pair).as_ref() != certificate.public_key() {
            return Err(unreadable("it is not the key of the certificate"));
        }
        Ok(Self { pair, legacy, certificate })
    }

    /// The certificate.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The signature of these bytes.
    ///
    /// # Errors
    /// Internal, when the machine has no randomness, or the signature does not verify against the certificate (a fault of
    /// the machine while signing can give a key away: such a signature is not let out).
    pub fn sign(&self, algorithm: Algorithm, bytes: &[u8]) -> Result<Vec<u8>, Problem> {
        let failed = || Problem::internal("a signature could not be made");
        let signature = match algorithm {
            Algorithm::RsaSha256 => {
                let mut signature = vec![0; self.pair.public().modulus_len()];
                self.pair
                    .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature)
                    .map_err(|_| failed())?;
                signature
            }
            Algorithm::RsaSha1 => {
                SystemRandom::new().fill(&mut [0; 1]).map_err(|_| failed())?;
                let padding = Pkcs1v15Sign { hash_len: Some(20), prefix: SHA1_INFO.into() };
                self.legacy
                    .sign_with_rng(&mut Blinding(SystemRandom::new()), padding, &Sha1::digest(bytes))
                    .map_err(|_| failed())?
            }
        };
        super::verify::check(&self.certificate, algorithm, bytes, &signature).map_err(|_| failed())?;
        Ok(signature)
    }
}

fn unreadable(why: &str) -> Problem {
    Problem::new(Category::Malformed, "value", format!("the private key cannot be used: {why}"))
}

/// The machine's randomness, for blinding.
struct Blinding(SystemRandom);

impl RngCore for Blinding {
    fn next_u32(&mut self) -> u32 {
        rsa::rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rsa::rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        // That there is randomness has been seen just before; the trait has no way to say otherwise.
        let _ = self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.0.fill(bytes).map_err(|_| RandomError::from(std::num::NonZeroU32::MIN))
    }
}

impl CryptoRng for Blinding {}

/// A key and a certificate made for tests: whoever has the sources has them, nobody trusts them.
#[cfg(test)]
pub(crate) mod example {
    pub(crate) const KEY: &str = include_str!("../../tests/cases/xds/seal.key.pem");
    pub(crate) const CERTIFICATE: &str = include_str!("../../tests/cases/xds/seal.pem");

    pub(crate) fn key() -> super::SealKey {
        super::SealKey::from_pem(KEY.as_bytes(), CERTIFICATE.as_bytes()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_have_the_same_signature() {
        let key = example::key();
        for algorithm in Algorithm::ALL {
            let one = key.sign(algorithm, b"abc").unwrap();
            assert_eq!(one, key.sign(algorithm, b"abc").unwrap());
            assert_eq!(one.len(), 256);
            assert_ne!(one, key.sign(algorithm, b"abd").unwrap());
            assert!(super::super::verify::check(key.certificate(), algorithm, b"abd", &one).is_err());
        }
    }

    #[test]
    fn what_does_not_belong_together_is_refused_and_nothing_of_a_key_is_shown() {
        assert!(!format!("{:?}", example::key()).contains("PRIVATE"));
        let check = |key: &str, certificate: &str| {
            let problem = SealKey::from_pem(key.as_bytes(), certificate.as_bytes()).unwrap_err().to_string();
            assert!(!problem.contains(&example::KEY[40..60]), "{problem}");
        };
        check(example::CERTIFICATE, example::CERTIFICATE);
        check(example::KEY, example::KEY);
        check(&example::KEY.replace("MII", "MIJ"), example::CERTIFICATE);
        check("", example::CERTIFICATE);
    }
}
