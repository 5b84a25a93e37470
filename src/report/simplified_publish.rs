//! Simplified Publish, IHE ITI-105 (MHD 4.2.3), under the constraints of `PDSm` 3.1.1: one description with the document
//! in it. The recipient makes `Binary` and submission set of it.
//!
//! A repeat carries the same unique id (`masterIdentifier`), by which a recipient recognises it.

use crate::json::{Value, json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::codes::PDSM;
use super::document::Form;
use super::document_reference::{Links, describe};
use super::{Document, Issuer, Report, contained};
use crate::problem::Problem;

/// Renders the request. The same report and document give the same value, and so the same bytes.
///
/// The replaced document is named by its unique id: the recipient supersedes it by itself, as nothing but the description is
/// sent. A recipient that has not got it is rendered a report that replaces nothing.
///
/// # Errors
/// Internal, if the id of the replaced document is no UUID.
pub fn render(report: &Report, document: &Document, issuer: &Issuer) -> Result<Value, Problem> {
    let links = Links {
        subject: json!({"reference": "#patient", "identifier": contained::identifier(&report.subject)}),
        binary: String::new(),
        report: None,
        replaced: None,
    };
    let mut described = describe(report, document, issuer, &links)?;
    described["meta"]["profile"] = json!([format!("{PDSM}/pdsm-simplified-publish")]);
    if let Some(elements) = described.as_object_mut() {
        // The entryUUID is the recipient's to give.
        elements.remove("identifier");
    }
    if let Some(attachment) = described["content"][0]["attachment"].as_object_mut() {
        attachment.remove("url");
        attachment.insert("data", json!(STANDARD.encode(document.bytes(Form::Cda))));
    }
    Ok(described)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    fn rendered(replaces: bool) -> Value {
        let replaces = replaces.then(example::replaced);
        let report = Report { replaces, ..example::report() };
        render(&report, &example::document(), &example::issuer()).unwrap()
    }

    #[test]
    fn the_document_is_in_its_description() {
        let described = rendered(true);
        let attachment = &described["content"][0]["attachment"];
        let data = STANDARD.decode(attachment["data"].as_str().unwrap()).unwrap();
        assert_eq!(data, example::document().bytes(Form::Cda));
        assert_eq!(attachment["size"], data.len());
        assert!(attachment.get("url").is_none() && described.get("identifier").is_none());
        assert_eq!(described["masterIdentifier"]["value"], example::document().unique_id());
    }

    #[test]
    fn a_replaced_document_is_named_where_it_is_known() {
        assert_eq!(rendered(true)["relatesTo"][0]["code"], "replaces");
        assert!(rendered(false).get("relatesTo").is_none());
    }

    #[test]
    fn base_r4_finds_no_fault() {
        let issues = crate::fhir::structure::check(&rendered(true));
        let errors: Vec<_> =
            issues.iter().filter(|one| one.severity >= crate::problem::Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}
