//! The options of an item and how an answer is found among them (`answerOption`, `answerValueSet`,
//! `optionExclusive`, `ordinalValue`).

use crate::json::Value;
use rust_decimal::Decimal;

use super::extension::{self, ITEM_WEIGHT, OPTION_EXCLUSIVE, ORDINAL_VALUE, text};
use super::finding::{Finding, INVALID_ANSWER_OPTION, INVALID_CODING, LOOSE_CODING, TERMINOLOGY, shown};
use super::item::AnswerType;
use super::measure::decimal;
use crate::terminology::Terminology;

/// Reasons for not answering, which the standard knows and which any choice may offer.
pub(crate) const ABSENT_REASON_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";

/// How free an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Openness {
    /// One of the options.
    Closed,
    /// Or a text.
    OrString,
    /// Or another value of the same type.
    OrType,
}

/// One option.
#[derive(Debug, Clone)]
pub(crate) struct AnswerOption {
    pub(crate) kind: AnswerType,
    pub(crate) value: Value,
    pub(crate) exclusive: bool,
    pub(crate) ordinal: Option<Decimal>,
}

/// The options of one item.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) list: Vec<AnswerOption>,
    /// A value set that is asked by address; contained ones are in the list.
    pub(crate) value_set: Option<String>,
    pub(crate) openness: Openness,
}

impl AnswerOption {
    /// Reads `answerOption`; `None` when its value is of a type that options do not have.
    pub(crate) fn read(element: &Value) -> Option<Self> {
        let (name, value) = extension::value_of(element, "value")?;
        let kind = AnswerType::parse(&name["value".len()..])?;
        let weight = |from: &Value| {
            [ORDINAL_VALUE, ITEM_WEIGHT].iter().find_map(|url| decimal(extension::value(from, url)?))
        };
        Some(Self {
            kind,
            exclusive: extension::value(element, OPTION_EXCLUSIVE) == Some(&Value::Bool(true)),
            ordinal: weight(value).or_else(|| weight(element)),
            value: often_copied(value.clone()),
        })
    }

    fn system(&self) -> Option<&str> {
        text(&self.value, "system")
    }

    fn code(&self) -> Option<&str> {
        text(&self.value, "code")
    }
}

/// A value that many Observations have: its copies share what it says.
fn often_copied(mut value: Value) -> Value {
    if let Some(display) = value.get_mut("display") {
        *display = display.take().shared();
    }
    value.shared()
}

impl Options {
    /// Whether answers of this type may be options at all.
    pub(crate) fn accepts(&self, kind: AnswerType) -> bool {
        (self.openness == Openness::OrString && kind == AnswerType::String)
            || (self.value_set.is_some() && kind == AnswerType::Coding)
            || self.list.iter().any(|option| option.kind == kind)
    }

    /// The option that an answer means.
    pub(crate) fn find(&self, kind: AnswerType, value: &Value) -> Option<&AnswerOption> {
        let candidates = || self.list.iter().filter(move |option| option.kind == kind);
        match kind {
            AnswerType::Coding => {
                let (system, code) = (text(value, "system"), text(value, "code")?);
                let mut same_code = candidates().filter(|option| option.code() == Some(code));
                if system.is_some() {
                    return same_code.find(|option| option.system() == system || option.system().is_none());
                }
                let only = same_code.next()?;
                same_code.next().is_none().then_some(only)
            }
            AnswerType::Reference => {
                let reference = text(value, "reference")?;
                candidates().find(|option| text(&option.value, "reference") == Some(reference))
            }
            _ => candidates().find(|option| option.value == *value),
        }
    }

    /// What is wrong with an answer, if anything.
    pub(crate) fn check(
        &self,
        kind: AnswerType,
        value: &Value,
        terminology: &Terminology,
    ) -> Option<Finding> {
        if kind == AnswerType::String && self.openness == Openness::OrString {
            return None;
        }
        if kind == AnswerType::Coding && text(value, "code").is_none() {
            return match self.openness {
                Openness::OrString if text(value, "display").is_some() => None,
                _ => Some(without_code(value)),
            };
        }
        if let Some(option) = self.find(kind, value) {
            let coded = (kind == AnswerType::Coding).then_some(option)?;
            return self.contradiction(coded, value).or_else(|| loose(coded, value));
        }
        if self.openness != Openness::Closed && kind != AnswerType::String {
            return None;
        }
        match &self.value_set {
            Some(value_set) => in_value_set(value_set, value, terminology),
            None => Some(self.unknown(value)),
        }
    }

    /// A code of one option with the words of another: nobody can tell which of the two the person chose.
    fn contradiction(&self, option: &AnswerOption, value: &Value) -> Option<Finding> {
        let given = text(value, "display")?.trim();
        let says =
            |option: &AnswerOption| text(&option.value, "display").is_some_and(|own| own.trim() == given);
        if says(option) || !self.list.iter().any(says) {
            return None;
        }
        let english = format!("{} has the code of one option and the display of another", shown(value));
        let french = format!("le code de la réponse n'est pas celui de « {given} »");
        Some(Finding::new(INVALID_CODING, english, french).unreadable())
    }

