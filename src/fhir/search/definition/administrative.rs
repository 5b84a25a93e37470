//! People, organisations, consent, and what is neither.

use super::{
    ACTIVE, AUTHORS, CATEGORY, ID, IDENTIFIER, NAME, PATIENTS, UPDATED, date, reference, string, table, token,
};
use crate::fhir::search::{Column, Parameter};

pub(super) static BINARY: &[Parameter] = &table("Binary", [ID, UPDATED]);

pub(super) static CONSENT: &[Parameter] = &table(
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

pub(super) static ORGANIZATION: &[Parameter] = &table(
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

pub(super) static PATIENT: &[Parameter] = &table(
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

pub(super) static PRACTITIONER: &[Parameter] = &table(
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

pub(super) static PRACTITIONER_ROLE: &[Parameter] = &table(
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
