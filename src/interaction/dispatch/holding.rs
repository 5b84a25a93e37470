//! Which destinations have a document, or will have it before anything that is sent now: order per patient and destination
//! is kept, so that what is open counts like what was accepted.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::fhir::datetime::instant;
use crate::interaction::{Context, Destination};
use crate::outbox::Act;
use crate::problem::Problem;
use crate::report::withdrawal::Sent;
use crate::store::{DeliveryFilter, DeliveryRecord};
use crate::terminology::TASK_CODE;

/// A destination and the newest version of a document that it has.
pub(in crate::interaction) struct Holding {
    /// Its name, be it configured still or not.
    pub(in crate::interaction) destination: String,
    /// Its kind when it got the document.
    pub(in crate::interaction) kind: String,
    /// The ordering key of that delivery: what follows it goes after it, even when patients were merged since.
    pub(in crate::interaction) patient: String,
    /// Id of the `DocumentReference`.
    pub(in crate::interaction) document_id: String,
    content_type: String,
    payload: Vec<u8>,
}

impl Holding {
    /// What it was sent.
    pub(in crate::interaction) fn sent(&self) -> Sent<'_> {
        Sent { document_id: &self.document_id, content_type: &self.content_type, payload: &self.payload }
    }

    /// Whether it is at this destination. A name that stands for another kind by now stands for another peer.
    pub(in crate::interaction) fn is_at(&self, destination: &Destination) -> bool {
        destination.name == self.destination && destination.kind.code() == self.kind
    }

    /// The destination it is at, unless that is gone from the configuration.
    pub(super) fn at<'a>(&self, destinations: &'a [Destination]) -> Option<&'a Destination> {
        destinations.iter().find(|one| self.is_at(one))
    }

    /// What its deliveries are about.
    pub(in crate::interaction) fn subject(&self) -> String {
        format!("DocumentReference/{}", self.document_id)
    }
}

/// Who has which of these versions of one document, told oldest first; each destination once, with the newest.
///
/// A delivery that a person stopped before it was accepted has brought nothing; one that withdraws has taken back.
///
/// # Errors
/// What the store says.
pub(in crate::interaction) async fn of(ctx: &Context, versions: &[String]) -> Result<Vec<Holding>, Problem> {
    let mut found: Vec<Holding> = Vec::new();
    for document_id in versions {
        let of_version = DeliveryFilter {
            subject: Some(format!("DocumentReference/{document_id}")),
            payload: true,
            ..DeliveryFilter::default()
        };
        let mut records = ctx.store.deliveries(&of_version).await?;
        records.reverse();
        for DeliveryRecord { delivery, .. } in records.into_iter().filter(arrives) {
            found.retain(|one| one.destination != delivery.destination);
            if delivery.act != Act::Withdraw {
                found.push(Holding {
                    destination: delivery.destination,
                    kind: delivery.kind,
                    patient: delivery.patient,
                    document_id: document_id.clone(),
                    content_type: delivery.content_type,
                    payload: delivery.payload,
                });
            }
        }
    }
    Ok(found)
}

fn arrives(record: &DeliveryRecord) -> bool {
    record.progress.accepted || record.progress.state.is_open()
}

/// The Task of a destination that has the document and that nothing can be sent to any more.
pub(super) fn out_of_reach(held: &Holding, act: Act, at: Timestamp) -> Value {
    let (what, text, todo) = match act {
        Act::Withdraw => (
            "retiré",
            "Faire retirer un compte rendu d'une destination qui n'est plus configurée",
            "Y faire retirer le document",
        ),
        Act::Provide | Act::Replace => (
            "corrigé",
            "Faire remplacer un compte rendu dans une destination qui n'est plus configurée",
            "Y faire remplacer le document par sa nouvelle version",
        ),
    };
    let (destination, kind) = (&held.destination, &held.kind);
    let description = format!(
        "Le compte rendu a été {what}. La destination « {destination} » ({kind}), qui en détient un exemplaire, n'est plus \
         configurée : rien n'a pu lui être envoyé. {todo} par une personne habilitée, puis clore cette tâche."
    );
    json!({
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "priority": "urgent",
        "code": {
            "coding": [{"system": TASK_CODE, "code": "relecture-humaine", "display": "Relecture humaine"}],
            "text": text,
        },
        "description": description,
        "focus": {"reference": held.subject()},
        "for": {"reference": held.patient},
        "authoredOn": instant(at),
    })
}
