//! Taking a document back from every destination that has it, routed to or not: one delivery each, after whatever is still
//! under way to it. A destination that is gone from the configuration is a Task for a person.

use crate::json::Value;
use jiff::Timestamp;

use super::holding::{self, Holding};
use super::{Dispatch, ER7};
use crate::clock::Ids;
use crate::fhir::{MEDIA_TYPE, meta};
use crate::hl7v2;
use crate::interaction::{Destination, DestinationKind};
use crate::outbox::{Act, Delivery};
use crate::problem::Problem;
use crate::report::folder::{self, Errand};
use crate::report::{Professional, withdrawal};

/// A report that is withdrawn.
pub(in crate::interaction) struct Withdrawn<'a> {
    /// As it is stored from now on.
    pub(in crate::interaction) report: &'a Value,
    /// Who withdraws it.
    pub(in crate::interaction) by: &'a Professional,
    /// When.
    pub(in crate::interaction) at: Timestamp,
}

/// Takes the document back.
///
/// A delivery to the same destination that is under way, or was without a clear answer, is neither stopped nor changed: its
/// receiver may have what it brought. Both are sent, in their order, and the document is withdrawn in the end either way. One
/// that waits and that its receiver certainly does not have is stopped ([`super::Needless`]), and what it has is withdrawn.
///
/// # Errors
/// What rendering says.
pub(in crate::interaction) fn withdraw(
    withdrawn: &Withdrawn<'_>,
    holdings: &[Holding],
    destinations: &[Destination],
    ids: &dyn Ids,
) -> Result<Dispatch, Problem> {
    let mut dispatch = Dispatch::default();
    for holding in holdings {
        let id = ids.next();
        let Some(destination) = holding.at(destinations) else {
            let task = holding::out_of_reach(holding, Act::Withdraw, withdrawn.at);
            dispatch.tasks.push(meta::stamp(task, &id, 1, withdrawn.at));
            continue;
        };
        dispatch.deliveries.push(one(withdrawn, holding, destination, (id, ids))?);
    }
    Ok(dispatch)
}

/// The delivery that takes a document back from a destination that has it.
///
/// # Errors
/// What rendering says.
pub(super) fn delivery(
    withdrawn: &Withdrawn<'_>,
    holding: &Holding,
    destination: &Destination,
    ids: &dyn Ids,
) -> Result<Delivery, Problem> {
    one(withdrawn, holding, destination, (ids.next(), ids))
}

fn one(
    withdrawn: &Withdrawn<'_>,
    holding: &Holding,
    destination: &Destination,
    (id, ids): (String, &dyn Ids),
) -> Result<Delivery, Problem> {
    let (content_type, payload) = payload(withdrawn, holding, destination, &id, ids)?;
    Ok(Delivery {
        id,
        destination: holding.destination.clone(),
        kind: holding.kind.clone(),
        patient: holding.patient.clone(),
        subject: holding.subject(),
        act: Act::Withdraw,
        content_type,
        payload,
        created_at: withdrawn.at,
    })
}

fn payload(
    withdrawn: &Withdrawn<'_>,
    holding: &Holding,
    destination: &Destination,
    id: &str,
    ids: &dyn Ids,
) -> Result<(String, Vec<u8>), Problem> {
    let (sent, at) = (holding.sent(), withdrawn.at);
    Ok(match &destination.kind {
        DestinationKind::Fhir => {
            let bundle = withdrawal::transaction(&sent, withdrawn.report, at)?;
            (MEDIA_TYPE.to_owned(), super::json(&bundle)?)
        }
        DestinationKind::Mhd(_) => {
            let change = withdrawal::patch(&sent, destination.withdrawn_as, at)?;
            (MEDIA_TYPE.to_owned(), super::json(&change)?)
        }
        DestinationKind::Mllp(route) => {
            let control_id = hl7v2::control_id(id)
                .ok_or_else(|| Problem::internal("the id of a delivery is no UUID of version 7"))?;
            (ER7.to_owned(), withdrawal::message(&sent, route, &control_id, at)?)
        }
        DestinationKind::Xds(submitter) => {
            withdrawal::order(&sent, submitter, withdrawn.by, (&ids.next(), &ids.next()), at)?
        }
        DestinationKind::Folder(layout) => {
            let boundary = ids.next();
            let errand = Errand { id, destination: &holding.destination, boundary: &boundary, at };
            folder::withdraw(&sent, layout, &errand)?
        }
    })
}
