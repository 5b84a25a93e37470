//! `enableWhen`: a condition on another answer, compiled and compared
//! (<https://hl7.org/fhir/R4/valueset-questionnaire-enable-operator.html>).

use std::cmp::Ordering;

use crate::json::Value;

use super::extension::{self, text};
use super::item::{AnswerType, ItemType};
use super::measure::{Comparison, Measure};
use crate::problem::Issue;

/// How several conditions of one item go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behavior {
    All,
    Any,
}

/// `enableWhen.operator`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Exists,
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
}

const OPERATORS: [(&str, Operator); 7] = [
    ("exists", Operator::Exists),
    ("=", Operator::Equal),
    ("!=", Operator::NotEqual),
    (">", Operator::Greater),
    ("<", Operator::Less),
    (">=", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
];

/// One condition.
#[derive(Debug, Clone)]
pub(crate) struct EnableWhen {
    /// The item whose answers are asked.
    pub(crate) target: usize,
    /// The nearest item that holds both; `None` for the Questionnaire itself.
    pub(crate) common: Option<usize>,
    pub(crate) operator: Operator,
    kind: AnswerType,
    answer: Value,
    measure: Option<Measure>,
}

/// A condition as it stands in the definition, before the linkIds are known.
pub(crate) struct Written<'q> {
    pub(crate) question: Option<&'q str>,
    pub(crate) at: String,
    operator: Option<Operator>,
    answer: Option<(AnswerType, &'q Value)>,
}

impl<'q> Written<'q> {
    /// Reads one `enableWhen`, noting what cannot be read.
    pub(crate) fn read(element: &'q Value, at: String, faults: &mut Vec<Issue>) -> Self {
        let code = text(element, "operator").unwrap_or_default();
        let operator = OPERATORS.iter().find(|(known, _)| *known == code).map(|(_, operator)| *operator);
        if operator.is_none() {
            let known = OPERATORS.map(|(code, _)| code).join(" ");
            faults.push(
                Issue::error("code-invalid", format!("operator '{code}' is not one of: {known}")).at(&at),
            );
        }
        let answer = extension::value_of(element, "answer")
            .and_then(|(name, value)| Some((AnswerType::parse(&name["answer".len()..])?, value)));
        if answer.is_none() {
            faults.push(
                Issue::error("required", "enableWhen needs an answer[x] of a type that answers have").at(&at),
            );
        }
        if text(element, "question").is_none() {
            faults.push(Issue::error("required", "enableWhen needs the linkId of a question").at(&at));
        }
        Self { question: text(element, "question"), at, operator, answer }
    }

    /// The condition, once its target is known; notes what does not fit the target.
    pub(crate) fn compile(
        &self,
        target: usize,
        target_type: ItemType,
        common: Option<usize>,
        faults: &mut Vec<Issue>,
    ) -> Option<EnableWhen> {
        let (operator, (kind, answer)) = (self.operator?, self.answer?);
        if let Some(message) = misfit(operator, kind, target_type) {
            faults.push(Issue::error("business-rule", message).at(&self.at));
            return None;
        }
        let measure = Measure::read(kind, answer);
        let needs_measure = matches!(
            kind,
            AnswerType::Date
                | AnswerType::DateTime
                | AnswerType::Time
                | AnswerType::Decimal
                | AnswerType::Integer
                | AnswerType::Quantity
        );
        if needs_measure && measure.is_none() {
            let message = format!("answer{} cannot be read", kind.suffix());
            faults.push(Issue::error("value", message).at(&self.at));
            return None;
        }
        Some(EnableWhen { target, common, operator, kind, answer: answer.clone(), measure })
    }
}

fn misfit(operator: Operator, kind: AnswerType, target: ItemType) -> Option<String> {
    if operator == Operator::Exists {
        return (kind != AnswerType::Boolean).then(|| "operator exists needs answerBoolean".to_owned());
    }
    let fits = match target {
        ItemType::Group | ItemType::Display => {
            return Some(format!("an item of type {} has no answer to compare", target.code()));
        }
        ItemType::Choice | ItemType::OpenChoice => {
            !matches!(kind, AnswerType::Boolean | AnswerType::Attachment)
        }
        ItemType::Decimal => matches!(kind, AnswerType::Decimal | AnswerType::Integer),
        _ => target.natural() == Some(kind),
    };
    if !fits {
        return Some(format!("answer{} does not fit a question of type {}", kind.suffix(), target.code()));
    }
    let ordered = matches!(
        kind,
        AnswerType::Integer
            | AnswerType::Decimal
            | AnswerType::Date
            | AnswerType::DateTime
            | AnswerType::Time
            | AnswerType::Quantity
    );
    let needs_order = !matches!(operator, Operator::Equal | Operator::NotEqual);
    (needs_order && !ordered)
        .then(|| format!("answer{} has no order; the operators for it are exists = !=", kind.suffix()))
}

impl EnableWhen {
    /// Whether the operator is `exists` with this answer.
    pub(crate) fn exists(&self) -> Option<bool> {
        (self.operator == Operator::Exists).then(|| self.answer == Value::Bool(true))
    }

    /// Whether the operator is `!=`: fulfilled when no answer is equal.
    pub(crate) fn is_negated(&self) -> bool {
        self.operator == Operator::NotEqual
    }

    /// Whether one answer fulfils the condition; `!=` is turned round by the caller, over all answers.
    pub(crate) fn holds(&self, kind: AnswerType, value: &Value) -> bool {
        let order = match (&self.measure, Measure::read(kind, value)) {
            (Some(known), Some(found)) => match found.compare(known) {
                Comparison::Is(order) => order,
                Comparison::Unsure | Comparison::Incomparable => return false,
            },
            _ => return self.same(kind, value),
        };
        match self.operator {
            Operator::Exists => true,
            Operator::Equal | Operator::NotEqual => order == Ordering::Equal,
            Operator::Greater => order == Ordering::Greater,
            Operator::Less => order == Ordering::Less,
            Operator::GreaterOrEqual => order != Ordering::Less,
            Operator::LessOrEqual => order != Ordering::Greater,
        }
    }

    fn same(&self, kind: AnswerType, value: &Value) -> bool {
        if kind != self.kind || !matches!(self.operator, Operator::Equal | Operator::NotEqual) {
            return false;
        }
        match kind {
            AnswerType::Coding => {
                let (known, found) = (text(&self.answer, "system"), text(value, "system"));
                text(&self.answer, "code") == text(value, "code")
                    && (known == found || known.is_none() || found.is_none())
            }
            AnswerType::Reference => text(&self.answer, "reference") == text(value, "reference"),
            _ => self.answer == *value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    fn check(
        operator: &str,
        answer: &Value,
        target: ItemType,
        kind: AnswerType,
        value: &Value,
        expected: bool,
    ) {
        let mut element = answer.clone();
        element["operator"] = json!(operator);
        element["question"] = json!("q");
        let mut faults = Vec::new();
        let written = Written::read(&element, String::new(), &mut faults);
        let condition = written.compile(0, target, None, &mut faults).unwrap();
        assert_eq!(faults, []);
        assert_eq!(condition.holds(kind, value), expected, "{value} {operator} {answer}");
    }

    #[test]
    fn every_operator_has_both_sides() {
        for (operator, expected) in [
            ("=", [false, true, false]),
            ("<", [true, false, false]),
            ("<=", [true, true, false]),
            (">", [false, false, true]),
            (">=", [false, true, true]),
        ] {
            for (value, expected) in [37, 38, 39].into_iter().zip(expected) {
                let answer = json!({ "answerInteger": 38 });
                check(operator, &answer, ItemType::Integer, AnswerType::Integer, &json!(value), expected);
            }
        }
    }

    #[test]
    fn codings_need_no_display_to_be_equal() {
        let answer = json!({ "answerCoding": { "system": "s", "code": "2" } });
        let given = json!({ "system": "s", "code": "2", "display": "Deux" });
        check("=", &answer, ItemType::Choice, AnswerType::Coding, &given, true);
        check(
            "=",
            &answer,
            ItemType::Choice,
            AnswerType::Coding,
            &json!({ "system": "t", "code": "2" }),
            false,
        );
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert!(misfit(Operator::Exists, AnswerType::Integer, ItemType::Integer).is_some());
        assert!(misfit(Operator::Greater, AnswerType::String, ItemType::String).is_some());
        assert!(misfit(Operator::Equal, AnswerType::Integer, ItemType::Boolean).is_some());
        assert!(misfit(Operator::Equal, AnswerType::Boolean, ItemType::Group).is_some());
        assert!(misfit(Operator::Exists, AnswerType::Boolean, ItemType::Group).is_none());
    }
}
