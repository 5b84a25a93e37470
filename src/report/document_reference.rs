//! The description of the document: `PDSm` comprehensive `DocumentReference` (`ans.fhir.fr.pdsm` 3.1.1 on IHE MHD 4.2.3).
//!
//! MHD has no `docStatus`: what is shared is final, and what replaces says so by `relatesTo`. It allows one content. It is the CDA, because that is the document in every French channel: the format
//! `urn:ihe:iti:xds-sd:pdf:2008` says that its body is a PDF/A-1, and unique id, size and digest are those of the CDA. The
//! bare PDF is the first `presentedForm` of the `DiagnosticReport`, which `context.related` names; were it described
//! here too, a record that files each description would show the same report twice.

use crate::json::{Value, json};

use super::codes::{
    CLASS, CLASS_SYSTEM, CONFIDENTIALITY, FORMAT, FORMAT_SYSTEM, PDSM, TYPE, VISIBILITY_SYSTEM,
};
use super::document::{Form, unique_id};
use super::{Coding, Document, Issuer, Report, contained};
use crate::fhir::datetime::instant;
use crate::problem::Problem;
use crate::terminology::{LOINC, URI_SYSTEM};

/// Where the parts of a description are found: here, or in the Bundle that carries them.
pub(super) struct Links {
    /// `DocumentReference.subject`.
    pub subject: Value,
    /// Address of the bytes.
    pub binary: String,
    /// Reference to the `DiagnosticReport`, where the reader can have it.
    pub report: Option<String>,
    /// Reference to the replaced document, where the reader can have it; its unique id is told too.
    pub replaced: Option<String>,
}

/// Renders the description as this service stores it: `Patient`, `Binary` and `DiagnosticReport` are those of this server.
///
/// # Errors
/// Internal, if the id of the replaced document is no UUID.
pub fn render(report: &Report, document: &Document, issuer: &Issuer) -> Result<Value, Problem> {
    let links = Links {
        subject: json!({"reference": report.subject.reference}),
        binary: format!("Binary/{}", document.binary_id(Form::Cda)),
        report: Some(format!("DiagnosticReport/{}", report.id)),
        replaced: report
            .replaces
            .as_ref()
            .map(|replaced| format!("DocumentReference/{}", replaced.document_id)),
    };
    let mut described = describe(report, document, issuer, &links)?;
    described["id"] = json!(document.edition.document_id);
    Ok(described)
}

/// The description without `id`, with its parts found at `links`.
pub(super) fn describe(
    report: &Report,
    document: &Document,
    issuer: &Issuer,
    links: &Links,
) -> Result<Value, Problem> {
    let mut described = json!({
        "resourceType": "DocumentReference",
        "id": null,
        "meta": {"profile": [format!("{PDSM}/pdsm-comprehensive-document-reference")]},
        "language": "fr-FR",
        "contained": contained::all(report),
        "masterIdentifier": {"use": "usual", "system": URI_SYSTEM, "value": document.unique_id()},
        "identifier": [
            {"use": "official", "system": URI_SYSTEM, "value": format!("urn:uuid:{}", document.edition.document_id)},
        ],
        "status": "current",
        "type": concept(LOINC, TYPE),
        "category": [concept(CLASS_SYSTEM, CLASS)],
        "subject": links.subject,
        "date": instant(document.edition.at),
        "author": [{"reference": "#author"}],
        "authenticator": {"reference": "#author"},
        "custodian": {"reference": "#custodian"},
        "relatesTo": null,
        "securityLabel": security_labels(document),
        "content": [{
            "attachment": attachment(document, Form::Cda, &links.binary),
            "format": {"system": FORMAT_SYSTEM, "code": FORMAT.0, "display": FORMAT.1},
        }],
        "context": {
            "period": {"start": report.findings.period.0, "end": report.findings.period.1},
            "facilityType": {"coding": [coding(&issuer.facility_type)]},
            "practiceSetting": {"coding": [coding(&issuer.practice_setting)]},
            "sourcePatientInfo": {"reference": "#patient"},
        },
    });
    if let Some(replaced) = &report.replaces {
        let mut target = json!({"type": "DocumentReference"});
        if let Some(reference) = &links.replaced {
            target["reference"] = json!(reference);
        }
        target["identifier"] = json!({"system": URI_SYSTEM, "value": unique_id(&replaced.document_id)?});
        described["relatesTo"] = json!([{"code": "replaces", "target": target}]);
    }
    if let Some(reference) = &links.report {
        described["context"]["related"] = json!([{"reference": reference}]);
    }
    if let Some(elements) = described.as_object_mut() {
        elements.retain(|_, value| !value.is_null());
    }
    Ok(described)
}

