//! Conditions of a request: the search in `If-None-Exist` and in conditional references (FHIR R4, `RESTful` API, 3.1.0.8.1),
//! and the version in `If-Match` (3.1.0.5).

use super::{Answer, Context, Kind};
use crate::fhir::{element, identifier::Identifier, search};
use crate::problem::{Category, Problem};
use crate::store::Stored;

/// Records of one person that are looked at to find the one that is followed.
const PATIENTS_MAX: usize = 20;

/// The parameters of a query string, percent-decoded, without `_format` and `_pretty`: they say how an answer is written, and
/// clients put them into conditions too (the one of HAPI does).
pub(crate) fn parameters(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .filter(|(name, _)| !matches!(name.as_str(), "_format" | "_pretty"))
        .collect()
}

/// The query of a condition: at least one criterion, so that it cannot match everything.
///
/// # Errors
/// `Malformed`.
pub(crate) fn query(
    ctx: &Context,
    rtype: &str,
    params: &[(String, String)],
) -> Result<search::Query, Problem> {
    let mut query = search::parse(rtype, params)?;
    search::localise(&mut query, &ctx.settings.base_url);
    if query.criteria.is_empty() {
        return Err(Problem::new(
            Category::Malformed,
            "value",
            format!("the condition on {rtype} has no criterion"),
        ));
    }
    if search::asks_terminology(&query) {
        let text =
            "a condition takes no :in, :not-in, :above and :below on codes: what they stand for may change";
        return Err(Problem::new(Category::Malformed, "not-supported", text));
    }
    query.count = 2;
    // A page further on would hide the matches that the condition is about.
    query.after = None;
    Ok(query)
}

/// The same of a query string as in `If-None-Exist`, with or without the question mark.
///
/// # Errors
/// `Malformed`.
pub(crate) fn query_text(ctx: &Context, rtype: &str, text: &str) -> Result<search::Query, Problem> {
    // What is decoded in part would be looked for as something else, and not be found.
    search::pairs(text.trim_start_matches('?'))?;
    query(ctx, rtype, &parameters(text.trim_start_matches('?')))
}

/// The first two matches of a condition: two are enough to know that it is ambiguous.
///
/// # Errors
/// `Malformed`, and those of the store.
pub(crate) async fn matches(
    ctx: &Context,
    rtype: &str,
    params: &[(String, String)],
) -> Result<Vec<Stored>, Problem> {
    let mut page = ctx.store.search(&query(ctx, rtype, params)?).await?;
    page.resources.truncate(2);
    Ok(page.resources)
}

/// The matches of a condition on Patient without the records that were merged into another one or put out of use, if that
/// leaves any; a few more than two are looked at.
///
/// # Errors
/// As [`matches`].
pub(crate) async fn patients(ctx: &Context, params: &[(String, String)]) -> Result<Vec<Stored>, Problem> {
    let mut query = query(ctx, "Patient", params)?;
    query.count = PATIENTS_MAX;
    let page = ctx.store.search(&query).await?;
    let whole = page.next.is_none();
    let mut followed = Vec::new();
    for stored in &page.resources {
        let patient = stored.resource()?;
        let merged = element::list(&patient, "link").any(|link| link["type"] == "replaced-by");
        if !merged && patient["active"] != false {
            followed.push(stored.clone());
        }
    }
    Ok(if whole && !followed.is_empty() { followed } else { page.resources })
}

/// A write under a condition: who meets it is looked for, that version is written, and all of it again when another client wrote
/// in between. What met the condition before may not meet it any more.
pub(crate) struct Rounds<'a> {
    ctx: &'a Context,
    rtype: &'a str,
    params: &'a [(String, String)],
    left: usize,
}

impl<'a> Rounds<'a> {
    /// As many as the site allows.
    pub(crate) const fn new(ctx: &'a Context, rtype: &'a str, params: &'a [(String, String)]) -> Self {
        Self { ctx, rtype, params, left: ctx.settings.rounds_max }
    }

