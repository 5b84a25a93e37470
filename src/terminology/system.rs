//! Canonical addresses and OIDs, each in one place.

/// The canonical base of what Vigie publishes.
pub const BASE: &str = "https://vigie.example/fhir";

/// How worrying a response is: [`super::Level`].
pub const ALERT_LEVEL: &str = "https://vigie.example/fhir/CodeSystem/alert-level";
/// The rules by number: `R01`, ….
pub const ALERT_RULE: &str = "https://vigie.example/fhir/CodeSystem/alert-rule";
/// Its rule of what could not be read or evaluated.
pub const UNREADABLE: &str = "R90";
/// What the care team does.
pub const TASK_CODE: &str = "https://vigie.example/fhir/CodeSystem/task-code";
/// Who does it.
pub const PERFORMER_ROLE: &str = "https://vigie.example/fhir/CodeSystem/performer-role";
/// How it ended.
pub const TASK_OUTCOME: &str = "https://vigie.example/fhir/CodeSystem/task-outcome";
/// The symptoms that are asked about.
pub const SYMPTOM: &str = "https://vigie.example/fhir/CodeSystem/symptom";
/// The grades 0 to 4 of a symptom.
pub const SYMPTOM_GRADE: &str = "https://vigie.example/fhir/CodeSystem/symptom-grade";
/// Classes of treatment, and the drugs that rules look at.
pub const TREATMENT_CLASS: &str = "https://vigie.example/fhir/CodeSystem/treatment-class";
/// Treatment regimens.
pub const REGIMEN: &str = "https://vigie.example/fhir/CodeSystem/regimen";
/// What is wrong with a response: [`super::ISSUE_CODES`].
pub const RESPONSE_ISSUE: &str = "https://vigie.example/fhir/CodeSystem/response-issue";
/// Names of the Tasks of deliveries that do not arrive: the identifier of the delivery.
pub const UNDELIVERED: &str = "https://vigie.example/fhir/NamingSystem/undelivered";
/// Names of the Tasks about destinations that do not answer.
pub const UNANSWERED: &str = "https://vigie.example/fhir/NamingSystem/unanswered";
/// Names of the Tasks about answers that did not come: since when, and when one was expected.
pub const SILENCE: &str = "https://vigie.example/fhir/NamingSystem/silence";
/// Kinds of `Task.input`.
pub const TASK_INPUT: &str = "https://vigie.example/fhir/CodeSystem/task-input";
/// What a patient may oppose.
pub const OPPOSITION: &str = "https://vigie.example/fhir/CodeSystem/opposition";
/// Identifiers of deliveries.
pub const DELIVERY: &str = "https://vigie.example/fhir/NamingSystem/delivery";

/// On `PlanDefinition.action`: a linkId whose answer explains the outcome.
pub const RULE_EVIDENCE: &str = "https://vigie.example/fhir/StructureDefinition/rule-evidence";
/// On `PlanDefinition.action`: the threshold in words.
pub const RULE_THRESHOLD: &str = "https://vigie.example/fhir/StructureDefinition/rule-threshold";
/// On `PlanDefinition.action`: also evaluated while the response is in progress.
pub const RULE_IN_PROGRESS: &str = "https://vigie.example/fhir/StructureDefinition/rule-in-progress";
/// On `PlanDefinition.action`: evaluated after the others, over what they triggered.
pub const RULE_AGGREGATE: &str = "https://vigie.example/fhir/StructureDefinition/rule-aggregate";
/// On `ActivityDefinition`: the time within which the task must be done.
pub const HANDLE_WITHIN: &str = "https://vigie.example/fhir/StructureDefinition/handle-within";
/// On `ActivityDefinition`: the time within which someone must take the task.
pub const ACKNOWLEDGE_WITHIN: &str = "https://vigie.example/fhir/StructureDefinition/acknowledge-within";

/// FHIR's extension for variables of a definition.
pub const VARIABLE: &str = "http://hl7.org/fhir/StructureDefinition/variable";
/// FHIR's extension for the weight of an answer option (R4).
pub const ORDINAL_VALUE: &str = "http://hl7.org/fhir/StructureDefinition/ordinalValue";
/// SDC: the answer becomes an Observation.
pub const OBSERVATION_EXTRACT: &str =
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-observationExtract";
/// SDC: the category of that Observation.
pub const OBSERVATION_EXTRACT_CATEGORY: &str =
    "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-observation-extract-category";

/// LOINC.
pub const LOINC: &str = "http://loinc.org";
/// UCUM units.
pub const UCUM: &str = "http://unitsofmeasure.org";
/// SNOMED CT.
pub const SNOMED: &str = "http://snomed.info/sct";
/// Why a value is absent (`asked-declined`, `asked-unknown`, …).
pub const DATA_ABSENT_REASON: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
/// Category of an Observation (`survey`, `vital-signs`, …).
pub const OBSERVATION_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
/// Category of a Flag.
pub const FLAG_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/flag-category";
/// Globally unique identifiers that are themselves URIs (`urn:uuid:…`, `urn:oid:…`).
pub const URI_SYSTEM: &str = "urn:ietf:rfc:3986";

