//! Who issues documents: the section `issuer` of the settings.

use serde::Deserialize;
use validator::{Validate, ValidationError};

use super::refuse;

/// Who issues documents, as the document header and the PDSm metadata name it.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(default)]
pub struct Issuer {
    /// Name of the hospital.
    #[validate(length(min = 1, message = "must name the hospital"))]
    pub name: String,
    /// FINESS number of the legal or geographic entity, nine characters.
    #[validate(length(equal = 9, message = "a FINESS number has nine characters"))]
    pub finess: String,
    /// Facility type, code of `JDV_J02` (such as `SA01`).
    #[validate(length(min = 1))]
    pub facility_type: String,
    /// Its display text.
    #[validate(length(min = 1))]
    pub facility_type_display: String,
    /// Practice setting, code of `JDV_J04` (such as `ETABLISSEMENT`).
    #[validate(length(min = 1))]
    pub practice_setting: String,
    /// Its display text.
    #[validate(length(min = 1))]
    pub practice_setting_display: String,
    /// OID of this system as source of submission sets.
    #[validate(custom(function = oid))]
    pub source_oid: String,
    /// Type of encounter in the header of documents, code of `JDV_J142` (such as `VR`).
    #[validate(length(min = 1))]
    pub encounter: String,
    /// Class of a patient whose report names a visit by its number only (PV1-2): `E`, `I`, `O`, `R` or `N`.
    #[validate(custom(function = patient_class))]
    pub patient_class: String,
    /// OID that assigns the numbers of the hospital's patients (IPP), where their FHIR system is not itself `urn:oid:…`.
    #[validate(custom(function = oid_or_empty))]
    pub ipp_oid: String,
    /// Whether documents and messages are about real patients or test identities. An INS of the other kind is never used.
    pub environment: Environment,
    /// Folder with a `report.typ` or a `texts.json` of the hospital, or both, in the place of the shipped ones; none when
    /// empty.
    pub stationery: String,
    /// Telephone number of the department that answers day and night, shown to patients.
    pub phone: String,
}

impl Default for Issuer {
    fn default() -> Self {
        Self {
            name: "Établissement non configuré".to_owned(),
            finess: "000000000".to_owned(),
            facility_type: "SA01".to_owned(),
            facility_type_display: "Etablissement public de santé".to_owned(),
            practice_setting: "ETABLISSEMENT".to_owned(),
            practice_setting_display: "Etablissement de santé".to_owned(),
            source_oid: "2.25.1".to_owned(),
            encounter: "VR".to_owned(),
            patient_class: "N".to_owned(),
            ipp_oid: String::new(),
            environment: Environment::Production,
            stationery: String::new(),
            phone: String::new(),
        }
    }
}

/// Which identities a site handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Patients.
    Production,
    /// Test and demonstration identities.
    Test,
}

fn oid(oid: &str) -> Result<(), ValidationError> {
    let arcs: Vec<&str> = oid.split('.').collect();
    let well_formed = arcs.len() > 1
        && arcs.iter().all(|arc| {
            !arc.is_empty()
                && arc.bytes().all(|b| b.is_ascii_digit())
                && (*arc == "0" || !arc.starts_with('0'))
        });
    if well_formed { Ok(()) } else { Err(refuse(format!("'{oid}' is not an OID such as 1.2.250.1.999"))) }
}

fn patient_class(class: &str) -> Result<(), ValidationError> {
    if ["E", "I", "O", "R", "N"].contains(&class) {
        return Ok(());
    }
    Err(refuse(format!("'{class}' is not E, I, O, R or N (PV1-2)")))
}

fn oid_or_empty(text: &str) -> Result<(), ValidationError> {
    if text.is_empty() { Ok(()) } else { oid(text) }
}
