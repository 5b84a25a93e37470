//! One answer against the limits of its item: every limit that is broken, each with what would be right.

use std::cmp::Ordering;

use crate::json::Value;

use super::attachment;
use super::extension::text;
use super::finding::{
    Finding, INVALID_NEW_LINE, INVALID_REFERENCE, INVALID_TYPE, INVALID_UNIT, INVALID_UNIT_VALUE_SET,
    INVALID_URL, Kind, LOOSE_UNIT, MAX_DECIMAL_PLACES, MAX_LENGTH, MAX_VALUE, MAX_VALUE_UNITS, MIN_LENGTH,
    MIN_VALUE, MIN_VALUE_UNITS, REFERENCE_RESTRICTION, REFERENCE_TYPE, REGEX, TERMINOLOGY, shown,
};
use super::item::{AnswerType, ItemType};
use super::limits::Limits;
use super::measure::{Comparison, Measure, Unit, decimal_places};
use crate::fhir::reference::{self, ReferenceForm};
use crate::terminology::Terminology;

/// What of the form of an answer depends on nothing but its item type.
pub(crate) fn form(kind: ItemType, value: &Value, findings: &mut Vec<Finding>) {
    match kind {
        ItemType::String if value.as_str().is_some_and(|text| text.contains(['\n', '\r'])) => {
            let english = "a string has no line break; only items of type text have";
            findings.push(Finding::new(
                INVALID_NEW_LINE,
                english,
                "la réponse ne doit pas contenir de retour à la ligne",
            ));
        }
        ItemType::Url if !value.as_str().is_some_and(is_url) => {
            let english = format!("{} is not an absolute address such as https://example.org/", shown(value));
            findings.push(Finding::new(INVALID_URL, english, "l'adresse web n'est pas valide").unreadable());
        }
        ItemType::Quantity if value.get("comparator").is_some() => {
            let english =
                format!("{} says more or less than a number, where a number is asked for", shown(value));
            let french = "une mesure précise est demandée, sans « plus de » ni « moins de »";
            findings.push(Finding::new(INVALID_TYPE, english, french).unreadable());
        }
        ItemType::Reference => reference_form(value, findings),
        ItemType::Attachment => attachment::form(value, findings),
        _ => {}
    }
}

/// Every limit of the item that the answer breaks.
pub(crate) fn limits(
    limits: &Limits,
    kind: AnswerType,
    value: &Value,
    terminology: &Terminology,
    findings: &mut Vec<Finding>,
) {
    match kind {
        AnswerType::String | AnswerType::Uri => lengths(limits, value.as_str().unwrap_or_default(), findings),
        AnswerType::Attachment => attachment::limits(limits, value, findings),
        AnswerType::Reference => reference_types(limits, value, findings),
        AnswerType::Quantity => {
            if let Some(Measure::Quantity(_, unit)) = Measure::read(kind, value) {
                findings.extend(units(limits, &unit, terminology));
            }
        }
        _ => {}
    }
    let number = if kind == AnswerType::Quantity { value.get("value") } else { Some(value) };
    if let (Some(most), Some(places)) = (limits.decimal_places, number.and_then(decimal_places))
        && places > most
    {
        let english = format!("{} has {places} decimal places, at most {most} are allowed", shown(value));
        findings.push(Finding::new(
            MAX_DECIMAL_PLACES,
            english,
            format!("au plus {most} chiffres après la virgule"),
        ));
    }
    range(limits, kind, value, findings);
}

fn range(limits: &Limits, kind: AnswerType, value: &Value, findings: &mut Vec<Finding>) {
    let measure = match Measure::read(kind, value) {
        // A unit that is only spelled out means the option of that name.
        Some(Measure::Quantity(number, unit)) if unit.code.is_none() => {
            let option = limits.units.iter().find(|known| is_spelled(known, &unit));
            Measure::Quantity(number, option.cloned().unwrap_or(unit))
        }
        Some(measure) => measure,
        None => return,
    };
    let mut bound = |bound: &Option<Measure>,
                     beyond: Ordering,
                     broken: Kind,
                     units: Kind,
                     english: &str,
                     french: &str| {
        let Some(bound) = bound else { return };
        match measure.compare(bound) {
            Comparison::Is(order) if order == beyond => {
                let english = format!("{} is {english} {}", measure.french(), bound.french());
                let french =
                    format!("la valeur {} est {french} {}, à vérifier", measure.french(), bound.french());
                findings.push(Finding::new(broken, english, french).unreadable());
            }
            Comparison::Incomparable => {
                let english =
                    format!("{} cannot be compared with the limit {}", measure.french(), bound.french());
                let french =
                    format!("l'unité de {} ne se compare pas à {}", measure.french(), bound.french());
                findings.push(Finding::new(units, english, french).unreadable());
            }
            Comparison::Is(_) | Comparison::Unsure => {}
        }
    };
    bound(
        &limits.min,
        Ordering::Less,
        MIN_VALUE,
        MIN_VALUE_UNITS,
        "less than the minimum",
        "inférieure au minimum",
    );
    bound(
        &limits.max,
        Ordering::Greater,
        MAX_VALUE,
        MAX_VALUE_UNITS,
        "greater than the maximum",
        "supérieure au maximum",
    );
}

fn lengths(limits: &Limits, answer: &str, findings: &mut Vec<Finding>) {
    let length = answer.chars().count();
    if let Some(most) = limits.max_length.filter(|most| length > *most) {
        let english = format!("has {length} characters, at most {most} are allowed");
        findings.push(Finding::new(MAX_LENGTH, english, format!("la réponse dépasse {most} caractères")));
    }
    if let Some(least) = limits.min_length.filter(|least| length < *least) {
        let english = format!("has {length} characters, at least {least} are needed");
        findings.push(Finding::new(
            MIN_LENGTH,
            english,
            format!("la réponse doit avoir au moins {least} caractères"),
        ));
    }
    if let Some((pattern, compiled)) = &limits.pattern
        && !compiled.is_match(answer)
    {
        let english = format!("'{answer}' does not match the regular expression '{pattern}'");
        findings.push(Finding::new(REGEX, english, "la réponse n'a pas la forme attendue"));
    }
}

