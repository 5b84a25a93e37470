//! What each rule of a protocol looks at: for who asks whether worse answers could give a lower level.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::bound::{Bound, Origin};
use super::protocol::{Protocol, Rule};
use crate::fhirpath::Literals;

/// What one rule looks at, through the variables that it names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Read {
    /// Every text that it is written with, the linkIds among them.
    pub(crate) texts: BTreeSet<String>,
    /// Every number, with the texts of the expression that it stands in.
    pub(crate) numbers: Vec<(Decimal, BTreeSet<String>)>,
    /// The texts of what it looks for in earlier responses.
    pub(crate) earlier: BTreeSet<String>,
    /// Whether it is about a symptom.
    pub(crate) symptom: bool,
    /// Whether it looks at what the others say.
    pub(crate) aggregate: bool,
}

impl Protocol {
    /// What each rule looks at, in the order of the plan.
    pub(crate) fn reads(&self) -> Vec<Read> {
        self.rules.iter().map(|rule| self.read(rule)).collect()
    }

    fn read(&self, rule: &Rule) -> Read {
        let mut read =
            Read { symptom: rule.action.symptom.is_some(), aggregate: rule.aggregate, ..Read::default() };
        if let Some(condition) = &rule.condition {
            let mut seen = BTreeSet::new();
            self.follow(condition, &mut seen, &mut read);
        }
        read
    }

    /// Adds what an expression and the variables that it names look at; the texts of it all.
    fn follow(&self, bound: &Bound, seen: &mut BTreeSet<usize>, read: &mut Read) {
        let texts = self.texts(bound);
        let Literals { numbers, texts: own, .. } = bound.expression.literals();
        if bound.origins.iter().any(|origin| matches!(origin, Some(Origin::Previous | Origin::History))) {
            read.earlier.extend(own);
        }
        read.numbers.extend(numbers.into_iter().map(|number| (number, texts.clone())));
        read.texts.extend(texts);
        for index in bound.plan() {
            if seen.insert(index) {
                self.follow(&self.variables[index].expression, seen, read);
            }
        }
    }

    /// The texts of an expression and of every variable behind it.
    fn texts(&self, bound: &Bound) -> BTreeSet<String> {
        let (mut texts, mut waiting, mut seen) = (BTreeSet::new(), vec![bound], BTreeSet::new());
        while let Some(bound) = waiting.pop() {
            texts.extend(bound.expression.literals().texts);
            waiting.extend(
                bound
                    .plan()
                    .filter(|index| seen.insert(*index))
                    .map(|index| &self.variables[index].expression),
            );
        }
        texts
    }

    /// The texts that its expressions look for in plans of care.
    pub(crate) fn sought_in_careplans(&self) -> BTreeSet<String> {
        let mut about: Vec<bool> = Vec::new();
        let mut texts = BTreeSet::new();
        let variables = self.variables.iter().map(|variable| (&variable.expression, true));
        let conditions = self.rules.iter().filter_map(|rule| Some((rule.condition.as_ref()?, false)));
        for (bound, is_variable) in variables.chain(conditions) {
            let direct = bound.origins.contains(&Some(Origin::Careplan));
            // A condition that only asks what a variable found in the plans looks for answers.
            let is_about = direct || (is_variable && bound.plan().any(|index| about[index]));
            if is_variable {
                about.push(is_about);
            }
            if is_about {
                texts.extend(bound.expression.literals().texts);
            }
        }
        texts
    }

    /// The protocol with some of its rules alone, which explain nothing.
    pub(crate) fn only(&self, keep: &dyn Fn(usize) -> bool) -> Self {
        let rules = self.rules.iter().enumerate().filter(|(n, _)| keep(*n));
        Self {
            rules: rules.map(|(_, rule)| Rule { evidence: Vec::new(), ..rule.clone() }).collect(),
            explaining: Vec::new(),
            ..self.clone()
        }
    }
}
