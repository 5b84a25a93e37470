//! Codes, systems and canonicals of the French and IHE specifications that a report is described with.

/// Profiles of `PDSm` (`ans.fhir.fr.pdsm` 3.1.1).
pub(super) const PDSM: &str = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition";
/// Extensions of IHE MHD 4.2.3.
pub(super) const MHD: &str = "https://profiles.ihe.net/ITI/MHD/StructureDefinition";
/// What kind of `List` a `List` is, in MHD.
pub(super) const MHD_LIST_TYPES: &str = "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes";
/// *Compte rendu de télémédecine*: the type of document nearest to remote monitoring in `JDV_J07`, with the display that
/// that value set has for it.
pub(super) const TYPE: (&str, &str) = ("85208-7", "CR de télémédecine");
/// Class of document, `TRE_A03`.
pub(super) const CLASS_SYSTEM: &str =
    "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument";
/// OID of `TRE_A03`.
pub(super) const CLASS_OID: &str = crate::terminology::OID_CLASS_CODE;
/// *Compte rendu*: the class that `ASS_X16` derives from 85208-7.
pub(super) const CLASS: (&str, &str) = ("10", "Compte rendu");
/// Format of document, `TRE_A11`.
pub(super) const FORMAT_SYSTEM: &str =
    "https://mos.esante.gouv.fr/NOS/TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode";
/// A CDA whose body is a PDF/A-1: what the code means in IHE (XDS-SD) and, as *Document à corps non structuré en Pdf/A-1*,
/// in `TRE_A11`.
pub(super) const FORMAT: (&str, &str) =
    ("urn:ihe:iti:xds-sd:pdf:2008", "Document à corps non structuré en Pdf/A-1");
/// OID of `TRE_A11` in XDS (the coding scheme of IHE format codes).
pub(super) const FORMAT_OID: &str = "1.3.6.1.4.1.19376.1.2.3";
/// Type of activity, `TRE_R209`.
pub(super) const ACTIVITY_SYSTEM: &str =
    "https://mos.esante.gouv.fr/NOS/TRE_R209-TypeActivite/FHIR/TRE-R209-TypeActivite";
/// OID of `TRE_R209`.
pub(super) const ACTIVITY_OID: &str = "1.2.250.1.213.2.2";
/// Confidentiality (HL7 v3).
pub(super) const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
/// From whom a document is hidden, `TRE_A07`.
pub(super) const VISIBILITY_SYSTEM: &str =
    "https://mos.esante.gouv.fr/NOS/TRE_A07-StatusVisibiliteDocument/FHIR/TRE-A07-StatusVisibiliteDocument";
/// Profile of a professional in its role, directory of health (`ans.fhir.fr.annuaire` 1.1.0).
pub(super) const ANNUAIRE: &str = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition";
#[cfg(test)]
pub(super) use crate::identity::IDENTITY_RELIABILITY;
pub(super) use crate::identity::{BIRTH_GIVEN_NAMES, BIRTH_PLACE, INSEE_CODE};
