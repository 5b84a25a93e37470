//! The issues that the validation of a response can raise: one table of codes
//! (`CodeSystem/response-issue`), each with its severity and its `issue-type`.

use crate::problem::{Issue, Severity};

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    detail: &'static str,
    code: &'static str,
    severity: Severity,
}

const fn error(detail: &'static str, code: &'static str) -> Kind {
    Kind { detail, code, severity: Severity::Error }
}

const fn warning(detail: &'static str, code: &'static str) -> Kind {
    Kind { detail, code, severity: Severity::Warning }
}

pub(crate) const INVALID_LINK_ID: Kind = error("invalidLinkId", "not-found");
pub(crate) const OUT_OF_ORDER: Kind = warning("outOfOrder", "structure");
pub(crate) const TEXT_MISMATCH: Kind = warning("textMismatch", "value");
pub(crate) const INVALID_ANSWER_TYPE: Kind = error("invalidAnswerType", "value");
pub(crate) const INVALID_TYPE: Kind = error("invalidType", "structure");
pub(crate) const INVALID_ANSWER_OPTION: Kind = error("invalidAnswerOption", "code-invalid");
pub(crate) const INVALID_CODING: Kind = error("invalidCoding", "code-invalid");
pub(crate) const LOOSE_CODING: Kind = warning("invalidCoding", "code-invalid");
pub(crate) const EXCLUSIVE: Kind = error("exclusiveAnswerOption", "business-rule");
pub(crate) const TERMINOLOGY: Kind = warning("tsError", "processing");
pub(crate) const DISPLAY_ANSWER: Kind = error("displayAnswer", "structure");
pub(crate) const GROUP_ANSWER: Kind = error("groupShouldNotHaveAnswers", "structure");
pub(crate) const REQUIRED: Kind = error("required", "required");
pub(crate) const REQUIRED_IN_ABSENT_GROUP: Kind = warning("required", "required");
pub(crate) const REPEATS: Kind = error("repeats", "structure");
pub(crate) const REPEATED_ITEM: Kind = warning("repeats", "structure");
pub(crate) const MIN_COUNT: Kind = error("minCount", "required");
pub(crate) const MAX_COUNT: Kind = error("maxCount", "structure");
pub(crate) const MIN_VALUE: Kind = error("minValue", "value");
pub(crate) const MAX_VALUE: Kind = error("maxValue", "value");
pub(crate) const MIN_VALUE_UNITS: Kind = error("minValueIncompatUnits", "value");
pub(crate) const MAX_VALUE_UNITS: Kind = error("maxValueIncompatUnits", "value");
pub(crate) const INVALID_UNIT: Kind = error("invalidUnit", "code-invalid");
pub(crate) const LOOSE_UNIT: Kind = warning("invalidUnit", "code-invalid");
pub(crate) const INVALID_UNIT_VALUE_SET: Kind = error("invalidUnitValueSet", "code-invalid");
pub(crate) const MIN_LENGTH: Kind = error("minLength", "value");
pub(crate) const MAX_LENGTH: Kind = error("maxLength", "too-long");
pub(crate) const REGEX: Kind = error("regex", "value");
pub(crate) const INVALID_NEW_LINE: Kind = error("invalidNewLine", "value");
pub(crate) const MAX_DECIMAL_PLACES: Kind = error("maxDecimalPlaces", "value");
pub(crate) const INVALID_URL: Kind = error("invalidUrlValue", "value");
pub(crate) const INVALID_REFERENCE: Kind = error("invalidRefValue", "value");
pub(crate) const REFERENCE_TYPE: Kind = error("invalidRefResourceType", "value");
pub(crate) const REFERENCE_RESTRICTION: Kind = error("invalidRefResourceTypeRestriction", "value");
pub(crate) const ATTACHMENT_SIZE: Kind = error("maxAttachmentSize", "too-long");
pub(crate) const ATTACHMENT_SIZE_INCONSISTENT: Kind = error("attachmentSizeInconsistent", "value");
pub(crate) const ATTACHMENT_TYPE: Kind = error("invalidAttachmentType", "value");
pub(crate) const NOT_ENABLED: Kind = error("notEnabled", "business-rule");
pub(crate) const CALCULATED: Kind = error("calculatedMismatch", "value");
pub(crate) const CALCULATED_MISSING: Kind = warning("calculatedMismatch", "value");
pub(crate) const INVARIANT: Kind = error("invariant", "invariant");
pub(crate) const INVARIANT_WARNING: Kind = warning("invariant", "invariant");
pub(crate) const EXECUTION: Kind = warning("invariantExecution", "processing");
pub(crate) const NOT_FOUND: Kind = error("questionnaireNotFound", "not-found");
pub(crate) const DRAFT: Kind = warning("questionnaireDraft", "business-rule");
pub(crate) const RETIRED: Kind = warning("questionnaireRetired", "business-rule");
pub(crate) const INACTIVE: Kind = warning("questionnaireInactive", "business-rule");

