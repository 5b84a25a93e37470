//! Questionnaires: compiled once, then every response is checked against exactly that version, all issues
//! at once (FHIR R4 Questionnaire; Structured Data Capture, <https://hl7.org/fhir/uv/sdc/>).
//!
//! A response is read whatever its shape. Its *readable* form, which rules run on, lacks only the answers
//! that could not be understood or are beyond what is plausible: another type than the question's, an
//! unknown option or linkId, a number that is none, a value out of its range or in a foreign unit. What
//! merely breaks a rule of form stays, and so do answers to disabled items: a sign of danger must alert
//! wherever it was written. So an answer in a wrong place is moved to where its question stands, and a question
//! that has one answer and was given several is read in every way.

mod answer;
mod attachment;
mod bounds;
mod calculate;
mod compile;
mod conditions;
mod count;
mod display;
mod enable_when;
mod enablement;
mod environment;
mod expressions;
mod extension;
mod extract;
mod finding;
mod item;
mod ladder;
mod limits;
mod measure;
mod option_list;
mod options;
mod readable;
mod session;
#[cfg(test)]
mod tests;
mod tree;
mod validate;
mod ways;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use crate::json::Value;
use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::judgement::{Extract, Readings};
use crate::problem::{Issue, Problem, Severity};
use crate::terminology::Terminology;
use expressions::{Constraint, Variable};
use item::{AnswerType, Item};
use ways::Walked;

pub(crate) use ladder::Ladder;

/// A compiled Questionnaire. Its items are an arena in document order; a linkId is found at once.
#[derive(Clone)]
pub struct Questionnaire {
    url: String,
    version: Option<String>,
    status: String,
    title: Option<String>,
    period: Option<Value>,
    items: Vec<Item>,
    by_link_id: HashMap<String, usize>,
    variables: Vec<Variable>,
    constraints: Vec<Constraint>,
    /// Whether anything in it needs expressions or conditions to be evaluated.
    has_expressions: bool,
    conditional: bool,
    source: Value,
}

/// What surrounds the validation of a response.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// `%patient` of the expressions; empty when there is none.
    pub patient: Option<&'a Value>,
    /// `%careplan` of the expressions: every one that says what the patient is treated with.
    pub careplans: &'a [Value],
    /// What `now()` says when the response does not say when it was authored.
    pub now: Timestamp,
    /// Where options from value sets are looked up.
    pub terminology: &'a Terminology,
}

/// What validation found.
#[derive(Clone)]
pub struct Validation<'r> {
    /// Every issue: of the head and shape first, then of each item in document order, with what is missing
    /// in it before what is wrong inside it. Beyond a thousand they are only counted, in a last one.
    pub issues: Vec<Issue>,
    /// The response without the answers that could not be read, and with all others at their place; the response itself
    /// when nothing is wrong with it.
    pub readable: Cow<'r, Value>,
    /// The ways to read it, where a question that has one answer was given several.
    pub readings: Readings,
}

/// Compile a Questionnaire.
///
/// # Errors
/// `Invalid`, with every fault and its element.
pub fn compile(questionnaire: &Value, terminology: &Terminology) -> Result<Questionnaire, Problem> {
    compile::compile(questionnaire, terminology)
}

impl Validation<'_> {
    /// Whether no issue is an error.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.issues.iter().all(|issue| issue.severity < Severity::Error)
    }
}

impl Questionnaire {
    /// Its canonical address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The Questionnaire as it was published.
    #[must_use]
    pub const fn source(&self) -> &Value {
        &self.source
    }

    /// Its business version.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// `url|version`, or the url alone when there is no version.
    #[must_use]
    pub fn canonical(&self) -> String {
        self.version.as_ref().map_or_else(|| self.url.clone(), |version| format!("{}|{version}", self.url))
    }

    /// Its publication status: draft, active, retired, unknown.
    #[must_use]
    pub fn status(&self) -> &str {
        &self.status
    }

    /// Its title.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// Its expressions, with the ways that they go through a response.
    pub(crate) fn walked(&self) -> Vec<Walked<'_>> {
        ways::walked(self)
    }

    /// Whether a response names this very version as the one that it answers.
    pub(crate) fn is_answered_by(&self, response: &Value) -> bool {
        let named = response.get("questionnaire").and_then(Value::as_str).unwrap_or_default();
        match (&self.version, named.split_once('|')) {
            (Some(version), Some((url, named))) => url == self.url && named == version,
            (None, None) => named == self.url,
            _ => false,
        }
    }

    /// Answered responses to any version of it, each answer where its question stands in this one: an expression that looks for
    /// the answer before must not find nothing because the question has moved to another group since.
    pub(crate) fn placed<'r>(&self, responses: &'r [Value]) -> Cow<'r, [Value]> {
        let mut all = Cow::Borrowed(responses);
        for (n, response) in responses.iter().enumerate().filter(|(_, one)| !self.is_answered_by(one)) {
            if let Some(placed) = readable::placed(self, response) {
                all.to_mut()[n] = placed;
            }
        }
        all
    }

    /// Check a response. In-progress, stopped and entered-in-error ones may be incomplete; any other
    /// status, a missing one included, counts as complete.
    #[must_use]
    pub fn validate<'r>(&self, response: &'r Value, context: &Context<'_>) -> Validation<'r> {
        validate::validate(self, response, context)
    }

    /// The Observations of the items that are marked for extraction, in document order.
    #[must_use]
    pub fn extract(&self, response: &Value) -> Vec<Extract> {
        extract::extract(self, response)
    }

    /// The linkIds of all items in document order.
    pub fn link_ids(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(|item| item.link_id.as_str())
    }

    /// The text of an item.
    #[must_use]
    pub fn item_text(&self, link_id: &str) -> Option<&str> {
        self.item(link_id)?.text.as_deref()
    }

    /// The ordinal value (`ordinalValue`, `itemWeight`) of the option that a `valueCoding` means.
    #[must_use]
    pub fn ordinal(&self, link_id: &str, coding: &Value) -> Option<Decimal> {
        self.item(link_id)?.options.as_ref()?.find(AnswerType::Coding, coding)?.ordinal
    }

    /// The linkIds of the questions that must be answered, in document order; those that a condition may
    /// switch off are among them.
    pub fn required_items(&self) -> impl Iterator<Item = &str> {
        let asked = |item: &&Item| item.required && item.kind.natural().is_some();
        self.items.iter().filter(asked).map(|item| item.link_id.as_str())
    }

    /// Whether an item is there for calculation only, never shown.
    #[must_use]
    pub fn is_hidden(&self, link_id: &str) -> bool {
        self.item(link_id).is_some_and(|item| item.hidden)
    }

    /// An `answer` of a response as a French reader sees it: the wording of the option, a quantity with its
    /// unit, oui or non. An unknown linkId is no hindrance.
    #[must_use]
    pub fn answer_text(&self, link_id: &str, answer: &Value) -> String {
        display::answer_text(self.item(link_id), answer)
    }

    fn item(&self, link_id: &str) -> Option<&Item> {
        self.by_link_id.get(link_id).map(|index| &self.items[*index])
    }

    /// Whether the absence of an item can be an issue.
    fn is_demanding(&self, item: usize) -> bool {
        let item = &self.items[item];
        item.min_occurs > 0 || item.calculated.is_some() || item.kind == item::ItemType::Group
    }
}

impl fmt::Debug for Questionnaire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Questionnaire").field(&self.canonical()).finish()
    }
}

/// Answers are a patient's: only how many issues there are is shown.
impl fmt::Debug for Validation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validation").field("issues", &self.issues.len()).finish_non_exhaustive()
    }
}
