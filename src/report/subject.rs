//! Whose report it is: the strict traits of identity (*référentiel INS*), and which number may be shown.

use crate::json::Value;

use super::element::text;
use super::french;
use crate::fhir::element::list;
use crate::fhir::identifier::Identifier;
use crate::identity::{Environment, Ins, Qualification, Reason, Sex, Traits, qualify};
use crate::problem::{Category, Problem};

/// The patient, as the documents name them.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject {
    /// `Patient/id` here.
    pub reference: String,
    /// Family name of birth.
    pub birth_name: String,
    /// Family name in use, where it differs.
    pub used_name: Option<String>,
    /// Given name in use, where it differs.
    pub used_given: Option<String>,
    /// First given name of birth.
    pub first_name: String,
    /// All given names of birth, in order.
    pub given_names: String,
    /// Administrative sex.
    pub sex: Sex,
    /// `YYYY-MM-DD`.
    pub birth_date: String,
    /// INSEE code of the place of birth.
    pub birth_place: Option<String>,
    /// Name of the place of birth.
    pub birth_city: Option<String>,
    /// Status of the identity (`VALI`, `PROV`, …), as it came (HL7 v2: PID-32).
    pub status: Option<String>,
    /// The number that may be shown and sent.
    pub identity: Identity,
    /// Number of the hospital (IPP), if there is one, whatever [`Subject::identity`] is.
    pub local: Option<Identifier>,
}

/// Which number names the patient in documents.
#[derive(Clone, PartialEq, Eq)]
pub enum Identity {
    /// The INS of a qualified identity.
    Qualified(Ins),
    /// Not qualified: the number of the hospital only. An INS that is known is neither shown nor sent.
    Local {
        /// The number of the hospital.
        number: Identifier,
        /// Why the identity is not qualified; at least one.
        reasons: Vec<Reason>,
    },
}

impl Identity {
    /// The number itself, with its namespace.
    #[must_use]
    pub fn identifier(&self) -> Identifier {
        match self {
            Self::Qualified(ins) => {
                Identifier { system: format!("urn:oid:{}", ins.oid()), value: ins.value().to_owned() }
            }
            Self::Local { number, .. } => number.clone(),
        }
    }
}

/// Reads the traits of a `Patient`.
///
/// # Errors
/// Every fault, with its place: a document must not go out without birth name, given name, sex, birth date, and a number.
pub(super) fn read(
    patient: &Value,
    environment: Environment,
) -> Result<Subject, Vec<(&'static str, &'static str)>> {
    let mut faults = Vec::new();
    let traits = Traits::of(patient);
    let local = local(patient);
    let identity = match (qualify(&traits, environment), &local) {
        (Qualification::Qualified(ins), _) => Some(Identity::Qualified(ins)),
        (Qualification::Unqualified(reasons), Some(number)) => {
            Some(Identity::Local { number: number.clone(), reasons })
        }
        (Qualification::Unqualified(_), None) => None,
    };
    let mut need = |missing: bool, place, what| {
        if missing {
            faults.push((place, what));
        }
    };
    need(traits.birth_name.is_none(), "Patient.name.family", "the name of birth is missing");
    need(traits.first_name.is_none(), "Patient.name.given", "the first given name of birth is missing");
    need(traits.sex.is_none(), "Patient.gender", "the administrative sex is missing");
    need(traits.birth_date.is_none(), "Patient.birthDate", "the whole date of birth is missing");
    need(
        identity.is_none(),
        "Patient.identifier",
        "neither a qualified INS (identityReliability VALI, all strict traits, OID and key right) nor a number of the \
         hospital is there",
    );
    let (Some(birth_name), Some(first_name), Some(birth_date), Some(sex), Some(identity)) =
        (traits.birth_name, traits.first_name, traits.birth_date, traits.sex, identity)
    else {
        return Err(faults);
    };
    let used = |element| name(patient, "usual").and_then(|name| text(name, element)).map(str::to_owned);
    Ok(Subject {
        reference: format!("Patient/{}", text(patient, "id").unwrap_or_default()),
        used_name: used("family").filter(|used| *used != birth_name),
        used_given: used("given").filter(|used| *used != first_name),
        given_names: traits.given_names.unwrap_or_else(|| first_name.clone()),
        birth_name,
        first_name,
        sex,
        birth_date,
        birth_place: traits.birth_place,
        birth_city: birth_city(patient),
        status: traits.status,
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
    /// The INS, if the identity is qualified.
    #[must_use]
    pub const fn ins(&self) -> Option<&Ins> {
        match &self.identity {
            Identity::Qualified(ins) => Some(ins),
            Identity::Local { .. } => None,
        }
    }

    /// `Féminin`, `Masculin` or `Inconnu`.
    #[must_use]
    pub const fn sex_shown(&self) -> &'static str {
        self.sex.display()
    }

    /// The date of birth as people read it.
    #[must_use]
    pub fn birth_date_shown(&self) -> String {
        french::shown(&self.birth_date)
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

fn birth_city(patient: &Value) -> Option<String> {
    let place = super::element::extension(patient, super::codes::BIRTH_PLACE)?.get("valueAddress")?;
    text(place, "city").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::InsKind;
    use crate::json::json;
    use crate::report::codes::{BIRTH_GIVEN_NAMES, BIRTH_PLACE, IDENTITY_RELIABILITY, INSEE_CODE};
    use crate::terminology::INS_TEST;

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
        let subject = read(patient, Environment::Test).unwrap_or_else(|faults| panic!("{faults:?}"));
        subject.identity.identifier().token()
    }

    #[test]
    fn the_ins_is_shown_only_when_the_identity_is_qualified() {
        assert_eq!(shown(&patient("VALI", "279035121518989")), format!("{INS_TEST}|279035121518989"));
        assert_eq!(shown(&patient("PROV", "279035121518989")), "https://chu.example/ipp|42");
        assert_eq!(shown(&patient("VALI", "279035121518988")), "https://chu.example/ipp|42", "wrong key");
    }

    #[test]
    fn the_strict_traits_are_read() {
        let subject = read(&patient("VALI", "279035121518989"), Environment::Test)
            .unwrap_or_else(|faults| panic!("{faults:?}"));
        assert_eq!(
            (subject.birth_name.as_str(), subject.given_names.as_str()),
            ("PAT-TROIS", "DOMINIQUE MARIE-LOUISE")
        );
        assert_eq!((subject.sex_shown(), subject.birth_date_shown().as_str()), ("Féminin", "28 mars 1979"));
        assert_eq!(subject.birth_place.as_deref(), Some("51215"));
        assert!(matches!(subject.identity, Identity::Qualified(ins) if ins.kind() == InsKind::NirTest));
    }

    #[test]
    fn every_missing_trait_is_named() {
        let Err(faults) = read(&json!({"resourceType": "Patient", "id": "p"}), Environment::Test) else {
            panic!("accepted")
        };
        assert_eq!(faults.len(), 5, "{faults:?}");
        assert_eq!(incomplete(faults).issues.len(), 5);
    }

    #[test]
    fn without_a_qualified_ins_and_without_a_local_number_nothing_is_issued() {
        let mut patient = patient("PROV", "279035121518989");
        patient["identifier"].as_array_mut().unwrap().truncate(2);
        assert!(read(&patient, Environment::Test).is_err());
    }
}
