//! What is done about alerts that nobody takes in time: the section `escalation` of the settings.

use jiff::civil::{Time, Weekday};
use serde::Deserialize;

/// Alerts that nobody takes in time.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default)]
pub struct Escalation {
    /// Whether they are told to the next role; not where another system does that.
    pub watch: bool,
    /// When the unit is open; always, where it is not said.
    pub opens: Option<Opening>,
    /// The days on which it is closed all the same, where it is said when it is open.
    pub holidays: Holidays,
}

impl Default for Escalation {
    fn default() -> Self {
        Self { watch: true, opens: None, holidays: Holidays::France }
    }
}

/// Public holidays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holidays {
    /// Open on all of them.
    None,
    /// Those of France.
    France,
    /// With the two more of Alsace and Moselle.
    AlsaceMoselle,
}

/// Days and hours of a unit, in Paris time, written as `Mon-Fri 08:30-18:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Opening {
    /// The first and the last day of a row of days.
    pub days: (Weekday, Weekday),
    /// When it opens.
    pub from: Time,
    /// When it closes, later on the same day.
    pub to: Time,
}

impl TryFrom<String> for Opening {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let refused = || {
            format!(
                "escalation.opens: '{text}' is no time of opening; write days and hours of Paris, such as Mon-Fri 08:30-18:00"
            )
        };
        read(&text).ok_or_else(refused)
    }
}

fn read(text: &str) -> Option<Opening> {
    let (days, hours) = text.split_once(' ')?;
    let (first, last) = days.split_once('-').unwrap_or((days, days));
    let (from, to) = hours.split_once('-')?;
    let (from, to) = (hour(from)?, hour(to)?);
    (from < to).then_some(Opening { days: (day(first)?, day(last)?), from, to })
}

fn day(text: &str) -> Option<Weekday> {
    let names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let place = names.iter().position(|name| *name == text)?;
    Weekday::from_monday_zero_offset(i8::try_from(place).ok()?).ok()
}

fn hour(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two = |text: &str| {
        text.parse().ok().filter(|_| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()))
    };
    Time::new(two(hour)?, two(minute)?, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::time;

    #[test]
    fn days_and_hours_are_read_or_refused_with_what_would_be_right() {
        let read = |text: &str| Opening::try_from(text.to_owned());
        let week = read("Mon-Fri 08:30-18:00").unwrap();
        assert_eq!(week.days, (Weekday::Monday, Weekday::Friday));
        assert_eq!((week.from, week.to), (time(8, 30, 0, 0), time(18, 0, 0, 0)));
        assert_eq!(read("Sat 09:00-12:00").unwrap().days, (Weekday::Saturday, Weekday::Saturday));
        for wrong in [
            "",
            "always",
            "Mon-Fri",
            "Mon-Fri 8:30-18:00",
            "Mon-Fri 18:00-08:00",
            "Lun-Ven 08:30-18:00",
            "Mon-Fri 08:30-24:00",
            "Mon-Fri +8:30-18:00",
        ] {
            let told = read(wrong).unwrap_err();
            assert!(told.contains("Mon-Fri 08:30-18:00") && told.contains(&format!("'{wrong}'")), "{told}");
        }
    }
}
