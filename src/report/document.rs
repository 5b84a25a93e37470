//! The document made of a report: its identity, handed in, and its bytes with their size and digest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use crate::problem::Problem;

/// The document that this one replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// Id of its `DocumentReference`.
    pub document_id: String,
    /// Its version.
    pub version: u32,
    /// When it was made.
    pub at: Timestamp,
}

/// Identity of one edition of a report: every id is a UUID, and none is ever used for another edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    /// Of the `DocumentReference`; `urn:oid:2.25.…` of the document is made from it.
    pub document_id: String,
    /// Of the `Binary`.
    pub binary_id: String,
    /// Of the submission set.
    pub submission_id: String,
    /// When the document is made.
    pub at: Timestamp,
}

/// A document that has been rendered: everything a recipient is told about its bytes follows from the bytes.
#[derive(Clone)]
pub struct Document {
    /// Which edition it is.
    pub edition: Edition,
    /// PDF/A-1b.
    pub bytes: Vec<u8>,
    /// Unique id (`urn:oid:2.25.…`).
    unique_id: String,
}

impl Document {
    /// The document of those bytes.
    ///
    /// # Errors
    /// Internal, if an id of the edition is no UUID: an OID could not be made of it.
    pub fn new(edition: Edition, bytes: Vec<u8>) -> Result<Self, Problem> {
        let unique_id = unique_id(&edition.document_id)?;
        uuid(&edition.binary_id)?;
        uuid(&edition.submission_id)?;
        Ok(Self { edition, bytes, unique_id })
    }

    /// Unique id of the document, `urn:oid:2.25.…` (XDS `uniqueId`).
    #[must_use]
    pub fn unique_id(&self) -> &str {
        &self.unique_id
    }

    /// SHA-1 of the bytes in Base64, as FHIR writes it (in XDS the same digest is hexadecimal).
    #[must_use]
    pub fn hash(&self) -> String {
        STANDARD.encode(Sha1::digest(&self.bytes))
    }

    /// The bytes as a `Binary`, with an id or without.
    #[must_use]
    pub fn binary(&self, id: Option<&str>) -> Value {
        let mut binary = json!({"resourceType": "Binary"});
        if let Some(id) = id {
            binary["id"] = json!(id);
        }
        binary["contentType"] = json!("application/pdf");
        binary["data"] = json!(STANDARD.encode(&self.bytes));
        binary
    }
}

/// The OID that a UUID is (ITU-T X.667), as a URI.
///
/// # Errors
/// Internal, if `id` is no UUID.
pub(super) fn unique_id(id: &str) -> Result<String, Problem> {
    Ok(format!("urn:oid:2.25.{}", uuid(id)?.as_u128()))
}

fn uuid(id: &str) -> Result<uuid::Uuid, Problem> {
    uuid::Uuid::try_parse(id).map_err(|_| Problem::internal(format!("the id {id} of a document is no UUID")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_an_oid_under_2_25() {
        // The example of ITU-T X.667.
        let oid = unique_id("f81d4fae-7dec-11d0-a765-00a0c91e6bf6").unwrap();
        assert_eq!(oid, "urn:oid:2.25.329800735698586629295641978511506172918");
        assert!(unique_id("report-1").is_err());
    }
}
