//! The national health identity number: its kinds, its key, and the type that each standard gives it.

use std::fmt;

use crate::fhir::identifier::is_ins_value;

/// Which identities this installation handles: real ones, or those of the test and demonstration realms. They never mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// Patients.
    Production,
    /// Test and demonstration identities.
    Test,
}

impl Environment {
    /// The word of the configuration.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Test => "test",
        }
    }
}

/// The kinds of INS; each has its own OID (*référentiel INS*).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsKind {
    /// Made from the NIR.
    Nir,
    /// Made from the NIA, temporary.
    Nia,
    /// Of a test identity.
    NirTest,
    /// Of a demonstration identity.
    NirDemo,
}

/// The standards that name the type of the same number differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// XDS.b metadata and the VIHF: the type in a `CX`.
    Xds,
    /// HL7 v2, PID-3.5 (PAM.fr).
    Hl7v2,
    /// FHIR, `Identifier.type` (`fr-core-cs-v2-0203`).
    Fhir,
}

impl InsKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Nir, Self::Nia, Self::NirTest, Self::NirDemo];

    /// The kind of an OID, with or without `urn:oid:`; none for any other, the historic INS-C among them.
    #[must_use]
    pub fn of_oid(oid: &str) -> Option<Self> {
        let oid = oid.strip_prefix("urn:oid:").unwrap_or(oid);
        Self::ALL.into_iter().find(|kind| kind.oid() == oid)
    }

    /// The OID that assigns the number.
    #[must_use]
    pub const fn oid(self) -> &'static str {
        match self {
            Self::Nir => "1.2.250.1.213.1.4.8",
            Self::Nia => "1.2.250.1.213.1.4.9",
            Self::NirTest => "1.2.250.1.213.1.4.10",
            Self::NirDemo => "1.2.250.1.213.1.4.11",
        }
    }

    /// Where identities of this kind may be used.
    #[must_use]
    pub const fn environment(self) -> Environment {
        match self {
            Self::Nir | Self::Nia => Environment::Production,
            Self::NirTest | Self::NirDemo => Environment::Test,
        }
    }

    /// The type of the number in that standard.
    #[must_use]
    pub const fn type_code(self, channel: Channel) -> &'static str {
        match (channel, self) {
            (Channel::Xds, _) => "NH",
            (Channel::Hl7v2, _) => "INS",
            (Channel::Fhir, Self::Nir) => "INS-NIR",
            (Channel::Fhir, Self::Nia) => "INS-NIA",
            (Channel::Fhir, Self::NirTest) => "INS-NIR-TEST",
            (Channel::Fhir, Self::NirDemo) => "INS-NIR-DEMO",
        }
    }
}

/// Why a number is no INS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsFault {
    /// Not 13 signs and two digits.
    Form,
    /// The key is not `97 − (number mod 97)`.
    Key,
}

/// An INS whose form and key are right. `Debug` prints its kind only.
#[derive(Clone, PartialEq, Eq)]
pub struct Ins {
    kind: InsKind,
    value: String,
}

impl fmt::Debug for Ins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}|…", self.kind)
    }
}

impl Ins {
    /// The INS of that kind and those 15 signs.
    ///
    /// # Errors
    /// What is wrong with the signs: their form, or their key (in Corsica reckoned with 19 for 2A and 18 for 2B).
    pub fn new(kind: InsKind, value: &str) -> Result<Self, InsFault> {
        if is_ins_value(value) {
            return Ok(Self { kind, value: value.to_owned() });
        }
        Err(if is_formed(value) { InsFault::Key } else { InsFault::Form })
    }

    /// Which kind.
    #[must_use]
    pub const fn kind(&self) -> InsKind {
        self.kind
    }

    /// The 15 signs, key included.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The OID that assigns it.
    #[must_use]
    pub const fn oid(&self) -> &'static str {
        self.kind.oid()
    }

    /// Its type in that standard.
    #[must_use]
    pub const fn type_code(&self, channel: Channel) -> &'static str {
        self.kind.type_code(channel)
    }

    /// The number as XDS and HL7 v2 write it, a `CX`: `279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH`.
    #[must_use]
    pub fn cx(&self, channel: Channel) -> String {
        format!("{}^^^&{}&ISO^{}", self.value, self.oid(), self.type_code(channel))
    }
}

/// 13 digits, `2A` or `2B` allowed in the place of the department, and two digits.
fn is_formed(value: &str) -> bool {
    let department = |bytes: &[u8]| matches!(bytes, b"2A" | b"2B");
    value.len() == 15
        && value
            .bytes()
            .enumerate()
            .all(|(n, sign)| sign.is_ascii_digit() || (n == 6 && department(&value.as_bytes()[5..7])))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFICIAL: &str = "279035121518989";

    #[test]
    fn the_same_number_has_three_types() {
        let check = |kind: InsKind, fhir: &str| {
            let ins = Ins::new(kind, OFFICIAL).unwrap();
            assert_eq!(ins.type_code(Channel::Fhir), fhir);
            assert_eq!(ins.cx(Channel::Xds), format!("{OFFICIAL}^^^&{}&ISO^NH", kind.oid()));
            assert_eq!(ins.cx(Channel::Hl7v2), format!("{OFFICIAL}^^^&{}&ISO^INS", kind.oid()));
        };
        check(InsKind::Nir, "INS-NIR");
        check(InsKind::Nia, "INS-NIA");
        check(InsKind::NirTest, "INS-NIR-TEST");
        check(InsKind::NirDemo, "INS-NIR-DEMO");
    }

    #[test]
    fn an_oid_names_its_kind_and_its_environment() {
        let check = |oid: &str, expected: Option<Environment>| {
            assert_eq!(InsKind::of_oid(oid).map(InsKind::environment), expected, "{oid}");
        };
        check("1.2.250.1.213.1.4.8", Some(Environment::Production));
        check("urn:oid:1.2.250.1.213.1.4.9", Some(Environment::Production));
        check("urn:oid:1.2.250.1.213.1.4.10", Some(Environment::Test));
        check("1.2.250.1.213.1.4.11", Some(Environment::Test));
        check("1.2.250.1.213.1.4.2", None);
        check("1.2.250.1.213.1.4", None);
    }

    #[test]
    fn form_and_key_are_told_apart() {
        let check = |value: &str, expected: Result<(), InsFault>| {
            assert_eq!(Ins::new(InsKind::Nir, value).map(|_| ()), expected, "{value}");
        };
        check(OFFICIAL, Ok(()));
        check("279035121518988", Err(InsFault::Key));
        check("100012A00000134", Ok(()));
        check("100012B00000161", Ok(()));
        check("100012A00000161", Err(InsFault::Key));
        check("100012C00000134", Err(InsFault::Form));
        check("10001A200000134", Err(InsFault::Form));
        check("2790351215189", Err(InsFault::Form));
        check("27903512151898A", Err(InsFault::Form));
        check("", Err(InsFault::Form));
    }

    #[test]
    fn debug_shows_no_number() {
        let shown = format!("{:?}", Ins::new(InsKind::NirTest, OFFICIAL).unwrap());
        assert_eq!(shown, "NirTest|…");
    }
}
