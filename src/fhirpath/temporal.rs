//! Dates, dateTimes and times that keep their precision (`FHIRPath` 2.0.0 sections 4.1.5 to 4.1.7;
//! comparison in 6.2, arithmetic in 6.6.7).

use std::cmp::Ordering;
use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use jiff::{Span, Zoned};

/// Which of the three types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum TemporalKind {
    /// A calendar date, perhaps without day or month.
    Date,
    /// A date with a time, perhaps with an offset, perhaps cut short anywhere.
    DateTime,
    /// A time of day.
    Time,
}

/// How far a value is told. Fractions of a second belong to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Precision {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

/// A date, dateTime or time. Parts beyond the precision are at their least value.
#[derive(Debug, Clone, Copy)]
pub struct Temporal {
    pub(super) kind: TemporalKind,
    pub(super) precision: Precision,
    pub(super) local: DateTime,
    /// Digits after the second, 0 to 9.
    pub(super) fraction: u8,
    /// Minutes east of UTC.
    pub(super) offset: Option<i16>,
}

/// West-most and east-most offsets in use, in hours: what an absent offset may be.
const OFFSET_HOURS: (i64, i64) = (-12, 14);

impl Temporal {
    /// `2026`, `2026-11` or `2026-11-22`, if there is such a day.
    pub(super) fn date(text: &str) -> Option<Self> {
        let (date, precision) = read_date(text)?;
        let local = date.to_datetime(Time::midnight());
        Some(Self { kind: TemporalKind::Date, precision, local, fraction: 0, offset: None })
    }

    /// A date, or a date followed by `T` and as much of a time and offset as is known.
    pub(super) fn date_time(text: &str) -> Option<Self> {
        let Some((date, rest)) = text.split_once('T') else {
            return Some(Self { kind: TemporalKind::DateTime, ..Self::date(text)? });
        };
        let (date, precision) = read_date(date)?;
        if rest.is_empty() {
            let local = date.to_datetime(Time::midnight());
            return Some(Self { kind: TemporalKind::DateTime, precision, local, fraction: 0, offset: None });
        }
        if precision != Precision::Day {
            return None;
        }
        let (clock, offset) = split_offset(rest)?;
        let (time, precision, fraction) = read_time(clock)?;
        let local = date.to_datetime(time);
        Some(Self { kind: TemporalKind::DateTime, precision, local, fraction, offset })
    }

    /// `10`, `10:00`, `10:00:00` or `10:00:00.000`, without offset.
    pub(super) fn time(text: &str) -> Option<Self> {
        let (time, precision, fraction) = read_time(text)?;
        let local = Date::constant(1, 1, 1).to_datetime(time);
        Some(Self { kind: TemporalKind::Time, precision, local, fraction, offset: None })
    }

    /// `now()`, in milliseconds.
    pub(super) fn of_moment(now: &Zoned) -> Self {
        let local = now.datetime();
        let millis = local.subsec_nanosecond() / 1_000_000 * 1_000_000;
        let local = local.with().subsec_nanosecond(millis).build().unwrap_or(local);
        let offset = i16::try_from(now.offset().seconds() / 60).ok();
        Self { kind: TemporalKind::DateTime, precision: Precision::Second, local, fraction: 3, offset }
    }

    /// Its date, no further than the day.
    pub(super) fn to_date(self) -> Self {
        let precision = self.precision.min(Precision::Day);
        let local = self.local.date().to_datetime(Time::midnight());
        Self { kind: TemporalKind::Date, precision, local, fraction: 0, offset: None }
    }

    /// The same as a dateTime.
    pub(super) const fn to_date_time(self) -> Self {
        Self { kind: TemporalKind::DateTime, ..self }
    }

    /// Its time of day.
    pub(super) fn to_time(self) -> Self {
        let local = Date::constant(1, 1, 1).to_datetime(self.local.time());
        Self { kind: TemporalKind::Time, local, offset: None, ..self }
    }

