//! A unit with everything that can be computed before the writer's turn: index rows, compressed payloads, and the
//! searches of its conditions.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::search::Search;
use crate::outbox::Delivery;
use crate::problem::Problem;
use crate::store::body::{self, Packed};
use crate::store::row::Row;
use crate::store::shown::Shown;
use crate::store::{Guard, Unit};

/// The longest text that goes into an index: PostgreSQL takes no more than 2,704 bytes for a whole index row.
const INDEXED_MAX: usize = 1_000;

/// What a resource is found by, as the indexes take it.
pub(super) struct Indexed {
    pub(super) row: Row,
    pub(super) shown: Shown,
}

impl Indexed {
    pub(super) fn new(row: Row) -> Self {
        let row = indexable(row);
        Self { shown: Shown::of(&row), row }
    }
}

pub(super) struct Prepared {
    pub(super) unit: Unit,
    /// One for each write.
    pub(super) rows: Vec<Indexed>,
    /// One for each delivery.
    pub(super) payloads: Vec<Packed>,
    /// One for each guard; only a [`Guard::NoneMatches`] has one.
    pub(super) searches: Vec<Option<Search>>,
}

impl Prepared {
    /// Indexes and compresses on the caller's thread.
    pub(super) fn new(mut unit: Unit, searches: Vec<Option<Search>>) -> Result<Self, Problem> {
        let rows = unit.writes.iter_mut().map(|write| Indexed::new(write.row())).collect();
        let pack = |delivery: &Delivery| body::pack(&delivery.payload);
        let payloads = unit.deliveries.iter().map(pack).collect::<Result<_, _>>()?;
        Ok(Self { unit, rows, payloads, searches })
    }

    /// The bytes that it will send to the database, about.
    pub(super) fn size(&self) -> usize {
        let bodies: usize = self.unit.writes.iter().map(|write| write.body.bytes.len() + 500).sum();
        bodies + self.payloads.iter().map(|payload| payload.bytes.len() + 500).sum::<usize>()
    }

    pub(super) fn has_conditions(&self) -> bool {
        self.unit.guards.iter().any(|guard| matches!(guard, Guard::NoneMatches(_)))
    }
}

/// The text as it is kept in an index: itself, or a digest where it is too long, or holds a NUL that PostgreSQL
/// does not take.
pub(super) fn key(text: &str) -> Cow<'_, str> {
    use std::fmt::Write as _;
    if text.len() <= INDEXED_MAX && !text.contains('\0') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(Sha256::digest(text).iter().fold("sha256:".to_owned(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}

/// A text that is searched from its beginning: cut where it is too long.
fn beginning(text: &str) -> String {
    let mut end = text.len().min(INDEXED_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace('\0', "")
}

/// The row with its texts as the indexes take them.
pub(super) fn indexable(mut row: Row) -> Row {
    let keyed = |text: &mut String| {
        if let Cow::Owned(digest) = key(text) {
            *text = digest;
        }
    };
    for text in [&mut row.subject, &mut row.owner, &mut row.status].into_iter().flatten() {
        keyed(text);
    }
    row.tokens.iter_mut().for_each(|(_, code, _)| keyed(code));
    for part in &mut row.parts {
        keyed(&mut part.code);
        keyed(&mut part.unit);
    }
    for (_, folded, exact) in &mut row.texts {
        *folded = beginning(folded);
        keyed(exact);
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_text_that_an_index_does_not_take_is_kept_otherwise() {
        assert_eq!(key("Patient/p"), "Patient/p");
        assert!(key(&"x".repeat(1_001)).starts_with("sha256:"));
        assert!(key("a\0b").starts_with("sha256:"));
        assert_ne!(key(&"x".repeat(1_001)), key(&"x".repeat(1_002)));
    }

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        assert_eq!(beginning(&"é".repeat(600)).len(), 1_000);
        assert_eq!(beginning(&format!("x{}", "é".repeat(600))).len(), 999);
    }
}
