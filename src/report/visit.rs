//! The visit that a report belongs to: class and number of PV1 (PAM.fr 2.11), and the type of activity that follows.

use crate::json::Value;

use super::codes::ACTIVITY_OID;
use super::element::text;
use super::header::{LocalId, oid_of_system};
use crate::fhir::element::list;
use crate::terminology::nos::Code;

/// Class of the patient, PV1-2 in the codes of PAM.fr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PatientClass {
    /// `E`: emergency.
    Emergency,
    /// `I`: stays in the hospital.
    Inpatient,
    /// `O`: comes for a consultation.
    Outpatient,
    /// `R`: comes again and again for one treatment.
    Recurring,
    /// `N`: no stay and no visit, such as monitoring at home.
    #[default]
    None,
}

impl PatientClass {
    /// Every class.
    pub const ALL: [Self; 5] =
        [Self::Emergency, Self::Inpatient, Self::Outpatient, Self::Recurring, Self::None];

    /// Its code in PV1-2.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Emergency => "E",
            Self::Inpatient => "I",
            Self::Outpatient => "O",
            Self::Recurring => "R",
            Self::None => "N",
        }
    }

    /// The class of an `Encounter`, v3 `ActCode`; none for a code that says nothing about PV1-2.
    fn of_encounter(code: &str) -> Option<Self> {
        Some(match code {
            "EMER" => Self::Emergency,
            "IMP" | "ACUTE" | "NONAC" => Self::Inpatient,
            "AMB" | "OBSENC" | "SS" => Self::Outpatient,
            "VR" | "HH" | "FLD" => Self::None,
            _ => return None,
        })
    }

    /// Type of activity of the submission set (`contentTypeCode`, TRE R209): the mapping that the CI-SIS proposes from PV1-2.
    /// No published text says it of remote monitoring.
    #[must_use]
    pub fn activity(self) -> Code {
        let (code, display) = match self {
            Self::Inpatient => ("03", "Hospitalisation complète (non compris hospitalisation de semaine)"),
            Self::Outpatient | Self::Emergency => ("07", "Consultation Soins Externes"),
            Self::Recurring => ("19", "Traitement et Cure Ambulatoire"),
            Self::None => ("97", "Type d'activité indifférencié"),
        };
        Code::new(code, ACTIVITY_OID, display)
    }
}

/// The visit. There is no `Debug`: it is patient data.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Visit {
    /// Its class.
    pub class: PatientClass,
    /// Its number, PV1-19, which every class but `N` needs.
    pub number: Option<LocalId>,
}

/// The visit that a report names: a contained `Encounter`, or the identifier of one that is not kept here, which is then of
/// the class that the site configured. Without a number there is no visit to speak of: class `N`.
pub(super) fn read(report: &Value, configured: PatientClass) -> Visit {
    let reference = text(report, "encounter.reference").and_then(|reference| reference.strip_prefix('#'));
    let contained = reference.and_then(|id| {
        list(report, "contained").find(|one| one["resourceType"] == "Encounter" && one["id"] == id)
    });
    let class = contained.and_then(|one| PatientClass::of_encounter(text(one, "class.code")?));
    let class = class.unwrap_or(configured);
    let named = contained.and_then(|one| list(one, "identifier").next());
    let identifier = named.or_else(|| report.get("encounter")?.get("identifier"));
    let number = identifier.and_then(|identifier| {
        let value = text(identifier, "value").filter(|value| !value.is_empty())?;
        let system = text(identifier, "system").filter(|system| !system.is_empty())?;
        Some(LocalId { value: value.to_owned(), oid: oid_of_system(system) })
    });
    match number {
        None => Visit::default(),
        number => Visit { class, number },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    fn check(report: &Value, configured: PatientClass, expected: (&str, Option<&str>)) {
        let visit = read(report, configured);
        let number = visit.number.as_ref().map(|number| number.value.as_str());
        assert_eq!((visit.class.code(), number), expected, "{report}");
    }

    #[test]
    fn the_class_is_that_of_the_encounter_else_of_the_site_and_none_without_a_number() {
        let encounter = |class: &str| {
            json!({"encounter": {"reference": "#e"}, "contained": [{"resourceType": "Encounter", "id": "e",
                "status": "in-progress", "class": {"code": class},
                "identifier": [{"system": "urn:oid:1.2.250.1.999.9", "value": "897406"}]}]})
        };
        let number = Some("897406");
        check(&encounter("IMP"), PatientClass::None, ("I", number));
        check(&encounter("AMB"), PatientClass::None, ("O", number));
        check(&encounter("EMER"), PatientClass::None, ("E", number));
        check(&encounter("VR"), PatientClass::Outpatient, ("N", number));
        check(&encounter("?"), PatientClass::Recurring, ("R", number));
        let named =
            json!({"encounter": {"identifier": {"system": "https://chu.example/visit", "value": "897406"}}});
        check(&named, PatientClass::Recurring, ("R", number));
        check(&json!({}), PatientClass::Inpatient, ("N", None));
        check(&json!({"encounter": {"identifier": {"value": "1"}}}), PatientClass::Inpatient, ("N", None));
    }

    #[test]
    fn the_activity_follows_from_the_class() {
        let codes: Vec<String> = PatientClass::ALL
            .iter()
            .map(|class| format!("{}{}", class.code(), class.activity().code))
            .collect();
        assert_eq!(codes, ["E07", "I03", "O07", "R19", "N97"]);
    }
}
