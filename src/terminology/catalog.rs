//! The loaded code systems and value sets: membership and display, from what is in memory only.

use serde_json::Value;

/// One concept of a value set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concept {
    /// The code system.
    pub system: String,
    /// The code.
    pub code: String,
    /// The display, where one is known.
    pub display: Option<String>,
}

/// Code systems and value sets, by canonical address.
#[derive(Debug, Default, Clone)]
pub struct Terminology {}

impl Terminology {
    /// Loads the `CodeSystem` and `ValueSet` resources of a list; others are passed over.
    #[must_use]
    pub fn load(_resources: &[Value]) -> Self {
        Self::default()
    }

    /// Whether a value set (`url` or `url|version`) holds a code; `None` when that cannot be known here.
    #[must_use]
    pub fn contains(&self, _value_set: &str, _system: &str, _code: &str) -> Option<bool> {
        None
    }

    /// The concepts of a value set; `None` when they cannot all be known here.
    #[must_use]
    pub fn expand(&self, _value_set: &str) -> Option<Vec<Concept>> {
        None
    }

    /// The display of a code.
    #[must_use]
    pub fn display(&self, _system: &str, _code: &str) -> Option<&str> {
        None
    }
}
