//! Who signs a report, and the establishment that keeps it.

use serde_json::Value;

use super::element::{text, wording, wording_of};
use super::issuer::Issuer;
use crate::fhir::element::list;
use crate::fhir::identifier;
use crate::terminology::{FINESS, PS_ID_NAT, RPPS, STRUCTURE_ID_NAT};

/// The professional who takes responsibility for the report.
#[derive(Clone, PartialEq, Eq)]
pub struct Author {
    /// As printed: title, first name, family name.
    pub name: String,
    /// Family name.
    pub family: String,
    /// Given names.
    pub given: Vec<String>,
    /// Profession or specialty, as printed.
    pub role: Option<String>,
    /// RPPS number, without prefix.
    pub rpps: Option<String>,
    /// `PractitionerRole.code` and `specialty`, as they came.
    pub codes: Vec<Value>,
}

/// The establishment that keeps the documents.
#[derive(Clone, PartialEq, Eq)]
pub struct Custodian {
    /// Its name.
    pub name: String,
    /// FINESS number, without prefix.
    pub finess: Option<String>,
}

impl Author {
    /// National identifier of the professional with its prefix (`8` before an RPPS number).
    #[must_use]
    pub fn national_id(&self) -> Option<String> {
        self.rpps.as_ref().map(|rpps| format!("8{rpps}"))
    }
}

/// Reads the author; none without a family name.
pub(super) fn author(practitioner: &Value, role: Option<&Value>) -> Option<Author> {
    let name = list(practitioner, "name").next()?;
    let family = text(name, "family")?;
    let given: Vec<String> = list(name, "given").filter_map(Value::as_str).map(str::to_owned).collect();
    let prefix = list(name, "prefix").filter_map(Value::as_str);
    let whole: Vec<&str> = prefix.chain(given.iter().map(String::as_str)).chain([family]).collect();
    let of_role = |element| role.into_iter().flat_map(move |role| list(role, element));
    let words = of_role("specialty").chain(of_role("code")).find_map(wording);
    Some(Author {
        name: whole.join(" "),
        family: family.to_owned(),
        role: words.or_else(|| qualification(practitioner)).map(str::to_owned),
        rpps: rpps(practitioner),
        codes: of_role("code").chain(of_role("specialty")).cloned().collect(),
        given,
    })
}

/// Reads the custodian; what the organization does not say, the issuer does.
pub(super) fn custodian(organization: Option<&Value>, issuer: &Issuer) -> Custodian {
    let of_organization = organization.and_then(|organization| {
        Some(Custodian { name: text(organization, "name")?.to_owned(), finess: finess(organization) })
    });
    of_organization.unwrap_or_else(|| Custodian { name: issuer.name.clone(), finess: issuer.finess.clone() })
}

fn qualification(practitioner: &Value) -> Option<&str> {
    list(practitioner, "qualification").find_map(|qualification| wording_of(qualification, "code"))
}

fn rpps(practitioner: &Value) -> Option<String> {
    let national = || {
        identifier::find(practitioner, PS_ID_NAT).and_then(|id| Some(id.value.strip_prefix('8')?.to_owned()))
    };
    identifier::find(practitioner, RPPS).map(|id| id.value).or_else(national)
}

fn finess(organization: &Value) -> Option<String> {
    let national = || {
        identifier::find(organization, STRUCTURE_ID_NAT)
            .and_then(|id| Some(id.value.strip_prefix('1')?.to_owned()))
    };
    identifier::find(organization, FINESS).map(|id| id.value).or_else(national)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_author_is_named_with_title_role_and_prefixed_number() {
        let practitioner = json!({"resourceType": "Practitioner",
            "identifier": [{"system": PS_ID_NAT, "value": "810001234567"}],
            "name": [{"prefix": ["Dr"], "given": ["Essai"], "family": "ONCOLOGUE-TEST"}]});
        let role =
            json!({"code": [{"coding": [{"code": "10"}]}], "specialty": [{"text": "Oncologie médicale"}]});
        let author = author(&practitioner, Some(&role)).unwrap();
        assert_eq!(author.name, "Dr Essai ONCOLOGUE-TEST");
        assert_eq!(author.role.as_deref(), Some("Oncologie médicale"));
        assert_eq!(author.rpps.as_deref(), Some("10001234567"));
        assert_eq!(author.national_id().as_deref(), Some("810001234567"));
    }

    #[test]
    fn a_nameless_author_is_none() {
        assert!(author(&json!({"name": [{"text": "x"}]}), None).is_none());
    }
}
