//! One segment: its name and its fields, as they are written.

use std::fmt;

use super::Value;
use super::delimiters::Delimiters;
use super::part::{Coding, Part};

/// A segment of a message, known or not.
#[derive(Clone, PartialEq, Eq)]
pub struct Segment {
    name: String,
    /// Field 1 first; in `MSH` that is the field separator, and field 2 the encoding characters.
    fields: Vec<String>,
    coding: Coding,
}

impl Segment {
    /// An empty segment of that name, to be written with the standard delimiters in UTF-8.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let coding = Coding { delimiters: Delimiters::STANDARD, charset: super::Charset::Utf8 };
        let mut segment = Self { name: name.to_owned(), fields: Vec::new(), coding };
        if segment.is_header() {
            segment.fields = vec!["|".to_owned(), "^~\\&".to_owned()];
        }
        segment
    }

    /// Reads one line; `None` when it does not begin with a segment name and the field separator.
    pub(super) fn read(line: &str, coding: Coding) -> Option<Self> {
        let name = line.get(..3)?;
        let named = name.bytes().next()?.is_ascii_uppercase()
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let rest = line.get(3..)?;
        if !named || !(rest.is_empty() || rest.starts_with(coding.delimiters.field)) {
            return None;
        }
        let mut fields: Vec<String> =
            rest.split(coding.delimiters.field).skip(1).map(str::to_owned).collect();
        if name == "MSH" {
            fields.insert(0, coding.delimiters.field.to_string());
        }
        Some(Self { name: name.to_owned(), fields, coding })
    }

    /// Its name, three letters or digits.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Field `number`, from 1; an empty one when it is not there.
    #[must_use]
    pub fn field(&self, number: usize) -> Part<'_> {
        let raw = number.checked_sub(1).and_then(|at| self.fields.get(at)).map_or("", String::as_str);
        Part::new(raw, self.coding)
    }

    /// How many fields are written.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether it is a name only.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The same with this value as field `number`; the delimiters of a header stay. An empty value writes nothing.
    ///
    /// For segments that were made here: values are escaped for the standard delimiters.
    #[must_use]
    pub fn with(mut self, number: usize, value: impl Into<Value>) -> Self {
        let first = if self.is_header() { 3 } else { 1 };
        let encoded = value.into().encoded();
        if number >= first && (!encoded.is_empty() || number <= self.fields.len()) {
            if self.fields.len() < number {
                self.fields.resize(number, String::new());
            }
            self.fields[number - 1] = encoded;
        }
        self
    }

    fn is_header(&self) -> bool {
        self.name == "MSH"
    }

    /// As it is written, without the end of the line.
    pub(super) fn write(&self, line: &mut String) {
        line.push_str(&self.name);
        let separator = self.coding.delimiters.field;
        for (at, field) in self.fields.iter().enumerate() {
            // The first field of a header is the separator itself.
            match (self.is_header(), at) {
                (true, 0) => line.push(separator),
                (true, 1) => line.push_str(field),
                _ => {
                    line.push(separator);
                    line.push_str(field);
                }
            }
        }
    }
}

impl fmt::Debug for Segment {
    /// Without its values: they are a patient's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({} fields)", self.name, self.fields.len())
    }
}
