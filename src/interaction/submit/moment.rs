//! When a response was answered, as far as its own word can be trusted: a clock that is wrong must not move a patient out of
//! the weeks of a treatment.

use crate::json::Value;
use jiff::{SignedDuration, Timestamp};

use super::{RESPONSE, history};
use crate::fhir::datetime::PartialDateTime;
use crate::fhir::element;
use crate::problem::Issue;

/// How far a sender's clock may run ahead.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(1);
/// How late a response may come before a person looks at when it was answered.
const LATE_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The moment that counts: `authored`, unless it has not come yet; reception when there is none.
pub(super) fn of(response: &Value, received: Timestamp) -> Timestamp {
    history::moment(response).filter(|at| !is_ahead(*at, received)).unwrap_or(received)
}

/// What a person should know about the moment: the rules look at a week that may not be the right one.
pub(crate) fn doubt(response: &Value, received: Timestamp) -> Option<Issue> {
    let authored = PartialDateTime::parse(element::str_at(response, "authored")?)?;
    let at = authored.lower();
    // Only the end of 9999, which some systems write for "not known", is beyond what can be reckoned with.
    let (what, text) = if at.is_none_or(|at| is_ahead(at, received)) {
        ("lies in the future", "La date de la réponse est dans le futur : vérifier quand elle a été saisie.")
    } else if at.is_some_and(|at| received.duration_since(at) > LATE_MAX) {
        (
            "is more than 30 days before reception",
            "La réponse est datée de plus de 30 jours avant sa réception : vérifier quand elle a été saisie.",
        )
    } else {
        return None;
    };
    let issue =
        Issue::error("business-rule", format!("authored {what}; the clock of the sender may be wrong"));
    Some(issue.at(format!("{RESPONSE}.authored")).text(text))
}

/// Whether it lies in the future of the server.
fn is_ahead(at: Timestamp, received: Timestamp) -> bool {
    at.duration_since(received) > AHEAD_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn a_moment_that_has_not_come_or_is_long_past_is_doubtful() {
        let received: Timestamp = "2026-03-09T08:00:00Z".parse().unwrap();
        let check = |authored: &str, doubtful: bool, counts: &str| {
            let response = json!({"authored": authored});
            assert_eq!(doubt(&response, received).is_some(), doubtful, "{authored}");
            assert_eq!(of(&response, received), counts.parse().unwrap(), "{authored}");
        };
        check("2026-03-09T09:00:00+01:00", false, "2026-03-09T08:00:00Z");
        check("2026-03-09T09:30:00+01:00", false, "2026-03-09T08:30:00Z");
        check("2036-03-09T09:00:00+01:00", true, "2026-03-09T08:00:00Z");
        check("2026-03-01T09:00:00+01:00", false, "2026-03-01T08:00:00Z");
        check("1970-01-01T00:00:00Z", true, "1970-01-01T00:00:00Z");
        for beyond in ["9999-12-31T23:59:59Z", "9999-12-31", "9999-12", "9999"] {
            check(beyond, true, "2026-03-09T08:00:00Z");
        }
        assert!(doubt(&json!({}), received).is_none());
    }
}
