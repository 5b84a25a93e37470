//! What the derivation is given: plain values, mapped from the rules and the questionnaire by the
//! interaction that calls it.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::problem::Issue;
use crate::terminology::Level;

/// One evaluated response and what surrounds it.
#[derive(Clone)]
pub struct Input<'a> {
    /// `QuestionnaireResponse/x`, or `Binary/x` when the response was refused and kept as bytes.
    pub source: &'a str,
    /// Version of the source that was evaluated.
    pub source_version: Option<u64>,
    /// Reference to the last answered response before this one, if the rules saw one.
    pub previous: Option<&'a str>,
    /// Reference to the patient, as every derived resource carries it.
    pub subject: &'a Value,
    /// Reference to the person who answered (the patient, a carer), if the response says so.
    pub answered_by: Option<&'a Value>,
    /// `CarePlan/x`.
    pub care_plan: Option<&'a str>,
    /// Reference to who owns the Tasks, only if somebody decided that.
    pub owner: Option<&'a Value>,
    /// Canonical of the PlanDefinition, with `|version`.
    pub plan: Option<&'a str>,
    /// `QuestionnaireResponse.authored`, as written.
    pub authored: Option<&'a str>,
    /// When the response arrived.
    pub received: Timestamp,
    /// Whether the response is still being filled in, or was refused: it becomes alerts only.
    pub in_progress: bool,
    /// Whether the response should never have been (`entered-in-error`): what it became ends with it.
    pub withdrawn: bool,
    /// Highest level of the rules that fired.
    pub level: Level,
    /// What every rule did, in the order of the protocol.
    pub rules: &'a [RuleOutcome],
    /// What the validation of the response found.
    pub issues: &'a [Issue],
    /// Answers marked for extraction.
    pub extracts: &'a [Extracted<'a>],
    /// Telephone number of the service, day and night, as the patient reads it.
    pub telephone: Option<&'a str>,
    /// Current versions of everything that earlier versions of the same response became.
    pub existing: &'a [Value],
}

/// What one rule did with the response.
#[derive(Clone)]
pub struct RuleOutcome {
    /// `PlanDefinition.action.id`.
    pub action_id: String,
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
    /// What happened.
    pub result: RuleResult,
    /// The answers it used.
    pub evidence: Vec<Evidence>,
    /// Readable threshold, French.
    pub threshold: Option<String>,
    /// Where the rule comes from.
    pub source: Option<String>,
    /// What to do and what to say.
    pub activities: Vec<Activity>,
}

/// Result of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleResult {
    /// Its condition holds.
    Fired,
    /// Its condition does not hold.
    NotFired,
    /// Nobody can tell; why, in French.
    NotEvaluable(String),
    /// Not asked of this response.
    NotRun,
}

/// A code of `CodeSystem/symptom`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symptom {
    /// Code.
    pub code: String,
    /// French display.
    pub display: Option<String>,
}

/// One answer that explains a rule.
#[derive(Clone)]
pub struct Evidence {
    /// Link id of the item.
    pub link_id: String,
    /// The question.
    pub text: String,
    /// The answer, readable; none when there is no answer.
    pub answer: Option<String>,
    /// The answer of the previous response, readable.
    pub previous: Option<String>,
    /// Where it is: `QuestionnaireResponse.item[0].answer[0]`.
    pub place: String,
    /// Whether the person wrote it in free words: kept out of Tasks, which carry no identity.
    pub free_text: bool,
}

/// An activity of a rule (`ActivityDefinition`).
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

/// What an activity becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivityKind {
    /// A Task of the care team.
    Task,
    /// A text to the patient.
    Advice,
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
        [Self::Routine, Self::Urgent, Self::Asap, Self::Stat].into_iter().find(|known| known.code() == code)
    }
}

/// An answer that the questionnaire marks for extraction.
#[derive(Clone, Copy)]
pub struct Extracted<'a> {
    /// Link id of the item.
    pub link_id: &'a str,
    /// Which instance of a repeating item, from 0.
    pub instance: usize,
    /// Grade of the chosen option, where it has one.
    pub grade: Option<i64>,
    /// Observation with code, category, and value or reason of absence.
    pub observation: &'a Value,
}

impl Input<'_> {
    /// Rules that fired at a level that somebody must see.
    pub(super) fn alerts(&self) -> impl Iterator<Item = &RuleOutcome> {
        self.rules.iter().filter(|rule| {
            rule.result == RuleResult::Fired && !matches!(rule.level, Level::Vert | Level::Silence)
        })
    }

    /// Rules that nobody can tell about.
    pub(super) fn not_evaluable(&self) -> impl Iterator<Item = (&RuleOutcome, &str)> {
        self.rules.iter().filter_map(|rule| match &rule.result {
            RuleResult::NotEvaluable(reason) => Some((rule, reason.as_str())),
            _ => None,
        })
    }

    /// When the person answered, for an observation's time: reception when they did not say.
    pub(super) fn effective(&self) -> String {
        self.authored.map_or_else(|| self.received.to_string(), str::to_owned)
    }
}
