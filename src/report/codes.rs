//! Codes, systems and canonicals of the French and IHE specifications that a report is described with.

/// Profiles of `PDSm` (`ans.fhir.fr.pdsm` 3.1.1).
pub(super) const PDSM: &str = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition";
/// Extensions of IHE MHD 4.2.3.
pub(super) const MHD: &str = "https://profiles.ihe.net/ITI/MHD/StructureDefinition";
/// What kind of `List` a `List` is, in MHD.
pub(super) const MHD_LIST_TYPES: &str = "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes";
/// *Compte rendu de télémédecine*: the type of document nearest to remote monitoring in `JDV_J07`.
pub(super) const TYPE: (&str, &str) = ("85208-7", "Compte rendu de télémédecine");
/// Class of document, `TRE_A03`.
pub(super) const CLASS_SYSTEM: &str =
    "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument";
/// *Compte rendu*: the class that `ASS_X16` derives from 85208-7.
pub(super) const CLASS: (&str, &str) = ("10", "Compte rendu");
/// Format of document, `TRE_A11`.
pub(super) const FORMAT_SYSTEM: &str =
    "https://mos.esante.gouv.fr/NOS/TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode";
/// A bare PDF/A-1.
///
/// In IHE's own list this code means a PDF inside a CDA (XDS-SD), and a bare PDF would be `mimeTypeSufficient`. The
/// French table `TRE_A11` reads it as *Document à corps non structuré en Pdf/A-1*, and `PDSm`'s published examples put it
/// beside a bare `application/pdf`. We follow `PDSm`.
pub(super) const FORMAT: (&str, &str) =
    ("urn:ihe:iti:xds-sd:pdf:2008", "Document à corps non structuré en Pdf/A-1");
/// Confidentiality (HL7 v3).
pub(super) const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
/// Profile of a professional in its role, directory of health (`ans.fhir.fr.annuaire` 1.1.0).
pub(super) const ANNUAIRE: &str = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition";
/// Reliability of an identity, FR Core.
pub(super) const IDENTITY_RELIABILITY: &str =
    "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability";
/// All given names of birth, FR Core.
pub(super) const BIRTH_GIVEN_NAMES: &str =
    "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-patient-birth-list-given-name";
/// Place of birth.
pub(super) const BIRTH_PLACE: &str = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace";
/// INSEE code of a commune, FR Core.
pub(super) const INSEE_CODE: &str =
    "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-address-insee-code";
