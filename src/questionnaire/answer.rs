//! One answer against its item: exactly one value, of the right type, well formed, within the limits and
//! among the options.

use crate::json::Value;

use super::bounds;
use super::extension::{self, DATA_ABSENT_REASON};
use super::finding::{DISPLAY_ANSWER, Finding, GROUP_ANSWER, INVALID_ANSWER_TYPE, INVALID_TYPE, shown};
use super::item::{AnswerType, Item, ItemType};
use super::measure::{decimal, integer};
use crate::fhir::datetime::{is_date, is_date_time, parse_time};
use crate::terminology::Terminology;

/// Everything that is wrong with an answer.
pub(crate) fn check(item: &Item, answer: &Value, terminology: &Terminology, findings: &mut Vec<Finding>) {
    let Some(natural) = item.kind.natural() else {
        findings.push(unanswerable(item.kind));
        return;
    };
    let (kind, value) = match single_value(answer, natural) {
        Ok(Some(found)) => found,
        Ok(None) => return,
        Err(finding) => {
            findings.push(finding);
            return;
        }
    };
    if !well_formed(kind, value) {
        let english = format!("value{} {} cannot be read; {}", kind.suffix(), shown(value), form_of(kind));
        let french = format!("la réponse est illisible, il faut {}", kind.french());
        findings.push(Finding::new(INVALID_TYPE, english, french).unreadable());
        return;
    }
    let as_options = item.options.as_ref().is_some_and(|options| options.accepts(kind));
    let as_type = natural == kind
        && item.options.as_ref().is_none_or(|options| options.list.is_empty() || !item.kind.is_choice());
    if !as_options && !as_type {
        let finding = wrong_type(item, natural, kind, value);
        let lost = finding.unreadable;
        findings.push(finding);
        if lost {
            return;
        }
    }
    bounds::form(item.kind, value, findings);
    if let Some(limits) = &item.limits {
        bounds::limits(limits, kind, value, terminology, findings);
    }
    if let Some(options) = &item.options {
        findings.extend(options.check(kind, value, terminology));
    }
}

/// The type and value of an answer; nothing for one that says why there is no value.
fn single_value(answer: &Value, natural: AnswerType) -> Result<Option<(AnswerType, &Value)>, Finding> {
    let expected = format_args!("value{}", natural.suffix());
    let unreadable = |kind, english: String| {
        let french = format!("la réponse est illisible, il faut {}", natural.french());
        Err(Finding::new(kind, english, french).unreadable())
    };
    let Some(members) = answer.as_object() else {
        return unreadable(
            INVALID_TYPE,
            format!("{} is not an answer; it must be an object with {expected}", shown(answer)),
        );
    };
    let mut values = members.iter().filter_map(|(name, value)| {
        let suffix = name.strip_prefix("value")?;
        suffix.starts_with(|c: char| c.is_ascii_uppercase()).then_some((name, suffix, value))
    });
    let (first, second) = (values.next(), values.next());
    let Some((name, suffix, value)) = first else {
        if declined(answer).is_some() {
            return Ok(None);
        }
        return unreadable(INVALID_ANSWER_TYPE, format!("the answer has no value; it must have {expected}"));
    };
    if let Some((other, ..)) = second {
        return unreadable(
            INVALID_TYPE,
            format!("the answer has both {name} and {other}; it must have one {expected}"),
        );
    }
    if absent_reason(value).is_some() && value.get("value").is_none() && value.get("code").is_none() {
        return Ok(None);
    }
    match AnswerType::parse(suffix) {
        Some(kind) => Ok(Some((kind, value))),
        None => {
            unreadable(INVALID_ANSWER_TYPE, format!("{name} is no type of answer; it must be {expected}"))
        }
    }
}

/// The coded reason why an element has no value.
pub(crate) fn absent_reason(element: &Value) -> Option<&str> {
    extension::value(element, DATA_ABSENT_REASON)?.as_str()
}

/// The reason why an answer has no value, from itself or from its missing primitive.
pub(crate) fn declined(answer: &Value) -> Option<&str> {
    let on_primitive = || {
        let (_, missing) = answer.as_object()?.iter().find(|(name, _)| name.starts_with("_value"))?;
        absent_reason(missing)
    };
    absent_reason(answer).or_else(on_primitive)
}

fn unanswerable(kind: ItemType) -> Finding {
    if kind == ItemType::Display {
        return Finding::new(
            DISPLAY_ANSWER,
            "a display item has no answer",
            "ce texte n'attend pas de réponse",
        )
        .unreadable();
    }
    Finding::new(
        GROUP_ANSWER,
        "a group has no answer; only its items have",
        "ce groupe n'attend pas de réponse",
    )
    .unreadable()
}

/// A whole number where a decimal is asked, or the other way round, is against the rules but means the
/// same: rules still see it. Any other type is lost.
fn wrong_type(item: &Item, natural: AnswerType, kind: AnswerType, value: &Value) -> Finding {
    let english = format!(
        "value{} does not fit type {}; it must be value{}",
        kind.suffix(),
        item.kind.code(),
        natural.suffix()
    );
    let french = format!("la réponse n'a pas le bon type, il faut {}", natural.french());
    let finding = Finding::new(INVALID_ANSWER_TYPE, english, french);
    let same_meaning = match (natural, kind) {
        (AnswerType::Decimal, AnswerType::Integer) => true,
        (AnswerType::Integer, AnswerType::Decimal) => {
            decimal(value).is_some_and(|number| number.is_integer())
        }
        _ => false,
    };
    if same_meaning { finding } else { finding.unreadable() }
}

fn well_formed(kind: AnswerType, value: &Value) -> bool {
    let text = value.as_str();
    match kind {
        AnswerType::Boolean => value.is_boolean(),
        AnswerType::Decimal => decimal(value).is_some(),
        AnswerType::Integer => integer(value).is_some(),
        AnswerType::Date => text.is_some_and(is_date),
        AnswerType::DateTime => text.is_some_and(is_date_time),
        AnswerType::Time => text.is_some_and(|text| parse_time(text).is_some()),
        AnswerType::String | AnswerType::Uri => text.is_some_and(|text| !text.trim().is_empty()),
        AnswerType::Quantity => value.get("value").is_some_and(|number| decimal(number).is_some()),
        AnswerType::Coding | AnswerType::Attachment | AnswerType::Reference => value.is_object(),
    }
}

const fn form_of(kind: AnswerType) -> &'static str {
    match kind {
        AnswerType::Boolean => "it must be true or false",
        AnswerType::Decimal => "it must be a JSON number of 28 digits at most",
        AnswerType::Integer => "it must be a JSON number without fraction, of 32 bits",
        AnswerType::Date => "it must be an existing date such as 2026-11-22",
        AnswerType::DateTime => "it must be an existing moment such as 2026-11-22T08:30:00+01:00",
        AnswerType::Time => "it must be a time such as 08:30:00",
        AnswerType::String | AnswerType::Uri => "it must be a text that is not blank",
        AnswerType::Quantity => "it must be an object whose value is a JSON number of 28 digits at most",
        AnswerType::Coding => "it must be an object with system and code",
        AnswerType::Attachment => "it must be an object with contentType and data or url",
        AnswerType::Reference => "it must be an object with reference or identifier",
    }
}
