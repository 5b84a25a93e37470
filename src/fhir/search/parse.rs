//! From the parameters of a request to a query: everything wrong at once, with what would be right.

mod criterion;
mod value;

use super::{Parameter, Query, Sort, Total, parameters, sortable};
use crate::problem::{Category, Issue, Problem};

/// Matches on a page when `_count` does not say.
pub const COUNT_DEFAULT: usize = 50;
/// Matches on a page, whatever `_count` says.
pub const COUNT_MAX: usize = 1_000;
/// The parameter that carries the cursor of the next page.
pub const CURSOR: &str = "_cursor";
/// Alternatives of one criterion, and criteria of one query.
const PARTS_MAX: usize = 100;

/// Parameters that say how matches are given back, and that a request has once: what two of one mean is nowhere said (R4 3.1.1.5).
pub const ONCE: &[&str] = &["_count", "_cursor", "_sort", "_summary", "_total"];

/// What is wrong with the parameter at that place, if it is one of these and an earlier one has the same name.
#[must_use]
pub fn repeated(params: &[(String, String)], place: usize, once: &[&str]) -> Option<String> {
    let (name, value) = params.get(place)?;
    let earlier = params[..place].iter().any(|(other, value)| other == name && !value.is_empty());
    (earlier && !value.is_empty() && once.contains(&name.as_str()))
        .then(|| format!("{name} is given twice, here as '{}': say it once", shown(value)))
}

/// The beginning of a value, to be said back.
pub(super) fn shown(value: &str) -> String {
    value.chars().take(100).collect()
}

/// Reads decoded parameters. `_format` and `_pretty` are the caller's and are not known here.
///
/// # Errors
/// `Malformed` with one issue for each unknown parameter, modifier, prefix or unreadable value, and
/// `NotSupported` for a type that cannot be searched.
pub fn parse(rtype: &str, params: &[(String, String)]) -> Result<Query, Problem> {
    let mut query = begin(rtype)?;
    let mut issues = Vec::new();
    for (place, (name, value)) in params.iter().enumerate() {
        let read = match repeated(params, place, ONCE) {
            Some(text) => Err(text.into()),
            None => read(&mut query, name, value),
        };
        if let Err(Fault { diagnostics, .. }) = read {
            issues.push(Issue::error("invalid", diagnostics).at(name.as_str()));
        }
    }
    issues.extend(too_many(&query));
    if issues.is_empty() { Ok(query) } else { Err(Problem::with(Category::Malformed, issues)) }
}

/// A query that finds everything of a type.
///
/// # Errors
/// `NotSupported` for a type that cannot be searched.
pub(super) fn begin(rtype: &str) -> Result<Query, Problem> {
    if parameters(rtype).is_empty() {
        let diagnostics = format!("{rtype} cannot be searched here");
        return Err(Problem::new(Category::NotSupported, "not-supported", diagnostics));
    }
    Ok(Query::new(rtype))
}

pub(super) fn too_many(query: &Query) -> Option<Issue> {
    (query.criteria.len() > PARTS_MAX)
        .then(|| Issue::error("too-costly", format!("at most {PARTS_MAX} criteria are read")))
}

/// Why a parameter is not read.
pub(super) struct Fault {
    pub(super) diagnostics: String,
    /// The name or its modifier is not known here: what `handling=lenient` may ignore.
    pub(super) unknown: bool,
}

impl From<String> for Fault {
    fn from(diagnostics: String) -> Self {
        Self { diagnostics, unknown: false }
    }
}

impl Fault {
    pub(super) fn unknown(diagnostics: String) -> Self {
        Self { diagnostics, unknown: true }
    }
}

/// Reads `a=b&c=d` as it stands in a URL, an `If-None-Exist` header or a conditional reference.
///
/// # Errors
/// As [`parse`], and `Malformed` when the percent encoding is broken.
pub fn parse_text(rtype: &str, text: &str) -> Result<Query, Problem> {
    parse(rtype, &pairs(text)?)
}

/// Text that a search looks for as it is: what separates parts of a value is escaped (R4 3.1.1.4.0.1).
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace(',', "\\,").replace('$', "\\$")
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

pub(super) fn read(query: &mut Query, name: &str, value: &str) -> Result<(), Fault> {
    match name {
        "_sort" => query.sort = sort(&query.rtype, value)?,
        "_count" => query.count = count(value)?,
        "_total" => query.total = total(value)?,
        CURSOR => query.after = Some(value.to_owned()),
        _ => query.criteria.push(criterion::read(&query.rtype, name, value)?),
    }
    Ok(())
}

fn count(value: &str) -> Result<usize, String> {
    let count: usize =
        value.parse().map_err(|_| format!("_count is a whole number from 0 to {COUNT_MAX}"))?;
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

fn sort(rtype: &str, value: &str) -> Result<Vec<Sort>, Fault> {
    let key = |part: &str| {
        let name = part.strip_prefix('-').unwrap_or(part);
        let parameter = parameters(rtype).iter().find(|parameter| parameter.name == name);
        let key = parameter.and_then(Parameter::sort_key).ok_or_else(|| {
            let names: Vec<_> = sortable(rtype).collect();
            Fault::unknown(format!("{rtype} cannot be sorted by {name:?}: {}", names.join(", ")))
        })?;
        // Ranks grow as urgency falls.
        let descending = part.starts_with('-') != (key == super::SortKey::Urgency);
        Ok(Sort { key, descending })
    };
    let sorts: Vec<Sort> = value.split(',').map(key).collect::<Result<_, Fault>>()?;
    let twice =
        sorts.iter().enumerate().any(|(n, sort)| sorts[..n].iter().any(|earlier| earlier.key == sort.key));
    if twice { Err("_sort names the same value twice".to_owned().into()) } else { Ok(sorts) }
}

#[cfg(test)]
mod tests;
