//! The public holidays of France, on which a unit is closed: code du travail, L3133-1, and L3134-13 for Alsace and Moselle.

use jiff::ToSpan;
use jiff::civil::Date;

/// Days on which a unit is closed, whatever day of the week they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holidays {
    /// None.
    None,
    /// The eleven of L3133-1.
    France,
    /// These, Good Friday and 26 December.
    AlsaceMoselle,
}

/// Those that have a date, as month and day.
const DATED: [(i8, i8); 8] = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)];

/// Days from Easter Sunday to Easter Monday, Ascension and Whit Monday.
const MOVED: [i32; 3] = [1, 39, 50];

/// Days from Easter Sunday to Good Friday.
const GOOD_FRIDAY: i32 = -2;

impl Holidays {
    /// Whether that day is one of them.
    pub(super) fn hold(self, day: Date) -> bool {
        let is_after_easter = |days: i32| {
            easter(day.year()).and_then(|easter| easter.checked_add(days.days()).ok()) == Some(day)
        };
        let date = (day.month(), day.day());
        let in_france = DATED.contains(&date) || MOVED.into_iter().any(is_after_easter);
        match self {
            Self::None => false,
            Self::France => in_france,
            Self::AlsaceMoselle => in_france || date == (12, 26) || is_after_easter(GOOD_FRIDAY),
        }
    }
}

/// Easter Sunday of a year of the Gregorian calendar (Meeus, Astronomical Algorithms, chapter 8).
fn easter(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (b - (b + 8) / 25 + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    Date::new(year, i8::try_from(n / 31).ok()?, i8::try_from(n % 31 + 1).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easter_is_where_the_tables_have_it() {
        // Dates of the Bureau des longitudes; 1818 and 1943 are the earliest and the latest that were.
        for expected in [
            "1818-03-22",
            "1943-04-25",
            "1961-04-02",
            "2000-04-23",
            "2008-03-23",
            "2019-04-21",
            "2024-03-31",
            "2025-04-20",
            "2026-04-05",
            "2027-03-28",
            "2038-04-25",
        ] {
            let expected: Date = expected.parse().unwrap();
            assert_eq!(easter(expected.year()), Some(expected));
        }
    }

    #[test]
    fn a_year_has_eleven_and_two_more_in_the_east() {
        let of = |holidays: Holidays| {
            let all = Date::new(2026, 1, 1).unwrap().series(1.day()).take(365);
            all.filter(|day| holidays.hold(*day))
                .map(|day| day.strftime("%m-%d").to_string())
                .collect::<Vec<_>>()
        };
        let france = [
            "01-01", "04-06", "05-01", "05-08", "05-14", "05-25", "07-14", "08-15", "11-01", "11-11", "12-25",
        ];
        assert_eq!(of(Holidays::France), france);
        let east: Vec<String> = of(Holidays::AlsaceMoselle);
        let more: Vec<&str> = east.iter().map(String::as_str).filter(|day| !france.contains(day)).collect();
        assert_eq!((more, east.len()), (vec!["04-03", "12-26"], 13));
        assert_eq!(of(Holidays::None).len(), 0);
    }
}
