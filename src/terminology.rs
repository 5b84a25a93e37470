//! The names of things: canonical addresses, code systems, OIDs, alert levels, issue codes, and the loaded
//! code systems and value sets (<https://hl7.org/fhir/R4/terminology-module.html>).

mod catalog;
mod issue_code;
mod level;
pub mod nos;
mod system;

pub use catalog::{Concept, NoOrder, Terminology};
pub use issue_code::{ISSUE_CODES, is_issue_code};
pub use level::{Level, UnknownLevel};
pub use system::*;