/// What was found about one answer or item, before its place and its question are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    /// English, after the linkId: what is there and what would be right.
    pub(crate) english: String,
    /// French, after the text of the question.
    pub(crate) french: String,
    /// Whether the answer cannot be relied upon, so that rules must not see it.
    pub(crate) unreadable: bool,
}

impl Finding {
    /// About an answer that can still be read.
    pub(crate) fn new(kind: Kind, english: impl Into<String>, french: impl Into<String>) -> Self {
        Self { kind, english: english.into(), french: french.into(), unreadable: false }
    }

    /// The same, about an answer that rules must not see.
    pub(crate) const fn unreadable(mut self) -> Self {
        self.unreadable = true;
        self
    }

    /// The issue, once its place and its question are known.
    pub(crate) fn issue(self, link_id: &str, question: Option<&str>, place: String) -> Issue {
        let french = match question {
            Some(question) => format!("« {question} » : {}.", self.french),
            None => format!("Question « {link_id} » : {}.", self.french),
        };
        self.kind.issue(format!("item '{link_id}': {}", self.english), french, place)
    }
}

impl Kind {
    /// An issue of this kind.
    pub(crate) fn issue(self, english: String, french: String, place: String) -> Issue {
        let issue = Issue::error(self.code, english).detail(self.detail).text(french).at(place);
        Issue { severity: self.severity, ..issue }
    }
}

/// A value as it is shown in a message: its JSON, shortened.
pub(crate) fn shown(value: &crate::json::Value) -> String {
    const LENGTH_MAX: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(LENGTH_MAX) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminology::is_issue_code;

    #[test]
    fn every_kind_is_a_code_of_our_code_system() {
        for kind in [
            INVALID_LINK_ID,
            OUT_OF_ORDER,
            TEXT_MISMATCH,
            INVALID_ANSWER_TYPE,
            INVALID_TYPE,
            INVALID_ANSWER_OPTION,
            INVALID_CODING,
            EXCLUSIVE,
            TERMINOLOGY,
            DISPLAY_ANSWER,
            GROUP_ANSWER,
            REQUIRED,
            REPEATS,
            MIN_COUNT,
            MAX_COUNT,
            MIN_VALUE,
            MAX_VALUE,
            MIN_VALUE_UNITS,
            MAX_VALUE_UNITS,
            INVALID_UNIT,
            INVALID_UNIT_VALUE_SET,
            MIN_LENGTH,
            MAX_LENGTH,
            REGEX,
            INVALID_NEW_LINE,
            MAX_DECIMAL_PLACES,
            INVALID_URL,
            INVALID_REFERENCE,
            REFERENCE_TYPE,
            REFERENCE_RESTRICTION,
            ATTACHMENT_SIZE,
            ATTACHMENT_SIZE_INCONSISTENT,
            ATTACHMENT_TYPE,
            NOT_ENABLED,
            CALCULATED,
            INVARIANT,
            EXECUTION,
            NOT_FOUND,
            DRAFT,
            RETIRED,
            INACTIVE,
        ] {
            assert!(is_issue_code(kind.detail), "{}", kind.detail);
        }
    }

    #[test]
    fn long_values_are_shortened_between_characters() {
        let text = "é".repeat(200);
        assert_eq!(shown(&crate::json::Value::from(text)).chars().count(), 81);
    }
}
