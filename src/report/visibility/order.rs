//! IHE ITI-57 Update Document Set of a document that stays: its `confidentialityCode`s (DMP TD3.3a, TD3.3b), or its status
//! between `Approved` and `Archived` (TD3.3d), in the name of those who submitted it.

use jiff::Timestamp;

use super::Visibility;
use crate::problem::Problem;
use crate::report::Professional;
use crate::report::provide_and_register::Submitter;
use crate::report::withdrawal::{Sent, damaged, on_behalf};
use crate::terminology::nos;
use crate::xds::{Code, Order, Status};

/// The order that hides the document of `sent` so, as media type and bytes. `set_id` (the id of the submission set) and
/// `boundary` are UUIDs. The entry as the registry has it is found when the order is sent.
///
/// # Errors
/// Internal, if what was sent is no order; `Invalid` with every fault of the metadata.
pub fn hide(
    sent: &Sent<'_>,
    submitter: &Submitter,
    by: &Professional,
    visibility: &Visibility,
    (set_id, boundary): (&str, &str),
    at: Timestamp,
) -> Result<(String, Vec<u8>), Problem> {
    let (set, claims) = on_behalf(sent, submitter, by, set_id, at)?;
    Order::visibility(set, &sent.oid()?, codes(visibility), claims, boundary)
}

/// The order that archives the document of `sent`, or takes it out again.
///
/// # Errors
/// As [`hide`].
pub fn archive(
    sent: &Sent<'_>,
    submitter: &Submitter,
    by: &Professional,
    archived: bool,
    (set_id, boundary): (&str, &str),
    at: Timestamp,
) -> Result<(String, Vec<u8>), Problem> {
    let (set, claims) = on_behalf(sent, submitter, by, set_id, at)?;
    let (from, to) =
        if archived { (Status::Approved, Status::Archived) } else { (Status::Archived, Status::Approved) };
    Order::status(set, &sent.oid()?, (from, to), claims, boundary)
}

/// The order of `sent`, which nobody has begun to send, hidden so from the start. Its signature covers ids and bytes, which
/// stay.
///
/// # Errors
/// As [`hide`].
pub(super) fn unsent(
    sent: &Sent<'_>,
    visibility: &Visibility,
    boundary: &str,
) -> Result<(String, Vec<u8>), Problem> {
    Order::hidden_from_the_start(sent.content_type, sent.payload, &codes(visibility), boundary)
        .map_err(|_| damaged("order to a repository"))
}

fn codes(visibility: &Visibility) -> Vec<Code> {
    let code = |mask: &nos::Code| Code::new(&mask.code, &mask.oid, &mask.display);
    visibility.masks.iter().map(code).collect()
}
