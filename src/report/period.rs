//! What a report is about: one response, or the days of a period that a person chose (`DiagnosticReport.effectivePeriod`).

use crate::json::Value;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

use super::element::{own_extension, text};
use super::french;
use crate::problem::{Category, Issue, Problem};

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One response, with the weeks before it: a report that names its response (`source-response`), or no period.
    Response,
    /// These days and no others.
    Period(Days),
}

impl Scope {
    /// What that `DiagnosticReport` is about.
    ///
    /// # Errors
    /// `Invalid`, with every fault, when its period has no first or no last day.
    pub fn of(report: &Value) -> Result<Self, Problem> {
        if own_extension(report, "source-response").is_some() || report.get("effectivePeriod").is_none() {
            return Ok(Self::Response);
        }
        let end = |name| text(report, &format!("effectivePeriod.{name}"));
        Days::read(end("start"), end("end"), "DiagnosticReport.effectivePeriod").map(Self::Period)
    }

    /// The days, where a period was chosen.
    #[must_use]
    pub const fn days(self) -> Option<Days> {
        match self {
            Self::Response => None,
            Self::Period(days) => Some(days),
        }
    }
}

/// Days in France, the first and the last included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub first: Date,
    /// The last.
    pub last: Date,
}

impl Days {
    /// The days from `start` to `end`, each a FHIR `date`, `dateTime` or `instant` that says its day.
    ///
    /// # Errors
    /// `Invalid`, with every fault, at `place`.
    pub fn read(start: Option<&str>, end: Option<&str>, place: &str) -> Result<Self, Problem> {
        let mut issues = Vec::new();
        let mut day = |name: &str, written: Option<&str>| {
            let day = written.and_then(french::day);
            if day.is_none() {
                let fault = if written.is_some() { "does not say its day" } else { "is missing" };
                let what = format!("{name} of the period {fault}: a report of a period covers whole days");
                let french = "La période doit avoir un premier et un dernier jour.";
                issues.push(Issue::error("required", what).at(format!("{place}.{name}")).text(french));
            }
            day
        };
        match (day("start", start), day("end", end)) {
            (Some(first), Some(last)) => Ok(Self { first, last }),
            _ => Err(Problem::with(Category::Invalid, issues)),
        }
    }

    /// The same days, if a report can be made of them today: in order, over, and at most `weeks_max` weeks.
    ///
    /// # Errors
    /// `Invalid`, with every fault, at `place`.
    pub fn checked(self, today: Date, weeks_max: u32, place: &str) -> Result<Self, Problem> {
        let mut issues = Vec::new();
        let mut fault = |what: String, french: String| {
            issues.push(Issue::error("business-rule", what).at(place).text(french));
        };
        let Self { first, last } = self;
        if first > last {
            fault(
                format!("the period ends on {last}, before it starts on {first}"),
                "La période se termine avant de commencer.".to_owned(),
            );
        }
        if last > today {
            fault(
                format!(
                    "the period ends on {last}, and today is {today}: what is not over cannot be reported"
                ),
                format!("La période se termine dans le futur ({}).", french::long_date(last)),
            );
        }
        if i64::from(self.count()) > i64::from(weeks_max) * 7 {
            fault(
                format!(
                    "the period has {} days; at most {weeks_max} weeks are reported at once",
                    self.count()
                ),
                format!("La période dépasse {weeks_max} semaines."),
            );
        }
        if issues.is_empty() { Ok(self) } else { Err(Problem::with(Category::Invalid, issues)) }
    }

    /// How many days; 0 or less when they are reversed.
    #[must_use]
    pub fn count(self) -> i32 {
        (self.last - self.first).get_days() + 1
    }

    /// Whether that day is one of them.
    #[must_use]
    pub fn holds(self, day: Date) -> bool {
        (self.first..=self.last).contains(&day)
    }

