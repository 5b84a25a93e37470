//! One element as the value that a parameter compares, told apart by its shape (R4 3.1.1.4, "parameter types").

use crate::json::{Map, Value};
use rust_decimal::Decimal;

use super::extract::{Amount, Found};
use super::number::{self, Base, GREATEST, LEAST, UCUM};
use super::{Kind, Parameter, instant};
use crate::fhir::element::child;
use crate::fhir::reference::{self, ReferenceForm};

/// Reads the elements of one path of one parameter.
pub(super) struct Reader {
    parameter: &'static Parameter,
    system: Option<&'static str>,
}

impl Reader {
    pub(super) const fn new(parameter: &'static Parameter, system: Option<&'static str>) -> Self {
        Self { parameter, system }
    }

    pub(super) fn read(&self, element: &Value, add: &mut dyn FnMut(Found)) {
        match self.parameter.kind {
            Kind::Token => self.tokens(element, add),
            Kind::Reference => self.reference(element, add),
            Kind::Canonical => {
                if let Some(text) = element.as_str() {
                    let (url, version) = text.split_once('|').unwrap_or((text, ""));
                    add(Found::Canonical { url: url.to_owned(), version: version.to_owned() });
                }
            }
            Kind::Date => {
                if let Some((low, high)) = instant::of(element) {
                    add(Found::Date { low, high });
                }
            }
            Kind::String => texts(element, add),
            Kind::Uri => {
                if let Some(text) = element.as_str() {
                    add(Found::Uri(text.to_owned()));
                }
            }
            Kind::Number | Kind::Quantity => {
                if let Some(amount) = amount(element) {
                    add(Found::Quantity(Box::new(amount)));
                }
            }
            Kind::Composite => {}
        }
    }

    /// Codes, booleans, `Coding`, `CodeableConcept`, `Identifier` and `ContactPoint`.
    fn tokens(&self, element: &Value, add: &mut dyn FnMut(Found)) {
        let plain = match element {
            Value::String(code) => code.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Object(members) => return self.coded(&Coded::of(members), add),
            _ => return,
        };
        add(Found::Token { system: self.system.unwrap_or_default().to_owned(), code: plain });
    }

    fn coded(&self, element: &Coded<'_>, add: &mut dyn FnMut(Found)) {
        if self.parameter.with_display {
            for shown in [element.text, element.display].into_iter().flatten() {
                add(Found::Display(shown.to_owned()));
            }
        }
        if let Some(codings) = element.codings {
            codings.iter().for_each(|coding| self.tokens(coding, add));
        } else if let Some(code) = element.code.or(element.value) {
            let system = element.system.unwrap_or_default().to_owned();
            add(Found::Token { system, code: code.to_owned() });
        }
    }

    /// The target of a literal reference of a type that the parameter takes, and the identifier beside it.
    fn reference(&self, element: &Value, add: &mut dyn FnMut(Found)) {
        if let Some(target) = self.target(element) {
            add(Found::Reference(target));
        }
        if !self.parameter.with_identifier {
            return;
        }
        let Some(identifier) = child(element, "identifier") else { return };
        if let Some(value) = identifier.get("value").and_then(Value::as_str) {
            let system = identifier.get("system").and_then(Value::as_str).unwrap_or_default().to_owned();
            add(Found::Identifier { system, value: value.to_owned() });
        }
    }

    /// Without version.
    fn target(&self, element: &Value) -> Option<String> {
        // An element of type uri or canonical may stand among references.
        let text = element.as_str().or_else(|| child(element, "reference")?.as_str())?;
        let targets = self.parameter.targets;
        let fits = |rtype: &str| targets.is_empty() || targets.contains(&rtype);
        match reference::parse(text) {
            ReferenceForm::Local { rtype, version: None, .. } if fits(rtype) => Some(text.to_owned()),
            ReferenceForm::Local { rtype, id, .. } if fits(rtype) => Some(format!("{rtype}/{id}")),
            ReferenceForm::Absolute { base, rtype: Some(rtype), id: Some(id), .. } if fits(rtype) => {
                Some(format!("{base}/{rtype}/{id}"))
            }
            ReferenceForm::Absolute { url, rtype: None, .. } if targets.is_empty() => Some(url.to_owned()),
            ReferenceForm::Urn(urn) => Some(urn.to_owned()),
            _ => None,
        }
    }
}

