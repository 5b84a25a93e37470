//! The parameters whose one value a store keeps beside the resource, with the indexes of the queries that people and
//! engines repeat: the worklist, what is about a patient, the feed.

use super::Column;

/// Whom it is about, for the types whose parameters `patient` and `subject` say it.
const SUBJECTS: &[&str] = &[
    "CarePlan",
    "Communication",
    "Consent",
    "DiagnosticReport",
    "DocumentReference",
    "Flag",
    "Observation",
    "QuestionnaireResponse",
    "Task",
];

/// The main date of each type.
const DATES: &[(&str, &str)] = &[
    ("ActivityDefinition", "date"),
    ("AuditEvent", "date"),
    ("CarePlan", "date"),
    ("CodeSystem", "date"),
    ("Communication", "sent"),
    ("Consent", "date"),
    ("DiagnosticReport", "date"),
    ("DocumentReference", "date"),
    ("Flag", "date"),
    ("Observation", "date"),
    ("PlanDefinition", "date"),
    ("PractitionerRole", "date"),
    ("Provenance", "recorded"),
    ("Questionnaire", "date"),
    ("QuestionnaireResponse", "authored"),
    ("Task", "authored-on"),
    ("ValueSet", "date"),
];

/// Types whose `status` is searched alone.
const STATUSES: &[&str] = &[
    "ActivityDefinition",
    "CarePlan",
    "CodeSystem",
    "Communication",
    "DiagnosticReport",
    "Flag",
    "PlanDefinition",
    "Questionnaire",
    "QuestionnaireResponse",
    "Task",
    "ValueSet",
];

/// The column of a parameter, when it has one.
pub(super) fn of(rtype: &str, name: &str) -> Option<Column> {
    match name {
        "_id" => Some(Column::Id),
        "_lastUpdated" => Some(Column::LastUpdated),
        "patient" | "subject" if SUBJECTS.contains(&rtype) => Some(Column::Subject),
        "status" if STATUSES.contains(&rtype) => Some(Column::Status),
        "owner" if rtype == "Task" => Some(Column::Owner),
        "priority" if rtype == "Task" => Some(Column::Urgency),
        _ if DATES.contains(&(rtype, name)) => Some(Column::Date),
        _ => None,
    }
}
