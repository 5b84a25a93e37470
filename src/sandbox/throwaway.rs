//! Keys and certificates to throw away (RFC 5280): an authority made a moment ago, what it vouches for, and a seal. For peers of
//! the sandbox, the demo and the tests; nobody else has any reason to believe them.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::{Signature, SigningKey};
use rsa::pkcs8::EncodePrivateKey;
use rsa::rand_core::{CryptoRng, RngCore};
use rsa::sha2::{Digest, Sha256};
use x509_cert::builder::{Builder, CertificateBuilder, Profile};
use x509_cert::der::asn1::{BitString, Ia5String, ObjectIdentifier, OctetString};
use x509_cert::der::{Any, Encode};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{ExtendedKeyUsage, SubjectAltName};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, EncodePublicKey, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};

use crate::problem::Problem;

/// How long what is thrown away is good for.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// `id-ecPublicKey` on `secp256r1` (RFC 5480).
const EC: [&str; 2] = ["1.2.840.10045.2.1", "1.2.840.10045.3.1.7"];
/// `id-kp-serverAuth` and `id-kp-clientAuth`.
const SERVER: &str = "1.3.6.1.5.5.7.3.1";
const CLIENT: &str = "1.3.6.1.5.5.7.3.2";

/// A certificate and its key as PEM texts. There is no `Debug`.
#[derive(Clone)]
pub struct KeyAndCertificate {
    /// The certificate.
    pub certificate: String,
    /// Its key, PKCS#8.
    pub key: String,
}

/// An authority that vouches for certificates. There is no `Debug`.
pub struct Authority {
    name: Name,
    key: SigningKey<Sha256>,
    certificate: String,
    from: Timestamp,
    until: Timestamp,
}

impl Authority {
    /// An authority of that name, which vouches from an hour before `now`, for a week.
    ///
    /// # Errors
    /// Internal, if the machine gives no randomness.
    pub fn new(name: &str, now: Timestamp) -> Result<Self, Problem> {
        let from = now.checked_sub(SignedDuration::from_hours(1)).map_err(|_| failed("a time"))?;
        let until = now.checked_add(GOOD_FOR).map_err(|_| failed("a time"))?;
        let (name, key) = (subject(name)?, SigningKey::<Sha256>::new(rsa_key()?));
        let public = EncodePublicKey::to_public_key_der(&rsa::signature::Keypair::verifying_key(&key));
        let public = public.map_err(|_| failed("an authority"))?;
        let public =
            SubjectPublicKeyInfoOwned::try_from(public.as_bytes()).map_err(|_| failed("an authority"))?;
        let builder = CertificateBuilder::new(
            Profile::Root,
            serial()?,
            valid(from, until)?,
            name.clone(),
            public,
            &key,
        );
        let certificate =
            builder.and_then(Builder::build::<Signature>).map_err(|_| failed("an authority"))?;
        let certificate = pem("CERTIFICATE", &certificate.to_der().map_err(|_| failed("an authority"))?);
        Ok(Self { name, key, certificate, from, until })
    }

    /// Its certificate, as PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The same authority, which vouches for that time only.
    #[must_use]
    pub fn at(self, from: Timestamp, until: Timestamp) -> Self {
        Self { from, until, ..self }
    }

    /// A certificate of a server under these names and addresses.
    ///
    /// # Errors
    /// Internal, if the machine gives no randomness or a name is none.
    pub fn server(&self, names: &[&str]) -> Result<KeyAndCertificate, Problem> {
        let (public, key) = ec_key()?;
        self.vouch("sandbox", public, key, Some((SERVER, names)))
    }

    /// A certificate of a client of that name.
    ///
    /// # Errors
    /// As [`Self::server`].
    pub fn client(&self, name: &str) -> Result<KeyAndCertificate, Problem> {
        let (public, key) = ec_key()?;
        self.vouch(name, public, key, Some((CLIENT, &[])))
    }

    /// A seal of that name: RSA of 2048 bits, as the DMP has them.
    ///
    /// # Errors
    /// As [`Self::server`].
    pub fn seal(&self, name: &str) -> Result<KeyAndCertificate, Problem> {
        let key = rsa_key()?;
        let public = key.to_public_key().to_public_key_der().map_err(|_| failed("a seal"))?;
        let public = SubjectPublicKeyInfoOwned::try_from(public.as_bytes()).map_err(|_| failed("a seal"))?;
        let der = key.to_pkcs8_der().map_err(|_| failed("a seal"))?;
        self.vouch(name, public, pem("PRIVATE KEY", der.as_bytes()), None)
    }

