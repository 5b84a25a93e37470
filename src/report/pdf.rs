//! The report on paper: PDF/A-1b (ISO 19005-1) through the `typesetting` crate, with a template that a site can replace.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::subject::Identity;
use super::{Alert, INTENDED_USE, Report, TITLE, french};
use crate::identity::Channel;
use crate::problem::Problem;

/// The template that Vigie ships.
pub const TEMPLATE: &str = include_str!("template.typ");

/// Sets the report on paper. The same report and template give the same bytes.
///
/// # Errors
/// Internal, with the lines of the template that are at fault; the message carries no data of the report.
pub fn render(report: &Report, template: &str) -> Result<Vec<u8>, Problem> {
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
    typesetting::pdf(template, legible(data(report)).to_string().as_bytes(), moment).map_err(|faults| {
        Problem::internal(format!("the report could not be typeset: {}", faults.join("; ")))
    })
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
        "author": {"name": report.author.name, "role": report.author.role, "rpps": report.author.rpps()},
        "custodian": {"name": report.custodian.name, "finess": report.custodian.finess()},
        "issued": french::moment(report.issued),
        "period": [french::shown(&report.period.0), french::shown(&report.period.1)],
        "programme": report.programme,
        "level": report.level.as_ref().map(|level| json!({"code": level.code, "display": level.display, "meaning": meaning(&level.code)})),
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
        "version": report.version,
        "replaces": report.replaces.as_ref().map(|replaced| json!({
            "version": replaced.version, "at": french::moment(replaced.at),
        })),
    })
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
        let first = render(&report, TEMPLATE).unwrap();
        assert!(first == render(&report, TEMPLATE).unwrap(), "two renderings differ");
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
        assert!(render(&report, TEMPLATE).is_ok());
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
        let problem = render(&example::report(), "#let d = json(\"data.json\")\n#d.absent").unwrap_err();
        let text = problem.to_string();
        assert!(text.contains("template:2:"), "{text}");
        assert!(!text.contains("PAT-TROIS"), "{text}");
    }

    #[test]
    fn a_note_with_any_sign_is_set_and_every_text_goes_through_the_sieve() {
        let mut report = example::report();
        report.conclusion =
            vec!["Ça va 😀, 中文, عربي, \u{1}, \u{202e}x, e\u{301}, \u{0}, ≥ 38 °C, œ".to_owned()];
        assert!(render(&report, TEMPLATE).is_ok());
        let printed = legible(data(&report)).to_string();
        assert!(printed.contains("≥ 38 °C, œ") && !printed.contains(['😀', '\u{202e}']), "{printed}");
    }

    #[test]
    fn the_chart_is_drawn_in_time() {
        let days = ["2026-03-02", "2026-03-09", "2026-03-23"].map(str::to_owned);
        assert_eq!(offsets(&days), [0, 7, 21]);
    }
}
