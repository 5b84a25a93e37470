//! ActivityDefinitions: what the team does or what the patient reads when a rule fires.

use jiff::SignedDuration;

/// A compiled ActivityDefinition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Canonical, with `|version` where it has one.
    pub canonical: String,
    /// For the team, or for the patient.
    pub kind: ActivityKind,
    /// Code of `CodeSystem/task-code`.
    pub code: String,
    /// Its French display.
    pub display: Option<String>,
    /// Code of `request-priority`.
    pub priority: Option<String>,
    /// Codes of `CodeSystem/performer-role`.
    pub performers: Vec<String>,
    /// The instruction to the team or the text to the patient, French.
    pub text: String,
    /// Time to finish, from reception.
    pub handle_within: Option<SignedDuration>,
    /// Time to acknowledge, from reception.
    pub acknowledge_within: Option<SignedDuration>,
}

/// `ActivityDefinition.kind`, as far as rules use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivityKind {
    /// `Task`: somebody of the care team does something.
    Task,
    /// `CommunicationRequest`: the patient reads something.
    CommunicationRequest,
}
