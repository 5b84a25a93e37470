//! One version of a definition, compiled once and never changed afterwards.

use crate::json::Value;

use super::canonical::Canonical;
use crate::problem::Problem;
use crate::questionnaire::{self, Questionnaire};
use crate::rules::{self, Protocol};
use crate::terminology::Terminology;

/// What is kept of a definition beside what was compiled of it.
const HEAD: [&str; 4] = ["resourceType", "url", "version", "status"];

/// One version of a definition with what was compiled of it.
#[derive(Clone)]
pub(crate) struct Edition<T> {
    /// The definition, as published; on a shelf only what it is known by.
    pub(crate) source: Value,
    /// What was compiled of it.
    pub(crate) compiled: T,
}

/// A questionnaire, ready to validate responses.
pub(crate) type Form = Edition<Questionnaire>;

/// A protocol, ready to judge responses.
pub(crate) type Plan = Edition<Protocol>;

impl<T> Edition<T> {
    /// Without what nobody asks for any more once it is compiled: a shelf lives as long as the process.
    pub(super) fn shelved(mut self) -> Self {
        if let Value::Object(members) = &mut self.source {
            *members =
                std::mem::take(members).into_iter().filter(|(name, _)| HEAD.contains(&&**name)).collect();
        }
        self
    }

    /// Its version.
    pub(crate) fn version(&self) -> Option<&str> {
        self.source.get("version").and_then(Value::as_str)
    }

    /// `url|version`.
    pub(crate) fn canonical(&self) -> String {
        Canonical::of(&self.source).map(|canonical| canonical.to_string()).unwrap_or_default()
    }

    /// `PublicationStatus`.
    pub(crate) fn status(&self) -> &str {
        self.source.get("status").and_then(Value::as_str).unwrap_or_default()
    }
}

impl<T> std::fmt::Debug for Edition<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.canonical())
    }
}

/// Compiles a questionnaire.
///
/// # Errors
/// `Invalid` with every fault.
pub(crate) fn form(source: Value, terminology: &Terminology) -> Result<Form, Problem> {
    let compiled = questionnaire::compile(&source, terminology)?;
    Ok(Edition { source, compiled })
}

/// Compiles a protocol with the activities that it names.
///
/// # Errors
/// `Invalid` with every fault.
pub(crate) fn plan(source: Value, activities: &[Value]) -> Result<Plan, Problem> {
    let compiled = rules::compile(&source, activities)?;
    Ok(Edition { source, compiled })
}
