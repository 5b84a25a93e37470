//! The limits that an item sets to its answers, compiled: ranges, lengths, patterns, units, attachment
//! and reference restrictions (FHIR R4 extension registry, SDC quantity limits).

use crate::json::Value;
use regex::Regex;
use rust_decimal::Decimal;

use super::extension::{
    self, MAX_DECIMAL_PLACES, MAX_QUANTITY, MAX_SIZE, MAX_VALUE, MIME_TYPE, MIN_LENGTH, MIN_QUANTITY,
    MIN_VALUE, REFERENCE_PROFILE, REFERENCE_RESOURCE, REGEX, UNIT, UNIT_OPEN, UNIT_OPTION, UNIT_SUPPLEMENTAL,
    UNIT_VALUE_SET,
};
use super::item::{AnswerType, ItemType};
use super::measure::{Comparison, Measure, Unit, decimal, integer};
use crate::problem::Issue;
use crate::terminology::Terminology;

/// The limits of one item; an absent one is not checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits {
    pub(crate) min: Option<Measure>,
    pub(crate) max: Option<Measure>,
    pub(crate) min_length: Option<usize>,
    pub(crate) max_length: Option<usize>,
    pub(crate) decimal_places: Option<usize>,
    /// The pattern as written, and compiled to match the whole answer.
    pub(crate) pattern: Option<(String, Regex)>,
    pub(crate) mime_types: Vec<String>,
    /// In megabytes of 1,000,000 bytes.
    pub(crate) size_max: Option<Decimal>,
    pub(crate) units: Vec<Unit>,
    pub(crate) unit_value_set: Option<String>,
    /// Whether units beyond the listed ones are allowed.
    pub(crate) unit_open: bool,
    /// With open units, the system that other codes must come from.
    pub(crate) unit_system: Option<String>,
    pub(crate) reference_types: Vec<String>,
    pub(crate) reference_profiles: Vec<String>,
}

/// Where an item stands in the Questionnaire while its limits are read.
pub(crate) struct Place<'q> {
    pub(crate) element: &'q Value,
    pub(crate) at: &'q str,
    pub(crate) kind: ItemType,
}

impl Limits {
    /// Reads the limits of an item; `None` when it sets none.
    pub(crate) fn compile(
        place: &Place<'_>,
        terminology: &Terminology,
        faults: &mut Vec<Issue>,
    ) -> Option<Box<Self>> {
        let element = place.element;
        let mut limits = Self {
            min: place.bound(&[MIN_VALUE, MIN_QUANTITY], faults),
            max: place.bound(&[MAX_VALUE, MAX_QUANTITY], faults),
            min_length: place.count(MIN_LENGTH, faults),
            max_length: place.max_length(faults),
            decimal_places: place.count(MAX_DECIMAL_PLACES, faults),
            pattern: place.pattern(faults),
            ..Self::default()
        };
        limits.mime_types = texts(element, MIME_TYPE);
        limits.size_max = extension::value(element, MAX_SIZE).and_then(decimal);
        let units = [UNIT_OPTION, UNIT].map(|url| extension::all(element, url));
        limits.units = units
            .into_iter()
            .flatten()
            .filter_map(|(_, found)| extension::value_of(found, "value"))
            .map(|(_, coding)| Unit::read(coding))
            .collect();
        limits.unit_value_set = place.unit_value_set(terminology, faults);
        limits.unit_open = extension::value(element, UNIT_OPEN).is_some_and(|open| open != "optionsOnly");
        limits.unit_system = texts(element, UNIT_SUPPLEMENTAL).pop();
        limits.reference_types = texts(element, REFERENCE_RESOURCE);
        limits.reference_profiles = texts(element, REFERENCE_PROFILE);
        limits.check_order(place, faults);
        limits.sets_any().then(|| Box::new(limits))
    }

    fn sets_any(&self) -> bool {
        self.min.is_some()
            || self.max.is_some()
            || self.min_length.is_some()
            || self.max_length.is_some()
            || self.decimal_places.is_some()
            || self.pattern.is_some()
            || self.size_max.is_some()
            || self.unit_value_set.is_some()
            || [&self.mime_types, &self.reference_types, &self.reference_profiles]
                .iter()
                .any(|list| !list.is_empty())
            || !self.units.is_empty()
    }

