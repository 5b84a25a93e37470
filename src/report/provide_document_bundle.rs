//! Provide Document Bundle, IHE ITI-65, under the constraints of `PDSm` 3.1.1: submission set, description, bytes.
//!
//! A repeat carries the same unique ids; `ifNoneExist` lets a plain FHIR server recognise it too. A replacement says of the
//! replaced document that it is superseded (`UpdateDocumentRefs` of MHD 4.2.3), by its unique id: `PDSm` has its servers
//! take a conditional PATCH.

use crate::json::{Value, json};

use super::codes::{ACTIVITY_SYSTEM, MHD, MHD_LIST_TYPES, PDSM};
use super::document::{Form, unique_id};
use super::document_reference::{Links, describe};
use super::{Document, Issuer, Report, contained};
use crate::fhir::datetime::instant;
use crate::problem::Problem;
use crate::terminology::URI_SYSTEM;

/// Renders the request. The same report and document give the same value, and so the same bytes.
///
/// The patient is named by the description and the submission set alone (contained, with the number that may be sent):
/// the recipient knows its patients, and none is created there. The replaced document is named by its unique id, as its
/// id at the recipient is not known here; a recipient that has not got it is rendered a report that replaces nothing.
///
/// # Errors
/// Internal, if the id of the replaced document is no UUID.
pub fn render(report: &Report, document: &Document, issuer: &Issuer) -> Result<Value, Problem> {
    let urn = |id: &str| format!("urn:uuid:{id}");
    let edition = &document.edition;
    let links = Links {
        subject: json!({"reference": "#patient", "identifier": contained::identifier(&report.subject)}),
        binary: urn(&edition.cda_id),
        report: None,
        replaced: None,
    };
    let entries = [
        (
            &edition.submission_id,
            submission_set(report, document, issuer)?,
            Some(unique_id(&edition.submission_id)?),
        ),
        (&edition.document_id, describe(report, document, issuer, &links)?, Some(document.unique_id())),
        (&edition.cda_id, document.binary(Form::Cda, false), None),
    ];
    let superseded = match &report.replaces {
        Some(replaced) => Some(superseded(&unique_id(&replaced.document_id)?)),
        None => None,
    };
    let created = entries.map(|(id, resource, unique)| entry(&urn(id), resource, unique));
    Ok(json!({
        "resourceType": "Bundle",
        "meta": {"profile": [format!("{PDSM}/pdsm-comprehensive-provide-document-bundle")]},
        "identifier": {"system": URI_SYSTEM, "value": urn(&edition.submission_id)},
        "type": "transaction",
        "timestamp": instant(edition.at),
        "entry": created.into_iter().chain(superseded).collect::<Vec<_>>(),
    }))
}

fn entry(full_url: &str, resource: Value, unique_id: Option<String>) -> Value {
    let mut request = json!({"method": "POST", "url": resource["resourceType"]});
    if let Some(unique_id) = unique_id {
        request["ifNoneExist"] = json!(format!("identifier={URI_SYSTEM}|{unique_id}"));
    }
    json!({"fullUrl": full_url, "resource": resource, "request": request})
}

/// The change of the replaced document (`IHE.MHD.Patch.Parameters`).
fn superseded(unique_id: &str) -> Value {
    json!({
        "resource": {
            "resourceType": "Parameters",
            "meta": {"profile": [format!("{MHD}/IHE.MHD.Patch.Parameters")]},
            "parameter": [{"name": "operation", "part": [
                {"name": "type", "valueCode": "replace"},
                {"name": "path", "valueString": "DocumentReference.status"},
                {"name": "value", "valueCode": "superseded"},
            ]}],
        },
        "request": {
            "method": "PATCH",
            "url": format!("DocumentReference?identifier={URI_SYSTEM}|{unique_id}"),
        },
    })
}

