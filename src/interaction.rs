//! What a client can ask for: one function per FHIR interaction or operation (FHIR R4 `RESTful` API,
//! <https://hl7.org/fhir/R4/http.html>). The only rooms above are `http` and `app`.
//!
//! Every interaction reads, decides and writes in that order, and writes once, in one named [`Unit`](crate::store::Unit).
//! The store, the clock, the ids and the compiled definitions are handed in by [`Context`].

use std::sync::Arc;

use jiff::Timestamp;

use crate::clock::{Clock, Ids};
use crate::problem::Issue;
use crate::report::folder::Layout;
use crate::report::hl7v2::Route;
use crate::report::provide_and_register::Submitter;
use crate::report::{Issuer, Stationery};
use crate::store::Store;

mod bundle;
mod conditional;
mod content;
mod create;
mod delete;
mod deliveries;
mod dispatch;
mod escalation;
mod evaluate;
mod finalize;
mod history;
mod hl7v2;
mod incoming;
mod library;
mod load;
mod material;
mod meaning;
mod merged;
mod operation;
mod outage;
mod patch;
mod patient;
mod period_report;
mod person;
mod proof;
mod provenance;
mod publish;
mod read;
mod reference;
mod release;
mod rounds;
mod search;
mod second_look;
mod silence;
mod submit;
mod task;
mod update;
mod validate;
mod visibility;
mod watch;
mod withdraw;

pub use bundle::{Echo, bundle, keep_mistyped_bundle, status_line};
pub use create::create;
pub use delete::{delete, delete_where};
pub use deliveries::{DELIVERY_FILTERS, deliveries, resend, stop};
pub use dispatch::{Demand, ReportKind, Takes};
pub use escalation::{Holidays, Opening, escalate, escalate_lately};
pub use evaluate::{Question, evaluate, evaluate_with};
pub use history::history;
pub use hl7v2::{Authority, receive};
pub use library::Library;
pub use load::{LoadReport, load, loadable};
pub(crate) use meaning::unknown_in_parameters;
pub use outage::tell_outages;
pub use patch::{Patch, patch, patch_where};
pub use patient::SameIns;
pub use period_report::period_report;
pub use proof::{Proof, of_document as proof_of_document, of_patient as proof_of_patient};
pub use read::{part, read, vread};
pub use release::{Follower, close_arrived, follow, release};
pub use search::{MEMBERS, Search, SearchAnswer, everything, search, search_with};
pub use second_look::{HeldBack, second_look};
pub use silence::{Rhythm, tell_silences};
pub use submit::keep_mistyped;
pub use update::{update, update_where};
pub use validate::validate;
pub use visibility::change_visibility;
pub use watch::watch;

/// Compiled definitions that a transaction or a trial with definitions of its own keeps to itself.
const OWN_LIBRARY: usize = 64;

/// What every interaction needs from outside.
pub struct Context {
    /// Where resources and deliveries are kept.
    pub store: Arc<dyn Store>,
    /// Says what time it is.
    pub clock: Arc<dyn Clock>,
    /// Hands out the ids of new resources.
    pub ids: Arc<dyn Ids>,
    /// Compiled questionnaires and protocols.
    pub library: Library,
    /// What the site decided.
    pub settings: Settings,
}

impl Context {
    /// The same surroundings over a store whose commits are only collected. Where definitions are among them, compiled ones
    /// are not shared: what is collected may never be stored.
    fn over(&self, store: Arc<dyn Store>, defines: bool) -> Self {
        Self {
            store,
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            library: if defines { Library::new(OWN_LIBRARY) } else { self.library.clone() },
            settings: self.settings.clone(),
        }
    }
}

/// What the site decided, as far as interactions need it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where clients reach this service, without a slash at the end; `next` links and `fullUrl` start with it.
    pub base_url: String,
    /// Who issues reports: printed on the document and written in its metadata.
    pub issuer: Issuer,
    /// What documents are set with.
    pub stationery: Arc<Stationery>,
    /// Telephone number that answers day and night, as patients read it.
    pub telephone: Option<String>,
    /// Where final reports go: one delivery each.
    pub destinations: Vec<Destination>,
    /// Who assigns the numbers of patients that HL7 v2 messages carry, and under which system they are kept.
    pub authorities: Vec<Authority>,
    /// Identity messages about patients who are not followed here are taken and not kept.
    pub known_patients_only: bool,
    /// What becomes of a Patient whose INS another record has.
    pub same_ins: SameIns,
    /// When a missing answer is told; `None` where another system watches for that.
    pub rhythm: Option<Rhythm>,
    /// Alerts that nobody takes in time are told to the next role.
    pub escalates: bool,
    /// When the unit is open, which decides when an alert is late; always, where it is not said.
    pub opening: Option<Opening>,
    /// Matches on a page of a search that says no `_count`.
    pub page_default: usize,
    /// Most matches on a page, whatever `_count` says.
    pub page_max: usize,
    /// Bytes of the resources on a page of a search: a page ends before one that would go beyond, and has one at least.
    pub page_bytes: usize,
    /// Most weeks that one report covers.
    pub report_weeks_max: u32,
    /// How many times a write is decided anew when another one of the same patient came first.
    pub rounds_max: usize,
}