    fn check_order(&self, place: &Place<'_>, faults: &mut Vec<Issue>) {
        if let (Some(min), Some(max)) = (&self.min, &self.max) {
            match min.compare(max) {
                Comparison::Is(std::cmp::Ordering::Greater) => place.fault(
                    faults,
                    "business-rule",
                    format!("the minimum {} is greater than the maximum {}", min.french(), max.french()),
                ),
                Comparison::Incomparable => {
                    place.fault(
                        faults,
                        "value",
                        "minimum and maximum are of units or types that do not compare".to_owned(),
                    );
                }
                Comparison::Is(_) | Comparison::Unsure => {}
            }
        }
        if let (Some(min), Some(max)) = (self.min_length, self.max_length)
            && min > max
        {
            place.fault(faults, "business-rule", format!("minLength {min} is greater than maxLength {max}"));
        }
    }
}

impl Place<'_> {
    /// Notes a fault of the item.
    pub(crate) fn fault(&self, faults: &mut Vec<Issue>, code: &'static str, message: String) {
        faults.push(Issue::error(code, message).at(self.at));
    }

    fn bound(&self, urls: &[&'static str], faults: &mut Vec<Issue>) -> Option<Measure> {
        let (position, found) = urls.iter().find_map(|url| extension::all(self.element, url).next())?;
        let at = format!("{}.extension[{position}]", self.at);
        let Some((name, value)) = extension::value_of(found, "value") else {
            faults.push(Issue::error("required", "a limit needs a value[x]").at(at));
            return None;
        };
        let kind = AnswerType::parse(&name["value".len()..]).filter(|kind| self.bound_fits(*kind));
        let Some(kind) = kind else {
            let message = format!("{name} is no limit for an item of type {}", self.kind.code());
            faults.push(Issue::error("value", message).at(at));
            return None;
        };
        let measure = Measure::read(kind, value);
        if measure.is_none() {
            faults.push(Issue::error("value", format!("{name} cannot be read as a limit")).at(at));
        }
        measure
    }

    const fn bound_fits(&self, bound: AnswerType) -> bool {
        use AnswerType::{Date, DateTime, Decimal, Integer, Quantity, Time};
        match self.kind {
            ItemType::Integer | ItemType::Decimal => matches!(bound, Integer | Decimal),
            ItemType::Date | ItemType::DateTime => matches!(bound, Date | DateTime),
            ItemType::Time => matches!(bound, Time),
            ItemType::Quantity => matches!(bound, Integer | Decimal | Quantity),
            _ => false,
        }
    }

    /// A non-negative integer extension.
    pub(crate) fn count(&self, url: &'static str, faults: &mut Vec<Issue>) -> Option<usize> {
        let (position, found) = extension::all(self.element, url).next()?;
        let count = extension::value_of(found, "value").and_then(|(_, value)| non_negative(value));
        if count.is_none() {
            let at = format!("{}.extension[{position}]", self.at);
            faults.push(Issue::error("value", "valueInteger must be a number from 0 on").at(at));
        }
        count
    }

    fn max_length(&self, faults: &mut Vec<Issue>) -> Option<usize> {
        let value = self.element.get("maxLength")?;
        let fits = matches!(
            self.kind,
            ItemType::Boolean
                | ItemType::Decimal
                | ItemType::Integer
                | ItemType::String
                | ItemType::Text
                | ItemType::Url
                | ItemType::OpenChoice
        );
        if !fits {
            self.fault(
                faults,
                "business-rule",
                format!("maxLength does not go with type {}", self.kind.code()),
            );
        }
        non_negative(value)
    }

    fn pattern(&self, faults: &mut Vec<Issue>) -> Option<(String, Regex)> {
        let (position, found) = extension::all(self.element, REGEX).next()?;
        let pattern = extension::value_of(found, "value")?.1.as_str()?;
        match Regex::new(&format!("^(?:{pattern})$")) {
            Ok(compiled) => Some((pattern.to_owned(), compiled)),
            Err(error) => {
                let at = format!("{}.extension[{position}].valueString", self.at);
                let reason = error.to_string().replace('\n', " ");
                faults.push(
                    Issue::error(
                        "value",
                        format!("the regular expression '{pattern}' does not compile: {reason}"),
                    )
                    .at(at),
                );
                None
            }
        }
    }

    fn unit_value_set(&self, terminology: &Terminology, faults: &mut Vec<Issue>) -> Option<String> {
        let address = texts(self.element, UNIT_VALUE_SET).pop()?;
        if !terminology.knows(&address) {
            self.fault(faults, "not-found", format!("unitValueSet {address} is not known here"));
        }
        Some(address)
    }
}

fn non_negative(value: &Value) -> Option<usize> {
    usize::try_from(integer(value)?).ok()
}

fn texts(element: &Value, url: &'static str) -> Vec<String> {
    extension::all(element, url)
        .filter_map(|(_, found)| extension::value_of(found, "value")?.1.as_str())
        .map(str::to_owned)
        .collect()
}