/// What an element says that is compared as a code, read in one walk over its members.
#[derive(Default)]
struct Coded<'e> {
    text: Option<&'e str>,
    display: Option<&'e str>,
    codings: Option<&'e [Value]>,
    code: Option<&'e str>,
    value: Option<&'e str>,
    system: Option<&'e str>,
}

impl<'e> Coded<'e> {
    fn of(members: &'e Map) -> Self {
        let mut coded = Self::default();
        for (name, value) in members {
            match name {
                "text" => coded.text = value.as_str(),
                "display" => coded.display = value.as_str(),
                "coding" => coded.codings = value.as_array().map(Vec::as_slice),
                "code" => coded.code = value.as_str(),
                "value" => coded.value = value.as_str(),
                "system" => coded.system = value.as_str(),
                _ => {}
            }
        }
        coded
    }
}

/// Texts, and the parts of `HumanName` and `Address`.
fn texts(element: &Value, add: &mut dyn FnMut(Found)) {
    const PARTS: [&str; 11] = [
        "text",
        "family",
        "given",
        "prefix",
        "suffix",
        "line",
        "city",
        "district",
        "state",
        "postalCode",
        "country",
    ];
    match element {
        Value::String(text) => add(Found::Text(text.to_string())),
        Value::Array(list) => list.iter().for_each(|text| texts(text, add)),
        Value::Object(object) => {
            PARTS.iter().filter_map(|part| object.get(part)).for_each(|text| texts(text, add));
        }
        _ => {}
    }
}

/// A number, a `Quantity` or a `Range`; a comparator opens one end.
fn amount(element: &Value) -> Option<Amount> {
    if let Some(value) = number::of_json(element) {
        let key = number::key(value);
        return Some(Amount { low: key.clone(), high: key, ..Amount::default() });
    }
    if element.get("low").or_else(|| element.get("high")).is_some_and(Value::is_object) {
        return range(element);
    }
    let text = |name: &str| element.get(name).and_then(Value::as_str).unwrap_or_default();
    let value = number::of_json(element.get("value")?)?;
    let (low, high) = match text("comparator") {
        "<" | "<=" => (None, Some(value)),
        ">" | ">=" => (Some(value), None),
        _ => (Some(value), Some(value)),
    };
    Some(limits((text("system"), text("code"), text("unit")), low, high))
}

/// Limits in the unit of the one that is there.
fn range(element: &Value) -> Option<Amount> {
    let limit = |name: &str| element.get(name).and_then(|limit| number::of_json(limit.get("value")?));
    let unit = element.get("low").or_else(|| element.get("high"))?;
    let text = |name: &str| unit.get(name).and_then(Value::as_str).unwrap_or_default();
    let (low, high) = (limit("low"), limit("high"));
    (low.is_some() || high.is_some()).then(|| limits((text("system"), text("code"), text("unit")), low, high))
}

fn limits((system, code, unit): (&str, &str, &str), low: Option<Decimal>, high: Option<Decimal>) -> Amount {
    let base = Base::of(code).filter(|_| system == UCUM && !code.is_empty()).and_then(|base| {
        let low = low.map_or_else(|| Some(LEAST.to_owned()), |value| base.key(value))?;
        let high = high.map_or_else(|| Some(GREATEST.to_owned()), |value| base.key(value))?;
        Some((base.unit.clone(), low, high))
    });
    Amount {
        low: low.map_or_else(|| LEAST.to_owned(), number::key),
        high: high.map_or_else(|| GREATEST.to_owned(), number::key),
        system: system.to_owned(),
        code: code.to_owned(),
        unit: unit.to_owned(),
        base,
    }
}