    fn vouch(
        &self,
        name: &str,
        public: SubjectPublicKeyInfoOwned,
        key: String,
        usage: Option<(&str, &[&str])>,
    ) -> Result<KeyAndCertificate, Problem> {
        let (serial, valid, subject) = (serial()?, valid(self.from, self.until)?, subject(name)?);
        let made = || -> Result<Vec<u8>, x509_cert::builder::Error> {
            let profile = Profile::Leaf {
                issuer: self.name.clone(),
                enable_key_agreement: false,
                enable_key_encipherment: false,
            };
            let mut builder = CertificateBuilder::new(profile, serial, valid, subject, public, &self.key)?;
            if let Some((usage, names)) = usage {
                builder.add_extension(&ExtendedKeyUsage(vec![ObjectIdentifier::new_unwrap(usage)]))?;
                if !names.is_empty() {
                    let names: Result<Vec<_>, _> = names.iter().map(|one| general(one)).collect();
                    builder.add_extension(&SubjectAltName(names?))?;
                }
            }
            Ok(builder.build::<Signature>()?.to_der()?)
        };
        let certificate = made().map_err(|_| failed("a certificate"))?;
        Ok(KeyAndCertificate { certificate: pem("CERTIFICATE", &certificate), key })
    }
}

/// An address, or else a name of the DNS.
fn general(name: &str) -> Result<GeneralName, x509_cert::der::Error> {
    let octets = |bytes: &[u8]| OctetString::new(bytes).map(GeneralName::IpAddress);
    match name.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => octets(&address.octets()),
        Ok(IpAddr::V6(address)) => octets(&address.octets()),
        Err(_) => Ia5String::new(name).map(GeneralName::DnsName),
    }
}

fn subject(name: &str) -> Result<Name, Problem> {
    Name::from_str(&format!("CN={name},O=A JETER")).map_err(|_| failed("a name"))
}

fn valid(from: Timestamp, until: Timestamp) -> Result<Validity, Problem> {
    let moment = |at: Timestamp| {
        let since = u64::try_from(at.as_second()).map_err(|_| failed("a time"))?;
        let at = x509_cert::der::DateTime::from_unix_duration(Duration::from_secs(since));
        at.map(|at| Time::GeneralTime(at.into())).map_err(|_| failed("a time"))
    };
    Ok(Validity { not_before: moment(from)?, not_after: moment(until)? })
}

fn serial() -> Result<SerialNumber, Problem> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| failed("a number"))?;
    // Positive, and of full length.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::new(&bytes).map_err(|_| failed("a number"))
}

/// A key on P-256: its public half, and all of it as PEM.
fn ec_key() -> Result<(SubjectPublicKeyInfoOwned, String), Problem> {
    let random = SystemRandom::new();
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
        .map_err(|_| failed("a key"))?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der.as_ref(), &random)
        .map_err(|_| failed("a key"))?;
    let [kind, curve] = EC.map(ObjectIdentifier::new_unwrap);
    let public = SubjectPublicKeyInfoOwned {
        algorithm: AlgorithmIdentifierOwned { oid: kind, parameters: Some(Any::from(curve)) },
        subject_public_key: BitString::from_bytes(pair.public_key().as_ref()).map_err(|_| failed("a key"))?,
    };
    Ok((public, pem("PRIVATE KEY", der.as_ref())))
}

fn rsa_key() -> Result<RsaPrivateKey, Problem> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| failed("a key"))?;
    RsaPrivateKey::new(&mut Drawn { seed, count: 0 }, 2_048).map_err(|_| failed("a key"))
}

/// Randomness drawn out of what the machine gave once: digests of it and of a count. So it cannot fail half-way.
struct Drawn {
    seed: [u8; 32],
    count: u64,
}

impl RngCore for Drawn {
    fn next_u32(&mut self) -> u32 {
        rsa::rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rsa::rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            self.count += 1;
            let digest =
                Sha256::new().chain_update(self.seed).chain_update(self.count.to_be_bytes()).finalize();
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Drawn {}

/// RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut lines = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        lines.extend(line.iter().map(|byte| char::from(*byte)));
        lines.push('\n');
    }
    lines + &format!("-----END {label}-----\n")
}

fn failed(what: &str) -> Problem {
    Problem::internal(format!("{what} to throw away cannot be made"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::{Certificate, SealKey};

    #[test]
    fn a_seal_can_be_used_as_one_and_each_authority_is_another() {
        let now = "2026-03-09T14:20:00Z".parse().unwrap();
        let authority = Authority::new("AUTORITE D'ESSAI", now).unwrap();
        let seal = authority.seal("CACHET D'ESSAI").unwrap();
        let read = SealKey::from_pem(seal.key.as_bytes(), seal.certificate.as_bytes()).unwrap();
        let certificate = Certificate::from_pem(seal.certificate.as_bytes()).unwrap();
        assert_eq!(read.certificate().der(), certificate.der());
        let other = Authority::new("AUTORITE D'ESSAI", now).unwrap();
        assert_ne!(authority.certificate(), other.certificate());
    }
}