    fn unknown(&self, value: &Value) -> Finding {
        const NAMED_MAX: usize = 12;
        let mut names: Vec<String> =
            self.list.iter().take(NAMED_MAX).map(|option| name(&option.value)).collect();
        if self.list.len() > NAMED_MAX {
            names.push("…".to_owned());
        }
        let english = format!("{} is not one of the options; these are: {}", shown(value), names.join(", "));
        let french = format!("« {} » ne fait pas partie des choix proposés", french(value));
        Finding::new(INVALID_ANSWER_OPTION, english, french).unreadable()
    }
}

fn without_code(value: &Value) -> Finding {
    let english = format!("{} has no code; name the option by system and code", shown(value));
    Finding::new(INVALID_CODING, english, format!("le choix « {} » n'a pas de code", french(value)))
        .unreadable()
}

/// A match that is sure, with something to tidy up: the system or the display.
fn loose(option: &AnswerOption, value: &Value) -> Option<Finding> {
    if let (None, Some(system)) = (text(value, "system"), option.system()) {
        let english = format!("{} has no system; it is read as {system}", shown(value));
        return Some(Finding::new(LOOSE_CODING, english, "le système de codage de la réponse manque"));
    }
    let (given, known) = (text(value, "display")?, text(&option.value, "display")?);
    if given.trim() == known.trim() {
        return None;
    }
    let english = format!("display '{given}' is not the display of the option, '{known}'");
    let french = format!("le libellé « {given} » n'est pas celui du choix « {known} »");
    Some(Finding::new(LOOSE_CODING, english, french))
}

fn in_value_set(value_set: &str, value: &Value, terminology: &Terminology) -> Option<Finding> {
    let (system, code) = (text(value, "system"), text(value, "code").unwrap_or_default());
    let member = match system {
        Some(system) => terminology.contains(value_set, system, code),
        None => {
            terminology.expand(value_set).map(|concepts| concepts.iter().any(|concept| concept.code == code))
        }
    };
    match (member, system) {
        (Some(true), Some(_)) => None,
        (Some(true), None) => {
            let english = format!("{} has no system; name the system of {value_set}", shown(value));
            Some(Finding::new(LOOSE_CODING, english, "le système de codage de la réponse manque"))
        }
        (Some(false), _) => {
            let english = format!("{} is not in the value set {value_set}", shown(value));
            let french = format!("« {} » ne fait pas partie des choix proposés", french(value));
            Some(Finding::new(INVALID_ANSWER_OPTION, english, french).unreadable())
        }
        (None, _) => {
            let english = format!("{} could not be looked up in {value_set}", shown(value));
            Some(Finding::new(TERMINOLOGY, english, "le choix n'a pas pu être vérifié"))
        }
    }
}

fn name(value: &Value) -> String {
    match (text(value, "system"), text(value, "code")) {
        (Some(system), Some(code)) => format!("{system}|{code}"),
        (None, Some(code)) => code.to_owned(),
        _ => shown(value),
    }
}

fn french(value: &Value) -> &str {
    ["display", "code", "reference"].iter().find_map(|key| text(value, key)).or(value.as_str()).unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    fn options() -> Options {
        let list = [
            json!({ "valueCoding": { "system": "s", "code": "0", "display": "Aucune", "extension": [
                { "url": ORDINAL_VALUE, "valueDecimal": 0 }] } }),
            json!({ "valueCoding": { "system": "s", "code": "3", "display": "Forte" },
                "extension": [{ "url": ITEM_WEIGHT, "valueDecimal": 3 }] }),
            json!({ "valueCoding": { "system": "t", "code": "3", "display": "Autre" } }),
        ];
        let list = list.iter().filter_map(AnswerOption::read).collect();
        Options { list, value_set: None, openness: Openness::Closed }
    }

    fn check(value: &Value, expected: Option<(&str, bool)>) {
        let found = options().check(AnswerType::Coding, value, &Terminology::default());
        let issue = found.map(|f| (f.unreadable, f.issue("q", None, String::new())));
        assert_eq!(issue.as_ref().map(|(u, i)| (i.detail.unwrap(), *u)), expected, "{value}");
    }

    #[test]
    fn an_option_is_found_by_system_and_code() {
        check(&json!({ "system": "s", "code": "3", "display": "Forte" }), None);
        check(&json!({ "system": "u", "code": "3" }), Some(("invalidAnswerOption", true)));
        check(&json!({ "system": "s", "code": "9" }), Some(("invalidAnswerOption", true)));
    }

    #[test]
    fn a_missing_system_is_tolerated_unless_it_leaves_a_choice() {
        check(&json!({ "code": "0" }), Some(("invalidCoding", false)));
        check(&json!({ "code": "3" }), Some(("invalidAnswerOption", true)));
    }

    #[test]
    fn another_display_is_a_warning_and_no_code_an_error() {
        check(&json!({ "system": "s", "code": "0", "display": "None" }), Some(("invalidCoding", false)));
        check(&json!({ "display": "Aucune" }), Some(("invalidCoding", true)));
    }

    #[test]
    fn the_code_of_one_option_with_the_words_of_another_cannot_be_read() {
        check(&json!({ "system": "s", "code": "0", "display": "Forte" }), Some(("invalidCoding", true)));
        check(&json!({ "code": "0", "display": " Forte" }), Some(("invalidCoding", true)));
    }

    #[test]
    fn the_ordinal_is_read_from_the_coding_or_the_option() {
        let ordinals: Vec<_> = options().list.iter().map(|option| option.ordinal).collect();
        assert_eq!(ordinals, [Some(Decimal::ZERO), Some(Decimal::from(3)), None]);
    }
}
