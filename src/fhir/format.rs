//! The two wire formats of FHIR (<https://hl7.org/fhir/R4/formats.html>), and a document in one of them.

use crate::json::Value;

use super::{parse, xml};
use crate::problem::{Issue, Problem};

/// A wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `application/fhir+json`
    Json,
    /// `application/fhir+xml`
    Xml,
}

impl Format {
    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => super::MEDIA_TYPE,
            Self::Xml => xml::MEDIA_TYPE,
        }
    }
}

/// The bytes of one resource as they came, and what they are said to be.
#[derive(Clone, Copy)]
pub struct Document<'a> {
    /// As they came.
    pub bytes: &'a [u8],
    /// What the sender says they are.
    pub format: Format,
}

/// A resource as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The resource, without what could not be read.
    pub resource: Value,
    /// Errors: what could not be read and was passed over, each with its place. Always empty for JSON.
    pub issues: Vec<Issue>,
}

impl Document<'_> {
    /// Reads the one resource that the bytes are.
    ///
    /// # Errors
    /// `Malformed`, with the place, when the bytes are no JSON object or no XML document of a resource.
    pub fn read(self) -> Result<Reading, Problem> {
        match self.format {
            Format::Json => Ok(Reading { resource: parse(self.bytes)?, issues: Vec::new() }),
            Format::Xml => xml::read(self.bytes),
        }
    }
}

impl std::fmt::Debug for Document<'_> {
    /// No content: it is a patient's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes of {}", self.bytes.len(), self.format.media_type())
    }
}

/// Bytes without a media type are JSON.
impl<'a> From<&'a [u8]> for Document<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self { bytes, format: Format::Json }
    }
}

impl<'a> From<&'a Vec<u8>> for Document<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::from(bytes.as_slice())
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Document<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::from(bytes.as_slice())
    }
}
