//! The report of remote monitoring, as a value, and the forms it is rendered in: narrative (XHTML), PDF/A-1b, CDA R2
//! level 1, `DocumentReference` (`PDSm` 3.1.1), Provide Document Bundle (IHE ITI-65), a transaction `Bundle` for a FHIR
//! server, and the messages of the CI-SIS that carry a CDA document in HL7 v2.
//!
//! Everything is pure: resources, ids and the time are handed in, and the same input gives the same bytes.
//!
//! 1. [`Report::from_resources`] reads what was decided and done into French words and tables: of one response and the
//!    weeks before it, or of the days that a person chose ([`period::Scope`]);
//! 2. [`pdf::render`] sets them on paper, once;
//! 3. [`Document::new`] derives the [`Header`], and wraps the pages in a CDA, which it checks;
//! 4. the other renderers describe that document to those who receive it, from its header and its bytes. They never
//!    render it again;
//! 5. [`visibility`] hides it, shows it or puts it away there, and [`withdrawal`] takes it back from them, from what they
//!    were sent.

mod actions;
mod alerts;
pub mod cda;
mod codes;
mod confidential;
mod contained;
pub mod diagnostic_report;
mod document;
pub mod document_reference;
mod element;
#[cfg(test)]
pub(crate) mod example;
mod findings;
pub mod folder;
mod french;
mod gather;
pub mod header;
pub mod hl7v2;
mod issuer;
pub mod narrative;
mod overview;
#[cfg(feature = "pdf")]
pub mod pdf;
mod people;
pub mod period;
pub mod provide_and_register;
pub mod provide_document_bundle;
pub mod simplified_publish;
mod specialty;
mod stationery;
mod subject;
pub mod transaction_bundle;
mod trend;
pub mod visibility;
mod visit;
pub mod withdrawal;

use jiff::Timestamp;

use crate::terminology::nos::Code;

pub use actions::{Action, Advice};
pub use alerts::{Alert, Evidence};
pub use document::{Document, Edition, Form, Replaced};
pub use findings::Findings;
pub use gather::Sources;
pub use header::Header;
pub use issuer::{Coding, Issuer};
pub use overview::{Answered, Change, Coverage, Episode, Overview, Repeated, Week};
pub use people::{Organization, Professional};
pub use stationery::Stationery;
pub use subject::{Identity, Subject};
pub use trend::{Measure, Series, Trend};
pub use visit::{PatientClass, Visit};

/// Title of the document, wherever one is shown.
pub const TITLE: &str = "Compte rendu de télésurveillance";

/// What the document is for, and what it is not: on every page and in every narrative.
pub const INTENDED_USE: &str =
    "Aide à l'organisation du suivi ; ne pose pas de diagnostic ; ne remplace pas l'appel au 15.";

/// Title of a report: of its moment, or of its period.
fn title(report: &Report) -> String {
    let long = french::long_date;
    match &report.findings.overview {
        Some(overview) => format!("{TITLE} du {} au {}", long(overview.days.first), long(overview.days.last)),
        None => format!("{TITLE} du {}", long(french::in_paris(report.issued).date())),
    }
}

/// The lines of a text; blank ones are none.
fn lines(written: Option<&str>) -> Vec<String> {
    let lines = written.unwrap_or_default().lines();
    lines.map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// All that a report says, in the words it says it in.
///
/// There is no `Debug`: a report is all patient data.
#[derive(Clone)]
pub struct Report {
    /// Id of the `DiagnosticReport` it was read from.
    pub id: String,
    /// Whose report it is.
    pub subject: Subject,
    /// Who signs it.
    pub author: Professional,
    /// The establishment that keeps it.
    pub custodian: Organization,
    /// Who prescribed the monitoring, where known.
    pub prescriber: Option<Professional>,
    /// To whom it is addressed: the prescriber and the patient's own physicians, without the author.
    pub recipients: Vec<Professional>,
    /// `N`, `R` or `V`.
    pub confidentiality: Code,
    /// From whom it is hidden.
    pub visibility: Vec<Code>,
    /// The visit that it belongs to.
    pub visit: Visit,
    /// When it was finalised.
    pub issued: Timestamp,
    /// What was found: of the response and the weeks before it, or of a period.
    pub findings: Findings,
    /// The author's conclusion, paragraph by paragraph.
    pub conclusion: Vec<String>,
    /// What the author changes in the treatment, paragraph by paragraph.
    pub treatment_change: Vec<String>,
    /// 1 for the first document, one more for each replacement.
    pub version: u32,
    /// When the replaced document was made, if this one replaces another.
    pub replaces: Option<Replaced>,
}

/// A level of alert, as its code system says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// `vert`, `jaune`, `orange`, `rouge`, `technique` or `silence`.
    pub code: String,
    /// In French, for people.
    pub display: String,
}

/// An answer that is not there, or that nothing could be concluded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What was asked, or the rule that could not be evaluated.
    pub what: String,
    /// Why.
    pub reason: String,
    /// The day, `YYYY-MM-DD`, if it belongs to one.
    pub on: Option<String>,
}
