//! An answer that becomes an Observation (SDC observation-based extraction,
//! <https://hl7.org/fhir/uv/sdc/extraction.html>).

use crate::json::Value;

/// An answer as an Observation.
#[derive(Clone, PartialEq)]
pub struct Extract {
    /// The item.
    pub link_id: String,
    /// Which answer to the item in the response, from 0 on, in document order.
    pub instance: usize,
    /// The ordinal of the chosen option, where it has one that is a whole number: the grade.
    pub grade: Option<i64>,
    /// `code`, `category`, and `value[x]` or `dataAbsentReason`; no id, subject, status, or `derivedFrom`.
    pub observation: Value,
}

/// The answer is a patient's: only its place is shown.
impl std::fmt::Debug for Extract {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Extract")
            .field("link_id", &self.link_id)
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}
