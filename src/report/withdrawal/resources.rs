//! The withdrawal in FHIR: from a plain FHIR server (transaction, FHIR R4 `RESTful` API 3.1.0.11) and from a Document
//! Recipient (`PDSm` 3.1.1, flow 03 *mise à jour des métadonnées*).
//!
//! MHD has no transaction that withdraws: ITI-65 registers, and knows no `entered-in-error`. `PDSm` adds the interaction
//! `patch` for status, confidentiality and archiving of a description, addressed by its business identifier; another
//! element, so `docStatus` too, is refused with 405. The draft for the DMP (`PDSm4DMP` 0.1.0) says `superseded` on one page
//! and `entered-in-error` on another: what a recipient wants is therefore decided by the site.

use crate::json::{Value, json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::{Sent, damaged};
use crate::fhir::datetime::instant;
use crate::fhir::element::{list, str_at};
use crate::problem::Problem;
use crate::report::document::unique_id;
use crate::terminology::URI_SYSTEM;

/// What of a withdrawn report a recipient is told anew; the rest is as it was sent.
const TOLD_ANEW: [&str; 3] = ["status", "extension", "text"];

/// The transaction that withdraws the document of `sent` from a FHIR server: its description and its report, as they were
/// sent, with the status `entered-in-error`. `withdrawn` is the report as it stands here now.
///
/// What the first transaction had besides is not sent again, as it may have changed since: a reference to it becomes one by
/// identifier. The bytes stay where they are.
///
/// # Errors
/// Internal, if what was sent is no such transaction.
pub fn transaction(sent: &Sent<'_>, withdrawn: &Value, at: Timestamp) -> Result<Value, Problem> {
    retold(sent, at, |resource| {
        resource["status"] = json!("entered-in-error");
        if resource["resourceType"] != "DiagnosticReport" {
            return;
        }
        for name in TOLD_ANEW {
            match withdrawn.get(name) {
                Some(value) => resource[name] = value.clone(),
                None => drop(resource.as_object_mut().and_then(|one| one.remove(name))),
            }
        }
    })
}

/// The transaction that puts the description of `sent` and its report again, as they were sent but for this change.
///
/// # Errors
/// Internal, if what was sent is no such transaction.
pub(in crate::report) fn retold(
    sent: &Sent<'_>,
    at: Timestamp,
    change: impl Fn(&mut Value),
) -> Result<Value, Problem> {
    let bundle = read(sent)?;
    let about = |entry: &&Value| {
        matches!(str_at(entry, "resource.resourceType"), Some("DocumentReference" | "DiagnosticReport"))
    };
    let mut entries = Vec::new();
    for entry in list(&bundle, "entry").filter(about) {
        let mut entry = entry.clone();
        if entry["resource"]["resourceType"] == "DocumentReference" && !is_of(&entry, sent)? {
            continue;
        }
        change(&mut entry["resource"]);
        entries.push(entry);
    }
    if entries.is_empty() {
        return Err(damaged("transaction with a document"));
    }
    let kept: Vec<String> = entries.iter().filter_map(full_url).collect();
    let left_out: Vec<(String, String)> = list(&bundle, "entry")
        .filter_map(|entry| Some((full_url(entry)?, str_at(entry, "resource.resourceType")?.to_owned())))
        .filter(|(url, _)| !kept.contains(url))
        .collect();
    for entry in &mut entries {
        by_identifier(&mut entry["resource"], &left_out);
    }
    Ok(json!({
        "resourceType": "Bundle",
        "type": "transaction",
        "timestamp": instant(at),
        "entry": entries,
    }))
}

/// The entry that says of the description in `sent` that it is superseded: a plain FHIR server does not find out by itself.
///
/// # Errors
/// Internal, if what was sent is no such transaction.
pub fn superseded(sent: &Sent<'_>) -> Result<Value, Problem> {
    let bundle = read(sent)?;
    let mut entries = list(&bundle, "entry").filter(|entry| {
        entry["resource"]["resourceType"] == "DocumentReference" && is_of(entry, sent).unwrap_or(false)
    });
    let mut entry = entries.next().cloned().ok_or_else(|| damaged("transaction with a document"))?;
    entry["resource"]["status"] = json!("superseded");
    Ok(entry)
}

/// The change that withdraws the document of `sent` from a Document Recipient, as the transaction of one entry that says
/// which request it is: the connector makes that very request of it, a conditional `PATCH` (JSON Patch, RFC 6902).
///
/// # Errors
/// Internal, if the id of the document is no UUID.
pub fn patch(sent: &Sent<'_>, status: &str, at: Timestamp) -> Result<Value, Problem> {
    conditional_patch(sent, &json!([{"op": "replace", "path": "/status", "value": status}]), at)
}

/// A change of the description of `sent` by its business identifier, as [`patch`] has it.
///
/// # Errors
/// Internal, if the id of the document is no UUID.
pub(in crate::report) fn conditional_patch(
    sent: &Sent<'_>,
    operations: &Value,
    at: Timestamp,
) -> Result<Value, Problem> {
    let unique_id = unique_id(sent.document_id)?;
    Ok(json!({
        "resourceType": "Bundle",
        "type": "transaction",
        "timestamp": instant(at),
        "entry": [{
            "resource": {
                "resourceType": "Binary",
                "contentType": "application/json-patch+json",
                "data": STANDARD.encode(operations.to_string()),
            },
            "request": {
                "method": "PATCH",
                "url": format!("DocumentReference?identifier={URI_SYSTEM}|{unique_id}"),
            },
        }],
    }))
}

fn read(sent: &Sent<'_>) -> Result<Value, Problem> {
    serde_json::from_slice(sent.payload).map_err(|_| damaged("Bundle"))
}

fn is_of(entry: &Value, sent: &Sent<'_>) -> Result<bool, Problem> {
    let unique_id = unique_id(sent.document_id)?;
    Ok(str_at(entry, "resource.masterIdentifier.value") == Some(&unique_id))
}

fn full_url(entry: &Value) -> Option<String> {
    str_at(entry, "fullUrl").map(str::to_owned)
}

/// Names what is not sent again by its identifier: nothing dangles.
fn by_identifier(value: &mut Value, left_out: &[(String, String)]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| by_identifier(item, left_out)),
        Value::Object(elements) => {
            let named = elements.get("reference").and_then(Value::as_str);
            let found = left_out.iter().find(|(url, _)| Some(url.as_str()) == named);
            if let Some((url, rtype)) = found {
                elements.remove("reference");
                elements.insert("type", json!(rtype));
                elements.insert("identifier", json!({"system": URI_SYSTEM, "value": url}));
            } else {
                elements.values_mut().for_each(|item| by_identifier(item, left_out));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Document, example, transaction_bundle};

    fn sent(document: &Document) -> Vec<u8> {
        let bundle = example::with_sources(|sources| {
            transaction_bundle::render(&example::report(), document, &example::issuer(), sources).unwrap()
        });
        serde_json::to_vec(&bundle).unwrap()
    }

    fn of<'a>(document: &'a Document, payload: &'a [u8]) -> Sent<'a> {
        Sent { document_id: &document.edition.document_id, content_type: "application/fhir+json", payload }
    }

    #[test]
    fn a_server_is_told_of_the_description_and_the_report_alone_and_nothing_dangles() {
        let document = example::document();
        let payload = sent(&document);
        let withdrawn = json!({
            "status": "entered-in-error",
            "extension": [{"url": "x", "valueString": "motif"}],
        });
        let at = "2026-07-01T08:00:00Z".parse().unwrap();
        let bundle = transaction(&of(&document, &payload), &withdrawn, at).unwrap();
        let entries = bundle["entry"].as_array().unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0]["resource"]["status"], "entered-in-error");
        assert!(entries[0]["resource"].get("docStatus").is_none(), "MHD has none");
        assert_eq!(entries[1]["resource"]["status"], "entered-in-error");
        assert_eq!(entries[1]["resource"]["extension"], withdrawn["extension"]);
        assert!(entries[1]["resource"].get("text").is_none(), "the narrative is the withdrawn one's");
        let first: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(entries[0]["request"], first["entry"][2]["request"]);
        let left: Vec<&str> = first["entry"].as_array().unwrap()[4..]
            .iter()
            .map(|entry| entry["fullUrl"].as_str().unwrap())
            .collect();
        assert!(!left.is_empty(), "the example has results");
        let text = bundle.to_string();
        for url in left {
            assert!(!text.contains(&format!("\"reference\":\"{url}\"")), "{url} dangles");
        }
        let issues = crate::fhir::structure::check(&bundle);
        let errors: Vec<_> =
            issues.iter().filter(|one| one.severity >= crate::problem::Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }

    #[test]
    fn a_recipient_gets_the_one_change_that_pdsm_allows() {
        let document = example::document();
        let at = "2026-07-01T08:00:00Z".parse().unwrap();
        let bundle = patch(&of(&document, b"{}"), "entered-in-error", at).unwrap();
        let entry = &bundle["entry"][0];
        assert_eq!(entry["request"]["method"], "PATCH");
        assert!(entry["request"]["url"].as_str().unwrap().ends_with(&document.unique_id()));
        let change = STANDARD.decode(entry["resource"]["data"].as_str().unwrap()).unwrap();
        let change: Value = serde_json::from_slice(&change).unwrap();
        assert_eq!(change, json!([{"op": "replace", "path": "/status", "value": "entered-in-error"}]));
    }
}
