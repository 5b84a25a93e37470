//! What surrounds an evaluation: variables, the moment, resources and value sets (`FHIRPath` 2.0.0
//! section 9, environment variables).

use std::borrow::Cow;

use crate::json::Value;
use jiff::Zoned;

use super::model::Model;
use super::variable::Variable;

/// Answers `memberOf()`.
pub trait Terminology: Send + Sync {
    /// Whether the value set holds the code; `None` when the value set is not known here. A code
    /// without system (an element of type `code`) comes with `None`.
    fn member_of(&self, valueset: &str, system: Option<&str>, code: &str) -> Option<bool>;
}

/// The surroundings of an evaluation. A variable that is not set is a fault when it is used; a
/// variable set to the empty collection is empty.
#[derive(Clone)]
pub struct Scope<'a> {
    pub(super) model: &'a dyn Model,
    pub(super) now: Zoned,
    pub(super) variables: Vec<(Cow<'a, str>, Variable<'a>)>,
    pub(super) resources: Vec<&'a Value>,
    pub(super) terminology: Option<&'a dyn Terminology>,
}

impl<'a> Scope<'a> {
    /// A scope with nothing but types and the moment that `now()`, `today()` and `timeOfDay()` tell.
    #[must_use]
    pub fn new(model: &'a dyn Model, now: Zoned) -> Self {
        Self { model, now, variables: Vec::new(), resources: Vec::new(), terminology: None }
    }

    /// Set `%name` to a [`Collection`](super::Collection), or to a value shared with other scopes; the last one set wins. `resource` and `rootResource`, when not set, are the focus
    /// of the evaluation if that is one resource; `context` is always the focus.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Variable<'a>>) -> Self {
        self.set(name, value);
        self
    }

    /// [`Scope::with`] in place.
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Variable<'a>>) {
        let (name, value) = (name.into(), value.into());
        match self.variables.iter_mut().find(|(known, _)| *known == name) {
            Some((_, slot)) => *slot = value,
            None => self.variables.push((name, value)),
        }
    }

    /// A resource that `resolve()` may answer with, found by `Type/id`.
    #[must_use]
    pub fn with_resource(mut self, resource: &'a Value) -> Self {
        self.resources.push(resource);
        self
    }

    /// The value sets of `memberOf()`, which without them is a fault.
    #[must_use]
    pub fn with_terminology(mut self, terminology: &'a dyn Terminology) -> Self {
        self.terminology = Some(terminology);
        self
    }

    pub(super) fn variable(&self, name: &str) -> Option<&Variable<'a>> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}
