//! IHE XDS.b (ITI TF-1 10, TF-2 3.18, 3.41, 3.57, TF-3 4) as the French *dossier médical partagé* (DMP) uses it: metadata
//! in ebRIM, the messages around them, the signature of a submission set, the VIHF, and the XDM archive.
//!
//! Everything is pure: times, ids and keys are handed in, and the same input gives the same bytes.
//!
//! - [`Submission`] is what is told of a submission set, its documents and their relations; [`ebrim`] writes and reads it,
//!   [`check()`] finds what the schemas let through;
//! - [`soap`] and [`mtom`] wrap it, [`message`] has the bodies of ITI-41, ITI-18 and ITI-57 and of their answers;
//! - [`digital_signature`] signs the set (IHE DSG, `XAdES`), [`vihf`] says on whose behalf (SAML 2.0);
//! - [`Order`] is what waits in the outbox: rendered before the commit, sent the same each time;
//! - [`xdm`] writes the archive that is sent by secure mail.
//!
//! Nothing here names an address of the DMP: those are configured. What the public sources leave open (the version of the
//! VIHF, the algorithms) is a parameter.

mod check;
pub mod digital_signature;
pub mod ebrim;
mod error;
pub mod hl7;
pub mod message;
mod metadata;
pub mod mtom;
pub(crate) mod order;
mod request;
mod scheme;
pub mod soap;
pub mod vihf;
pub mod xdm;
mod zip;

#[cfg(test)]
pub(crate) mod example;

pub use check::check;
pub use error::{Fault, Severity, french, passes};
pub use metadata::{
    Association, AssociationKind, Author, Code, DocumentEntry, Status, Submission, SubmissionSet,
};
pub use order::{Order, Provide, Transaction, payload_type};
pub use request::{Message, Request};
pub use scheme::{LCM, QUERY, RIM, RS, XDSB};
