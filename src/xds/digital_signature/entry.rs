//! The entry of a signature document: it describes itself with codes of its own and is hidden from people.

use crate::xds::ebrim::read_parts::classified;
use crate::xds::metadata::{Code, DocumentEntry, SubmissionSet};
use crate::xds::scheme::ENTRY_CLASS;
use crate::xml::Element;

const CLASS: &str = "urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1";

/// The entry of the signature of a set: author, patient and time are those of the set, facility and setting those of the
/// document that is signed.
#[must_use]
pub fn entry(
    id: &str,
    unique_id: &str,
    bytes: &[u8],
    set: &SubmissionSet,
    signed: &DocumentEntry,
) -> DocumentEntry {
    let code = Code::new;
    let visibility = "1.2.250.1.213.1.1.4.13";
    DocumentEntry {
        id: id.to_owned(),
        logical_id: None,
        version: None,
        status: None,
        unique_id: unique_id.to_owned(),
        patient_id: set.patient_id.clone(),
        source_patient_id: signed.source_patient_id.clone(),
        source_patient_info: Vec::new(),
        authors: vec![set.author.clone()],
        legal_authenticator: set.author.person.clone(),
        class_code: code(CLASS, "URN", "Digital Signature"),
        type_code: code("E1762", "ASTM", "Full Document"),
        format_code: code("http://www.w3.org/2000/09/xmldsig#", "URN", "Default Signature Style"),
        mime_type: "text/xml".to_owned(),
        confidentiality: vec![
            code("N", "2.16.840.1.113883.5.25", "Normal"),
            code("MASQUE_PS", visibility, "Masqué aux professionnels de santé"),
            code("INVISIBLE_PATIENT", visibility, "Non visible par le patient"),
        ],
        facility_type: signed.facility_type.clone(),
        practice_setting: signed.practice_setting.clone(),
        event_codes: vec![code(super::PURPOSE, "1.2.840.10065.1.12", "Source")],
        creation_time: set.submission_time.clone(),
        service_start: set.submission_time.clone(),
        service_stop: Some(set.submission_time.clone()),
        language: "art".to_owned(),
        title: "Source".to_owned(),
        comments: None,
        hash: crate::xds::message::sha1(bytes),
        size: bytes.len() as u64,
        reference_ids: Vec::new(),
        uri: None,
        repository_id: None,
    }
}

/// Whether an `ExtrinsicObject` describes a signature.
#[must_use]
pub fn is_signature(object: &Element) -> bool {
    classified(object, ENTRY_CLASS).any(|one| one.get("nodeRepresentation") == Some(CLASS))
}
