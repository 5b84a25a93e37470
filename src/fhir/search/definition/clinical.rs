//! Clinical resources: plans, observations, reports, documents and their traces.

use super::{
    ANY, AUTHORS, BASED_ON, CATEGORY, CLINICAL_SUBJECT, CODE, DESCRIPTION, EFFECTIVE, ID, IDENTIFIER,
    PART_OF, PATIENT_SUBJECT, PERFORMERS, UPDATED, canonical, date, reference, table, token, uri,
};
use crate::fhir::search::{Column, Parameter};

pub(super) static CARE_PLAN: &[Parameter] = &table(
    "CarePlan",
    [
        ID,
        UPDATED,
        IDENTIFIER,
        PATIENT_SUBJECT,
        reference("subject", "subject", &["Patient", "Group"]).on(Column::Subject),
        token("status", "status").on(Column::Status).of("http://hl7.org/fhir/request-status"),
        token("intent", "intent").of("http://hl7.org/fhir/care-plan-intent"),
        CATEGORY,
        date("date", "period").on(Column::Date),
        reference("based-on", "basedOn", &["CarePlan"]),
        reference("part-of", "partOf", &["CarePlan"]),
        reference("replaces", "replaces", &["CarePlan"]),
        reference("condition", "addresses", &["Condition"]),
        reference("care-team", "careTeam", &["CareTeam"]),
        canonical(
            "instantiates-canonical",
            "instantiatesCanonical",
            &["PlanDefinition", "Questionnaire", "Measure", "ActivityDefinition", "OperationDefinition"],
        ),
    ],
);

pub(super) static DIAGNOSTIC_REPORT: &[Parameter] = &table(
    "DiagnosticReport",
    [
        ID,
        UPDATED,
        IDENTIFIER,
        PATIENT_SUBJECT,
        CLINICAL_SUBJECT,
        token("status", "status").on(Column::Status).of("http://hl7.org/fhir/diagnostic-report-status"),
        CATEGORY,
        CODE,
        token("conclusion", "conclusionCode"),
        EFFECTIVE,
        date("issued", "issued"),
        BASED_ON,
        reference("result", "result", &["Observation"]),
        reference(
            "performer",
            "performer",
            &["Practitioner", "PractitionerRole", "Organization", "CareTeam"],
        ),
        reference(
            "results-interpreter",
            "resultsInterpreter",
            &["Practitioner", "PractitionerRole", "Organization", "CareTeam"],
        ),
    ],
);

pub(super) static DOCUMENT_REFERENCE: &[Parameter] = &table(
    "DocumentReference",
    [
        ID,
        UPDATED,
        token("identifier", "masterIdentifier | identifier"),
        PATIENT_SUBJECT,
        reference("subject", "subject", &["Patient", "Practitioner", "Group", "Device"]).on(Column::Subject),
        token("status", "status").of("http://hl7.org/fhir/document-reference-status"),
        token("type", "type"),
        CATEGORY,
        date("date", "date").on(Column::Date),
        date("period", "context.period"),
        token("event", "context.event"),
        token("facility", "context.facilityType"),
        token("setting", "context.practiceSetting"),
        token("format", "content.format"),
        token("contenttype", "content.attachment.contentType"),
        uri("location", "content.attachment.url"),
        token("security-label", "securityLabel"),
        token("relation", "relatesTo.code").of("http://hl7.org/fhir/document-relationship-type"),
        reference("relatesto", "relatesTo.target", &["DocumentReference"]),
        reference("related", "context.related", ANY),
        reference("author", "author", AUTHORS),
        reference("authenticator", "authenticator", &["Practitioner", "PractitionerRole", "Organization"]),
        reference("custodian", "custodian", &["Organization"]),
        DESCRIPTION,
    ],
);

pub(super) static FLAG: &[Parameter] = &table(
    "Flag",
    [
        ID,
        UPDATED,
        IDENTIFIER,
        PATIENT_SUBJECT,
        reference(
            "subject",
            "subject",
            &[
                "Patient",
                "Location",
                "Group",
                "Organization",
                "Practitioner",
                "PlanDefinition",
                "Medication",
                "Procedure",
            ],
        )
        .on(Column::Subject),
        date("date", "period").on(Column::Date),
        reference("author", "author", AUTHORS),
        token("status", "status").on(Column::Status).of("http://hl7.org/fhir/flag-status").own(),
        CATEGORY.own(),
        CODE.own(),
    ],
);

pub(super) static OBSERVATION: &[Parameter] = &table(
    "Observation",
    [
        ID,
        UPDATED,
        IDENTIFIER,
        PATIENT_SUBJECT,
        CLINICAL_SUBJECT,
        token("status", "status").of("http://hl7.org/fhir/observation-status"),
        CATEGORY,
        CODE,
        EFFECTIVE,
        token("value-concept", "valueCodeableConcept"),
        token("data-absent-reason", "dataAbsentReason"),
        BASED_ON,
        PART_OF,
        reference("derived-from", "derivedFrom", ANY),
        reference("has-member", "hasMember", &["Observation", "QuestionnaireResponse", "MolecularSequence"]),
        reference("performer", "performer", PERFORMERS),
    ],
);

pub(super) static QUESTIONNAIRE_RESPONSE: &[Parameter] = &table(
    "QuestionnaireResponse",
    [
        ID,
        UPDATED,
        IDENTIFIER,
        PATIENT_SUBJECT,
        reference("subject", "subject", ANY).on(Column::Subject),
        token("status", "status").on(Column::Status).of("http://hl7.org/fhir/questionnaire-answers-status"),
        date("authored", "authored").on(Column::Date),
        canonical("questionnaire", "questionnaire", &["Questionnaire"]),
        reference("based-on", "basedOn", &["CarePlan", "ServiceRequest"]),
        reference("part-of", "partOf", &["Observation", "Procedure"]),
        reference("author", "author", AUTHORS),
        reference("source", "source", &["Patient", "Practitioner", "PractitionerRole", "RelatedPerson"]),
        reference("encounter", "encounter", &["Encounter"]),
    ],
);
