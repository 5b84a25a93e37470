//! Which weeks of a period were answered: observance as the French health insurance counts it, received ÷ expected.

use crate::json::Value;
use jiff::civil::Date;

use super::Days;
use crate::fhir::element::list;
use crate::report::element::{own_extension, text, wording_of};
use crate::report::{Level, alerts, french};

/// Characters of a reason that are told.
const REASON_MAX: usize = 400;

/// The weeks of a period that a patient was monitored in. A pause (`CarePlan` on hold) is not known with its dates and
/// therefore not taken off.
#[derive(Clone, PartialEq, Eq)]
pub struct Coverage {
    /// The days of the period that a plan of care covers; none when no plan does.
    pub monitored: Option<Days>,
    /// Seven days each, from the first monitored day on; the last one may be short.
    pub weeks: Vec<Week>,
}

/// One week.
#[derive(Clone, PartialEq, Eq)]
pub struct Week {
    /// Its days.
    pub days: Days,
    /// Whether it was answered.
    pub answered: Answered,
    /// The days of the answers.
    pub on: Vec<Date>,
    /// The most serious level that its responses were given.
    pub level: Option<Level>,
    /// Why responses of it were refused, which nobody's rules could read as a whole; each reason once.
    pub unread: Vec<String>,
}

/// Whether a week was answered, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answered {
    /// Nothing came.
    No,
    /// A questionnaire was begun and not sent.
    Begun,
    /// What came was taken back (`entered-in-error`): nobody knows how the week was.
    Withdrawn,
    /// What came was refused: it was kept, and is not counted as received.
    Refused,
    /// A response came.
    Yes,
}

impl Week {
    /// Whether it counts: seven days of monitoring.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.days.count() == 7
    }
}

impl Coverage {
    /// Weeks that a response was expected in: the whole ones.
    #[must_use]
    pub fn expected(&self) -> usize {
        self.weeks.iter().filter(|week| week.is_whole()).count()
    }

    /// Expected weeks with a response.
    #[must_use]
    pub fn received(&self) -> usize {
        self.weeks.iter().filter(|week| week.is_whole() && week.answered == Answered::Yes).count()
    }

    /// Received ÷ expected in percent, rounded down; none when nothing was expected.
    #[must_use]
    pub fn percent(&self) -> Option<usize> {
        (self.received() * 100).checked_div(self.expected())
    }

    /// Whether more than half of what was expected came. Assurance Maladie checks this one and two months after the first
    /// prescription, for monitoring to go on (general page on remote monitoring, not specific to oncology); here it is told of
    /// the period that was chosen, and nothing follows from it.
    #[must_use]
    pub fn is_sufficient(&self) -> bool {
        self.received() * 2 > self.expected()
    }

    /// Expected weeks without a response.
    pub fn unanswered(&self) -> impl Iterator<Item = &Week> {
        self.weeks.iter().filter(|week| week.is_whole() && week.answered != Answered::Yes)
    }

    /// The week of the last response that has a level.
    #[must_use]
    pub fn last(&self) -> Option<(&Level, Date)> {
        self.weeks.iter().rev().find_map(|week| Some((week.level.as_ref()?, *week.on.last()?)))
    }

    /// The weeks of those days. What was refused is told by its alerts alone: it has no report.
    pub(super) fn read(
        days: Days,
        plans: &[&Value],
        responses: &[&Value],
        (reports, flags): (&[&Value], &[&Value]),
    ) -> Self {
        let monitored = monitored(days, plans);
        let weeks = monitored.map(Days::weeks).unwrap_or_default();
        let refused: Vec<(Date, &Value)> = flags.iter().filter_map(|flag| refused(flag)).collect();
        let arrivals: Vec<(Date, Answered)> = responses
            .iter()
            .filter_map(|response| arrival(response))
            .chain(refused.iter().map(|(on, _)| (*on, Answered::Refused)))
            .collect();
        let levels = reports.iter().filter_map(|report| level(report));
        let levels: Vec<(Date, Level)> = levels
            .chain(refused.iter().filter_map(|(on, flag)| Some((*on, alerts::level_of(flag.get("code")?)?))))
            .collect();
        let week = |days: Days| {
            let within = arrivals.iter().filter(|(day, _)| days.holds(*day));
            let answered = within.clone().map(|(_, answered)| *answered).max().unwrap_or(Answered::No);
            let mut on: Vec<Date> = within.filter(|(_, one)| *one == answered).map(|(day, _)| *day).collect();
            on.sort();
            on.dedup();
            let levels = levels.iter().filter(|(day, _)| days.holds(*day)).map(|(_, level)| level);
            let level = levels.max_by_key(|level| alerts::rank(level)).cloned();
            let mut unread: Vec<String> = Vec::new();
            for (_, flag) in refused.iter().filter(|(day, _)| days.holds(*day)) {
                unread.extend(reason(flag).filter(|reason| !unread.contains(reason)));
            }
            Week { days, answered, on, level, unread }
        };
        Self { monitored, weeks: weeks.into_iter().map(week).collect() }
    }
}

