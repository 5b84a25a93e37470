//! How long to wait before the next attempt: exponential, capped, with jitter from entropy handed in.

use jiff::{SignedDuration, Timestamp};

use super::Outcome;

/// Intervals between attempts. The number of attempts has no limit: a delivery ends by a yes or by a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Interval after the first failure.
    pub first_ms: u64,
    /// No interval is longer, jitter included; a refusal waits this long at once.
    pub ceiling_ms: u64,
}

impl Default for Backoff {
    /// One second, doubled up to a quarter of an hour.
    fn default() -> Self {
        Self { first_ms: 1_000, ceiling_ms: 15 * 60 * 1_000 }
    }
}

impl Backoff {
    /// When to try again after this outcome; `failures` counts those before it since the last resend.
    ///
    /// The interval doubles with each failure up to the ceiling; `entropy` then takes off up to half of it,
    /// so that replicas and patients do not all knock at the same moment. A refusal waits the ceiling,
    /// without jitter; an expired lease is tried at once.
    #[must_use]
    pub fn retry_at(&self, outcome: &Outcome, failures: u32, at: Timestamp, entropy: u64) -> Timestamp {
        let wait_ms = match outcome {
            Outcome::Accepted(_) | Outcome::Expired | Outcome::Held { .. } => 0,
            Outcome::Refused { .. } => self.ceiling_ms,
            Outcome::Unreachable { .. } => self.interval_ms(failures, entropy),
        };
        let wait = SignedDuration::from_millis(i64::try_from(wait_ms).unwrap_or(i64::MAX));
        at.checked_add(wait).unwrap_or(Timestamp::MAX)
    }

    fn interval_ms(&self, failures: u32, entropy: u64) -> u64 {
        let doubled = self.first_ms.saturating_mul(1_u64.checked_shl(failures).unwrap_or(u64::MAX));
        let full = doubled.min(self.ceiling_ms);
        full - entropy % (full / 2 + 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BACKOFF: Backoff = Backoff { first_ms: 1_000, ceiling_ms: 60_000 };

    fn check(outcome: Outcome, failures: u32, entropy: u64, expected_ms: i64) {
        let at = Timestamp::UNIX_EPOCH;
        let due = BACKOFF.retry_at(&outcome, failures, at, entropy);
        assert_eq!(due.as_millisecond(), expected_ms, "{outcome:?} after {failures}");
    }

    fn unreachable() -> Outcome {
        Outcome::Unreachable { reason: "no route".to_owned() }
    }

    #[test]
    fn an_interval_doubles_up_to_the_ceiling() {
        check(unreachable(), 0, 0, 1_000);
        check(unreachable(), 1, 0, 2_000);
        check(unreachable(), 5, 0, 32_000);
        check(unreachable(), 6, 0, 60_000);
        check(unreachable(), u32::MAX, 0, 60_000);
    }

    #[test]
    fn jitter_takes_off_at_most_half() {
        check(unreachable(), 1, 1_000, 1_000);
        check(unreachable(), 1, 1_001, 2_000);
    }

    #[test]
    fn a_refusal_waits_the_ceiling_at_once() {
        check(Outcome::Refused { reason: "422".to_owned() }, 0, 17, 60_000);
    }

    #[test]
    fn an_expired_lease_is_tried_at_once() {
        check(Outcome::Expired, 9, 17, 0);
    }

    proptest! {
        #[test]
        fn an_interval_is_never_beyond_its_bounds(failures: u32, entropy: u64, first in 1_u64..100_000) {
            let backoff = Backoff { first_ms: first, ceiling_ms: 60_000 };
            let wait = backoff.interval_ms(failures, entropy);
            prop_assert!(wait <= backoff.ceiling_ms);
            prop_assert!(wait >= first.min(backoff.ceiling_ms) / 2);
        }
    }
}
