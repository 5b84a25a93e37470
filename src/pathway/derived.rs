//! What the derivation gives back: bodies without `meta.versionId`, each marked as new or as the next
//! version of an existing one.

use crate::json::Value;

use super::element::Element;

/// Everything that a response becomes, in the order it was derived.
#[derive(Default, Clone, PartialEq)]
pub struct Derived {
    /// The resources to write; what did not change is not among them.
    pub resources: Vec<DerivedResource>,
}

/// One resource to write.
#[derive(Clone, PartialEq)]
pub struct DerivedResource {
    /// Whether it exists already.
    pub change: Change,
    /// The resource, with its id; `meta` is as it was in the existing one.
    pub body: Value,
}

/// Whether a resource exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// To be created under its id.
    New,
    /// The next version of the existing resource with its id.
    Update,
}

impl Derived {
    /// Bodies of one type, in order.
    pub fn of_type<'a>(&'a self, rtype: &'a str) -> impl Iterator<Item = &'a Value> {
        self.resources.iter().map(|one| &one.body).filter(move |body| body["resourceType"] == rtype)
    }

    pub(super) fn create(&mut self, body: Element) {
        self.resources.push(DerivedResource { change: Change::New, body: body.into() });
    }

    /// The next version of `existing`, if it says anything new.
    pub(super) fn update(&mut self, existing: &Value, body: Element) {
        if body.differs(existing) {
            self.resources.push(DerivedResource { change: Change::Update, body: body.into() });
        }
    }
}

impl std::fmt::Debug for Derived {
    /// Types and ids only: a body is a patient's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.resources).finish()
    }
}

impl std::fmt::Debug for DerivedResource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |name: &str| self.body[name].as_str().unwrap_or("?");
        write!(f, "{:?} {}/{}", self.change, text("resourceType"), text("id"))
    }
}