/// The days of the period between the first and the last that a plan of care covers; all of them where no plan is known.
fn monitored(days: Days, plans: &[&Value]) -> Option<Days> {
    if plans.is_empty() {
        return Some(days);
    }
    let covered = |plan: &&Value| {
        let end = |name: &str| text(plan, &format!("period.{name}")).and_then(french::day);
        let first = end("start").unwrap_or(days.first);
        days.overlap(Days { first, last: end("end").unwrap_or(days.last) })
    };
    let covered: Vec<Days> = plans.iter().filter_map(covered).collect();
    let first = covered.iter().map(|days| days.first).min()?;
    let last = covered.iter().map(|days| days.last).max()?;
    Some(Days { first, last })
}

/// When a response came, and what it counts as.
fn arrival(response: &Value) -> Option<(Date, Answered)> {
    let answered = match text(response, "status")? {
        "completed" | "amended" => Answered::Yes,
        "in-progress" | "stopped" => Answered::Begun,
        "entered-in-error" => Answered::Withdrawn,
        _ => return None,
    };
    let at = text(response, "authored").or_else(|| text(response, "meta.lastUpdated"))?;
    Some((french::day(at)?, answered))
}

/// The response that a report of the week comes from, and when it was given.
fn source(report: &Value) -> Option<(&str, Date)> {
    if text(report, "status") == Some("entered-in-error") {
        return None;
    }
    let source = own_extension(report, "source-response")?;
    let at = text(report, "effectivePeriod.end").or_else(|| text(report, "issued"))?;
    Some((text(source, "valueReference.reference")?, french::day(at)?))
}

/// An alert of a refused response, which is kept as a `Binary`, and when that came.
fn refused(flag: &Value) -> Option<(Date, &Value)> {
    let of = text(own_extension(flag, "source-response")?, "valueReference.reference")?;
    let kept = of.starts_with("Binary/") && text(flag, "status") != Some("entered-in-error");
    Some((text(flag, "period.start").and_then(french::day)?, flag)).filter(|_| kept)
}

/// Why it was refused, as its alert of level *technique* says.
fn reason(flag: &Value) -> Option<String> {
    let level = alerts::level_of(flag.get("code")?)?;
    let told = wording_of(flag, "code").filter(|_| level.code == "technique")?;
    let short: String = told.chars().take(REASON_MAX).collect();
    Some(if short.len() < told.len() { short + "…" } else { short })
}

