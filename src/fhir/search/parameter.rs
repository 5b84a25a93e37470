//! What one search parameter is: its name, kind and paths, and where a store keeps its value.

use std::fmt;

use super::path::Path;
use super::{SortKey, parameters};

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
    /// Numbers, with prefixes.
    Number,
    /// Measured values with their unit, with prefixes.
    Quantity,
    /// Values that go together: `code$value`.
    Composite,
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
            Self::Number => "number",
            Self::Quantity => "quantity",
            Self::Composite => "composite",
        }
    }

    /// The kind of that code.
    pub(super) fn of_code(code: &str) -> Option<Self> {
        Some(match code {
            "token" => Self::Token,
            "reference" => Self::Reference,
            "date" => Self::Date,
            "string" => Self::String,
            "uri" => Self::Uri,
            "number" => Self::Number,
            "quantity" => Self::Quantity,
            "composite" => Self::Composite,
            _ => return None,
        })
    }

    /// The modifiers that are understood for it.
    pub(super) const fn modifiers(self) -> &'static [&'static str] {
        match self {
            Self::Token => &["missing", "not", "text", "in", "not-in", "above", "below"],
            Self::String => &["missing", "exact", "contains"],
            Self::Reference => &["missing", "type", "identifier"],
            Self::Uri => &["missing", "above", "below"],
            Self::Canonical | Self::Date | Self::Number | Self::Quantity => &["missing"],
            Self::Composite => &[],
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

/// One search parameter of one resource type, as its `SearchParameter` says.
pub struct Parameter {
    /// Resource type; `Resource` for `_id` and `_lastUpdated`.
    pub rtype: &'static str,
    /// As in the request.
    pub name: &'static str,
    /// The canonical of its `SearchParameter`.
    pub url: &'static str,
    /// How values are compared.
    pub kind: Kind,
    /// `FHIRPath`, the part for this type only.
    pub expression: &'static str,
    /// Types that a reference may name; empty for any.
    pub targets: &'static [&'static str],
    /// Where a store keeps the value, when not among the many.
    pub column: Option<Column>,
    /// Not defined by R4 but by Vigie or by the site.
    pub own: bool,
    /// The modifiers it takes; `type` stands for any resource type that the reference may name.
    pub modifiers: &'static [&'static str],
    /// A token that is also searched by what is shown with it.
    pub(super) with_display: bool,
    /// A reference that is also searched by the identifier in it.
    pub(super) with_identifier: bool,
    /// The parts of a composite, in order.
    pub components: &'static [Component],
    /// Its place among the parameters of its type.
    pub(crate) place: usize,
    pub(super) paths: &'static [Path],
    /// Others whose values together are its own: it is not indexed itself.
    pub(super) union: &'static [&'static str],
    /// A composite whose parts may be those of the resource itself.
    pub(super) at_root: bool,
}

/// One part of a composite.
#[derive(Debug)]
pub struct Component {
    /// The parameter of the same type that says how it is compared.
    pub name: &'static str,
    /// Where it is, below the element that holds the parts together.
    pub(super) paths: &'static [Path],
}

impl Parameter {
    /// What `_sort` by this parameter sorts by, when it may.
    #[must_use]
    pub fn sort_key(&'static self) -> Option<SortKey> {
        match (self.column, self.kind) {
            (Some(Column::LastUpdated), _) => Some(SortKey::LastUpdated),
            (Some(Column::Date), _) => Some(SortKey::Date),
            (Some(Column::Urgency), _) => Some(SortKey::Urgency),
            (_, Kind::Token | Kind::Date | Kind::String) => Some(SortKey::Parameter(self)),
            _ => None,
        }
    }

    /// The expression of its `SearchParameter` for this type, such as `Task.for`.
    #[must_use]
    pub const fn expression(&self) -> &'static str {
        self.expression
    }

    /// Under which parameters a store finds its values: itself, or those whose values together are its own.
    #[must_use]
    pub fn stored(&'static self) -> Vec<&'static Self> {
        if self.union.is_empty() {
            return vec![self];
        }
        self.union.iter().filter_map(|name| of_type(self.rtype, name)).collect()
    }

    /// Whether its own values are kept: not what a store has beside the resource anyway, nor what others hold.
    pub(super) fn is_indexed(&self) -> bool {
        !matches!(self.column, Some(Column::Id | Column::LastUpdated)) && self.union.is_empty()
    }

    /// The parameters of a composite's parts, in order.
    #[must_use]
    pub fn parts(&self) -> Vec<&'static Self> {
        self.components.iter().filter_map(|part| of_type(self.rtype, part.name)).collect()
    }

    /// Whether the parts of a composite may be those of the resource itself, so that its own parameters tell.
    #[must_use]
    pub const fn is_at_root(&self) -> bool {
        self.at_root
    }

    /// Whether the parts of a composite are also looked for in elements of the resource.
    #[must_use]
    pub const fn is_nested(&self) -> bool {
        matches!(self.kind, Kind::Composite) && !self.paths.is_empty()
    }

    /// The system that its plain codes belong to by a required binding.
    #[must_use]
    pub fn system(&self) -> Option<&'static str> {
        self.paths.iter().find_map(|path| path.system)
    }

    /// Whether each of its dates is a point in time, no `Period`.
    #[must_use]
    pub fn is_point(&self) -> bool {
        let point = |kind: &String| matches!(kind.as_str(), "date" | "dateTime" | "instant");
        self.paths.iter().all(|path| !path.types.is_empty() && path.types.iter().all(point))
    }

    /// Whether it takes references to that type.
    #[must_use]
    pub fn refers_to(&self, rtype: &str) -> bool {
        if self.targets.is_empty() {
            crate::fhir::schema::r4().is_resource(rtype)
        } else {
            self.targets.contains(&rtype)
        }
    }
}

fn of_type(rtype: &str, name: &str) -> Option<&'static Parameter> {
    parameters(rtype).iter().find(|parameter| parameter.name == name)
}

/// By what it is called: there is one set of parameters in a process.
impl PartialEq for Parameter {
    fn eq(&self, other: &Self) -> bool {
        (self.rtype, self.name) == (other.rtype, other.name)
    }
}

impl Eq for Parameter {}

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.rtype, self.name)
    }
}
