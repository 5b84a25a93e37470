//! Find Document References, IHE ITI-67 (MHD 4.2.3, `PDSm` 3.1.1 flow 05b and 06b), as a search on `DocumentReference`.
//!
//! MHD has every query say the patient and the status. Here a query that names a patient without a status is answered all the
//! same, with every status and a warning; one that names neither is a plain search of FHIR, by which engines poll
//! (`_lastUpdated`).

use crate::json::{Value, json};

use super::Search;
use crate::fhir::search::{Request, Total};
use crate::problem::{Issue, Severity};

const TYPE: &str = "DocumentReference";
const PATIENT: &[&str] = &["patient", "patient.identifier", "subject", "subject.identifier"];

/// Has an ITI-67 query counted, as its response must tell (`total` 1..1); the warning, when it lacks the status.
pub(super) fn prepare(search: &Search<'_>, request: &mut Request) -> Option<Issue> {
    if search.rtype != TYPE {
        return None;
    }
    let plain = |name: &str| {
        let (head, rest) = name.split_once('.').unwrap_or((name, ""));
        let head = head.split(':').next().unwrap_or(head);
        if rest.is_empty() {
            head.to_owned()
        } else {
            format!("{head}.{}", rest.split(':').next().unwrap_or(rest))
        }
    };
    let named: Vec<String> = search.params.iter().map(|(name, _)| plain(name)).collect();
    if search.patient.is_none() && !named.iter().any(|name| PATIENT.contains(&name.as_str())) {
        return None;
    }
    if request.query.total == Total::None && !named.iter().any(|name| name == "_total") {
        request.query.total = Total::Accurate;
    }
    let has_status = named.iter().any(|name| name == "status");
    let text = "ITI-67 asks for status beside the patient: without it, superseded documents are found too";
    let issue = Issue { severity: Severity::Warning, ..Issue::error("required", text).at("status") };
    // In a compartment a client of FHIR asks, not one of MHD.
    (!has_status && search.patient.is_none()).then_some(issue)
}

/// Puts the full address of the bytes (ITI-68) in the place of one that is relative to this server.
pub(super) fn locate(resource: &mut Value, base_url: &str) {
    if resource["resourceType"] != TYPE {
        return;
    }
    for content in resource["content"].as_array_mut().into_iter().flatten() {
        if let Some(url) = content["attachment"]["url"].as_str().filter(|url| url.starts_with("Binary/")) {
            content["attachment"]["url"] = json!(format!("{base_url}/{url}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::search::{Handling, request};

    #[test]
    fn a_query_of_a_patient_is_counted_and_warned_about_a_missing_status() {
        let check = |asked: &str, total: Total, warned: bool| {
            let params = crate::fhir::search::pairs(asked).unwrap();
            let mut request = request(TYPE, &params, Handling::Strict).unwrap();
            let search = Search { rtype: TYPE, params: &params, handling: Handling::Strict, patient: None };
            let issue = prepare(&search, &mut request);
            assert_eq!((request.query.total, issue.is_some()), (total, warned), "{asked}");
        };
        check("patient=Patient/p&status=current", Total::Accurate, false);
        check("patient.identifier=urn:oid:1|2&status=current", Total::Accurate, false);
        check("patient:Patient.identifier=urn:oid:1|2", Total::Accurate, true);
        check("patient=Patient/p&_total=none&status=current", Total::None, false);
        check("_lastUpdated=gt2026-01-01", Total::None, false);
        check("status=current", Total::None, false);
    }

    #[test]
    fn the_bytes_have_a_full_address() {
        let mut described = json!({"resourceType": TYPE, "content": [
            {"attachment": {"url": "Binary/1"}}, {"attachment": {"url": "https://other.example/2"}}]});
        locate(&mut described, "https://vigie.example/fhir");
        assert_eq!(described["content"][0]["attachment"]["url"], "https://vigie.example/fhir/Binary/1");
        assert_eq!(described["content"][1]["attachment"]["url"], "https://other.example/2");
    }
}
