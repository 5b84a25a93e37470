//! Spans of time as whole microseconds since 1970, the end excluded.

use crate::json::Value;
use jiff::Timestamp;

use crate::fhir::datetime::PartialDateTime;

/// The span that a date, dateTime or instant can mean, without an offset in Paris time.
pub(super) fn span(text: &str) -> Option<(i64, i64)> {
    let whole = |text: &str| {
        let (low, high) = PartialDateTime::parse(text)?.bounds()?;
        let low = floor(low);
        // What is more precise than a microsecond still has a length.
        Some((low, floor(high).max(low + 1)))
    };
    whole(text).or_else(|| {
        // The last day of 9999, which systems write for "without end", ends later than a timestamp reaches: it is reckoned from
        // the same day a cycle of the calendar before.
        let (low, high) = whole(&format!("9971{}", text.strip_prefix("9999")?))?;
        Some((low + CYCLE, high + CYCLE))
    })
}

/// 28 years without a century between them: the days of the week and the leap years are the same again, in microseconds.
const CYCLE: i64 = 10_227 * 86_400 * 1_000_000;

/// The span of an element: a text, a `Period` (open ends reach for ever), or a `Timing` from its first to its last event.
pub(super) fn of(element: &Value) -> Option<(i64, i64)> {
    if let Some(text) = element.as_str() {
        return span(text);
    }
    if let Some(events) = element.get("event").and_then(Value::as_array) {
        let spans = events.iter().filter_map(Value::as_str).filter_map(span);
        return spans.reduce(|all, next| (all.0.min(next.0), all.1.max(next.1)));
    }
    if let Some(bounds) = element.get("repeat").and_then(|repeat| repeat.get("boundsPeriod")) {
        return of(bounds);
    }
    let edge = |name: &str| element.get(name).and_then(Value::as_str).and_then(span);
    match (edge("start"), edge("end")) {
        (None, None) => None,
        (start, end) => Some((start.map_or(i64::MIN, |s| s.0), end.map_or(i64::MAX, |e| e.1))),
    }
}

fn floor(at: Timestamp) -> i64 {
    at.as_second() * 1_000_000 + i64::from(at.subsec_nanosecond().div_euclid(1_000))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_microsecond_is_the_last_one_begun(
            seconds in -300_000_000_000..250_000_000_000_i64,
            nanos in -999_999_999..=999_999_999_i32,
        ) {
            let at = Timestamp::new(seconds, nanos).unwrap();
            prop_assert_eq!(i128::from(floor(at)), at.as_nanosecond().div_euclid(1_000));
        }
    }

    #[test]
    fn the_end_of_9999_is_a_span_like_any_other() {
        let day = 86_400_000_000;
        let (low, high) = span("9999-12-31").unwrap();
        assert_eq!((high - low, low), (day, span("9999-12-29").unwrap().1 + day));
        let (low, high) = span("9999").unwrap();
        assert_eq!((high - low, low), (365 * day, span("9998").unwrap().1));
        assert_eq!(span("9999-12-31T23:59:59Z").unwrap().1, span("9999-12-31").unwrap().1 + 3_600_000_000);
        assert_eq!((span("9999-02-29"), span("9999-13"), span("99990")), (None, None, None));
    }

    #[test]
    fn an_open_period_reaches_for_ever() {
        let period = crate::json::json!({"start": "2026-11-02T00:00:00Z"});
        assert_eq!(of(&period), Some((1_793_577_600_000_000, i64::MAX)));
        assert_eq!(of(&crate::json::json!({})), None);
    }

    #[test]
    fn a_timing_reaches_from_its_first_to_its_last_event() {
        let timing = crate::json::json!({"event": ["2026-11-04T00:00:00Z", "2026-11-02T00:00:00Z"]});
        assert_eq!(of(&timing), Some((1_793_577_600_000_000, 1_793_750_401_000_000)));
        let bounded = crate::json::json!({"repeat": {"boundsPeriod": {"start": "2026-11-02T00:00:00Z"}}});
        assert_eq!(of(&bounded), Some((1_793_577_600_000_000, i64::MAX)));
    }

    #[test]
    fn an_instant_of_nanoseconds_still_has_a_length() {
        let (low, high) = span("2026-11-02T00:00:00.123456789Z").unwrap();
        assert_eq!(high - low, 1);
    }
}
