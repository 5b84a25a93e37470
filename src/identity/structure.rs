//! National identifier of a structure (`Struct_IdNat`, OID 1.2.250.1.71.4.2.2): a digit that says which register, then the
//! number there (CI-SIS, *Annexe: sources des données personnes et structures*).

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

impl StructureKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Finess, Self::Siren, Self::Siret, Self::RppsRank, Self::AdeliRank];

    /// The digit in front.
    #[must_use]
    pub const fn prefix(self) -> char {
        match self {
            Self::Finess => '1',
            Self::Siren => '2',
            Self::Siret => '3',
            Self::RppsRank => '4',
            Self::AdeliRank => '0',
        }
    }

    fn fits(self, number: &str) -> bool {
        let digits = number.bytes().all(|sign| sign.is_ascii_digit());
        match self {
            // The department comes first, and Corsica is 2A or 2B.
            Self::Finess => number.len() == 9 && number.bytes().all(|sign| sign.is_ascii_alphanumeric()),
            Self::Siren => number.len() == 9 && digits,
            Self::Siret => number.len() == 14 && digits,
            Self::RppsRank => (12..=14).contains(&number.len()) && digits,
            Self::AdeliRank => {
                (10..=12).contains(&number.len()) && number.bytes().all(|sign| sign.is_ascii_alphanumeric())
            }
        }
    }
}

/// A structure's national identifier, prefix included. The form is judged; that the number exists is not known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StructureId {
    kind: StructureKind,
    value: String,
}

impl StructureId {
    /// The OID that assigns it.
    pub const OID: &str = "1.2.250.1.71.4.2.2";

    /// Type of the identifier in HL7 v2 and XDS (`XON.7`) and in FHIR.
    pub const TYPE: &str = "IDNST";

    /// From the number in its register; none when it has not the register's form.
    #[must_use]
    pub fn new(kind: StructureKind, number: &str) -> Option<Self> {
        kind.fits(number).then(|| Self { kind, value: format!("{}{number}", kind.prefix()) })
    }

    /// From the number with its prefix; none when it has not the form that the prefix asks for.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut signs = value.chars();
        let prefix = signs.next()?;
        let kind = StructureKind::ALL.into_iter().find(|kind| kind.prefix() == prefix)?;
        Self::new(kind, signs.as_str())
    }

    /// Which register.
    #[must_use]
    pub const fn kind(&self) -> StructureKind {
        self.kind
    }

    /// With its prefix: `1990000001`.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Without its prefix, as people and FHIR's own systems (`https://finess.esante.gouv.fr`) write it.
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
