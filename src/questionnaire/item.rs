//! One item of a compiled Questionnaire, and which answer fits which item
//! (FHIR R4 `Questionnaire.item`, <https://hl7.org/fhir/R4/questionnaire.html>).

use crate::json::Value;

use super::enable_when::{Behavior, EnableWhen};
use super::expressions::{Constraint, Variable};
use super::limits::Limits;
use super::options::Options;
use crate::fhirpath::Expression;

/// `Questionnaire.item.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ItemType {
    Group,
    Display,
    Boolean,
    Decimal,
    Integer,
    Date,
    DateTime,
    Time,
    String,
    Text,
    Url,
    Choice,
    OpenChoice,
    Attachment,
    Reference,
    Quantity,
}

/// The `x` of an answer's `value[x]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerType {
    Boolean,
    Decimal,
    Integer,
    Date,
    DateTime,
    Time,
    String,
    Uri,
    Attachment,
    Coding,
    Quantity,
    Reference,
}

const ITEM_TYPES: [(&str, ItemType); 16] = [
    ("group", ItemType::Group),
    ("display", ItemType::Display),
    ("boolean", ItemType::Boolean),
    ("decimal", ItemType::Decimal),
    ("integer", ItemType::Integer),
    ("date", ItemType::Date),
    ("dateTime", ItemType::DateTime),
    ("time", ItemType::Time),
    ("string", ItemType::String),
    ("text", ItemType::Text),
    ("url", ItemType::Url),
    ("choice", ItemType::Choice),
    ("open-choice", ItemType::OpenChoice),
    ("attachment", ItemType::Attachment),
    ("reference", ItemType::Reference),
    ("quantity", ItemType::Quantity),
];

/// JSON suffix, and how a person says it in French.
const ANSWER_TYPES: [(&str, AnswerType, &str); 12] = [
    ("Boolean", AnswerType::Boolean, "oui ou non"),
    ("Decimal", AnswerType::Decimal, "un nombre"),
    ("Integer", AnswerType::Integer, "un nombre entier"),
    ("Date", AnswerType::Date, "une date"),
    ("DateTime", AnswerType::DateTime, "une date et une heure"),
    ("Time", AnswerType::Time, "une heure"),
    ("String", AnswerType::String, "un texte"),
    ("Uri", AnswerType::Uri, "une adresse web"),
    ("Attachment", AnswerType::Attachment, "une pièce jointe"),
    ("Coding", AnswerType::Coding, "un choix de la liste"),
    ("Quantity", AnswerType::Quantity, "une mesure avec son unité"),
    ("Reference", AnswerType::Reference, "une référence"),
];

impl ItemType {
    /// By its code; `None` for what R4 does not know (`question`, `coding`).
    pub(crate) fn parse(code: &str) -> Option<Self> {
        ITEM_TYPES.iter().find(|(known, _)| *known == code).map(|(_, kind)| *kind)
    }

    /// Its code.
    pub(crate) fn code(self) -> &'static str {
        ITEM_TYPES.iter().find(|(_, kind)| *kind == self).map_or("group", |(code, _)| code)
    }

    /// All codes, for a message.
    pub(crate) fn codes() -> String {
        ITEM_TYPES.map(|(code, _)| code).join(", ")
    }

    /// The type that an answer has when no option says otherwise; `None` where there is no answer.
    pub(crate) const fn natural(self) -> Option<AnswerType> {
        Some(match self {
            Self::Group | Self::Display => return None,
            Self::Boolean => AnswerType::Boolean,
            Self::Decimal => AnswerType::Decimal,
            Self::Integer => AnswerType::Integer,
            Self::Date => AnswerType::Date,
            Self::DateTime => AnswerType::DateTime,
            Self::Time => AnswerType::Time,
            Self::String | Self::Text => AnswerType::String,
            Self::Url => AnswerType::Uri,
            Self::Choice | Self::OpenChoice => AnswerType::Coding,
            Self::Attachment => AnswerType::Attachment,
            Self::Reference => AnswerType::Reference,
            Self::Quantity => AnswerType::Quantity,
        })
    }

    /// Whether its answers come from a list of options.
    pub(crate) const fn is_choice(self) -> bool {
        matches!(self, Self::Choice | Self::OpenChoice)
    }

    /// Whether `answerOption` of this type may stand on it.
    pub(crate) fn allows_option(self, option: AnswerType) -> bool {
        use AnswerType::{Coding, Date, Integer, Reference, String, Time};
        match self {
            Self::Choice | Self::OpenChoice => {
                matches!(option, Coding | Date | Integer | Reference | String | Time)
            }
            Self::Integer | Self::Date | Self::Time | Self::String | Self::Text | Self::Reference => {
                self.natural() == Some(option)
            }
            _ => false,
        }
    }
}