    /// The System type's name.
    pub(super) const fn type_name(self) -> &'static str {
        match self.kind {
            TemporalKind::Date => "Date",
            TemporalKind::DateTime => "DateTime",
            TemporalKind::Time => "Time",
        }
    }

    /// Whether the two are of types that compare: times with times, dates with dateTimes.
    pub(super) fn comparable(self, other: Self) -> bool {
        (self.kind == TemporalKind::Time) == (other.kind == TemporalKind::Time)
    }

    /// Which comes first; `None` when the precision or a missing offset leaves it open.
    pub(super) fn order(self, other: Self) -> Option<Ordering> {
        let both_timed = self.precision > Precision::Day && other.precision > Precision::Day;
        let (left, right) = match (self.offset, other.offset) {
            (Some(_), Some(_)) => (self.in_utc()?, other.in_utc()?),
            (Some(_), None) if both_timed => return self.order_unzoned(other),
            (None, Some(_)) if both_timed => return other.order_unzoned(self).map(Ordering::reverse),
            _ => (self.local, other.local),
        };
        let shared = self.precision.min(other.precision);
        match cut(left, shared).cmp(&cut(right, shared)) {
            Ordering::Equal if self.precision != other.precision => None,
            decided => Some(decided),
        }
    }

    /// Against a value without offset, decided only when every offset would decide the same.
    fn order_unzoned(self, other: Self) -> Option<Ordering> {
        let utc = self.in_utc()?;
        let earliest = other.local.checked_sub(Span::new().hours(OFFSET_HOURS.1)).ok()?;
        let latest = other.local.checked_sub(Span::new().hours(OFFSET_HOURS.0 - 1)).ok()?;
        if utc < earliest {
            return Some(Ordering::Less);
        }
        (utc > latest).then_some(Ordering::Greater)
    }

    /// Digits that are told: 4 for a year, 8 for a day, 17 for a dateTime in milliseconds.
    pub(super) fn digits(self) -> usize {
        let digits = match self.precision {
            Precision::Year => 4,
            Precision::Month => 6,
            Precision::Day => 8,
            Precision::Hour => 10,
            Precision::Minute => 12,
            Precision::Second if self.fraction == 0 => 14,
            Precision::Second => 17,
        };
        if self.kind == TemporalKind::Time { digits - 8 } else { digits }
    }

    /// The first or last moment that the value may stand for, told to so many digits. Without an
    /// offset, the first moment on earth is at +14:00 and the last at -12:00.
    pub(super) fn boundary(self, high: bool, digits: Option<i64>) -> Option<Self> {
        let (shift, finest) = match self.kind {
            TemporalKind::Date => (0, 8),
            TemporalKind::DateTime => (0, 17),
            TemporalKind::Time => (8, 17),
        };
        let digits = digits.map_or(Some(finest), |digits| digits.checked_add(shift))?;
        let (precision, fraction) = match digits {
            4 => (Precision::Year, 0),
            6 => (Precision::Month, 0),
            8 => (Precision::Day, 0),
            10 => (Precision::Hour, 0),
            12 => (Precision::Minute, 0),
            14 => (Precision::Second, 0),
            17 => (Precision::Second, 3),
            _ => return None,
        };
        let timed = precision > Precision::Day;
        if digits > finest || (self.kind == TemporalKind::Time && !timed) {
            return None;
        }
        let local = if high { self.last_moment()? } else { self.local };
        let hours = if high { OFFSET_HOURS.0 } else { OFFSET_HOURS.1 };
        let absent = i16::try_from(hours * 60).ok();
        let offset = if self.kind == TemporalKind::DateTime && timed { self.offset.or(absent) } else { None };
        Some(Self { precision, local, fraction, offset, ..self })
    }

    /// The last millisecond of the year, month, day, hour, minute or second that is told.
    fn last_moment(self) -> Option<DateTime> {
        let span = Span::new();
        let next = match self.precision {
            Precision::Year => span.years(1),
            Precision::Month => span.months(1),
            Precision::Day => span.days(1),
            Precision::Hour => span.hours(1),
            Precision::Minute => span.minutes(1),
            Precision::Second if self.fraction == 0 => span.seconds(1),
            Precision::Second => return Some(self.local),
        };
        self.local.checked_add(next).ok()?.checked_sub(Span::new().milliseconds(1)).ok()
    }

    fn in_utc(self) -> Option<DateTime> {
        let minutes = i64::from(self.offset.unwrap_or(0));
        self.local.checked_sub(Span::new().minutes(minutes)).ok()
    }

    /// The same precision and the same moment.
    pub(super) fn equivalent(self, other: Self) -> bool {
        self.comparable(other) && self.order(other) == Some(Ordering::Equal)
    }

    /// Later (or with a negative amount earlier) by whole calendar units; a finer unit than the
    /// precision counts as whole units of the precision (section 6.6.7). `None` outside the years
    /// 1 to 9999.
    pub(super) fn shifted(self, amount: i64, unit: Step) -> Option<Self> {
        let (amount, unit) = unit.coarsened(amount, self.precision);
        let span = unit.span(amount)?;
        let local = if self.kind == TemporalKind::Time {
            let time = self.local.time().wrapping_add(span);
            Date::constant(1, 1, 1).to_datetime(time)
        } else {
            self.local.checked_add(span).ok()?
        };
        if !(1..=9999).contains(&local.year()) {
            return None;
        }
        let fraction = if unit == Step::Millisecond { self.fraction.max(3) } else { self.fraction };
        Some(Self { local, fraction, ..self })
    }
}

/// What a calendar is moved by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Millisecond,
}

impl Step {
    /// Amount and unit no finer than the precision, decimals cut off: 25 months are 2 years for a year.
    fn coarsened(self, amount: i64, precision: Precision) -> (i64, Self) {
        let floor = match precision {
            Precision::Year => Self::Year,
            Precision::Month => Self::Month,
            Precision::Day => Self::Day,
            Precision::Hour => Self::Hour,
            Precision::Minute => Self::Minute,
            Precision::Second => Self::Millisecond,
        };
        if self <= floor {
            return (amount, self);
        }
        let (own, target) = (self.milliseconds(), floor.milliseconds());
        if floor == Self::Year && self == Self::Month {
            return (amount / 12, floor);
        }
        (i64::try_from(i128::from(amount) * i128::from(own) / i128::from(target)).unwrap_or(i64::MAX), floor)
    }

