//! The document made of a report: its identity, handed in, its header, and its bytes.

use crate::json::{Value, json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sha1::{Digest, Sha1};

use super::{Header, Issuer, Report, cda};
use crate::problem::{Category, Problem, Severity};

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
    /// Of the `DocumentReference`; the unique id `2.25.…` of the document is made from it.
    pub document_id: String,
    /// Of the `Binary` that holds the CDA.
    pub cda_id: String,
    /// Of the `Binary` that holds the PDF.
    pub pdf_id: String,
    /// Of the submission set.
    pub submission_id: String,
    /// When the document is made.
    pub at: Timestamp,
}

/// The two forms of one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The clinical document: a CDA R2 level 1 with the PDF as its body. This is what is exchanged, and what unique id, size
    /// and digest in any metadata are about.
    Cda,
    /// The same pages without the header, for who shows or prints them.
    Pdf,
}

impl Form {
    /// Its media type, as XDS and FHIR name it.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Cda => "text/xml",
            Self::Pdf => "application/pdf",
        }
    }
}

/// A document that has been rendered: everything a recipient is told about it follows from its header and its bytes.
#[derive(Clone)]
pub struct Document {
    /// Which edition it is.
    pub edition: Edition,
    /// What is told about it, in any standard.
    pub header: Header,
    /// PDF/A-1b.
    pub pdf: Vec<u8>,
    /// CDA R2 level 1 with that PDF.
    pub cda: Vec<u8>,
}

impl Document {
    /// The document of that report with those pages: its header is derived, and its CDA rendered and checked.
    ///
    /// # Errors
    /// Internal, if an id of the edition is no UUID. `Invalid`, with every fault, when the CDA breaks a rule of
    /// [`cda::check`]: such a document must not be stored.
    pub fn new(report: &Report, edition: Edition, issuer: &Issuer, pdf: Vec<u8>) -> Result<Self, Problem> {
        uuid(&edition.cda_id)?;
        uuid(&edition.pdf_id)?;
        let header = Header::new(report, &edition, issuer)?;
        let cda = cda::render(&header, &pdf);
        let mut faults = cda::check(&cda, issuer.environment);
        faults.retain(|fault| fault.severity >= Severity::Error);
        if !faults.is_empty() {
            return Err(Problem::with(Category::Invalid, faults));
        }
        Ok(Self { edition, header, pdf, cda })
    }

    /// Unique id of the document as a URI, `urn:oid:2.25.…`.
    #[must_use]
    pub fn unique_id(&self) -> String {
        format!("urn:oid:{}", self.header.id)
    }

    /// The bytes of that form.
    #[must_use]
    pub fn bytes(&self, form: Form) -> &[u8] {
        match form {
            Form::Cda => &self.cda,
            Form::Pdf => &self.pdf,
        }
    }

    /// Id of the `Binary` of that form.
    #[must_use]
    pub fn binary_id(&self, form: Form) -> &str {
        match form {
            Form::Cda => &self.edition.cda_id,
            Form::Pdf => &self.edition.pdf_id,
        }
    }

    /// SHA-1 of the bytes in Base64, as FHIR writes it (in XDS the same digest is hexadecimal).
    #[must_use]
    pub fn hash(&self, form: Form) -> String {
        STANDARD.encode(Sha1::digest(self.bytes(form)))
    }

    /// The bytes as a `Binary`, with its id or without.
    #[must_use]
    pub fn binary(&self, form: Form, with_id: bool) -> Value {
        let mut binary = json!({"resourceType": "Binary"});
        if with_id {
            binary["id"] = json!(self.binary_id(form));
        }
        binary["contentType"] = json!(form.media_type());
        binary["data"] = json!(STANDARD.encode(self.bytes(form)));
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
