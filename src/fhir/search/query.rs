//! A search as plain data. Its Debug names parameters, never values: these may tell who a patient is.

use std::fmt;

use super::{Parameter, Test};
use crate::fhir::reference::{self, ReferenceForm};

/// One search on one type.
#[derive(Clone, PartialEq)]
pub struct Query {
    /// Resource type.
    pub rtype: String,
    /// All of these must hold.
    pub criteria: Vec<Criterion>,
    /// Order; empty for one that the store chooses, the same for each page.
    pub sort: Vec<Sort>,
    /// Matches on a page.
    pub count: usize,
    /// Bytes of the resources on a page, as JSON: a page ends before the one that would go beyond, and has one at least. Only
    /// whoever follows `next` may bound it.
    pub bytes_max: usize,
    /// Cursor of the page, from the `next` of the page before.
    pub after: Option<String>,
    /// Whether and how to count.
    pub total: Total,
}

impl Query {
    /// Everything of a type, a page at a time.
    #[must_use]
    pub fn new(rtype: impl Into<String>) -> Self {
        Self {
            rtype: rtype.into(),
            criteria: Vec::new(),
            sort: Vec::new(),
            count: super::COUNT_DEFAULT,
            bytes_max: usize::MAX,
            after: None,
            total: Total::None,
        }
    }

    /// The same about another resource of the type that the first criterion refers to: what reading it all anew would give. Nothing
    /// where the criterion, or `reference`, is no `Type/id`.
    #[must_use]
    pub(crate) fn about(&self, reference: &str) -> Option<Self> {
        let [Criterion { any, .. }, ..] = self.criteria.as_slice() else { return None };
        let [Test::Reference(before)] = any.as_slice() else { return None };
        let [before] = before.as_slice() else { return None };
        match (reference::parse(before), reference::parse(reference)) {
            (
                ReferenceForm::Local { rtype: before, version: None, .. },
                ReferenceForm::Local { rtype, version: None, .. },
            ) if before == rtype => {
                let mut query = self.clone();
                query.criteria[0].any = vec![Test::Reference(vec![reference.to_owned()])];
                Some(query)
            }
            _ => None,
        }
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.criteria.iter().map(|criterion| criterion.parameter.name).collect();
        write!(f, "{}?{}", self.rtype, names.join("&"))
    }
}

/// One parameter of a search with its alternatives.
#[derive(Clone, PartialEq)]
pub struct Criterion {
    /// What is compared.
    pub parameter: &'static Parameter,
    /// How.
    pub modifier: Modifier,
    /// One of these must hold; empty with [`Modifier::Missing`].
    pub any: Vec<Test>,
}

impl fmt::Debug for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?}, {} values)", self.parameter.name, self.modifier, self.any.len())
    }
}

/// How a criterion departs from the plain comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modifier {
    /// It does not.
    None,
    /// None of the alternatives holds (`:not`); a resource without the value matches.
    Not,
    /// The resource has no value (`:missing=true`), or has one.
    Missing(bool),
    /// The whole text, case and accents included (`:exact`).
    Exact,
    /// Anywhere in the text (`:contains`).
    Contains,
    /// What is shown with the code begins so (`:text`).
    Text,
    /// The identifier in the reference (`:identifier`).
    Identifier,
    /// The address or the code, and those that it is below (`:above`).
    Above,
    /// The address or the code, and those below it (`:below`).
    Below,
    /// A code of the value set (`:in`), until [`super::resolve`] has told which these are.
    In,
    /// No code of the value set (`:not-in`), until [`super::resolve`]; a resource without the value matches.
    NotIn,
}

impl Modifier {
    /// As in a request, without the colon.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Not => "not",
            Self::Missing(_) => "missing",
            Self::Exact => "exact",
            Self::Contains => "contains",
            Self::Text => "text",
            Self::Identifier => "identifier",
            Self::Above => "above",
            Self::Below => "below",
            Self::In => "in",
            Self::NotIn => "not-in",
        }
    }
}

/// One key of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// What is compared.
    pub key: SortKey,
    /// Largest first.
    pub descending: bool,
}

/// What an order may compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    /// `meta.lastUpdated`.
    LastUpdated,
    /// The type's main date; resources without one come before all others when ascending.
    Date,
    /// Rank of the priority, 0 for `stat`: `_sort=-priority` is ascending here. Without priority comes last.
    Urgency,
    /// The least value of a parameter, the greatest when descending; resources without one come last.
    Parameter(&'static Parameter),
}

/// Whether `Bundle.total` is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// No.
    None,
    /// Exact up to 1,000; 1,001 stands for more.
    Estimate,
    /// Exact, however long it takes.
    Accurate,
}
