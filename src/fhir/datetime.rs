//! `date`, `dateTime`, `instant` and `time` with the precision they were written in
//! (<https://hl7.org/fhir/R4/datatypes.html#primitive>).

use std::cmp::Ordering;
use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp};

/// How far a value was written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// `2026`
    Year,
    /// `2026-11`
    Month,
    /// `2026-11-02`
    Day,
    /// `2026-11-02T09:30`: in search parameters only.
    Minute,
    /// `2026-11-02T09:30:00`
    Second,
    /// `2026-11-02T09:30:00.5`: so many digits of a second.
    Fraction(u8),
}

/// A point in time as it was written: nothing more precise is ever invented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartialDateTime {
    start: DateTime,
    offset: Option<Offset>,
    precision: Precision,
}

impl PartialDateTime {
    /// Reads `date`, `dateTime` or `instant`, and the form with minutes that searches allow.
    ///
    /// A value with a time but without an offset is read too: [`is_date_time`] and [`is_instant`] tell
    /// what an element may hold.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let Some((date, rest)) = text.split_once('T') else {
            let (date, precision) = parse_date(text)?;
            return Some(Self { start: date.at(0, 0, 0, 0), offset: None, precision });
        };
        let (date, Precision::Day) = parse_date(date)? else { return None };
        let (clock, offset) = split_offset(rest)?;
        let (time, precision) = parse_clock(clock)?;
        Some(Self { start: date.to_datetime(time), offset, precision })
    }

    /// How far it was written out.
    #[must_use]
    pub const fn precision(&self) -> Precision {
        self.precision
    }

    /// The offset it was written with.
    #[must_use]
    pub const fn offset(&self) -> Option<Offset> {
        self.offset
    }

    /// The date of its beginning, in its own offset.
    #[must_use]
    pub fn date(&self) -> Date {
        self.start.date()
    }

    /// The first instant it can mean, and the first that it cannot; without an offset, in Paris time.
    ///
    /// `None` outside the years that can be reckoned with.
    #[must_use]
    pub fn bounds(&self) -> Option<(Timestamp, Timestamp)> {
        let paris = || TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC);
        let at = |civil: DateTime| match self.offset {
            Some(offset) => offset.to_timestamp(civil).ok(),
            None => paris().to_timestamp(civil).ok(),
        };
        let lower = at(self.start)?;
        let upper = match self.precision {
            Precision::Year => at(self.start.checked_add(Span::new().years(1)).ok()?)?,
            Precision::Month => at(self.start.checked_add(Span::new().months(1)).ok()?)?,
            Precision::Day => at(self.start.checked_add(Span::new().days(1)).ok()?)?,
            Precision::Minute => lower.checked_add(SignedDuration::from_secs(60)).ok()?,
            Precision::Second => lower.checked_add(SignedDuration::from_secs(1)).ok()?,
            Precision::Fraction(digits) => {
                let unit = 10_i64.pow(9_u32.saturating_sub(u32::from(digits)));
                lower.checked_add(SignedDuration::from_nanos(unit)).ok()?
            }
        };
        Some((lower, upper))
    }

    /// The first instant it can mean.
    #[must_use]
    pub fn lower(&self) -> Option<Timestamp> {
        self.bounds().map(|(lower, _)| lower)
    }

    /// Before or after, where that is sure; equal when both mean the same span; `None` when they overlap.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        let ((low, high), (other_low, other_high)) = (self.bounds()?, other.bounds()?);
        if (low, high) == (other_low, other_high) {
            Some(Ordering::Equal)
        } else if high <= other_low {
            Some(Ordering::Less)
        } else if other_high <= low {
            Some(Ordering::Greater)
        } else {
            None
        }
    }
}

impl fmt::Display for PartialDateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.start;
        write!(f, "{:04}", t.year())?;
        if self.precision >= Precision::Month {
            write!(f, "-{:02}", t.month())?;
        }
        if self.precision >= Precision::Day {
            write!(f, "-{:02}", t.day())?;
        }
        if self.precision >= Precision::Minute {
            write!(f, "T{:02}:{:02}", t.hour(), t.minute())?;
        }
        if self.precision >= Precision::Second {
            write!(f, ":{:02}", t.second())?;
        }
        if let Precision::Fraction(digits) = self.precision {
            let nanos = format!("{:09}", t.subsec_nanosecond());
            write!(f, ".{}", &nanos[..usize::from(digits.min(9))])?;
        }
        match self.offset {
            None => Ok(()),
            Some(offset) if offset == Offset::UTC => f.write_str("Z"),
            Some(offset) => {
                let minutes = offset.seconds() / 60;
                let sign = if minutes < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
            }
        }
    }
}

