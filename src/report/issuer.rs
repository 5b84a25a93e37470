//! What a site decides about the documents it issues.

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
    /// Type of activity (XDS `contentTypeCode` of the submission set, value set `JDV_J03`).
    pub designation_type: Coding,
    /// Name of the software, as printed.
    pub software: String,
    /// OID of this installation (XDS `sourceId`), without `urn:oid:`.
    pub source_oid: String,
    /// Where clients reach this service, without a slash at the end.
    pub base_url: String,
}

impl Issuer {
    /// A public hospital that monitors outpatients: the site gives its name, FINESS number, OID and address.
    ///
    /// The activity `07` is the mapping proposed for outpatients (HL7 `PV1-2` O) in the CI-SIS metadata mapping, which
    /// no published text confirms for remote monitoring: a site can say otherwise.
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
            designation_type: nos("TRE_R209-TypeActivite", "07", "Consultation Soins Externes"),
            software: "Vigie".to_owned(),
            source_oid: source_oid.to_owned(),
            base_url: base_url.to_owned(),
        }
    }
}
