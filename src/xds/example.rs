//! A submission for the tests of this room: one report about the official test identity.

use super::{Author, Code, DocumentEntry, Submission, SubmissionSet, hl7};

/// The document of the example.
pub(crate) const DOCUMENT: &[u8] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><title>Compte rendu d\u{e9}mo</title></ClinicalDocument>".as_bytes();

pub(crate) const PATIENT: &str = "279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH";

pub(crate) fn author() -> Author {
    Author {
        person: hl7::person("810001234567", "ONCOLOGUE-TEST", "Essai"),
        institutions: vec![hl7::structure("CENTRE DE TEST", "1999999999")],
        roles: vec![],
        specialties: vec![hl7::coded(&Code::new(
            "G15_10/SM26",
            "1.2.250.1.213.1.1.4.5",
            "Médecin - Oncologie médicale (SM)",
        ))],
    }
}

pub(crate) fn entry() -> DocumentEntry {
    DocumentEntry {
        id: "Document01".into(),
        logical_id: None,
        version: None,
        status: None,
        unique_id: "2.25.329800735698586629295641978511506172918".into(),
        patient_id: PATIENT.into(),
        source_patient_id: hl7::cx("P-42", "2.25.20260301.1", "PI"),
        source_patient_info: vec![
            "PID-5|PAT-TROIS^DOMINIQUE^^^^^L".into(),
            "PID-7|19790328".into(),
            "PID-8|F".into(),
        ],
        authors: vec![author()],
        legal_authenticator: author().person,
        class_code: Code::new("10", "1.2.250.1.213.1.1.4.1", "Compte rendu"),
        type_code: Code::new("85208-7", "2.16.840.1.113883.6.1", "Compte rendu de télémédecine"),
        format_code: Code::new(
            "urn:ihe:iti:xds-sd:pdf:2008",
            "1.3.6.1.4.1.19376.1.2.3",
            "Document à corps non structuré en Pdf/A-1",
        ),
        mime_type: "text/xml".into(),
        confidentiality: vec![Code::new("N", "2.16.840.1.113883.5.25", "Normal")],
        facility_type: Code::new("SA01", "1.2.250.1.71.4.2.4", "Etablissement public de santé"),
        practice_setting: Code::new("ETABLISSEMENT", "1.2.250.1.213.1.1.4.9", "Etablissement de santé"),
        event_codes: vec![],
        creation_time: "20260309142000".into(),
        service_start: "20260215230000".into(),
        service_stop: Some("20260309142000".into()),
        language: "fr-FR".into(),
        title: "Compte rendu de télésurveillance du 9 mars 2026".into(),
        comments: None,
        hash: super::message::sha1(DOCUMENT),
        size: DOCUMENT.len() as u64,
        reference_ids: vec![],
        uri: None,
        repository_id: None,
    }
}

pub(crate) fn set() -> SubmissionSet {
    SubmissionSet {
        id: "SubmissionSet01".into(),
        unique_id: "2.25.155279211829311651374562365921541937165".into(),
        source_id: "2.25.20260301".into(),
        patient_id: PATIENT.into(),
        submission_time: "20260309142002".into(),
        author: author(),
        content_type: Code::new("07", "1.2.250.1.213.2.2", "Consultation Soins Externes"),
        title: Some("Compte rendu de télésurveillance du 9 mars 2026".into()),
        comments: None,
    }
}

pub(crate) fn submission() -> Submission {
    Submission::of(set(), vec![entry()])
}
