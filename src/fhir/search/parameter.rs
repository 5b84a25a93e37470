//! What one search parameter is: its name, kind and paths, and where a store keeps its value.

use super::SortKey;

/// How values are compared; canonical references are compared by address and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Codes and identifiers: `system|code`.
    Token,
    /// Literal references: `Patient/1`.
    Reference,
    /// References to definitions: `url` or `url|version`; on the wire of type reference.
    Canonical,
    /// Points and spans of time, with prefixes.
    Date,
    /// Texts, from their beginning, whatever the case and the accents.
    String,
    /// Addresses, exactly.
    Uri,
}

impl Kind {
    /// The code of `http://hl7.org/fhir/search-param-type`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Reference | Self::Canonical => "reference",
            Self::Date => "date",
            Self::String => "string",
            Self::Uri => "uri",
        }
    }
}

/// A value of which a resource has at most one and which a store keeps beside the resource for its common queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The logical id.
    Id,
    /// `meta.lastUpdated`.
    LastUpdated,
    /// Whom it is about.
    Subject,
    /// Who is responsible for it.
    Owner,
    /// Its status.
    Status,
    /// Its priority, as a rank: 0 is the most urgent.
    Urgency,
    /// Its main date.
    Date,
}

/// One search parameter of one resource type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// Resource type; `Resource` for those of every type.
    pub rtype: &'static str,
    /// As in the request.
    pub name: &'static str,
    /// How values are compared.
    pub kind: Kind,
    /// Dotted paths below the resource, alternatives separated by ` | `.
    pub paths: &'static str,
    /// Types that a reference may name; empty for any.
    pub targets: &'static [&'static str],
    /// Where a store keeps the value, when not among the many.
    pub column: Option<Column>,
    /// The system that a plain code belongs to by its required binding.
    pub system: Option<&'static str>,
    /// Not defined by R4 but by Vigie (taken from R5 where it exists there).
    pub own: bool,
}

impl Parameter {
    pub(super) const fn new(name: &'static str, kind: Kind, paths: &'static str) -> Self {
        Self { rtype: "Resource", name, kind, paths, targets: &[], column: None, system: None, own: false }
    }

    pub(super) const fn to(mut self, targets: &'static [&'static str]) -> Self {
        self.targets = targets;
        self
    }

    pub(super) const fn on(mut self, column: Column) -> Self {
        self.column = Some(column);
        self
    }

    pub(super) const fn of(mut self, system: &'static str) -> Self {
        self.system = Some(system);
        self
    }

    pub(super) const fn own(mut self) -> Self {
        self.own = true;
        self
    }

    /// What `_sort` by this parameter sorts by, when it may.
    #[must_use]
    pub const fn sort_key(&self) -> Option<SortKey> {
        match self.column {
            Some(Column::LastUpdated) => Some(SortKey::LastUpdated),
            Some(Column::Date) => Some(SortKey::Date),
            Some(Column::Urgency) => Some(SortKey::Urgency),
            _ => None,
        }
    }

    /// The expression of its `SearchParameter`, such as `Task.for`.
    #[must_use]
    pub fn expression(&self) -> String {
        let paths: Vec<_> = self.paths.split(" | ").map(|path| format!("{}.{path}", self.rtype)).collect();
        paths.join(" | ")
    }

    /// The modifiers it takes.
    #[must_use]
    pub const fn modifiers(&self) -> &'static [&'static str] {
        if matches!(self.column, Some(Column::Id | Column::LastUpdated)) {
            return &[];
        }
        match self.kind {
            Kind::Token => &["missing", "not"],
            Kind::String => &["missing", "exact", "contains"],
            Kind::Reference => &["missing", "[type]"],
            Kind::Canonical | Kind::Date | Kind::Uri => &["missing"],
        }
    }
}
