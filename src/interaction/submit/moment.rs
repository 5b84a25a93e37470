//! When a response was answered, as far as its own word can be trusted: a clock that is wrong must not move a patient out of
//! the weeks of a treatment.

use crate::json::Value;
use jiff::{SignedDuration, Timestamp};

use super::{RESPONSE, history};
use crate::fhir::datetime::{PartialDateTime, instant};
use crate::fhir::{element, meta};
use crate::interaction::Context;
use crate::problem::{Issue, Problem};

/// How far a sender's clock may run ahead.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(1);
/// How late a response may come before a person looks at when it was answered.
const LATE_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The moment that counts: `authored`, unless it has not come yet; reception when there is none.
pub(crate) fn of(response: &Value, received: Timestamp) -> Timestamp {
    history::moment(response).filter(|at| !is_ahead(*at, received)).unwrap_or(received)
}

/// Whether the response says a moment that had not come when it was received.
fn is_to_come(response: &Value, received: Timestamp) -> bool {
    let authored = element::str_at(response, "authored").and_then(PartialDateTime::parse);
    // Only the end of 9999, which some systems write for "not known", is beyond what can be reckoned with.
    authored.is_some_and(|authored| authored.lower().is_none_or(|at| is_ahead(at, received)))
}

/// Of a response that says a moment that had not come when it was `received`, or says none and came before in another version,
/// the copy that is judged, in which it was authored when it `counts` from. What is stored goes on saying what was said.
pub(super) fn judged(response: &Value, received: Timestamp, counts: Timestamp) -> Option<Value> {
    let came_before = history::moment(response).is_none() && counts != received;
    (came_before || is_to_come(response, received)).then(|| {
        let mut judged = response.clone();
        // As what came of its first version is dated.
        judged["authored"] = if came_before { counts.to_string() } else { instant(counts) }.into();
        judged
    })
}

/// The same of a stored response that others are judged or reported with: it counts from when its first version came.
///
/// # Errors
/// Those of the store.
pub(crate) async fn settle(ctx: &Context, stored: &mut Value) -> Result<(), Problem> {
    let Some(received) = meta::last_updated(stored) else { return Ok(()) };
    let is_amended = meta::version(stored).is_some_and(|version| version > 1);
    if is_to_come(stored, received) || (is_amended && history::moment(stored).is_none()) {
        let first = first_received(ctx, stored).await?.unwrap_or(received);
        stored["authored"] = instant(first).into();
    }
    Ok(())
}

/// When a new version counts from: as [`of`], and from the reception of the first version when it says a moment to come or
/// none: an amendment moves no answer to another week.
///
/// # Errors
/// Those of the store.
pub(super) async fn of_version(
    ctx: &Context,
    response: &Value,
    received: Timestamp,
    before: Option<&Value>,
) -> Result<Timestamp, Problem> {
    let says_none = || history::moment(response).is_none() || is_to_come(response, received);
    match before.filter(|_| says_none()) {
        Some(before) => Ok(first_received(ctx, before).await?.unwrap_or(received)),
        None => Ok(of(response, received)),
    }
}

/// When the first version of a stored response came.
async fn first_received(ctx: &Context, stored: &Value) -> Result<Option<Timestamp>, Problem> {
    let id = element::id(stored).unwrap_or_default();
    if meta::version(stored).is_some_and(|version| version > 1) {
        let first = ctx.store.vread(RESPONSE, id, 1).await?;
        return Ok(first.map(|first| first.last_updated).or_else(|| meta::last_updated(stored)));
    }
    Ok(meta::last_updated(stored))
}

/// What a person should know about the moment: the rules look at a week that may not be the right one.
pub(crate) fn doubt(response: &Value, received: Timestamp) -> Option<Issue> {
    let authored = PartialDateTime::parse(element::str_at(response, "authored")?)?;
    let (what, text) = if is_to_come(response, received) {
        (
            "lies in the future: the moment of reception counts",
            "La date de la réponse est dans le futur : elle compte à sa réception ; vérifier quand elle a été saisie.",
        )
    } else if authored.lower().is_some_and(|at| received.duration_since(at) > LATE_MAX) {
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
