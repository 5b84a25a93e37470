//! What a change of visibility leaves on record, beside the versions that it writes: who asked, and why (Provenance, FHIR R4).

use crate::json::Value;
use jiff::Timestamp;

use super::asked::Asked;
use crate::interaction::provenance;

/// Who changed what, and why.
pub(super) fn provenance(targets: &[String], asked: &Asked, at: Timestamp) -> Value {
    provenance::of_act(targets, ("UPDATE", "revise"), &asked.reference, &asked.reason, at)
}
