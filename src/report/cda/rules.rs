//! The rules one by one, on the tree of a document.

mod body;
mod code;
mod identifier;
mod patient;
mod people;
mod time;

use crate::problem::Issue;
use crate::xml::Element;

pub(super) use body::body;
pub(super) use code::{act, codes};
pub(super) use identifier::identifiers;
pub(super) use patient::patient;
pub(super) use people::people;
pub(super) use time::times;

/// What was found.
#[derive(Default)]
pub(super) struct Faults(pub(super) Vec<Issue>);

impl Faults {
    /// A fault at that place below the root.
    fn add(&mut self, place: &str, what: &str) {
        self.0.push(Issue::error("business-rule", what).at(in_root(place)));
    }

    /// A fault, unless the condition holds.
    fn unless(&mut self, holds: bool, place: &str, what: &str) {
        if !holds {
            self.add(place, what);
        }
    }

    fn warn(&mut self, place: &str, what: &str) {
        self.0.push(Issue::warning("business-rule", what).at(in_root(place)));
    }
}

fn in_root(place: &str) -> String {
    if place.starts_with("ClinicalDocument") { place.to_owned() } else { format!("ClinicalDocument/{place}") }
}

/// The places of the children of an element: a name, and its number where there are several.
fn places<'a>(element: &'a Element, place: &'a str) -> impl Iterator<Item = (String, &'a Element)> {
    element.elements().enumerate().map(move |(n, child)| {
        let same = |other: &&Element| other.name == child.name;
        let before = element.elements().take(n).filter(same).count();
        let name = &child.name;
        let number = if element.elements().filter(same).count() > 1 {
            format!("[{}]", before + 1)
        } else {
            String::new()
        };
        (format!("{place}/{name}{number}"), child)
    })
}

/// Whether that is a whole OID: numbers and dots, at most 64 signs.
fn is_oid(text: &str) -> bool {
    let is_arc = |arc: &str| {
        !arc.is_empty()
            && arc.bytes().all(|sign| sign.is_ascii_digit())
            && (arc == "0" || !arc.starts_with('0'))
    };
    text.len() <= 64 && text.contains('.') && text.split('.').all(is_arc)
}
