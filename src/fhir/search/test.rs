//! One alternative of a criterion: what a value is compared with (R4 3.1.1.4).

/// What a value is compared with.
#[derive(Clone, PartialEq, Eq)]
pub enum Test {
    /// `code`, `system|code`, `|code` (empty system) or `system|` (no code).
    Token {
        /// `None` for any.
        system: Option<String>,
        /// `None` for any.
        code: Option<String>,
    },
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
}
