//! Which ways the expressions of a Questionnaire go through a response, each from where it is evaluated.

use super::Questionnaire;
use super::expressions::Variable;
use crate::fhirpath::{Expression, Places, Step, Told};

/// An expression, where it is written, and what is told of its ways.
pub(crate) struct Walked<'q> {
    /// The element that it belongs to.
    pub(crate) place: String,
    /// Its text.
    pub(crate) text: &'q str,
    /// Its ways.
    pub(crate) told: Told,
}

/// All expressions that judge a response, those of an element after those around it.
pub(crate) fn walked(questionnaire: &Questionnaire) -> Vec<Walked<'_>> {
    let mut found = Vec::new();
    let mut scopes: Vec<Scope<'_>> = Vec::with_capacity(questionnaire.items.len());
    let whole = Scope::new(None, "Questionnaire", Places::response(), &questionnaire.variables, &mut found);
    for constraint in &questionnaire.constraints {
        whole.walk(&constraint.expression, &mut found);
    }
    for item in &questionnaire.items {
        let around = item.parent.map(|parent| &scopes[parent]);
        let through_answer =
            item.parent.is_some_and(|parent| questionnaire.items[parent].kind.natural().is_some());
        let mut steps = around.map(|around| around.steps.clone()).unwrap_or_default();
        steps.push(Step { through_answer, link_ids: vec![item.link_id.clone()] });
        let mut scope = Scope::new(
            Some(around.unwrap_or(&whole)),
            &item.place,
            Places::at(steps.clone()),
            &item.variables,
            &mut found,
        );
        scope.steps = steps;
        let constraints = item.constraints.iter().map(|constraint| &constraint.expression);
        for expression in item.enable_expression.iter().chain(&item.calculated).chain(constraints) {
            scope.walk(expression, &mut found);
        }
        scopes.push(scope);
    }
    found
}

/// What the expressions of one element see.
struct Scope<'q> {
    place: &'q str,
    focus: Places,
    steps: Vec<Step>,
    variables: Vec<(&'q str, Places)>,
}

impl<'q> Scope<'q> {
    fn new(
        around: Option<&Self>,
        place: &'q str,
        focus: Places,
        variables: &'q [Variable],
        found: &mut Vec<Walked<'q>>,
    ) -> Self {
        let known = around.map(|around| around.variables.clone()).unwrap_or_default();
        let mut scope = Self { place, focus, steps: Vec::new(), variables: known };
        for Variable { name, expression } in variables {
            let value = scope.walk(expression, found);
            scope.variables.push((name, value));
        }
        scope
    }

    fn walk(&self, expression: &'q Expression, found: &mut Vec<Walked<'q>>) -> Places {
        let known = |name: &str| {
            let declared = self.variables.iter().rev().find(|(known, _)| *known == name);
            declared.map_or(Places::Anywhere, |(_, value)| value.clone())
        };
        let told = expression.ways(&self.focus, &known);
        let value = told.value.clone();
        found.push(Walked { place: self.place.to_owned(), text: expression.text(), told });
        value
    }
}