/// An instant in UTC with milliseconds, as `meta.lastUpdated` and `authored` are written here.
#[must_use]
pub fn instant(at: Timestamp) -> String {
    let civil = Offset::UTC.to_datetime(at);
    let Ok(year @ 0..=9_999) = u32::try_from(civil.year()) else { return format!("{at:.3}") };
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let mut put = |place: usize, digits: usize, mut number: u32| {
        for digit in text[place..place + digits].iter_mut().rev() {
            *digit += (number % 10) as u8;
            number /= 10;
        }
    };
    put(0, 4, year);
    let pairs = [civil.month(), civil.day(), civil.hour(), civil.minute(), civil.second()];
    for (n, pair) in pairs.into_iter().enumerate() {
        put(5 + 3 * n, 2, u32::from(pair.unsigned_abs()));
    }
    put(20, 3, u32::from(civil.millisecond().unsigned_abs()));
    String::from_utf8_lossy(&text).into_owned()
}

/// Whether a text is a FHIR `date` that exists.
#[must_use]
pub fn is_date(text: &str) -> bool {
    parse_date(text).is_some()
}

/// Whether a text is a FHIR `dateTime`: with a time there must be seconds and an offset.
#[must_use]
pub fn is_date_time(text: &str) -> bool {
    is_date(text) || is_instant(text)
}

/// Whether a text is a FHIR `instant`: at least seconds, and an offset.
#[must_use]
pub fn is_instant(text: &str) -> bool {
    PartialDateTime::parse(text)
        .is_some_and(|value| value.precision >= Precision::Second && value.offset.is_some())
}

/// Reads a FHIR `time`: seconds are required, an offset is not allowed.
#[must_use]
pub fn parse_time(text: &str) -> Option<Time> {
    parse_clock(text).filter(|(_, precision)| *precision >= Precision::Second).map(|(time, _)| time)
}

/// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`, of a day that exists.
fn parse_date(text: &str) -> Option<(Date, Precision)> {
    let bytes = text.as_bytes();
    let dashes = bytes.get(4).is_none_or(|b| *b == b'-') && bytes.get(7).is_none_or(|b| *b == b'-');
    let year = number(text.get(..4)?)?;
    if !dashes || year == 0 {
        return None;
    }
    let (month, day, precision) = match bytes.len() {
        4 => (1, 1, Precision::Year),
        7 => (number(text.get(5..)?)?, 1, Precision::Month),
        10 => (number(text.get(5..7)?)?, number(text.get(8..)?)?, Precision::Day),
        _ => return None,
    };
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    Some((date, precision))
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.f…`; a leap second is read as the second before it.
fn parse_clock(text: &str) -> Option<(Time, Precision)> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let bytes = whole.as_bytes();
    let colons = bytes.get(2) == Some(&b':') && bytes.get(5).is_none_or(|b| *b == b':');
    if !colons || !matches!(bytes.len(), 5 | 8) || (fraction.is_some() && bytes.len() == 5) {
        return None;
    }
    let (hour, minute) = (number(whole.get(..2)?)?, number(whole.get(3..5)?)?);
    let second = if bytes.len() == 8 { number(whole.get(6..)?)? } else { 0 };
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (nanos, precision) = match fraction {
        None if bytes.len() == 5 => (0, Precision::Minute),
        None => (0, Precision::Second),
        Some(digits) => nanoseconds(digits)?,
    };
    let part = |n: i16| i8::try_from(n).ok();
    let time = Time::new(part(hour)?, part(minute)?, part(second.min(59))?, nanos).ok()?;
    Some((time, precision))
}

/// The digits after the point; those beyond the ninth are dropped.
fn nanoseconds(digits: &str) -> Option<(i32, Precision)> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let kept = &digits[..digits.len().min(9)];
    let nanos = format!("{kept:0<9}").parse().ok()?;
    Some((nanos, Precision::Fraction(u8::try_from(kept.len()).ok()?)))
}

/// The clock part and the offset, if any; `None` when what looks like an offset is none.
fn split_offset(text: &str) -> Option<(&str, Option<Offset>)> {
    if let Some(clock) = text.strip_suffix('Z') {
        return Some((clock, Some(Offset::UTC)));
    }
    let Some(position) = text.find(['+', '-']) else { return Some((text, None)) };
    let (clock, offset) = text.split_at(position);
    let bytes = offset.as_bytes();
    if bytes.len() != 6 || bytes[3] != b':' {
        return None;
    }
    let (hours, minutes) = (number(offset.get(1..3)?)?, number(offset.get(4..)?)?);
    if hours > 14 || minutes > 59 || (hours == 14 && minutes > 0) {
        return None;
    }
    let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
    let offset = Offset::from_seconds(if bytes[0] == b'-' { -seconds } else { seconds }).ok()?;
    Some((clock, Some(offset)))
}

/// Digits only: no sign, no blank.
fn number(text: &str) -> Option<i16> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, lower: &str, upper: &str) {
        let (low, high) = PartialDateTime::parse(text).unwrap().bounds().unwrap();
        assert_eq!((low.to_string().as_str(), high.to_string().as_str()), (lower, upper), "{text}");
    }

    #[test]
    fn the_bounds_follow_the_precision() {
        check("2026-11-02T09:30:00+01:00", "2026-11-02T08:30:00Z", "2026-11-02T08:30:01Z");
        check("2026-11-02T09:30:00.25Z", "2026-11-02T09:30:00.25Z", "2026-11-02T09:30:00.26Z");
        check("2026-11-02T09:30Z", "2026-11-02T09:30:00Z", "2026-11-02T09:31:00Z");
    }

    proptest! {
        #[test]
        fn an_instant_is_written_as_jiff_writes_it(
            seconds in -300_000_000_000..250_000_000_000_i64,
            nanos in -999_999_999..=999_999_999_i32,
        ) {
            for at in [Timestamp::new(seconds, nanos).unwrap(), Timestamp::new(seconds / 50, nanos).unwrap()] {
                prop_assert_eq!(instant(at), format!("{at:.3}"));
            }
        }
    }

    #[test]
    fn a_date_without_an_offset_is_in_paris() {
        check("2026", "2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z");
        check("2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
        check("2026-07", "2026-06-30T22:00:00Z", "2026-07-31T22:00:00Z");
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for text in [
            "2026-02-30",
            "2026-13",
            "2026-00",
            "2025-02-29",
            "0000",
            "26",
            "2026-1-1",
            "2026/01/01",
            " 2026",
            "2026-11-02 ",
            "+026",
            "2026-11-02T",
        ] {
            assert!(!is_date_time(text), "{text}");
        }
        assert!(is_date("2024-02-29"));
    }

    #[test]
    fn a_date_time_with_a_time_needs_seconds_and_an_offset() {
        for (text, date_time, instant) in [
            ("2026-11-02T09:30:00Z", true, true),
            ("2026-11-02T09:30:00.123-05:00", true, true),
            ("2026-11-02", true, false),
            ("2026-11-02T09:30Z", false, false),
            ("2026-11-02T09:30:00", false, false),
            ("2026-11-02T24:00:00Z", false, false),
            ("2026-11-02T09:60:00Z", false, false),
            ("2026-11-02T09:30:00+15:00", false, false),
            ("2026-11-02T09:30:00.Z", false, false),
            ("2026-11-02T09:30:00+0100", false, false),
            ("2026-11T09:30:00Z", false, false),
            ("2026-11-02t09:30:00Z", false, false),
        ] {
            assert_eq!((is_date_time(text), is_instant(text)), (date_time, instant), "{text}");
        }
    }

    #[test]
    fn overlapping_values_cannot_be_compared() {
        let compare = |a, b| PartialDateTime::parse(a).unwrap().compare(&PartialDateTime::parse(b).unwrap());
        assert_eq!(compare("2026-11", "2026-12"), Some(Ordering::Less));
        assert_eq!(compare("2026-11-02", "2026-11"), None);
        assert_eq!(compare("2026-11-02T09:00:00Z", "2026-11-02T10:00:00+01:00"), Some(Ordering::Equal));
        assert_eq!(compare("2027", "2026-11"), Some(Ordering::Greater));
    }

    #[test]
    fn times_have_seconds_and_no_offset() {
        assert!(parse_time("09:30:00.5").is_some());
        for text in ["09:30", "9:30:00", "09:30:00Z", "25:00:00", "09:30:00."] {
            assert!(parse_time(text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_instant_is_written_with_milliseconds() {
        assert_eq!(
            instant(Timestamp::from_millisecond(1_700_000_000_005).unwrap()),
            "2023-11-14T22:13:20.005Z"
        );
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_back_as_it_was(text in "(19|20)[0-9]{2}(-(0[1-9]|1[0-2])(-(0[1-9]|1[0-9]|2[0-8])(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-](0[1-9]|1[0-3]):[0-5][0-9]))?)?)?") {
            prop_assert_eq!(PartialDateTime::parse(&text).unwrap().to_string(), text);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = PartialDateTime::parse(&text).and_then(|value| value.bounds());
        }
    }
}
