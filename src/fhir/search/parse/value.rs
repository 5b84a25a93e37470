//! One alternative of a criterion, as its kind is written (R4 3.1.1.4).

use rust_decimal::Decimal;

use super::shown;
use crate::fhir::reference::{self, ReferenceForm};
use crate::fhir::schema;
use crate::fhir::search::number::{self, Base, UCUM};
use crate::fhir::search::{Kind, Limits, Modifier, Parameter, Prefix, Test, instant};

/// Parts between unescaped separators, still escaped.
pub(super) fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (n, c) in text.char_indices() {
        if !escaped && c == separator {
            parts.push(&text[start..n]);
            start = n + c.len_utf8();
        }
        escaped = !escaped && c == '\\';
    }
    parts.push(&text[start..]);
    parts
}

/// Without the backslashes before `,`, `|`, `$` and `\`.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let escapes = c == '\\' && chars.peek().is_some_and(|next| matches!(next, ',' | '|' | '$' | '\\'));
        plain.push(if escapes { chars.next().unwrap_or(c) } else { c });
    }
    plain
}

pub(super) fn read(
    parameter: &'static Parameter,
    modifier: Modifier,
    target: Option<&str>,
    text: &str,
) -> Result<Test, String> {
    if text.is_empty() {
        return Err(format!("{} has an empty value", parameter.name));
    }
    match (modifier, parameter.kind) {
        (Modifier::Text, _) => Ok(Test::Text(unescape(text))),
        // The bar before a version needs no backslash: there is nothing else that it could mean here.
        (Modifier::In | Modifier::NotIn, _) => Ok(Test::ValueSet(unescape(text))),
        (Modifier::Identifier, _) | (_, Kind::Token) => token(parameter.name, text),
        (_, Kind::Reference) => reference_to(parameter, target, &unescape(text)),
        (_, Kind::Canonical) => {
            let parts = split(text, '|');
            let version = (parts.len() > 1).then(|| unescape(&parts[1..].join("|")));
            let version = version.filter(|version| !version.is_empty());
            Ok(Test::Canonical { url: unescape(parts[0]), version })
        }
        (_, Kind::Date) => date(parameter.name, text),
        (_, Kind::String) => Ok(Test::Text(unescape(text))),
        (_, Kind::Uri) => Ok(Test::Uri(unescape(text))),
        (_, Kind::Number | Kind::Quantity) => quantity(parameter, text),
        (_, Kind::Composite) => composite(parameter, text),
    }
}

fn token(name: &str, text: &str) -> Result<Test, String> {
    let parts = split(text, '|');
    let (system, code) = match parts.as_slice() {
        [code] => (None, Some(unescape(code))),
        [system, ""] if !system.is_empty() => (Some(unescape(system)), None),
        [system, code] if !code.is_empty() => (Some(unescape(system)), Some(unescape(code))),
        _ => return Err(format!("{name} is code, system|code, |code or system|; a | inside is written \\|")),
    };
    Ok(Test::Token { system, code })
}

fn reference_to(parameter: &'static Parameter, target: Option<&str>, text: &str) -> Result<Test, String> {
    let name = parameter.name;
    let types =
        || if parameter.targets.is_empty() { "any type".to_owned() } else { parameter.targets.join(", ") };
    let form = reference::parse(text);
    let refused = |right: &str| format!("'{}' names no resource: {right}", shown(text));
    if is_without_id(&form) {
        return Err(refused("an address ends in Type/id"));
    }
    let fits = |rtype: &str| parameter.refers_to(rtype) && target.is_none_or(|target| target == rtype);
    if let Some(rtype) = form.rtype().filter(|rtype| !fits(rtype)) {
        return Err(format!(
            "{name} does not refer to {rtype}: {}",
            target.map_or_else(types, str::to_owned)
        ));
    }
    match form {
        ReferenceForm::Local { rtype, id, .. } => Ok(Test::Reference(vec![format!("{rtype}/{id}")])),
        ReferenceForm::Absolute { base, rtype: Some(rtype), id: Some(id), .. } => {
            Ok(Test::Reference(vec![format!("{base}/{rtype}/{id}")]))
        }
        ReferenceForm::Absolute { url, .. } | ReferenceForm::Urn(url) => {
            Ok(Test::Reference(vec![url.to_owned()]))
        }
        _ if reference::is_id(text) => match (target, parameter.targets) {
            (Some(target), _) => Ok(Test::Reference(vec![format!("{target}/{text}")])),
            (None, []) => Err(format!("{name} may refer to any type: say which, as Type/{text}")),
            (None, targets) => {
                Ok(Test::Reference(targets.iter().map(|rtype| format!("{rtype}/{text}")).collect()))
            }
        },
        _ => Err(refused(&format!("{name} is Type/id, an id, or an absolute address; types: {}", types()))),
    }
}

