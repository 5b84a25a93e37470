//! What waits in the outbox and was never begun, hidden from the start: another payload, for another delivery that takes its
//! place. So no recipient ever shows what is hidden before it leaves.

use super::{Visibility, message, order, resources};
use crate::problem::Problem;
use crate::report::hl7v2::Listing;
use crate::report::withdrawal::Sent;

/// The payload of `sent`, of that kind of destination, hidden so; media type and bytes. None for a folder: its archive and
/// message are told of it by the notice that follows. `control_id` is that of the new delivery, `boundary` a UUID.
///
/// # Errors
/// Internal, if it is not what such a destination is sent.
pub fn unsent(
    sent: &Sent<'_>,
    kind: &str,
    listing: Listing,
    visibility: &Visibility,
    (control_id, boundary): (&str, &str),
) -> Result<Option<(String, Vec<u8>)>, Problem> {
    Ok(Some(match kind {
        "mllp" => (sent.content_type.to_owned(), message::unsent(sent, listing, visibility, control_id)?),
        "xds" => order::unsent(sent, visibility, boundary)?,
        "fhir" | "mhd" => (sent.content_type.to_owned(), resources::unsent(sent, visibility)?),
        _ => return Ok(None),
    }))
}
