//! The search parameters of each served type, as R4 defines them; those marked `own` are Vigie's
//! (<https://hl7.org/fhir/R4/searchparameter-registry.html>).

use super::{Column, Kind, Parameter};

pub(super) fn of(rtype: &str) -> &'static [Parameter] {
    match rtype {
        "ActivityDefinition" => ACTIVITY_DEFINITION,
        "Binary" => BINARY,
        "CarePlan" => CARE_PLAN,
        "CodeSystem" => CODE_SYSTEM,
        "Communication" => COMMUNICATION,
        "Consent" => CONSENT,
        "DiagnosticReport" => DIAGNOSTIC_REPORT,
        "DocumentReference" => DOCUMENT_REFERENCE,
        "Flag" => FLAG,
        "Observation" => OBSERVATION,
        "Organization" => ORGANIZATION,
        "Patient" => PATIENT,
        "PlanDefinition" => PLAN_DEFINITION,
        "Practitioner" => PRACTITIONER,
        "PractitionerRole" => PRACTITIONER_ROLE,
        "Provenance" => PROVENANCE,
        "Questionnaire" => QUESTIONNAIRE,
        "QuestionnaireResponse" => QUESTIONNAIRE_RESPONSE,
        "Task" => TASK,
        "ValueSet" => VALUE_SET,
        _ => &[],
    }
}

const fn token(name: &'static str, paths: &'static str) -> Parameter {
    Parameter::new(name, Kind::Token, paths)
}

const fn reference(name: &'static str, paths: &'static str, targets: &'static [&'static str]) -> Parameter {
    Parameter::new(name, Kind::Reference, paths).to(targets)
}

const fn canonical(name: &'static str, paths: &'static str, targets: &'static [&'static str]) -> Parameter {
    Parameter::new(name, Kind::Canonical, paths).to(targets)
}

const fn date(name: &'static str, paths: &'static str) -> Parameter {
    Parameter::new(name, Kind::Date, paths)
}

const fn string(name: &'static str, paths: &'static str) -> Parameter {
    Parameter::new(name, Kind::String, paths)
}

const fn uri(name: &'static str, paths: &'static str) -> Parameter {
    Parameter::new(name, Kind::Uri, paths)
}

/// The parameters of a type; the first two stay those of every type.
const fn table<const N: usize>(rtype: &'static str, parameters: [Parameter; N]) -> [Parameter; N] {
    let mut all = parameters;
    let mut n = 2;
    while n < N {
        all[n].rtype = rtype;
        n += 1;
    }
    all
}

const ANY: &[&str] = &[];
const PATIENTS: &[&str] = &["Patient"];
const AUTHORS: &[&str] =
    &["Practitioner", "PractitionerRole", "Organization", "Patient", "RelatedPerson", "Device"];
const PERFORMERS: &[&str] =
    &["Practitioner", "PractitionerRole", "Organization", "CareTeam", "Patient", "RelatedPerson"];
const OWNERS: &[&str] = &[
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "CareTeam",
    "HealthcareService",
    "Patient",
    "Device",
    "RelatedPerson",
];

const ID: Parameter = token("_id", "id").on(Column::Id);
const UPDATED: Parameter = date("_lastUpdated", "meta.lastUpdated").on(Column::LastUpdated);
const IDENTIFIER: Parameter = token("identifier", "identifier");
const PATIENT_SUBJECT: Parameter = reference("patient", "subject", PATIENTS).on(Column::Subject);
const CLINICAL_SUBJECT: Parameter =
    reference("subject", "subject", &["Patient", "Group", "Device", "Location"]).on(Column::Subject);
const BASED_ON: Parameter = reference("based-on", "basedOn", ANY);
const PART_OF: Parameter = reference("part-of", "partOf", ANY);
const CATEGORY: Parameter = token("category", "category");
const CODE: Parameter = token("code", "code");
const ACTIVE: Parameter = token("active", "active");
const EFFECTIVE: Parameter =
    date("date", "effectiveDateTime | effectivePeriod | effectiveInstant").on(Column::Date);

