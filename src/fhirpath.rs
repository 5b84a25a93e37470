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

mod check;
mod collection;
mod compare;
mod evaluate;
mod functions;
mod items;
mod literal;
mod literals;
mod model;
mod node;
mod number;
mod operators;
mod parse;
mod picks;
mod quantity;
mod scope;
mod seen;
mod suggest;
mod syntax;
mod temporal;
mod token;
mod type_names;
mod types;
mod variable;
mod ways;

use std::fmt;
use std::sync::Arc;

use crate::problem::Problem;

pub use check::Types;
pub use collection::{Collection, Item};
pub(crate) use literals::Literals;
pub use model::{ChildType, Model, NoModel};
pub use node::Node;
pub(crate) use node::member;
pub use quantity::Quantity;
pub use scope::{Scope, Terminology};
pub use temporal::Temporal;
pub use variable::Variable;
pub(crate) use ways::{End, Places, Step, Told, Way};

/// How many variables of a definition may need one another: each is evaluated within the one that names it.
pub(crate) const CHAIN_MAX: usize = 64;

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
    root: syntax::Expr,
    variables: Vec<String>,
    places: Vec<Option<usize>>,
}

/// Compile an expression.
///
/// # Errors
/// `Invalid`, with line and column, what was found there and what would be right.
pub fn compile(text: &str) -> Result<Expression, Problem> {
    let parse::Parsed { root, variables, places } = parse::parse(text)?;
    Ok(Expression { inner: Arc::new(Inner { text: text.to_owned(), root, variables, places }) })
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

    /// Where the expression can see no other elements of a list of `%variable` than those with certain texts: for each place
    /// where it names the variable, the texts by which elements are picked on the way, as `["a", "b"]` of
    /// `%variable.list.where(by = 'a').list.where(by = 'b')`. What is picked is seen as a whole, but for the elements of the same
    /// list that another text follows. None when it uses the variable in any other way.
    pub(crate) fn picks(&self, variable: &str, list: &str, by: &str) -> Option<Vec<Vec<String>>> {
        picks::picks(&self.inner.root, variable, list, by)
    }

    /// The literals that it is written with.
    pub(crate) fn literals(&self) -> Literals {
        let mut found = Literals::default();
        literals::gather(&self.inner.root, &mut found);
        found
    }

    /// Which ways through the items of a response it goes from `focus`, where `variables` says what they stand for.
    pub(crate) fn ways(&self, focus: &Places, variables: &dyn Fn(&str) -> Places) -> Told {
        ways::ways(&self.inner.root, focus, variables)
    }

    /// What types the result may have, when `focus` is what the expression starts from and the
    /// variables are of the types given; a variable that is not given may be anything. With this a
    /// definition is refused when it is published, instead of finding nothing in every response.
    ///
    /// # Errors
    /// `Invalid`, with every name that no type in question has, and every type that an element can not be.
    pub fn check(
        &self,
        model: &dyn Model,
        focus: &Types,
        variables: &[(&str, Types)],
    ) -> Result<Types, Problem> {
        check::check(&self.inner.text, &self.inner.root, model, focus, variables)
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
        self.evaluate_given(focus, scope, &|_| None)
    }

    /// The same, with values for [`Expression::variables`] by their places there: `given` is asked before the scope. So one
    /// scope serves many expressions that see different variables.
    ///
    /// # Errors
    /// As [`Expression::evaluate`].
    pub fn evaluate_given<'a, 's>(
        &'a self,
        focus: &'s Collection<'a>,
        scope: &'s Scope<'a>,
        given: &'s dyn Fn(usize) -> Option<&'s Variable<'a>>,
    ) -> Result<Collection<'a>, Fault> {
        self.evaluator(focus, scope, given).run(&self.inner.root)
    }

    /// [`Collection::truth`] of what [`Expression::evaluate_given`] finds, which is never made where the expression compares or
    /// joins comparisons.
    ///
    /// # Errors
    /// As [`Expression::evaluate_given`]; within, as [`Collection::truth`].
    pub(crate) fn truth_given<'a, 's>(
        &'a self,
        focus: &'s Collection<'a>,
        scope: &'s Scope<'a>,
        given: &'s dyn Fn(usize) -> Option<&'s Variable<'a>>,
    ) -> Result<Result<Option<bool>, Fault>, Fault> {
        self.evaluator(focus, scope, given).run_truth(&self.inner.root)
    }

    fn evaluator<'a, 's>(
        &'a self,
        focus: &'s Collection<'a>,
        scope: &'s Scope<'a>,
        given: &'s dyn Fn(usize) -> Option<&'s Variable<'a>>,
    ) -> evaluate::Evaluator<'s, 'a> {
        let Inner { variables: names, places, .. } = &*self.inner;
        evaluate::Evaluator::new(evaluate::Variables { names, places, given, scope }, focus)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.inner.text).finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::json::{Value, json};

    use super::{Collection, NoModel, Scope, compile};

    fn check(expression: &str, input: &Value, expected: &Value) {
        let compiled = compile(expression).unwrap();
        let now = "2026-11-22T10:00:00+01:00[Europe/Paris]".parse().unwrap();
        let focus = Collection::from_value(input);
        let found = compiled.evaluate(&focus, &Scope::new(&NoModel, now)).unwrap();
        assert_eq!(Value::from(found.to_values()), *expected, "{expression}");
    }

    fn refused(expression: &str) -> String {
        compile(expression).unwrap_err().issues[0].diagnostics.clone()
    }

    #[test]
    fn decimals_keep_their_digits_and_compare_exactly() {
        let observation: Value = serde_json::from_str(
            r#"{"resourceType": "Observation", "valueQuantity":
                {"value": 1.10, "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL"}}"#,
        )
        .unwrap();
        check("Observation.value.value <= 1.1", &observation, &json!([true]));
        check("Observation.value <= 1.1 'mg/dL'", &observation, &json!([true]));
        check("Observation.value = 11 'mg/L'", &observation, &json!([true]));
        check("Observation.value.value.toString()", &observation, &json!(["1.10"]));
    }

    #[test]
    fn a_misspelt_function_is_refused_with_its_place_and_the_right_name() {
        assert_eq!(
            refused("item.\n wher(linkId = 'a')"),
            "FHIRPath, line 2:2: found the unknown function \"wher\"; did you mean \"where\"?"
        );
        assert_eq!(
            refused("item.where()"),
            "FHIRPath, line 1:6: found 0 argument(s) for where(); it takes 1"
        );
        assert_eq!(
            refused("value.ofType(Codng)"),
            "FHIRPath, line 1:14: found the unknown type \"Codng\"; did you mean \"Coding\"?"
        );
    }

    #[test]
    fn nesting_deeper_than_the_limit_is_refused_and_the_limit_itself_evaluates() {
        let nested = |levels: usize| format!("{}1{}", "(".repeat(levels), ")".repeat(levels));
        check(&nested(100), &json!({}), &json!([1]));
        assert!(refused(&nested(200)).contains("nested deeper"));
        let chain = vec!["1"; 120].join(" + ");
        check(&chain, &json!({}), &json!([120]));
        assert!(refused(&vec!["1"; 200].join(" + ")).contains("nested deeper"));
        let functions = format!("{}true{}", "iif(true, ".repeat(60), ")".repeat(60));
        check(&functions, &json!({}), &json!([true]));
    }

    #[test]
    fn an_expression_that_grows_without_end_is_a_fault() {
        let scope = Scope::new(&NoModel, "2026-11-22T10:00:00Z[UTC]".parse().unwrap());
        for endless in ["1.repeat($this + 1)", "(1|2|3|4|5|6|7).select('aaaaaaaaaa').repeat($this & $this)"] {
            let compiled = compile(endless).unwrap();
            assert!(compiled.evaluate(&Collection::empty(), &scope).is_err(), "{endless}");
        }
    }
}
