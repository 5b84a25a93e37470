//! What can be wrong with a `QuestionnaireResponse`: the codes of `CodeSystem/response-issue`.

/// Every code, in alphabetical order.
pub const ISSUE_CODES: &[&str] = &[
    "attachmentSizeInconsistent",
    "calculatedMismatch",
    "displayAnswer",
    "exclusiveAnswerOption",
    "groupShouldNotHaveAnswers",
    "invalidAnswerOption",
    "invalidAnswerType",
    "invalidAttachmentType",
    "invalidCoding",
    "invalidLinkId",
    "invalidNewLine",
    "invalidRefResourceType",
    "invalidRefResourceTypeRestriction",
    "invalidRefValue",
    "invalidType",
    "invalidUnit",
    "invalidUnitValueSet",
    "invalidUrlValue",
    "invariant",
    "invariantExecution",
    "maxAttachmentSize",
    "maxCount",
    "maxDecimalPlaces",
    "maxLength",
    "maxValue",
    "maxValueIncompatUnits",
    "minCount",
    "minLength",
    "minValue",
    "minValueIncompatUnits",
    "notEnabled",
    "outOfOrder",
    "questionnaireDraft",
    "questionnaireInactive",
    "questionnaireNotFound",
    "questionnaireRetired",
    "regex",
    "repeats",
    "required",
    "textMismatch",
    "tsError",
];

/// Whether a code is one of them.
#[must_use]
pub fn is_issue_code(code: &str) -> bool {
    ISSUE_CODES.binary_search(&code).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_sorted_and_found() {
        assert!(ISSUE_CODES.is_sorted());
        assert!(is_issue_code("notEnabled") && !is_issue_code("notenabled"));
    }
}
