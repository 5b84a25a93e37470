//! Professionals and establishments: who signs a report, to whom it is addressed, and who keeps it.

use crate::json::Value;

use super::element::{text, wording, wording_of};
use super::issuer::Issuer;
use super::specialty;
use crate::fhir::element::list;
use crate::fhir::identifier;
use crate::identity::{ProfessionalId, ProfessionalKind, StructureId, StructureKind};
use crate::terminology::nos::Code;
use crate::terminology::{FINESS, PS_ID_NAT, RPPS, STRUCTURE_ID_NAT};

const ADELI: &str = "https://adeli.esante.gouv.fr";
const SIRENE: &str = "https://sirene.fr";

/// A professional of health, as documents name them.
#[derive(Clone, PartialEq, Eq)]
pub struct Professional {
    /// As printed: title, first name, family name.
    pub name: String,
    /// Family name.
    pub family: String,
    /// Given names.
    pub given: Vec<String>,
    /// `M` or `MME` (`JDV_J245`).
    pub civility: Option<&'static str>,
    /// `DR` or `PR` (`JDV_J246`).
    pub title: Option<&'static str>,
    /// Profession or specialty, as printed.
    pub role: Option<String>,
    /// Profession and specialty (`JDV_J01`, such as `G15_10/SM36`), if the resources say it.
    pub specialty: Option<Code>,
    /// National identifier.
    pub id: Option<ProfessionalId>,
    /// `PractitionerRole.code` and `specialty`, as they came.
    pub codes: Vec<Value>,
}

/// An establishment of health.
#[derive(Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its name.
    pub name: String,
    /// National identifier.
    pub id: Option<StructureId>,
}

impl Professional {
    /// Reads a `Practitioner`, in that `PractitionerRole` if there is one; none without a family name.
    #[must_use]
    pub fn read(practitioner: &Value, role: Option<&Value>) -> Option<Self> {
        professional(practitioner, role)
    }

    /// RPPS number, without prefix.
    #[must_use]
    pub fn rpps(&self) -> Option<&str> {
        self.id.as_ref().filter(|id| id.kind() == ProfessionalKind::Rpps).map(ProfessionalId::number)
    }
}

impl Organization {
    /// FINESS number, without prefix.
    #[must_use]
    pub fn finess(&self) -> Option<&str> {
        self.id.as_ref().filter(|id| id.kind() == StructureKind::Finess).map(StructureId::number)
    }
}

/// Reads a `Practitioner`, in that `PractitionerRole` if there is one; none without a family name.
pub(super) fn professional(practitioner: &Value, role: Option<&Value>) -> Option<Professional> {
    let name = list(practitioner, "name").next()?;
    let family = text(name, "family")?;
    let words = |element| list(name, element).filter_map(Value::as_str).map(str::trim);
    let given: Vec<String> = words("given").filter(|given| !given.is_empty()).map(str::to_owned).collect();
    let affixes: Vec<&str> = words("prefix").chain(words("suffix")).collect();
    let whole: Vec<&str> = words("prefix").chain(given.iter().map(String::as_str)).chain([family]).collect();
    let of_role = |element| role.into_iter().flat_map(move |role| list(role, element));
    let printed = of_role("specialty").chain(of_role("code")).find_map(wording);
    Some(Professional {
        name: whole.join(" "),
        family: family.to_owned(),
        civility: affixes.iter().find_map(|affix| civility(affix)),
        title: affixes.iter().find_map(|affix| title(affix)),
        role: printed.or_else(|| qualification(practitioner)).map(str::to_owned),
        specialty: specialty::of(practitioner, role),
        id: national_id(practitioner),
        codes: of_role("code").chain(of_role("specialty")).cloned().collect(),
        given,
    })
}

/// Reads the custodian; what the organization does not say, the issuer does.
pub(super) fn custodian(organization: Option<&Value>, issuer: &Issuer) -> Organization {
    let of_organization = organization.and_then(|organization| {
        Some(Organization { name: text(organization, "name")?.to_owned(), id: structure_id(organization) })
    });
    of_organization.unwrap_or_else(|| Organization {
        name: issuer.name.clone(),
        id: issuer.finess.as_deref().and_then(|finess| StructureId::new(StructureKind::Finess, finess)),
    })
}

