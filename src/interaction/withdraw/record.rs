//! What a withdrawal leaves on record: the report, the description of its document, and the Provenance (FHIR R4).

use crate::json::{Value, json};
use jiff::Timestamp;

use crate::fhir::element;
use crate::interaction::provenance;
use crate::report::{Professional, narrative};

/// What the server made of the report when it became final, and what stays of it.
const KEPT: &[&str] = &["presentedForm", "issued"];

/// The report as it is stored from now on: what the client sent, the forms of the document, and a narrative that says first
/// that it is withdrawn.
pub(super) fn report(
    current: &Value,
    resource: &Value,
    by: &Professional,
    reason: &str,
    at: Timestamp,
) -> Value {
    let mut report = resource.clone();
    for name in KEPT {
        if let Some(kept) = current.get(name) {
            report[*name] = kept.clone();
        }
    }
    let before = element::str_at(current, "text.div").unwrap_or_default();
    let div = narrative::withdrawn(before, &by.name, reason, at);
    report["text"] = json!({"status": "generated", "div": div});
    report
}

/// The description, by its `status` alone: MHD, which it conforms to, has no `docStatus`.
pub(super) fn description(current: &Value) -> Value {
    let mut description = current.clone();
    description["status"] = json!("entered-in-error");
    description
}

/// Who withdrew what, and why.
pub(super) fn provenance(targets: &[String], who: &str, reason: &str, at: Timestamp) -> Value {
    provenance::of_act(targets, ("NULLIFY", "nullify"), who, reason, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Severity;

    #[test]
    fn base_r4_finds_no_fault() {
        let at = "2026-03-09T14:20:00Z".parse().unwrap();
        let targets = ["DiagnosticReport/r".to_owned(), "DocumentReference/d".to_owned()];
        let issues =
            crate::fhir::structure::check(&provenance(&targets, "PractitionerRole/x", "mauvais patient", at));
        assert!(issues.iter().all(|one| one.severity < Severity::Error), "{issues:?}");
    }
}