/// A receiver of final reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Its name in the configuration; deliveries are ordered per destination and patient.
    pub name: String,
    /// What it understands.
    pub kind: DestinationKind,
    /// Which reports go there.
    pub takes: Takes,
    /// The status that a Document Recipient is asked to give to the description of a withdrawn document: `entered-in-error`,
    /// or `superseded`. `PDSm` names none, and its draft for the DMP (`PDSm4DMP` 0.1.0) says one on one page and the other on
    /// another. Destinations of other kinds do not look at it.
    pub withdrawn_as: &'static str,
}

impl Destination {
    /// A destination that takes every report. What feeds a national record takes those of a qualified identity only: the
    /// metadata of XDS want the INS, and so do those of `PDSm`, which are read from them; an INS that is not qualified
    /// does not travel.
    #[must_use]
    pub fn new(name: &str, kind: DestinationKind) -> Self {
        let identity = match kind {
            DestinationKind::Mhd(_) | DestinationKind::Xds(_) => Demand::Qualified,
            DestinationKind::Fhir | DestinationKind::Mllp(_) | DestinationKind::Folder(_) => Demand::Any,
        };
        let dmp = identity == Demand::Qualified;
        let takes = Takes { identity, dmp, ..Takes::default() };
        Self { name: name.to_owned(), kind, takes, withdrawn_as: "entered-in-error" }
    }
}

/// What a destination understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DestinationKind {
    /// A transaction `Bundle` to a FHIR server (the hospital record).
    Fhir,
    /// A transaction of IHE MHD (a document recipient as `PDSm` has it).
    Mhd(Publication),
    /// A message of the CI-SIS by HL7 v2 (the intermediation platform of the hospital).
    Mllp(Box<Route>),
    /// A Provide and Register Document Set-b, ITI-41, signed by this submitter (the national record, DMP).
    Xds(Box<Submitter>),
    /// Files for an engine that picks them up.
    Folder(Box<Layout>),
}

impl DestinationKind {
    /// The word of the configuration and of the outbox.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Fhir => "fhir",
            Self::Mhd(_) => "mhd",
            Self::Mllp(_) => "mllp",
            Self::Xds(_) => "xds",
            Self::Folder(_) => "folder",
        }
    }
}

/// How a document is handed to an MHD Document Recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication {
    /// Provide Document Bundle, ITI-65.
    Bundle,
    /// Simplified Publish, ITI-105.
    Simplified,
}

/// What became of a request; `http` makes status and headers of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Stored as a new resource (201).
    Created,
    /// Stored as a new version (200).
    Updated,
    /// The body is the current version already: nothing was stored (200).
    Unchanged,
    /// A create that found its resource already here, by `If-None-Exist` or as a repeat: nothing was stored (200).
    Found,
    /// Read (200).
    Read,
    /// Deleted now, or not there any more (204).
    Deleted,
}

/// One resource in answer to a request.
#[derive(Clone)]
pub struct Answer {
    /// What became of the request.
    pub kind: Kind,
    /// Resource type.
    pub rtype: String,
    /// Its id.
    pub id: String,
    /// Its version: `ETag: W/"version"`.
    pub version: u64,
    /// `Last-Modified`.
    pub last_updated: Timestamp,
    /// The resource as JSON.
    pub body: Vec<u8>,
    /// Warnings and information, for `Prefer: return=OperationOutcome`.
    pub outcome: Vec<Issue>,
}

impl Answer {
    /// What became of the request, as a sentence.
    #[must_use]
    pub fn told(&self) -> String {
        let done = match self.kind {
            Kind::Created => "was created",
            Kind::Updated => "was updated",
            Kind::Unchanged => "was like this already: nothing was stored",
            Kind::Found => "was here already: nothing was stored",
            Kind::Read => "was read",
            Kind::Deleted if self.version == 0 => "was not here: nothing was deleted",
            Kind::Deleted => "is deleted",
        };
        format!("{}/{} {done}", self.rtype, self.id)
    }
}

impl std::fmt::Debug for Answer {
    /// Ids only: a body is a patient's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}/{} version {}", self.kind, self.rtype, self.id, self.version)
    }
}
