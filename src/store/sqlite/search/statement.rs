//! SQL text that grows together with its values, so that no value is ever part of the text.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::problem::Problem;

/// True of no resource. Not a bare 0: with a constant, SQLite finds no use for the index that a statement names.
pub(super) const NEVER: &str = "r.rid < 0";

#[derive(Debug, Clone, Default)]
pub(super) struct Statement {
    text: String,
    values: Vec<Value>,
}

impl Statement {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Text with one `?`, and its value.
    pub(super) fn bind(&mut self, text: &str, value: impl Into<Value>) -> &mut Self {
        self.text.push_str(text);
        self.values.push(value.into());
        self
    }

    pub(super) fn append(&mut self, other: &Self) -> &mut Self {
        self.text.push_str(&other.text);
        self.values.extend(other.values.iter().cloned());
        self
    }

    /// `(a OR b OR …)`; never true without parts.
    pub(super) fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::default();
        for part in parts {
            all.push(if all.text.is_empty() { "(" } else { " OR " }).append(&part);
        }
        all.push(if all.text.is_empty() { NEVER } else { ")" });
        all
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }

    /// The single number that it selects.
    pub(super) fn count(&self, conn: &Connection) -> Result<u64, Problem> {
        let mut prepared = conn.prepare_cached(&self.text)?;
        Ok(prepared.query_row(params_from_iter(&self.values), |row| row.get(0))?)
    }
}
