//! What goes out of a document, and to whom: one delivery for each destination that may have it, rendered before the
//! commit, and a Task for each one that it is held back from. Nothing is sent here, and nothing is written.

pub(super) mod held;
mod holding;
pub(super) mod opposition;
mod routing;
mod visibility;
mod withdraw;

use std::borrow::Cow;

use crate::json::Value;
use jiff::Timestamp;

pub(super) use holding::{Holding, Holdings, Needless, of as holdings};
use opposition::Asking;
pub(super) use opposition::{Oppositions, Withheld};
pub use routing::{Demand, ReportKind, Takes};
pub(super) use visibility::{Changed, change};
pub(super) use withdraw::{Withdrawn, withdraw};

use super::{Destination, DestinationKind, Publication};
use crate::clock::Ids;
use crate::fhir::{MEDIA_TYPE, meta};
use crate::hl7v2;
use crate::identity::Reason;
use crate::outbox::{Act, Delivery};
use crate::problem::Problem;
use crate::report::folder::{self, Errand};
use crate::report::hl7v2::Route;
use crate::report::visibility::told as visibility_told;
use crate::report::{
    Document, Form, Identity, Issuer, Replaced, Report, Sources, provide_and_register,
    provide_document_bundle, simplified_publish, transaction_bundle, withdrawal,
};
use crate::store::Halt;

/// Media type of HL7 v2 in its ER7 form (HL7, *HL7 over HTTP*).
const ER7: &str = "x-application/hl7-v2+er7";

/// A document that was made, and what it was made from.
pub(super) struct Outgoing<'a> {
    pub(super) report: &'a Report,
    pub(super) document: &'a Document,
    pub(super) sources: &'a Sources<'a>,
    pub(super) issuer: &'a Issuer,
    /// The patient, as `Patient/id`.
    pub(super) patient: &'a str,
    /// Who has a version that this one replaces, or will have it before.
    pub(super) holdings: &'a [Holding],
    /// What the patient opposes.
    pub(super) oppositions: &'a Oppositions,
    pub(super) at: Timestamp,
}

/// What goes out of it.
#[derive(Default)]
pub(super) struct Dispatch {
    /// One for each destination that it may go to.
    pub(super) deliveries: Vec<Delivery>,
    /// What waits and was never begun, and does not go because others take its place.
    pub(super) stops: Vec<Halt>,
    /// One for each destination that it is held back from: what a person has to see to.
    pub(super) tasks: Vec<Value>,
    /// What does not go out, and why.
    pub(super) withheld: Vec<Withheld>,
    /// What is kept of that.
    pub(super) record: Option<Value>,
}

/// Provides the document to each destination that takes it, or puts it in the place of the version that a destination has,
/// be that routed to still or not. One that has a version and is gone from the configuration is a Task for a person.
///
/// # Errors
/// What rendering says: `Invalid` with every fault of what a destination wants to know.
pub(super) fn provide(
    outgoing: &Outgoing<'_>,
    destinations: &[Destination],
    ids: &dyn Ids,
) -> Result<Dispatch, Problem> {
    let mut dispatch = Dispatch::default();
    let (report, resources) = (outgoing.sources.report, outgoing.sources.resources);
    for destination in destinations {
        let held = outgoing.held(destination);
        // What replaces follows the version before, wherever that went.
        if !destination.takes.admits(report, resources) && held.is_none() {
            continue;
        }
        let asking = Asking { destination, oppositions: outgoing.oppositions, held };
        if let Some(withheld) = asking.kept_back(&outgoing.document.header) {
            dispatch.tasks.extend(withheld.task(held, outgoing.at, ids));
            dispatch.withheld.push(withheld);
            continue;
        }
        dispatch.withheld.extend(asking.not_asked(&outgoing.document.header));
        // Nothing takes the place of a document in the record of somebody else: it is taken back there, and given here.
        let elsewhere = held.filter(|held| outgoing.is_elsewhere(held));
        let asking = Asking { held: held.filter(|_| elsewhere.is_none()), ..asking };
        let id = ids.next();
        match outgoing.payload(&asking, &id, ids)? {
            Payload::Sent(content_type, payload) => {
                dispatch.deliveries.extend(outgoing.taken_back(destination, elsewhere, ids)?);
                dispatch.deliveries.push(Delivery {
                    id,
                    destination: destination.name.clone(),
                    kind: destination.kind.code().to_owned(),
                    patient: held.map_or(outgoing.patient, |held| &held.patient).to_owned(),
                    subject: outgoing.subject(),
                    act: if asking.held.is_some() { Act::Replace } else { Act::Provide },
                    content_type,
                    payload,
                    created_at: outgoing.at,
                });
            }
            Payload::Held(reasons) => {
                let (patient, subject) = (outgoing.patient, outgoing.subject());
                let why = held::unqualified(reasons);
                let task = held::task(&destination.name, patient, &subject, &why, outgoing.at);
                dispatch.tasks.push(meta::stamp(task, &ids.next(), 1, outgoing.at));
            }
        }
    }
    dispatch.record = opposition::record(&dispatch.withheld, &outgoing.subject(), outgoing.at)
        .map(|record| meta::stamp(record, &ids.next(), 1, outgoing.at));
    let gone = outgoing.holdings.iter().filter(|held| held.at(destinations).is_none());
    for held in gone {
        let task = holding::out_of_reach(held, Act::Replace, outgoing.at);
        dispatch.tasks.push(meta::stamp(task, &ids.next(), 1, outgoing.at));
    }
    Ok(dispatch)
}

/// What a destination gets.
enum Payload<'a> {
    /// Bytes of a media type.
    Sent(String, Vec<u8>),
    /// Nothing as yet: the identity is not qualified, for these reasons.
    Held(&'a [Reason]),
}

