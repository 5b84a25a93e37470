//! Whose report it is: the strict traits of identity (*référentiel INS*), and which number may be shown.

use serde_json::Value;

use super::codes::{BIRTH_GIVEN_NAMES, BIRTH_PLACE, IDENTITY_RELIABILITY, INSEE_CODE};
use super::element::{extension, part, text};
use super::french;
use crate::fhir::element::list;
use crate::fhir::identifier::{self, Identifier};
use crate::problem::{Category, Problem};
use crate::terminology::{INS_DEMO, INS_NIA, INS_NIR, INS_TEST};

/// The patient, as the documents name them.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject {
    /// `Patient/id` here.
    pub reference: String,
    /// Family name of birth.
    pub birth_name: String,
    /// Family name in use, where it differs.
    pub used_name: Option<String>,
    /// First given name of birth.
    pub first_name: String,
    /// All given names of birth, in order.
    pub given_names: String,
    /// FHIR code of the administrative sex.
    pub sex: &'static str,
    /// `YYYY-MM-DD`.
    pub birth_date: String,
    /// INSEE code of the place of birth.
    pub birth_place: Option<String>,
    /// The number that may be shown and sent.
    pub identity: Identity,
    /// Number of the hospital (IPP), if there is one, whatever [`Subject::identity`] is.
    pub local: Option<Identifier>,
}

/// Which number names the patient in documents.
#[derive(Clone, PartialEq, Eq)]
pub enum Identity {
    /// The INS of a qualified identity: validated, with an INS whose OID and key are right.
    Qualified {
        /// Its OID, as `urn:oid:…`, and its value.
        ins: Identifier,
        /// `INS-NIR`, `INS-NIA`, `INS-NIR-TEST` or `INS-NIR-DEMO`.
        kind: &'static str,
    },
    /// Not qualified: the number of the hospital only. An INS that is known is neither shown nor sent.
    Local(Identifier),
}

impl Identity {
    /// The number itself, with its namespace.
    #[must_use]
    pub const fn identifier(&self) -> &Identifier {
        match self {
            Self::Qualified { ins, .. } | Self::Local(ins) => ins,
        }
    }
}

/// Reads the traits of a `Patient`.
///
/// # Errors
/// `Invalid`, with every fault: a document must not go out without birth name, given name, sex, birth date, and a number.
pub(super) fn read(patient: &Value) -> Result<Subject, Vec<(&'static str, &'static str)>> {
    let mut faults = Vec::new();
    let official = name(patient, "official").or_else(|| list(patient, "name").next());
    let birth_name = official.and_then(|name| text(name, "family"));
    let first_name = official.and_then(|name| text(name, "given"));
    let birth_date = text(patient, "birthDate").filter(|date| date.len() == 10);
    let sex = sex(text(patient, "gender"));
    let local = local(patient);
    let identity = identity(patient, local.as_ref());
    let mut need = |missing: bool, place, what| {
        if missing {
            faults.push((place, what));
        }
    };
    need(birth_name.is_none(), "Patient.name.family", "the name of birth is missing");
    need(first_name.is_none(), "Patient.name.given", "the first given name of birth is missing");
    need(sex.is_none(), "Patient.gender", "the administrative sex is missing");
    need(birth_date.is_none(), "Patient.birthDate", "the whole date of birth is missing");
    need(
        identity.is_none(),
        "Patient.identifier",
        "neither a qualified INS (identityReliability VALI, OID and key right) nor a number of the hospital is there",
    );
    let (Some(birth_name), Some(first_name), Some(birth_date), Some(sex), Some(identity)) =
        (birth_name, first_name, birth_date, sex, identity)
    else {
        return Err(faults);
    };
    Ok(Subject {
        reference: format!("Patient/{}", text(patient, "id").unwrap_or_default()),
        birth_name: birth_name.to_owned(),
        used_name: name(patient, "usual")
            .and_then(|name| text(name, "family"))
            .filter(|used| *used != birth_name)
            .map(str::to_owned),
        first_name: first_name.to_owned(),
        given_names: given_names(official, first_name),
        sex,
        birth_date: birth_date.to_owned(),
        birth_place: birth_place(patient),
        identity,
        local,
    })
}

/// All faults of a patient as one problem.
pub(super) fn incomplete(faults: Vec<(&'static str, &'static str)>) -> Problem {
    let issue = |(place, what)| crate::problem::Issue::error("required", what).at(place);
    Problem::with(Category::Invalid, faults.into_iter().map(issue).collect())
}

impl Subject {
    /// `Féminin`, `Masculin` or `Inconnu`.
    #[must_use]
    pub fn sex_shown(&self) -> &'static str {
        match self.sex {
            "female" => "Féminin",
            "male" => "Masculin",
            _ => "Inconnu",
        }
    }

    /// The date of birth as people read it.
    #[must_use]
    pub fn birth_date_shown(&self) -> String {
        french::shown(&self.birth_date)
    }
}

/// Whether the identity reference system has validated the identity (code `VALI`).
fn is_validated(patient: &Value) -> bool {
    let reliability = extension(patient, IDENTITY_RELIABILITY);
    reliability.and_then(|reliability| part(reliability, "identityStatus")) == Some("VALI")
}