/// The submission set (`pdsm-submissionset-comprehensive`), a `List`.
fn submission_set(report: &Report, document: &Document, issuer: &Issuer) -> Result<Value, Problem> {
    let edition = &document.edition;
    let activity = &document.header.submission.content_type;
    let source_id = json!({"system": URI_SYSTEM, "value": format!("urn:oid:{}", issuer.source_oid)});
    Ok(json!({
        "resourceType": "List",
        "meta": {"profile": [format!("{PDSM}/pdsm-submissionset-comprehensive")]},
        "language": "fr-FR",
        "contained": contained::all(report),
        "extension": [
            {
                "url": format!("{MHD}/ihe-designationType"),
                "valueCodeableConcept": {"coding": [
                    {"system": ACTIVITY_SYSTEM, "code": activity.code, "display": activity.display},
                ]},
            },
            {"url": format!("{MHD}/ihe-sourceId"), "valueIdentifier": source_id},
        ],
        "identifier": [
            {"use": "usual", "system": URI_SYSTEM, "value": unique_id(&edition.submission_id)?},
            {"use": "official", "system": URI_SYSTEM, "value": format!("urn:uuid:{}", edition.submission_id)},
        ],
        "status": "current",
        "mode": "working",
        "title": document.header.title,
        "code": {"coding": [{
            "system": MHD_LIST_TYPES, "code": "submissionset", "display": "SubmissionSet as a FHIR List",
        }]},
        "subject": {"reference": "#patient", "identifier": contained::identifier(&report.subject)},
        "date": instant(edition.at),
        "source": {"reference": "#author"},
        "entry": [{"item": {"reference": format!("urn:uuid:{}", edition.document_id)}}],
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    fn rendered() -> Value {
        render(&example::report(), &example::document(), &example::issuer()).unwrap()
    }

    #[test]
    fn the_same_document_gives_the_same_bytes() {
        assert_eq!(rendered().to_string(), rendered().to_string());
    }

    #[test]
    fn every_reference_into_the_bundle_is_found_there() {
        let bundle = rendered();
        let known: Vec<&str> = bundle["entry"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["fullUrl"].as_str().unwrap())
            .collect();
        let list = &bundle["entry"][0]["resource"];
        let described = &bundle["entry"][1]["resource"];
        assert!(known.contains(&list["entry"][0]["item"]["reference"].as_str().unwrap()));
        assert!(known.contains(&described["content"][0]["attachment"]["url"].as_str().unwrap()));
    }

    #[test]
    fn a_replacement_supersedes_the_document_where_it_is_known() {
        let report = crate::report::Report { replaces: Some(example::replaced()), ..example::report() };
        let bundle = render(&report, &example::document(), &example::issuer()).unwrap();
        let patch = &bundle["entry"][3];
        let target = bundle["entry"][1]["resource"]["relatesTo"][0]["target"]["identifier"]["value"].clone();
        assert!(patch["request"]["url"].as_str().unwrap().ends_with(target.as_str().unwrap()));
        assert_eq!(patch["resource"]["parameter"][0]["part"][2]["valueCode"], "superseded");
        let new = rendered();
        assert_eq!(new["entry"].as_array().unwrap().len(), 3);
        assert!(new["entry"][1]["resource"].get("relatesTo").is_none());
    }

    #[test]
    fn the_submission_set_says_what_pdsm_asks_for() {
        let bundle = rendered();
        let list = &bundle["entry"][0]["resource"];
        let urls: Vec<&str> =
            list["extension"].as_array().unwrap().iter().map(|one| one["url"].as_str().unwrap()).collect();
        assert!(urls[0].ends_with("/ihe-designationType") && urls[1].ends_with("/ihe-sourceId"));
        let uses: Vec<&str> =
            list["identifier"].as_array().unwrap().iter().map(|one| one["use"].as_str().unwrap()).collect();
        assert_eq!(uses, ["usual", "official"]);
        assert!(list.get("source").is_some() && list.get("subject").is_some());
    }

    #[test]
    fn base_r4_finds_no_fault() {
        let issues = crate::fhir::structure::check(&rendered());
        let errors: Vec<_> =
            issues.iter().filter(|one| one.severity >= crate::problem::Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}
