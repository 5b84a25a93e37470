//! Where the walk is: steps kept as they are met, written out only when there is a fault to place.

use std::fmt::Write as _;

/// A step from the root of the resource.
#[derive(Debug, Clone, Copy)]
pub(in crate::fhir) enum Step<'a> {
    /// An element by its `FHIRPath` name, or the resource type at the root.
    Name(&'a str),
    /// A member of a list.
    Index(usize),
}

/// The way from the root.
#[derive(Debug, Default)]
pub(in crate::fhir) struct Place<'a>(Vec<Step<'a>>);

impl<'a> Place<'a> {
    pub(in crate::fhir) fn enter(&mut self, step: Step<'a>) {
        self.0.push(step);
    }

    pub(in crate::fhir) fn leave(&mut self) {
        self.0.pop();
    }

    pub(in crate::fhir) fn depth(&self) -> usize {
        self.0.len()
    }

    /// The `FHIRPath`, such as `Patient.name[0].given[1]`.
    pub(in crate::fhir) fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.0 {
            match step {
                Step::Name(name) if path.is_empty() => path.push_str(name),
                Step::Name(name) => {
                    let _ = write!(path, ".{name}");
                }
                Step::Index(index) => {
                    let _ = write!(path, "[{index}]");
                }
            }
        }
        path
    }

    /// The path of a child.
    pub(in crate::fhir) fn child(&self, name: &str) -> String {
        format!("{}.{name}", self.path())
    }
}
