//! The feed: the order in which changes became visible, told by `meta.lastUpdated` and by the place of each version.
//!
//! A client that follows `_lastUpdated` or `_history?_since` remembers the latest instant it has seen and asks
//! for what is later. So that it misses nothing and sees nothing twice, the store decides the instant, not the
//! clock of whoever prepared the unit: all that one transaction makes visible is later, by a millisecond at
//! least, than all that was visible before it. A millisecond, because that is as fine as many clients read.
//! Where clocks of replicas differ, or many commits fall into one millisecond, instants run ahead of the clock
//! until it has caught up.

use jiff::Timestamp;

use crate::fhir::datetime;

const MILLISECOND: i64 = 1_000;

/// The instant of a unit, in microseconds: the one it proposes, unless that is not later than `visible` (the
/// latest instant before the running transaction) or earlier than `last` (the latest within it).
pub(super) fn instant(visible: Option<i64>, last: Option<i64>, proposed: i64) -> i64 {
    let at = match visible {
        Some(visible) if proposed.div_euclid(MILLISECOND) <= visible.div_euclid(MILLISECOND) => {
            (visible.div_euclid(MILLISECOND) + 1) * MILLISECOND
        }
        _ => proposed,
    };
    last.map_or(at, |last| at.max(last))
}

/// The body with that instant as `meta.lastUpdated`, whose text begins at `place` (0: it has none). A text that
/// says the same instant stays as it was written.
pub(super) fn dated(mut body: Vec<u8>, place: usize, at: Timestamp) -> Vec<u8> {
    let Some(rest) = body.get(place..).filter(|_| place > 0) else { return body };
    let length = rest.iter().position(|byte| *byte == b'"').unwrap_or(rest.len());
    let says = std::str::from_utf8(&rest[..length]).ok().and_then(|text| text.parse::<Timestamp>().ok());
    if says != Some(at) {
        body.splice(place..place + length, datetime::instant(at).into_bytes());
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(visible: Option<i64>, last: Option<i64>, proposed: i64, expected: i64) {
        assert_eq!(instant(visible, last, proposed), expected, "{visible:?} {last:?} {proposed}");
    }

    #[test]
    fn a_proposal_that_is_later_than_all_stays() {
        check(None, None, 7_000, 7_000);
        check(Some(6_999), Some(6_999), 7_000, 7_000);
        check(None, None, -5, -5);
    }

    #[test]
    fn what_is_not_later_by_a_millisecond_is_put_a_millisecond_later() {
        check(Some(7_000), Some(7_000), 7_000, 8_000);
        check(Some(7_000), Some(7_000), 7_999, 8_000);
        check(Some(7_999), Some(7_999), 3_000, 8_000);
        check(Some(-1), Some(-1), -1, 0);
    }

    #[test]
    fn units_of_one_transaction_may_share_an_instant_but_never_go_back() {
        check(Some(7_000), Some(8_000), 1_000, 8_000);
        check(Some(7_000), Some(9_500), 9_000, 9_500);
    }

    #[test]
    fn a_body_says_the_instant_that_was_decided() {
        let body = br#"{"id":"a","meta":{"lastUpdated":"2026-03-01T08:00:00Z","source":"x"}}"#;
        let place = 33;
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let same = dated(body.to_vec(), place, at("2026-03-01T09:00:00+01:00"));
        assert_eq!(same, body);
        let later = dated(body.to_vec(), place, at("2026-03-01T08:00:00.001Z"));
        let expected = br#"{"id":"a","meta":{"lastUpdated":"2026-03-01T08:00:00.001Z","source":"x"}}"#;
        assert_eq!(String::from_utf8(later).unwrap(), String::from_utf8(expected.to_vec()).unwrap());
        assert_eq!(dated(Vec::new(), 0, at("2026-03-01T08:00:00Z")), b"");
    }
}
