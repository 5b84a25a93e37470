//! From the parameters of a request to a query: everything wrong at once, with what would be right.

use super::{
    Criterion, Kind, Modifier, Parameter, Prefix, Query, Sort, Test, Total, instant, parameters, sortable,
};
use crate::fhir::reference::{self, ReferenceForm};
use crate::problem::{Category, Issue, Problem};

/// Matches on a page when `_count` does not say.
pub const COUNT_DEFAULT: usize = 50;
/// Matches on a page, whatever `_count` says.
pub const COUNT_MAX: usize = 1_000;
/// Alternatives of one criterion, and criteria of one query.
const PARTS_MAX: usize = 100;

/// Reads decoded parameters. `_format` and `_pretty` are the caller's and are not known here.
///
/// # Errors
/// `Malformed` with one issue for each unknown parameter, modifier, prefix or unreadable value, and
/// `NotSupported` for a type that cannot be searched.
pub fn parse(rtype: &str, params: &[(String, String)]) -> Result<Query, Problem> {
    if parameters(rtype).is_empty() {
        let diagnostics = format!("{rtype} cannot be searched here");
        return Err(Problem::new(Category::NotSupported, "not-supported", diagnostics));
    }
    let mut query = Query::new(rtype);
    let mut issues = Vec::new();
    for (name, value) in params {
        if let Err(diagnostics) = read(&mut query, name, value) {
            issues.push(Issue::error("invalid", diagnostics).at(name.as_str()));
        }
    }
    if query.criteria.len() > PARTS_MAX {
        issues.push(Issue::error("too-costly", format!("at most {PARTS_MAX} criteria are read")));
    }
    if issues.is_empty() { Ok(query) } else { Err(Problem::with(Category::Malformed, issues)) }
}

/// Reads `a=b&c=d` as it stands in a URL, an `If-None-Exist` header or a conditional reference.
///
/// # Errors
/// As [`parse`], and `Malformed` when the percent encoding is broken.
pub fn parse_text(rtype: &str, text: &str) -> Result<Query, Problem> {
    parse(rtype, &pairs(text)?)
}

