//! The report on paper: PDF/A-1b (ISO 19005-1) through the `typesetting` crate, with a template that a site can replace.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::subject::Identity;
use super::{Alert, INTENDED_USE, Professional, Report, Stationery, TITLE, alerts, french};
use crate::identity::Channel;
use crate::problem::{Category, Issue, Problem};

/// What a template reads, for the official test identity over four weeks: a template that sets this sets every report.
const SAMPLE: &str = include_str!("sample.json");

/// Sets the report on paper. The same report and stationery give the same bytes.
///
/// # Errors
/// Internal, with the lines of the template that are at fault; the message carries no data of the report.
pub fn render(report: &Report, stationery: &Stationery) -> Result<Vec<u8>, Problem> {
    let at = report.issued.to_zoned(TimeZone::UTC);
    let two = |value: i8| u8::try_from(value).unwrap_or(0);
    let moment = typesetting::Moment {
        year: i32::from(at.year()),
        month: two(at.month()),
        day: two(at.day()),
        hour: two(at.hour()),
        minute: two(at.minute()),
        second: two(at.second()),
    };
    set(data(report), stationery, moment).map_err(|faults| {
        Problem::internal(format!("the report could not be typeset: {}", faults.join("; ")))
    })
}

/// Whether the stationery sets a report, and one in which everything that may be absent is.
///
/// # Errors
/// `Malformed`, with an issue for each line of the template that is at fault.
pub fn check(stationery: &Stationery) -> Result<(), Problem> {
    let sample: Value = serde_json::from_str(SAMPLE)
        .map_err(|fault| Problem::internal(format!("the sample of a report: {fault}")))?;
    let moment = typesetting::Moment { year: 2026, month: 3, day: 9, hour: 14, minute: 20, second: 0 };
    let mut issues = Vec::new();
    for data in [sample.clone(), bare(sample)] {
        if let Err(faults) = set(data, stationery, moment) {
            issues.extend(
                faults.into_iter().map(|fault| Issue::error("structure", format!("report.typ: {fault}"))),
            );
        }
    }
    issues.dedup();
    if issues.is_empty() { Ok(()) } else { Err(Problem::with(Category::Malformed, issues)) }
}

/// The same data with nothing in its lists, and nothing where nothing may be.
fn bare(mut sample: Value) -> Value {
    const OPTIONAL: [&str; 6] = ["prescriber", "programme", "treatment", "level", "highest", "replaces"];
    if let Some(elements) = sample.as_object_mut() {
        for (name, value) in elements.iter_mut() {
            match value {
                Value::Array(items) if name != "period" => items.clear(),
                other if OPTIONAL.contains(&name.as_str()) => *other = Value::Null,
                _ => {}
            }
        }
    }
    sample
}

fn set(
    mut data: Value,
    stationery: &Stationery,
    moment: typesetting::Moment,
) -> Result<Vec<u8>, Vec<String>> {
    data["texts"] = json!(stationery.texts);
    typesetting::pdf(&stationery.template, legible(data).to_string().as_bytes(), moment)
}

/// The data with every text as it can be printed.
fn legible(data: Value) -> Value {
    match data {
        Value::String(text) => Value::String(typesetting::legible(&text).into_owned()),
        Value::Array(items) => items.into_iter().map(legible).collect(),
        Value::Object(elements) => elements.into_iter().map(|(name, value)| (name, legible(value))).collect(),
        other => other,
    }
}

