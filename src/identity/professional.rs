//! National identifier of a professional (`PS_IdNat`, OID 1.2.250.1.71.4.2.1): a digit that says which register, then the
//! number there (CI-SIS, *Annexe: sources des données personnes et structures*).

use std::fmt;

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

impl ProfessionalKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Rpps, Self::Adeli, Self::Finess, Self::Siren, Self::Siret, Self::Practice];

    /// The digit in front.
    #[must_use]
    pub const fn prefix(self) -> char {
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
        let digits =
            |text: &str, count: usize| text.len() == count && text.bytes().all(|sign| sign.is_ascii_digit());
        let local = |of_structure: fn(&str) -> bool| {
            number.split_once('/').is_some_and(|(structure, local)| {
                of_structure(structure)
                    && !local.is_empty()
                    && local.bytes().all(|sign| sign.is_ascii_graphic())
            })
        };
        match self {
            Self::Rpps => digits(number, 11),
            Self::Adeli => number.len() == 9 && number.bytes().all(|sign| sign.is_ascii_alphanumeric()),
            Self::Finess => {
                local(|finess| finess.len() == 9 && finess.bytes().all(|b| b.is_ascii_alphanumeric()))
            }
            Self::Siren => local(|siren| siren.len() == 9 && siren.bytes().all(|b| b.is_ascii_digit())),
            Self::Siret => local(|siret| siret.len() == 14 && siret.bytes().all(|b| b.is_ascii_digit())),
            Self::Practice => local(|rpps| rpps.len() == 11 && rpps.bytes().all(|b| b.is_ascii_digit())),
        }
    }
}

/// A professional's national identifier, prefix included. The form is judged; that the number exists is not known here.
#[derive(Clone, PartialEq, Eq)]
pub struct ProfessionalId {
    kind: ProfessionalKind,
    value: String,
}

impl fmt::Debug for ProfessionalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}|…", self.kind)
    }
}

impl ProfessionalId {
    /// The OID that assigns it.
    pub const OID: &str = "1.2.250.1.71.4.2.1";

    /// Type of the identifier in HL7 v2 and XDS (`XCN.13`) and in FHIR.
    pub const TYPE: &str = "IDNPS";

    /// From the number in its register; none when it has not the register's form.
    #[must_use]
    pub fn new(kind: ProfessionalKind, number: &str) -> Option<Self> {
        kind.fits(number).then(|| Self { kind, value: format!("{}{number}", kind.prefix()) })
    }

    /// From the number with its prefix; none when it has not the form that the prefix asks for.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut signs = value.chars();
        let prefix = signs.next()?;
        let kind = ProfessionalKind::ALL.into_iter().find(|kind| kind.prefix() == prefix)?;
        Self::new(kind, signs.as_str())
    }

    /// Which register.
    #[must_use]
    pub const fn kind(&self) -> ProfessionalKind {
        self.kind
    }

    /// With its prefix: `810001234567`.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Without its prefix, as people and FHIR's own systems (`https://rpps.esante.gouv.fr`) write it.
    #[must_use]
    pub fn number(&self) -> &str {
        &self.value[1..]
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
