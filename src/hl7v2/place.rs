//! The place of a fault: segment, field, repetition, component, subcomponent (data type ERL, HL7 v2.5, 2.A.28).

use std::fmt;

use super::Value;

/// A place in a message; every number counts from 1, and 0 means the whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Name of the segment.
    pub segment: String,
    /// Which of the segments of that name.
    pub sequence: usize,
    /// The field.
    pub field: usize,
    /// The repetition of the field.
    pub repetition: usize,
    /// The component.
    pub component: usize,
    /// The subcomponent.
    pub subcomponent: usize,
}

impl Place {
    /// A whole segment.
    #[must_use]
    pub fn segment(name: &str, sequence: usize) -> Self {
        Self { segment: name.to_owned(), sequence, ..Self::default() }
    }

    /// A field of a segment.
    #[must_use]
    pub fn field(name: &str, sequence: usize, field: usize) -> Self {
        Self { field, ..Self::segment(name, sequence) }
    }

    /// The same field, this repetition.
    #[must_use]
    pub fn repetition(mut self, repetition: usize) -> Self {
        self.repetition = repetition;
        self
    }

    /// The same field, this component.
    #[must_use]
    pub fn component(mut self, component: usize) -> Self {
        self.component = component;
        self
    }

    /// Reads what `Display` writes: `PID-3`, `PID[1]-3[2].4.1`, `OBX[2]`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (segment, field) = text.split_once('-').unwrap_or((text, ""));
        let (name, sequence) = indexed(segment)?;
        let plain =
            name.len() == 3 && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !plain {
            return None;
        }
        let mut place = Self::segment(name, sequence.unwrap_or(1));
        if field.is_empty() {
            return (!text.contains('-')).then_some(place);
        }
        let mut parts = field.split('.');
        let (number, repetition) = indexed(parts.next()?)?;
        place.field = number.parse().ok()?;
        place.repetition = repetition.unwrap_or(0);
        place.component = parts.next().map_or(Some(0), |part| part.parse().ok())?;
        place.subcomponent = parts.next().map_or(Some(0), |part| part.parse().ok())?;
        parts.next().is_none().then_some(place)
    }

    /// As ERR-2 writes it: `PID^1^3^2^4^1`.
    #[must_use]
    pub fn location(&self) -> Value {
        let numbers = [self.sequence, self.field, self.repetition, self.component, self.subcomponent];
        let last = numbers.iter().rposition(|number| *number != 0).map_or(0, |at| at + 1);
        // A component is meaningless without its repetition: the first one then.
        let numbers = numbers.iter().take(last).enumerate().map(|(at, number)| match (at, number) {
            (2, 0) => "1".to_owned(),
            (_, number) => number.to_string(),
        });
        Value::components(std::iter::once(self.segment.clone()).chain(numbers))
    }
}

fn indexed(text: &str) -> Option<(&str, Option<usize>)> {
    match text.split_once('[') {
        None => Some((text, None)),
        Some((name, index)) => Some((name, Some(index.strip_suffix(']')?.parse().ok()?))),
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.segment)?;
        if self.sequence > 1 {
            write!(f, "[{}]", self.sequence)?;
        }
        if self.field > 0 {
            write!(f, "-{}", self.field)?;
        }
        if self.repetition > 0 {
            write!(f, "[{}]", self.repetition)?;
        }
        if self.component > 0 {
            write!(f, ".{}", self.component)?;
        }
        if self.subcomponent > 0 {
            write!(f, ".{}", self.subcomponent)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_as_it_was_written() {
        for text in ["PID", "PID-3", "PID-3[2].4", "OBX[2]-5.1.3", "OBX[12]"] {
            assert_eq!(Place::parse(text).map(|place| place.to_string()).as_deref(), Some(text));
        }
        for text in
            ["", "Patient.name", "PID-", "PID-x", "PID[x]-1", "PID-1.2.3.4", "QuestionnaireResponse.item[0]"]
        {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_error_location_names_as_much_as_is_known() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Place::parse(text).unwrap().location().encoded(), expected);
        };
        check("MSH-12", "MSH^1^12");
        check("PID-3[2].4", "PID^1^3^2^4");
        check("PID-3.4", "PID^1^3^1^4");
        check("OBX[2]", "OBX^2");
    }
}
