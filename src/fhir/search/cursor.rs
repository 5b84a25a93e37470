//! The opaque cursor of a `next` link: where a page ended, bound to the query it belongs to.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::{Criterion, Modifier, Query, Test};
use crate::problem::{Category, Problem};

/// Changes with the layout below.
const VERSION: u8 = 2;
const DIGEST_BYTES: usize = 8;

/// One order key of a match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A number, a rank or a time.
    Number(i64),
    /// A text.
    Text(String),
    /// The match has no such value.
    Absent,
}

impl From<i64> for Key {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// The cursor that continues after these order keys of this query.
#[must_use]
pub fn seal_cursor(query: &Query, keys: &[Key]) -> String {
    let mut bytes = vec![VERSION];
    keys.iter().for_each(|key| write_key(key, &mut bytes));
    let digest = digest(query, &bytes);
    bytes.extend_from_slice(&digest[..DIGEST_BYTES]);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The order keys of the query's cursor, if it has one.
///
/// # Errors
/// `Malformed` when it is not a cursor of this query: cut, altered, or used with other parameters.
pub fn open_cursor(query: &Query, keys: usize) -> Result<Option<Vec<Key>>, Problem> {
    let Some(cursor) = &query.after else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refusal())?;
    let split = bytes.len().checked_sub(DIGEST_BYTES).ok_or_else(refusal)?;
    let (sealed, seal) = bytes.split_at(split);
    if digest(query, sealed)[..DIGEST_BYTES] != *seal || sealed.first() != Some(&VERSION) {
        return Err(refusal());
    }
    let (mut rest, mut found) = (&sealed[1..], Vec::new());
    while !rest.is_empty() {
        found.push(read_key(&mut rest).ok_or_else(refusal)?);
    }
    if found.len() == keys { Ok(Some(found)) } else { Err(refusal()) }
}

fn write_key(key: &Key, bytes: &mut Vec<u8>) {
    match key {
        Key::Number(number) => {
            bytes.push(1);
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        Key::Text(text) => {
            bytes.push(2);
            bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        Key::Absent => bytes.push(0),
    }
}

fn read_key(rest: &mut &[u8]) -> Option<Key> {
    let mut take = |length: usize| {
        let (taken, after) = rest.split_at_checked(length)?;
        *rest = after;
        Some(taken)
    };
    match take(1)? {
        [0] => Some(Key::Absent),
        [1] => Some(Key::Number(i64::from_be_bytes(take(8)?.try_into().ok()?))),
        [2] => {
            let length = u32::from_be_bytes(take(4)?.try_into().ok()?);
            let text = take(usize::try_from(length).ok()?)?;
            String::from_utf8(text.to_vec()).ok().map(Key::Text)
        }
        _ => None,
    }
}

fn refusal() -> Problem {
    let diagnostics =
        "_cursor is not of this search: follow the next link as it was given, or begin anew without it";
    Problem::new(Category::Malformed, "value", diagnostics).at("_cursor")
}

/// Over everything that decides matches and order; not over `_count`, which may change from page to page.
fn digest(query: &Query, sealed: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut text = |part: &str| {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    };
    text(&query.rtype);
    for criterion in &query.criteria {
        criterion_parts(criterion, &mut text);
    }
    for sort in &query.sort {
        text(&format!("{:?} {}", sort.key, sort.descending));
    }
    hash.update(sealed);
    hash.finalize().into()
}

fn criterion_parts(criterion: &Criterion, text: &mut dyn FnMut(&str)) {
    text(criterion.parameter.name);
    text(if criterion.modifier == Modifier::Missing(false) { "present" } else { criterion.modifier.code() });
    criterion.any.iter().for_each(|test| test_parts(test, text));
}

fn test_parts(test: &Test, text: &mut dyn FnMut(&str)) {
    let optional =
        |part: &Option<String>| part.as_ref().map_or_else(|| "-".to_owned(), |part| format!("+{part}"));
    match test {
        Test::Token { system, code } => {
            text(&optional(system));
            text(&optional(code));
        }
        Test::Reference(targets) => targets.iter().for_each(|target| text(target)),
        Test::Canonical { url, version } => {
            text(url);
            text(&optional(version));
        }
        Test::Date { prefix, low, high } => text(&format!("{}{low}..{high}", prefix.letters())),
        Test::Text(value) | Test::Uri(value) | Test::ValueSet(value) => text(value),
        Test::Among(systems) => systems.iter().for_each(|(system, codes)| {
            text(system);
            codes.iter().for_each(|code| text(code));
        }),
        Test::Quantity { limits, system, code, .. } => {
            text(&format!("{}{} {}", limits.prefix.letters(), limits.low, limits.high));
            text(&optional(system));
            text(&optional(code));
        }
        Test::Composite(parts) => parts.iter().for_each(|part| test_parts(part, text)),
        Test::Member { target, by } => {
            text(target);
            by.iter().for_each(|parameter| text(parameter.name));
        }
        Test::Contained(criterion) => criterion_parts(criterion, text),
        Test::Chain { rtype, criterion } => {
            text(rtype);
            criterion_parts(criterion, text);
        }
        Test::Referrer { rtype, by, criterion, .. } => {
            text(rtype);
            text(by.name);
            criterion_parts(criterion, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Sort, SortKey};
    use super::*;

    fn query(after: Option<String>) -> Query {
        let sort = vec![Sort { key: SortKey::Date, descending: true }];
        Query { sort, after, ..Query::new("Task") }
    }

    #[test]
    fn a_cursor_opens_with_its_own_query() {
        let cursor = seal_cursor(&query(None), &[Key::Number(-5), Key::Text("é".to_owned()), Key::Absent]);
        assert_eq!(
            open_cursor(&query(Some(cursor)), 3).unwrap().unwrap(),
            [Key::Number(-5), Key::Text("é".to_owned()), Key::Absent]
        );
        assert_eq!(open_cursor(&query(None), 2), Ok(None));
    }

    #[test]
    fn a_cursor_of_another_query_or_an_altered_one_is_refused() {
        let cursor = seal_cursor(&query(None), &[Key::Number(-5), Key::Number(7)]);
        let other = Query { after: Some(cursor.clone()), ..Query::new("Flag") };
        assert!(open_cursor(&other, 2).is_err());
        assert!(open_cursor(&query(Some(cursor.clone())), 1).is_err());
        for n in 0..cursor.len() {
            let mut altered = cursor.clone().into_bytes();
            altered[n] = if altered[n] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(open_cursor(&query(Some(altered)), 2).is_err(), "byte {n}");
        }
        for text in ["", "A", "é", "not a cursor"] {
            assert!(open_cursor(&query(Some(text.to_owned())), 2).is_err(), "{text}");
        }
    }
}
