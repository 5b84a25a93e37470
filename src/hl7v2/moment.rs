//! Timestamps with the precision and the offset they were written with (data type DTM/TS, HL7 v2.5, 2.A.22).

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A moment as far as it is known: `YYYY[MM[DD[HH[MM[SS[.ssss]]]]]][±ZZZZ]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    date: (i16, Option<i8>, Option<i8>),
    /// Hour, minute, second; a precision that ends at the hour or the minute reads as zero behind it.
    time: Option<(i8, i8, i8)>,
    /// Nanoseconds, of up to four digits.
    fraction: i32,
    /// Minutes east of Greenwich.
    offset: Option<i32>,
}

impl Moment {
    /// Reads a timestamp; `None` when it is none or names a day or an hour that does not exist.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (local, offset) = match text.find(['+', '-']) {
            Some(at) => (text.get(..at)?, Some(offset(text.get(at..)?)?)),
            None => (text, None),
        };
        let (digits, fraction) = local.split_once('.').map_or((local, ""), |(digits, part)| (digits, part));
        if !digits.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) || fraction.len() > 4 {
            return None;
        }
        if local.contains('.') && (fraction.is_empty() || digits.len() != 14) {
            return None;
        }
        let pair = |at: usize| digits.get(at..at + 2)?.parse::<i8>().ok();
        if !matches!(digits.len(), 4 | 6 | 8 | 10 | 12 | 14) {
            return None;
        }
        let moment = Self {
            date: (digits.get(..4)?.parse().ok()?, pair(4), pair(6)),
            time: pair(8).map(|hour| (hour, pair(10).unwrap_or(0), pair(12).unwrap_or(0))),
            fraction: format!("{fraction:0<9}").parse().ok()?,
            offset,
        };
        moment.exists().then_some(moment)
    }

    fn exists(&self) -> bool {
        let (year, month, day) = self.date;
        let date = jiff::civil::Date::new(year, month.unwrap_or(1), day.unwrap_or(1));
        let time = self.time.is_none_or(|(hour, minute, second)| {
            jiff::civil::Time::new(hour, minute, second, self.fraction).is_ok()
        });
        date.is_ok() && time && (self.time.is_none() || day.is_some())
    }

    /// The date alone, with its own precision: `2026`, `2026-03`, `2026-03-09` (FHIR `date`).
    #[must_use]
    pub fn date(&self) -> String {
        match self.date {
            (year, Some(month), Some(day)) => format!("{year:04}-{month:02}-{day:02}"),
            (year, Some(month), None) => format!("{year:04}-{month:02}"),
            (year, _, _) => format!("{year:04}"),
        }
    }

    /// The instant, where a day and an hour are known; local time is of that zone when no offset is written.
    #[must_use]
    pub fn instant(&self, zone: &TimeZone) -> Option<Timestamp> {
        let ((year, month, day), (hour, minute, second)) = (self.date, self.time?);
        let civil =
            jiff::civil::DateTime::new(year, month?, day?, hour, minute, second, self.fraction).ok()?;
        match self.offset {
            Some(minutes) => jiff::tz::Offset::from_seconds(minutes * 60).ok()?.to_timestamp(civil).ok(),
            None => civil.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp()),
        }
    }
}

fn offset(text: &str) -> Option<i32> {
    let (sign, digits) = text.split_at_checked(1)?;
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes): (i32, i32) = (digits.get(..2)?.parse().ok()?, digits.get(2..)?.parse().ok()?);
    let east = hours * 60 + minutes;
    (hours <= 14 && minutes < 60).then_some(if sign == "-" { -east } else { east })
}

/// `YYYYMMDDHHMMSS±ZZZZ` in that zone.
#[must_use]
pub fn timestamp(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y%m%d%H%M%S%z").to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn paris() -> TimeZone {
        TimeZone::get("Europe/Paris").unwrap()
    }

    fn check(text: &str, date: &str, instant: Option<&str>) {
        let moment = Moment::parse(text).unwrap_or_else(|| panic!("{text} was not read"));
        assert_eq!(moment.date(), date, "{text}");
        assert_eq!(moment.instant(&paris()).map(|at| at.to_string()).as_deref(), instant, "{text}");
    }

    #[test]
    fn a_moment_keeps_its_precision_and_offset() {
        check("1979", "1979", None);
        check("197903", "1979-03", None);
        check("19790328", "1979-03-28", None);
        check("202603091420", "2026-03-09", Some("2026-03-09T13:20:00Z"));
        check("20260309142002+0200", "2026-03-09", Some("2026-03-09T12:20:02Z"));
        check("20260309142002.25-0330", "2026-03-09", Some("2026-03-09T17:50:02.25Z"));
        check("20260709142002", "2026-07-09", Some("2026-07-09T12:20:02Z"));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "79",
            "19791",
            "20260230",
            "2026030925",
            "20260309142002.",
            "202603091420.5",
            "2026-03-09",
            "20260309+01",
            "20260309142002+9900",
            "2026é309",
            "20260309142002.12345",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_instant_is_written_with_the_offset_of_its_zone() {
        let winter: Timestamp = "2026-03-09T14:20:02.5Z".parse().unwrap();
        assert_eq!(timestamp(winter, &paris()), "20260309152002+0100");
        let summer: Timestamp = "2026-07-09T14:20:02Z".parse().unwrap();
        assert_eq!(timestamp(summer, &paris()), "20260709162002+0200");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9+.é-]{0,24}") {
            if let Some(moment) = Moment::parse(&text) {
                let _ = moment.instant(&paris());
            }
        }

        #[test]
        fn what_is_written_reads_back(second in 0_i64..4_102_444_800) {
            let at = Timestamp::from_second(second).unwrap();
            let written = timestamp(at, &paris());
            prop_assert_eq!(Moment::parse(&written).and_then(|moment| moment.instant(&TimeZone::UTC)), Some(at));
        }
    }
}
