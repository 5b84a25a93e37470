//! Our own rules for a clinical document, on its bytes: what the official schematrons leave open and what recipients refuse.
//!
//! The schematron of the *structuration minimale* does not see a missing INS, a wrong key, a time without offset, nor a body
//! that is no PDF/A; a code and a display that do not belong together, a test number in production, or an id with an
//! extension pass it too. Each is refused here, before anything is stored.

use super::element::SPACE;
use super::rules;
use crate::identity::Environment;
use crate::problem::Issue;
use crate::xml::{self, Limits};

/// Every fault of a document, each with its place (`ClinicalDocument/recordTarget/patientRole/id[1]`); no message repeats
/// what the document says about a person. An absent INS is a warning: such a document must not go to the DMP.
#[must_use]
pub fn check(document: &[u8], environment: Environment) -> Vec<Issue> {
    let root = match xml::read(document, &Limits::default()) {
        Ok(document) => document.root,
        Err(fault) => return vec![Issue::error("structure", format!("the CDA is not well formed: {fault}"))],
    };
    if !root.is(SPACE, "ClinicalDocument") {
        return vec![Issue::error("structure", "the root is not a ClinicalDocument of urn:hl7-org:v3")];
    }
    let mut faults = rules::Faults::default();
    rules::identifiers(&root, &mut faults);
    rules::patient(&root, environment, &mut faults);
    rules::people(&root, &mut faults);
    rules::times(&root, "ClinicalDocument", &mut faults);
    rules::codes(&root, "ClinicalDocument", &mut faults);
    rules::act(&root, &mut faults);
    rules::body(&root, &mut faults);
    faults.0
}