/// What is told about the bytes, wherever they are.
pub(super) fn attachment(document: &Document, form: Form, url: &str) -> Value {
    json!({
        "contentType": form.media_type(),
        "language": document.header.language,
        "url": url,
        "size": document.bytes(form).len(),
        "hash": document.hash(form),
        "title": document.header.title,
        "creation": instant(document.header.created_at.timestamp()),
    })
}

/// The confidentiality, then each kind of reader from whom the document is hidden.
fn security_labels(document: &Document) -> Vec<Value> {
    let header = &document.header;
    let masks = header.visibility.iter().map(|mask| concept(VISIBILITY_SYSTEM, (&mask.code, &mask.display)));
    let level = concept(CONFIDENTIALITY, (&header.confidentiality.code, &header.confidentiality.display));
    std::iter::once(level).chain(masks).collect()
}

/// A coding of the issuer's configuration.
pub(super) fn coding(coding: &Coding) -> Value {
    json!({"system": coding.system, "code": coding.code, "display": coding.display})
}

fn concept(system: &str, (code, display): (&str, &str)) -> Value {
    json!({"coding": [{"system": system, "code": code, "display": display}]})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    fn rendered() -> Value {
        render(&example::report(), &example::document(), &example::issuer()).unwrap()
    }

    #[test]
    fn the_hard_constraints_of_pdsm_hold() {
        let reference = rendered();
        for place in [
            "masterIdentifier",
            "contained",
            "type",
            "category",
            "subject",
            "date",
            "author",
            "authenticator",
            "custodian",
            "securityLabel",
            "content",
            "context",
        ] {
            assert!(reference.get(place).is_some(), "{place} is missing");
        }
        let attachment = &reference["content"][0]["attachment"];
        for place in ["contentType", "language", "url", "size", "hash", "title", "creation"] {
            assert!(attachment.get(place).is_some(), "attachment.{place} is missing");
        }
        assert_eq!(reference["context"]["period"]["start"], "2026-02-16");
        assert_eq!(attachment["contentType"], "text/xml");
        assert_eq!(reference["type"]["coding"][0]["code"], "85208-7");
        assert_eq!(reference["category"][0]["coding"][0]["code"], "10");
    }

    #[test]
    fn the_hash_is_sha_1_of_the_bytes_in_base64() {
        // printf %%PDF | openssl sha1 -binary | base64
        let document = Document { cda: b"%PDF".to_vec(), ..example::document() };
        assert_eq!(document.hash(Form::Cda), "ObbXPv82STugZ05IJVqdgXJLRSE=");
    }

    #[test]
    fn every_contained_resource_is_referenced() {
        let reference = rendered();
        let text = reference.to_string();
        for resource in reference["contained"].as_array().unwrap() {
            let id = resource["id"].as_str().unwrap();
            assert!(text.contains(&format!("\"#{id}\"")), "#{id} is referenced by nothing");
        }
    }

    #[test]
    fn a_replacement_names_the_replaced_document_by_its_unique_id() {
        let mut report = example::report();
        report.replaces = Some(example::replaced());
        let reference = render(&report, &example::document(), &example::issuer()).unwrap();
        let target = &reference["relatesTo"][0]["target"];
        assert_eq!(reference["relatesTo"][0]["code"], "replaces");
        assert!(target["identifier"]["value"].as_str().unwrap().starts_with("urn:oid:2.25."), "{target}");
        assert!(rendered().get("relatesTo").is_none());
    }

    #[test]
    fn base_r4_finds_no_fault() {
        let issues = crate::fhir::structure::check(&rendered());
        let errors: Vec<_> =
            issues.iter().filter(|one| one.severity >= crate::problem::Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}
