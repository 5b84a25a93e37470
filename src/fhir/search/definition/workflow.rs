//! What is to be done, what was said, and who did what.

use super::{
    ANY, AUTHORS, BASED_ON, CATEGORY, CODE, ID, IDENTIFIER, OWNERS, PART_OF, PATIENT_SUBJECT, PATIENTS,
    UPDATED, date, reference, table, token,
};
use crate::fhir::search::{Column, Parameter};

pub(super) static COMMUNICATION: &[Parameter] = &table(
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

pub(super) static PROVENANCE: &[Parameter] = &table(
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

pub(super) static TASK: &[Parameter] = &table(
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
