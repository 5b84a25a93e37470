//! The clinical document: CDA R2 level 1 (HL7 CDA R2, CI-SIS *Volet Structuration minimale de documents de santé*), whose
//! body is the PDF/A-1 of the report.
//!
//! [`render`] writes it from the [`Header`] alone; [`check`] reads it back, without the header, and judges what the
//! official schematrons do not look at.

mod act;
mod check;
mod element;
mod participants;
mod rules;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Header;
use super::header::hl7_time;
use crate::xml::Element;
use element::{document, element};

pub use check::check;

/// The namespace of HL7 v3.
const HL7: &str = "urn:hl7-org:v3";

/// The three templates that an unstructured document declares, and no other: HL7 France, the CI-SIS header, and IHE XDS-SD.
const TEMPLATES: [&str; 3] =
    ["2.16.840.1.113883.2.8.2.1", "1.2.250.1.213.1.1.1.1", "1.3.6.1.4.1.19376.1.2.20"];

/// Writes the document. The same header and pages give the same bytes.
#[must_use]
pub fn render(header: &Header, pdf: &[u8]) -> Vec<u8> {
    let root = element("ClinicalDocument")
        .child(element("realmCode").attribute("code", "FR"))
        .child(
            element("typeId")
                .attribute("root", "2.16.840.1.113883.1.3")
                .attribute("extension", "POCD_HD000040"),
        )
        .with(TEMPLATES.map(|root| element("templateId").attribute("root", root)))
        .child(oid("id", &header.id))
        .child(participants::coded("code", &header.code).attribute("codeSystemName", "LOINC"))
        .child(element("title").text(&header.title))
        .child(element("effectiveTime").attribute("value", hl7_time(&header.created_at)))
        .child(participants::coded("confidentialityCode", &header.confidentiality))
        .child(element("languageCode").attribute("code", header.language))
        .child(oid("setId", &header.set_id))
        .child(element("versionNumber").attribute("value", header.version.to_string()))
        .child(participants::record_target(header))
        .child(participants::author(header))
        .child(participants::custodian(header))
        .with(header.recipients.iter().map(participants::recipient))
        .child(participants::legal_authenticator(header))
        .child(act::documentation_of(header))
        .with(header.replaces.as_deref().map(related_document))
        .child(act::component_of(header))
        .child(body(pdf));
    document(&root)
}

/// An identifier that is a whole OID: no extension, which the DMP refuses.
fn oid(name: &'static str, root: &str) -> Element {
    element(name).attribute("root", root)
}

fn related_document(parent: &str) -> Element {
    element("relatedDocument")
        .attribute("typeCode", "RPLC")
        .child(element("parentDocument").child(oid("id", parent)))
}

fn body(pdf: &[u8]) -> Element {
    element("component").child(
        element("nonXMLBody").child(
            element("text")
                .attribute("mediaType", "application/pdf")
                .attribute("representation", "B64")
                .text(STANDARD.encode(pdf)),
        ),
    )
}

#[cfg(test)]
mod tests;