impl Outgoing<'_> {
    fn subject(&self) -> String {
        format!("DocumentReference/{}", self.document.edition.document_id)
    }

    /// What the destination has of this document, if it has any version.
    fn held(&self, destination: &Destination) -> Option<&Holding> {
        self.holdings.iter().find(|held| held.is_at(destination))
    }

    /// Whether the destination has it in the record of another INS than the one that the patient has now. Records that are
    /// kept by INS refuse a replacement across two of them (IHE ITI TF-3 4.2.2.2.3: both have the same patient).
    fn is_elsewhere(&self, held: &Holding) -> bool {
        let Identity::Qualified(_) = &self.document.header.patient.identity else { return false };
        let now = self.document.header.patient.identity.identifier();
        matches!(held.kind.as_str(), "xds" | "mhd" | "mllp")
            && held.ins.as_ref().is_some_and(|before| *before != now)
    }

    /// What takes it back there, under the identity that is known there. What waits under that identity never leaves any more
    /// (`interaction::second_look`), and a withdrawal of what may not be there would be refused, and hold back what follows.
    fn taken_back(
        &self,
        destination: &Destination,
        held: Option<&Holding>,
        ids: &dyn Ids,
    ) -> Result<Option<Delivery>, Problem> {
        let Some(held) = held.filter(|held| held.accepted || held.is_leaving) else { return Ok(None) };
        let withdrawn = Withdrawn { report: self.sources.report, by: &self.report.author, at: self.at };
        withdraw::delivery(&withdrawn, held, destination, ids).map(Some)
    }

    fn payload(&self, asking: &Asking<'_>, id: &str, ids: &dyn Ids) -> Result<Payload<'_>, Problem> {
        let Self { document, sources, issuer, .. } = self;
        let Asking { destination, held, .. } = *asking;
        if destination.takes.identity == Demand::Qualified
            && let Identity::Local { reasons, .. } = &document.header.patient.identity
        {
            return Ok(Payload::Held(reasons));
        }
        let replaces = held.map(|held| held.sent().oid()).transpose()?;
        let replaces = replaces.as_deref();
        Ok(match &destination.kind {
            DestinationKind::Fhir => {
                let mut bundle = transaction_bundle::render(&self.told(held), document, issuer, sources)?;
                if let (Some(held), Some(entries)) = (held, bundle["entry"].as_array_mut()) {
                    entries.push(withdrawal::superseded(&held.sent())?);
                }
                Payload::Sent(MEDIA_TYPE.to_owned(), json(&bundle)?)
            }
            DestinationKind::Mhd(publication) => {
                let render = match publication {
                    Publication::Bundle => provide_document_bundle::render,
                    Publication::Simplified => simplified_publish::render,
                };
                let request = render(&self.told(held), document, issuer)?;
                Payload::Sent(MEDIA_TYPE.to_owned(), json(&request)?)
            }
            DestinationKind::Mllp(route) => {
                let route = asking.respected(route);
                let hidden: Vec<&str> =
                    document.header.visibility.iter().map(|one| one.code.as_str()).collect();
                let told = asking.held.map(|held| visibility_told(&held.sent())).transpose()?;
                let changed = told.is_some_and(|told| {
                    told.len() != hidden.len() || !told.iter().all(|code| hidden.contains(code))
                });
                Payload::Sent(ER7.to_owned(), message(&route, document, (replaces, changed), id, self.at)?)
            }
            DestinationKind::Xds(submitter) => {
                let (content_type, order) =
                    provide_and_register::render(document, submitter, replaces, &ids.next(), &ids.next())?;
                Payload::Sent(content_type, order)
            }
            DestinationKind::Folder(layout) => {
                let boundary = ids.next();
                let errand = Errand { id, destination: &destination.name, boundary: &boundary, at: self.at };
                let mut layout = layout.clone();
                layout.message = layout.message.map(|route| Box::new(asking.respected(&route)));
                let (content_type, files) = folder::render(document, &layout, replaces, &errand)?;
                Payload::Sent(content_type, files)
            }
        })
    }

    /// The report as a destination is told of it that has this: a document that replaces one that the destination never had is
    /// its first, and one that replaces another version there names that one. The CDA is the same everywhere, and names the
    /// version before.
    fn told(&self, held: Option<&Holding>) -> Cow<'_, Report> {
        let Some(replaces) = &self.report.replaces else { return Cow::Borrowed(self.report) };
        let named = held.map(|held| Replaced { document_id: held.document_id.clone(), ..replaces.clone() });
        if named.as_ref() == Some(replaces) {
            return Cow::Borrowed(self.report);
        }
        Cow::Owned(Report { replaces: named, ..self.report.clone() })
    }
}

fn json(bundle: &Value) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(bundle).map_err(|fault| Problem::internal(fault.to_string()))
}

/// The message of a delivery; its control id leads back to the delivery. `replaces` is the document that the platform has,
/// with whether that is hidden from others.
fn message(
    route: &Route,
    document: &Document,
    (replaces, confidentiality_changed): (Option<&str>, bool),
    delivery: &str,
    at: Timestamp,
) -> Result<Vec<u8>, Problem> {
    let control_id = hl7v2::control_id(delivery)
        .ok_or_else(|| Problem::internal("the id of a delivery is no UUID of version 7"))?;
    let mut header = document.header.clone();
    header.replaces = replaces.map(str::to_owned);
    let mut transmission = route.transmission(&header, document.bytes(Form::Cda), &control_id, at);
    transmission.flags.confidentiality_changed = confidentiality_changed;
    transmission.render()
}