fn civility(affix: &str) -> Option<&'static str> {
    match affix.trim_end_matches('.').to_lowercase().as_str() {
        "m" | "mr" | "monsieur" => Some("M"),
        "mme" | "madame" => Some("MME"),
        _ => None,
    }
}

fn title(affix: &str) -> Option<&'static str> {
    match affix.trim_end_matches('.').to_lowercase().as_str() {
        "dr" | "docteur" => Some("DR"),
        "pr" | "professeur" => Some("PR"),
        _ => None,
    }
}

fn qualification(practitioner: &Value) -> Option<&str> {
    list(practitioner, "qualification").find_map(|qualification| wording_of(qualification, "code"))
}

fn national_id(practitioner: &Value) -> Option<ProfessionalId> {
    let value = |system| identifier::find(practitioner, system).map(|found| found.value);
    value(PS_ID_NAT)
        .and_then(|id| ProfessionalId::parse(&id))
        .or_else(|| ProfessionalId::new(ProfessionalKind::Rpps, &value(RPPS)?))
        .or_else(|| ProfessionalId::new(ProfessionalKind::Adeli, &value(ADELI)?))
}

fn structure_id(organization: &Value) -> Option<StructureId> {
    let value = |system| identifier::find(organization, system).map(|found| found.value);
    let sirene = |kind| StructureId::new(kind, &value(SIRENE)?);
    value(STRUCTURE_ID_NAT)
        .and_then(|id| StructureId::parse(&id))
        .or_else(|| StructureId::new(StructureKind::Finess, &value(FINESS)?))
        .or_else(|| sirene(StructureKind::Siret))
        .or_else(|| sirene(StructureKind::Siren))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn a_professional_is_named_with_title_role_and_prefixed_number() {
        let practitioner = json!({"resourceType": "Practitioner",
            "identifier": [{"system": PS_ID_NAT, "value": "810001234567"}],
            "name": [{"prefix": ["Dr"], "given": ["Essai"], "family": "ONCOLOGUE-TEST"}]});
        let role =
            json!({"code": [{"coding": [{"code": "10"}]}], "specialty": [{"text": "Oncologie médicale"}]});
        let author = professional(&practitioner, Some(&role)).unwrap();
        assert_eq!(author.name, "Dr Essai ONCOLOGUE-TEST");
        assert_eq!((author.civility, author.title), (None, Some("DR")));
        assert_eq!(author.role.as_deref(), Some("Oncologie médicale"));
        assert_eq!(author.rpps(), Some("10001234567"));
        assert_eq!(author.id.as_ref().map(ProfessionalId::value), Some("810001234567"));
    }

    #[test]
    fn a_number_is_prefixed_by_the_register_it_comes_from() {
        let check = |system: &str, value: &str, expected: Option<&str>| {
            let practitioner = json!({"identifier": [{"system": system, "value": value}]});
            assert_eq!(national_id(&practitioner).as_ref().map(ProfessionalId::value), expected, "{system}");
        };
        check(PS_ID_NAT, "810001234567", Some("810001234567"));
        check(RPPS, "10001234567", Some("810001234567"));
        check(ADELI, "012345678", Some("0012345678"));
        check(RPPS, "1000", None);
        let check = |system: &str, value: &str, expected: Option<&str>| {
            let organization = json!({"identifier": [{"system": system, "value": value}]});
            assert_eq!(structure_id(&organization).as_ref().map(StructureId::value), expected, "{system}");
        };
        check(STRUCTURE_ID_NAT, "1990000001", Some("1990000001"));
        check(FINESS, "990000001", Some("1990000001"));
        check(SIRENE, "12345678901234", Some("312345678901234"));
        check(SIRENE, "123456789", Some("2123456789"));
    }

    #[test]
    fn a_nameless_author_is_none() {
        assert!(professional(&json!({"name": [{"text": "x"}]}), None).is_none());
    }
}
