//! Telling everyone who has a document from whom it is hidden now, or that it is archived: one delivery for each change, after
//! whatever is still under way; a Task where there is no message for it, or where the destination is gone.
//!
//! What nobody has begun to send is stopped in the same transaction, and goes hidden from the start in its place: such a
//! recipient never has the document otherwise. What an attempt may have brought stays, and the change follows it.

use crate::json::Value;
use jiff::Timestamp;

use super::holding::{self, Holding};
use super::{Dispatch, ER7};
use crate::clock::Ids;
use crate::fhir::{MEDIA_TYPE, meta};
use crate::hl7v2;
use crate::interaction::{Destination, DestinationKind};
use crate::outbox::{Act, Delivery, Stop};
use crate::problem::Problem;
use crate::report::Professional;
use crate::report::folder::{self, Errand};
use crate::report::hl7v2::{Changes, Listing};
use crate::report::visibility::{self, Visibility};
use crate::report::withdrawal::Sent;
use crate::store::Halt;

/// A document that is hidden otherwise, or archived otherwise.
pub(in crate::interaction) struct Changed<'a> {
    /// Its description, as it is stored from now on.
    pub(in crate::interaction) description: &'a Value,
    /// What that says.
    pub(in crate::interaction) visibility: &'a Visibility,
    /// What changes: `Visibility`, `Archive` or `Unarchive`.
    pub(in crate::interaction) acts: &'a [Act],
    /// Who asks.
    pub(in crate::interaction) by: &'a Professional,
    /// The same, by reference.
    pub(in crate::interaction) reference: &'a str,
    /// When.
    pub(in crate::interaction) at: Timestamp,
}

/// Tells everyone who has it.
///
/// # Errors
/// What rendering says.
pub(in crate::interaction) fn change(
    changed: &Changed<'_>,
    holdings: &[Holding],
    destinations: &[Destination],
    ids: &dyn Ids,
) -> Result<Dispatch, Problem> {
    let mut dispatch = Dispatch::default();
    for holding in holdings {
        let destination = holding.at(destinations);
        for &act in changed.acts {
            let Some(destination) = destination else {
                let task = holding::out_of_reach(holding, act, changed.at);
                dispatch.tasks.push(meta::stamp(task, &ids.next(), 1, changed.at));
                continue;
            };
            if act == Act::Visibility && changed.takes_the_place(holding, destination, &mut dispatch, ids)? {
                continue;
            }
            let id = ids.next();
            match changed.payload(act, holding, destination, &id, ids)? {
                Some((content_type, payload)) => dispatch.deliveries.push(Delivery {
                    id,
                    destination: holding.destination.clone(),
                    kind: holding.kind.clone(),
                    patient: holding.patient.clone(),
                    subject: holding.subject(),
                    act,
                    content_type,
                    payload,
                    created_at: changed.at,
                }),
                None => {
                    dispatch.tasks.push(meta::stamp(changed.by_hand(holding, act), &id, 1, changed.at));
                }
            }
        }
    }
    Ok(dispatch)
}

impl Changed<'_> {
    /// Puts what was never begun in the place of what waits there, if that can be.
    fn takes_the_place(
        &self,
        holding: &Holding,
        destination: &Destination,
        dispatch: &mut Dispatch,
        ids: &dyn Ids,
    ) -> Result<bool, Problem> {
        if !holding.is_unsent() {
            return Ok(false);
        }
        let listing = match &destination.kind {
            DestinationKind::Mllp(route) => route.listing,
            _ => Listing::default(),
        };
        let mut deliveries = Vec::new();
        for waiting in holding.unsent.iter().filter(|one| one.act != Act::Visibility) {
            let (id, boundary) = (ids.next(), ids.next());
            let document_id = waiting.subject.trim_start_matches("DocumentReference/");
            let sent = Sent { document_id, content_type: &waiting.content_type, payload: &waiting.payload };
            let (content_type, payload) = if waiting.act.gives() || waiting.kind == "fhir" {
                let names = (&*control_id(&id)?, boundary.as_str());
                match visibility::unsent(&sent, &waiting.kind, listing, self.visibility, names)? {
                    Some(hidden) => hidden,
                    None => return Ok(false),
                }
            } else {
                (waiting.content_type.clone(), waiting.payload.clone())
            };
            // Made when it was: whom it is about is looked at again from then on.
            deliveries.push(Delivery { id, content_type, payload, ..waiting.clone() });
        }
        let stop = || Stop {
            by: self.reference.to_owned(),
            reason: format!("remplacé avant tout envoi : {}", self.visibility.french()),
            at: self.at,
        };
        dispatch.stops.extend(holding.unsent.iter().map(|one| Halt {
            id: one.id.clone(),
            attempts: 0,
            stop: stop(),
        }));
        dispatch.deliveries.extend(deliveries);
        Ok(true)
    }

    /// What is sent; nothing where no message says it.
    fn payload(
        &self,
        act: Act,
        holding: &Holding,
        destination: &Destination,
        id: &str,
        ids: &dyn Ids,
    ) -> Result<Option<(String, Vec<u8>)>, Problem> {
        let (sent, at) = (holding.sent(), self.at);
        Ok(Some(match &destination.kind {
            DestinationKind::Fhir => {
                let bundle = visibility::transaction(&sent, self.visibility, at)?;
                (MEDIA_TYPE.to_owned(), super::json(&bundle)?)
            }
            DestinationKind::Mhd(_) => {
                let change = visibility::patch(&sent, act, self.description, at)?;
                (MEDIA_TYPE.to_owned(), super::json(&change)?)
            }
            DestinationKind::Mllp(route) => {
                if act != Act::Visibility || route.visibility == Changes::Task {
                    return Ok(None);
                }
                let control_id = control_id(id)?;
                (ER7.to_owned(), visibility::message(&sent, route, self.visibility, &control_id, at)?)
            }
            DestinationKind::Xds(submitter) => {
                let names = (&*ids.next(), &*ids.next());
                match act {
                    Act::Visibility => {
                        visibility::hide(&sent, submitter, self.by, self.visibility, names, at)?
                    }
                    _ => visibility::archive(&sent, submitter, self.by, act == Act::Archive, names, at)?,
                }
            }
            DestinationKind::Folder(layout) => {
                let boundary = ids.next();
                let errand = Errand { id, destination: &holding.destination, boundary: &boundary, at };
                folder::change(&sent, layout, act, self.visibility, &errand)?
            }
        }))
    }

    /// The Task of a destination for which there is no message.
    fn by_hand(&self, holding: &Holding, act: Act) -> Value {
        let destination = &holding.destination;
        let (text, todo) = match act {
            Act::Archive => ("Faire archiver un compte rendu", "archiver le document".to_owned()),
            Act::Unarchive => ("Faire désarchiver un compte rendu", "désarchiver le document".to_owned()),
            _ => (
                "Faire changer la visibilité d'un compte rendu",
                format!("mettre le document dans l'état « {} »", self.visibility.french()),
            ),
        };
        let description = format!(
            "Aucun message ne permet de le demander à la destination « {destination} », qui détient le compte rendu : y faire \
             {todo} par une personne habilitée, puis clore cette tâche."
        );
        holding::by_hand(holding, text, &description, self.at)
    }
}

fn control_id(delivery: &str) -> Result<String, Problem> {
    hl7v2::control_id(delivery)
        .ok_or_else(|| Problem::internal("the id of a delivery is no UUID of version 7"))
}
