//! The search parameters of each served type, as R4 defines them; those marked `own` are Vigie's
//! (<https://hl7.org/fhir/R4/searchparameter-registry.html>).

mod administrative;
mod clinical;
mod conformance;
mod workflow;

use super::{Column, Kind, Parameter};

pub(super) fn of(rtype: &str) -> &'static [Parameter] {
    match rtype {
        "ActivityDefinition" => conformance::ACTIVITY_DEFINITION,
        "Binary" => administrative::BINARY,
        "CarePlan" => clinical::CARE_PLAN,
        "CodeSystem" => conformance::CODE_SYSTEM,
        "Communication" => workflow::COMMUNICATION,
        "Consent" => administrative::CONSENT,
        "DiagnosticReport" => clinical::DIAGNOSTIC_REPORT,
        "DocumentReference" => clinical::DOCUMENT_REFERENCE,
        "Flag" => clinical::FLAG,
        "Observation" => clinical::OBSERVATION,
        "Organization" => administrative::ORGANIZATION,
        "Patient" => administrative::PATIENT,
        "PlanDefinition" => conformance::PLAN_DEFINITION,
        "Practitioner" => administrative::PRACTITIONER,
        "PractitionerRole" => administrative::PRACTITIONER_ROLE,
        "Provenance" => workflow::PROVENANCE,
        "Questionnaire" => conformance::QUESTIONNAIRE,
        "QuestionnaireResponse" => clinical::QUESTIONNAIRE_RESPONSE,
        "Task" => workflow::TASK,
        "ValueSet" => conformance::VALUE_SET,
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
