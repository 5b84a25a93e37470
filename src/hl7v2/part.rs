//! Reading: a field, a repetition, a component or a subcomponent, as it stands in the message.

use super::escape::unescape;
use super::{Charset, Delimiters};

/// How the message writes its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coding {
    pub(super) delimiters: Delimiters,
    pub(super) charset: Charset,
}

/// A part of a segment; what is not there is an empty part.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    raw: &'a str,
    coding: Coding,
}

impl<'a> Part<'a> {
    pub(super) const fn new(raw: &'a str, coding: Coding) -> Self {
        Self { raw, coding }
    }

    /// As it is written, escape sequences and all.
    #[must_use]
    pub const fn raw(self) -> &'a str {
        self.raw
    }

    /// Whether nothing is written, or delimiters only.
    #[must_use]
    pub fn is_empty(self) -> bool {
        let delimiters = self.coding.delimiters;
        let structure = |sign: char| {
            sign == delimiters.component
                || sign == delimiters.repetition
                || Some(sign) == delimiters.subcomponent
        };
        self.raw.chars().all(structure)
    }

    /// Whether the sender says that there is no value: `""`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.raw == "\"\""
    }

    /// The repetitions of a field; none of an empty one.
    pub fn repetitions(self) -> impl Iterator<Item = Part<'a>> {
        let parts = self.raw.split(self.coding.delimiters.repetition);
        parts.filter(|_| !self.raw.is_empty()).map(move |raw| Self::new(raw, self.coding))
    }

    /// Component `number` (from 1) of the first repetition.
    #[must_use]
    pub fn component(self, number: usize) -> Part<'a> {
        let first = self.nth(Some(self.coding.delimiters.repetition), 1);
        first.nth(Some(self.coding.delimiters.component), number)
    }

    /// Subcomponent `number` (from 1) of a component.
    #[must_use]
    pub fn subcomponent(self, number: usize) -> Part<'a> {
        self.nth(self.coding.delimiters.subcomponent, number)
    }

    fn nth(self, delimiter: Option<char>, number: usize) -> Part<'a> {
        let at = number.wrapping_sub(1);
        let raw = match delimiter {
            Some(delimiter) => self.raw.split(delimiter).nth(at).unwrap_or_default(),
            None if at == 0 => self.raw,
            None => "",
        };
        Self::new(raw, self.coding)
    }

    /// The text, unescaped: of the first subcomponent of the first component of the first repetition, as a reader
    /// that expects a primitive value takes it (HL7 v2.5, 2.8.2).
    #[must_use]
    pub fn text(self) -> String {
        let first = self.component(1).subcomponent(1);
        if first.is_null() {
            String::new()
        } else {
            unescape(first.raw, &self.coding.delimiters, self.coding.charset)
        }
    }
}
