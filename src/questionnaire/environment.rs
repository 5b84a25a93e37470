//! What the expressions of a Questionnaire see: the response, the launch context, and the variables in
//! scope, each evaluated once per instance and only when it is named.

use std::collections::HashMap;

use crate::json::Value;
use jiff::tz::TimeZone;

use super::expressions::Variable;
use super::extension::text;
use super::tree::Tree;
use super::{Context, Questionnaire};
use crate::fhir::datetime::PartialDateTime;
use crate::fhir::schema;
use crate::fhirpath::{self, Collection, Expression, Fault, Scope};
use crate::terminology::Terminology;

/// `memberOf()` asks the loaded value sets; a code without its system is looked for in all of them.
impl fhirpath::Terminology for Terminology {
    fn member_of(&self, valueset: &str, system: Option<&str>, code: &str) -> Option<bool> {
        match system {
            Some(system) => self.contains(valueset, system, code),
            None => self.expand(valueset).map(|concepts| concepts.iter().any(|concept| concept.code == code)),
        }
    }
}

/// Item that declares a variable (`None` for the Questionnaire), its position there, and the node it is
/// evaluated for.
type Key = (Option<usize>, usize, Option<usize>);

/// A variable as seen from an expression.
struct Declared<'a> {
    variable: &'a Variable,
    item: Option<usize>,
    position: usize,
}

/// The surroundings of the expressions of one response.
pub(crate) struct Environment<'a> {
    questionnaire: &'a Questionnaire,
    tree: &'a Tree<'a>,
    response: &'a Value,
    scope: Scope<'a>,
    known: HashMap<Key, Result<Collection<'a>, Fault>>,
}

impl<'a> Environment<'a> {
    pub(crate) fn new(
        questionnaire: &'a Questionnaire,
        tree: &'a Tree<'a>,
        response: &'a Value,
        context: &'a Context<'a>,
    ) -> Self {
        let authored =
            text(response, "authored").and_then(PartialDateTime::parse).and_then(|authored| authored.lower());
        let zone = TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC);
        let now = authored.unwrap_or(context.now).to_zoned(zone);
        let one = |value: Option<&'a Value>| value.map_or_else(Collection::empty, Collection::from_value);
        let scope = Scope::new(schema::r4(), now)
            .with("resource", Collection::from_value(response))
            .with("rootResource", Collection::from_value(response))
            .with("questionnaire", Collection::from_value(&questionnaire.source))
            .with("patient", one(context.patient))
            .with("careplan", Collection::from_values(context.careplans))
            .with_terminology(context.terminology);
        Self { questionnaire, tree, response, scope, known: HashMap::new() }
    }

    /// Evaluates an expression of an item (`None`: of the Questionnaire) for its node, if there is one,
    /// within the instance `owner`.
    pub(crate) fn evaluate(
        &mut self,
        expression: &'a Expression,
        item: Option<usize>,
        own: Option<usize>,
        owner: Option<usize>,
    ) -> Result<Collection<'a>, Fault> {
        let before = item.map_or(self.questionnaire.variables.len(), |item| {
            self.questionnaire.items[item].variables.len()
        });
        self.evaluate_before(expression, item, before, own, owner)
    }

    /// The same, with only the first `before` variables of its own element in scope.
    fn evaluate_before(
        &mut self,
        expression: &'a Expression,
        item: Option<usize>,
        before: usize,
        own: Option<usize>,
        owner: Option<usize>,
    ) -> Result<Collection<'a>, Fault> {
        let mut scope = self.scope.clone();
        for name in expression.variables() {
            if let Some(declared) = self.declared(name, item, before) {
                let value = self.variable(&declared, item, own, owner)?;
                scope.set(name.as_str(), value);
            } else if name == "qitem" {
                scope.set("qitem", self.definition(item));
            }
        }
        let focus = match (item, own) {
            (None, _) => Collection::from_value(self.response),
            (Some(_), Some(node)) => {
                Collection::from_element(self.tree.nodes[node].value, "QuestionnaireResponse.item")
            }
            (Some(_), None) => Collection::empty(),
        };
        expression.evaluate(&focus, &scope)
    }

    fn variable(
        &mut self,
        declared: &Declared<'a>,
        item: Option<usize>,
        own: Option<usize>,
        owner: Option<usize>,
    ) -> Result<Collection<'a>, Fault> {
        // The node for which the declaring item is asked: this one, or the instance around it.
        let node = match declared.item {
            None => None,
            same if same == item => own,
            Some(around) => self.tree.around(around, owner, None).map(|(node, _)| node),
        };
        let key = (declared.item, declared.position, node);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let around = node.map_or(owner, |node| self.tree.nodes[node].owner);
        let value = self.evaluate_before(
            &declared.variable.expression,
            declared.item,
            declared.position,
            node,
            around,
        );
        // Without a node the value is the same only for an item of the Questionnaire itself.
        if node.is_some() || declared.item.is_none() {
            self.known.insert(key, value.clone());
        }
        value
    }

    /// The innermost variable of that name.
    fn declared(&self, name: &str, item: Option<usize>, before: usize) -> Option<Declared<'a>> {
        let questionnaire = self.questionnaire;
        let find = |variables: &'a [Variable], item: Option<usize>| {
            let position = variables.iter().rposition(|variable| variable.name == name)?;
            Some(Declared { variable: &variables[position], item, position })
        };
        let Some(own) = item else { return find(&questionnaire.variables[..before], None) };
        let mut found = find(&questionnaire.items[own].variables[..before], item);
        let mut around = questionnaire.items[own].parent;
        while let (None, Some(n)) = (&found, around) {
            found = find(&questionnaire.items[n].variables, around);
            around = questionnaire.items[n].parent;
        }
        found.or_else(|| find(&questionnaire.variables, None))
    }

    fn definition(&self, item: Option<usize>) -> Collection<'a> {
        let questionnaire = self.questionnaire;
        let pointer = item.map(|item| {
            questionnaire.items[item]
                .place
                .replace("Questionnaire", "")
                .replace(['.', '['], "/")
                .replace(']', "")
        });
        let found =
            pointer.map_or(Some(&questionnaire.source), |pointer| questionnaire.source.pointer(&pointer));
        found.map_or_else(Collection::empty, Collection::from_value)
    }
}
