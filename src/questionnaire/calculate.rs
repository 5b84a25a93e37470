//! Expressions that judge a response: calculated answers are recomputed, constraints must not be false.

use crate::json::{Map, Value};
use rust_decimal::Decimal;

use super::extension::{self, text};
use super::finding::{CALCULATED, Finding, INVARIANT, INVARIANT_WARNING, shown};
use super::item::{AnswerType, Item};
use super::measure::{Comparison, Measure, decimal};
use super::session::Session;
use super::validate::missing_calculation;
use crate::problem::Severity;

impl Session<'_> {
    /// Compares the answers of a calculated item with what its expression says.
    pub(crate) fn calculated(&mut self, item: usize, node: usize) {
        let (questionnaire, tree) = (self.questionnaire, self.tree);
        let compiled = &questionnaire.items[item];
        let found = &tree.nodes[node];
        let (Some(expression), Some(environment)) = (&compiled.calculated, &mut self.environment) else {
            return;
        };
        if found.answers.is_empty() {
            return;
        }
        let values = match environment.evaluate(expression, Some(item), Some(node), found.owner) {
            Ok(values) => values.to_values(),
            Err(fault) => {
                return self.execution(Some(item), tree.place(node), "calculatedExpression", &fault);
            }
        };
        let given: Vec<_> =
            found.answers.iter().filter_map(|answer| extension::value_of(answer, "value")).collect();
        let same = given.len() == values.len()
            && given.iter().zip(&values).all(|((name, given), value)| is_same(compiled, name, given, value));
        if !same {
            if let ([value], [(name, given)], false) = (values.as_slice(), given.as_slice(), compiled.repeats)
            {
                self.recalculated.insert(node, as_answer(name, given, value));
            }
            let expected = shown_all(&values);
            let given = shown_all(given.into_iter().map(|(_, value)| value));
            let english = format!("is {given}, but its calculation gives {expected}");
            let french = format!("la valeur calculée devrait être {expected}");
            self.report(item, tree.answer_place(node, 0), Finding::new(CALCULATED, english, french));
        }
    }

    /// Notes that a calculated item has no answer though its calculation has a result.
    pub(crate) fn calculation_left_out(
        &mut self,
        item: usize,
        owner: Option<usize>,
        own: Option<usize>,
        place: String,
    ) {
        let questionnaire = self.questionnaire;
        let (Some(expression), Some(environment)) =
            (&questionnaire.items[item].calculated, &mut self.environment)
        else {
            return;
        };
        match environment.evaluate(expression, Some(item), own, owner) {
            Ok(values) if values.is_empty() => {}
            Ok(values) => self.report(item, place, missing_calculation(&shown_all(&values.to_values()))),
            Err(fault) => self.execution(Some(item), place, "calculatedExpression", &fault),
        }
    }

    /// Evaluates the constraints of an item, or of the Questionnaire: one that is false is an issue, one
    /// that is empty is not. An unfinished response is only warned about.
    pub(crate) fn constraints(&mut self, item: Option<usize>, node: Option<usize>) {
        let (questionnaire, tree) = (self.questionnaire, self.tree);
        let constraints =
            item.map_or(&questionnaire.constraints, |item| &questionnaire.items[item].constraints);
        let owner = node.and_then(|node| tree.nodes[node].owner);
        for constraint in constraints {
            let Some(environment) = &mut self.environment else { return };
            let result = environment
                .evaluate(&constraint.expression, item, node, owner)
                .and_then(|result| result.truth());
            let place = tree.instance_place(node, None);
            match result {
                Ok(Some(false)) => {
                    let is_error = self.complete && constraint.severity == Severity::Error;
                    let kind = if is_error { INVARIANT } else { INVARIANT_WARNING };
                    let english =
                        format!("breaks the rule {}: {}", constraint.key, constraint.expression.text());
                    let finding = Finding::new(kind, english, constraint.human.trim_end_matches('.'));
                    match item {
                        Some(item) => self.report(item, place, finding),
                        None => {
                            let title = questionnaire.title.as_deref();
                            self.note(finding.issue("(questionnaire)", title, place));
                        }
                    }
                }
                Ok(_) => {}
                Err(fault) => self.execution(item, place, &format!("rule {}", constraint.key), &fault),
            }
        }
    }
}

/// How far a calculated number may be off: form fillers calculate in binary floating point.
fn tolerance() -> Decimal {
    Decimal::new(1, 8)
}

fn is_same(item: &Item, name: &str, given: &Value, computed: &Value) -> bool {
    let Some(kind) = AnswerType::parse(&name["value".len()..]) else { return false };
    match kind {
        AnswerType::Coding => {
            let (known, found) = (text(computed, "system"), text(given, "system"));
            let code = text(computed, "code").or_else(|| computed.as_str());
            code.is_some()
                && code == text(given, "code")
                && (known.is_none() || found.is_none() || known == found)
        }
        AnswerType::Quantity if computed.is_number() => near(given.get("value"), Some(computed)),
        AnswerType::Integer | AnswerType::Decimal => near(Some(given), Some(computed)),
        _ => match (Measure::read(kind, given), Measure::read(kind, computed)) {
            (Some(given), Some(computed)) => {
                given.compare(&computed) == Comparison::Is(std::cmp::Ordering::Equal)
            }
            _ => given == computed && item.kind.natural().is_some(),
        },
    }
}

/// The answer that a calculation gives, in the form of the one that was given.
fn as_answer(name: &str, given: &Value, computed: &Value) -> Value {
    let mut value = computed.clone();
    let part = match AnswerType::parse(&name["value".len()..]) {
        Some(AnswerType::Quantity) if computed.is_number() => Some("value"),
        Some(AnswerType::Coding) if computed.is_string() => Some("code"),
        _ => None,
    };
    if let (Some(part), Some(members)) = (part, given.as_object()) {
        let mut members = members.clone();
        members.remove("display");
        members.insert(part, value);
        value = Value::Object(members);
    }
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

fn near(given: Option<&Value>, computed: Option<&Value>) -> bool {
    match (given.and_then(decimal), computed.and_then(decimal)) {
        (Some(given), Some(computed)) => {
            given.checked_sub(computed).is_some_and(|off| off.abs() <= tolerance())
        }
        _ => false,
    }
}

fn shown_all<'v>(values: impl IntoIterator<Item = &'v Value>) -> String {
    let shown: Vec<String> = values.into_iter().map(shown).collect();
    if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") }
}
