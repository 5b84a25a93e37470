//! Signatures: keys and certificates from PEM files, RSA with SHA-256 or SHA-1, and XML Signature 1.0
//! (<https://www.w3.org/TR/xmldsig-core1/>), made for the XML that we write and verified for what peers send us.
//!
//! - [`SealKey`] signs and never prints; [`Certificate`] says whose it is;
//! - [`enveloped`] puts a signature into an element (SAML), [`Signed::verify`] checks any signature of ours or a peer's.
//!
//! What never happens here: a key, or a part of one, in a message or in `Debug`; a signature that is taken for good
//! because its key came with it, without the caller having been told whose it is.

mod algorithm;
mod certificate;
mod key;
mod verify;
mod xmldsig;

pub use algorithm::Algorithm;
pub use certificate::{Certificate, NameOrder};
pub use key::SealKey;
#[cfg(test)]
pub(crate) use key::example;
pub use verify::{Part, Signed};
pub(crate) use xmldsig::signature_value;
pub use xmldsig::{DS, Reference, enveloped, key_info, signed_info};
