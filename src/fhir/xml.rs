//! FHIR XML (<https://hl7.org/fhir/R4/xml.html>): the door for XML, and the writer of it.
//!
//! XML and JSON say the same things; the tables of [`super::schema`] tell how. [`read()`] answers the value that
//! [`super::parse()`] would give for the same resource in JSON, and [`write()`] takes such a value. What must hold
//! of XML and has no meaning in JSON is judged here: well-formedness, name spaces, the order of elements, attributes.
//! What must hold of both is for [`super::structure`] to say.
//!
//! Nothing outside the document is ever looked at: there are no entities but the five of XML, and no DOCTYPE.
//! White space and references within a narrative, line breaks in strings, and the digits of a decimal survive both ways.

mod narrative;
mod read;
mod source;
#[cfg(test)]
mod tests;
mod write;

pub use read::read;
pub use write::{write, write_pretty};

/// The media type of FHIR XML.
pub const MEDIA_TYPE: &str = "application/fhir+xml";

/// The name space of resources.
const FHIR: &str = "http://hl7.org/fhir";

/// The name space of narratives.
const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// The name space of `schemaLocation`, the one attribute that is passed over.
const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Whether XML 1.0 has a way to write this character.
const fn is_writable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// Whether an element's child is an attribute in XML: the id of anything but a resource, and an extension's url.
fn is_attribute(definition: &super::schema::Definition, element: &str) -> bool {
    match element {
        "id" => definition.kind != super::schema::Kind::Resource,
        "url" => definition.name == "Extension",
        _ => false,
    }
}
