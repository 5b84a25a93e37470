//! Checks a resource against base R4 and says every fault with its place
//! (<https://hl7.org/fhir/R4/validation.html>).
//!
//! Structure, cardinality, forms of values, required bindings, references, contained resources, narrative and
//! the invariants of the standard; no profiles. Unknown elements are refused, never dropped. An issue
//! names the place, the value that is wrong (its first 64 characters) and what would be right. It is for the
//! `OperationOutcome` that answers the sender; no log ever holds an issue's words.

mod binding;
mod contained;
mod invariant;
mod narrative;
pub(super) mod place;
mod quote;
pub(super) mod suggestion;
mod target;
mod walk;

#[cfg(test)]
mod faults;

use crate::json::Value;

use crate::problem::{Issue, Severity};

/// Every fault of the resource: no issue of severity error means that it conforms to base R4.
///
/// Total: whatever the value is, the answer comes, in time linear in its size but for the invariants that
/// compare a resource's parts with one another.
#[must_use]
pub fn check(resource: &Value) -> Vec<Issue> {
    walk::check(resource)
}

/// Whether there is an error among the issues.
#[must_use]
pub fn has_error(issues: &[Issue]) -> bool {
    issues.iter().any(|issue| issue.severity >= Severity::Error)
}