fn identity(patient: &Value, local: Option<&Identifier>) -> Option<Identity> {
    let qualified = is_validated(patient).then(|| identifier::ins(patient)).flatten();
    qualified
        .and_then(|ins| Some(Identity::Qualified { kind: kind(&ins.system)?, ins }))
        .or_else(|| local.cloned().map(Identity::Local))
}

/// The type code of an INS, which follows from its OID.
fn kind(system: &str) -> Option<&'static str> {
    match system {
        INS_NIR => Some("INS-NIR"),
        INS_NIA => Some("INS-NIA"),
        INS_TEST => Some("INS-NIR-TEST"),
        INS_DEMO => Some("INS-NIR-DEMO"),
        _ => None,
    }
}

/// The number of the hospital: typed `PI`, else the first that is in no national namespace.
fn local(patient: &Value) -> Option<Identifier> {
    let local = |element: &&Value| {
        Identifier::of(element).is_some_and(|found| !found.system.is_empty() && !is_national(&found.system))
    };
    let typed = |element: &&Value| {
        element
            .get("type")
            .is_some_and(|kind| crate::fhir::element::codings(kind).iter().any(|(_, code)| *code == "PI"))
    };
    let mut candidates = list(patient, "identifier").filter(local);
    let first = candidates.clone().next();
    candidates.find(typed).or(first).and_then(Identifier::of)
}

/// Every OID under which the national health identity is or was kept, the historic INS-C included.
fn is_national(system: &str) -> bool {
    system.starts_with("urn:oid:1.2.250.1.213.1.4.")
}

fn name<'a>(patient: &'a Value, usage: &str) -> Option<&'a Value> {
    list(patient, "name").find(|name| text(name, "use") == Some(usage))
}

fn given_names(official: Option<&Value>, first: &str) -> String {
    let of_birth = official.and_then(|name| part(name, BIRTH_GIVEN_NAMES));
    let all = || {
        let given = official.and_then(|name| name.get("given")).and_then(Value::as_array);
        given.map(|given| given.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "))
    };
    of_birth.map(str::to_owned).or_else(all).unwrap_or_else(|| first.to_owned())
}

fn birth_place(patient: &Value) -> Option<String> {
    let address = extension(patient, BIRTH_PLACE)?.get("valueAddress")?;
    part(address, INSEE_CODE).map(str::to_owned)
}

fn sex(code: Option<&str>) -> Option<&'static str> {
    match code? {
        "female" => Some("female"),
        "male" => Some("male"),
        "unknown" | "other" => Some("unknown"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The official test identity of the national identity service.
    fn patient(status: &str, ins: &str) -> Value {
        json!({
            "resourceType": "Patient", "id": "p",
            "extension": [
                {"url": IDENTITY_RELIABILITY, "extension": [{"url": "identityStatus", "valueCoding": {"code": status}}]},
                {"url": BIRTH_PLACE, "valueAddress": {"extension": [{"url": INSEE_CODE, "valueCoding": {"code": "51215"}}]}}
            ],
            "identifier": [
                {"system": INS_TEST, "value": ins},
                {"system": "urn:oid:1.2.250.1.213.1.4.2", "value": "old"},
                {"system": "https://chu.example/ipp", "value": "42"}
            ],
            "name": [{"use": "official", "family": "PAT-TROIS", "given": ["DOMINIQUE"],
                "extension": [{"url": BIRTH_GIVEN_NAMES, "valueString": "DOMINIQUE MARIE-LOUISE"}]}],
            "gender": "female", "birthDate": "1979-03-28"
        })
    }

    fn shown(patient: &Value) -> String {
        read(patient).unwrap_or_else(|faults| panic!("{faults:?}")).identity.identifier().token()
    }

    #[test]
    fn the_ins_is_shown_only_when_the_identity_is_qualified() {
        assert_eq!(shown(&patient("VALI", "279035121518989")), format!("{INS_TEST}|279035121518989"));
        assert_eq!(shown(&patient("PROV", "279035121518989")), "https://chu.example/ipp|42");
        assert_eq!(shown(&patient("VALI", "279035121518988")), "https://chu.example/ipp|42", "wrong key");
    }

    #[test]
    fn the_strict_traits_are_read() {
        let subject = read(&patient("VALI", "279035121518989")).unwrap_or_else(|faults| panic!("{faults:?}"));
        assert_eq!(
            (subject.birth_name.as_str(), subject.given_names.as_str()),
            ("PAT-TROIS", "DOMINIQUE MARIE-LOUISE")
        );
        assert_eq!((subject.sex_shown(), subject.birth_date_shown().as_str()), ("Féminin", "28 mars 1979"));
        assert_eq!(subject.birth_place.as_deref(), Some("51215"));
        assert!(matches!(subject.identity, Identity::Qualified { kind: "INS-NIR-TEST", .. }));
    }

    #[test]
    fn every_missing_trait_is_named() {
        let Err(faults) = read(&json!({"resourceType": "Patient", "id": "p"})) else { panic!("accepted") };
        assert_eq!(faults.len(), 5, "{faults:?}");
        assert_eq!(incomplete(faults).issues.len(), 5);
    }

    #[test]
    fn without_a_qualified_ins_and_without_a_local_number_nothing_is_issued() {
        let mut patient = patient("PROV", "279035121518989");
        patient["identifier"].as_array_mut().unwrap().truncate(2);
        assert!(read(&patient).is_err());
    }
}
