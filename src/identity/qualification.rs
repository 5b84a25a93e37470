//! Whether an identity is qualified, and if not, everything that a person has to see to (*référentiel INS* 2.0, RNIV).

use super::ins::{Environment, Ins, InsFault, InsKind};
use super::traits::{BIRTH_PLACE_UNKNOWN, Traits};

/// The status of a validated identity, code of `fr-core-cs-v2-0445`.
const VALIDATED: &str = "VALI";

/// What the traits of a patient amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Qualification {
    /// Qualified: documents and messages carry this INS.
    Qualified(Ins),
    /// Not qualified: no INS travels, whatever is known of one. At least one reason.
    Unqualified(Vec<Reason>),
}

/// One thing that keeps an identity from being qualified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The identity reference system has not validated the identity; its status, if it has one.
    NotValidated(Option<String>),
    /// No number in a namespace of the INS.
    NoMatricule,
    /// The number has not the form of an INS.
    Form,
    /// The key of the number is wrong.
    Key,
    /// The number belongs to the other environment.
    OtherEnvironment(Environment),
    /// Several numbers that could each be the INS.
    SeveralMatricules,
    /// The name of birth is absent.
    BirthName,
    /// The first given name of birth is absent, or does not begin the list of given names of birth.
    FirstName,
    /// The administrative sex is absent.
    Sex,
    /// The whole date of birth is absent.
    BirthDate,
    /// The INSEE code of the place of birth is absent, malformed, or the one for an unknown place.
    BirthPlace,
}

impl Reason {
    /// A stable word for logs, counters and tests.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotValidated(_) => "not-validated",
            Self::NoMatricule => "no-matricule",
            Self::Form => "form",
            Self::Key => "key",
            Self::OtherEnvironment(_) => "other-environment",
            Self::SeveralMatricules => "several-matricules",
            Self::BirthName => "birth-name",
            Self::FirstName => "first-name",
            Self::Sex => "sex",
            Self::BirthDate => "birth-date",
            Self::BirthPlace => "birth-place",
        }
    }

    /// For the person who sees to it, in French; no trait of the patient is repeated.
    #[must_use]
    pub fn text(&self) -> String {
        let fixed = match self {
            Self::NotValidated(Some(status)) => {
                return format!(
                    "L'identité est au statut « {status} » : elle doit être validée (VALI) par la cellule d'identitovigilance."
                );
            }
            Self::NotValidated(None) => {
                "Le statut de l'identité n'est pas connu : elle doit être validée (VALI) par la cellule d'identitovigilance."
            }
            Self::NoMatricule => "Le matricule INS est absent : interroger le téléservice INSi.",
            Self::Form => {
                "Le matricule INS n'a pas la forme attendue (13 caractères et une clé de deux chiffres)."
            }
            Self::Key => "La clé du matricule INS est fausse : interroger à nouveau le téléservice INSi.",
            Self::OtherEnvironment(Environment::Production) => {
                "Le matricule est celui d'une identité de test ou de démonstration : il ne circule pas en production."
            }
            Self::OtherEnvironment(Environment::Test) => {
                "Le matricule est celui d'une personne réelle : il ne circule pas dans un environnement de test."
            }
            Self::SeveralMatricules => {
                "Plusieurs matricules INS différents sont connus : la cellule d'identitovigilance doit choisir."
            }
            Self::BirthName => "Le nom de naissance est absent.",
            Self::FirstName => {
                "Le premier prénom de naissance est absent, ou n'est pas le début de la liste des prénoms de naissance."
            }
            Self::Sex => "Le sexe est absent.",
            Self::BirthDate => "La date de naissance complète est absente.",
            Self::BirthPlace => "Le code INSEE du lieu de naissance est absent ou inconnu.",
        };
        fixed.to_owned()
    }
}

/// Decides whether the identity is qualified here: validated, all strict traits, one matricule whose OID belongs to this
/// `environment` and whose key is right. Otherwise every reason, in the order in which a person would see to them.
///
/// The INSEE code of an unknown place of birth does not qualify (FR Core 2.2.0, fr-core-3). Two statuses only are exchanged
/// between systems; *qualified* is deduced, here.
#[must_use]
pub fn qualify(traits: &Traits, environment: Environment) -> Qualification {
    let mut reasons = Vec::new();
    if traits.status.as_deref() != Some(VALIDATED) {
        reasons.push(Reason::NotValidated(traits.status.clone()));
    }
    let matricule = matricule(&traits.matricules, environment).map_err(|reason| reasons.push(reason));
    reasons.extend(incomplete(traits));
    match matricule {
        Ok(ins) if reasons.is_empty() => Qualification::Qualified(ins),
        _ => Qualification::Unqualified(reasons),
    }
}

fn matricule(known: &[(InsKind, String)], environment: Environment) -> Result<Ins, Reason> {
    let mut here: Vec<&(InsKind, String)> =
        known.iter().filter(|(kind, _)| kind.environment() == environment).collect();
    here.sort_unstable_by_key(|(kind, value)| (kind.oid(), value));
    here.dedup();
    match here.as_slice() {
        [] if known.is_empty() => Err(Reason::NoMatricule),
        [] => Err(Reason::OtherEnvironment(environment)),
        [(kind, value)] => Ins::new(*kind, value).map_err(|fault| match fault {
            InsFault::Form => Reason::Form,
            InsFault::Key => Reason::Key,
        }),
        _ => Err(Reason::SeveralMatricules),
    }
}

