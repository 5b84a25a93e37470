//! The withdrawal of a document, made from what its recipient was sent: the same patient, numbers and parties, whatever has
//! become of the resources here since. A report that went to the wrong patient is so withdrawn from that very patient.
//!
//! | kind | what is sent |
//! |---|---|
//! | `mllp` | the message again as `MDM^T04` (an `ORU^R01` stays one), ORC-1 `CA`, OBX-11 `D` (CI-SIS 2.1.3) |
//! | `xds` | ITI-57: `UpdateAvailabilityStatus` from `Approved` to `Deleted`; the entry is found when it is sent |
//! | `mhd` | `PDSm` 3.1.1 flow 03, beside MHD: a conditional `PATCH` of `DocumentReference.status` |
//! | `fhir` | a transaction: description and report put again with the status `entered-in-error` |

mod message;
mod order;
mod resources;

pub(super) use message::header;
pub use message::message;
pub(super) use order::on_behalf;
pub use order::order;
pub(super) use resources::{conditional_patch, retold};
pub use resources::{patch, superseded, transaction};

use super::document;
use crate::hl7v2::{Message, Segment};
use crate::problem::Problem;

/// What a recipient was sent when it got the document.
#[derive(Clone, Copy)]
pub struct Sent<'a> {
    /// Id of the `DocumentReference` that it was about.
    pub document_id: &'a str,
    /// Media type of the payload.
    pub content_type: &'a str,
    /// The payload.
    pub payload: &'a [u8],
}

impl Sent<'_> {
    /// Whether a platform was asked to feed the DMP with it: the flag `DESTDMP` of an HL7 v2 message.
    #[must_use]
    pub fn asked_for_dmp(&self) -> bool {
        Message::parse(self.payload).is_ok_and(|message| {
            message.all("OBX").any(|obx| obx.field(3).component(1).text() == "DESTDMP" && says_yes(obx))
        })
    }

    /// The unique id of the document as an OID, `2.25.…`.
    ///
    /// # Errors
    /// Internal, if its id is no UUID.
    pub fn oid(&self) -> Result<String, Problem> {
        oid(self.document_id)
    }
}

fn says_yes(obx: &Segment) -> bool {
    obx.field(5).component(1).text() == "Y"
}

/// The unique id of the document of that `DocumentReference`, as an OID: `2.25.…`.
///
/// # Errors
/// Internal, if the id is no UUID.
pub fn oid(document_id: &str) -> Result<String, Problem> {
    let uri = document::unique_id(document_id)?;
    Ok(uri.trim_start_matches("urn:oid:").to_owned())
}

pub(super) fn damaged(what: &str) -> Problem {
    Problem::internal(format!("the payload of an earlier delivery is no {what}"))
}
