//! National identifier of a structure (`Struct_IdNat`, OID 1.2.250.1.71.4.2.2): a digit that says which register, then the
//! number there (CI-SIS, *Annexe: sources des données personnes et structures*).

use super::national::{NationalId, Register, digits, signs};

/// A structure's national identifier: `1990000001`.
pub type StructureId = NationalId<StructureKind>;

/// The registers behind a structure's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StructureKind {
    /// FINESS, 9 signs: `1`.
    Finess,
    /// SIREN, 9 digits: `2`.
    Siren,
    /// SIRET, 14 digits: `3`.
    Siret,
    /// RPPS number and rank of the practice: `4`.
    RppsRank,
    /// ADELI number and rank of the practice: `0`.
    AdeliRank,
}

impl Register for StructureKind {
    const ALL: &'static [Self] = &[Self::Finess, Self::Siren, Self::Siret, Self::RppsRank, Self::AdeliRank];
    const OID: &'static str = "1.2.250.1.71.4.2.2";
    const TYPE: &'static str = "IDNST";

    fn prefix(self) -> char {
        match self {
            Self::Finess => '1',
            Self::Siren => '2',
            Self::Siret => '3',
            Self::RppsRank => '4',
            Self::AdeliRank => '0',
        }
    }

    fn fits(self, number: &str) -> bool {
        match self {
            Self::Finess => signs(number, 9),
            Self::Siren => digits(number, 9),
            Self::Siret => digits(number, 14),
            Self::RppsRank => (12..=14).any(|count| digits(number, count)),
            Self::AdeliRank => (10..=12).any(|count| signs(number, count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_register_has_its_prefix_and_its_form() {
        let check = |kind, number: &str, expected: Option<&str>| {
            let made = StructureId::new(kind, number);
            assert_eq!(made.as_ref().map(StructureId::value), expected, "{kind:?} {number}");
            if let Some(made) = made {
                assert_eq!(StructureId::parse(made.value()), Some(made.clone()));
                assert_eq!(made.number(), number);
            }
        };
        check(StructureKind::Finess, "990000001", Some("1990000001"));
        check(StructureKind::Finess, "2A0000001", Some("12A0000001"));
        check(StructureKind::Finess, "1990000001", None);
        check(StructureKind::Siren, "123456789", Some("2123456789"));
        check(StructureKind::Siren, "2A0000001", None);
        check(StructureKind::Siret, "12345678901234", Some("312345678901234"));
        check(StructureKind::RppsRank, "1000123456701", Some("41000123456701"));
        check(StructureKind::AdeliRank, "01234567801", Some("001234567801"));
    }

    #[test]
    fn a_number_without_its_prefix_is_not_taken_for_one() {
        for value in ["", "990000001", "1é0000001", "9990000001"] {
            assert!(StructureId::parse(value).is_none(), "{value}");
        }
    }
}