const URL: Parameter = uri("url", "url");
const VERSION: Parameter = token("version", "version");
const NAME: Parameter = string("name", "name");
const TITLE: Parameter = string("title", "title");
const DESCRIPTION: Parameter = string("description", "description");
const PUBLISHER: Parameter = string("publisher", "publisher");
const DATED: Parameter = date("date", "date").on(Column::Date);
const EFFECTIVE_PERIOD: Parameter = date("effective", "effectivePeriod");
const PUBLICATION: Parameter =
    token("status", "status").on(Column::Status).of("http://hl7.org/fhir/publication-status");

static ACTIVITY_DEFINITION: &[Parameter] = &table(
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

static BINARY: &[Parameter] = &table("Binary", [ID, UPDATED]);

static CARE_PLAN: &[Parameter] = &table(
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

static CODE_SYSTEM: &[Parameter] = &table(
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

static COMMUNICATION: &[Parameter] = &table(
    "Communication",
    [
        ID,
        UPDATED,
        IDENTIFIER,
        PATIENT_SUBJECT,
        reference("subject", "subject", &["Patient", "Group"]).on(Column::Subject),
        token("status", "status").on(Column::Status).of("http://hl7.org/fhir/event-status"),
        CATEGORY,
        token("medium", "medium"),
        date("sent", "sent").on(Column::Date),
        date("received", "received"),
        BASED_ON,
        PART_OF,
        reference(
            "recipient",
            "recipient",
            &[
                "Practitioner",
                "PractitionerRole",
                "Organization",
                "CareTeam",
                "HealthcareService",
                "Patient",
                "Device",
                "RelatedPerson",
                "Group",
            ],
        ),
        reference("sender", "sender", OWNERS),
    ],
);

static CONSENT: &[Parameter] = &table(
    "Consent",
    [
        ID,
        UPDATED,
        IDENTIFIER,
        reference("patient", "patient", PATIENTS).on(Column::Subject),
        token("status", "status").of("http://hl7.org/fhir/consent-state-codes"),
        CATEGORY,
        token("scope", "scope"),
        token("purpose", "provision.purpose"),
        date("date", "dateTime").on(Column::Date),
        date("period", "provision.period"),
        reference("consentor", "performer", AUTHORS),
        reference("organization", "organization", &["Organization"]),
        reference(
            "source-reference",
            "sourceReference",
            &["Consent", "DocumentReference", "Contract", "QuestionnaireResponse"],
        ),
    ],
);

static DIAGNOSTIC_REPORT: &[Parameter] = &table(
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

static DOCUMENT_REFERENCE: &[Parameter] = &table(
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

static FLAG: &[Parameter] = &table(
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

static OBSERVATION: &[Parameter] = &table(
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

static ORGANIZATION: &[Parameter] = &table(
    "Organization",
    [
        ID,
        UPDATED,
        IDENTIFIER,
        ACTIVE,
        string("name", "name | alias"),
        string("address", "address"),
        token("type", "type"),
        reference("partof", "partOf", &["Organization"]),
    ],
);

static PATIENT: &[Parameter] = &table(
    "Patient",
    [
        ID,
        UPDATED,
        IDENTIFIER,
        ACTIVE,
        NAME,
        string("family", "name.family"),
        string("given", "name.given"),
        date("birthdate", "birthDate"),
        token("gender", "gender").of("http://hl7.org/fhir/administrative-gender"),
        token("telecom", "telecom"),
        string("address", "address"),
        reference(
            "general-practitioner",
            "generalPractitioner",
            &["Practitioner", "PractitionerRole", "Organization"],
        ),
        reference("organization", "managingOrganization", &["Organization"]),
        reference("link", "link.other", &["Patient", "RelatedPerson"]),
    ],
);

static PLAN_DEFINITION: &[Parameter] = &table(
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

static PRACTITIONER: &[Parameter] = &table(
    "Practitioner",
    [
        ID,
        UPDATED,
        IDENTIFIER,
        ACTIVE,
        NAME,
        string("family", "name.family"),
        string("given", "name.given"),
        token("gender", "gender").of("http://hl7.org/fhir/administrative-gender"),
        token("telecom", "telecom"),
    ],
);

static PRACTITIONER_ROLE: &[Parameter] = &table(
    "PractitionerRole",
    [
        ID,
        UPDATED,
        IDENTIFIER,
        ACTIVE,
        date("date", "period").on(Column::Date),
        token("role", "code"),
        token("specialty", "specialty"),
        token("telecom", "telecom"),
        reference("practitioner", "practitioner", &["Practitioner"]),
        reference("organization", "organization", &["Organization"]),
    ],
);

static PROVENANCE: &[Parameter] = &table(
    "Provenance",
    [
        ID,
        UPDATED,
        reference("target", "target", ANY),
        reference("patient", "target", PATIENTS),
        reference("entity", "entity.what", ANY),
        reference("agent", "agent.who", AUTHORS),
        token("agent-role", "agent.role"),
        token("agent-type", "agent.type"),
        date("recorded", "recorded").on(Column::Date),
        date("when", "occurredDateTime"),
        reference("location", "location", &["Location"]),
    ],
);

static QUESTIONNAIRE: &[Parameter] = &table(
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

static QUESTIONNAIRE_RESPONSE: &[Parameter] = &table(
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

static TASK: &[Parameter] = &table(
    "Task",
    [
        ID,
        UPDATED,
        IDENTIFIER,
        reference("patient", "for", PATIENTS).on(Column::Subject),
        reference("subject", "for", ANY).on(Column::Subject),
        reference("owner", "owner", OWNERS).on(Column::Owner),
        token("status", "status").on(Column::Status).of("http://hl7.org/fhir/task-status"),
        token("priority", "priority").on(Column::Urgency).of("http://hl7.org/fhir/request-priority"),
        date("authored-on", "authoredOn").on(Column::Date),
        date("modified", "lastModified"),
        date("period", "executionPeriod"),
        CODE,
        token("intent", "intent").of("http://hl7.org/fhir/task-intent"),
        token("business-status", "businessStatus"),
        token("performer", "performerType"),
        token("group-identifier", "groupIdentifier"),
        BASED_ON,
        reference("part-of", "partOf", &["Task"]),
        reference("focus", "focus", ANY),
        reference(
            "requester",
            "requester",
            &["Practitioner", "PractitionerRole", "Organization", "Patient", "RelatedPerson", "Device"],
        ),
        reference("encounter", "encounter", &["Encounter"]),
    ],
);

static VALUE_SET: &[Parameter] = &table(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::SERVED;

    #[test]
    fn every_served_type_has_parameters_with_names_of_their_own() {
        for rtype in SERVED {
            let parameters = of(rtype);
            assert!(parameters.len() >= 2, "{rtype}");
            for (n, parameter) in parameters.iter().enumerate() {
                assert!(parameters[..n].iter().all(|earlier| earlier.name != parameter.name), "{rtype}");
                assert_eq!(parameter.rtype, if n < 2 { "Resource" } else { *rtype }, "{}", parameter.name);
            }
        }
    }

    #[test]
    fn a_column_holds_one_value_of_one_kind() {
        for parameter in SERVED.iter().flat_map(|rtype| of(rtype)) {
            let kind = match parameter.column {
                Some(Column::Subject | Column::Owner) => Kind::Reference,
                Some(Column::Id | Column::Status | Column::Urgency) => Kind::Token,
                Some(Column::LastUpdated | Column::Date) => Kind::Date,
                None => continue,
            };
            assert_eq!(parameter.kind, kind, "{}.{}", parameter.rtype, parameter.name);
        }
    }
}
