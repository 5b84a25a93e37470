//! XML as a tree: read strictly, written deterministically, and put into canonical form for signatures.
//!
//! - [`read`] takes UTF-8 without DOCTYPE or entities, within limits, and keeps comments and instructions;
//! - [`Element::new`] builds: names carry their name space, declarations are written where they are needed;
//! - `canonical` is Canonical XML 1.0 and Exclusive XML Canonicalization 1.0. What is sent is written in the same form,
//!   so that no recipient can see other bytes than those that were digested.
//!
//! FHIR XML has its own reader in `fhir`: it speaks of resources, not of trees. CDA has its own writer in `report`.

mod canonical;
mod read;
mod tree;

pub use canonical::{Method, document, element, find, within};
pub use read::{Limits, read};
pub use tree::{Attribute, Document, Element, Namespace, Node};
