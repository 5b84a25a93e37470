//! Who someone is in French documents and messages: when an INS may be used, how each standard writes it, and the
//! national numbers of professionals and structures.
//!
//! - [`qualify()`] decides whether a patient's identity is *qualified* (*référentiel INS*: validated status, strict traits,
//!   a matricule with the right OID and key), with every reason in French when it is not. Only a qualified identity
//!   travels with its INS, in any channel.
//! - [`Ins`] knows its OID, its [`Environment`], and its type in XDS, HL7 v2 and FHIR ([`Ins::type_code`]).
//! - [`ProfessionalId`] and [`StructureId`] carry the one-digit prefix that the directories want.
//!
//! All of it is pure; nothing here prints a number in `Debug`.

mod ins;
mod national;
mod professional;
mod qualification;
mod structure;
mod traits;

pub use ins::{Channel, Environment, Ins, InsFault, InsKind};
pub use national::{NationalId, Register};
pub use professional::{ProfessionalId, ProfessionalKind};
pub use qualification::{Qualification, Reason, qualify};
pub use structure::{StructureId, StructureKind};
pub(crate) use traits::{BIRTH_GIVEN_NAMES, BIRTH_PLACE, IDENTITY_RELIABILITY, INSEE_CODE};
pub use traits::{BIRTH_PLACE_UNKNOWN, Sex, Traits};