    /// The first moment of the first day and of the day after the last, on the clocks of France.
    #[must_use]
    pub fn bounds(self) -> (Timestamp, Timestamp) {
        let midnight = |day: Date| {
            let zone = TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC);
            day.to_zoned(zone).map_or_else(|_| Timestamp::UNIX_EPOCH, |at: Zoned| at.timestamp())
        };
        (midnight(self.first), midnight(self.last.saturating_add(1.day())))
    }

    /// The days that both have.
    pub(super) fn overlap(self, other: Self) -> Option<Self> {
        let both = Self { first: self.first.max(other.first), last: self.last.min(other.last) };
        (both.first <= both.last).then_some(both)
    }

    /// Seven days each, from the first on; the last one has what is left.
    pub(super) fn weeks(self) -> Vec<Self> {
        let mut weeks = Vec::new();
        let mut first = self.first;
        while first <= self.last {
            let next = first.saturating_add(7.days());
            weeks.push(Self { first, last: next.saturating_sub(1.day()).min(self.last) });
            if next <= first {
                break;
            }
            first = next;
        }
        weeks
    }
}

/// The day in France at that moment.
#[must_use]
pub fn today(now: Timestamp) -> Date {
    french::in_paris(now).date()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;
    use crate::report::element::own_url;

    fn days(first: &str, last: &str) -> Days {
        Days { first: first.parse().unwrap(), last: last.parse().unwrap() }
    }

    #[test]
    fn a_report_is_about_a_period_when_it_names_one_and_no_response() {
        let period = json!({"start": "2026-02-16", "end": "2026-03-31T23:30:00Z"});
        let check = |report: Value, expected: Scope| assert_eq!(Scope::of(&report).unwrap(), expected);
        check(json!({ "effectivePeriod": period }), Scope::Period(days("2026-02-16", "2026-04-01")));
        let source = json!([{"url": own_url("source-response"), "valueReference": {"reference": "x"}}]);
        check(json!({"effectivePeriod": period, "extension": source}), Scope::Response);
        check(json!({"effectiveDateTime": "2026-03-02"}), Scope::Response);
    }

    #[test]
    fn each_end_that_is_missing_or_vague_is_told_at_its_place() {
        let check = |period: Value, expected: &[&str]| {
            let problem = Scope::of(&json!({ "effectivePeriod": period })).unwrap_err();
            let places: Vec<_> =
                problem.issues.iter().filter_map(|issue| issue.expression.as_deref()).collect();
            assert_eq!(places, expected);
        };
        check(json!({}), &["DiagnosticReport.effectivePeriod.start", "DiagnosticReport.effectivePeriod.end"]);
        check(json!({"start": "2026-03", "end": "2026-03-02"}), &["DiagnosticReport.effectivePeriod.start"]);
    }

    #[test]
    fn a_period_is_in_order_over_and_not_too_long() {
        let check = |first: &str, last: &str, faults: usize| {
            let checked = days(first, last).checked("2026-06-01".parse().unwrap(), 2, "p");
            assert_eq!(checked.map_or_else(|problem| problem.issues.len(), |_| 0), faults, "{first} {last}");
        };
        check("2026-06-01", "2026-06-01", 0);
        check("2026-05-19", "2026-06-01", 0);
        check("2026-05-18", "2026-06-01", 1);
        check("2026-06-02", "2026-06-01", 1);
        check("2026-06-01", "2026-06-02", 1);
        check("2026-05-01", "2026-06-02", 2);
        check("2026-07-02", "2026-07-01", 2);
    }

    #[test]
    fn weeks_follow_each_other_and_the_last_one_may_be_short() {
        let weeks = days("2026-03-02", "2026-03-17").weeks();
        assert_eq!(
            weeks,
            [
                days("2026-03-02", "2026-03-08"),
                days("2026-03-09", "2026-03-15"),
                days("2026-03-16", "2026-03-17"),
            ]
        );
        assert_eq!(days("2026-03-02", "2026-03-01").weeks(), []);
    }

    #[test]
    fn a_day_is_as_long_as_it_is_in_france() {
        let (start, end) = days("2026-03-29", "2026-03-29").bounds();
        assert_eq!(
            (start.to_string(), end.to_string()),
            ("2026-03-28T23:00:00Z".into(), "2026-03-29T22:00:00Z".into())
        );
    }
}
