//! The header of a clinical document: everything that its recipients are told about it, derived once.
//!
//! The CDA header, XDS and MHD metadata, and the segments of HL7 v2 are all written from this value, so that they cannot
//! differ (CI-SIS, *Volet Structuration minimale de documents de santé* and the tables that relate it to XDS):
//!
//! | here | CDA R2 | XDS `DocumentEntry` | HL7 v2 |
//! |---|---|---|---|
//! | `id` | `id/@root` | `uniqueId` | TXA-12 |
//! | `set_id`, `version` | `setId`, `versionNumber` | – | – |
//! | `replaces` | `relatedDocument[RPLC]/parentDocument/id` | `RPLC` | TXA-13 |
//! | `code`, `title` | `code`, `title` | `typeCode`, `title` | OBR-4, TXA-2 |
//! | `created_at` | `effectiveTime` | `creationTime` | TXA-6 |
//! | `confidentiality`, `visibility` | `confidentialityCode` | `confidentialityCode` | OBX `MetaDMPMSS` |
//! | `patient`, `local_id` | `recordTarget` | `patientId`, `sourcePatientId` | PID |
//! | `author`, `organization` | `author`, `legalAuthenticator`, `performer` | `author`, `legalAuthenticator` | OBR-16, PRT |
//! | `service` | `serviceEvent/effectiveTime` | `serviceStartTime`, `serviceStopTime` | OBR-7, OBR-8 |
//! | `facility_type`, `practice_setting` | `healthCareFacility`, `standardIndustryClassCode` | the same | – |
//!
//! Every OID is bare (`2.25.…`), and every time has the offset that held in France at that moment.

mod derive;
mod name_based;

use jiff::Zoned;

pub(super) use derive::oid_of_system;
pub use derive::unique_id;

use super::people::{Organization, Professional};
use super::subject::Subject;
use super::visit::Visit;
use crate::identity::Environment;
use crate::terminology::nos::Code;

/// All that a recipient is told about a document, but for its bytes. There is no `Debug`: it is patient data.
///
/// Made by [`Header::new`]; the same report, edition and issuer give the same value.
#[derive(Clone)]
pub struct Header {
    /// Whether real patients are concerned, or test identities.
    pub environment: Environment,
    /// Unique id of this version of the document: a whole OID, never with an extension, which the DMP refuses.
    pub id: String,
    /// What all versions of the document share: an OID.
    pub set_id: String,
    /// 1 for the first version, one more for each replacement.
    pub version: u32,
    /// Unique id of the version that this one replaces: an OID.
    pub replaces: Option<String>,
    /// Type of document, LOINC 85208-7.
    pub code: Code,
    /// Class of document, which follows from the type (`ASS_X16`).
    pub class: Code,
    /// Format: a CDA whose body is a PDF/A-1 (`urn:ihe:iti:xds-sd:pdf:2008`).
    pub format: Code,
    /// Title, with the day.
    pub title: String,
    /// `fr-FR`.
    pub language: &'static str,
    /// When this version was made and signed.
    pub created_at: Zoned,
    /// `N`, `R` or `V`.
    pub confidentiality: Code,
    /// From whom the document is hidden: `MASQUE_PS`, `INVISIBLE_PATIENT`, `INVISIBLE_REPRESENTANTS_LEGAUX`; in metadata and
    /// messages, not in the document itself.
    pub visibility: Vec<Code>,
    /// Whose document it is. Its INS is there only when the identity is qualified in this environment.
    pub patient: Subject,
    /// The visit that it belongs to.
    pub visit: Visit,
    /// The number of the hospital (IPP), if there is one.
    pub local_id: Option<LocalId>,
    /// Who wrote the report and takes responsibility for it; also the performer of the act.
    pub author: Professional,
    /// Where the author works, and who keeps the document.
    pub organization: Organization,
    /// To whom it is addressed besides the record: the prescriber and the patient's own physician, the author left out.
    pub recipients: Vec<Professional>,
    /// From the first day covered to the last, or to the moment of the report if that is earlier.
    pub service: (Zoned, Zoned),
    /// Type of encounter.
    pub encounter: Code,
    /// Type of facility.
    pub facility_type: Code,
    /// Setting of practice.
    pub practice_setting: Code,
    /// Software that made it, with its version.
    pub software: String,
    /// The submission that the document goes out with.
    pub submission: Submission,
}

/// A patient's number at the hospital, with the OID that assigns it. There is no `Debug`: it is patient data.
#[derive(Clone, PartialEq, Eq)]
pub struct LocalId {
    /// The number.
    pub value: String,
    /// The OID that assigns it: the one of its FHIR system (`urn:oid:…`), the one configured, else one computed from the
    /// system's address (a name-based UUID under 2.25), which a recipient has to be told of.
    pub oid: String,
}

/// The submission set, as XDS and MHD know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Unique id: an OID.
    pub id: String,
    /// OID of this installation (`sourceId`).
    pub source_oid: String,
    /// Type of activity (`contentTypeCode`).
    pub content_type: Code,
}

/// A time as HL7 v2 and v3 write it, with its offset: `20260309152000+0100`.
#[must_use]
pub fn hl7_time(at: &Zoned) -> String {
    at.strftime("%Y%m%d%H%M%S%z").to_string()
}

/// A time as XDS writes it, in UTC without offset: `20260309142000`.
#[must_use]
pub fn xds_time(at: &Zoned) -> String {
    at.timestamp().strftime("%Y%m%d%H%M%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_moment_is_written_with_its_offset_and_in_utc() {
        let check = |at: &str, hl7: &str, xds: &str| {
            let at = crate::report::french::in_paris(at.parse().unwrap());
            assert_eq!((hl7_time(&at).as_str(), xds_time(&at).as_str()), (hl7, xds));
        };
        check("2026-03-09T14:20:00Z", "20260309152000+0100", "20260309142000");
        check("2026-07-14T22:30:05Z", "20260715003005+0200", "20260714223005");
    }
}
