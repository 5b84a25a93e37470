//! Typesets a report template with its data into PDF/A-1b (ISO 19005-1): the only place that knows typst.
//!
//! The template sees one file, `data.json`, and nothing else: no disk, no network, no packages, no clock.
//! The same template, data and moment give the same bytes, on every machine.

mod legible;
mod world;

use typst::diag::{Severity, SourceDiagnostic};
use typst::foundations::{Datetime, Smart};
use typst::{World, WorldExt};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp};

pub use crate::legible::legible;
use crate::world::Desk;

/// How many typesettings a cached piece outlives without being used again: bounds the memory of a long-lived process.
const CACHE_AGE: usize = 5;

/// When the document was made, in UTC: written into its metadata, and what `datetime.today()` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Year of the Gregorian calendar, 0 to 9999.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

impl Moment {
    fn datetime(self) -> Result<Datetime, Vec<String>> {
        let Self { year, month, day, hour, minute, second } = self;
        Datetime::from_ymd_hms(year, month, day, hour, minute, second)
            .ok_or_else(|| vec![format!("{self:?} is not a moment of the calendar")])
    }
}

/// Typesets `template`, which reads its `data` with `json("data.json")`, into PDF/A-1b.
///
/// # Errors
/// Every complaint of the typesetter with its place (`template:12:3: …`): the template is wrong, the data is not what
/// it expects, or the result would not be PDF/A-1b. A sign that is in none of the built-in fonts is *not* among them, though
/// it breaks PDF/A-1b too: pass every text through [`legible`] first.
pub fn pdf(template: &str, data: &[u8], moment: Moment) -> Result<Vec<u8>, Vec<String>> {
    let datetime = moment.datetime()?;
    let desk = Desk::new(template, data, datetime);
    let made = typeset(&desk, datetime);
    comemo::evict(CACHE_AGE);
    made
}

/// How many pages `template` with its `data` becomes, by compiling alone: no PDF is written.
///
/// # Errors
/// As [`pdf`], but for what only writing finds.
pub fn pages(template: &str, data: &[u8], moment: Moment) -> Result<usize, Vec<String>> {
    let desk = Desk::new(template, data, moment.datetime()?);
    let compiled: Result<PagedDocument, _> = typst::compile(&desk).output;
    let pages = compiled.map(|document| document.pages().len()).map_err(|errors| read(&desk, &errors));
    comemo::evict(CACHE_AGE);
    pages
}

fn typeset(desk: &Desk, datetime: Datetime) -> Result<Vec<u8>, Vec<String>> {
    let document = typst::compile(desk).output.map_err(|errors| read(desk, &errors))?;
    let options = PdfOptions {
        creator: Smart::Custom(None),
        timestamp: Some(Timestamp::new_utc(datetime)),
        standards: PdfStandards::new(&[PdfStandard::A_1b])
            .map_err(|error| vec![error.message().to_string()])?,
        ..PdfOptions::default()
    };
    typst_pdf::pdf(&document, &options).map_err(|errors| read(desk, &errors))
}

/// The complaints as lines of text, each at its line and column where it has one.
fn read(desk: &Desk, diagnostics: &[SourceDiagnostic]) -> Vec<String> {
    let line = |diagnostic: &SourceDiagnostic| {
        let place = desk
            .range(diagnostic.span)
            .and_then(|range| desk.source(desk.main()).ok()?.lines().byte_to_line_column(range.start))
            .map_or_else(String::new, |(line, column)| format!("{}:{}", line + 1, column + 1));
        format!("template:{place}: {}", diagnostic.message)
    };
    diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Moment = Moment { year: 2026, month: 3, day: 2, hour: 9, minute: 30, second: 0 };
    const TEMPLATE: &str = "#set document(title: \"Essai\")\n#let d = json(\"data.json\")\nBonjour #d.nom";

    fn contains(bytes: &[u8], needle: &str) -> bool {
        bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
    }

    #[test]
    fn the_same_input_gives_the_same_bytes_and_they_declare_pdf_a_1b() {
        let first = pdf(TEMPLATE, br#"{"nom":"Ana"}"#, MOMENT).unwrap();
        let second = pdf(TEMPLATE, br#"{"nom":"Ana"}"#, MOMENT).unwrap();
        assert_eq!(first, second);
        assert!(first.starts_with(b"%PDF-1.4"), "{:?}", &first[..8]);
        assert!(contains(&first, "<pdfaid:part>1</pdfaid:part>"), "no PDF/A part");
        assert!(contains(&first, "<pdfaid:conformance>B</pdfaid:conformance>"), "no PDF/A conformance");
        assert!(contains(&first, "2026-03-02T09:30:00"), "no creation date");
    }

    #[test]
    fn other_data_gives_another_document() {
        let one = pdf(TEMPLATE, br#"{"nom":"Ana"}"#, MOMENT).unwrap();
        let other = pdf(TEMPLATE, br#"{"nom":"Zoe"}"#, MOMENT).unwrap();
        assert_ne!(one, other);
    }

    #[test]
    fn a_template_reaches_neither_files_nor_packages() {
        let refused = |template: &str| pdf(template, b"{}", MOMENT).unwrap_err().join("\n");
        assert!(refused("#read(\"/etc/passwd\")").contains("not found"));
        assert!(refused("#import \"@preview/cetz:0.3.0\": canvas").contains("package"));
    }

    #[test]
    fn a_fault_of_the_template_names_its_line() {
        let faults = pdf("Bonjour\n#inconnu", b"{}", MOMENT).unwrap_err();
        assert_eq!(faults, ["template:2:2: unknown variable: inconnu"]);
    }

    #[test]
    fn a_moment_outside_the_calendar_is_refused() {
        assert!(pdf("x", b"{}", Moment { month: 2, day: 30, ..MOMENT }).is_err());
    }
}
