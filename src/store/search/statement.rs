//! SQL text that grows together with its values, so that no value is ever part of the text.

/// True of no resource. Not a bare 0: with a constant, SQLite finds no use for the index that a statement names.
pub(in crate::store) const NEVER: &str = "r.rid < 0";

/// A value of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum Bound {
    Number(i64),
    Text(String),
}

impl From<i64> for Bound {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<String> for Bound {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Bound {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// SQL with one `?` for each of its values.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Statement {
    text: String,
    values: Vec<Bound>,
}

impl Statement {
    pub(in crate::store) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    /// A text with one `?`, and its value.
    pub(in crate::store) fn with(text: &str, value: impl Into<Bound>) -> Self {
        Self { text: text.to_owned(), values: vec![value.into()] }
    }

    pub(in crate::store) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Text with one `?`, and its value.
    pub(in crate::store) fn bind(&mut self, text: &str, value: impl Into<Bound>) -> &mut Self {
        self.text.push_str(text);
        self.values.push(value.into());
        self
    }

    pub(in crate::store) fn append(&mut self, other: &Self) -> &mut Self {
        self.text.push_str(&other.text);
        self.values.extend(other.values.iter().cloned());
        self
    }

    /// `(a OR b OR …)`; never true without parts.
    pub(in crate::store) fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::default();
        for part in parts {
            all.push(if all.text.is_empty() { "(" } else { " OR " }).append(&part);
        }
        all.push(if all.text.is_empty() { NEVER } else { ")" });
        all
    }

    /// `(a AND b AND …)`.
    pub(in crate::store) fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::default();
        for part in parts {
            all.push(if all.text.is_empty() { "(" } else { " AND " }).append(&part);
        }
        all.push(if all.text.is_empty() { NEVER } else { ")" });
        all
    }

    pub(in crate::store) fn text(&self) -> &str {
        &self.text
    }

    pub(in crate::store) fn values(&self) -> &[Bound] {
        &self.values
    }
}
