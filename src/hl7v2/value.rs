//! A field to be written: repetitions of components of subcomponents, all of them plain text.

use super::Delimiters;
use super::escape::escape;

/// A field as text, before it is escaped. Empty ends are not written.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Value(Vec<Vec<Vec<String>>>);

impl Value {
    /// One repetition of these components.
    #[must_use]
    pub fn components<I>(components: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self(vec![components.into_iter().map(|component| vec![component.into()]).collect()])
    }

    /// The same with this text as component `number` (from 1) of the last repetition.
    #[must_use]
    pub fn with(self, number: usize, text: impl Into<String>) -> Self {
        self.with_subcomponents(number, [text.into()])
    }

    /// The same with these subcomponents as component `number` (from 1) of the last repetition.
    #[must_use]
    pub fn with_subcomponents<I>(mut self, number: usize, subcomponents: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        if self.0.is_empty() {
            self.0.push(Vec::new());
        }
        if let Some(components) = self.0.last_mut() {
            if components.len() < number {
                components.resize(number, Vec::new());
            }
            if let Some(place) = number.checked_sub(1).and_then(|at| components.get_mut(at)) {
                *place = subcomponents.into_iter().map(Into::into).collect();
            }
        }
        self
    }

    /// The same, followed by the repetitions of another one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// As it is written with the standard delimiters.
    #[must_use]
    pub fn encoded(&self) -> String {
        const STANDARD: Delimiters = Delimiters::STANDARD;
        let component = |subcomponents: &Vec<String>| {
            joined(subcomponents.iter().map(|text| escape(text, &STANDARD)), '&')
        };
        let repetition =
            |components: &Vec<Vec<String>>| joined(components.iter().map(component), STANDARD.component);
        joined(self.0.iter().map(repetition), STANDARD.repetition)
    }
}

/// Joined without the empty ones at the end.
fn joined(parts: impl Iterator<Item = String>, delimiter: char) -> String {
    let parts: Vec<String> = parts.collect();
    let last = parts.iter().rposition(|part| !part.is_empty()).map_or(0, |at| at + 1);
    parts[..last].join(delimiter.encode_utf8(&mut [0; 4]))
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::components([text])
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::components([text])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_without_empty_ends() {
        let check = |value: Value, expected: &str| assert_eq!(value.encoded(), expected);
        check(Value::from("a|b"), r"a\F\b");
        check(Value::components(["", "b", ""]), "^b");
        check(
            Value::from("42")
                .with_subcomponents(4, ["CHU", "1.2.3", "ISO"])
                .with(5, "PI")
                .and(Value::from("7")),
            "42^^^CHU&1.2.3&ISO^PI~7",
        );
        check(Value::default().with(0, "nowhere"), "");
        check(Value::default(), "");
    }
}
