//! The strict traits of identity (*référentiel national d'identitovigilance*) as a `Patient` of FR Core says them.

use crate::json::Value;

use super::ins::InsKind;
use crate::fhir::element::{codings, list, str_at};
use crate::fhir::identifier::Identifier;

/// Reliability of an identity, FR Core.
pub(crate) const IDENTITY_RELIABILITY: &str =
    "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability";
/// All given names of birth, FR Core.
pub(crate) const BIRTH_GIVEN_NAMES: &str =
    "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-patient-birth-list-given-name";
/// Place of birth.
pub(crate) const BIRTH_PLACE: &str = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace";
/// INSEE code of a commune, FR Core.
pub(crate) const INSEE_CODE: &str =
    "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-address-insee-code";

/// The code that stands for a place of birth that is not known.
pub const BIRTH_PLACE_UNKNOWN: &str = "99999";

/// Administrative sex, as the identity service knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// `female`, F.
    Female,
    /// `male`, M.
    Male,
    /// `unknown`, and FHIR's `other`, which the identity service does not have.
    Unknown,
}

impl Sex {
    /// Of a FHIR `administrative-gender`.
    #[must_use]
    pub fn of_fhir(code: &str) -> Option<Self> {
        match code {
            "female" => Some(Self::Female),
            "male" => Some(Self::Male),
            "unknown" | "other" => Some(Self::Unknown),
            _ => None,
        }
    }

    /// The code of FHIR.
    #[must_use]
    pub const fn fhir(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
            Self::Unknown => "unknown",
        }
    }

    /// The code of HL7 v2, PID-8 (table 0001 as PAM.fr restricts it).
    #[must_use]
    pub const fn hl7v2(self) -> &'static str {
        match self {
            Self::Female => "F",
            Self::Male => "M",
            Self::Unknown => "U",
        }
    }

    /// The code of HL7 v3 (`JDV_J143`).
    #[must_use]
    pub const fn hl7v3(self) -> &'static str {
        match self {
            Self::Female => "F",
            Self::Male => "M",
            Self::Unknown => "UN",
        }
    }

    /// In French, as `JDV_J143` displays it.
    #[must_use]
    pub const fn display(self) -> &'static str {
        match self {
            Self::Female => "Féminin",
            Self::Male => "Masculin",
            Self::Unknown => "Inconnu",
        }
    }
}

/// What a `Patient` says about who someone is. There is no `Debug`: it is all patient data.
#[derive(Clone, PartialEq, Eq)]
pub struct Traits {
    /// Status of the identity (`VALI`, `PROV`, …), code of `fr-core-cs-v2-0445`.
    pub status: Option<String>,
    /// Numbers in the namespaces of the INS, in order; numbers for billing (type `NH`) are passed over.
    pub matricules: Vec<(InsKind, String)>,
    /// Family name of birth.
    pub birth_name: Option<String>,
    /// First given name of birth.
    pub first_name: Option<String>,
    /// All given names of birth, in order; the given names there are, when FR Core's own list is absent.
    pub given_names: Option<String>,
    /// Administrative sex.
    pub sex: Option<Sex>,
    /// `YYYY-MM-DD`; none when the date is not whole.
    pub birth_date: Option<String>,
    /// INSEE code of the place of birth.
    pub birth_place: Option<String>,
}

impl Traits {
    /// Reads a `Patient`: the official name, else the first.
    #[must_use]
    pub fn of(patient: &Value) -> Self {
        let official = list(patient, "name")
            .find(|name| text(name, "use") == Some("official"))
            .or_else(|| list(patient, "name").next());
        let given: Vec<&str> = official
            .and_then(|name| name.get("given")?.as_array())
            .map(|given| given.iter().filter_map(Value::as_str).map(str::trim).collect())
            .unwrap_or_default();
        let all = official
            .and_then(|name| value_of(name, BIRTH_GIVEN_NAMES))
            .map(str::to_owned)
            .or_else(|| Some(given.join(" ")).filter(|all| !all.is_empty()));
        let place = extension(patient, BIRTH_PLACE).and_then(|place| place.get("valueAddress"));
        let reliability = extension(patient, IDENTITY_RELIABILITY);
        Self {
            status: reliability.and_then(|all| value_of(all, "identityStatus")).map(str::to_owned),
            matricules: matricules(patient),
            birth_name: official.and_then(|name| text(name, "family")).map(str::to_owned),
            first_name: given.first().filter(|first| !first.is_empty()).map(|first| (*first).to_owned()),
            given_names: all,
            sex: text(patient, "gender").and_then(Sex::of_fhir),
            birth_date: text(patient, "birthDate").filter(|date| is_whole(date)).map(str::to_owned),
            birth_place: place.and_then(|place| value_of(place, INSEE_CODE)).map(str::to_owned),
        }
    }
}

fn matricules(patient: &Value) -> Vec<(InsKind, String)> {
    let for_billing = |identifier: &&Value| {
        identifier.get("type").is_some_and(|kind| codings(kind).iter().any(|(_, code)| *code == "NH"))
    };
    list(patient, "identifier")
        .filter(|identifier| !for_billing(identifier))
        .filter_map(Identifier::of)
        .filter_map(|found| Some((InsKind::of_oid(&found.system)?, found.value)))
        .collect()
}

fn is_whole(date: &str) -> bool {
    date.len() == 10 && date.parse::<jiff::civil::Date>().is_ok()
}

fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    str_at(value, path).map(str::trim).filter(|text| !text.is_empty())
}

fn extension<'a>(value: &'a Value, url: &str) -> Option<&'a Value> {
    list(value, "extension").find(|extension| text(extension, "url") == Some(url))
}

/// The string, code or coded value of that extension.
fn value_of<'a>(value: &'a Value, url: &str) -> Option<&'a str> {
    let extension = extension(value, url)?;
    ["valueString", "valueCode", "valueCoding.code"].into_iter().find_map(|path| text(extension, path))
}
