//! The report on paper: PDF/A-1b (ISO 19005-1) through the `typesetting` crate, with a template that a site can replace.

mod data;
mod period;

use crate::json::{Value, json};
use jiff::tz::TimeZone;

use super::{Report, Stationery};
use crate::problem::{Category, Issue, Problem};
use data::data;

/// What a template reads, for the official test identity: the report of a response with the weeks before it, and that of a
/// period. A template that sets these sets every report.
const SAMPLES: [&str; 2] = [include_str!("sample.json"), include_str!("sample-period.json")];

/// Sets the report on paper. The same report and stationery give the same bytes.
///
/// # Errors
/// Internal, with the lines of the template that are at fault; the message carries no data of the report.
pub fn render(report: &Report, stationery: &Stationery) -> Result<Vec<u8>, Problem> {
    let moment = moment(report);
    typesetting::pdf(&stationery.template, &input(report, stationery), moment).map_err(not_set)
}

/// How many pages the report has on paper, without making its PDF.
///
/// # Errors
/// As [`render`].
pub fn pages(report: &Report, stationery: &Stationery) -> Result<usize, Problem> {
    typesetting::pages(&stationery.template, &input(report, stationery), moment(report)).map_err(not_set)
}

/// What the template reads, as JSON: the report and the texts.
#[must_use]
pub fn input(report: &Report, stationery: &Stationery) -> Vec<u8> {
    with_texts(data(report), stationery)
}

fn moment(report: &Report) -> typesetting::Moment {
    let at = report.issued.to_zoned(TimeZone::UTC);
    let two = |value: i8| u8::try_from(value).unwrap_or(0);
    typesetting::Moment {
        year: i32::from(at.year()),
        month: two(at.month()),
        day: two(at.day()),
        hour: two(at.hour()),
        minute: two(at.minute()),
        second: two(at.second()),
    }
}

fn not_set(faults: Vec<String>) -> Problem {
    Problem::internal(format!("the report could not be typeset: {}", faults.join("; ")))
}

/// Whether the stationery sets a report, and one in which everything that may be absent is.
///
/// # Errors
/// `Malformed`, with an issue for each line of the template that is at fault.
pub fn check(stationery: &Stationery) -> Result<(), Problem> {
    let read = |sample: &str| serde_json::from_str::<Value>(sample);
    let samples: Result<Vec<Value>, _> = SAMPLES.into_iter().map(read).collect();
    let samples = samples.map_err(|fault| Problem::internal(format!("the sample of a report: {fault}")))?;
    let moment = typesetting::Moment { year: 2026, month: 3, day: 9, hour: 14, minute: 20, second: 0 };
    let mut issues = Vec::new();
    for data in samples.into_iter().flat_map(|sample| [sample.clone(), bare(sample)]) {
        if let Err(faults) = typesetting::pdf(&stationery.template, &with_texts(data, stationery), moment) {
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
    const OPTIONAL: [&str; 9] = [
        "prescriber",
        "programme",
        "treatment",
        "level",
        "highest",
        "replaces",
        "percent",
        "monitored",
        "last",
    ];
    if let Some(elements) = sample.as_object_mut() {
        for (name, value) in elements.iter_mut() {
            match value {
                optional if OPTIONAL.contains(&name) => *optional = Value::Null,
                Value::Array(items) if name != "period" => items.clear(),
                within if name == "overview" => *within = bare(within.take()),
                _ => {}
            }
        }
    }
    sample
}

fn with_texts(mut data: Value, stationery: &Stationery) -> Vec<u8> {
    data["texts"] = json!(stationery.texts);
    legible(data).to_string().into_bytes()
}

/// The data with every text as it can be printed.
fn legible(data: Value) -> Value {
    match data {
        Value::String(text) => typesetting::legible(&text).into_owned().into(),
        Value::Array(items) => items.into_iter().map(legible).collect(),
        Value::Object(elements) => elements.into_iter().map(|(name, value)| (name, legible(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Reason;
    use crate::report::{Identity, example};

    #[test]
    fn the_same_report_gives_the_same_bytes_as_pdf_a_1b() {
        let report = example::report();
        let first = render(&report, &Stationery::shipped()).unwrap();
        assert!(first == render(&report, &Stationery::shipped()).unwrap(), "two renderings differ");
        assert!(first.starts_with(b"%PDF-1.4"));
        let marker = b"<pdfaid:part>1</pdfaid:part>";
        assert!(first.windows(marker.len()).any(|window| window == marker), "no PDF/A marker");
    }

    /// Where the pages of a test are left to be looked at, if somebody asks for them.
    #[allow(clippy::disallowed_methods, reason = "a person looks at the pages")]
    fn leave(name: &str, pages: &[u8]) {
        if let Some(folder) = std::env::var_os("DOCUMENTS_FOLDER") {
            std::fs::write(std::path::Path::new(&folder).join(name), pages).unwrap();
        }
    }

    #[test]
    fn a_period_of_any_length_is_set_and_its_bytes_are_the_same_twice() {
        for weeks in [1, 4, 26, 52] {
            let report = example::period::report(weeks);
            let pages = render(&report, &Stationery::shipped())
                .unwrap_or_else(|problem| panic!("{weeks}: {problem}"));
            leave(&format!("period-{weeks:02}.pdf"), &pages);
            let count = super::pages(&report, &Stationery::shipped()).unwrap();
            assert!((2..=9).contains(&count), "{weeks} weeks on {count} pages");
            if weeks < 52 {
                assert!(
                    pages == render(&report, &Stationery::shipped()).unwrap(),
                    "{weeks} weeks: two renderings differ"
                );
            }
        }
    }

    #[test]
    fn a_report_with_next_to_nothing_is_set_too() {
        let mut report = example::report();
        report.findings.alerts.clear();
        report.findings.actions.clear();
        report.findings.advice.clear();
        report.findings.missing.clear();
        report.conclusion.clear();
        report.findings.trend = crate::report::Trend::default();
        report.findings.level = None;
        report.findings.programme = None;
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

    #[test]
    #[allow(clippy::disallowed_methods, reason = "the sample is written on demand")]
    fn the_sample_is_what_a_template_reads() {
        for (sample, file, mut report) in [
            (SAMPLES[0], "sample.json", example::report()),
            (SAMPLES[1], "sample-period.json", example::period::report(10)),
        ] {
            report.prescriber = Some(report.author.clone());
            report.recipients = vec![report.author.clone()];
            report.treatment_change = vec!["Dose d'oxaliplatine réduite de 20 %.".to_owned()];
            report.replaces = Some(example::replaced());
            let jaune = crate::report::Level { code: "jaune".to_owned(), display: "Jaune".to_owned() };
            report.findings.level = Some(jaune);
            let data = data(&report);
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                let file = format!("{}/src/report/{file}", env!("CARGO_MANIFEST_DIR"));
                std::fs::write(file, format!("{data:#}\n")).unwrap();
            }
            let sampled: Value = serde_json::from_str(sample).unwrap();
            assert!(data == sampled, "{file} is not what the example gives; UPDATE_GOLDEN=1 writes it");
        }
    }

    #[test]
    fn the_shipped_stationery_sets_every_report() {
        check(&Stationery::shipped()).unwrap();
    }
}
