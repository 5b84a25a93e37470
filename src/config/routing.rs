//! Which reports a destination takes: the table `takes` of its entry. What is not written takes everything.

use serde::Deserialize;
use validator::{Validate, ValidationError};

use super::refuse;

/// Which reports a destination takes. An empty list takes everything.
#[derive(Debug, Clone, Default, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct Takes {
    /// Which identity of the patient it demands; by its kind when nothing is said: `qualified` for `xds` and `mhd`, `any`
    /// for the others.
    pub identity: Option<Identity>,
    /// Whether it is the national record, or comes before it (the opposition of patients counts there): yes for `xds`, always, and
    /// for `mhd` unless it says no.
    pub dmp: Option<bool>,
    /// Whether what the DMP has is replaced there although the patient opposes its feeding by now: yes unless it says no. A
    /// withdrawal always goes.
    pub corrections_despite_opposition: Option<bool>,
    /// With which status.
    pub statuses: Vec<ReportStatus>,
    /// Of which kind.
    pub reports: Vec<ReportKind>,
    /// Of which programme: canonicals of a `PlanDefinition`, with or without their version, codes of the category of the plan
    /// of care or of the report, or `CarePlan/id`.
    #[validate(custom(function = named))]
    pub programmes: Vec<String>,
}

/// Which identity of the patient a destination demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Identity {
    /// Any; one that is not qualified goes with the number of the hospital.
    Any,
    /// A qualified one; until then a document is held back.
    Qualified,
}

/// A status with which a report goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportStatus {
    /// Signed.
    Final,
    /// Changed after that.
    Amended,
    /// Changed because it was wrong.
    Corrected,
    /// Completed.
    Appended,
}

impl ReportStatus {
    /// The code of FHIR.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Amended => "amended",
            Self::Corrected => "corrected",
            Self::Appended => "appended",
        }
    }
}

/// A kind of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportKind {
    /// Of one response.
    Weekly,
    /// Any other.
    Period,
}

fn named(programmes: &[String]) -> Result<(), ValidationError> {
    if programmes.iter().all(|programme| !programme.trim().is_empty()) {
        return Ok(());
    }
    Err(refuse(
        "a programme is a canonical, the code of a category, or CarePlan/id, and not empty".to_owned(),
    ))
}