/// A unit that is missing or only spelled out leaves the answer readable; a wrong one does not, since
/// 98.6 is a fever in one scale and impossible in another.
fn units(limits: &Limits, unit: &Unit, terminology: &Terminology) -> Option<Finding> {
    if limits.units.is_empty() && limits.unit_value_set.is_none() {
        return None;
    }
    let allowed = || each_once(limits.units.iter().map(coded));
    if unit.is_absent() {
        let english = format!("has no unit; the units are: {}", allowed());
        let shown = each_once(limits.units.iter().map(|unit| unit.shown().to_owned()));
        return Some(Finding::new(INVALID_UNIT, english, format!("l'unité manque ({shown})")));
    }
    let same_system =
        |known: &Unit| known.system.is_none() || unit.system.is_none() || known.system == unit.system;
    let Some(code) = &unit.code else {
        if limits.units.iter().any(|known| is_spelled(known, unit)) {
            let english = format!("names the unit '{}' without its code", unit.shown());
            return Some(Finding::new(LOOSE_UNIT, english, "le code de l'unité manque"));
        }
        return (!limits.unit_open).then(|| wrong_unit(INVALID_UNIT, unit, &allowed()));
    };
    if limits.units.iter().any(|known| known.code.as_ref() == Some(code) && same_system(known)) {
        return None;
    }
    if limits.unit_open
        && limits.unit_system.as_ref().is_none_or(|system| Some(system) == unit.system.as_ref())
    {
        return None;
    }
    let Some(value_set) = &limits.unit_value_set else {
        return Some(wrong_unit(INVALID_UNIT, unit, &allowed()));
    };
    match terminology.contains(value_set, unit.system.as_deref().unwrap_or(super::measure::UCUM), code) {
        Some(true) => None,
        Some(false) => Some(wrong_unit(INVALID_UNIT_VALUE_SET, unit, value_set)),
        None => {
            let english = format!("unit '{code}' could not be looked up in {value_set}");
            Some(Finding::new(TERMINOLOGY, english, "l'unité n'a pas pu être vérifiée"))
        }
    }
}

/// A unit as a program sends it.
fn coded(unit: &Unit) -> String {
    match (&unit.code, &unit.unit) {
        (Some(code), Some(shown)) if code != shown => format!("{code} ({shown})"),
        _ => unit.shown().to_owned(),
    }
}

fn each_once(units: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = units.collect();
    all.dedup();
    all.join(", ")
}

fn is_spelled(known: &Unit, unit: &Unit) -> bool {
    unit.unit.is_some() && (known.unit == unit.unit || known.code == unit.unit)
}

fn wrong_unit(kind: Kind, unit: &Unit, allowed: &str) -> Finding {
    let english = format!(
        "unit '{}' is not allowed; the units are: {allowed}",
        unit.code.as_deref().unwrap_or(unit.shown())
    );
    Finding::new(kind, english, format!("l'unité « {} » n'est pas acceptée", unit.shown())).unreadable()
}

fn is_url(text: &str) -> bool {
    let scheme = text.split_once(':').map(|(scheme, rest)| (scheme, rest.is_empty()));
    !text.contains(char::is_whitespace)
        && scheme.is_some_and(|(scheme, empty)| {
            !empty
                && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        })
}

fn reference_form(value: &Value, findings: &mut Vec<Finding>) {
    let literal = text(value, "reference");
    let wrong = match literal {
        Some(literal) => reference::parse(literal) == ReferenceForm::Invalid,
        None => value.get("identifier").is_none(),
    };
    if wrong {
        let english = format!(
            "{} is no reference; it needs `reference` such as Practitioner/1, or `identifier`",
            shown(value)
        );
        findings.push(Finding::new(INVALID_REFERENCE, english, "la référence n'est pas valide").unreadable());
    }
}

fn reference_types(limits: &Limits, value: &Value, findings: &mut Vec<Finding>) {
    let literal = text(value, "reference").map(reference::parse);
    let Some(found) = literal.as_ref().and_then(ReferenceForm::rtype).or_else(|| text(value, "type")) else {
        return;
    };
    let refuse = |kind, allowed: &str| {
        let english = format!("refers to a {found}, not to one of: {allowed}");
        Finding::new(kind, english, format!("la référence doit viser : {allowed}")).unreadable()
    };
    if !limits.reference_types.is_empty() && !limits.reference_types.iter().any(|allowed| allowed == found) {
        findings.push(refuse(REFERENCE_TYPE, &limits.reference_types.join(", ")));
    }
    // Only profiles of the base standard name their type; others would need the profile itself.
    let base = |profile: &String| {
        profile.strip_prefix("http://hl7.org/fhir/StructureDefinition/").map(str::to_owned)
    };
    let profiles: Option<Vec<String>> = limits.reference_profiles.iter().map(base).collect();
    if let Some(profiles) = profiles.filter(|list| !list.is_empty())
        && !profiles.iter().any(|allowed| allowed == found)
    {
        findings.push(refuse(REFERENCE_RESTRICTION, &profiles.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_no_blank() {
        assert!(is_url("https://example.org/a") && is_url("urn:oid:1.2"));
        assert!(!is_url("example.org") && !is_url("http://a b") && !is_url("https:") && !is_url("1:a"));
    }
}