/// What the template reads: everything in the words and the order in which it is printed.
fn data(report: &Report) -> Value {
    json!({
        "title": TITLE,
        "intended_use": INTENDED_USE,
        "subject": subject(report),
        "author": professional(&report.author),
        "prescriber": report.prescriber.as_ref().map(professional),
        "recipients": report.recipients.iter().map(professional).collect::<Vec<_>>(),
        "custodian": {"name": report.custodian.name, "finess": report.custodian.finess()},
        "issued": french::moment(report.issued),
        "period": [french::shown(&report.period.0), french::shown(&report.period.1)],
        "weeks": weeks(&report.period),
        "programme": report.programme,
        "treatment": report.treatment,
        "level": report.level.as_ref().map(|level| json!({"code": level.code, "display": level.display, "meaning": meaning(&level.code)})),
        "highest": highest(report),
        "alerts": report.alerts.iter().map(alert).collect::<Vec<_>>(),
        "actions": report.actions.iter().map(|action| json!({
            "what": action.what, "whom": action.whom.join(", "), "priority": action.priority,
            "asked": action.asked_at, "due": action.due_at, "status": action.status, "open": action.open,
            "outcome": action.outcome, "by": action.by, "at": action.at, "notes": action.notes,
        })).collect::<Vec<_>>(),
        "advice": report.advice.iter().map(|advice| json!({"at": advice.at, "texts": advice.texts})).collect::<Vec<_>>(),
        "days": report.trend.days.iter().map(|day| short(day)).collect::<Vec<_>>(),
        "offsets": offsets(&report.trend.days),
        "series": report.trend.series.iter().map(|one| json!({"symptom": one.symptom, "grades": one.grades})).collect::<Vec<_>>(),
        "measures": report.trend.measures.iter().map(|one| json!({"what": one.what, "values": one.values})).collect::<Vec<_>>(),
        "missing": report.missing.iter().map(|one| json!({
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
    let concluded = report.level.as_ref().map_or(0, alerts::rank);
    let mut holding = report.alerts.iter().filter(|alert| !alert.withdrawn);
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

fn alert(alert: &Alert) -> Value {
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
fn meaning(code: &str) -> Option<&'static str> {
    code.parse::<crate::terminology::Level>().ok().map(crate::terminology::Level::meaning)
}

/// `02/03`.
fn short(day: &str) -> String {
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
    use crate::identity::Reason;
    use crate::report::example;

    #[test]
    fn the_same_report_gives_the_same_bytes_as_pdf_a_1b() {
        let report = example::report();
        let first = render(&report, &Stationery::shipped()).unwrap();
        assert!(first == render(&report, &Stationery::shipped()).unwrap(), "two renderings differ");
        assert!(first.starts_with(b"%PDF-1.4"));
        let marker = b"<pdfaid:part>1</pdfaid:part>";
        assert!(first.windows(marker.len()).any(|window| window == marker), "no PDF/A marker");
    }

    #[test]
    fn a_report_with_next_to_nothing_is_set_too() {
        let mut report = example::report();
        report.alerts.clear();
        report.actions.clear();
        report.advice.clear();
        report.missing.clear();
        report.conclusion.clear();
        report.trend = crate::report::Trend::default();
        report.level = None;
        report.programme = None;
        report.replaces = None;
        assert!(render(&report, &Stationery::shipped()).is_ok());
    }

    #[test]
    fn the_number_of_an_unqualified_identity_is_the_local_one() {
        let mut report = example::report();
        let number = report.subject.local.clone().unwrap();
        report.subject.identity = Identity::Local { number, reasons: vec![Reason::NotValidated(None)] };
        let data = data(&report).to_string();
        assert!(data.contains("\"IPP\"") && !data.contains("279035121518989"), "{data}");
    }

    #[test]
    fn a_fault_of_the_template_names_its_line_and_no_patient() {
        let template = "#let d = json(\"data.json\")\n#d.absent".to_owned();
        let stationery = Stationery::adapted(Some(template), None).unwrap();
        let text = render(&example::report(), &stationery).unwrap_err().to_string();
        let at_start = check(&stationery).unwrap_err();
        assert_eq!(at_start.category, Category::Malformed);
        assert!(at_start.to_string().contains("report.typ: template:2:"), "{at_start}");
        assert!(text.contains("template:2:"), "{text}");
        assert!(!text.contains("PAT-TROIS"), "{text}");
    }

    #[test]
    fn a_note_with_any_sign_is_set_and_every_text_goes_through_the_sieve() {
        let mut report = example::report();
        report.conclusion =
            vec!["Ça va 😀, 中文, عربي, \u{1}, \u{202e}x, e\u{301}, \u{0}, ≥ 38 °C, œ".to_owned()];
        assert!(render(&report, &Stationery::shipped()).is_ok());
        let printed = legible(data(&report)).to_string();
        assert!(printed.contains("≥ 38 °C, œ") && !printed.contains(['😀', '\u{202e}']), "{printed}");
    }

    /// Names of members, and of members within, whatever their values.
    fn shape(value: &Value, place: &str, found: &mut std::collections::BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    found.insert(format!("{place}.{name}"));
                    shape(value, &format!("{place}.{name}"), found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| shape(item, place, found)),
            _ => {}
        }
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "the sample is written on demand")]
    fn the_sample_is_what_a_template_reads() {
        let mut report = example::report();
        report.prescriber = Some(report.author.clone());
        report.recipients = vec![report.author.clone()];
        report.treatment_change = vec!["Dose d'oxaliplatine réduite de 20 %.".to_owned()];
        report.replaces = Some(example::replaced());
        report.level = Some(crate::report::Level { code: "jaune".to_owned(), display: "Jaune".to_owned() });
        let data = data(&report);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/report/sample.json");
            std::fs::write(file, format!("{data:#}\n")).unwrap();
        }
        let (mut read, mut sampled) = Default::default();
        shape(&data, "", &mut read);
        shape(&serde_json::from_str(SAMPLE).unwrap(), "", &mut sampled);
        assert_eq!(read, sampled);
    }

    #[test]
    fn the_shipped_stationery_sets_every_report() {
        check(&Stationery::shipped()).unwrap();
    }

    #[test]
    fn a_quiet_last_week_does_not_hide_a_serious_one() {
        let check = |change: fn(&mut Report), expected: Option<&str>| {
            let mut report = example::report();
            report.level = Some(crate::report::Level { code: "vert".to_owned(), display: "Vert".to_owned() });
            change(&mut report);
            let shown = highest(&report);
            assert_eq!(shown.as_ref().and_then(|highest| highest["display"].as_str()), expected);
        };
        check(|_| {}, Some("Orange"));
        check(|report| report.level = Some(report.alerts[0].level.clone()), None);
        check(|report| report.alerts[0].withdrawn = true, Some("Jaune"));
        check(|report| report.alerts.clear(), None);
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