/// `https://…/Patient/` and `https://…/Patient`: addresses of a type, under which nothing is ever stored.
fn is_without_id(form: &ReferenceForm<'_>) -> bool {
    let ReferenceForm::Absolute { url, id: None, .. } = form else { return false };
    let path = url.split_once("/_history").map_or(*url, |(path, _)| path);
    let last = path.trim_end_matches('/').rsplit('/').next();
    last.is_some_and(|last| schema::r4().is_resource(last))
}

fn prefixed(text: &str) -> (Prefix, &str) {
    let known = Prefix::ALL.iter().find(|(letters, _)| text.starts_with(letters));
    known.map_or((Prefix::Eq, text), |(letters, prefix)| (*prefix, &text[letters.len()..]))
}

fn date(name: &str, text: &str) -> Result<Test, String> {
    let (prefix, rest) = prefixed(text);
    // A plus sign that a client did not encode arrives as a blank.
    let (low, high) = instant::span(&rest.replace(' ', "+")).ok_or_else(|| {
        format!(
            "{name} is a date that exists, as 2026, 2026-11, 2026-11-02 or 2026-11-02T09:30:00+01:00, \
             after none or one of eq, ne, gt, lt, ge, le, sa, eb, ap"
        )
    })?;
    Ok(Test::Date { prefix, low, high })
}

/// `[prefix]number`, and for a quantity `|system|code` after it.
fn quantity(parameter: &Parameter, text: &str) -> Result<Test, String> {
    let name = parameter.name;
    let parts = split(text, '|');
    let (prefix, number) = prefixed(parts[0]);
    let refuse = || {
        let unit =
            if parameter.kind == Kind::Quantity { ", then none or |system|code or ||unit" } else { "" };
        format!(
            "{name} is a number such as 5.4 or 1e-2 after none or one of eq, ne, gt, lt, ge, le, sa, eb, ap{unit}"
        )
    };
    let written = number::written(number).ok_or_else(refuse)?;
    let (system, code) = match (parameter.kind, parts.as_slice()) {
        (_, [_]) => (None, None),
        (Kind::Quantity, [_, "", code]) if !code.is_empty() => (None, Some(unescape(code))),
        (Kind::Quantity, [_, system, code]) if !code.is_empty() => {
            (Some(unescape(system)), Some(unescape(code)))
        }
        _ => return Err(refuse()),
    };
    let base = code.as_deref().filter(|_| system.as_deref() == Some(UCUM)).and_then(Base::of);
    let base =
        base.and_then(|base| Some((base.unit.clone(), limits(prefix, written, |value| base.key(value))?)));
    let limits = limits(prefix, written, |value| Some(number::key(value))).ok_or_else(refuse)?;
    Ok(Test::Quantity { limits, system, code, base })
}

fn limits(
    prefix: Prefix,
    (value, half): (Decimal, Decimal),
    key: impl Fn(Decimal) -> Option<String>,
) -> Option<Limits> {
    let around = if prefix == Prefix::Ap { value.abs() / Decimal::TEN } else { half };
    let (low, high) = (value.checked_sub(around)?, value.checked_add(around)?);
    Some(Limits { prefix, value: key(value)?, low: key(low)?, high: key(high)? })
}

/// `code$value`: one value for each part.
fn composite(parameter: &'static Parameter, text: &str) -> Result<Test, String> {
    let (parts, values) = (parameter.parts(), split(text, '$'));
    if parts.len() != values.len() {
        let names: Vec<_> = parts.iter().map(|part| part.name).collect();
        return Err(format!("{} is {}, in this order", parameter.name, names.join("$")));
    }
    let read = |(part, value): (&&'static Parameter, &&str)| read(part, Modifier::None, None, value);
    parts.iter().zip(&values).map(read).collect::<Result<_, _>>().map(Test::Composite)
}
