//! Which destinations have a document, or will have it before anything that is sent now: order per patient and destination
//! is kept, so that what is open counts like what was accepted. But for what nobody needs any more and nobody can have
//! ([`Needless`]): that is stopped, and counts like what never was.

use crate::json::{Value, json};
use jiff::Timestamp;

use crate::audit;
use crate::fhir::datetime::instant;
use crate::fhir::element;
use crate::fhir::identifier::Identifier;
use crate::interaction::{Context, Destination};
use crate::outbox::{Act, Delivery, HELD_BY, State, Stop};
use crate::problem::Problem;
use crate::report::withdrawal::Sent;
use crate::report::{folder, visibility};
use crate::store::{DeliveryFilter, DeliveryRecord, Expect, Halt, Unit, Write};
use crate::terminology::TASK_CODE;

/// Deliveries of one version that are looked at: more than people ever change of it.
const DELIVERIES_MAX: usize = 1_000;

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
    /// The INS under which it got the document, if there was one; told by [`Holdings::tell`].
    pub(super) ins: Option<Identifier>,
    /// Its receiver said yes; otherwise it waits, or is being sent.
    pub(in crate::interaction) accepted: bool,
    /// It is being sent now.
    pub(super) is_leaving: bool,
    content_type: String,
    payload: Vec<u8>,
    /// What waits for it, oldest first, if nothing about the document was ever begun to be sent there but that.
    pub(super) unsent: Vec<Delivery>,
}

