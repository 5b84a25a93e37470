//! Vigie: FHIR R4 remote monitoring in oncology. This page is the map of the house.
//!
//! A patient on chemotherapy or immunotherapy answers a questionnaire each week. Vigie receives the answers,
//! checks them, decides how worrying they are, tells the care team what to do and by when, writes the report,
//! and delivers it, and can prove each of these steps afterwards.
//!
//! # Floors and rooms
//! A room is `name.rs` beside `name/`. It imports rooms of lower floors only, and of its own floor where the
//! table in `tests/it/tidy.rs` says so; that test holds the table.
//!
//! | floor | rooms | |
//! |---|---|---|
//! | 7 | [`app`] | start-up, shutdown, the demo and the offline commands: the only room that knows all others |
//! | 6 | [`http`], [`mllp`], [`sandbox`] | what listens: FHIR over HTTP, HL7 v2 over MLLP, and peers to try on; only here is actix-web known |
//! | 5 | [`interaction`], [`delivery`] | the only rooms that order things in time |
//! | 4 | [`questionnaire`], [`rules`], [`pathway`], [`connector`] | answers, alerts, what follows from them; peers |
//! | 3 | [`report`], [`store`] | documents; everything that is kept |
//! | 2 | [`fhirpath`], [`fhir`], [`hl7v2`], [`identity`], [`judgement`], [`xml`], [`signature`], [`xds`], [`config`], [`outbox`], [`audit`] | the standards we speak, who is who, what was found about a response, settings, the life of a delivery, what is on record of it |
//! | 1 | [`problem`], [`terminology`], [`clock`], [`json`] | errors, codes, time and ids, values in memory |
//!
//! # What never happens
//! - Nothing pure ([`json`], [`fhirpath`], [`fhir`], [`hl7v2`], [`identity`], [`judgement`], [`xml`], [`signature`], [`xds`],
//!   [`questionnaire`], [`rules`], [`pathway`], [`report`], [`outbox`], [`audit`]) is async, knows the clock, makes an id by itself,
//!   or does input or output.
//! - Nothing acknowledged is not on disk; nothing is half written: an interaction writes once, in one named
//!   [`store::Unit`].
//! - No response is thrown away for what it says: a refused one is kept, and judged as far as it can be read.
//! - Nothing that is damaged in the [`store`] is taken for something else, or keeps anything else from its way.
//! - No rule fails in silence: what cannot be evaluated is *technique*.
//! - No expression is compiled while a patient's response waits: definitions compile when they are published.
//! - No payload changes between two attempts; no transaction is open while a peer is on the line.
//! - No patient data in a log, in a metric, or in the `Debug` of a type that carries it.
//!
//! # Walkthroughs
//! **Submit.** [`http`] reads the bytes, [`interaction::create()`] gathers the compiled questionnaire and protocol
//! of that exact version, the patient and the history; a pure function decides: [`questionnaire`] validates and
//! extracts, [`rules`] evaluates, [`pathway`] derives Observations, Flags, Tasks, the Communication, the preliminary
//! DiagnosticReport and the Provenance with the trace of every rule; one [`store::Unit`] writes it all, guarded
//! against repeats and against another response of the same patient in between.
//!
//! **Amend.** An update of a response decides again with what its earlier version became: Observations are
//! amended in place, Flags and Tasks kept, ended or added, nothing twice.
//!
//! **Finalise.** A DiagnosticReport that a named author sets final becomes a PDF, a CDA document around
//! it that is checked, a DocumentReference, and one [`outbox::Delivery`] for each destination, rendered now and written in
//! the same unit; a destination that may not have it gets a Task instead.
//!
//! **Report a period.** `$period-report` drafts it: a preliminary DiagnosticReport, one for each patient and period, with
//! everything that was found in these days and what a person must say left open; asked again it is brought up to date. Set
//! final it is finalised as any other, and its document is about exactly those days ([`report::period::Scope`]).
//!
//! **Withdraw.** A final DiagnosticReport that a named person sets entered-in-error, with a reason, takes its DocumentReference
//! along; everyone who has any version of the document is told in the same unit, from what he was sent.
//!
//! **Hide, show, archive.** A named person asks for it by `$visibility`, with a reason; description and report say so, and everyone
//! who has the document is told in the same unit. What nobody has begun to send is stopped in it, and goes hidden instead.
//!
//! **Release.** A document that waits for a qualified identity is found by the feed of Patients: a new edition of the signed report,
//! its deliveries and the end of its Task are one unit, which expects all that it was decided with.
//!
//! **Watch.** [`interaction::watch()`] looks again and again at every patient who is expected to answer: what is missing follows from
//! what is stored, becomes a Flag and a Task of level *silence* in one unit, and ends by itself when an answer comes. Tasks of alerts that are late
//! get the next role in the same way.
//!
//! **Deliver.** [`delivery`] leases what is due, [`interaction`] looks again at whom it is about, [`connector`] posts the bytes, the outbox settles the attempt,
//! with the [`audit`] event that proves it; again until the receiver says yes or a person stops it.
//!
//! **Receive.** [`mllp`] finds a message in its connection, [`interaction::receive()`] makes of it a patient, a merge or a
//! receipt of a document that was delivered, in one unit; only then is it acknowledged.
//!
//! **Publish.** A definition compiles or is refused with every fault; once active, its `url|version` is immutable.

pub mod app;
pub mod audit;
pub mod clock;
pub mod config;
pub mod connector;
pub mod delivery;
pub mod fhir;
pub mod fhirpath;
pub mod hl7v2;
pub mod http;
pub mod identity;
pub mod interaction;
pub mod json;
pub mod judgement;
pub mod mllp;
pub mod outbox;
pub mod pathway;
pub mod problem;
pub mod questionnaire;
pub mod report;
pub mod rules;
pub mod sandbox;
pub mod signature;
pub mod store;
pub mod terminology;
pub mod xds;
pub mod xml;
