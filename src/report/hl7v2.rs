//! *Transmission d'un document CDA R2 en HL7v2* (CI-SIS, 2.1.3): one document to the hospital's intermediation platform
//! (PFI), as `MDM^T02/T10/T04` (HL7 v2.6) or `ORU^R01` (v2.5), with what the platform is asked to do with it.
//!
//! A [`Transmission`] is all that a message says, as plain values; [`Transmission::render`] refuses what the guide
//! forbids and writes the bytes. The same transmission gives the same bytes, whenever it is rendered.
//!
//! What the guide's examples do and its text does not (labels left out, trailing separators, identifiers with prefix
//! under the type `RPPS`) is not followed: read tolerantly, write strictly.

mod check;
mod flags;
mod mdm;
mod oru;
mod participation;
pub(super) mod route;
mod segments;

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use flags::{Flags, Listing};
pub use participation::{Organization, Person, Recipient, Sender};
pub use route::{Changes, Route};

use crate::hl7v2::{Message, Party};
use crate::problem::Problem;

/// Identifier of the message profile, MSH-21.
const PROFILE: [&str; 2] = ["2.1", "CISIS_CDA_HL7_V2"];

/// Which message carries the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `MDM`, v2.6: the document with its metadata in TXA.
    Mdm,
    /// `ORU^R01`, v2.5.
    Oru,
}

/// What is asked for the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// It is new: T02, `NW`, `F`.
    First,
    /// It replaces another one: T10, `RO`, `C`.
    Replacement {
        /// OID of the document that is replaced.
        parent: String,
    },
    /// It is withdrawn: T04, `CA`, `D`.
    Deletion,
}

impl Act {
    /// Event of the MDM message, ORC-1 and OBX-11: the platform rejects what does not agree.
    const fn codes(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::First => ("T02", "NW", "F"),
            Self::Replacement { .. } => ("T10", "RO", "C"),
            Self::Deletion => ("T04", "CA", "D"),
        }
    }
}

/// The document that is carried.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    /// Its OID: `ClinicalDocument/id/@root`, without extension, because the DMP refuses one.
    pub unique_id: String,
    /// Type of document: code of `JDV_J07`, its display, and `LN` or `TRE_A05`.
    pub code: [String; 3],
    /// `ClinicalDocument/confidentialityCode`: `N`, `R` or `V`.
    pub confidentiality: String,
    /// The CDA document.
    pub bytes: Vec<u8>,
}

/// A number of the patient, as `ClinicalDocument/recordTarget/patientRole/id` has it.
#[derive(Clone, PartialEq, Eq)]
pub struct PatientNumber {
    /// The number itself.
    pub value: String,
    /// Name of the authority: `ASIP-SANTE-INS-NIR`, or that of the hospital.
    pub authority: String,
    /// OID of the authority.
    pub oid: String,
    /// `INS` or `PI`: in HL7 v2 the INS has neither the type of XDS (`NH`) nor that of FHIR (`INS-NIR`).
    pub kind: &'static str,
}

impl PatientNumber {
    /// An INS under its OID.
    #[must_use]
    pub fn ins(value: &str, oid: &str) -> Self {
        // The OIDs of test and demonstration identities keep the name of the INS-NIR, as the guide's examples do.
        let authority = if oid == INS_NIA { "ASIP-SANTE-INS-NIA" } else { "ASIP-SANTE-INS-NIR" };
        Self { value: value.to_owned(), authority: authority.to_owned(), oid: oid.to_owned(), kind: "INS" }
    }

    /// The number of the hospital (IPP).
    #[must_use]
    pub fn local(value: &str, authority: &str, oid: &str) -> Self {
        Self { value: value.to_owned(), authority: authority.to_owned(), oid: oid.to_owned(), kind: "PI" }
    }
}

/// OID of an INS made from a NIA.
const INS_NIA: &str = "1.2.250.1.213.1.4.9";

/// Who the document is about (PAM.fr 2.11, PID).
#[derive(Clone, PartialEq, Eq)]
pub struct Patient {
    /// Every number, as in the document.
    pub numbers: Vec<PatientNumber>,
    /// Name of birth.
    pub birth_name: String,
    /// First given name of birth.
    pub first_name: String,
    /// All given names of birth.
    pub given_names: String,
    /// Name in use, where it differs.
    pub used_name: Option<String>,
    /// `YYYYMMDD`.
    pub birth_date: String,
    /// `F`, `M` or `U`.
    pub sex: &'static str,
    /// INSEE code of the place of birth.
    pub birth_place: Option<String>,
    /// PID-32: `VALI`, or `PROV` when the identity is not validated.
    pub status: &'static str,
    /// PID-18, where known.
    pub account: Option<PatientNumber>,
}

/// The stay or the consultation (PV1).
#[derive(Clone, PartialEq, Eq)]
pub struct Visit {
    /// PV1-2: `E`, `I`, `O`, `R` or `N`.
    pub class: String,
    /// PV1-19 with its authority; required but for `N`.
    pub number: Option<PatientNumber>,
}

/// Everything that one message says.
#[derive(Clone, PartialEq, Eq)]
pub struct Transmission {
    /// Which message.
    pub kind: Kind,
    /// What is asked.
    pub act: Act,
    /// MSH-10: the same for every attempt.
    pub control_id: String,
    /// When the message was decided.
    pub at: Timestamp,
    /// The zone in which times are written.
    pub zone: TimeZone,
    /// MSH-3 and MSH-4.
    pub from: Party,
    /// MSH-5 and MSH-6.
    pub to: Party,
    /// MSH-11: `P`, `T` or `D`.
    pub processing: String,
    /// PID.
    pub patient: Patient,
    /// PV1.
    pub visit: Visit,
    /// The document.
    pub payload: Payload,
    /// Who asks.
    pub sender: Sender,
    /// The establishment of the one who asks.
    pub organization: Organization,
    /// Who gets a copy by MSSanté.
    pub recipients: Vec<Recipient>,
    /// Where recipients may answer.
    pub reply_to: Option<String>,
    /// What the platform does with it.
    pub flags: Flags,
    /// Which combinations of flags are sent.
    pub listing: Listing,
    /// Text of the mail to professionals and to the patient.
    pub mail: [Option<String>; 2],
}

impl fmt::Debug for Transmission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transmission({}, {:?}, {} bytes)", self.control_id, self.kind, self.payload.bytes.len())
    }
}

impl Transmission {
    /// The message, in UTF-8.
    ///
    /// # Errors
    /// `Invalid` with everything that the guide forbids: see [`Transmission::check`].
    pub fn render(&self) -> Result<Vec<u8>, Problem> {
        self.check()?;
        let segments = match self.kind {
            Kind::Mdm => mdm::segments(self),
            Kind::Oru => oru::segments(self),
        };
        Ok(Message::new(segments).encode())
    }

    /// Refuses what the platform would reject, before anything is sent.
    ///
    /// # Errors
    /// `Invalid` with every fault and its place in the message.
    pub fn check(&self) -> Result<(), Problem> {
        check::check(self)
    }
}

#[cfg(test)]
mod example;
#[cfg(test)]
pub(crate) mod tests;
