//! The answered responses before one: by the time they were authored, not by the time they came.

use std::cmp::Reverse;

use crate::json::Value;
use jiff::Timestamp;

use crate::fhir::datetime::PartialDateTime;
use crate::fhir::{element, meta};

/// When a response was authored, at its earliest.
pub(crate) fn moment(response: &Value) -> Option<Timestamp> {
    PartialDateTime::parse(element::str_at(response, "authored")?)?.lower()
}

/// When a stored response counts from: one that does not say when it was authored counts from when it was stored.
pub(crate) fn at(response: &Value) -> Option<Timestamp> {
    moment(response).or_else(|| meta::last_updated(response))
}

/// The completed or amended responses authored before this moment, newest first. A response that does not say when it was
/// authored counts from when it was stored. `own` is the id of the response that is being judged.
pub(crate) fn earlier(responses: Vec<Value>, own: Option<&str>, before: Timestamp) -> Vec<Value> {
    let mut dated: Vec<(Timestamp, Value)> = responses
        .into_iter()
        .filter(|response| matches!(element::str_at(response, "status"), Some("completed" | "amended")))
        .filter(|response| own.is_none() || element::id(response) != own)
        .filter_map(|response| {
            let at = at(&response)?;
            (at < before).then_some((at, response))
        })
        .collect();
    dated.sort_by_cached_key(|(at, response)| {
        Reverse((*at, meta::last_updated(response), element::id(response).map(str::to_owned)))
    });
    dated.into_iter().map(|(_, response)| response).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    fn response(id: &str, status: &str, authored: &str) -> Value {
        json!({"resourceType": "QuestionnaireResponse", "id": id, "status": status, "authored": authored})
    }

    fn check(own: Option<&str>, before: &str, expected: &[&str]) {
        let responses = vec![
            response("w1", "completed", "2026-01-05T08:00:00+01:00"),
            response("w3", "completed", "2026-01-19T08:00:00+01:00"),
            response("w2", "amended", "2026-01-12T08:00:00+01:00"),
            response("open", "in-progress", "2026-01-13T08:00:00+01:00"),
            response("wrong", "entered-in-error", "2026-01-13T08:00:00+01:00"),
        ];
        let found = earlier(responses, own, before.parse().unwrap());
        assert_eq!(found.iter().filter_map(element::id).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_newest_answered_response_comes_first() {
        check(None, "2026-01-26T07:00:00Z", &["w3", "w2", "w1"]);
    }

    #[test]
    fn a_late_response_sees_only_what_was_authored_before_it() {
        check(None, "2026-01-14T07:00:00Z", &["w2", "w1"]);
        check(None, "2026-01-05T07:00:00Z", &[]);
    }

    #[test]
    fn an_amended_response_does_not_see_itself() {
        check(Some("w2"), "2026-01-12T07:00:00Z", &["w1"]);
        check(Some("w2"), "2026-01-26T07:00:00Z", &["w3", "w1"]);
    }
}
