//! What a resource is found by: the values at the paths of its type's parameters.

use std::fmt;

use crate::json::Value;

use super::element::Reader;
use super::path::Path;
use super::registry::{self, OfType};
use super::{Kind, Parameter};
use crate::fhir::compact::Text;
use crate::fhir::element::resource_type;

/// One value to index.
#[derive(Clone, PartialEq)]
pub struct Entry {
    /// Under this parameter.
    pub parameter: &'static Parameter,
    /// The value.
    pub found: Found,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({})", self.parameter.name)
    }
}

/// A value as it is compared. Most are two texts: what takes more room is in a box, for a submission moves some 300 of them.
#[derive(Clone, PartialEq, Eq)]
pub enum Found {
    /// A code or an identifier; the system is empty where there is none.
    Token {
        /// Of the code.
        system: String,
        /// The code, or an identifier's value.
        code: String,
    },
    /// `Patient/1` without version, or an absolute address.
    Reference(String),
    /// The address of a definition.
    Canonical {
        /// Without the version.
        url: String,
        /// Empty where there is none.
        version: String,
    },
    /// Microseconds since 1970, the end excluded.
    Date {
        /// First microsecond; the least number for an open beginning.
        low: i64,
        /// First microsecond after; the greatest number for an open end.
        high: i64,
    },
    /// As it is written.
    Text(String),
    /// As it is written.
    Uri(String),
    /// A number or a measured value.
    Quantity(Box<Amount>),
    /// What is shown with a code (`:text`).
    Display(String),
    /// The identifier in a reference (`:identifier`).
    Identifier {
        /// Of the identifier.
        system: String,
        /// Its value.
        value: String,
    },
    /// One part of a composite.
    Part {
        /// Parts of the same element have the same number.
        group: usize,
        /// Which of the composite's components.
        part: usize,
        /// The value.
        found: Box<Found>,
    },
}

/// A number with its unit; the limits are texts that sort as numbers do, equal for a single value.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Amount {
    /// Least value.
    pub low: String,
    /// Greatest value.
    pub high: String,
    /// System of the unit's code; empty where there is none.
    pub system: String,
    /// Code of the unit; empty where there is none.
    pub code: String,
    /// The unit as it is shown; empty where there is none.
    pub unit: String,
    /// The same in base units: which, least value, greatest value. Only for UCUM.
    pub base: Option<(String, String, String)>,
}

/// Everything that a resource is found by, `_id` and `_lastUpdated` apart: a store has these already.
///
/// What has no readable value is not indexed; structure checks are made before.
#[must_use]
pub fn index(resource: &Value) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(USUAL);
    if let Some(of_type) = of_type(resource) {
        let members = resource.as_object().into_iter().flat_map(|members| members.keys());
        let bits = members.fold(of_type.anywhere(), |all, name| all | of_type.beginning(name));
        of_type.those(bits).for_each(|parameter| of_parameter(parameter, resource, &mut entries));
    }
    entries
}

/// The same for a resource that follows another: what begins at a member that stands in both, word for word and in the same
/// place, is not looked for again. `text` is how `resource` is written; `before` is how the other one is, and its entries.
#[must_use]
pub fn index_after(resource: &Value, text: &Text, before: (&Text, &[Entry])) -> Vec<Entry> {
    let (before, known) = before;
    let Some(of_type) = of_type(resource) else { return Vec::new() };
    let (mut is_same_type, mut bits, mut changed) = (false, of_type.anywhere(), of_type.anywhere());
    let names = resource.as_object().into_iter().flat_map(|members| members.keys());
    for (place, name) in names.enumerate() {
        let begins = of_type.beginning(name);
        bits |= begins;
        if text.member(place) == before.member(place) {
            is_same_type |= name == "resourceType";
        } else {
            let stood = before.name(place);
            changed |= if stood == name { begins } else { begins | of_type.beginning(stood) };
        }
    }
    if !is_same_type {
        return index(resource);
    }
    let gone = text.len()..before.len();
    changed |= gone.fold(0, |all, place| all | of_type.beginning(before.name(place)));
    let mut entries = Vec::with_capacity(USUAL.max(known.len()));
    let mut rest = known;
    for parameter in of_type.those(bits) {
        if changed & 1 << parameter.place == 0 {
            // Both are in the order of their parameters.
            let others = rest.iter().take_while(|entry| entry.parameter.place < parameter.place).count();
            rest = &rest[others..];
            let same = rest.iter().take_while(|entry| entry.parameter.place == parameter.place).count();
            entries.extend_from_slice(&rest[..same]);
        } else {
            of_parameter(parameter, resource, &mut entries);
        }
    }
    entries
}

fn of_type(resource: &Value) -> Option<&'static OfType> {
    registry::of_type(resource_type(resource)?)
}

/// Room for what most resources are found by.
const USUAL: usize = 16;

/// What one parameter finds in a resource, such as the references that `_include` follows.
#[must_use]
pub fn values(parameter: &'static Parameter, resource: &Value) -> Vec<Found> {
    let mut entries = Vec::new();
    parameter.stored().into_iter().for_each(|stored| of_parameter(stored, resource, &mut entries));
    entries.into_iter().map(|entry| entry.found).collect()
}

fn of_parameter(parameter: &'static Parameter, resource: &Value, entries: &mut Vec<Entry>) {
    let first = entries.len();
    if parameter.kind == Kind::Composite {
        composite(parameter, resource, entries);
    } else {
        for path in parameter.paths {
            let reader = Reader::new(parameter, path.system);
            path.visit(resource, &mut |element| {
                reader.read(element, &mut |found| entries.push(Entry { parameter, found }));
            });
        }
    }
    drop_repeats(entries, first);
}

/// The parts of each element that has them all; those of the resource itself are found by their own parameters.
fn composite(parameter: &'static Parameter, resource: &Value, entries: &mut Vec<Entry>) {
    let parts = parameter.parts();
    let mut group = 0;
    for path in parameter.paths {
        path.visit(resource, &mut |focus| {
            let first = entries.len();
            let mut complete = true;
            for (n, (component, part)) in parameter.components.iter().zip(&parts).enumerate() {
                let before = entries.len();
                part_values(component.paths, part, focus, &mut |found| {
                    let found = Found::Part { group, part: n, found: Box::new(found) };
                    entries.push(Entry { parameter, found });
                });
                complete &= entries.len() > before;
            }
            if !complete {
                entries.truncate(first);
            }
            group += 1;
        });
    }
}

fn part_values(paths: &[Path], part: &'static Parameter, focus: &Value, add: &mut dyn FnMut(Found)) {
    for path in paths {
        let reader = Reader::new(part, path.system);
        path.visit(focus, &mut |element| {
            // Only the value itself is a part: neither what is shown with it nor an identifier beside it.
            reader.read(element, &mut |found| match found {
                Found::Display(_) | Found::Identifier { .. } => {}
                value => add(value),
            });
        });
    }
}

fn drop_repeats(entries: &mut Vec<Entry>, first: usize) {
    let mut n = first;
    while n < entries.len() {
        if entries[first..n].iter().any(|earlier| earlier.found == entries[n].found) {
            entries.swap_remove(n);
        } else {
            n += 1;
        }
    }
}

#[cfg(test)]
mod tests;
