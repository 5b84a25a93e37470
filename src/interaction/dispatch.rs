//! What goes out of a document, and to whom: one delivery for each destination that may have it, rendered before the
//! commit, and a Task for each one that it is held back from. Nothing is sent here, and nothing is written.

pub(super) mod held;
mod routing;

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

pub use routing::{Demand, ReportKind, Takes};

use super::{Destination, DestinationKind, Publication};
use crate::clock::Ids;
use crate::fhir::{MEDIA_TYPE, meta};
use crate::hl7v2;
use crate::identity::Reason;
use crate::outbox::{Act, Delivery};
use crate::problem::Problem;
use crate::report::header;
use crate::report::hl7v2::Route;
use crate::report::{
    Document, Form, Identity, Issuer, Replaced, Report, Sources, provide_and_register,
    provide_document_bundle, simplified_publish, transaction_bundle,
};

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
    /// The latest earlier edition that each destination has, or will have before this one.
    pub(super) had: &'a BTreeMap<String, Replaced>,
    pub(super) at: Timestamp,
}

/// What goes out of it.
#[derive(Default)]
pub(super) struct Dispatch {
    /// One for each destination that it may go to.
    pub(super) deliveries: Vec<Delivery>,
    /// One for each destination that it is held back from: what a person has to see to.
    pub(super) tasks: Vec<Value>,
}

/// Provides the document to each destination, or puts it in the place of the version that the destination has.
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
        // What replaces follows the version before, wherever that went.
        if !destination.takes.admits(report, resources) && !outgoing.is_replacement(destination) {
            continue;
        }
        let id = ids.next();
        match outgoing.payload(destination, &id, ids)? {
            Payload::Sent(content_type, payload) => dispatch.deliveries.push(Delivery {
                id,
                destination: destination.name.clone(),
                kind: destination.kind.code().to_owned(),
                patient: outgoing.patient.to_owned(),
                subject: outgoing.subject(),
                act: if outgoing.is_replacement(destination) { Act::Replace } else { Act::Provide },
                content_type,
                payload,
                created_at: outgoing.at,
            }),
            Payload::Held(reasons) => {
                let (patient, subject) = (outgoing.patient, outgoing.subject());
                let task = held::task(&destination.name, patient, &subject, reasons, outgoing.at);
                dispatch.tasks.push(meta::stamp(task, &ids.next(), 1, outgoing.at));
            }
        }
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

    fn is_replacement(&self, destination: &Destination) -> bool {
        self.had.contains_key(&destination.name)
    }

    fn payload(&self, destination: &Destination, id: &str, ids: &dyn Ids) -> Result<Payload<'_>, Problem> {
        let Self { document, sources, issuer, .. } = self;
        if destination.takes.identity == Demand::Qualified
            && let Identity::Local { reasons, .. } = &document.header.patient.identity
        {
            return Ok(Payload::Held(reasons));
        }
        let replaces = self.had.get(&destination.name);
        let replaces = replaces.map(|had| header::unique_id(&had.document_id)).transpose()?;
        let replaces = replaces.as_deref();
        Ok(match &destination.kind {
            DestinationKind::Fhir => {
                let bundle = transaction_bundle::render(&self.told(destination), document, issuer, sources)?;
                Payload::Sent(MEDIA_TYPE.to_owned(), json(&bundle)?)
            }
            DestinationKind::Mhd(publication) => {
                let render = match publication {
                    Publication::Bundle => provide_document_bundle::render,
                    Publication::Simplified => simplified_publish::render,
                };
                let request = render(&self.told(destination), document, issuer)?;
                Payload::Sent(MEDIA_TYPE.to_owned(), json(&request)?)
            }
            DestinationKind::Mllp(route) => {
                Payload::Sent(ER7.to_owned(), message(route, document, replaces, id, self.at)?)
            }
            DestinationKind::Xds(submitter) => {
                let (content_type, order) =
                    provide_and_register::render(document, submitter, replaces, &ids.next(), &ids.next())?;
                Payload::Sent(content_type, order)
            }
        })
    }

    /// The report as this destination is told of it: what is replaced is the edition that it has, and a document of which it
    /// never had an earlier one is its first. The CDA is the same everywhere, and names the edition before.
    fn told(&self, destination: &Destination) -> Cow<'_, Report> {
        let had = self.had.get(&destination.name);
        if self.report.replaces.as_ref() == had {
            return Cow::Borrowed(self.report);
        }
        Cow::Owned(Report { replaces: had.cloned(), ..self.report.clone() })
    }
}

fn json(bundle: &Value) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(bundle).map_err(|fault| Problem::internal(fault.to_string()))
}

/// The message of a delivery; its control id leads back to the delivery. `replaces` is the document that the platform has.
fn message(
    route: &Route,
    document: &Document,
    replaces: Option<&str>,
    delivery: &str,
    at: Timestamp,
) -> Result<Vec<u8>, Problem> {
    let control_id = hl7v2::control_id(delivery)
        .ok_or_else(|| Problem::internal("the id of a delivery is no UUID of version 7"))?;
    let mut header = document.header.clone();
    header.replaces = replaces.map(str::to_owned);
    route.transmission(&header, document.bytes(Form::Cda), &control_id, at).render()
}
