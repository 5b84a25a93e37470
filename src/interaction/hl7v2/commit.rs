//! Writing what a message causes, once: the unit claims the number of the message.

use crate::json::Value;

use crate::fhir::{element, structure};
use crate::hl7v2::{Header, Message};
use crate::interaction::{Context, content, incoming, rounds};
use crate::problem::{Category, Problem};
use crate::store::{Committed, Guard, Unit, Violation};

/// What became of a unit.
pub(super) enum Ended {
    /// It is durable, or it was before.
    Done,
    /// Somebody else wrote meanwhile: decide again.
    Again(Violation),
}

/// Commits, with the claim on the message.
///
/// # Errors
/// Those of the store.
pub(super) async fn commit(
    ctx: &Context,
    mut unit: Unit,
    message: &Message,
    header: &Header,
    holder: &str,
) -> Result<Ended, Problem> {
    // An engine may write the time of a repeat anew, and begin its numbers again after a restart: a message is the same
    // when its number and everything behind its header are.
    let behind: Vec<_> = message.segments().iter().skip(1).cloned().collect();
    let digest = content::bytes_digest(&Message::new(behind).encode());
    unit.guards.push(Guard::Key {
        space: format!("hl7v2/{}/{}", header.sender.application, header.sender.facility),
        key: format!("{}/{}/{digest}", header.kind(), header.control_id),
        holder: holder.to_owned(),
        digest: digest.into_bytes(),
    });
    Ok(match ctx.store.commit(unit).await? {
        Committed::Written(_) | Committed::Refused(Violation::Key { .. }) => Ended::Done,
        Committed::Refused(violation) => Ended::Again(violation),
    })
}

/// How often a message is decided anew because somebody else wrote meanwhile.
pub(super) struct Rounds(rounds::Rounds);

impl Rounds {
    /// As many as the site allows.
    pub(super) const fn new(ctx: &Context) -> Self {
        Self(rounds::Rounds::new(ctx))
    }

    /// Begins another round.
    ///
    /// # Errors
    /// `Busy` when there were enough: whoever stands in the way is gone when the sender tries again.
    pub(super) fn begin(&mut self) -> Result<(), Problem> {
        self.0.begin().map_err(|why| {
            Problem::new(Category::Busy, "throttled", format!("others write about the same patient: {why}"))
        })
    }

    /// Whether the message is done with; if not, why there is another round.
    pub(super) fn is_over(&mut self, ended: Ended) -> bool {
        match ended {
            Ended::Done => true,
            Ended::Again(violation) => {
                self.0.again(violation);
                false
            }
        }
    }
}

/// Refuses a resource that R4 would not have; its faults have no place in the message, which was read rightly.
///
/// # Errors
/// `Invalid` with every fault.
pub(super) fn sound(resource: &Value) -> Result<(), Problem> {
    let issues = structure::check(resource);
    if !incoming::hinders(&issues) {
        return Ok(());
    }
    let rtype = element::resource_type(resource).unwrap_or("Resource");
    tracing::warn!(rtype, faults = issues.len(), "a message leads to a resource that is not valid");
    Err(Problem::with(Category::Invalid, issues))
}