/// The names and values of a query string, decoded (`application/x-www-form-urlencoded`).
///
/// # Errors
/// `Malformed` when the percent-encoding is broken or does not hold UTF-8.
pub fn pairs(text: &str) -> Result<Vec<(String, String)>, Problem> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decode(name)?, decode(value)?))
    });
    pairs.collect::<Option<_>>().ok_or_else(|| {
        let diagnostics = "the percent-encoding of the query is broken, or does not hold UTF-8";
        Problem::new(Category::Malformed, "invalid", diagnostics)
    })
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (hex, tail) = rest.split_at_checked(2)?;
                rest = tail;
                let digit = |b: u8| char::from(b).to_digit(16);
                u8::try_from(digit(hex[0])? * 16 + digit(hex[1])?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn read(query: &mut Query, name: &str, value: &str) -> Result<(), String> {
    match name {
        "_sort" => query.sort = sort(&query.rtype, value)?,
        "_count" => query.count = count(value)?,
        "_total" => query.total = total(value)?,
        "_summary" => return Err("_summary is count or false: resources are given whole".to_owned()),
        "_cursor" => query.after = Some(value.to_owned()),
        _ => query.criteria.push(criterion(&query.rtype, name, value)?),
    }
    Ok(())
}

fn count(value: &str) -> Result<usize, String> {
    let count: usize =
        value.parse().map_err(|_| format!("_count is a whole number from 1 to {COUNT_MAX}"))?;
    if count == 0 {
        return Err("_count=0 asks for the number of matches alone, which is no search".to_owned());
    }
    Ok(count.min(COUNT_MAX))
}

fn total(value: &str) -> Result<Total, String> {
    match value {
        "none" => Ok(Total::None),
        "estimate" => Ok(Total::Estimate),
        "accurate" => Ok(Total::Accurate),
        _ => Err("_total is none, estimate or accurate".to_owned()),
    }
}

fn sort(rtype: &str, value: &str) -> Result<Vec<Sort>, String> {
    let key = |part: &str| {
        let name = part.strip_prefix('-').unwrap_or(part);
        let parameter = parameters(rtype).iter().find(|parameter| parameter.name == name);
        let key = parameter.and_then(Parameter::sort_key).ok_or_else(|| {
            let names: Vec<_> = sortable(rtype).collect();
            format!("{rtype} cannot be sorted by {name:?}: {}", names.join(", "))
        })?;
        // Ranks grow as urgency falls.
        let descending = part.starts_with('-') != (key == super::SortKey::Urgency);
        Ok(Sort { key, descending })
    };
    let sorts: Vec<Sort> = value.split(',').map(key).collect::<Result<_, String>>()?;
    let twice =
        sorts.iter().enumerate().any(|(n, sort)| sorts[..n].iter().any(|earlier| earlier.key == sort.key));
    if twice { Err("_sort names the same value twice".to_owned()) } else { Ok(sorts) }
}

fn criterion(rtype: &str, text: &str, value: &str) -> Result<Criterion, String> {
    let (name, modifier) =
        text.split_once(':').map_or((text, None), |(name, modifier)| (name, Some(modifier)));
    let parameter = parameters(rtype).iter().find(|parameter| parameter.name == name).ok_or_else(|| {
        let mut names: Vec<_> = parameters(rtype).iter().map(|parameter| parameter.name).collect();
        names.extend(["_sort", "_count", "_total", "_summary"]);
        format!("{rtype} has no search parameter {name:?}: {}", names.join(", "))
    })?;
    let refuse = |what: &str| {
        let known = parameter.modifiers();
        let right = if known.is_empty() { "none".to_owned() } else { format!(":{}", known.join(", :")) };
        format!("the parameter {name} does not take {what}; modifiers that it takes: {right}")
    };
    let (modifier, target) = match modifier {
        None => (Modifier::None, None),
        Some("missing") if parameter.modifiers().contains(&"missing") => {
            let missing = value.parse().map_err(|_| format!("{name}:missing is true or false"))?;
            return Ok(Criterion { parameter, modifier: Modifier::Missing(missing), any: Vec::new() });
        }
        Some("not") if parameter.kind == Kind::Token => (Modifier::Not, None),
        Some("exact") if parameter.kind == Kind::String => (Modifier::Exact, None),
        Some("contains") if parameter.kind == Kind::String => (Modifier::Contains, None),
        Some(rtype) if parameter.kind == Kind::Reference && takes(parameter, rtype) => {
            (Modifier::None, Some(rtype))
        }
        Some(other) => return Err(refuse(&format!(":{other}"))),
    };
    if modifier == Modifier::Not && parameter.column == Some(super::Column::Id) {
        return Err(refuse(":not"));
    }
    let parts = split(value, ',');
    if parts.len() > PARTS_MAX {
        return Err(format!("at most {PARTS_MAX} alternatives are read"));
    }
    let any = parts.iter().map(|part| test(parameter, target, part)).collect::<Result<_, _>>()?;
    Ok(Criterion { parameter, modifier, any })
}

fn takes(parameter: &Parameter, rtype: &str) -> bool {
    if parameter.targets.is_empty() {
        crate::fhir::schema::r4().is_resource(rtype)
    } else {
        parameter.targets.contains(&rtype)
    }
}

/// Parts between unescaped separators, still escaped.
fn split(text: &str, separator: char) -> Vec<&str> {
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

fn test(parameter: &Parameter, target: Option<&str>, text: &str) -> Result<Test, String> {
    if text.is_empty() {
        return Err(format!("{} has an empty value", parameter.name));
    }
    match parameter.kind {
        Kind::Token => token(parameter.name, text),
        Kind::Reference => reference_to(parameter, target, &unescape(text)),
        Kind::Canonical => {
            let parts = split(text, '|');
            let version = (parts.len() > 1).then(|| unescape(&parts[1..].join("|")));
            Ok(Test::Canonical {
                url: unescape(parts[0]),
                version: version.filter(|version| !version.is_empty()),
            })
        }
        Kind::Date => date(parameter.name, text),
        Kind::String => Ok(Test::Text(unescape(text))),
        Kind::Uri => Ok(Test::Uri(unescape(text))),
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

fn reference_to(parameter: &Parameter, target: Option<&str>, text: &str) -> Result<Test, String> {
    let name = parameter.name;
    let types =
        || if parameter.targets.is_empty() { "any type".to_owned() } else { parameter.targets.join(", ") };
    match reference::parse(text) {
        ReferenceForm::Local { rtype, id, .. } => {
            let fits = takes(parameter, rtype) && target.is_none_or(|target| target == rtype);
            if fits {
                Ok(Test::Reference(vec![format!("{rtype}/{id}")]))
            } else {
                Err(format!("{name} does not refer to {rtype}: {}", target.map_or_else(types, str::to_owned)))
            }
        }
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
        _ => Err(format!("{name} is Type/id, an id, or an absolute address; types: {}", types())),
    }
}

fn date(name: &str, text: &str) -> Result<Test, String> {
    let known = Prefix::ALL.iter().find(|(letters, _)| text.starts_with(letters));
    let (prefix, rest) =
        known.map_or((Prefix::Eq, text), |(letters, prefix)| (*prefix, &text[letters.len()..]));
    // A plus sign that a client did not encode arrives as a blank.
    let (low, high) = instant::span(&rest.replace(' ', "+")).ok_or_else(|| {
        format!(
            "{name} is a date that exists, as 2026, 2026-11, 2026-11-02 or 2026-11-02T09:30:00+01:00, \
             after none or one of eq, ne, gt, lt, ge, le, sa, eb, ap"
        )
    })?;
    Ok(Test::Date { prefix, low, high })
}

#[cfg(test)]
mod tests;
