//! When the unit is open: at night an orange alert waits for the morning, and a rouge one for nobody.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Holidays;

/// How far ahead opening time is looked for: longer than any that counts.
const DAYS_MAX: usize = 14;

/// The days and hours of a unit, in Paris time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// The first and the last day of a row of days.
    pub days: (Weekday, Weekday),
    /// When it opens.
    pub from: Time,
    /// When it closes, later on the same day.
    pub to: Time,
    /// The days on which it is closed all the same.
    pub closed: Holidays,
}

impl Opening {
    fn is_day(&self, day: Date) -> bool {
        let after_first = |day: Weekday| day.since(self.days.0);
        after_first(day.weekday()) <= after_first(self.days.1) && !self.closed.hold(day)
    }

    /// Whether somebody is there.
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        let at = at.to_zoned(paris());
        self.is_day(at.date()) && at.time() >= self.from && at.time() < self.to
    }

    /// When so much opening time has gone by; never, where that is weeks away.
    pub(super) fn after(&self, start: Timestamp, time: SignedDuration) -> Timestamp {
        let mut left = time;
        let mut day = start.to_zoned(paris()).date();
        for _ in 0..DAYS_MAX {
            let at = |time: Time| day.to_datetime(time).to_zoned(paris()).map(|at| at.timestamp());
            if let (true, Ok(from), Ok(to)) = (self.is_day(day), at(self.from), at(self.to)) {
                let from = from.max(start);
                let open = to.duration_since(from).max(SignedDuration::ZERO);
                if left <= open {
                    return from.checked_add(left).unwrap_or(Timestamp::MAX);
                }
                left -= open;
            }
            let Ok(next) = day.tomorrow() else { break };
            day = next;
        }
        Timestamp::MAX
    }
}

fn paris() -> TimeZone {
    TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::time;

    const WEEK: Opening = Opening {
        days: (Weekday::Monday, Weekday::Friday),
        from: time(8, 30, 0, 0),
        to: time(18, 0, 0, 0),
        closed: Holidays::France,
    };

    #[test]
    fn it_is_open_on_its_days_from_its_first_minute_to_the_one_before_its_last() {
        let check = |at: &str, expected: bool| {
            assert_eq!(WEEK.holds(at.parse().unwrap()), expected, "{at}");
        };
        check("2026-03-09T08:29:59+01:00", false);
        check("2026-03-09T08:30:00+01:00", true);
        check("2026-03-13T17:59:59+01:00", true);
        check("2026-03-13T18:00:00+01:00", false);
        check("2026-03-14T12:00:00+01:00", false);
        // Easter Monday.
        check("2026-04-06T12:00:00+02:00", false);
        let weekend = Opening { days: (Weekday::Saturday, Weekday::Monday), ..WEEK };
        assert!(weekend.holds("2026-03-15T12:00:00+01:00".parse().unwrap()));
        assert!(!weekend.holds("2026-03-10T12:00:00+01:00".parse().unwrap()));
    }

    #[test]
    fn opening_time_goes_on_in_the_morning_and_after_the_weekend() {
        let check = |start: &str, hours: i64, expected: &str| {
            let found = WEEK.after(start.parse().unwrap(), SignedDuration::from_hours(hours));
            assert_eq!(found, expected.parse().unwrap(), "{start} {hours}");
        };
        check("2026-03-09T09:00:00+01:00", 4, "2026-03-09T13:00:00+01:00");
        check("2026-03-09T14:00:00+01:00", 4, "2026-03-09T18:00:00+01:00");
        check("2026-03-09T16:00:00+01:00", 4, "2026-03-10T10:30:00+01:00");
        check("2026-03-09T23:00:00+01:00", 4, "2026-03-10T12:30:00+01:00");
        check("2026-03-13T17:00:00+01:00", 4, "2026-03-16T11:30:00+01:00");
        // Over Easter.
        check("2026-04-03T17:00:00+02:00", 4, "2026-04-07T11:30:00+02:00");
        // The clocks go forward in the night to Sunday.
        check("2026-03-27T17:00:00+01:00", 2, "2026-03-30T09:30:00+02:00");
        assert_eq!(
            WEEK.after("2026-03-09T09:00:00+01:00".parse().unwrap(), SignedDuration::from_hours(999)),
            Timestamp::MAX
        );
    }
}
