//! What the template reads of a period: weeks, charts, episodes, and what was said again and again.

use crate::json::{Value, json};
use jiff::civil::Date;

use super::data::{alert, short};
use crate::report::period::Days;
use crate::report::trend::{Measure, Trend};
use crate::report::{Action, Answered, Coverage, Episode, Findings, Overview, Repeated, Week, french};

/// Up to this many days the axis of time has a mark each week, beyond it one each month.
const DAYS_BY_WEEK: i32 = 63;

/// Parts of a thousand that the height of a chart of measures has.
const HEIGHT: i64 = 1000;

/// The overview with its charts.
pub(super) fn overview((overview, findings): (&Overview, &Findings)) -> Value {
    let (coverage, trend) = (&overview.coverage, &findings.trend);
    let days = overview.days;
    json!({
        "days": days.count(),
        "weeks": coverage.weeks.iter().map(week).collect::<Vec<_>>(),
        "expected": coverage.expected(),
        "received": coverage.received(),
        "percent": coverage.percent(),
        "sufficient": coverage.is_sufficient(),
        "monitored": coverage.monitored.filter(|monitored| *monitored != days)
            .map(|monitored| [french::long_date(monitored.first), french::long_date(monitored.last)]),
        "unanswered": coverage.unanswered().map(unanswered).collect::<Vec<_>>(),
        "unread": coverage.weeks.iter().filter(|week| !week.unread.is_empty())
            .map(|week| json!({"first": french::long_date(week.days.first), "why": week.unread})).collect::<Vec<_>>(),
        "counts": overview.counts.iter()
            .map(|(level, count)| json!({"code": level.code, "display": level.display, "count": count})).collect::<Vec<_>>(),
        "last": coverage.last()
            .map(|(level, on)| json!({"code": level.code, "display": level.display, "on": french::long_date(on)})),
        "axis": axis(days),
        "curves": curves(days, trend),
        "quiet": quiet(trend),
        "grid": grid(coverage, trend),
        "measures": trend.measures.iter().map(|one| measure(days, trend, one)).collect::<Vec<_>>(),
        "episodes": overview.episodes.iter().map(episode).collect::<Vec<_>>(),
        "changes": overview.changes.iter().map(|change| json!({
            "on": change.on.as_deref().map(french::shown), "by": change.by, "texts": change.texts,
        })).collect::<Vec<_>>(),
        "actions": overview.actions.iter().map(Action::told).collect::<Vec<_>>(),
        "advice": overview.advice.iter().map(repeated).collect::<Vec<_>>(),
        "missing": overview.missing.iter().map(repeated).collect::<Vec<_>>(),
    })
}

fn week(week: &Week) -> Value {
    let first = week.days.first;
    json!({
        "day": first.day().to_string(),
        "month": french::short_month(first),
        "answered": code(week.answered),
        "whole": week.is_whole(),
        "level": week.level.as_ref().map(|level| json!({"code": level.code, "display": level.display})),
    })
}

const fn code(answered: Answered) -> &'static str {
    match answered {
        Answered::No => "none",
        Answered::Begun => "begun",
        Answered::Withdrawn => "withdrawn",
        Answered::Refused => "refused",
        Answered::Yes => "received",
    }
}

fn unanswered(week: &Week) -> Value {
    json!({"first": french::long_date(week.days.first), "answered": code(week.answered)})
}

/// Where the axis of time is marked: days after the first, and what stands there.
fn axis(days: Days) -> Vec<Value> {
    let mark = |day: Date, label: String| json!({"at": (day - days.first).get_days(), "label": label});
    if days.count() <= DAYS_BY_WEEK {
        return days.weeks().iter().map(|week| mark(week.first, short(&week.first.to_string()))).collect();
    }
    let months = days.first.series(jiff::Span::new().days(1)).take_while(|day| *day <= days.last);
    let firsts = months.filter(|day| day.day() == 1);
    firsts.map(|day| mark(day, french::short_month(day))).collect()
}