/// INS made from the NIR (production).
pub const INS_NIR: &str = "urn:oid:1.2.250.1.213.1.4.8";
/// INS made from the NIA (production, temporary).
pub const INS_NIA: &str = "urn:oid:1.2.250.1.213.1.4.9";
/// INS of test identities.
pub const INS_TEST: &str = "urn:oid:1.2.250.1.213.1.4.10";
/// INS of demonstration identities.
pub const INS_DEMO: &str = "urn:oid:1.2.250.1.213.1.4.11";
/// The historic computed INS, read only.
pub const INS_C: &str = "urn:oid:1.2.250.1.213.1.4.2";
/// The namespaces of a current INS.
pub const INS_SYSTEMS: &[&str] = &[INS_NIR, INS_NIA, INS_TEST, INS_DEMO];

/// National identifier of a professional, with its one-digit prefix (`8` before an RPPS number).
pub const PS_ID_NAT: &str = "urn:oid:1.2.250.1.71.4.2.1";
/// National identifier of a structure, with its one-digit prefix (`1` before a FINESS number).
pub const STRUCTURE_ID_NAT: &str = "urn:oid:1.2.250.1.71.4.2.2";
/// RPPS number, without prefix.
pub const RPPS: &str = "https://rpps.esante.gouv.fr";
/// FINESS number, without prefix.
pub const FINESS: &str = "https://finess.esante.gouv.fr";
/// Types of French identifiers (`INS-NIR`, `INS-NIA`, `RPPS`, …).
pub const FR_IDENTIFIER_TYPE: &str = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203";

/// LOINC, as HL7 v3 and XDS name it.
pub const OID_LOINC: &str = "2.16.840.1.113883.6.1";
/// NOS: specialty of the author of a document (JDV J01).
pub const OID_AUTHOR_SPECIALTY: &str = "1.2.250.1.213.1.1.5.461";
/// NOS: type of facility (JDV J02).
pub const OID_FACILITY_TYPE: &str = "1.2.250.1.213.1.1.5.466";
/// NOS: practice setting (JDV J04).
pub const OID_PRACTICE_SETTING: &str = "1.2.250.1.213.1.1.5.467";
/// NOS: type of document (JDV J07).
pub const OID_TYPE_CODE: &str = "1.2.250.1.213.1.1.5.471";
/// NOS: confidentiality (JDV J08).
pub const OID_CONFIDENTIALITY: &str = "1.2.250.1.213.1.1.5.463";
/// NOS: class of document (TRE A03).
pub const OID_CLASS_CODE: &str = "1.2.250.1.213.1.1.4.1";
/// NOS: practice (TRE A01).
pub const OID_PRACTICE: &str = "1.2.250.1.213.1.1.4.9";
/// NOS: profession and specialty (TRE A02).
pub const OID_PROFESSION_SPECIALTY: &str = "1.2.250.1.213.1.1.4.5";
/// NOS: professions (TRE G15).
pub const OID_PROFESSION: &str = "1.2.250.1.71.1.2.7";
/// NOS: know-how (TRE R01).
pub const OID_KNOW_HOW: &str = "1.2.250.1.71.4.2.5";
/// NOS: sector of activity (TRE R02).
pub const OID_SECTOR: &str = "1.2.250.1.71.4.2.4";

/// The dotted OID of a `urn:oid:` system.
#[must_use]
pub fn oid_of(system: &str) -> Option<&str> {
    system.strip_prefix("urn:oid:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_addresses_are_under_the_base() {
        for url in [
            ALERT_LEVEL,
            ALERT_RULE,
            TASK_CODE,
            PERFORMER_ROLE,
            TASK_OUTCOME,
            SYMPTOM,
            SYMPTOM_GRADE,
            TREATMENT_CLASS,
            REGIMEN,
            RESPONSE_ISSUE,
            UNDELIVERED,
            UNANSWERED,
            SILENCE,
            TASK_INPUT,
            OPPOSITION,
            DELIVERY,
            RULE_EVIDENCE,
            RULE_THRESHOLD,
            RULE_IN_PROGRESS,
            RULE_AGGREGATE,
            HANDLE_WITHIN,
            ACKNOWLEDGE_WITHIN,
        ] {
            assert!(url.strip_prefix(BASE).is_some_and(|rest| rest.starts_with('/')), "{url}");
        }
    }

    #[test]
    fn an_oid_is_read_from_its_urn() {
        assert_eq!(oid_of(INS_NIR), Some("1.2.250.1.213.1.4.8"));
        assert_eq!(oid_of(RPPS), None);
    }
}
