//! A number in a national directory (`PS_IdNat`, `Struct_IdNat`): a digit that says which register, then the number there
//! (CI-SIS, *Annexe: sources des données personnes et structures*).

use std::fmt;

/// The registers of one directory.
pub trait Register: Copy + Eq + fmt::Debug + Sized + 'static {
    /// All of them.
    const ALL: &'static [Self];
    /// The OID that assigns the identifiers of the directory.
    const OID: &'static str;
    /// Type of the identifier in HL7 v2 and XDS (`XCN.13`, `XON.7`) and in FHIR.
    const TYPE: &'static str;

    /// The digit in front.
    fn prefix(self) -> char;

    /// Whether a number has the form of this register.
    fn fits(self, number: &str) -> bool;
}

/// A national identifier, prefix included. The form is judged; that the number exists is not known here.
#[derive(Clone, PartialEq, Eq)]
pub struct NationalId<R> {
    kind: R,
    value: String,
}

impl<R: Register> fmt::Debug for NationalId<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}|…", self.kind)
    }
}

impl<R: Register> NationalId<R> {
    /// The OID that assigns it.
    pub const OID: &'static str = R::OID;

    /// Type of the identifier in HL7 v2, XDS and FHIR.
    pub const TYPE: &'static str = R::TYPE;

    /// From the number in its register; none when it has not the register's form.
    #[must_use]
    pub fn new(kind: R, number: &str) -> Option<Self> {
        kind.fits(number).then(|| Self { kind, value: format!("{}{number}", kind.prefix()) })
    }

    /// From the number with its prefix; none when it has not the form that the prefix asks for.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut signs = value.chars();
        let prefix = signs.next()?;
        let kind = R::ALL.iter().find(|kind| kind.prefix() == prefix)?;
        Self::new(*kind, signs.as_str())
    }

    /// Which register.
    #[must_use]
    pub const fn kind(&self) -> R {
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

/// So many digits.
pub(super) fn digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|sign| sign.is_ascii_digit())
}

/// So many letters and digits: the department comes first in FINESS and ADELI, and Corsica is 2A or 2B.
pub(super) fn signs(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|sign| sign.is_ascii_alphanumeric())
}
