//! What a rule says whenever it fires: an action of a PlanDefinition, compiled
//! (<https://hl7.org/fhir/R4/activitydefinition.html> for what is to be done).

use jiff::SignedDuration;

use crate::terminology::Level;

/// One action of a protocol: which rule it is, what it says, what is to be done.
#[derive(Clone, PartialEq, Eq)]
pub struct Action {
    /// `PlanDefinition.action.id`.
    pub id: String,
    /// Code of `CodeSystem/alert-rule`.
    pub rule: String,
    /// Level when it fires.
    pub level: Level,
    /// The symptom it is about.
    pub symptom: Option<Symptom>,
    /// Short title, French.
    pub title: String,
    /// What the team reads, French.
    pub message: String,
    /// Readable threshold, French.
    pub threshold: Option<String>,
    /// Where the rule comes from.
    pub source: Option<String>,
    /// What to do and what to say.
    pub activities: Vec<Activity>,
}

/// A code of `CodeSystem/symptom`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symptom {
    /// Code.
    pub code: String,
    /// French display.
    pub display: Option<String>,
}

/// A compiled ActivityDefinition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// For the team, or for the patient.
    pub kind: ActivityKind,
    /// Code of `CodeSystem/task-code`.
    pub code: String,
    /// Its French display.
    pub display: Option<String>,
    /// How urgent.
    pub priority: Option<Priority>,
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

/// `request-priority`, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Normal.
    Routine,
    /// Above normal.
    Urgent,
    /// As soon as possible.
    Asap,
    /// At once.
    Stat,
}

impl Priority {
    /// All of them, from the least urgent on.
    pub const ALL: [Self; 4] = [Self::Routine, Self::Urgent, Self::Asap, Self::Stat];

    /// The code of `http://hl7.org/fhir/request-priority`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Routine => "routine",
            Self::Urgent => "urgent",
            Self::Asap => "asap",
            Self::Stat => "stat",
        }
    }

    /// The priority with this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.code() == code)
    }
}