fn incomplete(traits: &Traits) -> Vec<Reason> {
    let begins = match (&traits.first_name, &traits.given_names) {
        (Some(first), Some(all)) => all.to_lowercase().starts_with(&first.to_lowercase()),
        _ => false,
    };
    let place =
        traits.birth_place.as_deref().is_some_and(|code| code != BIRTH_PLACE_UNKNOWN && is_insee(code));
    [
        (traits.birth_name.is_none(), Reason::BirthName),
        (!begins, Reason::FirstName),
        (traits.sex.is_none(), Reason::Sex),
        (traits.birth_date.is_none(), Reason::BirthDate),
        (!place, Reason::BirthPlace),
    ]
    .into_iter()
    .filter_map(|(lacks, reason)| lacks.then_some(reason))
    .collect()
}

/// Five signs: a commune (`2A004` in Corsica), or 99 and a country.
fn is_insee(code: &str) -> bool {
    let bytes = code.as_bytes();
    bytes.len() == 5
        && bytes.iter().enumerate().all(|(n, sign)| {
            sign.is_ascii_digit() || (n == 1 && bytes[0] == b'2' && matches!(sign, b'A' | b'B'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Sex;

    const OFFICIAL: &str = "279035121518989";

    /// The official test identity of the national identity service.
    fn traits() -> Traits {
        Traits {
            status: Some("VALI".into()),
            matricules: vec![(InsKind::NirTest, OFFICIAL.into())],
            birth_name: Some("PAT-TROIS".into()),
            first_name: Some("DOMINIQUE".into()),
            given_names: Some("DOMINIQUE MARIE-LOUISE".into()),
            sex: Some(Sex::Female),
            birth_date: Some("1979-03-28".into()),
            birth_place: Some("51215".into()),
        }
    }

    fn check(change: impl FnOnce(&mut Traits), environment: Environment, expected: &[&str]) {
        let mut traits = traits();
        change(&mut traits);
        let found: Vec<&str> = match qualify(&traits, environment) {
            Qualification::Qualified(_) => Vec::new(),
            Qualification::Unqualified(reasons) => {
                assert!(!reasons.is_empty(), "a decision without a reason");
                reasons.iter().map(Reason::code).collect()
            }
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_qualified_identity_has_status_matricule_and_all_traits() {
        let Qualification::Qualified(ins) = qualify(&traits(), Environment::Test) else { panic!("refused") };
        assert_eq!((ins.kind(), ins.value()), (InsKind::NirTest, OFFICIAL));
    }

    #[test]
    fn each_fault_has_its_reason() {
        let test = |change: fn(&mut Traits), expected: &str| check(change, Environment::Test, &[expected]);
        test(|t| t.status = Some("PROV".into()), "not-validated");
        test(|t| t.status = None, "not-validated");
        test(|t| t.matricules.clear(), "no-matricule");
        test(|t| t.matricules[0].1 = "279035121518988".into(), "key");
        test(|t| t.matricules[0].1 = "27903512151898".into(), "form");
        test(|t| t.matricules[0].0 = InsKind::Nir, "other-environment");
        test(|t| t.matricules.push((InsKind::NirDemo, OFFICIAL.into())), "several-matricules");
        test(|t| t.birth_name = None, "birth-name");
        test(|t| t.first_name = Some("MARIE-LOUISE".into()), "first-name");
        test(|t| t.given_names = None, "first-name");
        test(|t| t.sex = None, "sex");
        test(|t| t.birth_date = None, "birth-date");
        test(|t| t.birth_place = None, "birth-place");
        test(|t| t.birth_place = Some("99999".into()), "birth-place");
        test(|t| t.birth_place = Some("512".into()), "birth-place");
    }

    #[test]
    fn a_test_matricule_never_qualifies_in_production_and_a_real_one_never_in_a_test() {
        check(|_| {}, Environment::Production, &["other-environment"]);
        check(|t| t.matricules[0].0 = InsKind::NirDemo, Environment::Production, &["other-environment"]);
        check(|t| t.matricules[0].0 = InsKind::Nia, Environment::Test, &["other-environment"]);
        check(|t| t.matricules[0].0 = InsKind::Nir, Environment::Production, &[]);
        check(|t| t.matricules.push((InsKind::NirTest, OFFICIAL.into())), Environment::Test, &[]);
        check(|t| t.matricules.push((InsKind::Nir, OFFICIAL.into())), Environment::Test, &[]);
    }

    #[test]
    fn a_place_of_birth_abroad_or_in_corsica_is_one() {
        check(|t| t.birth_place = Some("99352".into()), Environment::Test, &[]);
        check(|t| t.birth_place = Some("2A004".into()), Environment::Test, &[]);
        check(|t| t.birth_place = Some("A2004".into()), Environment::Test, &["birth-place"]);
    }

    #[test]
    fn every_reason_is_told_at_once_in_french_and_repeats_no_trait() {
        let nothing = Traits {
            status: None,
            matricules: Vec::new(),
            birth_name: None,
            first_name: None,
            given_names: None,
            sex: None,
            birth_date: None,
            birth_place: None,
        };
        let Qualification::Unqualified(reasons) = qualify(&nothing, Environment::Production) else {
            panic!("accepted")
        };
        assert_eq!(reasons.len(), 7);
        assert!(reasons.iter().all(|reason| reason.text().ends_with('.')));
    }
}
