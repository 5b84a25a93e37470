//! Messages of HL7 v2 that other systems send here: identities (`ADT`, IHE PAM with its French extension 2.11) and what
//! became of documents (`ZAM`, CI-SIS *Transmission d'un document CDA R2 en HL7v2* 2.1.3).
//!
//! A message is taken when what follows from it is durable. The same message again, by MSH-10 and content, changes
//! nothing: its number is claimed in the unit that it caused. What would change nothing is not written at all.

mod commit;
mod consent;
mod find;
mod identity;
mod merge;
mod overlay;
mod pid;
mod receipt;
mod request;
mod told;

use super::Context;
use crate::hl7v2::{Header, Message};
use crate::problem::{Category, Problem};

pub(crate) use told::{BusinessReceipt, of_deliveries};

/// A name under which other systems assign numbers to patients, and the FHIR system of these numbers here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authority {
    /// CX.4.1, for senders that write no OID; empty when all do.
    pub namespace: String,
    /// CX.4.2; empty when the namespace is enough.
    pub oid: String,
    /// `Identifier.system` here.
    pub system: String,
}

/// Takes a message. Answers after everything that follows from it is durable.
///
/// # Errors
/// `NotSupported` at MSH-9 for messages that are none of these; `Invalid`, `NotFound` and `Conflict` with the place of the
/// fault in the message; those of the store. Nothing was changed then.
pub async fn receive(ctx: &Context, message: &Message, header: &Header) -> Result<(), Problem> {
    match (header.code.as_str(), header.event.as_str()) {
        ("ADT", "A01" | "A04" | "A05" | "A08" | "A28" | "A31") => identity::take(ctx, message, header).await,
        ("ADT", "A40" | "A47") => merge::take(ctx, message, header).await,
        ("ZAM", "Z01" | "Z02" | "Z03") => receipt::take(ctx, message, header).await,
        ("ADT" | "ZAM", _) => {
            Err(refused("MSH-9.2", "A01, A04, A05, A08, A28, A31, A40, A47, Z01, Z02 and Z03 are taken here"))
        }
        _ => Err(refused("MSH-9", "ADT and ZAM messages are taken here")),
    }
}

/// How numbers are read at this site.
fn reading(ctx: &Context) -> pid::Reading<'_> {
    pid::Reading { authorities: &ctx.settings.authorities, environment: ctx.settings.issuer.environment }
}

fn refused(place: &str, what: &str) -> Problem {
    Problem::new(Category::NotSupported, "not-supported", what).at(place)
}