    /// Its length, a month being 30 days and a year 365 (section 4.1.8).
    pub(super) const fn milliseconds(self) -> i64 {
        match self {
            Self::Year => 365 * 86_400_000,
            Self::Month => 30 * 86_400_000,
            Self::Week => 7 * 86_400_000,
            Self::Day => 86_400_000,
            Self::Hour => 3_600_000,
            Self::Minute => 60_000,
            Self::Second => 1000,
            Self::Millisecond => 1,
        }
    }

    fn span(self, amount: i64) -> Option<Span> {
        let span = Span::new();
        match self {
            Self::Year => span.try_years(amount),
            Self::Month => span.try_months(amount),
            Self::Week => span.try_weeks(amount),
            Self::Day => span.try_days(amount),
            Self::Hour => span.try_hours(amount),
            Self::Minute => span.try_minutes(amount),
            Self::Second => span.try_seconds(amount),
            Self::Millisecond => span.try_milliseconds(amount),
        }
        .ok()
    }
}

/// The parts up to the precision, the others at their least value.
fn cut(local: DateTime, precision: Precision) -> (i16, i8, i8, i8, i8, i8, i32) {
    let (date, time) = (local.date(), local.time());
    let up_to = |part: Precision, value: i8| if precision >= part { value } else { 0 };
    (
        date.year(),
        up_to(Precision::Month, date.month()),
        up_to(Precision::Day, date.day()),
        up_to(Precision::Hour, time.hour()),
        up_to(Precision::Minute, time.minute()),
        up_to(Precision::Second, time.second()),
        if precision == Precision::Second { time.subsec_nanosecond() } else { 0 },
    )
}

fn digits(text: &str, length: usize) -> Option<i16> {
    let right = text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
    if right { text.parse().ok() } else { None }
}

fn read_date(text: &str) -> Option<(Date, Precision)> {
    let mut parts = text.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next();
    let day = parts.next();
    if parts.next().is_some() || year == 0 {
        return None;
    }
    let precision = match (month, day) {
        (None, _) => Precision::Year,
        (_, None) => Precision::Month,
        _ => Precision::Day,
    };
    let part = |text: Option<&str>| text.map_or(Some(1), |text| i8::try_from(digits(text, 2)?).ok());
    Some((Date::new(year, part(month)?, part(day)?).ok()?, precision))
}

fn read_time(text: &str) -> Option<(Time, Precision, u8)> {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (text, None),
    };
    let mut parts = clock.split(':');
    let hour = parts.next()?;
    let minute = parts.next();
    let second = parts.next();
    if parts.next().is_some() || (fraction.is_some() && second.is_none()) {
        return None;
    }
    let precision = match (minute, second) {
        (None, _) => Precision::Hour,
        (_, None) => Precision::Minute,
        _ => Precision::Second,
    };
    let part = |text: Option<&str>| text.map_or(Some(0), |text| i8::try_from(digits(text, 2)?).ok());
    let (nanos, length) = match fraction {
        Some(fraction) => (nanoseconds(fraction)?, u8::try_from(fraction.len().min(9)).ok()?),
        None => (0, 0),
    };
    Some((Time::new(part(Some(hour))?, part(minute)?, part(second)?, nanos).ok()?, precision, length))
}

fn nanoseconds(fraction: &str) -> Option<i32> {
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    format!("{:0<9.9}", fraction).parse().ok()
}

/// The clock part and the offset in minutes.
fn split_offset(text: &str) -> Option<(&str, Option<i16>)> {
    if let Some(clock) = text.strip_suffix('Z') {
        return Some((clock, Some(0)));
    }
    let Some(at) = text.find(['+', '-']) else {
        return Some((text, None));
    };
    let (hours, minutes) = text[at + 1..].split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    let total = hours * 60 + minutes;
    Some((&text[..at], Some(if text[at..].starts_with('-') { -total } else { total })))
}

impl fmt::Display for Temporal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, time) = (self.local.date(), self.local.time());
        if self.kind != TemporalKind::Time {
            write!(f, "{:04}", date.year())?;
            if self.precision >= Precision::Month {
                write!(f, "-{:02}", date.month())?;
            }
            if self.precision >= Precision::Day {
                write!(f, "-{:02}", date.day())?;
            }
            if self.precision <= Precision::Day {
                return Ok(());
            }
            f.write_str("T")?;
        }
        write!(f, "{:02}", time.hour())?;
        if self.precision >= Precision::Minute {
            write!(f, ":{:02}", time.minute())?;
        }
        if self.precision >= Precision::Second {
            write!(f, ":{:02}", time.second())?;
        }
        if self.fraction > 0 {
            let nanos = format!("{:09}", time.subsec_nanosecond());
            write!(f, ".{}", &nanos[..usize::from(self.fraction.min(9))])?;
        }
        match self.offset {
            None => Ok(()),
            Some(0) => f.write_str("Z"),
            Some(minutes) => {
                let sign = if minutes < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
            }
        }
    }
}
