//! One alternative of a criterion: what a value is compared with (R4 3.1.1.4).

use super::{Criterion, Parameter};

/// What a value is compared with.
#[derive(Clone, PartialEq)]
pub enum Test {
    /// `code`, `system|code`, `|code` (empty system) or `system|` (no code).
    Token {
        /// `None` for any.
        system: Option<String>,
        /// `None` for any.
        code: Option<String>,
    },
    /// A value set, by its address; [`super::resolve`] puts its codes in place.
    ValueSet(String),
    /// A code of one of these systems, each with its codes.
    Among(Vec<(String, Vec<String>)>),
    /// One of these: `Patient/1`, or an absolute address.
    Reference(Vec<String>),
    /// An address of a definition, of any version or of one.
    Canonical {
        /// Without the version.
        url: String,
        /// `None` for any.
        version: Option<String>,
    },
    /// A span of time: microseconds since 1970, the end excluded.
    Date {
        /// How values are compared with it.
        prefix: Prefix,
        /// First microsecond.
        low: i64,
        /// First microsecond after.
        high: i64,
    },
    /// As it was given; folded by the store unless exact.
    Text(String),
    /// As it was given.
    Uri(String),
    /// A number, or a measured value in a unit.
    Quantity {
        /// In the unit as it is written.
        limits: Limits,
        /// `None` for any.
        system: Option<String>,
        /// Code of the unit, or the unit as it is shown; `None` for any.
        code: Option<String>,
        /// In the base units of UCUM, and which these are; then this alone tells.
        base: Option<(String, Limits)>,
    },
    /// One value for each part of a composite, in order.
    Composite(Vec<Test>),
    /// The reference leads to a resource of that type for which the criterion holds.
    Chain {
        /// Type of the target.
        rtype: String,
        /// What must hold for the target.
        criterion: Box<Criterion>,
    },
    /// The criterion holds for the resource itself: what a chain leads to may be contained in it.
    Contained(Box<Criterion>),
    /// One of these references of the resource leads there: to be in a compartment; on `_id`.
    Member {
        /// `Patient/1`.
        target: String,
        /// By which of its references.
        by: Vec<&'static Parameter>,
    },
    /// A resource of that type refers here, and the criterion holds for it (`_has`); on `_id`.
    Referrer {
        /// Type of the resource that refers.
        rtype: String,
        /// The type referred to.
        target: String,
        /// By which of its references.
        by: &'static Parameter,
        /// What must hold for it.
        criterion: Box<Criterion>,
    },
}

impl Test {
    /// Whether a value of the criterion's own parameter is compared, rather than something elsewhere.
    #[must_use]
    pub const fn is_direct(&self) -> bool {
        !matches!(self, Self::Chain { .. } | Self::Referrer { .. } | Self::Member { .. } | Self::Contained(_))
    }
}

/// What a number is compared with; texts that sort as numbers do.
#[derive(Clone, PartialEq, Eq)]
pub struct Limits {
    /// How.
    pub prefix: Prefix,
    /// The number itself.
    pub value: String,
    /// Least of what it stands for: half a unit of its last digit below, a tenth below for `ap`.
    pub low: String,
    /// First after what it stands for; the greatest for `ap`.
    pub high: String,
}

/// Prefix of an ordered value (R4 3.1.1.4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// The span contains the value.
    Eq,
    /// It does not.
    Ne,
    /// The value reaches beyond the span.
    Gt,
    /// The value begins before the span.
    Lt,
    /// Contained or beyond.
    Ge,
    /// Contained or before.
    Le,
    /// The value begins after the span.
    Sa,
    /// The value ends before the span.
    Eb,
    /// The value overlaps the span, widened on both sides by its own length.
    Ap,
}

impl Prefix {
    /// All prefixes with their letters.
    pub(super) const ALL: [(&'static str, Self); 9] = [
        ("eq", Self::Eq),
        ("ne", Self::Ne),
        ("gt", Self::Gt),
        ("lt", Self::Lt),
        ("ge", Self::Ge),
        ("le", Self::Le),
        ("sa", Self::Sa),
        ("eb", Self::Eb),
        ("ap", Self::Ap),
    ];
    /// As in a request.
    #[must_use]
    pub fn letters(self) -> &'static str {
        Self::ALL.iter().find(|(_, known)| *known == self).map_or("", |(letters, _)| letters)
    }
}