impl AnswerType {
    /// By the part of the JSON name after `value` or `answer`.
    pub(crate) fn parse(suffix: &str) -> Option<Self> {
        ANSWER_TYPES.iter().find(|(known, ..)| *known == suffix).map(|(_, kind, _)| *kind)
    }

    /// The part of the JSON name after `value`.
    pub(crate) fn suffix(self) -> &'static str {
        ANSWER_TYPES.iter().find(|(_, kind, _)| *kind == self).map_or("", |(suffix, ..)| suffix)
    }

    /// As a person says it.
    pub(crate) fn french(self) -> &'static str {
        ANSWER_TYPES.iter().find(|(_, kind, _)| *kind == self).map_or("", |(.., french)| french)
    }
}

/// How an answer becomes an Observation.
#[derive(Debug, Clone)]
pub(crate) struct Extraction {
    /// `Observation.code`: the codings of `item.code`, with the question as its text.
    pub(crate) code: Value,
    /// `Observation.category`: what is given, or else that it is a survey.
    pub(crate) category: Value,
    /// The unit, as a Coding, of an item that has exactly one.
    pub(crate) unit: Option<Value>,
}

/// One compiled item. Indexes point into the arena of the Questionnaire, which is in document order.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) link_id: String,
    /// `Questionnaire.item[0].item[2]`, for messages about the definition.
    pub(crate) place: String,
    pub(crate) text: Option<String>,
    pub(crate) kind: ItemType,
    pub(crate) parent: Option<usize>,
    /// One past the last descendant.
    pub(crate) end: usize,
    pub(crate) required: bool,
    pub(crate) repeats: bool,
    pub(crate) hidden: bool,
    pub(crate) min_occurs: usize,
    pub(crate) max_occurs: Option<usize>,
    pub(crate) limits: Option<Box<Limits>>,
    pub(crate) options: Option<Box<Options>>,
    pub(crate) enable_when: Vec<EnableWhen>,
    pub(crate) behavior: Behavior,
    pub(crate) enable_expression: Option<Expression>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) calculated: Option<Expression>,
    pub(crate) extraction: Option<Box<Extraction>>,
}

impl Item {
    /// Whether it or what surrounds it may be disabled by its own conditions.
    pub(crate) const fn is_conditional(&self) -> bool {
        !self.enable_when.is_empty() || self.enable_expression.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found_by_its_code() {
        for (code, kind) in ITEM_TYPES {
            assert_eq!(ItemType::parse(code), Some(kind));
            assert_eq!(kind.code(), code);
        }
        assert_eq!(ItemType::parse("coding"), None);
    }

    #[test]
    fn only_groups_and_displays_have_no_answer() {
        let without: Vec<_> =
            ITEM_TYPES.iter().filter(|(_, kind)| kind.natural().is_none()).map(|(code, _)| *code).collect();
        assert_eq!(without, ["group", "display"]);
    }

    #[test]
    fn options_fit_the_type_of_their_item() {
        assert!(ItemType::Choice.allows_option(AnswerType::Integer));
        assert!(ItemType::Integer.allows_option(AnswerType::Integer));
        assert!(!ItemType::Integer.allows_option(AnswerType::Coding));
        assert!(!ItemType::Group.allows_option(AnswerType::Coding));
        assert!(!ItemType::Choice.allows_option(AnswerType::Quantity));
    }
}
