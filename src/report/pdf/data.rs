//! What the template reads: the report as JSON.

use crate::json::{Value, json};

use super::period;
use crate::identity::Channel;
use crate::report::subject::Identity;
use crate::report::{Alert, INTENDED_USE, Professional, Report, TITLE, alerts, french};

/// Everything in the words and the order in which it is printed.
pub(super) fn data(report: &Report) -> Value {
    json!({
        "title": TITLE,
        "intended_use": INTENDED_USE,
        "subject": subject(report),
        "author": professional(&report.author),
        "prescriber": report.prescriber.as_ref().map(professional),
        "recipients": report.recipients.iter().map(professional).collect::<Vec<_>>(),
        "custodian": {"name": report.custodian.name, "finess": report.custodian.finess()},
        "issued": french::moment(report.issued),
        "period": [french::shown(&report.findings.period.0), french::shown(&report.findings.period.1)],
        "weeks": weeks(&report.findings.period),
        "programme": report.findings.programme,
        "treatment": report.findings.treatment,
        "level": report.findings.level.as_ref().map(|level| json!({"code": level.code, "display": level.display, "meaning": meaning(&level.code)})),
        "highest": highest(report),
        "alerts": report.findings.alerts.iter().map(alert).collect::<Vec<_>>(),
        "actions": report.findings.actions.iter().map(|action| json!({
            "what": action.what, "whom": action.whom.join(", "), "priority": action.priority,
            "asked": action.asked_at, "due": action.due_at, "status": action.status, "open": action.open,
            "outcome": action.outcome, "by": action.by, "at": action.at, "notes": action.notes,
        })).collect::<Vec<_>>(),
        "advice": report.findings.advice.iter().map(|advice| json!({"at": advice.at, "texts": advice.texts})).collect::<Vec<_>>(),
        "days": report.findings.trend.days.iter().map(|day| short(day)).collect::<Vec<_>>(),
        "offsets": offsets(&report.findings.trend.days),
        "series": report.findings.trend.series.iter().map(|one| json!({"symptom": one.symptom, "grades": one.grades})).collect::<Vec<_>>(),
        "measures": report.findings.trend.measures.iter().map(|one| json!({"what": one.what, "values": one.values})).collect::<Vec<_>>(),
        "overview": report.findings.overview.as_ref().map(|one| period::overview((one, &report.findings))),
        "missing": report.findings.missing.iter().map(|one| json!({
            "what": one.what, "reason": one.reason, "on": one.on.as_deref().map(french::shown),
        })).collect::<Vec<_>>(),
        "conclusion": report.conclusion,
        "treatment_change": report.treatment_change,
        "version": report.version,
        "replaces": report.replaces.as_ref().map(|replaced| json!({
            "version": replaced.version, "at": french::moment(replaced.at),
        })),
    })
}

fn professional(who: &Professional) -> Value {
    json!({"name": who.name, "role": who.role, "rpps": who.rpps()})
}

/// The most serious alert that holds, where it is more serious than the level that the report concludes: a quiet last week
/// must not hide a red one.
fn highest(report: &Report) -> Option<Value> {
    let concluded = report.findings.level.as_ref().map_or(0, alerts::rank);
    let mut holding = report.findings.alerts.iter().filter(|alert| !alert.withdrawn);
    let highest = holding.next().filter(|alert| alerts::rank(&alert.level) > concluded)?;
    let on = highest.on.as_deref().map(french::shown);
    Some(json!({"display": highest.level.display, "on": on}))
}

/// How many weeks the period touches, both days included.
fn weeks((first, last): &(String, String)) -> i32 {
    let day = |written: &String| written.get(..10)?.parse::<jiff::civil::Date>().ok();
    match (day(first), day(last)) {
        (Some(first), Some(last)) if first <= last => (last - first).get_days() / 7 + 1,
        _ => 1,
    }
}

fn subject(report: &Report) -> Value {
    let subject = &report.subject;
    let (label, value, oid) = match &subject.identity {
        Identity::Qualified(ins) => {
            (format!("INS ({})", ins.type_code(Channel::Fhir)), ins.value(), Some(ins.oid()))
        }
        Identity::Local { number, .. } => ("IPP".to_owned(), number.value.as_str(), None),
    };
    json!({
        "birth_name": subject.birth_name,
        "used_name": subject.used_name,
        "first_name": subject.first_name,
        "given_names": subject.given_names,
        "sex": subject.sex_shown(),
        "birth_date": subject.birth_date_shown(),
        "birth_place": subject.birth_place,
        "birth_city": subject.birth_city,
        "status": subject.status,
        "label": label,
        "number": value,
        "oid": oid,
        "qualified": matches!(subject.identity, Identity::Qualified { .. }),
        "local": subject.local.as_ref().map(|local| local.value.as_str()),
    })
}

pub(super) fn alert(alert: &Alert) -> Value {
    json!({
        "level": {"code": alert.level.code, "display": alert.level.display},
        "rule": alert.rule,
        "title": alert.title,
        "on": alert.on.as_deref().map(french::shown),
        "evidence": alert.evidence.iter().map(|evidence| json!({
            "question": evidence.question, "answer": evidence.answer, "previous": evidence.previous,
        })).collect::<Vec<_>>(),
        "threshold": alert.threshold,
        "source": alert.source,
        "done": alert.done,
        "withdrawn": alert.withdrawn,
    })
}

/// What a level asks for, in one sentence.
pub(super) fn meaning(code: &str) -> Option<&'static str> {
    code.parse::<crate::terminology::Level>().ok().map(crate::terminology::Level::meaning)
}

/// `02/03`.
pub(super) fn short(day: &str) -> String {
    match (day.get(8..10), day.get(5..7)) {
        (Some(date), Some(month)) => format!("{date}/{month}"),
        _ => day.to_owned(),
    }
}

/// Days between the first answer and each: the chart is drawn in time, not in columns.
fn offsets(days: &[String]) -> Vec<i32> {
    let read = |day: &String| day.parse::<jiff::civil::Date>().ok();
    let Some(first) = days.first().and_then(read) else { return Vec::new() };
    days.iter().map(|day| read(day).map_or(0, |day| (day - first).get_days())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn a_quiet_last_week_does_not_hide_a_serious_one() {
        let check = |change: fn(&mut Report), expected: Option<&str>| {
            let mut report = example::report();
            report.findings.level =
                Some(crate::report::Level { code: "vert".to_owned(), display: "Vert".to_owned() });
            change(&mut report);
            let shown = highest(&report);
            assert_eq!(shown.as_ref().and_then(|highest| highest["display"].as_str()), expected);
        };
        check(|_| {}, Some("Orange"));
        check(|report| report.findings.level = Some(report.findings.alerts[0].level.clone()), None);
        check(|report| report.findings.alerts[0].withdrawn = true, Some("Jaune"));
        check(|report| report.findings.alerts.clear(), None);
    }

    #[test]
    fn weeks_are_counted_with_both_ends() {
        let check = |first: &str, last: &str, expected| {
            assert_eq!(weeks(&(first.to_owned(), last.to_owned())), expected, "{first} {last}");
        };
        check("2026-03-09", "2026-03-09", 1);
        check("2026-03-02", "2026-03-08", 1);
        check("2026-02-16", "2026-03-09", 4);
        check("?", "2026-03-09", 1);
    }

    #[test]
    fn the_chart_is_drawn_in_time() {
        let days = ["2026-03-02", "2026-03-09", "2026-03-23"].map(str::to_owned);
        assert_eq!(offsets(&days), [0, 7, 21]);
    }
}
