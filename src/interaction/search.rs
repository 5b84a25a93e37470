//! Search on a type (FHIR R4, RESTful API, 3.1.1): a searchset `Bundle` with `self` and `next` links.

use super::Context;
use crate::problem::Problem;

/// A page of matches.
#[derive(Clone)]
pub struct SearchAnswer {
    /// The searchset `Bundle` as JSON.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for SearchAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "searchset of {} bytes", self.body.len())
    }
}

/// Searches one type.
///
/// # Errors
/// `Malformed` for an unknown parameter, modifier or prefix, with those that would be right.
pub async fn search(_ctx: &Context, _rtype: &str, _params: &[(String, String)]) -> Result<SearchAnswer, Problem> {
    Err(Problem::internal("not built yet"))
}