fn level(report: &Value) -> Option<(Date, Level)> {
    let (_, on) = source(report)?;
    Some((on, list(report, "conclusionCode").find_map(alerts::level_of)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;
    use crate::report::element::own_url;
    use crate::terminology::ALERT_LEVEL;

    fn days(first: &str, last: &str) -> Days {
        Days { first: first.parse().unwrap(), last: last.parse().unwrap() }
    }

    fn response(at: &str, status: &str) -> Value {
        json!({"resourceType": "QuestionnaireResponse", "status": status, "authored": at})
    }

    fn of_week(at: &str, level: &str, source: &str) -> Value {
        json!({"resourceType": "DiagnosticReport", "status": "preliminary", "effectivePeriod": {"end": at},
            "extension": [{"url": own_url("source-response"), "valueReference": {"reference": source}}],
            "conclusionCode": [{"coding": [{"system": ALERT_LEVEL, "code": level}]}]})
    }

    fn flag(at: &str, level: &str, source: &str) -> Value {
        json!({"resourceType": "Flag", "status": "active", "period": {"start": at},
            "extension": [{"url": own_url("source-response"), "valueReference": {"reference": source}}],
            "code": {"coding": [{"system": ALERT_LEVEL, "code": level}], "text": "Illisible : poids"}})
    }

    #[test]
    fn observance_counts_whole_weeks_and_more_than_half_suffices() {
        let responses = [
            response("2026-03-02T09:00:00+01:00", "completed"),
            response("2026-03-03T09:00:00+01:00", "amended"),
            response("2026-03-16T09:00:00+01:00", "stopped"),
            response("2026-03-23T09:00:00+01:00", "entered-in-error"),
            response("2026-03-30T09:00:00+02:00", "completed"),
        ];
        let responses: Vec<&Value> = responses.iter().collect();
        let reports = [&of_week("2026-03-02T09:00:00+01:00", "rouge", "QuestionnaireResponse/a")];
        let refused = flag("2026-03-10T08:00:00Z", "technique", "Binary/b");
        let coverage =
            Coverage::read(days("2026-03-02", "2026-03-31"), &[], &responses, (&reports, &[&refused]));
        let states: Vec<Answered> = coverage.weeks.iter().map(|week| week.answered).collect();
        assert_eq!(
            states,
            [Answered::Yes, Answered::Refused, Answered::Begun, Answered::Withdrawn, Answered::Yes]
        );
        assert_eq!((coverage.received(), coverage.expected(), coverage.percent()), (1, 4, Some(25)));
        assert!(!coverage.is_sufficient());
        assert_eq!(coverage.unanswered().count(), 3);
        let level = |week: usize| coverage.weeks[week].level.as_ref().map(|level| level.code.as_str());
        assert_eq!((level(0), level(1), level(4)), (Some("rouge"), Some("technique"), None));
        assert_eq!(coverage.weeks[0].on.len(), 2);
        assert_eq!(coverage.weeks[1].unread, ["Illisible : poids"]);
    }

    #[test]
    fn what_was_refused_is_told_of_a_week_that_was_answered_too() {
        let answered = response("2026-03-02T09:00:00+01:00", "completed");
        let week = days("2026-03-02", "2026-03-08");
        let check = |flags: &[Value], level: Option<&str>, unread: usize| {
            let flags: Vec<&Value> = flags.iter().collect();
            let coverage = Coverage::read(week, &[], &[&answered], (&[], &flags));
            let told = &coverage.weeks[0];
            assert_eq!((told.answered, told.unread.len()), (Answered::Yes, unread));
            assert_eq!(told.level.as_ref().map(|level| level.code.as_str()), level);
        };
        let on = "2026-03-08T22:30:00Z";
        let [rouge, technique] = ["rouge", "technique"].map(|level| flag(on, level, "Binary/b"));
        check(&[rouge.clone(), technique.clone(), technique.clone()], Some("rouge"), 1);
        check(&[flag(on, "technique", "QuestionnaireResponse/a")], None, 0);
        // In Paris that is the Monday after.
        check(&[flag("2026-03-08T23:30:00Z", "technique", "Binary/b")], None, 0);
        let mut mistaken = technique;
        mistaken["status"] = json!("entered-in-error");
        check(&[mistaken], None, 0);
    }

    #[test]
    fn exactly_half_is_not_more_than_half() {
        let check = |answered: usize, expected: bool| {
            let weeks = days("2026-03-02", "2026-03-29").weeks();
            let responses: Vec<Value> = weeks[..answered]
                .iter()
                .map(|week| response(&format!("{}T12:00:00Z", week.first), "completed"))
                .collect();
            let responses: Vec<&Value> = responses.iter().collect();
            let coverage = Coverage::read(days("2026-03-02", "2026-03-29"), &[], &responses, (&[], &[]));
            assert_eq!(coverage.is_sufficient(), expected, "{answered} of 4");
        };
        check(2, false);
        check(3, true);
    }

    #[test]
    fn nothing_is_expected_before_a_plan_begins_or_after_it_ends() {
        let plan = json!({"period": {"start": "2026-03-10", "end": "2026-03-24"}});
        let check = |plans: &[&Value], expected: Option<(&str, &str)>, whole: usize| {
            let coverage = Coverage::read(days("2026-03-02", "2026-03-31"), plans, &[], (&[], &[]));
            assert_eq!(coverage.monitored, expected.map(|(first, last)| days(first, last)));
            assert_eq!(coverage.expected(), whole);
        };
        check(&[&plan], Some(("2026-03-10", "2026-03-24")), 2);
        check(&[&plan, &json!({"period": {"start": "2026-03-28"}})], Some(("2026-03-10", "2026-03-31")), 3);
        let earlier = json!({"period": {"start": "2025-01-01", "end": "2025-12-31"}});
        check(&[&earlier], None, 0);
        check(&[], Some(("2026-03-02", "2026-03-31")), 4);
    }
}
