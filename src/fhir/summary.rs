//! The elements of each served type that a summary shows (R4 3.1.1.5.9; `isSummary` in the definitions).

/// By type in alphabetical order: names at the root of the resource, without `[x]`. `id`, `meta` and `implicitRules` are in
/// every part of a resource.
pub(super) const SUMMARY: &[(&str, &str)] = &[
    (
        "ActivityDefinition",
        "url identifier version name title status experimental date publisher contact description \
         useContext jurisdiction effectivePeriod kind code doNotPerform",
    ),
    ("AuditEvent", "type subtype action recorded outcome outcomeDesc purposeOfEvent"),
    ("Binary", "contentType securityContext"),
    (
        "CarePlan",
        "identifier instantiatesCanonical instantiatesUri basedOn replaces partOf status intent \
         category title description subject encounter period created author addresses",
    ),
    (
        "CodeSystem",
        "url identifier version name title status experimental date publisher contact useContext \
         jurisdiction caseSensitive valueSet hierarchyMeaning compositional versionNeeded content \
         supplements count filter property",
    ),
    (
        "Communication",
        "identifier instantiatesCanonical instantiatesUri basedOn partOf status statusReason \
         priority subject encounter reasonCode reasonReference",
    ),
    (
        "Consent",
        "identifier status scope category patient dateTime performer organization source \
         policyRule verification provision",
    ),
    (
        "DiagnosticReport",
        "identifier status category code subject encounter effective issued performer \
         resultsInterpreter media",
    ),
    (
        "DocumentReference",
        "masterIdentifier identifier status docStatus type category subject date author relatesTo \
         description securityLabel content context",
    ),
    ("Flag", "identifier status category code subject period encounter author"),
    (
        "Observation",
        "identifier basedOn partOf status code subject focus encounter effective issued performer \
         value hasMember derivedFrom component",
    ),
    ("Organization", "identifier active type name partOf"),
    (
        "Patient",
        "identifier active name telecom gender birthDate deceased address managingOrganization \
         link",
    ),
    (
        "PlanDefinition",
        "url identifier version name title type status experimental date publisher contact \
         description useContext jurisdiction effectivePeriod",
    ),
    ("Practitioner", "identifier active name telecom address gender birthDate"),
    (
        "PractitionerRole",
        "identifier active period practitioner organization code specialty location telecom",
    ),
    ("Provenance", "target recorded"),
    (
        "Questionnaire",
        "url identifier version name title status experimental subjectType date publisher contact \
         useContext jurisdiction effectivePeriod code",
    ),
    (
        "QuestionnaireResponse",
        "identifier basedOn partOf questionnaire status subject encounter authored author source",
    ),
    (
        "Task",
        "instantiatesCanonical instantiatesUri basedOn groupIdentifier partOf status statusReason \
         businessStatus intent code description focus for encounter executionPeriod lastModified \
         requester owner location",
    ),
    (
        "ValueSet",
        "url identifier version name title status experimental date publisher contact useContext \
         jurisdiction immutable",
    ),
];

/// Whether the summary of that type shows the element.
pub(super) fn shows(rtype: &str, name: &str) -> bool {
    let of_type = SUMMARY.iter().find(|(served, _)| *served == rtype);
    of_type.is_some_and(|(_, names)| names.split(' ').any(|one| one == name))
}
