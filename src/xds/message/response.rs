//! Answers of registries and repositories (ebRS 3.0 `RegistryResponse`, ITI TF-3 4.2.4).

use crate::problem::{Category, Problem};
use crate::xds::ebrim;
use crate::xds::error::{Fault, Severity};
use crate::xds::metadata::DocumentEntry;
use crate::xds::scheme::{QUERY, RIM, RS};
use crate::xml::Element;

const SUCCESS: &str = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success";
const FAILURE: &str = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure";
const PARTIAL: &str = "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess";
const ERROR: &str = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error";
const WARNING: &str = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Warning";

/// What a registry made of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryResponse {
    /// Whether all of it was done: warnings do not hinder, a partial success is none.
    pub is_success: bool,
    /// Errors and warnings.
    pub faults: Vec<Fault>,
}

/// What a registry found.
pub struct QueryResponse {
    /// As for a submission.
    pub response: RegistryResponse,
    /// Whole entries.
    pub entries: Vec<DocumentEntry>,
    /// Ids of entries of which nothing else is told.
    pub references: Vec<String>,
}

impl RegistryResponse {
    /// The answer with these faults.
    #[must_use]
    pub fn new(faults: Vec<Fault>) -> Self {
        Self { is_success: !faults.iter().any(|fault| fault.severity == Severity::Error), faults }
    }

    /// As an element.
    #[must_use]
    pub fn element(&self) -> Element {
        let response = Element::new(RS, "RegistryResponse").attribute("status", self.status());
        response.with(self.error_list())
    }

    const fn status(&self) -> &'static str {
        if self.is_success { SUCCESS } else { FAILURE }
    }

    fn error_list(&self) -> Option<Element> {
        let error = |fault: &Fault| {
            let severity = if fault.severity == Severity::Error { ERROR } else { WARNING };
            Element::new(RS, "RegistryError")
                .attribute("codeContext", &fault.context)
                .attribute("errorCode", &fault.code)
                .attribute("location", "")
                .attribute("severity", severity)
        };
        (!self.faults.is_empty())
            .then(|| Element::new(RS, "RegistryErrorList").with(self.faults.iter().map(error)))
    }
}

impl QueryResponse {
    /// As an element.
    #[must_use]
    pub fn element(&self) -> Element {
        let mut list = Element::new(RIM, "RegistryObjectList");
        list = list.with(self.entries.iter().map(ebrim::extrinsic_object));
        list = list.with(self.references.iter().map(|id| Element::new(RIM, "ObjectRef").attribute("id", id)));
        Element::new(QUERY, "AdhocQueryResponse")
            .attribute("status", self.response.status())
            .with(self.response.error_list())
            .child(list)
    }
}

fn malformed(what: &str) -> Problem {
    Problem::new(Category::Malformed, "structure", what.to_owned())
}

/// Reads a `RegistryResponse`.
///
/// # Errors
/// `Malformed` when it is none, or its status is none that is known.
pub fn registry_response(body: &Element) -> Result<RegistryResponse, Problem> {
    if !body.is(RS, "RegistryResponse") {
        return Err(malformed("the body is no RegistryResponse"));
    }
    response(body)
}

fn response(body: &Element) -> Result<RegistryResponse, Problem> {
    let is_success = match body.get("status") {
        Some(SUCCESS) => true,
        Some(FAILURE | PARTIAL) => false,
        _ => return Err(malformed("the answer has no status that is known")),
    };
    let errors =
        body.first(RS, "RegistryErrorList").into_iter().flat_map(|list| list.all(RS, "RegistryError"));
    let fault = |error: &Element| Fault {
        code: error.get("errorCode").unwrap_or_default().to_owned(),
        context: error.get("codeContext").unwrap_or_default().to_owned(),
        severity: if error.get("severity") == Some(WARNING) { Severity::Warning } else { Severity::Error },
    };
    Ok(RegistryResponse { is_success, faults: errors.map(fault).collect() })
}

/// Reads an `AdhocQueryResponse`.
///
/// # Errors
/// As [`registry_response`].
pub fn query_response(body: &Element) -> Result<QueryResponse, Problem> {
    if !body.is(QUERY, "AdhocQueryResponse") {
        return Err(malformed("the body is no AdhocQueryResponse"));
    }
    let list = body.first(RIM, "RegistryObjectList");
    let objects = |name| list.into_iter().flat_map(move |list| list.all(RIM, name));
    Ok(QueryResponse {
        response: response(body)?,
        entries: objects("ExtrinsicObject").map(ebrim::entry).collect(),
        references: objects("ObjectRef").filter_map(|one| one.get("id")).map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xds::example;

    #[test]
    fn an_answer_is_read_back() {
        for faults in [vec![], vec![Fault::error("XDSUnknownPatientId", "patientId")]] {
            let response = RegistryResponse::new(faults);
            assert_eq!(registry_response(&response.element()).unwrap(), response);
        }
        let warning = Fault { severity: Severity::Warning, ..Fault::error("XDSRegistryError", "x") };
        let warned = RegistryResponse::new(vec![warning]);
        assert!(warned.is_success);
        assert_eq!(registry_response(&warned.element()).unwrap(), warned);
    }

    #[test]
    fn what_is_not_understood_is_no_yes() {
        let check = |element: Element| assert!(registry_response(&element).is_err());
        check(Element::new(RS, "RegistryResponse"));
        check(Element::new(RS, "RegistryResponse").attribute("status", "Success"));
        check(Element::new(RIM, "RegistryResponse").attribute("status", SUCCESS));
        let partial = Element::new(RS, "RegistryResponse").attribute("status", PARTIAL);
        assert!(!registry_response(&partial).unwrap().is_success);
    }

    #[test]
    fn found_entries_are_read_back() {
        let found = QueryResponse {
            response: RegistryResponse::new(vec![]),
            entries: vec![example::entry()],
            references: vec!["urn:uuid:1".to_owned()],
        };
        let read = query_response(&found.element()).unwrap();
        assert!(read.entries == found.entries && read.references == found.references);
    }
}
