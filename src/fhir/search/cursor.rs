//! The opaque cursor of a `next` link: where a page ended, bound to the query it belongs to.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::{Modifier, Prefix, Query, Test};
use crate::problem::{Category, Problem};

/// Changes with the layout below.
const VERSION: u8 = 1;
const DIGEST_BYTES: usize = 8;

/// The cursor that continues after these order keys of this query.
#[must_use]
pub fn seal_cursor(query: &Query, keys: &[i64]) -> String {
    let mut bytes = vec![VERSION];
    for key in keys {
        bytes.extend_from_slice(&key.to_be_bytes());
    }
    let digest = digest(query, &bytes);
    bytes.extend_from_slice(&digest[..DIGEST_BYTES]);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The order keys of the query's cursor, if it has one.
///
/// # Errors
/// `Malformed` when it is not a cursor of this query: cut, altered, or used with other parameters.
pub fn open_cursor(query: &Query, keys: usize) -> Result<Option<Vec<i64>>, Problem> {
    let Some(cursor) = &query.after else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refusal())?;
    let split = bytes.len().checked_sub(DIGEST_BYTES).ok_or_else(refusal)?;
    let (sealed, seal) = bytes.split_at(split);
    if digest(query, sealed)[..DIGEST_BYTES] != *seal || sealed.len() != 1 + keys * 8 {
        return Err(refusal());
    }
    let key = |chunk: &[u8]| chunk.try_into().map(i64::from_be_bytes).map_err(|_| refusal());
    sealed[1..].chunks(8).map(key).collect::<Result<_, _>>().map(Some)
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
        text(criterion.parameter.name);
        text(match criterion.modifier {
            Modifier::None => "",
            Modifier::Not => "not",
            Modifier::Missing(true) => "missing",
            Modifier::Missing(false) => "present",
            Modifier::Exact => "exact",
            Modifier::Contains => "contains",
        });
        criterion.any.iter().for_each(|test| test_parts(test, &mut text));
    }
    for sort in &query.sort {
        text(&format!("{:?} {}", sort.key, sort.descending));
    }
    hash.update(sealed);
    hash.finalize().into()
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
        Test::Date { prefix, low, high } => {
            let letters =
                Prefix::ALL.iter().find(|(_, known)| known == prefix).map_or("", |(letters, _)| letters);
            text(&format!("{letters}{low}..{high}"));
        }
        Test::Text(value) | Test::Uri(value) => text(value),
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
        let cursor = seal_cursor(&query(None), &[-5, i64::MAX]);
        assert_eq!(open_cursor(&query(Some(cursor)), 2), Ok(Some(vec![-5, i64::MAX])));
        assert_eq!(open_cursor(&query(None), 2), Ok(None));
    }

    #[test]
    fn a_cursor_of_another_query_or_an_altered_one_is_refused() {
        let cursor = seal_cursor(&query(None), &[-5, 7]);
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