/// The grades of each symptom that was felt, on the days of the period.
fn curves(days: Days, trend: &Trend) -> Vec<Value> {
    let felt = trend.series.iter().filter(|series| series.grades.iter().flatten().any(|grade| *grade > 0));
    felt.map(|series| {
        let points: Vec<(i32, u8)> = placed(days, trend, &series.grades).collect();
        let highest = points.iter().map(|(_, grade)| *grade).max();
        json!({
            "symptom": series.symptom,
            "points": points.iter().map(|(at, grade)| json!([at, grade])).collect::<Value>(),
            "gaps": gaps(days, trend, &series.grades),
            "last": points.last().map(|(_, grade)| *grade),
            "highest": highest,
            "highest_on": points.iter().find(|(_, grade)| Some(*grade) == highest).map(|(at, _)| {
                short(&days.first.saturating_add(jiff::Span::new().days(*at)).to_string())
            }),
        })
    })
    .collect()
}

/// What is known on each day, as days after the first of the period.
fn placed<T: Clone>(days: Days, trend: &Trend, values: &[Option<T>]) -> impl Iterator<Item = (i32, T)> {
    trend.days.iter().zip(values).filter_map(move |(day, value)| {
        let day: Date = day.parse().ok()?;
        days.holds(day).then_some(((day - days.first).get_days(), value.clone()?))
    })
}

/// Between which points an answer is missing on a day that others were given: the place of the first of the two.
fn gaps(days: Days, trend: &Trend, grades: &[Option<u8>]) -> Vec<usize> {
    let within = |day: &String| day.parse().is_ok_and(|day| days.holds(day));
    let asked = trend.days.iter().zip(grades).filter(|(day, _)| within(day)).map(|(_, grade)| grade);
    let known: Vec<usize> = asked.enumerate().filter(|(_, grade)| grade.is_some()).map(|(n, _)| n).collect();
    known.windows(2).enumerate().filter(|(_, pair)| pair[1] - pair[0] > 1).map(|(place, _)| place).collect()
}

/// Symptoms that were asked for and never felt.
fn quiet(trend: &Trend) -> Vec<&str> {
    let quiet = trend.series.iter().filter(|series| series.grades.iter().flatten().all(|grade| *grade == 0));
    quiet.map(|series| series.symptom.as_str()).collect()
}

/// The highest grade of each week, symptom by symptom.
fn grid(coverage: &Coverage, trend: &Trend) -> Vec<Value> {
    let felt = trend.series.iter().filter(|series| series.grades.iter().flatten().any(|grade| *grade > 0));
    felt.map(|series| {
        let of_week = |week: &Week| {
            let within = trend
                .days
                .iter()
                .zip(&series.grades)
                .filter(|(day, _)| day.parse().is_ok_and(|day| week.days.holds(day)));
            within.filter_map(|(_, grade)| *grade).max()
        };
        json!({"symptom": series.symptom, "weeks": coverage.weeks.iter().map(of_week).collect::<Vec<_>>()})
    })
    .collect()
}

/// A measure: first, lowest, highest and last value as written, and its curve where there are numbers.
fn measure(days: Days, trend: &Trend, measure: &Measure) -> Value {
    let written: Vec<(i32, String)> = placed(days, trend, &measure.values).collect();
    let numbers: Vec<(i32, i64)> =
        written.iter().filter_map(|(at, value)| Some((*at, number(value)?))).collect();
    let extreme = |better: fn(i64, i64) -> bool| {
        let best =
            numbers.iter().copied().reduce(|best, one| if better(one.1, best.1) { one } else { best })?;
        let value = written.iter().find(|(at, _)| *at == best.0)?;
        let on = days.first.saturating_add(jiff::Span::new().days(best.0));
        Some((best.1, json!({"value": value.1, "on": short(&on.to_string())})))
    };
    let (low, high) = (extreme(|one, best| one < best), extreme(|one, best| one > best));
    let points: Vec<Value> = match (&low, &high) {
        (Some((low, _)), Some((high, _))) if high > low => {
            let height = |value: i64| (value - low) * HEIGHT / (high - low);
            numbers.iter().map(|(at, value)| json!([at, height(*value)])).collect()
        }
        _ => Vec::new(),
    };
    json!({
        "what": measure.what,
        "first": written.first().map(|(_, value)| value),
        "last": written.last().map(|(_, value)| value),
        "low": low.map(|(_, shown)| shown),
        "high": high.map(|(_, shown)| shown),
            "points": points,
    })
}

