//! National identifier of a professional (`PS_IdNat`, OID 1.2.250.1.71.4.2.1): a digit that says which register, then the
//! number there (CI-SIS, *Annexe: sources des données personnes et structures*).

use super::national::{NationalId, Register, digits, signs};

/// A professional's national identifier: `810001234567`.
pub type ProfessionalId = NationalId<ProfessionalKind>;

/// The registers and schemes behind a professional's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfessionalKind {
    /// RPPS, 11 digits: `8`.
    Rpps,
    /// ADELI, 9 signs (historic): `0`.
    Adeli,
    /// Number within a structure known by FINESS, `FINESS/number`: `3`.
    Finess,
    /// Number within a structure known by SIREN, `SIREN/number`: `4`.
    Siren,
    /// Number within a structure known by SIRET, `SIRET/number`: `5`.
    Siret,
    /// Number within the practice of a professional, `RPPS/number`: `6`.
    Practice,
}

impl Register for ProfessionalKind {
    const ALL: &'static [Self] =
        &[Self::Rpps, Self::Adeli, Self::Finess, Self::Siren, Self::Siret, Self::Practice];
    const OID: &'static str = "1.2.250.1.71.4.2.1";
    const TYPE: &'static str = "IDNPS";

    fn prefix(self) -> char {
        match self {
            Self::Rpps => '8',
            Self::Adeli => '0',
            Self::Finess => '3',
            Self::Siren => '4',
            Self::Siret => '5',
            Self::Practice => '6',
        }
    }

    fn fits(self, number: &str) -> bool {
        let local = |of_structure: fn(&str, usize) -> bool, count| {
            number.split_once('/').is_some_and(|(structure, local)| {
                of_structure(structure, count)
                    && !local.is_empty()
                    && local.bytes().all(|sign| sign.is_ascii_graphic())
            })
        };
        match self {
            Self::Rpps => digits(number, 11),
            Self::Adeli => signs(number, 9),
            Self::Finess => local(signs, 9),
            Self::Siren => local(digits, 9),
            Self::Siret => local(digits, 14),
            Self::Practice => local(digits, 11),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_register_has_its_prefix_and_its_form() {
        let check = |kind, number: &str, expected: Option<&str>| {
            let made = ProfessionalId::new(kind, number);
            assert_eq!(made.as_ref().map(ProfessionalId::value), expected, "{kind:?} {number}");
            if let Some(made) = made {
                assert_eq!(ProfessionalId::parse(made.value()), Some(made.clone()));
                assert_eq!(made.number(), number);
            }
        };
        check(ProfessionalKind::Rpps, "10001234567", Some("810001234567"));
        check(ProfessionalKind::Rpps, "810001234567", None);
        check(ProfessionalKind::Rpps, "1000123456é", None);
        check(ProfessionalKind::Adeli, "012345678", Some("0012345678"));
        check(ProfessionalKind::Finess, "990000001/agent-7", Some("3990000001/agent-7"));
        check(ProfessionalKind::Finess, "990000001", None);
        check(ProfessionalKind::Siren, "123456789/7", Some("4123456789/7"));
        check(ProfessionalKind::Siret, "12345678901234/7", Some("512345678901234/7"));
        check(ProfessionalKind::Practice, "10001234567/7", Some("610001234567/7"));
        check(ProfessionalKind::Practice, "10001234567/", None);
    }

    #[test]
    fn a_number_without_its_prefix_is_not_taken_for_one() {
        for value in ["", "10001234567", "é10001234567", "910001234567"] {
            assert!(ProfessionalId::parse(value).is_none(), "{value}");
        }
    }
}