impl Holding {
    /// What it was sent.
    pub(in crate::interaction) fn sent(&self) -> Sent<'_> {
        Sent { document_id: &self.document_id, content_type: &self.content_type, payload: &self.payload }
    }

    /// Whether nobody has begun to send it the version that it is to have.
    pub(super) fn is_unsent(&self) -> bool {
        let subject = self.subject();
        self.unsent.iter().any(|one| one.act.gives() && one.subject == subject)
    }

    /// What it has once a change was told, for what is made of that later: a FHIR server has the description that it was told
    /// last; a platform has the document hidden so.
    fn tell(&mut self, change: Delivery) -> Result<(), Problem> {
        let sent = self.sent();
        let told = Sent {
            document_id: &self.document_id,
            content_type: &change.content_type,
            payload: &change.payload,
        };
        match (self.kind.as_str(), change.act) {
            ("fhir", _) => (self.content_type, self.payload) = (change.content_type, change.payload),
            ("mllp", Act::Visibility) => {
                let masks: Vec<String> = visibility::told(&told)?.into_iter().map(str::to_owned).collect();
                self.payload = visibility::relabelled(&sent, &masks)?;
            }
            ("folder", Act::Visibility) => {
                (self.content_type, self.payload) = folder::relabelled(&sent, &told, &change.id)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What a delivery that is about to be written will have brought.
    pub(in crate::interaction) fn by(delivery: &Delivery, document_id: &str) -> Self {
        Self {
            destination: delivery.destination.clone(),
            kind: delivery.kind.clone(),
            patient: delivery.patient.clone(),
            document_id: document_id.to_owned(),
            content_type: delivery.content_type.clone(),
            payload: delivery.payload.clone(),
            ins: None,
            accepted: false,
            is_leaving: false,
            unsent: Vec::new(),
        }
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

/// Which waiting deliveries of a document nobody needs once something else is decided about it. Only such as wait, and whose
/// receiver certainly has not what they bring: each attempt, if there was one, was clearly refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::interaction) enum Needless {
    /// The document is withdrawn: nobody needs a version that nobody has.
    Unsent,
    /// A later edition is made: one that was refused again and again would hold it back for ever. One that was not tried yet goes
    /// first, as it was signed, and is then replaced.
    Refused,
    /// The document is hidden otherwise, or archived: whatever waits is needed.
    Nothing,
}

impl Needless {
    fn is(self, record: &DeliveryRecord) -> bool {
        self != Self::Nothing
            && record.progress.state == State::Pending
            && !record.progress.accepted
            && record.delivery.act != Act::Withdraw
            && (self == Self::Unsent || !record.attempts.is_empty())
            && record.attempts.iter().all(|attempt| attempt.outcome.is_certain_no())
    }

    const fn why(self) -> &'static str {
        match self {
            Self::Unsent => {
                "Le compte rendu est retiré : cette version, que le destinataire n'a pas, n'est plus envoyée."
            }
            Self::Refused | Self::Nothing => {
                "Une version plus récente remplace celle-ci, que le destinataire a refusée : elle n'est plus envoyée."
            }
        }
    }
}

/// Who has which versions of a document, and what is not sent any more.
#[derive(Default)]
pub(in crate::interaction) struct Holdings {
    /// Each destination once, with the newest version that it has or will have.
    pub(in crate::interaction) held: Vec<Holding>,
    needless: Vec<(DeliveryRecord, &'static str)>,
}

impl Holdings {
    /// Tells under which INS each destination got the document, by the descriptions of its versions.
    pub(in crate::interaction) fn tell(&mut self, descriptions: &[Value]) {
        for held in &mut self.held {
            let description =
                descriptions.iter().find(|one| element::id(one) == Some(held.document_id.as_str()));
            held.ins = description.and_then(ins);
        }
    }

    /// Whether the destination of a change has what is to be changed.
    fn has(&self, change: &Delivery) -> bool {
        self.held.iter().any(|held| held.destination == change.destination)
    }

    /// Has the unit stop what is not sent any more, and say so.
    ///
    /// # Errors
    /// `Internal`, for an event that cannot be stored.
    pub(in crate::interaction) fn stop_needless(&self, unit: &mut Unit) -> Result<(), Problem> {
        for (record, why) in &self.needless {
            let stop = Stop { by: HELD_BY.to_owned(), reason: (*why).to_owned(), at: unit.at };
            let event = audit::of_stop(&record.delivery, &stop);
            unit.writes.push(Write::new(&event, Expect::New)?);
            let attempts = record.progress.attempts;
            unit.stops.push(Halt { id: record.delivery.id.clone(), attempts, stop });
        }
        Ok(())
    }
}

/// Who has which of these versions of one document, told oldest first; each destination once, with the newest.
///
/// A delivery that was stopped before it was accepted has brought nothing; one that withdraws has taken back.
///
/// # Errors
/// What the store says.
pub(in crate::interaction) async fn of(
    ctx: &Context,
    versions: &[String],
    needless: Needless,
) -> Result<Holdings, Problem> {
    let mut holdings = Holdings::default();
    for document_id in versions {
        let of_version = DeliveryFilter {
            subject: Some(format!("DocumentReference/{document_id}")),
            payload: true,
            limit: DELIVERIES_MAX,
            ..DeliveryFilter::default()
        };
        let mut records = ctx.store.deliveries(&of_version).await?;
        records.reverse();
        for record in records.into_iter().filter(arrives) {
            if needless.is(&record) && (record.delivery.act.gives() || !holdings.has(&record.delivery)) {
                holdings.needless.push((record, needless.why()));
            } else {
                add(&mut holdings.held, document_id, record)?;
            }
        }
    }
    Ok(holdings)
}

/// The INS of the patient that a description contains: what it was made for. It is the first number there, if it travels.
fn ins(description: &Value) -> Option<Identifier> {
    let patient = element::list(description, "contained").find(|one| one["resourceType"] == "Patient")?;
    element::list(patient, "identifier").next().and_then(Identifier::of).filter(Identifier::is_ins)
}

/// What the destination has after this delivery as well.
fn add(
    found: &mut Vec<Holding>,
    document_id: &str,
    DeliveryRecord { delivery, progress, .. }: DeliveryRecord,
) -> Result<(), Problem> {
    let place = found.iter().position(|one| one.destination == delivery.destination);
    let mut unsent = place.map(|place| std::mem::take(&mut found[place].unsent)).unwrap_or_default();
    if progress.state == State::Pending && progress.attempts == 0 {
        unsent.push(delivery.clone());
    } else {
        unsent.clear();
    }
    match (place, delivery.act) {
        (place, Act::Withdraw) => drop(place.map(|place| found.remove(place))),
        (place, act) if act.gives() => {
            place.map(|place| found.remove(place));
            let (accepted, is_leaving) = (progress.accepted, progress.state == State::Leased);
            found.push(Holding { accepted, is_leaving, unsent, ..Holding::by(&delivery, document_id) });
        }
        (Some(place), _) => {
            let holding = &mut found[place];
            holding.unsent = unsent;
            if holding.document_id == document_id {
                holding.tell(delivery)?;
            }
        }
        (None, _) => {}
    }
    Ok(())
}

fn arrives(record: &DeliveryRecord) -> bool {
    record.progress.accepted || record.progress.state.is_open()
}

/// The Task of a DMP that has a version that is out of date, because the patient opposes its feeding and the site has no
/// corrections sent.
pub(super) fn outdated(held: &Holding, at: Timestamp) -> Value {
    let destination = &held.destination;
    let description = format!(
        "Le compte rendu a été corrigé, et le patient s'oppose à l'alimentation du DMP : la nouvelle version n'est pas envoyée à la \
         destination « {destination} », qui garde la précédente. Décider avec le patient : la faire supprimer du DMP, ou laisser \
         envoyer la correction (corrections_despite_opposition), puis clore cette tâche."
    );
    by_hand(held, "Version périmée d'un compte rendu dans le DMP", &description, at)
}

/// The Task of a destination that has the document and that nothing can be sent to any more.
pub(super) fn out_of_reach(held: &Holding, act: Act, at: Timestamp) -> Value {
    let (what, text, todo) = match act {
        Act::Withdraw => (
            "retiré",
            "Faire retirer un compte rendu d'une destination qui n'est plus configurée",
            "Y faire retirer le document",
        ),
        Act::Visibility => (
            "masqué ou démasqué",
            "Faire changer la visibilité d'un compte rendu dans une destination qui n'est plus configurée",
            "Y faire changer la visibilité du document",
        ),
        Act::Archive | Act::Unarchive => (
            "archivé ou désarchivé",
            "Faire archiver ou désarchiver un compte rendu dans une destination qui n'est plus configurée",
            "Y faire archiver ou désarchiver le document",
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
    by_hand(held, text, &description, at)
}

/// The Task of somebody who sees to it at the destination.
pub(super) fn by_hand(held: &Holding, text: &str, description: &str, at: Timestamp) -> Value {
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