/// The number that a value as it is written begins with (`38,6 °C`), in thousandths; more digits count for nothing in a
/// chart.
fn number(written: &str) -> Option<i64> {
    let begins = written.trim_start_matches(['<', '>', '=', '≤', '≥', ' ']);
    let end = begins
        .find(|sign: char| !sign.is_ascii_digit() && !matches!(sign, ',' | '-'))
        .unwrap_or(begins.len());
    let (whole, part) = begins[..end].split_once(',').unwrap_or((&begins[..end], ""));
    let part: i64 = format!("{part:0<3}").get(..3)?.parse().ok()?;
    let thousandths = whole.parse::<i64>().ok()?.checked_mul(1000)?;
    if whole.starts_with('-') { thousandths.checked_sub(part) } else { thousandths.checked_add(part) }
}

fn episode(episode: &Episode) -> Value {
    json!({
        "on": episode.on.as_deref().map(french::shown),
        "level": {"code": episode.level.code, "display": episode.level.display},
        "alerts": episode.alerts.iter().map(alert).collect::<Vec<_>>(),
        "done": episode.done,
    })
}

fn repeated(one: &Repeated) -> Value {
    json!({
        "text": one.text,
        "times": one.times,
        "first": one.first.as_deref().map(french::shown),
        "last": one.last.as_deref().map(french::shown),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(first: &str, last: &str) -> Days {
        Days { first: first.parse().unwrap(), last: last.parse().unwrap() }
    }

    #[test]
    fn a_short_axis_has_weeks_and_a_long_one_months() {
        let labels = |days: Days| -> Vec<(i64, String)> {
            let text = |mark: &Value| mark["label"].as_str().unwrap().to_owned();
            axis(days).iter().map(|mark| (mark["at"].as_i64().unwrap(), text(mark))).collect()
        };
        let owned = |marks: &[(i64, &str)]| -> Vec<(i64, String)> {
            marks.iter().map(|(at, label)| (*at, (*label).to_owned())).collect()
        };
        assert_eq!(
            labels(days("2026-03-02", "2026-03-17")),
            owned(&[(0, "02/03"), (7, "09/03"), (14, "16/03")])
        );
        let year = labels(days("2025-11-17", "2026-02-10"));
        assert_eq!(year, owned(&[(14, "déc."), (45, "janv. 2026"), (76, "févr.")]));
    }

    #[test]
    fn a_gap_stands_where_others_were_answered() {
        let trend = Trend {
            days: ["2026-03-02", "2026-03-09", "2026-03-16"].map(str::to_owned).to_vec(),
            ..Trend::default()
        };
        let month = days("2026-03-02", "2026-03-31");
        assert_eq!(gaps(month, &trend, &[Some(1), None, Some(2)]), [0]);
        assert_eq!(gaps(month, &trend, &[Some(1), Some(1), Some(2)]), [0; 0]);
        assert_eq!(gaps(days("2026-03-09", "2026-03-31"), &trend, &[Some(1), None, Some(2)]), [0; 0]);
        let placed: Vec<_> =
            placed(days("2026-03-03", "2026-03-31"), &trend, &[Some(1), None, Some(2)]).collect();
        assert_eq!(placed, [(13, 2)], "what is outside of the period is not drawn");
    }

    #[test]
    fn a_number_is_read_in_thousandths() {
        let check = |written: &str, expected: Option<i64>| assert_eq!(number(written), expected, "{written}");
        check("38,6\u{a0}°C", Some(38_600));
        check("≥38,123456", Some(38_123));
        check("-0,5", Some(-500));
        check("7", Some(7_000));
        check("beaucoup", None);
    }

    #[test]
    fn a_measure_tells_its_extremes_as_they_were_written() {
        let trend = Trend {
            days: ["2026-03-02", "2026-03-09", "2026-03-16"].map(str::to_owned).to_vec(),
            ..Trend::default()
        };
        let values = ["36,80\u{a0}°C", "38,6\u{a0}°C", "37\u{a0}°C"].map(|value| Some(value.to_owned()));
        let shown = measure(
            days("2026-03-01", "2026-03-31"),
            &trend,
            &Measure { what: "Température".to_owned(), values: values.to_vec() },
        );
        assert_eq!(shown["low"], json!({"value": "36,80\u{a0}°C", "on": "02/03"}));
        assert_eq!(shown["high"], json!({"value": "38,6\u{a0}°C", "on": "09/03"}));
        assert_eq!(shown["points"], json!([[1, 0], [8, 1000], [15, 111]]));
        let flat = Measure {
            what: "Selles".to_owned(),
            values: vec![Some("2".to_owned()), None, Some("2".to_owned())],
        };
        assert_eq!(measure(days("2026-03-01", "2026-03-31"), &trend, &flat)["points"], json!([]));
    }
}