    /// Begins a round: the first two matches, as they are now.
    ///
    /// # Errors
    /// Those of [`matches`]; `Busy` when there were enough rounds.
    pub(crate) async fn matches(&mut self) -> Result<Vec<Stored>, Problem> {
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            let text = "too many writes that meet the same condition at once; try again";
            Problem::new(Category::Busy, "throttled", text)
        })?;
        matches(self.ctx, self.rtype, self.params).await
    }

    /// The answer of a round that wrote the version that it found, or none; `None` when what meets the condition changed
    /// meanwhile, so that another round is needed.
    ///
    /// # Errors
    /// What the write said.
    pub(crate) async fn settled(
        &self,
        found: &[Stored],
        done: Result<Answer, Problem>,
    ) -> Result<Option<Answer>, Problem> {
        let is_overtaken = match &done {
            Ok(answer) => found.is_empty() && answer.kind == Kind::Found,
            Err(problem) => problem.category == Category::PreconditionFailed,
        };
        let versions = |found: &[Stored]| -> Vec<(String, u64)> {
            found.iter().map(|one| (one.id.clone(), one.version)).collect()
        };
        if is_overtaken {
            let now = matches(self.ctx, self.rtype, self.params).await?;
            if versions(&now) != versions(found) {
                return Ok(None);
            }
        }
        done.map(Some)
    }
}

/// The problem of an update whose condition has no match, and whose body has the id of a record that there is: it was not looked
/// for, and is not written over (FHIR R4B and R5, "conditional update").
pub(crate) fn id_is_taken(rtype: &str, id: &str) -> Problem {
    let diagnostics = format!(
        "nothing meets the condition, and {rtype}/{id}, whose id the body has, is here already: nothing was written;          update it under its own address, or leave the id out of the body"
    );
    Problem::new(Category::Conflict, "conflict", diagnostics).at(&format!("{rtype}.id"))
}

/// The problem of a condition that more than one resource meets.
pub(crate) fn several(rtype: &str, done: &str) -> Problem {
    let diagnostics = format!("the condition is met by more than one {rtype}: nothing was {done}");
    Problem::new(Category::PreconditionFailed, "multiple-matches", diagnostics)
}

/// The token of an identifier in a search, with what separates alternatives escaped.
pub(crate) fn escape(identifier: &Identifier) -> String {
    format!("{}|{}", search::escape(&identifier.system), search::escape(&identifier.value))
}

/// Whether the stored version is the one of `If-Match`.
///
/// # Errors
/// `PreconditionFailed` that names both.
pub(crate) fn check_version(place: &str, if_match: Option<u64>, found: Option<u64>) -> Result<(), Problem> {
    match (if_match, found) {
        (None, _) => Ok(()),
        (Some(wanted), Some(found)) if wanted == found => Ok(()),
        (Some(wanted), Some(found)) => Err(Problem::new(
            Category::PreconditionFailed,
            "conflict",
            format!(
                "{place} is at version {found}, and If-Match says version {wanted}: read it again and redo the change"
            ),
        )),
        (Some(wanted), None) => Err(Problem::new(
            Category::PreconditionFailed,
            "conflict",
            format!("{place} does not exist, and If-Match says version {wanted}"),
        )),
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = match (first, tail) {
            (b'%', [high, low, ..]) => {
                hexadecimal(*high).zip(hexadecimal(*low)).map(|(high, low)| high * 16 + low)
            }
            _ => None,
        };
        match (code, first) {
            (Some(byte), _) => {
                bytes.push(byte);
                rest = &tail[2..];
                continue;
            }
            (None, b'+') => bytes.push(b' '),
            (None, other) => bytes.push(other),
        }
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded() {
        let check = |query: &str, expected: &[(&str, &str)]| {
            let found = parameters(query);
            let found: Vec<(&str, &str)> =
                found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(found, expected);
        };
        check(
            "identifier=urn:oid:1.2%7C5&status=final",
            &[("identifier", "urn:oid:1.2|5"), ("status", "final")],
        );
        check("a=1+2%2B%C3%A9&b", &[("a", "1 2+é"), ("b", "")]);
        check("a=100%&b=%zz", &[("a", "100%"), ("b", "%zz")]);
        check("", &[]);
        check("_format=json&a=1&_pretty=true", &[("a", "1")]);
    }

    #[test]
    fn both_versions_are_named_when_they_differ() {
        assert_eq!(check_version("Task/1", None, Some(2)), Ok(()));
        assert_eq!(check_version("Task/1", Some(2), Some(2)), Ok(()));
        let problem = check_version("Task/1", Some(1), Some(2)).unwrap_err();
        assert_eq!(problem.category, Category::PreconditionFailed);
        assert!(
            problem.to_string().contains("version 2") && problem.to_string().contains("version 1"),
            "{problem}"
        );
        assert!(check_version("Task/1", Some(1), None).is_err());
    }
}
