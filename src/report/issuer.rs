//! What a site decides about the documents it issues.

use super::visit::PatientClass;
use crate::identity::Environment;
use crate::problem::Issue;
use crate::terminology::nos::{Code, ValueSet};

/// A code with its system and its French display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coding {
    /// Canonical of the code system.
    pub system: String,
    /// The code.
    pub code: String,
    /// What it means, in French.
    pub display: String,
}

/// The establishment in whose name reports are issued, and the software that issues them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Name of the establishment, as printed (custodian of the documents).
    pub name: String,
    /// FINESS number of the establishment, nine characters.
    pub finess: Option<String>,
    /// Sector of activity (XDS `healthcareFacilityTypeCode`, value set `JDV_J02`).
    pub facility_type: Coding,
    /// Setting of practice (XDS `practiceSettingCode`, value set `JDV_J04`).
    pub practice_setting: Coding,
    /// Class of a patient whose report names a visit and not its class (PV1-2); one that names none is of class `N`.
    pub patient_class: PatientClass,
    /// Type of encounter in the header of documents (value set `JDV_J142`).
    ///
    /// `VR`, *virtuelle*, is our reading: no published text says which one remote monitoring is. A site can say otherwise.
    pub encounter: String,
    /// OID that assigns the numbers of the hospital (IPP), where their FHIR system is not itself `urn:oid:…`.
    pub ipp_oid: Option<String>,
    /// Whether documents are about real patients or test identities: an INS of the other kind is never used.
    pub environment: Environment,
    /// Name of the software, as printed.
    pub software: String,
    /// OID of this installation (XDS `sourceId`), without `urn:oid:`.
    pub source_oid: String,
    /// Where clients reach this service, without a slash at the end.
    pub base_url: String,
}

impl Issuer {
    /// A public hospital that monitors outpatients: the site gives its name, FINESS number, OID and address.
    #[must_use]
    pub fn public_hospital(name: &str, finess: Option<&str>, source_oid: &str, base_url: &str) -> Self {
        let nos = |table: &str, code: &str, display: &str| Coding {
            system: format!("https://mos.esante.gouv.fr/NOS/{table}/FHIR/{}", table.replace('_', "-")),
            code: code.to_owned(),
            display: display.to_owned(),
        };
        Self {
            name: name.to_owned(),
            finess: finess.map(str::to_owned),
            facility_type: nos("TRE_R02-SecteurActivite", "SA01", "Etablissement public de santé"),
            practice_setting: nos("TRE_A01-CadreExercice", "ETABLISSEMENT", "Etablissement de santé"),
            patient_class: PatientClass::None,
            encounter: "VR".to_owned(),
            ipp_oid: None,
            environment: Environment::Production,
            software: format!("Vigie {}", env!("CARGO_PKG_VERSION")),
            source_oid: source_oid.to_owned(),
            base_url: base_url.to_owned(),
        }
    }

    /// The same issuer, for test identities instead of real patients.
    #[must_use]
    pub fn of_test_identities(self) -> Self {
        Self { environment: Environment::Test, ..self }
    }

    /// What is wrong with the decisions: codes that their value set lacks, and displays that are not those of their codes.
    #[must_use]
    pub fn check(&self) -> Vec<Issue> {
        let mut issues = Vec::new();
        let mut check =
            |key: &str, set, code: &str, display: Option<&str>| match (Code::of(set, code), display) {
                (None, _) => {
                    issues.push(Issue::error("code-invalid", format!("issuer.{key}: no such code: '{code}'")))
                }
                (Some(known), Some(display)) if known.display != display => {
                    issues.push(Issue::error(
                        "code-invalid",
                        format!(
                            "issuer.{key}_display: the display of {code} is '{}', not '{display}'",
                            known.display
                        ),
                    ));
                }
                _ => {}
            };
        let (facility, practice) = (&self.facility_type, &self.practice_setting);
        check("facility_type", ValueSet::FacilityType, &facility.code, Some(&facility.display));
        check("practice_setting", ValueSet::PracticeSetting, &practice.code, Some(&practice.display));
        check("encounter", ValueSet::Encounter, &self.encounter, None);
        issues
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer() -> Issuer {
        Issuer::public_hospital(
            "CHU de test",
            Some("010000001"),
            "1.2.250.1.999.1",
            "https://chu.example/fhir",
        )
    }

    #[test]
    fn what_is_shipped_is_right() {
        assert!(issuer().check().is_empty());
    }

    #[test]
    fn a_code_that_is_none_and_a_display_of_another_code_are_told() {
        let mut issuer = issuer();
        issuer.facility_type.code = "ETABLISSEMENT".to_owned();
        issuer.practice_setting.display = "Ambulatoire".to_owned();
        issuer.encounter = "VIRTUEL".to_owned();
        assert_eq!(issuer.check().len(), 3);
    }
}
