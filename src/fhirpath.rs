//! `FHIRPath`: compile an expression once, evaluate it over borrowed JSON, synchronously and without
//! side effects (`FHIRPath` 2.0.0, <http://hl7.org/fhirpath/N1/>, and the R4 additions of
//! <https://hl7.org/fhir/R4/fhirpath.html>).
//!
//! - Nothing is copied: a [`Collection`] points into the resource that it was taken from.
//! - Decimals come from the text of the JSON number: `1.10` is 1.10, in `Quantity` too.
//! - The clock, the resources that `resolve()` may answer with, and the value sets of `memberOf()`
//!   are handed in by the [`Scope`]; there is no other way out of an expression.
//! - What is not known here (a function, a type, a number of arguments) is refused by [`compile`],
//!   with its line and column and with what would be right.
//!
//! Where the specification leaves a choice: a choice element answers to its `FHIRPath` name
//! (`answer.value`), and, as in fhirpath.js, to its JSON name too (`answer.valueCoding`). An element
//! that a type does not have is empty in evaluation; [`Expression::check`] names it beforehand.

mod collection;
mod model;
mod scope;

use std::fmt;
use std::sync::Arc;

use crate::problem::Problem;

pub use collection::{Collection, Item};
pub use model::{ChildType, Model, NoModel};
pub use scope::{Scope, Terminology};

/// Why an evaluation gave no answer: several items where one is needed, a variable that nobody set,
/// operands that do not go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Names operators, functions and types, never the value of an element.
    pub message: String,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

/// A compiled expression. A clone shares the compiled form.
#[derive(Clone)]
pub struct Expression {
    inner: Arc<Inner>,
}

struct Inner {
    text: String,
    variables: Vec<String>,
}

/// Compile an expression.
///
/// # Errors
/// `Malformed`, with line and column, what was found there and what would be right.
pub fn compile(text: &str) -> Result<Expression, Problem> {
    Ok(Expression { inner: Arc::new(Inner { text: text.to_owned(), variables: Vec::new() }) })
}

impl Expression {
    /// The text it was compiled from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.inner.text
    }

    /// Names of the `%variables` it uses, without the `%`, each once, in order of appearance.
    #[must_use]
    pub fn variables(&self) -> &[String] {
        &self.inner.variables
    }

    /// Evaluate with `focus` as `$this` and `%context`.
    ///
    /// # Errors
    /// When the expression has no answer for this input; an empty collection is an answer.
    pub fn evaluate<'a>(
        &'a self,
        focus: &Collection<'a>,
        scope: &Scope<'a>,
    ) -> Result<Collection<'a>, Fault> {
        let _ = (focus, scope);
        Err(Fault::new("not built yet"))
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.inner.text).finish()
    }
}
