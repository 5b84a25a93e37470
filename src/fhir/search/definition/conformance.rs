//! Definitions: questionnaires, protocols and the codes they use.

use super::{
    DATED, DESCRIPTION, EFFECTIVE_PERIOD, ID, IDENTIFIER, NAME, PUBLICATION, PUBLISHER, TITLE, UPDATED, URL,
    VERSION, canonical, table, token, uri,
};
use crate::fhir::search::Parameter;

pub(super) static ACTIVITY_DEFINITION: &[Parameter] = &table(
    "ActivityDefinition",
    [
        ID,
        UPDATED,
        IDENTIFIER,
        URL,
        VERSION,
        NAME,
        TITLE,
        DESCRIPTION,
        PUBLISHER,
        PUBLICATION,
        DATED,
        EFFECTIVE_PERIOD,
        token("topic", "topic"),
    ],
);

pub(super) static CODE_SYSTEM: &[Parameter] = &table(
    "CodeSystem",
    [
        ID,
        UPDATED,
        IDENTIFIER,
        URL,
        VERSION,
        NAME,
        TITLE,
        DESCRIPTION,
        PUBLISHER,
        PUBLICATION,
        DATED,
        uri("system", "url"),
        token("code", "concept.code"),
        token("content-mode", "content").of("http://hl7.org/fhir/codesystem-content-mode"),
    ],
);

pub(super) static PLAN_DEFINITION: &[Parameter] = &table(
    "PlanDefinition",
    [
        ID,
        UPDATED,
        IDENTIFIER,
        URL,
        VERSION,
        NAME,
        TITLE,
        DESCRIPTION,
        PUBLISHER,
        PUBLICATION,
        DATED,
        EFFECTIVE_PERIOD,
        token("type", "type"),
        token("topic", "topic"),
        canonical(
            "definition",
            "action.definitionCanonical | action.definitionUri",
            &["ActivityDefinition", "PlanDefinition", "Questionnaire"],
        ),
    ],
);

pub(super) static QUESTIONNAIRE: &[Parameter] = &table(
    "Questionnaire",
    [
        ID,
        UPDATED,
        IDENTIFIER,
        URL,
        VERSION,
        NAME,
        TITLE,
        DESCRIPTION,
        PUBLISHER,
        PUBLICATION,
        DATED,
        EFFECTIVE_PERIOD,
        token("code", "item.code"),
        token("subject-type", "subjectType").of("http://hl7.org/fhir/resource-types"),
    ],
);

pub(super) static VALUE_SET: &[Parameter] = &table(
    "ValueSet",
    [
        ID,
        UPDATED,
        IDENTIFIER,
        URL,
        VERSION,
        NAME,
        TITLE,
        DESCRIPTION,
        PUBLISHER,
        PUBLICATION,
        DATED,
        token("code", "expansion.contains.code | compose.include.concept.code"),
        uri("reference", "compose.include.system"),
        uri("expansion", "expansion.identifier"),
    ],
);
